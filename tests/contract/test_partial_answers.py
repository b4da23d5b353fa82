"""Changes that a platform did in part without saying which part: objects are looked up, none is guessed."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar

import pytest

from campaign_automation.adapters.base import Access, PlatformAdapter
from campaign_automation.adapters.common.outcomes import Looked, left_open, looked_up
from campaign_automation.models.common import AdAccount, Level
from campaign_automation.utils.error_handler import PlatformError, PlatformRejectedError
from tests.support import google, tiktok
from tests.support.sandbox import Sandbox

T = TypeVar("T")
LISTS = {Level.CAMPAIGN: "list_campaigns", Level.ADSET: "list_adsets", Level.AD: "list_ads"}


@dataclass
class House:
    """An adapter with a campaign of three ad sets on its sandbox."""

    platform: str
    adapter: PlatformAdapter
    access: Access
    account: AdAccount
    campaign_id: str
    ids: dict[Level, list[str]]

    def statuses(self, level: Level) -> dict[str, str]:
        tree = run(self.adapter.read_tree(self.access, self.campaign_id, "USD"))
        return {node.platform_id: node.status for node in (tree.adsets if level is Level.ADSET else tree.ads)}


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


def google_house(ports: dict[str, int]) -> House:
    adapter = google.adapter(ports["google_port"])
    made = run(google.create_tree(adapter))
    adsets = [made.ids[item.tag] for item in made.plan.adsets]
    ads = [made.ids[item.tag] for item in made.plan.ads]
    ids = {Level.CAMPAIGN: [made.campaign_id], Level.ADSET: adsets, Level.AD: ads}
    return House("google", adapter, google.ACCESS, made.account, made.campaign_id, ids)


def tiktok_house(ports: dict[str, int]) -> House:
    bench = tiktok.Bench(f"http://127.0.0.1:{ports['port']}")
    made = bench.create_all(age_groups=[[18, 34], [35, 54], [55, 65]], daily_budget=300)
    ids = {level: made.ids(level) for level in LISTS}
    return House("tiktok", bench.adapter, bench.access, made.account, made.campaign_id, ids)


@pytest.fixture(params=[google_house, tiktok_house], ids=["google", "tiktok"])
def house(request: pytest.FixtureRequest, ports: dict[str, int], control: Sandbox) -> House:
    control.reset()
    made: House = request.param(ports)
    return made


@pytest.mark.parametrize("level", [Level.ADSET, Level.AD])
def test_statuses_that_nothing_names_are_looked_up_before_anything_else(
    house: House, control: Sandbox, level: Level
) -> None:
    ids = house.ids[level]
    before = len(control.calls(house.platform))
    control.fault(house.platform, f"update_{level}", "partial_unnamed")

    outcomes = run(house.adapter.set_status(house.access, level, ids, "active"))

    assert [item.error is None for item in outcomes] == [True] * (len(ids) - 1) + [False]
    last = outcomes[-1].error
    assert isinstance(last, PlatformError)
    assert "outcome_unknown" not in last.details
    operations = [call["operation"] for call in control.calls(house.platform)[before:]]
    assert operations == [f"update_{level}", LISTS[level]]
    stored = house.statuses(level)
    assert [stored[item] for item in ids] == ["active"] * (len(ids) - 1) + ["paused"]


def test_removals_that_nothing_names_are_looked_up(house: House, control: Sandbox) -> None:
    ids = house.ids[Level.AD]
    control.fault(house.platform, "delete_ad", "partial_unnamed")
    outcomes = run(house.adapter.remove(house.access, Level.AD, ids))
    assert [item.error is None for item in outcomes] == [True] * (len(ids) - 1) + [False]
    assert list(house.statuses(Level.AD)) == ids[-1:]
    again = run(house.adapter.remove(house.access, Level.AD, ids))
    assert [item.error for item in again] == [None] * len(ids)


def test_a_removal_that_was_not_done_is_never_taken_for_one_that_was(house: House, control: Sandbox) -> None:
    """The reason that is told is that of another object, which was removed before."""
    gone, alive = house.ids[Level.AD][:2]
    run(house.adapter.remove(house.access, Level.AD, [gone]))
    control.fault(house.platform, "delete_ad", "partial_unnamed")
    outcomes = run(house.adapter.remove(house.access, Level.AD, [gone, alive]))
    stored = house.statuses(Level.AD)
    assert (outcomes[0].error is None, outcomes[1].error is None) == (True, alive not in stored)


def test_several_that_were_not_done_are_failures_in_passing() -> None:
    reason = PlatformRejectedError("google: gone", platform="google", code="5000", platform_code="x")

    async def none_done(_: Any) -> Looked:
        return Looked(())

    for tags, code in ((["1"], "5000"), (["1", "2"], "4002")):
        outcomes = run(looked_up([left_open("google", tag, reason) for tag in tags], none_done))
        assert {item.error.code for item in outcomes if item.error} == {code}
        assert not [item for item in outcomes if item.error and item.error.details.get("outcome_unknown")]


def test_budgets_that_nothing_names_are_looked_up(house: House, control: Sandbox) -> None:
    level = house.adapter.budget_level
    wishes = dict.fromkeys(house.ids[level], Decimal(120))
    control.fault(house.platform, f"update_{level}", "partial_unnamed")
    outcomes = run(house.adapter.set_budgets(house.access, house.account, level, wishes))
    # Whichever request came first: they are sent at once.
    assert sorted(item.error is None for item in outcomes) == [False] + [True] * (len(wishes) - 1)
    again = run(house.adapter.set_budgets(house.access, house.account, level, wishes))
    assert [item.error for item in again] == [None] * len(wishes)


def test_an_outcome_that_cannot_be_looked_up_stays_unknown(house: House, control: Sandbox) -> None:
    ids = house.ids[Level.ADSET]
    control.fault(house.platform, "update_adset", "partial_unnamed")
    control.fault(house.platform, "list_adsets", "http_500")
    outcomes = run(house.adapter.set_status(house.access, Level.ADSET, ids, "active"))
    unknown = [bool(item.error and item.error.details.get("outcome_unknown")) for item in outcomes]
    # Google answers a done operation with its resource's name, so only the others are open.
    assert unknown == [house.platform == "tiktok"] * (len(ids) - 1) + [True]
