"""The page of a rule: in words, with its log and its back-test as of now; read by its tenant alone."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from campaign_automation.api.pages.rule_report import document
from campaign_automation.api.pages.rule_words import action_words, condition_words, limit_words, scope_words
from campaign_automation.models.reports import DailyInsight
from campaign_automation.models.rules.answers import RuleShown
from campaign_automation.models.rules.rule import CreateRule, MaxAffected
from campaign_automation.utils import clock
from campaign_automation.utils.validation import parse
from tests.support.builders import request_body
from tests.support.one_tenant import OneTenant
from tests.support.pages import HOSTILE, Visitor, link_token, read, shown
from tests.support.rules import body, is_

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
TODAY = date(2026, 6, 1)
ROUTE = "/v1/rules/{rule_id}"


class House(OneTenant):
    """A tenant with a campaign that lost money for ten days, and a rule that stops it."""

    def __init__(self) -> None:
        super().__init__()
        self.visitor = Visitor(self)
        made = self.done("create_campaign", request_body(activate=True))
        self.adapter.daily = [
            insight(made["platform_campaign_id"], item["platform_adset_id"], age)
            for item in made["adsets"]
            for age in range(1, 11)
        ]
        asked = body(rule_name=HOSTILE, confirm=True, max_affected={"count": 9})
        self.rule_id = str(self.done("create_rule", asked)["rule_id"])


def insight(campaign: str, adset: str, age: int) -> DailyInsight:
    figures = {"spend": 40, "impressions": 1000, "clicks": 30, "conversions": 1, "revenue": 8}
    names = {"entity_id": adset, "campaign_id": campaign, "adset_id": adset}
    return DailyInsight.model_validate({**names, "day": TODAY - timedelta(days=age), **figures})


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setattr(clock, "now", lambda: NOON - timedelta(days=20))
    house = House()
    monkeypatch.setattr(clock, "now", lambda: NOON)
    return house


def test_a_rule_is_shown_in_words_with_its_backtest(house: House) -> None:
    page = shown(house.visitor.open(ROUTE, {"rule_id": house.rule_id}))
    assert f"Rule: {HOSTILE}" in page.words
    assert "roas < 0.8 over 3d" in page.words
    assert "It has not run within the last seven days" in page.words
    assert re.search(r"Objects that it would have paused\s+[1-9]", page.words)
    assert len([item for item in page.all("svg") if item.get("role")]) == 1
    assert {"What it does", "Runs", "Back-test"} <= {text for _, text in page.headings}


def test_a_link_opens_the_rule_of_its_tenant_alone(house: House) -> None:
    path = {"rule_id": house.rule_id}
    made = house.done("link_page", {"page": "rule", "id": house.rule_id}, roles=["viewer"])
    assert HOSTILE in shown(house.visitor.url(made["url"])).words
    other = link_token("other", f"rules/{house.rule_id}")
    refused = house.visitor.follow("GET", f"{ROUTE}/page", path, other)
    assert (refused["statusCode"], HOSTILE in refused["body"]) == (404, False)
    assert house.visitor.open(ROUTE, path, principalId="other")["statusCode"] == 404
    assert house.visitor.open(ROUTE, path, roles="")["statusCode"] == 403


def run(**more: Any) -> dict[str, Any]:
    usual = {
        "rule_id": "rule_1",
        "version": 1,
        "scheduled_time": "2026-06-01T06:00:00Z",
        "evaluated": 3,
        "matched": 1,
        "acted": 1,
        "changed": [
            {"level": "adset", "id": "as_1", "platform_id": "1", "before": "active", "after": "paused"}
        ],
        "skipped": [{"id": "as_2", "reason": "settle: changed a day ago"}],
        "undecidable": [{"id": "as_3", "reason": HOSTILE}],
    }
    return usual | more


def test_the_log_tells_what_runs_did_and_why_not_the_rest() -> None:
    rule = {
        "rule_id": "rule_1",
        "version": 2,
        "state": "needs_review",
        "schedule": "rate(1 hour)",
        "time_zone": "UTC",
        "next_run": None,
        "last_run": "2026-06-01T06:00:00Z",
        "rule": body(),
        "runs": [run(), run(outcome="needs_review", note="max_affected", changed=[], acted=0)],
    }
    words = read(document(RuleShown.model_validate(rule), "the platform is away")).words
    assert re.search(r"2026-06-01 06:00 UTC\s+done\s+3\s+1\s+1\s+settle: changed a day ago; <script>", words)
    assert "stopped, needs a person" in words
    assert re.search(r"as_1\s+2026-06-01 06:00 UTC\s+status\s+active\s+paused", words)
    assert "The back-test could not be made: the platform is away" in words


def words_of(condition: Any) -> str:
    return condition_words(parse(CreateRule, body(condition=condition)).condition)


def test_conditions_are_read_as_people_say_them() -> None:
    roas, spend = is_("roas", "less_than", 1.5, "7d"), is_("spend", "between", [10, 99.5], "3d")
    assert words_of({"all": [roas, spend]}) == "roas < 1.5 over 7d and spend between 10 to 99.5 over 3d"
    assert words_of({"any": [{"all": [roas, spend]}, roas]}).startswith("(roas < 1.5 over 7d and")
    assert words_of({"not": roas}) == "not (roas < 1.5 over 7d)"
    ranked = {"rank": "worst", "n": 2, "metric": "cpa", "time_range": "7d"}
    assert words_of(ranked) == "one of the 2 worst by cpa over 7d"
    target = is_("roas", "less_than", {"target": "target_roas", "factor": 0.8}, "7d")
    assert words_of(target) == "roas < 0.8 × target_roas over 7d"
    window = is_("cpa", "greater_than", {"time_range": "14d", "factor": 2}, "3d")
    assert words_of(window) == "cpa > 2 × 14d over 3d"


def test_scope_action_and_limits_are_read_as_people_say_them() -> None:
    rule = parse(CreateRule, body(applies_to={"name_contains": "Shoe", "exclude": ["cmp_1"]}))
    assert scope_words(rule.applies_to) == "name_contains Shoe, except cmp_1"
    assert scope_words(parse(CreateRule, body()).applies_to) == "everything in the account"
    assert action_words(rule) == "pause_adset"
    assert limit_words(MaxAffected(count=3, share=0.25)) == "3 objects, 25 % of the objects in scope"
    assert limit_words(MaxAffected()) == "none"
