"""What TikTok answers, in our shapes, and what it leaves open."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from pydantic import SecretStr

from campaign_automation.adapters.base import Access, AdOrder, CreativeOrder, DailyInsight, Outcome
from campaign_automation.adapters.delivery import windows
from campaign_automation.adapters.tiktok import facts
from campaign_automation.adapters.tiktok.answers import adset_node, partial_errors
from campaign_automation.adapters.tiktok.echo import FRESH_SECONDS, Echo, Echoes
from campaign_automation.adapters.tiktok.errors import translate
from campaign_automation.adapters.tiktok.outcomes import change_outcomes
from campaign_automation.adapters.tiktok.reports import (
    DAYS_PER_REPORT,
    ReportOrder,
    dimension_of,
    insight_of_row,
)
from campaign_automation.adapters.tiktok.wire import Answer
from campaign_automation.adapters.tiktok_adapter import TikTokAdapter
from campaign_automation.clients.media_client import MediaClient
from campaign_automation.managers.campaigns.planning import plan_campaign
from campaign_automation.models.campaigns import CampaignPlan
from campaign_automation.models.common import Level, Objective
from campaign_automation.utils.error_handler import PlatformRejectedError
from tests.support.builders import account, copy, creative, spec

ACCESS = Access(platform_account_id="7", token=SecretStr("t"))
ACCOUNT = account(facts={"identity_id": "1", "identity_type": "CUSTOMIZED_USER", "pixel_id": "2"})
Json = dict[str, Any]


class ScriptedWire:
    """Answers each path as told; a code stands for a refusal."""

    def __init__(self, answers: dict[str, Json | int]) -> None:
        self._answers = answers
        self.asked: list[str] = []

    async def post(self, access: Access, operation: str, path: str, body: Json) -> Json:
        return self._answer(path)

    async def change(self, access: Access, operation: str, path: str, body: Json) -> Answer:
        return Answer(self._answer(path), "r-1")

    async def get_all(self, access: Access, operation: str, path: str, params: Json) -> list[Json]:
        return list(self._answer(path)["list"])

    def _answer(self, path: str) -> Json:
        self.asked.append(path)
        answer = self._answers[path]
        if isinstance(answer, int):
            raise translate({"code": answer, "message": "no"})
        return answer


def _adapter(answers: dict[str, Json | int], family: Any = "auto") -> tuple[TikTokAdapter, ScriptedWire]:
    wire = ScriptedWire(answers)
    adapter = TikTokAdapter(lambda: {}, MediaClient(), family=family, wire=wire)  # type: ignore[arg-type]
    return adapter, wire


def _set_paused(adapter: TikTokAdapter, ids: list[str]) -> list[Outcome]:
    return asyncio.run(adapter.set_status(ACCESS, Level.ADSET, ids, "paused"))


# --- rows and nodes


def _insight(objective: Objective, level: Level = Level.ADSET, **metrics: str | None) -> DailyInsight:
    first, last = date(2026, 11, 2), date(2026, 11, 3)
    goal = facts.GOALS[objective]
    order = ReportOrder(level, dimension_of(level, "smart_plus"), ["7"], first, last, goal)
    dimensions = {order.dimension: 8, "stat_time_day": "2026-11-03 00:00:00"}
    return insight_of_row({"dimensions": dimensions, "metrics": {"campaign_id": "7", **metrics}}, order)


@pytest.mark.parametrize("value", ["-", None, ""])
def test_a_metric_that_is_not_told_is_unknown(value: str | None) -> None:
    told = dict.fromkeys(("complete_payment", "total_complete_payment_rate", "clicks"), value)
    row = _insight(Objective.SALES, spend="20.000", **told)
    assert (row.spend, row.conversions, row.revenue) == (Decimal(20), None, None)
    assert (row.impressions, row.clicks) == (None, None)


def test_leads_have_no_revenue() -> None:
    row = _insight(Objective.LEADS, spend="10", conversion="4", impressions="145")
    assert (row.conversions, row.revenue, row.impressions) == (Decimal(4), None, 145)


def test_a_row_knows_its_day_and_its_parents() -> None:
    group = _insight(Objective.SALES)
    assert (group.entity_id, group.campaign_id, group.adset_id, group.day) == (
        "8",
        "7",
        "8",
        date(2026, 11, 3),
    )
    assert _insight(Objective.SALES, Level.AD, adgroup_id="9").adset_id == "9"
    campaign = _insight(Objective.SALES, Level.CAMPAIGN)
    assert (campaign.campaign_id, campaign.adset_id) == ("8", None)


def test_ninety_days_are_three_reports_without_a_gap() -> None:
    first, last = date(2026, 8, 28), date(2026, 11, 25)
    found = list(windows(first, last, DAYS_PER_REPORT))
    assert [(until - since).days for since, until in found] == [29, 29, 29]
    assert (found[0][0], found[-1][1]) == (first, last)
    assert all(after[0] - before[1] == timedelta(days=1) for before, after in pairwise(found))


def _adset(**changes: Any) -> Json:
    return {
        "adgroup_id": 9,
        "adgroup_name": "n",
        "operation_status": "DISABLE",
        "secondary_status": "ADGROUP_STATUS_PIXEL_UNBIND",
        "budget_mode": "BUDGET_MODE_DAY",
        "budget": 33.34,
        "bid_type": "BID_TYPE_CUSTOM",
        "age_groups": None,
        "location_ids": [6252001, "1"],
        "placements": ["PLACEMENT_TIKTOK", "PLACEMENT_PANGLE"],
        **changes,
    }


def test_an_ad_group_is_read_with_numbers_for_ids_and_foreign_settings() -> None:
    node = adset_node(_adset(), "manual")
    assert (node.platform_id, node.daily_budget) == ("9", Decimal("33.34"))
    assert (node.targeting.age_min, node.targeting.age_max) == (13, 65)
    assert (node.targeting.countries, node.targeting.more) == (["US"], [])
    assert node.targeting.places == ["1"]
    assert (node.placements, node.bid_strategy) == ("selected", "BID_TYPE_CUSTOM")
    assert node.issues[0] == "ADGROUP_STATUS_PIXEL_UNBIND"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"location_ids": None, "zipcode_ids": ["1"]}, "without countries; also by zipcode_ids"),
        ({"location_ids": [], "zipcode_ids": ["1"]}, "without countries; also by zipcode_ids"),
        ({"age_groups": ["AGE_12"]}, "without ages; also by AGE_12"),
        ({"spending_power": "HIGH", "languages": []}, "also by spending_power"),
    ],
)
def test_targeting_says_what_it_is_set_to_beside_ages_and_countries(
    changes: dict[str, Any], problem: str
) -> None:
    node = adset_node(_adset(**changes), "manual")
    assert node.unread == ["targeting"]
    assert node.issues[-1] == f"targeting: {problem}, which this module does not know"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"location_ids": 7}, "targeting"),
        ({"budget": "much"}, "daily_budget"),
        ({"budget_mode": "BUDGET_MODE_NEW"}, "daily_budget"),
        ({"scheduled_budget": "soon"}, "scheduled_budget"),
    ],
)
def test_settings_of_another_kind_hide_nothing_else(changes: dict[str, Any], field: str) -> None:
    node = adset_node(_adset(location_ids=["6252001"]) | changes, "manual")
    assert (node.platform_id, node.unread, getattr(node, field)) == ("9", [field], None)
    assert node.issues[-1].startswith(f"{field}: ")


@pytest.mark.parametrize("scheduled", [0, "0", 0.0, None])
def test_a_scheduled_budget_of_zero_is_none(scheduled: Any) -> None:
    assert adset_node(_adset(scheduled_budget=scheduled), "manual").scheduled_budget is None


def test_a_lifetime_budget_is_no_daily_one() -> None:
    assert adset_node(_adset(budget_mode="BUDGET_MODE_TOTAL"), "manual").daily_budget is None


def test_a_partial_answer_names_what_was_not_done() -> None:
    answer = {"error_list": [{"adgroup_id": "5", "error_message": "locked"}]}
    assert partial_errors(answer) == {"5": "locked"}
    assert partial_errors({}) == {}


@pytest.mark.parametrize(
    "data",
    [
        {},
        [],
        {"error_list": None},
        {"error_list": []},
        {"error_list": "5"},
        {"error_list": ["5"]},
        {"error_list": [{"error_message": "locked"}]},
        {"error_list": [{"adgroup_id": "99", "error_message": "locked"}]},
    ],
)
def test_a_partial_success_that_names_nothing_leaves_all_open(data: Any) -> None:
    outcomes = change_outcomes(["5", "6"], Answer(data, "r-1", "partly done"))
    assert all(item.error and item.error.details["outcome_unknown"] for item in outcomes)


def test_a_partial_success_that_names_all_problems_leaves_nothing_open() -> None:
    data = {"error_list": [{"adgroup_id": "5", "error_message": "locked"}]}
    refused, done = change_outcomes(["5", "6"], Answer(data, "r-1", "partly done"))
    assert isinstance(refused.error, PlatformRejectedError)
    assert done.error is None


# --- changes


def test_a_partly_done_change_is_told_by_id() -> None:
    partly = {"adgroup_ids": ["4"], "error_list": [{"adgroup_id": "5", "error_message": "locked"}]}
    adapter, _ = _adapter({"adgroup/status/update": partly})
    done, undone = _set_paused(adapter, ["4", "5"])
    assert done == Outcome("4", "4", request_id="r-1")
    assert undone.error is not None
    assert "locked" in undone.error.message


@pytest.mark.parametrize(("stored", "succeeded"), [("DISABLE", True), ("ENABLE", False)])
def test_nothing_to_update_is_a_success_only_if_it_reads_so(stored: str, succeeded: bool) -> None:
    answers: dict[str, Json | int] = {
        "adgroup/status/update": 40012,
        "adgroup/get": {"list": [{"adgroup_id": "4", "operation_status": stored}]},
    }
    adapter, _ = _adapter(answers, "manual")
    assert (_set_paused(adapter, ["4"])[0].error is None) is succeeded


def test_what_the_ordinary_endpoint_refuses_is_asked_of_smart_plus_and_then_one_by_one() -> None:
    refused: dict[str, Json | int] = {
        "adgroup/status/update": 40007,
        "smart_plus/adgroup/status/update": 40007,
    }
    adapter, wire = _adapter(refused)
    outcomes = _set_paused(adapter, ["4", "5"])
    assert [item.error.code for item in outcomes if item.error] == ["5000", "5000"]
    assert wire.asked == ["adgroup/status/update", "smart_plus/adgroup/status/update"] * 3


def test_a_fault_ends_the_search_for_the_right_endpoint() -> None:
    adapter, wire = _adapter({"adgroup/status/update": 50000})
    outcomes = _set_paused(adapter, ["4", "5"])
    assert len(outcomes) == 2
    assert all(item.error and item.error.details["outcome_unknown"] for item in outcomes)
    assert len(wire.asked) == 1


# --- what a create answers


def _plan() -> CampaignPlan:
    return plan_campaign(spec(split_by="country"), account(min_daily_budget=Decimal(1)), "cmp_1")


def _make_ads(answer: Json | int) -> list[Outcome]:
    plan = _plan()
    order = CreativeOrder("c", "c", creative(), copy(), '{"image_id": "3"}')
    orders = [AdOrder(ad.tag, ad.name, "9", order, None) for ad in plan.ads]
    adapter, _ = _adapter({"ad/create": answer}, "manual")
    return asyncio.run(adapter.create_ads(ACCESS, plan, ACCOUNT, "8", orders))


def test_ads_are_told_apart_by_name_and_else_by_position() -> None:
    first, second = (ad.name for ad in _plan().ads)
    named = [{"ad_name": second, "ad_id": 22}, {"ad_name": first, "ad_id": 11}]
    assert [item.platform_id for item in _make_ads({"ad_ids": [22, 11], "creatives": named})] == ["11", "22"]
    assert [item.platform_id for item in _make_ads({"ad_ids": ["11", "22"]})] == ["11", "22"]


def test_an_ad_without_an_id_may_exist() -> None:
    for answer in ({"ad_ids": ["11"]}, {}):
        outcomes = _make_ads(answer)
        assert outcomes
        assert all(item.error and item.error.details["outcome_unknown"] for item in outcomes)


def test_a_campaign_without_an_id_may_exist() -> None:
    adapter, _ = _adapter({"campaign/create": {"campaign_name": "n"}}, "manual")
    outcome = asyncio.run(adapter.create_campaign(ACCESS, _plan(), ACCOUNT))
    assert outcome.error is not None
    assert outcome.error.details["outcome_unknown"]


# --- echoes


def _told(**changes: Any) -> Json:
    return {"operation_status": "DISABLE", "secondary_status": "X", **changes}


def _echoes(ads: int) -> Echoes:
    echoes = Echoes()
    echoes.campaign("1", "manual", _told(), 2)
    for number in range(1, ads + 1):
        echoes.ad("1", _told(ad_id=number))
    return echoes


def test_an_echo_is_used_once_and_only_when_it_is_whole() -> None:
    echoes = _echoes(2)
    assert isinstance(echoes.take("1"), Echo)
    assert echoes.take("1") is None
    assert _echoes(1).take("1") is None


@pytest.mark.parametrize(
    "spoil",
    [
        lambda echoes: echoes.forget(),
        lambda echoes: echoes.spoil("1"),
        lambda echoes: echoes._echoes["1"].ads[0].pop("operation_status"),
        lambda echoes: echoes._echoes["1"].ads[0].pop("secondary_status"),
        lambda echoes: echoes._echoes["1"].ads[0].pop("ad_id"),
        lambda echoes: setattr(echoes._echoes["1"], "made_at", echoes._echoes["1"].made_at - FRESH_SECONDS),
    ],
)
def test_an_echo_that_is_old_or_tells_too_little_is_not_used(spoil: Callable[[Echoes], Any]) -> None:
    echoes = _echoes(2)
    spoil(echoes)
    assert echoes.take("1") is None
