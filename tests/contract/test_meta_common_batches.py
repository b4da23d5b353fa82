"""Changes of ad sets: those of one campaign singly, those of several campaigns in common batches."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from campaign_automation.adapters.base import BudgetOutcome
from campaign_automation.adapters.meta_adapter import MetaAdapter
from campaign_automation.models.common import Level
from tests.support import meta
from tests.support.sandbox import Sandbox

CAMPAIGNS, ADSETS = 5, 3


@pytest.fixture(autouse=True)
def _seeded(control: Sandbox) -> None:
    control.reset()


async def set_budgets(adapter: MetaAdapter, *campaigns: list[str]) -> list[list[BudgetOutcome]]:
    """Change the budgets of campaigns at once, each by a call of its own."""
    account = await adapter.describe_account(meta.ACCESS)
    return await asyncio.gather(
        *(
            adapter.set_budgets(meta.ACCESS, account, Level.ADSET, dict.fromkeys(ids, Decimal(40)))
            for ids in campaigns
        )
    )


async def made(adapter: MetaAdapter) -> list[list[str]]:
    """The ad sets of each campaign."""
    return [(await meta.create_adsets(adapter))[1] for _ in range(CAMPAIGNS)]


def requests(control: Sandbox, operation: str) -> tuple[int, int]:
    """The calls of an operation that were made singly, and in batches."""
    calls = [call for call in control.calls("meta") if call["operation"] == operation]
    batched = sum(call["batched"] for call in calls)
    return len(calls) - batched, batched


def test_one_campaigns_ad_sets_share_no_batch(process: str, control: Sandbox) -> None:
    async def change() -> list[list[BudgetOutcome]]:
        adapter = meta.adapter(process)
        return await set_budgets(adapter, (await made(adapter))[0])

    (outcomes,) = asyncio.run(change())
    assert [item.effective for item in outcomes] == ["now"] * ADSETS
    assert requests(control, "update_adset") == (ADSETS, 0)


def test_those_of_several_campaigns_go_together(process: str, control: Sandbox) -> None:
    async def change() -> list[list[BudgetOutcome]]:
        adapter = meta.adapter(process)
        return await set_budgets(adapter, *await made(adapter))

    answered = asyncio.run(change())
    assert [item.error for outcomes in answered for item in outcomes] == [None] * CAMPAIGNS * ADSETS
    assert {adset["daily_budget"] for adset in control.live("meta", "adsets")} == {4000}
    singly, batched = requests(control, "update_adset")
    assert singly + batched == CAMPAIGNS * ADSETS
    assert batched >= 10  # but the calls that find nobody to wait with


def test_a_caller_that_is_cut_off_sends_nothing_more_and_holds_up_nobody(
    process: str, control: Sandbox
) -> None:
    async def change() -> list[BudgetOutcome]:
        adapter = meta.adapter(process)
        first, second, *_ = await made(adapter)
        account = await adapter.describe_account(meta.ACCESS)
        control.late_by(meta=50)
        many = dict.fromkeys([*first, *(f"999{number}" for number in range(20))], Decimal(40))
        cut = asyncio.create_task(adapter.set_budgets(meta.ACCESS, account, Level.ADSET, many))
        await asyncio.sleep(0)
        cut.cancel()
        wanted = dict.fromkeys(second, Decimal(40))
        outcomes = await adapter.set_budgets(meta.ACCESS, account, Level.ADSET, wanted)
        with pytest.raises(asyncio.CancelledError):
            await cut
        return outcomes

    outcomes = asyncio.run(change())
    assert [item.effective for item in outcomes] == ["now"] * ADSETS
    calls = [call for call in control.calls("meta") if call["operation"].startswith("update_")]
    assert len(calls) < 10


def test_a_refusal_is_that_ad_sets_alone(process: str, control: Sandbox) -> None:
    async def change() -> list[list[BudgetOutcome]]:
        adapter = meta.adapter(process)
        campaigns = await made(adapter)
        control.fault("meta", "update_adset", "policy", nth=7)
        return await set_budgets(adapter, *campaigns)

    answered = asyncio.run(change())
    errors = [item.error.code for outcomes in answered for item in outcomes if item.error]
    assert errors == ["6005"]
