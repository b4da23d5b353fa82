"""Rows without a readable id in TikTok's lists: nothing is known of their object, all others are judged."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import pytest

from campaign_automation.adapters.base import BudgetOutcome, SplitOrder
from campaign_automation.adapters.common.outcomes import Looked
from campaign_automation.adapters.tiktok.answers import daily_budget
from campaign_automation.adapters.tiktok.budgets import _without_write
from campaign_automation.adapters.tiktok.objects import Stored
from campaign_automation.models.common import Level
from campaign_automation.models.creation.settings import Name
from campaign_automation.utils.error_handler import PlatformUnavailableError
from tests.support import tiktok
from tests.support.sandbox import Sandbox

LOST = {"kind": "lost_id", "times": 0}


class House(NamedTuple):
    """A campaign of three ad sets; the last row of each list of ad sets has no id from `lose` on."""

    bench: tiktok.Bench
    made: tiktok.Created
    sandbox: Sandbox

    @property
    def adsets(self) -> list[str]:
        return self.made.ids(Level.ADSET)

    def lose(self, operation: str = "list_adsets") -> None:
        self.sandbox.fault("tiktok", operation, **LOST)

    def held(self, field: str) -> list[Any]:
        shown = self.sandbox.state("tiktok")["adsets"]
        return [shown[item][field] for item in self.adsets]


@pytest.fixture
def house(ports: dict[str, int], control: Sandbox) -> House:
    control.reset()
    bench = tiktok.Bench(f"http://127.0.0.1:{ports['port']}")
    made = bench.create_all(age_groups=[[18, 34], [35, 54], [55, 65]], daily_budget=300)
    return House(bench, made, control)


def test_budgets_of_the_others_are_set(house: House) -> None:
    house.lose()
    wishes = dict.fromkeys(house.adsets, Decimal(120))
    bench, account = house.bench, house.made.account
    work = bench.adapter.set_budgets(bench.access, account, Level.ADSET, wishes)
    outcomes = bench.run(work)
    errors = [item.error for item in outcomes if item.error]
    assert [type(error) for error in errors] == [PlatformUnavailableError]
    assert "answered without an id" in errors[0].message
    assert sorted(house.held("budget")) == [100, 120, 120]
    (untouched,) = [item.platform_id for item in outcomes if item.error]
    assert house.sandbox.state("tiktok")["adsets"][untouched]["budget"] == 100


def test_of_a_partly_done_change_it_stays_unknown_alone(house: House) -> None:
    house.lose()
    house.sandbox.fault("tiktok", "update_adset", "partial_unnamed")
    bench = house.bench
    outcomes = bench.run(bench.adapter.set_status(bench.access, Level.ADSET, house.adsets, "active"))
    unknown = [item for item in outcomes if item.error and item.error.details.get("outcome_unknown")]
    assert len(unknown) == 1
    shown = dict(zip(house.adsets, house.held("operation_status"), strict=True))
    known = [item for item in outcomes if item not in unknown]
    assert all((item.error is None) == (shown[item.tag] == "ENABLE") for item in known)


def test_a_name_is_given_all_the_same(house: House) -> None:
    house.lose("read_campaign")
    bench, made = house.bench, house.made
    target = bench.access, made.account, made.plan.objective, Level.CAMPAIGN, [made.campaign_id]
    tiktok.ids_of(bench.run(bench.adapter.change_setting(*target, Name("By another name"))))
    assert house.sandbox.state("tiktok")["campaigns"][made.campaign_id]["campaign_name"] == "By another name"


def test_what_is_deleted_already_is_removed_though_a_row_is_lost(house: House) -> None:
    bench, (first, second, third) = house.bench, house.adsets
    tiktok.ids_of(bench.run(bench.adapter.remove(bench.access, Level.ADSET, [first, second])))
    house.lose()
    outcomes = bench.run(bench.adapter.remove(bench.access, Level.ADSET, [first, second, third]))
    assert [item.tag for item in outcomes if item.error is None][-1] == third
    assert sum(item.error is None for item in outcomes) == 2


def test_a_deleted_campaign_whose_row_is_lost_is_not_called_unknown_to_the_platform(house: House) -> None:
    bench, root = house.bench, house.made.campaign_id
    tiktok.ids_of(bench.run(bench.adapter.remove(bench.access, Level.CAMPAIGN, [root])))
    house.lose("read_campaign")
    with pytest.raises(PlatformUnavailableError):
        bench.run(bench.adapter.read_tree(bench.access, root, "USD"))


def test_figures_of_a_campaign_whose_row_is_lost_are_read(house: House) -> None:
    bench, made = house.bench, house.made
    for level in (Level.AD, Level.ADSET, Level.CAMPAIGN):
        tiktok.ids_of(bench.run(bench.adapter.set_status(bench.access, level, made.ids(level), "active")))
    house.sandbox.advance(advance_days=3)
    today = house.sandbox.now().date()

    def figures() -> list[Any]:
        adapter = bench.new_adapter()
        window = today - timedelta(days=2), today
        return bench.run(adapter.read_daily(bench.access, Level.AD, [made.campaign_id], *window, "sales"))

    before = figures()
    assert before
    house.lose("read_campaign")
    assert figures() == before


def test_no_split_is_refused_as_gone(house: House) -> None:
    house.lose()
    bench, start = house.bench, house.sandbox.now() + timedelta(hours=1)
    order = SplitOrder("Test", house.adsets[:2], start, start + timedelta(days=7))
    with pytest.raises(PlatformUnavailableError):
        bench.run(bench.adapter.create_split(bench.access, house.made.account, order))


def test_a_budget_of_an_unknown_kind_costs_no_other() -> None:
    daily = {"budget": 50, "budget_mode": "BUDGET_MODE_DAY"}
    odd = {"budget": 50, "budget_mode": "BUDGET_MODE_NEW"}
    stored = Stored({"1": ("manual", odd), "2": ("manual", daily), "3": ("manual", daily)})
    first, second, third = (
        _without_write(item, Level.ADSET, amount, stored)
        for item, amount in (("1", Decimal(60)), ("2", Decimal(60)), ("3", Decimal(50)))
    )
    assert first is not None
    assert isinstance(first.error, PlatformUnavailableError)
    assert second is None  # it is written
    assert third == BudgetOutcome("3", "now")
    assert stored.looked(["1", "2"], lambda data: daily_budget(data) == 50) == Looked(["2", "3"], ["1"])
