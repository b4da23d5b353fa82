"""Property 10 of the contract, and what a test says of counts that are odd."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaign_automation.adapters.base import DailyInsight, Outcome
from campaign_automation.capability import run_action
from campaign_automation.managers.ab_tests.counts import whole
from campaign_automation.managers.campaigns.planning import plan_test
from campaign_automation.models.ab_tests import CreateAbTest
from campaign_automation.models.campaign import Creation
from campaign_automation.models.common import AdAccount, Level
from campaign_automation.tasks import reconcile_campaigns
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import InvalidRequestError, PlatformRejectedError
from campaign_automation.utils.validation import parse
from campaign_automation.wiring import Wiring
from tests.support.builders import account
from tests.support.fake_adapter import FakeAdapter
from tests.support.memory_table import MemoryTable
from tests.support.sandbox import Sandbox
from tests.support.web_platform import MemoryWebPlatform

PLATFORMS = ("meta", "tiktok", "google")
# The smallest amounts and ad set budgets that the platforms' adapters tell, and a currency without decimals.
ACCOUNTS = {
    "meta": account(),
    "tiktok": account(min_daily_budget=Decimal(20)),
    "google": account(min_daily_budget=Decimal("0.01")),
    "yen": account(currency="JPY", budget_step=Decimal(1), min_daily_budget=Decimal(100)),
}


def request(creatives: int, budget: Decimal | int, **changes: Any) -> CreateAbTest:
    ids = [str(number) for number in range(1, creatives + 1)]
    return parse(CreateAbTest, {"test_name": "T", "creative_ids": ids, "daily_budget": budget, **changes})


@pytest.mark.parametrize("name", ACCOUNTS)
@settings(max_examples=200, deadline=None)
@given(creatives=st.integers(2, 10), units=st.integers(1, 5_000_000))
def test_property_10_budgets_are_equal_to_the_minor_unit_and_sum_exactly(
    name: str, creatives: int, units: int
) -> None:
    told = ACCOUNTS[name]
    total = units * told.budget_step
    spec = request(creatives, total).campaign(activate=True)
    try:
        plan = plan_test(spec, told, "cmp_1")
    except InvalidRequestError as error:
        assert_refusal_is_right(error, total, creatives, told)
        return
    budgets = [adset.daily_budget for adset in plan.adsets]
    assert (len(budgets), len(set(budgets)), sum(budgets)) == (creatives, 1, total)
    assert budgets[0] % told.budget_step == 0
    assert budgets[0] >= told.min_daily_budget
    assert len({str(adset.targeting) for adset in plan.adsets}) == 1
    assert [(ad.adset_tag, ad.creative_id) for ad in plan.ads] == [
        (adset.tag, creative) for adset, creative in zip(plan.adsets, spec.creative_ids or [], strict=True)
    ]


def assert_refusal_is_right(
    error: InvalidRequestError, total: Decimal, creatives: int, told: AdAccount
) -> None:
    """Refused for a share under the minimum, or for one that is not equal; then the neighbours are named."""
    assert error.details["field"] == "daily_budget"
    grid = told.budget_step * creatives
    if "minimum" in error.details:
        assert total / creatives < told.min_daily_budget or total % grid
        return
    assert total % grid != 0
    named = [Decimal(str(amount)) for amount in error.details["allowed"]]
    assert named
    assert all(amount % grid == 0 and abs(amount - total) < grid for amount in named)


class House:
    """One tenant whose tests run on platforms in memory, on the sandbox's clock."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.table = MemoryTable()
        self.sandbox = sandbox
        self.adapters = {platform: FakeAdapter(platform) for platform in PLATFORMS}
        self.wiring = Wiring(mcp_client=MemoryWebPlatform(), adapters=self.adapters, table=self.table)
        self.wiring.__dict__["_ab_test_schedules"] = None  # moto in this process has no group for them

    def run(self, action: str, parameters: dict[str, Any]) -> dict[str, Any]:
        return asyncio.run(run_action(self.wiring, action, parameters, {"user_id": "u"}))

    def create(self, platform: str = "meta", creatives: int = 2, budget: float = 100, **more: Any) -> Any:
        self.adapters[platform].forget()
        ids = [str(number) for number in range(1, creatives + 1)]
        body = {"test_name": "T", "creative_ids": ids, "daily_budget": budget, "platform": platform, **more}
        return self.run("create_ab_test", body)

    def deliver(self, created: dict[str, Any], days: int, row: Callable[[int, int], dict[str, Any]]) -> None:
        """`days` days pass; `row` tells what the ad set and day of those numbers brought."""
        first = clock.now().astimezone(ZoneInfo("America/New_York")).date()
        self.adapters["meta"].daily = [
            insight(created, index, first + timedelta(days=day), row(index, day))
            for index in range(len(created["adsets"]))
            for day in range(days)
        ]
        self.sandbox.advance(advance_days=days)

    def creation(self, created: dict[str, Any]) -> Creation:
        creation = asyncio.run(self.wiring.store.load("u", created["campaign_id"]))
        assert creation is not None
        return creation

    def analyze(self, created: dict[str, Any], **body: Any) -> dict[str, Any]:
        return self.run("analyze_ab_test", {"test_id": created["test_id"], **body})


def insight(created: dict[str, Any], index: int, day: date, figures: dict[str, Any]) -> DailyInsight:
    adset_id = created["adsets"][index]["platform_adset_id"]
    usual = {"spend": Decimal(50), "impressions": 5000, "clicks": 100, "conversions": Decimal(9)}
    return DailyInsight.model_validate(
        {
            "entity_id": adset_id,
            "adset_id": adset_id,
            "campaign_id": created["platform_campaign_id"],
            "day": day,
            "revenue": Decimal(100),
            **usual,
            **figures,
        }
    )


@pytest.fixture
def house(module_settings: None, sandbox: Sandbox) -> House:
    return House(sandbox)


@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(platform=st.sampled_from(PLATFORMS), creatives=st.integers(2, 10), share=st.integers(100, 3000))
def test_property_10_what_the_platform_stored_is_equal_and_sums_exactly(
    house: House, platform: str, creatives: int, share: int
) -> None:
    house.table.clear()
    created = house.create(platform, creatives, share * creatives / 100)
    assert created["status"] == "success", created
    stored = [
        house.adapters[platform].node(item["platform_adset_id"]).daily_budget for item in created["adsets"]
    ]
    assert stored == [Decimal(share) / 100] * creatives
    assert [item["budget"] for item in created["adsets"]] == [float(item) for item in stored]


def test_more_conversions_than_clicks_make_the_test_invalid_and_say_whose(house: House) -> None:
    created = house.create()
    house.deliver(created, 10, lambda adset, _: {"clicks": 3} if adset else {})
    by_clicks = house.analyze(created, unit="clicks", apply=True)
    assert (by_clicks["verdict"], by_clicks["finding"]) == ("invalid", "impossible_counts")
    assert by_clicks["reason"].startswith("2: 72 conversions of 24 clicks")
    assert (by_clicks["winner"], by_clicks["applied"]["changed"]) == (None, [])
    assert house.analyze(created)["verdict"] != "invalid"


def test_an_unknown_count_is_never_read_as_zero(house: House) -> None:
    created = house.create()
    house.deliver(created, 5, lambda adset, day: {"conversions": None} if adset == day == 1 else {})
    analysis = house.analyze(created)
    assert (analysis["verdict"], analysis["reason"]) == ("invalid", "2: conversions are unknown")
    assert {item["creative_id"]: item["conversions"] for item in analysis["results"]} == {"1": 45, "2": None}


def test_a_negative_count_is_refused_by_name(house: House) -> None:
    created = house.create()
    house.deliver(created, 3, lambda adset, _: {"conversions": Decimal(-1)} if adset else {})
    error = house.analyze(created)["error"]
    assert (error["code"], error["details"]["field"]) == ("1001", "conversions")


def test_conversions_in_parts_are_rounded_on_their_running_total_and_it_is_said(house: House) -> None:
    created = house.create()
    house.deliver(created, 8, lambda *_: {"conversions": Decimal("12.3")})
    analysis = house.analyze(created)
    assert [row["converted"] for row in analysis["contingency_table"]] == [98, 98]
    assert [row["conversions"] for row in analysis["results"]] == [98.4, 98.4]
    assert any("parts" in words for words in analysis["warnings"])


@given(st.lists(st.decimals(0, 50, places=2), max_size=30))
def test_rounded_days_are_off_by_half_a_conversion_at_most_all_together(counts: list[Decimal]) -> None:
    rounded = whole(counts)
    for days in range(len(counts) + 1):
        sure = [count for count in rounded[:days] if count is not None]
        assert abs(sum(sure) - sum(counts[:days])) <= Decimal("0.5")
    assert all(count is not None and count >= 0 for count in rounded)


def test_clicks_can_be_what_is_tested(house: House) -> None:
    created = house.create(metric="ctr")
    house.deliver(created, 9, lambda adset, _: {"clicks": 100 + 40 * adset, "conversions": Decimal(0)})
    analysis = house.analyze(created)
    assert (analysis["verdict"], analysis["winner"]["creative_id"]) == ("winner", "2")
    assert analysis["attribution"] == {
        "event": "click",
        "window_days": 0,
        "source": "account",
        "maturity_assumed": False,
    }
    assert analysis["window"]["closed_through"] == analysis["window"]["until"]


def test_looks_are_written_once_a_day_for_each_unit_and_counted(house: House) -> None:
    created = house.create(test_duration_days=20)
    counts = []
    for days in (3, 2):
        house.deliver(created, days, lambda *_: {})
        counts += [house.analyze(created)["looks"], house.analyze(created)["looks"]]
    assert counts == [1, 1, 2, 2]
    assert house.analyze(created, unit="clicks")["looks"] == 1


def test_a_cap_bounds_the_raise_of_a_winner(house: House) -> None:
    created = house.create(test_duration_days=30)
    house.deliver(created, 30, lambda adset, _: {"conversions": Decimal(20 + 30 * adset)})
    analysis = house.analyze(created)
    assert (analysis["verdict"], analysis["stop_reason"]) == ("winner", "planned_bound"), analysis
    assert analysis["winner"]["confidence"] == pytest.approx(100 * (1 - analysis["winner"]["p_value"]))
    applied = house.analyze(created, apply=True)
    winner = applied["winner"]["adset_id"]
    changed = {(item["id"], item["field"]): item["after"] for item in applied["applied"]["changed"]}
    raised = changed[winner, "daily_budget"]
    assert 50 < raised <= 75
    assert {item for (_, field), item in changed.items() if field == "status"} == {"paused"}
    trail = house.run("get_audit", {"campaign_id": created["campaign_id"]})["records"]
    pause = next(
        item for item in trail if item["operation"] == "set_status" and item["after"]["status"] == "paused"
    )
    assert pause["evidence"]["test_id"] == created["test_id"]
    assert pause["evidence"]["verdict"] == "winner"
    assert {item.level for item in house.creation(created).objects.values() if item.held} == {Level.ADSET}


def test_a_winner_is_looked_at_again_when_the_days_after_the_test_are_over(house: House) -> None:
    created = house.create(test_duration_days=30)
    house.deliver(created, 30, lambda adset, _: {"conversions": Decimal(20 + 30 * adset)})
    assert house.analyze(created, apply=True)["applied"]["test_ended"]
    house.deliver(created, 15, lambda adset, _: {"conversions": Decimal(48 * adset)})
    assert house.analyze(created)["earlier_decisions"] == []
    assert asyncio.run(reconcile_campaigns(house.wiring, {}))["looked_back"] == 1
    [earlier] = house.analyze(created)["earlier_decisions"]
    assert (earlier["kind"], earlier["metric"], earlier["verdict"]) == ("test", "conversion_rate", "held")
    assert earlier["predicted"]["mean"] == pytest.approx(100 * 50 / 5000)
    assert earlier["observed"] == pytest.approx(100 * 48 / 5000)
    assert earlier["predicted"]["low"] < earlier["observed"] < earlier["predicted"]["high"]
    trail = house.run("get_audit", {"campaign_id": created["campaign_id"]})["records"]
    told = [item["evidence"]["looked_at_again"] for item in trail if item["run_id"] == earlier["run_id"]]
    assert {item["verdict"] for item in told} == {"held"}


def test_days_that_swing_apply_nothing_at_the_end_unless_it_is_forced(house: House) -> None:
    created = house.create(test_duration_days=30)
    swings = [70, 10]  # for five days each; the other ad set has 30 a day
    house.deliver(
        created, 30, lambda adset, day: {"conversions": Decimal(swings[day // 5 % 2] if adset else 30)}
    )
    analysis = house.analyze(created)
    assert (analysis["verdict"], analysis["safe_to_stop"]) == ("winner", False)
    assert analysis["stop_reason"] == "within_noise"
    applied = house.analyze(created, apply=True)["applied"]
    assert (applied["changed"], applied["test_ended"]) == ([], False)
    assert {item["reason"].partition(":")[0] for item in applied["skipped"]} == {"within_noise"}
    forced = house.analyze(created, apply=True, force=True)["applied"]
    assert forced["changed"]


def test_the_control_is_the_first_creative_of_the_request(house: House) -> None:
    created = house.create(creatives=5)
    house.deliver(created, 8, lambda *_: {})
    statistics = house.analyze(created)["statistics"]
    assert [item["variant_id"] for item in statistics["variants"]] == ["1", "2", "3", "4", "5"]
    control = [pair for pair in statistics["pairs"] if pair["family"] == "control"]
    assert {pair["against_id"] for pair in control} == {"1"}


def test_a_winner_that_is_paused_starts_after_its_losers_stopped(house: House) -> None:
    created = house.create(test_duration_days=30)
    house.deliver(created, 30, lambda adset, _: {"conversions": Decimal(20 + 30 * adset)})
    winner = house.analyze(created)["winner"]["adset_id"]
    pause = {"action": "pause", "level": "adset", "entity_ids": [winner]}
    house.run("manage_campaign", {"campaign_id": created["campaign_id"], **pause})
    applied = house.analyze(created, apply=True)["applied"]
    assert [(item["id"] == winner, item["after"]) for item in applied["changed"]][:2] == [
        (False, "paused"),
        (True, "active"),
    ]
    trail = house.run("get_audit", {"campaign_id": created["campaign_id"]})["records"]
    run = [item["after"] for item in trail if item["run_id"] == applied["run_id"]]
    assert run[:2] == [{"status": "paused"}, {"status": "active"}]


def test_a_test_whose_campaign_the_platform_would_not_pause_goes_on(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    created = house.create()
    refusal = PlatformRejectedError("meta: not now", platform="meta", code="4000")

    async def refuses(access: Any, level: Level, ids: Sequence[str], status: str) -> list[Outcome]:
        return [Outcome(item, error=refusal) for item in ids]

    with monkeypatch.context() as patch:
        patch.setattr(house.adapters["meta"], "set_status", refuses)
        refused = house.run("cancel_ab_test", {"test_id": created["test_id"]})
    assert (refused["status"], refused["error"]["message"]) == ("error", "meta: not now")
    assert house.analyze(created)["test_state"] == "running"
    assert house.run("cancel_ab_test", {"test_id": created["test_id"]})["test_state"] == "cancelled"


def test_a_test_that_nothing_would_end_is_refused_before_any_write(house: House) -> None:
    house.adapters["meta"].has_end_times = False
    error = house.create()["error"]
    assert (error["code"], error["details"]["guard"]) == ("4005", "no_end")
    assert house.adapters["meta"].node_ids() == []


def test_without_a_scheduler_the_platform_ends_it_a_day_later_and_the_answer_says_so(house: House) -> None:
    created = house.create(test_duration_days=3)
    end = clock.at_ms(house.creation(created).created_at) + timedelta(days=4)
    nodes = [house.adapters["meta"].node(item["platform_adset_id"]) for item in created["adsets"]]
    assert {node.ends_at for node in nodes} == {end}
    assert any(f"the platform stops it at {clock.iso(end)}" in words for words in created["warnings"])
