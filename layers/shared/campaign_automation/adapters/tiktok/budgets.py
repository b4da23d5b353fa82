"""New daily budgets on TikTok: at once where the day's spend allows it, else from the next account day on.

Source: platforms.md sections 3.3 and 3.4, after "Update an ad group", "Update ad group budgets" and "Update
the budgets of Upgraded Smart+ Ad Groups".
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import partial

from campaign_automation.adapters.base import Access, BudgetOutcome, Outcome, failed
from campaign_automation.adapters.common.budgets import Amounts, BudgetOutcomes, budget_outcome
from campaign_automation.adapters.common.listings import chunks
from campaign_automation.adapters.common.outcomes import Look, Looked, looked_up
from campaign_automation.adapters.common.reading import UNREADABLE
from campaign_automation.adapters.tiktok import facts
from campaign_automation.adapters.tiktok.answers import daily_budget, scheduled_budget
from campaign_automation.adapters.tiktok.errors import is_nothing_to_update, unavailable
from campaign_automation.adapters.tiktok.facts import PLATFORM
from campaign_automation.adapters.tiktok.objects import Stored, TikTokObjects, path_of
from campaign_automation.adapters.tiktok.outcomes import change_outcomes
from campaign_automation.adapters.tiktok.requests import number
from campaign_automation.adapters.tiktok.wire import TikTokWire
from campaign_automation.models.common import Level
from campaign_automation.utils.error_handler import PlatformError, PlatformRejectedError


class TikTokBudgets:
    """Budget changes of an account's campaigns and ad groups, which `objects` reads."""

    def __init__(self, wire: TikTokWire, objects: TikTokObjects) -> None:
        self._wire = wire
        self._objects = objects

    async def set(self, access: Access, level: Level, amounts: Amounts) -> BudgetOutcomes:
        """Set the budgets, and return one outcome per id."""
        # Ids do not tell their family, and a budget that is as asked needs no write: so all are read first.
        try:
            stored = await self._objects.stored(access, level, list(amounts))
        except PlatformError as error:
            return {item: budget_outcome(failed(item, error), "now") for item in amounts}
        outcomes = {item: _without_write(item, level, amounts[item], stored) for item in amounts}
        open_ids = [item for item, outcome in outcomes.items() if outcome is None]
        by_family = [
            self._change(access, level, family, amounts, {item: stored.found[item][1] for item in members})
            for family in ("manual", "smart_plus")
            if (members := [item for item in open_ids if stored.family_of(item) == family])
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
        """Change now, at the account's next midnight where the day's spend forbids it now."""
        wanted = {item: amounts[item] for item in stored}
        # adgroup/budget/update/ takes daily budgets at once in Smart+ only, which refuses adgroup/update/.
        if (level, family) == (Level.ADSET, "smart_plus"):
            at_once = await self._listed(access, family, "budget", wanted)
        else:
            at_once = await self._alone(access, level, family, wanted)
        done = {outcome.tag: budget_outcome(outcome, "now") for outcome in at_once}
        if level is Level.CAMPAIGN:
            return list(done.values())
        # TikTok refuses a budget under 105 % of the day's spend; the next day begins without any.
        late = [item for item, outcome in done.items() if _is_refusal(outcome.error)]
        # A budget that still waits for midnight would undo the new one.
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
        """Set each budget in a request of its own."""
        noun = facts.NOUNS[level]
        path = path_of(level, family, "update")

        async def change(item: str, amount: Decimal) -> Outcome:
            body = {f"{noun}_id": item, "budget": number(amount)}
            look = partial(self._with_budget, access, level, "budget", amounts)
            return (await self._send(access, f"update_{level}", path, body, [item], look))[0]

        return await asyncio.gather(*(change(item, amount) for item, amount in amounts.items()))

    async def _listed(
        self, access: Access, family: facts.Family, field: str, amounts: Amounts
    ) -> list[Outcome]:
        """Set up to 20 budgets in one request."""
        path = path_of(Level.ADSET, family, "budget/update")
        look = partial(self._with_budget, access, Level.ADSET, field, amounts)
        outcomes: list[Outcome] = []
        for some in chunks(list(amounts), facts.IDS_PER_CHANGE):
            bodies = {item: {"adgroup_id": item, field: number(amounts[item])} for item in some}
            sent = await self._send(access, "update_adset", path, {field: list(bodies.values())}, some, look)
            # One wrong budget refuses all of them: then each is asked for itself.
            if len(some) > 1 and all(_is_refusal(outcome.error) for outcome in sent):
                alone = (
                    self._send(access, "update_adset", path, {field: [body]}, [item], look)
                    for item, body in bodies.items()
                )
                sent = [outcome for outcomes in await asyncio.gather(*alone) for outcome in outcomes]
            outcomes += sent
        return outcomes

    async def _with_budget(
        self, access: Access, level: Level, field: str, amounts: Amounts, ids: Sequence[str]
    ) -> Looked:
        """Return those of the ids that have the amount as their budget, or as the one for tomorrow."""
        read = scheduled_budget if field == "scheduled_budget" else daily_budget
        noun = facts.NOUNS[level]
        stored = await self._objects.stored(access, level, ids)
        return stored.looked(ids, lambda data: read(data) == amounts[str(data[f"{noun}_id"])])

    async def _send(
        self,
        access: Access,
        operation: str,
        path: str,
        body: facts.Params,
        ids: Sequence[str],
        look: Look,
    ) -> list[Outcome]:
        try:
            answer = await self._wire.change(access, operation, path, body)
        except PlatformError as error:
            if is_nothing_to_update(error):
                return [Outcome(item, item) for item in ids]
            return [failed(item, error) for item in ids]
        return await looked_up(change_outcomes(ids, answer), look)


def _without_write(item: str, level: Level, amount: Decimal, stored: Stored) -> BudgetOutcome | None:
    """The outcome, where the stored object already decides it; None where a write is needed."""
    if item not in stored.found:
        return BudgetOutcome(item, error=stored.refusal(level, item))
    data = stored.found[item][1]
    try:
        now, scheduled = daily_budget(data), scheduled_budget(data)
    except UNREADABLE:
        problem = f"{PLATFORM}: the budget of the {level} {item} is set to something that is not known here"
        return BudgetOutcome(item, error=unavailable(problem))
    if not now:
        problem = f"tiktok: the {level} {item} has no daily budget of its own"
        error = PlatformRejectedError(problem, platform=PLATFORM, code="1001", field="daily_budget")
        return BudgetOutcome(item, error=error)
    return BudgetOutcome(item, "now") if now == amount and scheduled in (None, amount) else None


def _is_refusal(error: Exception | None) -> bool:
    return isinstance(error, PlatformRejectedError) and error.code == "1001"
