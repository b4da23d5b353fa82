"""The one gate for changes of what exists on a platform, from a person, an agent or a rule.

claim the campaign -> read the platform -> settle open intents -> guard -> record the intent -> send
-> read the platform again -> conclude the record -> tell the Web Platform

Nothing is sent before its intent is recorded, and no outcome counts before it is read back. All values are
absolute (paused, 25.00), so a value that is sent twice changes nothing twice.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal

from campaign_automation.adapters.base import Access
from campaign_automation.managers.changes import records, wording
from campaign_automation.managers.changes.commitments import Commitments
from campaign_automation.managers.changes.guards import Limits, check_switch, check_wanted
from campaign_automation.managers.changes.items import (
    ChangeResult,
    DesiredChange,
    Result,
    Run,
    Sending,
    Shown,
    Unanswered,
    adset_entries,
    entries_seen,
    planned_values,
    request_of,
    stop_of,
)
from campaign_automation.managers.changes.leases import CampaignLeases, Held
from campaign_automation.managers.changes.looking import PATIENCE, depth_of, look_after, look_at
from campaign_automation.managers.shared.outbox import Outbox
from campaign_automation.managers.shared.platform_access import PlatformAccount, Platforms
from campaign_automation.managers.shared.switches import KILL_SWITCH, Switches
from campaign_automation.managers.shared.view import CampaignView
from campaign_automation.models.campaign import Campaign
from campaign_automation.models.changes import AuditRecord
from campaign_automation.models.common import Level
from campaign_automation.models.creation.settings import End
from campaign_automation.stores.audit_store import AuditStore, audit_ids, id_at
from campaign_automation.stores.campaign_store import CampaignStore
from campaign_automation.utils.clock import now_ms
from campaign_automation.utils.error_handler import (
    CampaignAutomationError,
    ConflictError,
    GuardRefusedError,
    PlatformError,
    error_body,
    not_in_time,
)
from campaign_automation.utils.observability import emit, logger
from campaign_automation.utils.retry_strategy import time_limit
from campaign_automation.utils.urgency import stopping_spend

# A read of the campaign does not show these: the caller that began one repeats it until it is known.
_OUTSIDE_THE_TREE = ("create", "add", "end_split", "lift_end")
_DAY_MS = 24 * 3600 * 1000
_SETTLED_MS = 14 * _DAY_MS  # how far back open intents are settled


class WriteGate:
    """The way of every change: claim, read, settle, guard, record, send, read back, conclude, tell.

    `seconds` bounds one change: a killed function gives the campaign back only when its claim is over.
    """

    def __init__(
        self,
        store: CampaignStore,
        audit: AuditStore,
        platforms: Platforms,
        outbox: Outbox,
        commitments: Commitments,
        limits: Limits,
        switches: Switches,
        seconds: float = 24,
    ) -> None:
        self._store = store
        self._audit = audit
        self._platforms = platforms
        self._outbox = outbox
        self._commitments = commitments
        self._limits = limits
        self._switches = switches
        self._seconds = seconds
        self._leases = CampaignLeases(store, outbox)

    async def apply(
        self, campaign: Campaign, wanted: Sequence[DesiredChange], run: Run, *, dry_run: bool = False
    ) -> list[ChangeResult]:
        """Carry out what the guards allow, in the given order, with one result for each change.

        Raises ConflictError while another change of the campaign goes on, PlatformError when the platform
        cannot be read or did not answer in time: what was sent is settled by the next run.
        """
        if dry_run:
            view, trail = await self._look(campaign, wanted)
            return await self._guard(campaign, view, trail, wanted)
        async with self._leases.held(campaign, run, stop_of(wanted)) as held:
            try:
                # No limit of calls holds a pause up, nor the reads that it needs.
                with stopping_spend(all(item.is_stop for item in wanted)):
                    async with time_limit(self._seconds):
                        results = await self._apply(campaign, wanted, held)
            except TimeoutError as error:
                raise not_in_time(campaign.platform) from error
        if run.is_automatic and self._platforms.states is not None:
            await self._platforms.states.held_back(campaign, [item.reason for item in results])
        if held.has_news:
            await self._outbox.tell(campaign.tenant, campaign.campaign_id)
        return results

    async def _apply(
        self, campaign: Campaign, wanted: Sequence[DesiredChange], held: Held
    ) -> list[ChangeResult]:
        is_stop = bool(wanted) and all(item.is_stop for item in wanted)
        view, trail = await self._look(campaign, wanted, held.follows, is_stop=is_stop)
        trail, settled = await self._settle(held, view, trail)
        held.saw(entries_seen(campaign, view, settled))
        results = await self._reserve(campaign, view, await self._guard(campaign, view, trail, wanted))
        after: CampaignView | None = view
        if any(item.result == "planned" for item in results):
            results, after = await self._carry_out(campaign, results, held)
        held.is_done = all(item.error is None for item in results)
        await self._take_over(campaign, after, results, held)
        return results

    async def _take_over(
        self, campaign: Campaign, after: CampaignView | None, results: Sequence[ChangeResult], held: Held
    ) -> None:
        """Note what the platform shows after a change; of a campaign that it does not show, what it deleted.

        The commitment follows only then: until it is read the old, higher amount may still be in force.
        """
        if after is None:
            return
        if after.unseen is None:
            held.commitment = await self._commitments.new(campaign, after.daily_spend())
            held.saw(entries_seen(campaign, after, map(Shown.of, results)))
            return
        deleted = [item.entry for item in results if item.wanted.value == "deleted" and item.is_done]
        held.saw([entry.model_copy(update={"status": "deleted"}) for entry in deleted])
        if campaign.root.status == "deleted":
            held.commitment = await self._commitments.new(campaign, Decimal(0))

    async def check_switches(self, campaign: Campaign) -> None:
        """Raise GuardRefusedError while a kill switch, or its missing setting, holds new objects back."""
        if refusal := check_switch(self._limits):
            raise GuardRefusedError(refusal.message, guard=refusal.code)
        await self._switches.check(*_account_of(campaign))

    async def look(self, campaign: Campaign) -> CampaignView:
        """Read the campaign; one that was made elsewhere then has the objects that people added."""
        return await look_at(self._platform(campaign), campaign)

    async def look_again(self, campaign: Campaign) -> CampaignView | None:
        """Read the campaign for a repeated answer; None while its platform is away."""
        try:
            return await self.look(campaign)
        except PlatformError as error:
            logger.warning("not looked at again", campaign_id=campaign.campaign_id, reason=error.message)
            return None

    async def settle(self, campaign: Campaign, run: Run) -> bool:
        """Conclude what earlier runs left open by what the platform shows now, and tell the Web Platform.

        A run that died may also have concluded its changes without telling of them. Return whether anything
        was open. Raises ConflictError while a change goes on, PlatformError when the platform cannot be read.
        """
        if campaign.run_id is None and not any(map(_is_open, await self._trail(campaign))):
            return False
        await self.apply(campaign, [], run)
        return True

    # --- the platform's own split tests and end times -------------------------------------------------

    async def end_split(self, campaign: Campaign, tag: str, run: Run) -> None:
        """End the platform's split test; one that ended before is a success.

        The statuses of its ad sets are read and stored afterwards.
        """
        entry, platform = campaign.objects[tag], self._platform(campaign)

        async def send(access: Access) -> None:
            await platform.adapter.end_split(access, campaign.account, entry.platform_id or "")

        async with self._leases.held(campaign, run) as held:
            held.is_unread = True
            record = await self._send_recorded(platform, records.split_ended(campaign, entry, run), send)
            # Some platforms stop the ad sets of a split with it: they stopped by our own doing, and the next
            # change shall not take that for somebody else's.
            view = await look_after(platform, campaign, depth="adsets")
            if view is not None and view.unseen is None:
                held.is_unread = False
                held.concluded([record])
                held.saw([entry.model_copy(update={"state": "gone"}), *adset_entries(campaign, view)])

    async def lift_end(self, campaign: Campaign, adset_tag: str, run: Run) -> None:
        """Let an ad set of a test (on Google Ads its campaign) run on past the end, unless a switch is on."""
        platform = self._platform(campaign)
        if campaign.ends_at is None or not platform.adapter.has_end_times:
            return
        await self.check_switches(campaign)
        # The end stands on the objects that have the budgets: on Google Ads that is the campaign.
        is_campaigns = platform.adapter.budget_level is Level.CAMPAIGN
        entry = campaign.root if is_campaigns else campaign.objects[adset_tag]

        async def send(access: Access) -> None:
            target = access, campaign.account, campaign.objective, entry.level, [entry.platform_id or ""]
            for outcome in await platform.adapter.change_setting(*target, End(None)):
                if outcome.error is not None:
                    raise outcome.error

        async with self._leases.held(campaign, run) as held:
            held.concluded(
                [await self._send_recorded(platform, records.end_lifted(campaign, entry, run), send)]
            )

    async def _send_recorded(
        self, platform: PlatformAccount, record: AuditRecord, send: Callable[[Access], Awaitable[None]]
    ) -> AuditRecord:
        """Send a change that the tree does not show: the platform's answer is its outcome, in the record
        returned."""
        await self._audit.intend([record])
        unanswered = Unanswered()

        async def noted(access: Access) -> None:
            with unanswered.noted([record.entity_id]):
                await send(access)

        try:
            await platform.ask(record.operation, PATIENCE, noted)
        except CampaignAutomationError as error:
            # After a passing failure, or a try without an answer, the outcome is unknown: the intent stays
            # open, and the caller repeats what may be repeated.
            if not error.retryable and record.entity_id not in unanswered:
                failed = {"outcome": "failed", "error": error_body(error)}
                await self._audit.conclude([record.model_copy(update=failed)])
            raise
        applied = record.model_copy(update={"outcome": "applied"})
        await self._audit.conclude([applied])
        return applied

    # --- read and settle ------------------------------------------------------------------------------

    async def _look(
        self,
        campaign: Campaign,
        wanted: Sequence[DesiredChange],
        follows: str | None = None,
        *,
        is_stop: bool = False,
    ) -> tuple[CampaignView, list[AuditRecord]]:
        """Read the campaign, as far as the changes need it, and its trail."""
        platform, depth = self._platform(campaign), depth_of(wanted)
        look = look_at(platform, campaign, depth=depth, is_stop=is_stop)
        view, trail = await asyncio.gather(look, self._trail(campaign))
        left = [record for record in trail if _is_open(record) or record.run_id == follows]
        if depth == "adsets" and depth_of(left) == "ads":
            view = await look_at(platform, campaign, depth="ads", is_stop=is_stop)
        return view, trail

    async def _trail(self, campaign: Campaign) -> list[AuditRecord]:
        """Read of the audit trail the last day, and what is open of 14 days."""
        now, key = now_ms(), (campaign.tenant, campaign.campaign_id)
        return await self._audit.recent(*key, now - _DAY_MS, open_since=now - _SETTLED_MS)

    async def _settle(
        self, held: Held, view: CampaignView, trail: Sequence[AuditRecord]
    ) -> tuple[list[AuditRecord], list[Shown]]:
        """Conclude the open intents of dead runs by what the platform shows.

        A run that died after that did not store what it saw: its changes count as changed now. Where the
        campaign is not shown they stay open, as do those of values that it does not tell.

        Return the whole trail, and the objects that were changed.
        """
        campaign, dead_run = held.campaign, held.follows
        if view.unseen is not None:
            return list(trail), []
        known = (record for record in trail if _is_open(record) and records.is_told(record, view))
        settled = {record.audit_id: records.settled(record, view) for record in known}
        if settled:
            logger.info("open changes settled", campaign_id=campaign.campaign_id, count=len(settled))
            emit("changes_settled_total", len(settled))
            await self._audit.conclude(list(settled.values()))
        trail = [settled.get(record.audit_id, record) for record in trail]
        # One that was not applied changed nothing; what the platform shows then may be somebody else's.
        left = [item for item in trail if item.audit_id in settled or item.run_id == dead_run]
        held.concluded(left)
        shown = [
            Shown.settled(record)
            for record in held.applied
            if record.entity_id in campaign.objects and record.operation not in _OUTSIDE_THE_TREE
        ]
        # A split that the run ended may have stopped the ad sets, also where the answer to that was lost.
        if any(records.ended_split(record, dead_run) for record in trail):
            shown += [Shown(entry.tag, {}) for entry in campaign.made(Level.ADSET)]
        return trail, shown

    # --- guard ----------------------------------------------------------------------------------------

    async def _guard(
        self,
        campaign: Campaign,
        view: CampaignView,
        trail: Sequence[AuditRecord],
        wanted: Sequence[DesiredChange],
    ) -> list[ChangeResult]:
        # Audit ids begin with their time, so one of 24 hours ago bounds the last day.
        day_ago = records.budgets_before(trail, id_at(now_ms() - _DAY_MS))
        results = [self._guard_one(campaign, view, item, day_ago.get(item.tag)) for item in wanted]
        if not any(item.result == "planned" and item.raises_spend for item in results):
            return results
        stopped = await self._switches.refusal(*_account_of(campaign))
        return results if stopped is None else _without_raises(results, f"{KILL_SWITCH}: {stopped}")

    def _guard_one(
        self, campaign: Campaign, view: CampaignView, wanted: DesiredChange, day_ago: Decimal | None
    ) -> ChangeResult:
        entry, live = campaign.objects[wanted.tag], view.live(wanted.tag, wanted.field)

        def result(kind: Result, reason: str = "") -> ChangeResult:
            return ChangeResult(wanted, entry, live, kind, reason)

        if live == wanted.value:
            return result("already", f"already_{wanted.value}" if wanted.field == "status" else "already_so")
        if view.live(wanted.tag, "status") == "deleted":
            return result("skipped", wording.OBJECT_DELETED)
        if error := view.refusal(wanted.field):
            # A stop of spend needs no look; nothing else is changed unseen.
            return result("planned") if wanted.is_stop else result("failed")._replace(error=error)
        seen = view.seen(wanted.tag, wanted.field)
        if refusal := check_wanted(wanted, live, seen, day_ago, self._limits):
            return result("skipped", f"{refusal.code}: {refusal.message}")
        if (wanted.field, wanted.value) == ("status", "active") and view.lacks_declaration:
            return result("skipped", f"undeclared: {wording.UNDECLARED}")
        return result("planned")

    async def _reserve(
        self, campaign: Campaign, view: CampaignView, results: list[ChangeResult]
    ) -> list[ChangeResult]:
        """Commit the campaign's daily spend after the change, before anything that raises it is sent."""
        if view.unseen is not None:
            return results  # it commits what it committed when it was last seen
        planned = [item for item in results if item.result == "planned"]
        before, after = view.daily_spend(), view.daily_spend(planned_values(planned))
        if after <= before:
            return results
        refusal = await self._commitments.raise_to(campaign, after)
        if refusal is None:
            return results
        return _without_raises(results, f"{refusal.code}: {refusal.message}")

    # --- send, read again, conclude -------------------------------------------------------------------

    async def _carry_out(
        self, campaign: Campaign, results: list[ChangeResult], held: Held
    ) -> tuple[list[ChangeResult], CampaignView | None]:
        ids = audit_ids()
        results = [
            item._replace(audit_id=next(ids)) if item.result == "planned" else item for item in results
        ]
        planned = [item for item in results if item.result == "planned"]
        intents = [records.intended(campaign, held.run, item) for item in planned]
        # Where it is not, nothing is sent: the attempt tells why, and its outcome is recorded.
        held.is_renewed = await self._audit.intend(intents, self._leases.renewal(held))
        sent: dict[str, ChangeResult] = {}
        # Neighbours only, since the order counts: ads start before their ad sets, those before the campaign.
        for _, batch in itertools.groupby(planned, key=lambda item: item.wanted.batch):
            sent |= {item.audit_id: item for item in await self._send(held, list(batch))}
        # Also those that stay as they are: their entries are stored as this look shows them.
        depth = depth_of(item.wanted for item in results)
        view = await look_after(self._platform(campaign), campaign, depth=depth)
        sent = {key: item.read_back(view) for key, item in sent.items()}
        concluded = [records.concluded(record, sent[record.audit_id], view) for record in intents]
        # An unknown outcome keeps its open intent, which the next run settles.
        await self._audit.conclude([record for record in concluded if record.outcome != "unknown"])
        held.concluded(concluded)
        for item in sent.values():
            emit("platform_writes_total", field=item.wanted.field, outcome=item.result)
        return [sent.get(item.audit_id, item) for item in results], view

    async def _send(self, held: Held, batch: list[ChangeResult]) -> list[ChangeResult]:
        """Send like changes in one request, and again those that failed in passing.

        The values are absolute, so one that was applied and is sent again changes nothing.
        """
        campaign, platform = held.campaign, self._platform(held.campaign)
        sending = Sending(batch)

        async def attempt() -> None:
            # Each time anew: a person may have stopped the campaign while this run waited.
            await self._leases.renew(held)
            if any(item.raises_spend for item in sending.waiting.values()):
                await self._switches.check(*_account_of(campaign))
            if any(item.wanted.value == "active" for item in sending.waiting.values()):
                await self._check_stops(held)
            with sending.unanswered.noted(sending.waiting):
                sending.take(await platform.call(request_of(platform.adapter, campaign, sending.waiting)))

        try:
            await platform.retried(batch[0].wanted.operation, PATIENCE, attempt)
        except CampaignAutomationError as error:
            sending.give_up(error)
        return sending.done

    async def _check_stops(self, held: Held) -> None:
        """Raise ConflictError where all campaigns were stopped since the run began.

        A stop that comes later finds the campaign, and pauses it when this run has ended.
        """
        account = _account_of(held.campaign)
        if await self._switches.was_stopped(*account, held.run.began_ms):
            raise ConflictError(wording.ALL_STOPPED, campaign_id=held.campaign.campaign_id)

    def _platform(self, campaign: Campaign) -> PlatformAccount:
        return self._platforms.of(campaign.tenant, campaign.platform, campaign.account)


def _account_of(campaign: Campaign) -> tuple[str, str, str]:
    return campaign.tenant, campaign.platform, campaign.account.platform_account_id


def _without_raises(results: list[ChangeResult], reason: str) -> list[ChangeResult]:
    """Hold back what raises the spend alone: a pause or a cut in the same request still goes through."""
    return [
        item._replace(result="skipped", reason=reason)
        if item.result == "planned" and item.raises_spend
        else item
        for item in results
    ]


def _is_open(record: AuditRecord) -> bool:
    return record.outcome == "unknown" and record.operation not in _OUTSIDE_THE_TREE
