"""New daily budgets on TikTok: at once where the day's spend allows it, else from the next account day on.

Source: platforms.md sections 3.3 and 3.4, after "Update an ad group", "Update ad group budgets" and "Update
the budgets of Upgraded Smart+ Ad Groups".
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal

from campaign_automation.adapters.base import Access, BudgetOutcome, Outcome, budget_outcome, failed
from campaign_automation.adapters.tiktok import facts
from campaign_automation.adapters.tiktok.answers import daily_budget, partial_errors, scheduled_budget
from campaign_automation.adapters.tiktok.errors import PLATFORM, is_nothing_to_update
from campaign_automation.adapters.tiktok.reports import chunks
from campaign_automation.adapters.tiktok.requests import number
from campaign_automation.adapters.tiktok.wire import TikTokWire
from campaign_automation.models.common import Level
from campaign_automation.utils.error_handler import PlatformError, PlatformRejectedError

Amounts = Mapping[str, Decimal]
Stored = dict[str, tuple[facts.Family, facts.Params]]
Look = Callable[[Access, Level, Sequence[str]], Awaitable[Stored]]


class TikTokBudgets:
    """`look` tells the family and the stored form of the objects that exist."""

    def __init__(self, wire: TikTokWire, look: Look) -> None:
        self._wire = wire
        self._look = look

    async def set(self, access: Access, level: Level, amounts: Amounts) -> dict[str, BudgetOutcome]:
        """What became of each, by id. The stored budgets are read first: ids do not tell their family, and
        what already is as asked needs no write."""
        try:
            stored = await self._look(access, level, list(amounts))
        except PlatformError as error:
            return {item: budget_outcome(failed(item, error), "now") for item in amounts}
        outcomes = {item: _without_write(item, level, amounts[item], stored) for item in amounts}
        open_ids = [item for item, outcome in outcomes.items() if outcome is None]
        by_family = [
            self._change(access, level, family, amounts, {item: stored[item][1] for item in members})
            for family in ("manual", "smart_plus")
            if (members := [item for item in open_ids if stored[item][0] == family])
        ]
        for changed in await asyncio.gather(*by_family):
            outcomes |= {outcome.platform_id: outcome for outcome in changed}
        return {item: outcome for item, outcome in outcomes.items() if outcome is not None}

    async def _change(
        self,
        access: Access,
        level: Level,
        family: facts.Family,
        amounts: Amounts,
        stored: Mapping[str, facts.Params],
    ) -> list[BudgetOutcome]:
        wanted = {item: amounts[item] for item in stored}
        # The list takes daily budgets at once in Smart+ only, which refuses the other way.
        if (level, family) == (Level.ADSET, "smart_plus"):
            at_once = await self._listed(access, family, "budget", wanted)
        else:
            at_once = await self._alone(access, level, family, wanted)
        done = {outcome.tag: budget_outcome(outcome, "now") for outcome in at_once}
        if level is Level.CAMPAIGN:
            return list(done.values())
        # Refused is a budget under 105 % of what the day has spent: the next day begins at nothing.
        late = [item for item, outcome in done.items() if _is_refusal(outcome.error)]
        # What waits for midnight would undo the budget of now.
        undone = [
            item for item in done if done[item].error is None and scheduled_budget(stored[item]) is not None
        ]
        planned = {item: wanted[item] for item in (*late, *undone)}
        for outcome in await self._listed(access, family, "scheduled_budget", planned):
            done[outcome.tag] = budget_outcome(outcome, "next_day" if outcome.tag in late else "now")
        return list(done.values())

    async def _alone(
        self, access: Access, level: Level, family: facts.Family, amounts: Amounts
    ) -> list[Outcome]:
        """One request each; the wire lets a few through at a time."""
        noun = facts.NOUNS[level]
        path = f"{_prefix(family)}{noun}/update"

        async def change(item: str, amount: Decimal) -> Outcome:
            body = {f"{noun}_id": item, "budget": number(amount)}
            return (await self._send(access, f"update_{level}", path, body, [item]))[0]

        return await asyncio.gather(*(change(item, amount) for item, amount in amounts.items()))

    async def _listed(
        self, access: Access, family: facts.Family, field: str, amounts: Amounts
    ) -> list[Outcome]:
        """Up to 20 in one request. One that is wrong refuses all, so these are then asked one by one."""
        path = f"{_prefix(family)}adgroup/budget/update"
        outcomes: list[Outcome] = []
        for some in chunks(list(amounts), facts.IDS_PER_CHANGE):
            bodies = {item: {"adgroup_id": item, field: number(amounts[item])} for item in some}
            sent = await self._send(access, "update_adset", path, {field: list(bodies.values())}, some)
            if len(some) > 1 and all(_is_refusal(outcome.error) for outcome in sent):
                alone = (
                    self._send(access, "update_adset", path, {field: [body]}, [item])
                    for item, body in bodies.items()
                )
                sent = [outcome for outcomes in await asyncio.gather(*alone) for outcome in outcomes]
            outcomes += sent
        return outcomes

    async def _send(
        self, access: Access, operation: str, path: str, body: facts.Params, ids: Sequence[str]
    ) -> list[Outcome]:
        try:
            answer = await self._wire.change(access, operation, path, body)
        except PlatformError as error:
            if is_nothing_to_update(error):
                return [Outcome(item, item) for item in ids]
            return [failed(item, error) for item in ids]
        undone = partial_errors(answer.data)
        return [changed(item, undone.get(item), answer.request_id) for item in ids]


def changed(platform_id: str, problem: str | None, request_id: str | None) -> Outcome:
    """The outcome of one object of a change; `problem` is what a partly done one says of it."""
    if problem is None:
        return Outcome(platform_id, platform_id, request_id=request_id)
    error = PlatformRejectedError(
        f"tiktok: {problem}", platform=PLATFORM, code="1001", platform_request_id=request_id
    )
    return failed(platform_id, error)


def _without_write(item: str, level: Level, amount: Decimal, stored: Stored) -> BudgetOutcome | None:
    """The outcome, where the stored object already decides it."""
    if item not in stored:
        words = f"tiktok: the {level} {item} does not exist"
        return BudgetOutcome(item, error=PlatformRejectedError(words, platform=PLATFORM, code="5000"))
    data = stored[item][1]
    now = daily_budget(data)
    if not now:
        words = f"tiktok: the {level} {item} has no daily budget of its own"
        error = PlatformRejectedError(words, platform=PLATFORM, code="1001", field="daily_budget")
        return BudgetOutcome(item, error=error)
    is_kept = scheduled_budget(data) in (None, amount)
    return BudgetOutcome(item, "now") if now == amount and is_kept else None


def _is_refusal(error: Exception | None) -> bool:
    return isinstance(error, PlatformRejectedError) and error.code == "1001"


def _prefix(family: facts.Family) -> str:
    return "smart_plus/" if family == "smart_plus" else ""
