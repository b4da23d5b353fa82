"""Changes of a campaign that people ask for; budgets and settings pass the gate, targets are ours alone."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from campaign_automation.adapters.base import PlatformAdapter
from campaign_automation.managers.campaign_manager import CampaignManager
from campaign_automation.managers.changes.control import raise_failure
from campaign_automation.managers.changes.gate import WriteGate
from campaign_automation.managers.changes.items import (
    ChangeResult,
    DesiredChange,
    Run,
    changed_items,
    failed_items,
    is_confirmed,
    new_run,
    skipped_items,
    status_of,
)
from campaign_automation.managers.changes.targets import TargetChanges, target_items
from campaign_automation.managers.changes.wording import CAMPAIGN_DELETED, updated_message
from campaign_automation.managers.updates.budgets import wanted_budgets
from campaign_automation.managers.updates.settings import wanted_settings
from campaign_automation.models.campaign import Campaign, Targets
from campaign_automation.models.changes import CampaignUpdated, UpdateCampaign
from campaign_automation.models.common import Context
from campaign_automation.utils.error_handler import ConflictError


class Updated(NamedTuple):
    """The answer, with the campaign as it was before, the run, its results and the targets that were new."""

    answer: CampaignUpdated
    campaign: Campaign
    run: Run
    items: list[ChangeResult]
    targets: dict[str, Decimal]


class CampaignUpdates:
    def __init__(
        self,
        campaigns: CampaignManager,
        gate: WriteGate,
        targets: TargetChanges,
        adapters: Mapping[str, PlatformAdapter],
    ) -> None:
        self._campaigns = campaigns
        self._gate = gate
        self._targets = targets
        self._adapters = adapters

    async def update(self, request: UpdateCampaign, context: Context) -> CampaignUpdated:
        """Set budgets and settings through the gate, then the targets; where all was refused, no target.

        Raises InvalidRequestError for what cannot be set, GuardRefusedError when a guard held back all of it,
        the platform's error when it refused all of it.
        """
        return (await self._update(request, context)).answer

    async def plan(self, request: UpdateCampaign, context: Context) -> Updated:
        """Find what `update` would change and write nothing."""
        return await self._update(request.model_copy(update={"mode": "act", "dry_run": True}), context)

    async def _update(self, request: UpdateCampaign, context: Context) -> Updated:
        campaign = await self._campaigns.load_created(context.user_id, request.campaign_id)
        if campaign.state == "deleted":
            raise ConflictError(CAMPAIGN_DELETED, field="campaign_id")
        run = new_run(context.actor, request.reason, began_ms=context.asked_ms)
        items: list[ChangeResult] = []
        if request.is_for_platform:
            wanted = await self._wanted(campaign, request)
            items = await self._gate.apply(campaign, wanted, run, dry_run=request.dry_run)
            if not all(item.result == "already" for item in items):
                raise_failure(items, items)
        targets = {name: value for name, value in request.targets.items() if value != getattr(campaign, name)}
        if targets and not request.dry_run:
            await self._targets.set(campaign, targets, run)
        changed = [*changed_items(items), *target_items(campaign, targets)]
        now = {name: getattr(campaign, name) for name in Targets.model_fields}
        answer = CampaignUpdated(
            status=status_of(items),
            confirmed=is_confirmed(items),
            campaign_id=campaign.campaign_id,
            **(now if request.dry_run else now | targets),
            run_id=None if request.dry_run else run.run_id,
            changed=changed,
            skipped=skipped_items(items),
            failed=failed_items(items),
            message=updated_message([item.field for item in changed], dry_run=request.dry_run),
        )
        return Updated(answer, campaign, run, items, targets)

    async def _wanted(self, campaign: Campaign, request: UpdateCampaign) -> list[DesiredChange]:
        view = await self._gate.look(campaign)
        if view.unseen is not None:
            raise view.unseen
        adapter = self._adapters[campaign.platform]
        return [
            *wanted_budgets(campaign, view, request),
            *wanted_settings(campaign, view, request, adapter),
        ]
