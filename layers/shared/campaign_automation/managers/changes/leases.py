"""The lease of a campaign: one change at a time, and none that outlives a stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from campaign_automation.managers.changes import wording
from campaign_automation.managers.changes.items import Run
from campaign_automation.managers.notices.events import campaign_changed
from campaign_automation.managers.shared.outbox import Outbox
from campaign_automation.models.campaign import Campaign, ObjectEntry, Stop
from campaign_automation.models.changes import AuditRecord
from campaign_automation.stores.campaign_store import CampaignStore
from campaign_automation.stores.table import Operation
from campaign_automation.utils.error_handler import ConflictError, StoreError
from campaign_automation.utils.observability import logger

RUN_SECONDS = 60  # longer than any function that changes things may run on one campaign
_WAIT_SECONDS = 5.0  # a caller waits this long for another change of the campaign to end
_POLL_SECONDS = 0.25
_MOST_ENDINGS = 5
_OVER = -1  # seconds: the lease is free at once, and its run stays on the row


@dataclass
class Held:
    """The lease of one run, and the entries that it saw; a `stop` ends the spend of the whole campaign.

    `follows`: the run that had the campaign when it was loaded, and may have died. A run that `is_unread`
    could not read what it did: it ends as if it had died, so that the next one looks. One that `has_news`
    left a message for the Web Platform, or found one that waits. A stop `is_done` once the platform took it.
    Of the changes `applied`, its own and those of a run that died, programs are told. `commitment` is
    the write of the daily spend from now on, where it is a new one. One that `is_renewed` has just recorded,
    in the write that held the lease for longer, what it is about to send.
    """

    campaign: Campaign
    run: Run
    stop: Stop | None = None
    is_taken_over: bool = False
    follows: str | None = None
    is_unread: bool = False
    has_news: bool = False
    is_done: bool = False
    is_renewed: bool = False
    commitment: Operation | None = None
    seen: dict[str, ObjectEntry] = field(default_factory=dict)
    applied: list[AuditRecord] = field(default_factory=list)

    def saw(self, entries: Iterable[ObjectEntry]) -> None:
        """Take over the entries of objects as the platform shows them."""
        new = {entry.tag: entry for entry in entries}
        self.seen |= new
        self.campaign.objects |= new

    def concluded(self, records: Iterable[AuditRecord]) -> None:
        """Note what became of changes."""
        self.applied += [record for record in records if record.outcome == "applied"]

    @property
    def stops(self) -> bool:
        return self.stop is not None


class CampaignLeases:
    """The leases of campaigns, each held by one run at a time."""

    def __init__(self, store: CampaignStore, outbox: Outbox) -> None:
        self._store = store
        self._outbox = outbox

    @asynccontextmanager
    async def held(self, campaign: Campaign, run: Run, stop: Stop | None = None) -> AsyncIterator[Held]:
        """Hold the campaign's lease for one change at a time: caps would not hold between two.

        A run that stops the campaign takes the lease from one that does not give it back in time. The entries
        that the body adds to `seen` are stored, with the message to the Web Platform.
        """
        held = Held(campaign, run, stop)
        await self._begin(held)
        try:
            yield held
        finally:
            await self._end(held)

    async def _begin(self, held: Held) -> None:
        campaign, run = held.campaign, held.run
        held.follows = None if campaign.run_id == run.run_id else campaign.run_id
        if await self._store.begin_run_unchanged(campaign, run.run_id, RUN_SECONDS, stops=held.stops):
            return
        for _ in range(int(_WAIT_SECONDS / _POLL_SECONDS)):
            holder = await self._store.begin_run(campaign, run.run_id, RUN_SECONDS, stops=held.stops)
            if holder is None:
                break
            if held.stop:
                await self._store.request_stop(campaign, held.stop)
            await asyncio.sleep(_POLL_SECONDS)
        else:
            if not held.stop:
                raise ConflictError(wording.BUSY, retryable=True, retry_after=2, run_id=holder)
            # The holder died, or hangs in one request; it sends no other, as it has lost the lease.
            logger.warning("lease taken over", campaign_id=campaign.campaign_id, run_id=holder)
            await self._store.take_run(campaign, run.run_id, RUN_SECONDS)
            held.is_taken_over = True
        # The caller loaded the campaign before it had the lease; the run before may have changed it since.
        fresh = await self._store.campaign(campaign.tenant, campaign.campaign_id)
        if fresh is not None:
            campaign.objects = fresh.objects
            campaign.outbox = fresh.outbox
            campaign.state = fresh.state

    async def _end(self, held: Held) -> None:
        campaign, run = held.campaign, held.run
        if held.is_unread:
            await self._store.renew_run(campaign, run.run_id, _OVER, stops=True)
            return
        # The objects of a creation count as deleted once all of them are gone.
        is_deleted = campaign.root.status == "deleted" and campaign.state != "creating"
        parts: dict[str, Any] = {"state": "deleted"} if is_deleted else {}
        # A request of the run that lost its lease may still arrive: the stop stands until that is ruled out,
        # and while the platform refuses it or cannot be reached.
        is_stopped = held.stops and held.is_done and not held.is_taken_over and campaign.state != "creating"
        events = campaign_changed(campaign, held.applied)
        for _ in range(_MOST_ENDINGS):
            # A run that died may have stored what it saw and sent no message: the state is told again.
            is_news = held.seen or held.follows
            message = self._outbox.change(campaign) if is_news else None
            if await self._store.end_run(
                campaign,
                run.run_id,
                seen=held.seen.values(),
                message=message,
                events=events,
                is_stopped=is_stopped,
                commitment=held.commitment,
                **parts,
            ):
                held.has_news = message is not None or any(entry.is_waiting for entry in campaign.outbox)
                return
            fresh = await self._store.campaign(campaign.tenant, campaign.campaign_id)
            if fresh is None or fresh.run_id != run.run_id:
                # The lease was over and another run has it: that one reads the platform for itself.
                logger.warning("run outlived its claim", campaign_id=campaign.campaign_id, run_id=run.run_id)
                await self._store.add_events(events)
                return
            campaign.outbox = fresh.outbox  # another process took the message's number
        raise StoreError(wording.NOT_CONCLUDED)

    def renewal(self, held: Held) -> Operation:
        """Return the write that holds the lease for longer, to be made with others."""
        return self._store.renewal(held.campaign, held.run.run_id, RUN_SECONDS, stops=held.stops)

    async def renew(self, held: Held) -> None:
        """Hold the lease for longer. Raises ConflictError when it is lost, or the campaign was stopped."""
        if held.is_renewed:
            held.is_renewed = False  # once: a later attempt looks again
            return
        run_id = held.run.run_id
        if not await self._store.renew_run(held.campaign, run_id, RUN_SECONDS, stops=held.stops):
            raise ConflictError(wording.STOPPED, retryable=False)
