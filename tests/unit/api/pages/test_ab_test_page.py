"""The page of an A/B test: what may be believed, intervals, interim analyses against their bounds."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from campaign_automation.api.pages.ab_test_report import document
from campaign_automation.models.ab_test_answers import AbTestAnalysis
from campaign_automation.models.reports import DailyInsight
from campaign_automation.utils import clock
from tests.support.one_tenant import OneTenant
from tests.support.pages import HOSTILE, ReadPage, Visitor, link_token, read, shown

START = datetime(2026, 6, 1, 12, tzinfo=UTC)
ROUTE = "/v1/ab-tests/{test_id}"
DAYS = 6


class House(OneTenant):
    """A tenant with a test of two creatives, of which the second sells better."""

    def __init__(self, **terms: Any) -> None:
        super().__init__()
        self.visitor = Visitor(self)
        asked = {"test_name": f"{HOSTILE} shoes", "creative_ids": ["1", "2"], "daily_budget": 100}
        self.test = self.done(
            "create_ab_test", {**asked, "force": True, "activate": True, "test_duration_days": 14, **terms}
        )
        self.path = {"test_id": str(self.test["test_id"])}

    def live(self, days: int) -> None:
        self.adapter.daily = [
            insight(self.test, item, day, 60 + 60 * at)
            for at, item in enumerate(self.test["adsets"])
            for day in range(days)
        ]

    def open(self) -> ReadPage:
        return shown(self.visitor.open(ROUTE, self.path))


def insight(test: dict[str, Any], adset: dict[str, Any], day: int, sold: int) -> DailyInsight:
    names = {
        "entity_id": adset["platform_adset_id"],
        "campaign_id": test["platform_campaign_id"],
        "adset_id": adset["platform_adset_id"],
    }
    figures = {"spend": 50, "impressions": 5000, "clicks": 300, "conversions": sold, "revenue": 10 * sold}
    return DailyInsight.model_validate({**names, "day": date(2026, 6, 1) + timedelta(days=day), **figures})


def at_day(monkeypatch: pytest.MonkeyPatch, day: int) -> None:
    monkeypatch.setattr(clock, "now", lambda: START + timedelta(days=day))


@pytest.mark.parametrize("mode", ["planned", "open_ended"])
def test_the_page_tells_what_may_be_believed(monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    at_day(monkeypatch, 0)
    house = House(mode=mode, metric="ctr" if mode == "planned" else "conversion_rate")
    for day in (3, 4, DAYS):
        at_day(monkeypatch, day)
        house.live(day)
        page = house.open()
    assert f"A/B test: {HOSTILE} shoes" in page.words
    assert {
        "What may be believed",
        "Rates with their intervals",
        "Interim analyses against their bounds",
    } <= {text for _, text in page.headings}
    assert re.search(r"(Do not stop it yet|The test may stop): ", page.words)
    # The rates of both creatives, each with its interval; and a bound in the chart of analyses.
    assert len([item for item in page.all("polyline") if str(item["class"]).startswith("whisker")]) == 2
    assert len([item for item in page.all("svg") if item.get("role")]) == 2
    bound = "line second" if mode == "planned" else "bound"
    assert bound in [item["class"] for item in page.all("polyline")]
    analysis = house.done("analyze_ab_test", house.path)
    # Each opening is an analysis like any other: it was recorded once for its days, and so is this one.
    assert (analysis["looks"], len(analysis["interim_analyses"])) == (3, 3)
    assert analysis["currency"] == "USD"


def test_a_link_opens_the_test_of_its_tenant_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    at_day(monkeypatch, 0)
    house = House()
    at_day(monkeypatch, 3)
    house.live(3)
    made = house.done("link_page", {"page": "ab_test", "id": house.path["test_id"]}, roles=["viewer"])
    assert HOSTILE in shown(house.visitor.url(made["url"])).words
    other = link_token("other", f"ab-tests/{house.path['test_id']}")
    refused = house.visitor.follow("GET", f"{ROUTE}/page", house.path, other)
    assert (refused["statusCode"], HOSTILE in refused["body"]) == (404, False)
    assert house.visitor.open(ROUTE, house.path, principalId="other")["statusCode"] == 404
    looks = asyncio.run(house.ask_async("analyze_ab_test", house.path))["looks"]
    assert looks == 1  # nobody of another tenant looked at it


def test_before_the_first_day_nothing_is_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    at_day(monkeypatch, 0)
    page = House().open()
    assert "Do not stop it yet" in page.words
    assert "No creative is the winner now" in page.words
    assert not re.search(r"\s0 USD|0.00", page.words)
    assert [item for item in page.all("svg") if item.get("role")] == []


def test_analyses_that_were_kept_by_an_earlier_version_have_gaps(monkeypatch: pytest.MonkeyPatch) -> None:
    at_day(monkeypatch, 0)
    house = House(mode="open_ended")
    at_day(monkeypatch, 4)
    house.live(4)
    answer = house.done("analyze_ab_test", house.path)
    (look,) = answer["interim_analyses"]
    old = {**look, "day": "2026-06-02", "p_robust": None}
    page = read(document(AbTestAnalysis.model_validate({**answer, "interim_analyses": [old, look]})))
    assert re.search(r"2026-06-02\s+\d\s+unknown", page.words)
