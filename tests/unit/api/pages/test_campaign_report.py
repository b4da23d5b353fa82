"""The campaign report: by token and by link, of the right tenant, and honest about what is not known."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from campaign_automation.api.http import asks_for_html
from campaign_automation.api.pages import campaign_report
from campaign_automation.api.pages.campaign_report import Subject, document
from campaign_automation.models.changes import AuditRecord
from campaign_automation.models.reports import DailyInsight, Report
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import PlatformRejectedError
from tests.support.builders import request_body
from tests.support.one_tenant import OneTenant
from tests.support.pages import HOSTILE, ReadPage, Visitor, link_token, read, shown

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
TODAY = date(2026, 6, 1)
NAME = f"{HOSTILE} Autumn"


class House(OneTenant):
    """A tenant with a campaign that ran for a week."""

    def __init__(self) -> None:
        super().__init__()
        self.campaign = self.done("create_campaign", request_body(name=NAME, activate=True))
        self.campaign_id = str(self.campaign["campaign_id"])
        self.visitor = Visitor(self)

    def open(self, **verified: Any) -> dict[str, Any]:
        """The page of the report route, as a person with a token asks for it."""
        query = {"from": str(TODAY - timedelta(days=6)), "to": str(TODAY), "campaigns": self.campaign_id}
        return self.visitor.open("/v1/reports", None, query, **verified)

    def open_link(self, token: str, campaign_id: str | None = None) -> dict[str, Any]:
        path = {"campaign_id": campaign_id or self.campaign_id}
        return self.visitor.follow("GET", "/v1/campaigns/{campaign_id}/page", path, token)


def insight(house: House, age: int, **changes: Any) -> DailyInsight:
    item = house.campaign["platform_campaign_id"]
    values = {"entity_id": item, "campaign_id": item, "adset_id": None, "day": TODAY - timedelta(days=age)}
    counted = {"spend": "10.01", "impressions": 1000, "clicks": 9, "conversions": 2, "revenue": 30}
    return DailyInsight.model_validate(values | counted | changes)


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setattr(clock, "now", lambda: NOON)
    house = House()
    house.adapter.daily = [insight(house, age) for age in range(6)]
    return house


def test_a_person_sees_spend_revenue_roas_and_changes_of_their_campaign(house: House) -> None:
    page = shown(house.open())
    assert NAME in page.words  # as it is, and not as an element
    assert "60.06 USD" in page.words
    assert re.search(r"2026-05-30\s+10.01\s+30.00\s+3\b", page.words)
    assert "user:u" in page.words
    assert {"Now", "Budgets before and after", "Changes"} <= {text for _, text in page.headings}
    assert len([item for item in page.all("svg") if item.get("role")]) == 2


def test_an_unknown_figure_is_told_and_is_no_zero(house: House) -> None:
    house.adapter.daily = [insight(house, 0, revenue=None), *house.adapter.daily[1:]]
    page = shown(house.open())
    assert re.search(r"2026-06-01\s+10.01\s+unknown\s+unknown", page.words)
    assert re.search(r"Revenue\s+unknown", page.words)  # the total, too
    assert re.search(r"2026-05-31\s+10.01\s+30.00", page.words)


def test_a_day_without_delivery_is_a_gap(house: House) -> None:
    house.adapter.daily = [insight(house, age) for age in (0, 2, 3)]
    assert re.search(r"2026-05-31\s+no delivery reported\s+–", shown(house.open()).words)


def test_a_link_opens_the_report_of_one_campaign_of_one_tenant(house: House) -> None:
    resource = f"campaigns/{house.campaign_id}"
    token = link_token("u", resource)
    assert "60.06 USD" in shown(house.open_link(token)).words
    assert house.open_link(token, "cmp_other")["statusCode"] == 401
    assert house.open_link(link_token("u", resource, "decide"))["statusCode"] == 401
    refused = house.open_link(link_token("other", resource))
    assert (refused["statusCode"], "60.06" in refused["body"]) == (404, False)
    read(refused["body"])
    answer = house.open_link(link_token("u", resource, expires=1))
    assert (answer["statusCode"], "This link is over" in answer["body"]) == (401, True)


def test_another_tenants_token_and_a_bad_request_are_refused_as_a_page(house: House) -> None:
    assert house.open(principalId="other")["statusCode"] == 404
    assert house.open(roles="")["statusCode"] == 403
    answer = house.visitor.open("/v1/reports", None, {"to": "x"})
    assert answer["statusCode"] == 400
    assert "Not shown" in read(answer["body"]).words


@pytest.mark.parametrize(
    ("accept", "is_page"),
    [
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", True),
        ("TEXT/HTML", True),
        ("application/json", False),
        ("application/json, text/html", False),
        ("text/html;q=0.1, application/json", False),
        ("application/json;q=0.5, text/html;level=1;q=0.9", True),
        ("text/html;q=0", False),
        ("text/html; q = 0.000, */*", False),
        ("text/html;q=garbage", True),
        (",,;;q=1,text/", False),
        ("*/*", False),
        ("text/csv", False),
        (None, False),
    ],
)
def test_a_page_is_for_those_who_ask_for_html(accept: str | None, is_page: bool) -> None:
    assert asks_for_html({"headers": {"accept": accept} if accept else None}) is is_page


def test_several_campaigns_are_told_apart_and_added_up(house: House) -> None:
    other = house.done("create_campaign", request_body(name="Second", activate=True))
    item = other["platform_campaign_id"]
    house.adapter.daily += [
        insight(house, age, entity_id=item, campaign_id=item, spend=5) for age in range(6)
    ]
    query = {"from": str(TODAY - timedelta(days=5)), "to": str(TODAY)}
    page = shown(house.visitor.open("/v1/reports", None, query))
    assert "Report of 2 campaigns" in page.words
    assert re.search(r"Second\S* ca-\w+\s+30.00\s+180.00\s+6\b", page.words), page.words
    assert re.search(r"2026-05-30\s+15.01\s+60.00", page.words)
    assert "Changes" not in {text for _, text in page.headings}  # those are of one campaign


def test_an_account_that_cannot_be_read_and_a_campaign_whose_status_is_unknown_are_told(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuses(*_: Any) -> Any:
        raise PlatformRejectedError("no permission", platform="meta", code="1004")

    monkeypatch.setattr(house.adapter, "read_daily", refuses)
    monkeypatch.setattr(house.adapter, "read_tree", refuses)
    page = shown(house.open())
    assert "This account could not be read, so its figures are unknown" in page.words
    assert "Its status could not be read" in page.words
    assert not re.search(r"\b0(\.00)? USD", page.words)
    assert "user:u" in page.words  # the trail is ours


def test_a_report_whose_history_is_fetched_asks_again_by_itself(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Fetching:
        async def hand_over(self, event: Any) -> bool:
            return True

    monkeypatch.setattr(clock, "now", lambda: NOON + timedelta(days=40))
    house.wiring.__dict__["_collecting_function"] = Fetching()
    house.wiring.__dict__.pop("reports", None)
    page = shown(house.open())
    assert [item["content"] for item in page.all("meta") if item.get("http-equiv") == "refresh"] == ["5"]
    assert "The history is being fetched" in page.words


def test_ad_sets_that_share_the_campaigns_budget_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOON)
    house = House()
    root = house.campaign["platform_campaign_id"]
    for item in house.adapter.node_ids():
        if hasattr(house.adapter.node(item), "daily_budget"):
            house.adapter.change(item, daily_budget=Decimal(90) if item == root else None)
    page = shown(house.open())
    assert "from the campaign" in page.words
    assert "90.00 USD" in page.words


def test_the_newest_of_many_changes_are_shown(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign_report, "_PAGE", 3)
    whole = house.done("get_audit", {"campaign_id": house.campaign_id, "limit": 500})["records"]
    assert len(whole) > 6
    words = shown(house.open()).words
    assert f"{whole[-1]['entity_id']}: status" in words
    assert words.count("user:u") == len(whole)


# --- budgets ---------------------------------------------------------------------------------------------


def change(number: int, **more: Any) -> AuditRecord:
    values = {
        "audit_id": f"a{number}",
        "run_id": "run_1",
        "tenant": "u",
        "campaign_id": "cmp_1",
        "actor": "user:ann",
        "reason": "optimize_budget",
        "operation": "set_budget",
        "level": "adset",
        "entity_id": f"as_{number}",
        "before": {"daily_budget": "100.00"},
        "after": {"daily_budget": "130.00"},
        "outcome": "applied",
        "at": "2026-06-01T12:00:00Z",
    }
    return AuditRecord.model_validate(values | more)


CURVE = {
    "ceiling": 40.0,
    "half": 150.0,
    "result_before": 16.0,
    "result_after": 18.6,
    "range_before": [12.0, 20.0],
    "range_after": [13.0, 24.0],
    "metric": "conversions",
}
EMPTY = Report(
    level="campaign",
    by="day",
    first_day=TODAY,
    last_day=TODAY,
    blocks=[],
    totals=[],
    message="",
)


def budgets(*records: AuditRecord) -> ReadPage:
    return read(document(EMPTY, Subject(None, "it was not asked", records)))


def test_budgets_are_shown_before_and_after_with_the_curve_and_its_ranges() -> None:
    evidence = {"curve": CURVE, "explanation": "brings more there"}
    page = budgets(change(1, evidence=evidence), change(2))
    assert re.search(r"as_1\s+100.00\s+130.00\s+brings more there\s+applied", page.words)
    assert "16 (12 – 20)" in page.words
    assert "18.6 (13 – 24)" in page.words
    assert "80 of 100" in page.words
    assert len([item for item in page.all("svg") if item.get("role")]) == 1
    assert len([item for item in page.all("polyline") if str(item["class"]).startswith("whisker")]) == 2


def test_a_curve_of_an_earlier_version_has_no_range_and_one_by_hand_no_curve() -> None:
    old = {name: value for name, value in CURVE.items() if not name.startswith(("range", "metric"))}
    page = budgets(change(1, evidence={"curve": old}))
    assert [item for item in page.all("polyline") if str(item["class"]).startswith("whisker")] == []
    assert "No curve was fitted" in budgets(change(1)).words
    assert "No budget was changed" in budgets().words


def test_a_pause_by_the_optimiser_is_among_the_budgets() -> None:
    paused = {"operation": "set_status", "before": {"status": "active"}, "after": {"status": "paused"}}
    page = budgets(change(1, evidence={"curve": CURVE}, **paused))
    assert re.search(r"as_1\s+active\s+paused", page.words)


def test_only_the_latest_changes_are_listed_and_the_rest_is_told() -> None:
    page = budgets(*(change(number) for number in range(60)))
    assert "10 earlier ones are left out." in page.words
    assert "as_59: daily budget" in page.words
    assert "as_9: daily budget" not in page.words
