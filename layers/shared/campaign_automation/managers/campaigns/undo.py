"""The end of a failed or stopped creation: a whole campaign is kept, paused, anything else is removed."""

from __future__ import annotations

from typing import Any

from campaign_automation.managers.campaigns import wording
from campaign_automation.managers.campaigns.journal import Journal, Planned, campaigns_by_name, raise_first
from campaign_automation.managers.campaigns.splits import Splits
from campaign_automation.managers.changes.commitments import Commitments
from campaign_automation.managers.changes.gate import WriteGate
from campaign_automation.managers.changes.items import DesiredChange, new_run
from campaign_automation.managers.notices.events import campaign_removed, person_needed
from campaign_automation.managers.shared.notices import Notices
from campaign_automation.managers.shared.outbox import Outbox
from campaign_automation.managers.shared.web_platform_record import DELETE
from campaign_automation.models.campaign import Campaign, Creation, OutboxEntry
from campaign_automation.models.common import Level
from campaign_automation.stores.campaign_rows import SECOND_LOOK_MS
from campaign_automation.stores.campaign_store import CampaignStore
from campaign_automation.utils import clock
from campaign_automation.utils.observability import emit


class Undo:
    def __init__(
        self,
        store: CampaignStore,
        journal: Journal,
        splits: Splits,
        commitments: Commitments,
        outbox: Outbox,
        notices: Notices,
    ) -> None:
        self._store = store
        self._journal = journal
        self._splits = splits
        self._commitments = commitments
        self._outbox = outbox
        self._notices = notices

    async def remove_all(self, planned: Planned) -> None:
        """Remove all objects that were made; safe to run again until nothing is left."""
        await self._journal.complete_trail(planned.creation)
        await self._splits.end(planned)
        # All lookups come first, parents before children: an object of unknown outcome is found inside its
        # campaign only while that exists.
        for level in planned.adapter.levels:
            await self._journal.adopt(planned, level, planned.creation.objects)
        for level in reversed(planned.adapter.levels):
            await self._remove_level(planned, level)

    async def _remove_level(self, planned: Planned, level: Level) -> None:
        creation = planned.creation
        ids = [entry.platform_id for entry in creation.made(level) if entry.platform_id]
        if level is Level.CAMPAIGN:
            root = creation.objects[planned.plan.tag]
            second = [(root, item) for item in await campaigns_by_name(planned) if item not in ids]
            await self._journal.clear(planned, second)
        outcomes = await planned.adapter.remove(planned.access, level, ids) if ids else []
        failed = {outcome.tag for outcome in outcomes if outcome.error is not None}
        gone = [
            entry.model_copy(update={"state": "gone"})
            for entry in creation.objects.values()
            if entry.level is level and entry.state != "gone" and entry.platform_id not in failed
        ]
        await self._journal.write(creation, gone)
        await self._journal.record_removed(creation, [entry for entry in gone if entry.platform_id])
        raise_first(outcomes)

    async def finish(self, creation: Creation, failure: dict[str, Any]) -> None:
        """Store that nothing is left, which frees the idempotency key."""
        messages: list[OutboxEntry] = []
        if creation.outbox and all(entry.tool != DELETE for entry in creation.outbox):
            messages = self._outbox.entry(creation, DELETE, {})
        events = [campaign_removed(creation)] if creation.recorded else []
        if not await self._store.finish(
            creation, "rolled_back", failure=failure, outbox=messages, events=events
        ):
            return  # another process ended it meanwhile
        if creation.account is not None:
            await self._commitments.release(creation.tenant, creation.account, creation.campaign_id)
        emit("compensations_total", outcome="rolled_back")
        if creation.outbox:
            await self._outbox.tell(creation.tenant, creation.campaign_id)

    async def keep(self, creation: Creation, campaign: Campaign, gate: WriteGate) -> None:
        """Pause a whole campaign whose start was stopped, and end its creation as created.

        The stop stands for some minutes more: a request of the start may still arrive, and the next visit
        then pauses again. Raises the platform's error when it could not be paused.
        """
        run_id = f"run_{creation.campaign_id}_stop"
        run = new_run(creation.context.actor, wording.STOP_REASON, run_id=run_id)
        pause = DesiredChange(Level.CAMPAIGN, campaign.tag, "status", "paused")
        for item in await gate.apply(campaign, [pause], run):
            if item.error is not None:
                raise item.error
        warnings = [*creation.warnings, wording.STARTS_STOPPED]
        due = clock.now_ms() + SECOND_LOOK_MS
        if await self._store.finish(creation, "created", due=due, warnings=warnings, stop_requested="pause"):
            emit("compensations_total", outcome="paused")

    async def give_up(self, creation: Creation, failure: dict[str, Any]) -> None:
        """Store that a person must know of the rest, which is paused unless it was just activated.

        The reconciler goes on to remove it, not before the platform lets it.
        """
        left = [entry for entry in creation.objects.values() if entry.state != "gone"]
        failure = {**failure, "details": {**failure["details"], "left_behind": [item.name for item in left]}}
        notice = wording.unfinished_undo_notice(creation.campaign_id, creation.spec.platform, len(left))
        notices = self._notices.notice(creation.tenant, f"{creation.campaign_id}-left-behind", notice)
        needed = person_needed(creation.tenant, notices[0].notice_id, notice, creation.campaign_id)
        is_stored = await self._store.finish(
            creation,
            "needs_reconciliation",
            due=creation.undo_at,
            failure=failure,
            notices=notices,
            events=[needed],
        )
        if not is_stored:
            return
        emit("compensations_total", outcome="needs_reconciliation")
        for waiting in notices:
            await self._notices.deliver(waiting.tenant, waiting.notice_id)
