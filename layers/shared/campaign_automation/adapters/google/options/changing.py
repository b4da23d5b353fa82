"""Changes of what exists on Google: each operation with an outcome of its own, and a campaign's settings."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from campaign_automation.adapters.base import Access, Outcome, failed
from campaign_automation.adapters.common.outcomes import Look, looked_up, with_gone_removed
from campaign_automation.adapters.google import answers, queries, requests
from campaign_automation.adapters.google.messages import Operation
from campaign_automation.adapters.google.wire import GoogleWire
from campaign_automation.models.common import AdAccount, Objective
from campaign_automation.models.creation.settings import Setting
from campaign_automation.utils.error_handler import PlatformError


async def change_each(
    wire: GoogleWire,
    access: Access,
    operation: str,
    operations: Sequence[Operation],
    ids: Sequence[str],
    look: Look,
    is_done: Callable[[Outcome], bool] = lambda _: False,
) -> list[Outcome]:
    """Do each operation that can be done, and return one outcome per id.

    `is_done` tells the refusals that count as done, `look` decides what Google left open.
    """
    if not operations:
        return []
    try:
        response, request_id = await wire.mutate_each(access, operation, operations)
    except PlatformError as error:
        return with_gone_removed([failed(item, error) for item in ids], is_done)
    outcomes = with_gone_removed(answers.outcomes_of(response, ids, request_id), is_done)
    return await looked_up(outcomes, look)


class GoogleSettings:
    """Names, ends and biddings, all of which belong to campaigns."""

    def __init__(self, wire: GoogleWire) -> None:
        self._wire = wire

    async def change(
        self,
        access: Access,
        account: AdAccount,
        objective: Objective,
        campaign_ids: Sequence[str],
        setting: Setting,
    ) -> list[Outcome]:
        return [await self._change(access, account, objective, item, setting) for item in campaign_ids]

    async def _change(
        self, access: Access, account: AdAccount, objective: Objective, campaign_id: str, setting: Setting
    ) -> Outcome:
        rows = await self._rows(access, campaign_id)
        if not rows:
            return failed(campaign_id, answers.gone(campaign_id))
        goal = answers.goal_of(rows[0], objective)
        customer_id = access.platform_account_id
        operation = requests.setting_operation(customer_id, campaign_id, setting, account, goal)

        async def look(ids: Sequence[str]) -> Collection[str]:
            shown = await self._rows(access, campaign_id)
            return ids if shown and answers.has_setting(shown[0], setting) else ()

        changed = await change_each(self._wire, access, "update_campaign", [operation], [campaign_id], look)
        return changed[0]

    async def _rows(self, access: Access, campaign_id: str) -> list[Any]:
        query = queries.of_campaign(queries.CAMPAIGN, campaign_id)
        return await self._wire.search(access, "read_campaign", query)
