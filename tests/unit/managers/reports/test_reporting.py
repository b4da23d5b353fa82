"""Reports on platforms in memory: history that is missing, what is restated, what is unknown."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from campaign_automation.models.common import Level
from campaign_automation.models.reports import DailyInsight, GetReport
from campaign_automation.stores.operations.daily_figures import DailyFigureStore, FigureBlock, block_start
from campaign_automation.tasks import collect_insights
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import InvalidRequestError, PlatformRejectedError
from campaign_automation.utils.validation import parse
from tests.support.builders import request_body
from tests.support.memory_table import MemoryTable
from tests.support.one_tenant import OneTenant
from tests.support.running_house import WebPlatform

AGES = 60  # days with figures
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


class Background:
    """A function that nobody waits for: its events are carried out when `work` is called."""

    def __init__(self, *, takes: bool = True) -> None:
        self.events: list[Mapping[str, Any]] = []
        self.takes = takes

    async def hand_over(self, event: Mapping[str, Any]) -> bool:
        if self.takes:
            self.events.append(event)
        return self.takes

    def work(self, house: House) -> None:
        while self.events:
            asyncio.run(collect_insights(house.wiring, self.events.pop(0)))


class House(OneTenant):
    """A tenant with one running campaign, and the module's time."""

    def __init__(self) -> None:
        super().__init__()
        self.web_platform = WebPlatform()
        self.wiring.__dict__["tools"] = self.web_platform
        self.now = NOON
        self.campaign: dict[str, Any] = {}

    def pass_by(self, **amount: int) -> None:
        self.now += timedelta(**amount)


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> House:
    house = House()
    monkeypatch.setattr(clock, "now", lambda: house.now)
    house.campaign = house.done("create_campaign", request_body(activate=True))
    house.pass_by(days=AGES)
    house.adapter.daily = [row(house, age) for age in range(AGES)]
    return house


def row(house: House, age: int, **changes: Any) -> DailyInsight:
    item = house.campaign["platform_campaign_id"]
    values = {"entity_id": item, "campaign_id": item, "adset_id": None, "day": today() - timedelta(days=age)}
    counted = {"spend": "10.01", "impressions": 1000, "clicks": 0, "conversions": 2, "revenue": 30}
    return DailyInsight.model_validate(values | counted | changes)


async def down(*_: Any) -> list[DailyInsight]:
    raise PlatformRejectedError("no permission", platform="meta", code="1004")


def today() -> date:
    return clock.now().date()


def later(house: House, *, takes: bool = True) -> Background:
    """Let missing history be fetched by a function in the background."""
    function = Background(takes=takes)
    house.wiring.__dict__["_collecting_function"] = function
    return function


def report(house: House, **parameters: Any) -> dict[str, Any]:
    first = today() - timedelta(days=AGES - 1)
    return house.ask("get_report", {"from": str(first), "to": str(today()), "by": "total", **parameters})


def test_missing_history_is_fetched_in_the_background_once(house: House) -> None:
    function = later(house)
    first = report(house)
    assert first["status"] == "accepted"
    assert first["status_url"].startswith("/v1/reports?from=")
    assert first["missing"][0]["last_day"] == str(today() - timedelta(days=7))
    again = report(house, campaigns=[house.campaign["campaign_id"]])
    assert again["status"] == "accepted"
    assert len(function.events) == 1  # it is under way
    assert house.adapter.calls.count("read_daily") == 0
    function.work(house)
    answer = report(house)
    assert answer["status"] == "success"
    assert answer["blocks"][0]["total"]["spend"] == float(Decimal("10.01") * AGES)


def test_the_status_url_asks_for_the_same_report(house: House) -> None:
    later(house)
    asked = {"level": "adset", "platforms": "meta", "by": "day", "campaigns": house.campaign["campaign_id"]}
    url = report(house, **asked)["status_url"]
    query = dict(part.split("=") for part in url.partition("?")[2].split("&"))
    usual = {"from": str(today() - timedelta(days=AGES - 1)), "to": str(today())}
    assert parse(GetReport, query) == parse(GetReport, usual | asked)


def test_a_function_that_takes_nothing_is_asked_again(house: House) -> None:
    function = later(house, takes=False)
    assert report(house)["status"] == "accepted"
    function.takes = True
    assert report(house)["status"] == "accepted"
    assert len(function.events) == 1


def test_a_history_that_cannot_be_read_is_a_problem_and_then_tried_again(house: House) -> None:
    function = later(house)
    report(house)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(house.adapter, "read_daily", down)
        function.work(house)
    (block,) = report(house)["blocks"]
    assert (block["problem"], block["total"]["spend"]) == ("1004: no permission", None)
    house.pass_by(minutes=2)
    assert report(house)["status"] == "accepted"


def test_a_short_report_reads_live_alone(house: House) -> None:
    later(house)
    answer = report(house, **{"from": str(today() - timedelta(days=6))})
    (block,) = answer["blocks"]
    assert (block["source"], block["total"]["impressions"]) == ("live", 7000)
    assert house.adapter.calls.count("read_daily") == 1


def test_restated_days_take_the_place_of_what_was_stored(house: House) -> None:
    report(house)
    house.adapter.daily = [row(house, age, conversions=3) for age in range(AGES)]
    assert report(house)["blocks"][0]["total"]["conversions"] == 2 * (AGES - 7) + 3 * 7
    house.pass_by(hours=1)
    asyncio.run(collect_insights(house.wiring, {}))
    known = report(house)["blocks"][0]["total"]["conversions"]
    assert known >= 2 * (AGES - 63) + 3 * 35  # the days on which conversions still arrive


def test_ratios_without_a_divisor_are_unknown(house: House) -> None:
    total = report(house)["blocks"][0]["total"]
    assert (total["clicks"], total["cpc"], total["conversion_rate"], total["ctr"]) == (0, None, None, 0)
    assert total["cpa"] == 5.005


def test_a_figure_that_one_day_lacks_is_unknown_in_the_sum(house: House) -> None:
    house.adapter.daily[3] = row(house, 3, revenue=None)
    answer = report(house)
    total = answer["blocks"][0]["total"]
    assert (total["revenue"], total["roas"], total["conversions"]) == (None, None, 2 * AGES)
    assert answer["totals"][0]["claimed_revenue"] is None


def test_a_deleted_campaign_keeps_its_days_and_is_never_taken_for_zero(house: House) -> None:
    report(house)
    house.adapter.daily = []  # platforms leave out what is deleted
    house.done(
        "manage_campaign", {"campaign_id": house.campaign["campaign_id"], "action": "delete", "confirm": True}
    )
    house.pass_by(days=4)
    (block,) = report(house)["blocks"]
    assert block["total"]["impressions"] == 1000 * (AGES - 5)  # those that were stored before
    assert "may be missing" in block["warnings"][0]
    last_week = report(house, **{"from": str(today() - timedelta(days=2))})
    assert last_week["blocks"][0]["total"]["spend"] is None
    assert "unknown" in last_week["blocks"][0]["warnings"][0]


def test_the_shops_revenue_stands_beside_the_claimed_one(house: House) -> None:
    days = {today() - timedelta(days=age): "12.50" for age in range(AGES)}
    house.web_platform.revenue = {house.campaign["platform_campaign_id"]: days}
    total = report(house)["blocks"][0]["total"]
    assert (total["revenue"], total["first_party_revenue"]) == (30 * AGES, 12.5 * AGES)
    assert total["first_party_roas"] == round(12.5 / 10.01, 4)


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"from": "2026-11-02", "to": "2026-11-01"}, "to"),
        ({"from": "2024-11-02", "to": "2026-11-01"}, "from"),
        ({"from": "20261101", "to": "2026-11-02"}, "from"),
        ({"from": "2026-11-01"}, "to"),
        ({"from": "2026-11-01", "to": "2026-11-02", "platforms": "meta,myspace"}, "platforms.1"),
        ({"from": "2026-11-01", "to": "2026-11-02", "level": "creative"}, "level"),
        ({"from": "2026-11-01", "to": "2026-11-02", "since": "x"}, "since"),
    ],
)
def test_what_cannot_be_reported_is_refused_by_its_field(parameters: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        parse(GetReport, parameters)
    assert refused.value.details["field"] == field


def test_a_block_of_many_objects_is_kept_in_parts_and_read_as_one() -> None:
    store, first = DailyFigureStore(MemoryTable()), block_start(date(2026, 11, 20))
    rows = [
        DailyInsight(
            entity_id=str(number),
            campaign_id="1",
            adset_id="2",
            day=first + timedelta(days=number % 28),
            spend=Decimal(number) / 100,
            impressions=number,
            clicks=0,
            conversions=None,
            revenue=Decimal(0),
        )
        for number in range(5001)
    ]
    for read in (rows, rows[:10]):
        block = FigureBlock(first, first + timedelta(days=27), clock.now(), read)
        asyncio.run(store.replace("u", "cmp_1", Level.AD, block))
        (found,) = asyncio.run(store.read("u", "cmp_1", Level.AD, first, first)).values()
        # Stored days of an object that is not shown any more are kept.
        assert sorted(found.rows, key=lambda item: int(item.entity_id)) == rows
