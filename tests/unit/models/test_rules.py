"""What a rule may say, and how it is refused when it says something else."""

from __future__ import annotations

from typing import Any

import pytest

from campaign_automation.models.common import Level
from campaign_automation.models.rules.conditions import leaves
from campaign_automation.models.rules.rule import CreateRule, StoredRule
from campaign_automation.models.rules.vocabulary import days_of
from campaign_automation.utils.error_handler import InvalidRequestError
from campaign_automation.utils.validation import parse
from tests.support.rules import NOW, body, is_, rule


def nested(depth: int) -> dict[str, Any]:
    condition = is_("roas", "less_than", 1)
    for _ in range(depth):
        condition = {"all": [condition]}
    return condition


def test_a_rule_has_the_contracts_defaults() -> None:
    parsed = parse(CreateRule, body())
    assert parsed.schedule_expression == "rate(6 hours)"
    assert parsed.time_zone == "UTC"
    assert parsed.mode == "act"
    assert parsed.cooldown == "24h"
    assert parsed.max_affected.count == 20


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"condition": is_("roass", "less_than", 1)}, "condition.metric", "did you mean 'roas'"),
        ({"condition": is_("roas", "lesser_than", 1)}, "condition.operator", "did you mean 'less_than'"),
        ({"condition": is_("roas", "less_than", 1, "yesterdy")}, "condition.time_range", "'yesterday'"),
        ({"condition": is_("roas", "less_than", 1, "91d")}, "condition.time_range", "1 to 90 days"),
        ({"condition": is_("roas", "less_than", 1, "0d")}, "condition.time_range", "1 to 90 days"),
        ({"condition": is_("roas", "less_than", "1")}, "condition.value", "should be a number"),
        ({"condition": is_("roas", "less_than", float("nan"))}, "condition.value", "finite"),
        ({"condition": is_("roas", "between", 1)}, "condition.value", "takes [low, high]"),
        ({"condition": is_("roas", "less_than", [1, 2])}, "condition.value", "takes a number"),
        ({"condition": is_("roas", "between", [2, 1])}, "condition.value", "begins above its end"),
        ({"condition": is_("cpa", "less_than", {"target": "target_roas"})}, "condition", "metric roas"),
        (
            {"condition": is_("cpa", "less_than", {"target": "target_cps"})},
            "condition.value.target",
            "'target_cpa'",
        ),
        ({"condition": is_("cpa", "less_than", {"metric": "spent"})}, "condition.value.metric", "'spend'"),
        ({"condition": is_("daily_budget", "less_than", 5, "7d")}, "condition", "has no window"),
        ({"condition": {"all": []}}, "condition.all", "at least 1"),
        ({"condition": {"rank": "worts", "n": 1, "metric": "roas"}}, "condition.rank", "'worst'"),
        ({"condition": {"rank": "best", "n": 1, "metric": "spend"}}, "condition", "highest or lowest"),
        ({"condition": nested(6)}, "condition", "at most 5 deep"),
        ({"condition": nested(400)}, "condition", "at most 5 deep"),
        ({"action": {"type": "pause_adst"}}, "action", "did you mean 'pause_adset'"),
        (
            {"action": {"type": "increase_budget", "parameters": {"percentage": 51}}},
            "percentage",
            "equal to 50",
        ),
        ({"action": {"type": "send_notification"}}, "parameters", "is required"),
        ({"applies_to": {"platform": "metta"}}, "applies_to.platform", "'meta'"),
        ({"applies_to": {}}, "applies_to", "all: true"),
        ({"applies_to": {"all": True, "platform": "meta"}}, "applies_to", "all: true"),
        (
            {"action": {"type": "pause_campaign"}, "applies_to": {"adset_ids": ["as_1"]}},
            "applies_to",
            "select no campaign",
        ),
        ({"schedule": "rate(10 minutes)"}, "schedule", "minimum is 15 minutes"),
        ({"schedule": "every hour"}, "schedule", "rate(6 hours)"),
        ({"check_interval": 600}, "check_interval", "900"),
        (
            {"check_interval": 3600, "schedule": "rate(1 hour)"},
            "check_interval",
            "either schedule or check_interval",
        ),
        ({"time_zone": "Europe/Berln"}, "time_zone", "Europe/Berlin"),
        ({"time_zone": "../etc/passwd"}, "time_zone", "IANA"),
        ({"cooldown": "soon"}, "cooldown", "24h or 7d"),
        ({"certainty": 1}, "certainty", "less than 1"),
        ({"mode": "watch"}, "mode", "'observe'"),
        ({"max_affected": {"share": 1.5}}, "max_affected.share", "equal to 1"),
        ({"active_hours": {"days": ["mod"]}}, "active_hours.days.0", "'mon'"),
        ({"frequency": 5}, "frequency", "unknown field"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_could(
    change: dict[str, Any], field: str, words: str
) -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        parse(CreateRule, body(**change))
    assert field in refusal.value.details["field"]
    assert words in refusal.value.message


@pytest.mark.parametrize(
    ("action", "field"),
    [
        ({"type": "increase_budget", "parameters": {"percentage": 51}}, "action.parameters.percentage"),
        ({"type": "increase_budget", "parameters": {"percent": 5}}, "action.parameters.percent"),
        ({"type": "send_notification", "parameters": {}}, "action.parameters.message"),
        ({"type": "send_notification"}, "action.parameters"),
        ({"type": "pause_adset", "level": "ad"}, "action.level"),
    ],
)
def test_a_field_of_an_action_is_named_as_it_was_sent(action: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        parse(CreateRule, body(action=action))
    assert refusal.value.details["field"] == field


def test_an_unknown_word_comes_with_the_allowed_ones() -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        parse(CreateRule, body(condition={"any": [is_("roass", "less_than", 1)]}))
    assert refusal.value.details["field"] == "condition.any.0.metric"
    assert "conversion_rate" in refusal.value.details["allowed"]


@pytest.mark.parametrize(
    ("sign", "operator"), [(">", "greater_than"), ("lte", "less_than_or_equal"), ("==", "equals")]
)
def test_operators_may_be_written_as_signs(sign: str, operator: str) -> None:
    [leaf] = leaves(parse(CreateRule, body(condition=is_("roas", sign, 1))).condition)
    assert getattr(leaf, "operator") == operator  # noqa: B009


@pytest.mark.parametrize(
    ("time_range", "length"), [("24h", 1), ("25h", 2), ("7d", 7), ("last_7_days", 7), ("today", None)]
)
def test_a_window_of_hours_covers_full_days(time_range: str, length: int | None) -> None:
    assert parse(CreateRule, body(condition=is_("roas", "<", 1, time_range)))
    assert days_of(time_range) == length


def test_a_rule_survives_its_own_json() -> None:
    tree = {
        "all": [
            {"not": is_("cpa", "less_than", {"target": "target_cpa", "factor": 1.5}, "3d")},
            {"any": [is_("ctr", "<", {"window": "30d", "factor": 0.7}), is_("spend", "between", [1, 2])]},
            {"rank": "worst", "n": 3, "metric": "roas", "min_spend": 10},
        ]
    }
    stored = rule(
        condition=tree, active_hours={"start": "08:00", "end": "20:00"}, blackout_dates=["2026-11-27"]
    )
    assert StoredRule.model_validate_json(stored.model_dump_json()) == stored
    assert "not" in stored.model_dump(mode="json")["rule"]["condition"]["all"][0]


def test_an_update_is_the_next_version() -> None:
    first = rule()
    second = first.next_version(parse(CreateRule, body(mode="observe")), NOW)
    assert (first.version, second.version, second.rule_id) == (1, 2, first.rule_id)


def test_interval_in_seconds_stands_for_a_rate() -> None:
    assert parse(CreateRule, body(check_interval=21_600)).schedule_expression == "rate(6 hours)"
    assert parse(CreateRule, body(check_interval=5400)).schedule_expression == "rate(90 minutes)"


@pytest.mark.parametrize(
    ("action", "level"),
    [
        ({"type": "pause_ad"}, Level.AD),
        ({"type": "pause_campaign"}, Level.CAMPAIGN),
        ({"type": "increase_budget"}, Level.ADSET),
        ({"type": "send_notification", "parameters": {"message": "x", "level": "ad"}}, Level.AD),
    ],
)
def test_the_action_tells_what_the_rule_looks_at(action: dict[str, Any], level: Level) -> None:
    assert parse(CreateRule, body(action=action)).action.acts_on == level
