"""Changes of a campaign's targets, which are kept here alone."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from campaign_automation.managers.changes import records
from campaign_automation.managers.changes.items import Run
from campaign_automation.managers.notices.events import campaign_changed
from campaign_automation.models.campaign import Campaign, Targets
from campaign_automation.models.changes import ChangedItem
from campaign_automation.models.common import Level
from campaign_automation.stores.audit_store import AuditStore
from campaign_automation.stores.campaign_store import CampaignStore


class TargetChanges:
    """The targets of campaigns: kept here and never sent to a platform, recorded like every change."""

    def __init__(self, store: CampaignStore, audit: AuditStore) -> None:
        self._store = store
        self._audit = audit

    async def set(self, campaign: Campaign, values: Mapping[str, Decimal | None], run: Run) -> None:
        before = {name: getattr(campaign, name) for name in Targets.model_fields}
        targets = Targets.model_validate(before | dict(values))
        changes = [records.target_set(campaign, run, name, before[name], values[name]) for name in values]
        await self._store.set_targets(campaign, targets, campaign_changed(campaign, changes))
        await self._audit.conclude(changes)


def target_items(campaign: Campaign, targets: Mapping[str, Decimal | None]) -> list[ChangedItem]:
    """Return the targets of a campaign with the values before and after."""
    return [
        ChangedItem.model_validate(
            {
                "level": Level.CAMPAIGN,
                "id": campaign.tag,
                "platform_id": campaign.root_id,
                "field": name,
                "before": _number(getattr(campaign, name)),
                "after": _number(value),
            }
        )
        for name, value in targets.items()
    ]


def _number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
