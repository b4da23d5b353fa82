"""The course of setting daily budgets, the same on every platform."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from decimal import Decimal
from typing import Literal

from campaign_automation.adapters.base import BudgetOutcome, Outcome
from campaign_automation.models.common import AdAccount, Level
from campaign_automation.utils.error_handler import InvalidRequestError

Amounts = Mapping[str, Decimal]
BudgetOutcomes = dict[str, BudgetOutcome]
Change = Callable[[Amounts], Awaitable[Mapping[str, BudgetOutcome]]]

OWNERS = (Level.CAMPAIGN, Level.ADSET)


async def set_budgets(
    platform: str,
    account: AdAccount,
    level: Level,
    budgets: Amounts,
    change: Change,
    *,
    owners: Collection[Level] = OWNERS,
    reason: str = "",
) -> list[BudgetOutcome]:
    """Refuse a wrong level and wrong amounts, hand the rest to `change`, and answer in the order asked.

    `owners` are the levels that can have a budget; `reason` is added to the refusal of another level.
    `change` is not called when nothing is left to set.
    """
    if level not in owners:
        outcomes = _wrong_level(platform, level, budgets, f"an {level} has no budget{reason}")
    else:
        outcomes = _wrong_amounts(platform, account, budgets)
        asked = {item: amount for item, amount in budgets.items() if item not in outcomes}
        outcomes |= await change(asked) if asked else {}
    return [outcomes[item] for item in budgets]


def budget_outcome(outcome: Outcome, effective: Literal["now", "next_day"]) -> BudgetOutcome:
    """The outcome of a request that set a budget; `effective` applies if it worked."""
    when = effective if outcome.error is None else None
    return BudgetOutcome(outcome.tag, when, outcome.error, outcome.request_id)


def _wrong_amounts(platform: str, account: AdAccount, budgets: Amounts) -> BudgetOutcomes:
    """Refusals of the amounts that are not a positive multiple of the account's `budget_step`."""
    step = account.budget_step
    return {
        item: BudgetOutcome(
            item,
            error=InvalidRequestError(
                f"daily_budget: {amount} {account.currency} is not a positive multiple of {step}",
                field="daily_budget",
                platform=platform,
            ),
        )
        for item, amount in budgets.items()
        if not amount.is_finite() or amount <= 0 or amount % step
    }


def _wrong_level(platform: str, level: Level, items: Iterable[str], problem: str) -> BudgetOutcomes:
    """Refusals of all items: objects of this level have no budget of their own."""
    error = InvalidRequestError(f"{platform}: {problem}", field="level", platform=platform, level=str(level))
    return {item: BudgetOutcome(item, error=error) for item in items}
