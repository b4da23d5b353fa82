"""The messages of campaigns for a Web Platform that was restored from an older copy of itself."""

from __future__ import annotations

import time

from campaign_automation.managers.changes.items import new_run
from campaign_automation.managers.changes.leases import CampaignLeases
from campaign_automation.managers.shared.outbox import Outbox
from campaign_automation.managers.shared.web_platform_record import CREATE
from campaign_automation.stores.campaign_store import CampaignStore
from campaign_automation.stores.operations.tags import TagStore
from campaign_automation.utils.error_handler import CampaignAutomationError
from campaign_automation.utils.observability import internal_error, logger

_ACTOR = "system:outbox"
_REASON = "the Web Platform was restored from a copy"
_SECONDS = 60  # the function that does this also sweeps


class Retelling:
    """The campaigns that the Web Platform may have forgotten, told again whole."""

    def __init__(self, store: CampaignStore, tags: TagStore, outbox: Outbox) -> None:
        self._store = store
        self._tags = tags
        self._leases = CampaignLeases(store, outbox)

    async def since(self, moment: int) -> dict[str, int]:
        """Queue the record and the state of each campaign changed since `moment` (epoch milliseconds).

        The record is looked up before it is made anew. Return how many were queued, and how many were left
        for want of time or because a change goes on: asked again, those that still wait are not queued twice.
        """
        until, counts = time.monotonic() + _SECONDS, {"queued": 0, "left": 0}
        for account in await self._tags.accounts():
            for tenant, campaign_id in sorted(await self._tags.owners(account)):
                try:
                    is_late = time.monotonic() > until
                    counts["queued"] += not is_late and await self._queue(tenant, campaign_id, moment)
                    counts["left"] += is_late
                except CampaignAutomationError as error:
                    logger.warning("not told again", campaign_id=campaign_id, reason=error.message)
                    counts["left"] += 1
                except Exception:  # its row cannot be read: the others are still to be told
                    internal_error("not told again", campaign_id=campaign_id)
        return counts

    async def _queue(self, tenant: str, campaign_id: str, moment: int) -> bool:
        creation = await self._store.load(tenant, campaign_id)
        campaign = None if creation is None else creation.campaign()
        if creation is None or campaign is None or creation.updated_at < moment:
            return False
        recorded = next((entry for entry in creation.outbox if entry.tool == CREATE and entry.sent), None)
        if recorded is None:
            return False  # never told, or about to be
        await self._store.keep_unsent(creation, recorded.model_copy(update={"sent": False, "answer": {}}))
        async with self._leases.held(campaign, new_run(_ACTOR, _REASON)) as held:
            held.saw([campaign.root])  # what is seen is told, as the whole state
        return True
