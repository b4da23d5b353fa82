"""Changes of what exists on Google: outcomes of operations, campaigns' settings, ads' texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from campaign_automation.adapters.base import Access, Outcome, failed
from campaign_automation.adapters.common.outcomes import Look, Looked, looked_up, with_gone_removed
from campaign_automation.adapters.google import answers, queries, requests
from campaign_automation.adapters.google.messages import Operation
from campaign_automation.adapters.google.options import texts
from campaign_automation.adapters.google.wire import GoogleWire
from campaign_automation.models.common import AdAccount, Level, Objective
from campaign_automation.models.creation.settings import CampaignSetting, Copy
from campaign_automation.utils.error_handler import PlatformError, PlatformRejectedError


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


async def change_copies(wire: GoogleWire, access: Access, ad_ids: Sequence[str], copy: Copy) -> list[Outcome]:
    """Give ads other lines; they stay the ads that they are, with their figures."""
    shown = {answers.ad_id(row): row.ad_group_ad.ad for row in await _ads(wire, access, ad_ids)}
    kinds = {item: kind for item, ad in shown.items() if (kind := texts.kind_of(ad))}
    customer_id = access.platform_account_id
    operations = [texts.copy_operation(customer_id, item, kind, copy) for item, kind in kinds.items()]

    async def look(ids: Sequence[str]) -> Looked:
        rows = await _ads(wire, access, ids)
        return Looked({answers.ad_id(row) for row in rows if texts.lines_shown(row.ad_group_ad.ad) == copy})

    changed = await change_each(wire, access, "update_ad", operations, list(kinds), look)
    gone = [failed(item, answers.gone(item)) for item in ad_ids if item not in shown]
    return [*changed, *gone, *(failed(item, _not_edited(item)) for item in shown.keys() - kinds.keys())]


async def _ads(wire: GoogleWire, access: Access, ad_ids: Sequence[str]) -> list[Any]:
    names = [requests.resource_name(access.platform_account_id, Level.AD, item) for item in ad_ids]
    return await wire.search(access, "list_ads", queries.copies_of(names))


def _not_edited(ad_id: str) -> PlatformRejectedError:
    problem = "is of a kind whose texts are not edited here; add another ad and pause this one"
    return PlatformRejectedError(f"google: the ad {ad_id} {problem}", platform="google", code="4005")


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
        setting: CampaignSetting,
    ) -> list[Outcome]:
        return [await self._change(access, account, objective, item, setting) for item in campaign_ids]

    async def _change(
        self,
        access: Access,
        account: AdAccount,
        objective: Objective,
        campaign_id: str,
        setting: CampaignSetting,
    ) -> Outcome:
        rows = await self._rows(access, campaign_id)
        if not rows:
            return failed(campaign_id, answers.gone(campaign_id))
        goal = answers.goal_of(rows[0], objective)
        customer_id = access.platform_account_id
        operation = requests.setting_operation(customer_id, campaign_id, setting, account, goal)

        async def look(ids: Sequence[str]) -> Looked:
            shown = await self._rows(access, campaign_id)
            return Looked(ids if shown and answers.has_setting(shown[0], setting) else ())

        changed = await change_each(self._wire, access, "update_campaign", [operation], [campaign_id], look)
        return changed[0]

    async def _rows(self, access: Access, campaign_id: str) -> list[Any]:
        query = queries.of_campaign(queries.CAMPAIGN, campaign_id)
        return await self._wire.search(access, "read_campaign", query)
