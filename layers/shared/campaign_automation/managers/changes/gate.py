"""The one gate for changes of what exists on a platform, from a person, an agent or a rule.

claim the campaign -> read the platform -> settle open intents -> guard -> record the intent -> send
-> read the platform again -> conclude the record -> tell the Web Platform

Nothing is sent before its intent is recorded, and no outcome counts before it is read back. All values are
absolute (paused, 25.00), so a value that is sent twice changes nothing twice.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

from campaign_automation.adapters.base import Access, BudgetOutcome, Outcome, PlatformAdapter, Tree
from campaign_automation.managers.changes import records, wording
from campaign_automation.managers.changes.commitments import Commitments
from campaign_automation.managers.changes.guards import Limits, check_change
from campaign_automation.managers.changes.items import (
    ChangeResult,
    DesiredChange,
    Result,
    Run,
    planned_values,
)
from campaign_automation.managers.shared.outbox import Outbox
from campaign_automation.managers.shared.platform_access import Patience, PlatformAccount, Platforms
from campaign_automation.managers.shared.view import CampaignView
from campaign_automation.models.campaign import Campaign, ObjectEntry
from campaign_automation.models.changes import AuditRecord
from campaign_automation.models.common import Level
from campaign_automation.stores.audit_store import AuditStore, audit_ids, id_at
from campaign_automation.stores.campaign_store import CampaignStore
from campaign_automation.utils.clock import now_ms
from campaign_automation.utils.error_handler import (
    CampaignAutomationError,
    ConflictError,
    PlatformError,
    StoreError,
    error_body,
    not_in_time,
)
from campaign_automation.utils.observability import emit, logger

RUN_SECONDS = 60  # longer than any function that changes things may run on one campaign
_WAIT_SECONDS = 5.0  # a caller waits this long for another change of the campaign to end
_POLL_SECONDS = 0.25
_MOST_ENDINGS = 5
# A read of the campaign does not show these: the caller that began one repeats it until it is known.
_OUTSIDE_THE_TREE = ("create", "end_split", "lift_end")
_PATIENCE = Patience(total=10.0)
_DAY_MS = 24 * 3600 * 1000
_SETTLED_MS = 14 * _DAY_MS  # how far back open intents are settled


class WriteGate:
    """The way of every change: claim, read, settle, guard, record, send, read back, conclude, tell.

    `seconds` bounds one change: a function that is killed gives the campaign back only when its claim is
    over.
    """

    def __init__(
        self,
        store: CampaignStore,
        audit: AuditStore,
        platforms: Platforms,
        outbox: Outbox,
        commitments: Commitments,
        limits: Limits,
        seconds: float = 24,
    ) -> None:
        self._store = store
        self._audit = audit
        self._platforms = platforms
        self._outbox = outbox
        self._commitments = commitments
        self._limits = limits
        self._seconds = seconds

    async def apply(
        self, campaign: Campaign, wanted: Sequence[DesiredChange], run: Run, *, dry_run: bool = False
    ) -> list[ChangeResult]:
        """Carry out what the guards allow, in the given order, with one result for each change.

        Raises ConflictError while another change of the campaign goes on, PlatformError when the platform
        cannot even be read, and when it did not answer in time: what was sent is settled by the next run.
        """
        if dry_run:
            return self._guard(campaign, *await self._look(campaign), wanted)
        async with self._claimed(campaign, run) as seen:
            try:
                async with asyncio.timeout(self._seconds):
                    results = await self._apply(campaign, wanted, run, seen)
            except TimeoutError as error:
                raise not_in_time(campaign.platform) from error
        await self._outbox.deliver(campaign.tenant, campaign.campaign_id)
        return results

    async def _apply(
        self, campaign: Campaign, wanted: Sequence[DesiredChange], run: Run, seen: list[ObjectEntry]
    ) -> list[ChangeResult]:
        view, trail = await self._look(campaign)
        trail = await self._settle(campaign, view, trail)
        results = await self._reserve(campaign, view, self._guard(campaign, view, trail, wanted))
        after: CampaignView | None = view
        if any(item.result == "planned" for item in results):
            results, after = await self._carry_out(campaign, results, run)
        # Lowered only after the platform was read: until then the old, higher amount may still be in force.
        if after is not None:
            await self._commitments.lower_to(campaign, after.daily_spend())
            seen += _seen(campaign, after, results)
        return results

    # --- the platform's own split tests and end times -------------------------------------------------

    async def end_split(self, campaign: Campaign, tag: str, run: Run) -> None:
        """End the platform's split test; one that ended before is a success.

        The statuses of its ad sets are read and stored afterwards.
        """
        entry, platform = campaign.objects[tag], self._platform(campaign)

        async def send(access: Access) -> None:
            await platform.adapter.end_split(access, campaign.account, entry.platform_id or "")

        async with self._claimed(campaign, run) as seen:
            await self._send_recorded(platform, records.split_ended(campaign, entry, run), send)
            # Some platforms stop the ad sets of a split with it: they stopped by our own doing, and the next
            # change shall not take that for somebody else's.
            view = await self._view_after(campaign)
            seen += [entry.model_copy(update={"state": "gone"}), *_statuses(campaign, view)]

    async def lift_end(self, campaign: Campaign, adset_tag: str, run: Run) -> None:
        """Let an ad set of a test (on Google Ads its campaign) run on past the platform's own end."""
        platform = self._platform(campaign)
        if campaign.ends_at is None or not platform.adapter.has_end_times:
            return
        # The end stands on the objects that have the budgets: on Google Ads that is the campaign.
        is_campaigns = platform.adapter.budget_level is Level.CAMPAIGN
        entry = campaign.root if is_campaigns else campaign.objects[adset_tag]

        async def send(access: Access) -> None:
            outcome = await platform.adapter.lift_end(access, entry.platform_id or "")
            if outcome.error is not None:
                raise outcome.error

        async with self._claimed(campaign, run):
            await self._send_recorded(platform, records.end_lifted(campaign, entry, run), send)

    async def _send_recorded(
        self, platform: PlatformAccount, record: AuditRecord, send: Callable[[Access], Awaitable[None]]
    ) -> None:
        """Send a change that the tree does not show: the platform's answer is its outcome."""
        await self._audit.intend([record])
        try:
            await platform.ask(record.operation, _PATIENCE, send)
        except CampaignAutomationError as error:
            # After a passing failure the outcome is unknown: the intent stays open and the caller repeats it.
            if not error.retryable:
                failed = {"outcome": "failed", "error": error_body(error)}
                await self._audit.conclude([record.model_copy(update=failed)])
            raise
        await self._audit.conclude([record.model_copy(update={"outcome": "applied"})])

    # --- claim ----------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _claimed(self, campaign: Campaign, run: Run) -> AsyncIterator[list[ObjectEntry]]:
        """Hold the campaign's lease for one change at a time: caps would not hold between two.

        The entries that the body adds to the list are stored as last seen, with the message to the Web
        Platform.
        """
        await self._begin(campaign, run)
        seen: list[ObjectEntry] = []
        try:
            yield seen
        finally:
            await self._end(campaign, run, seen)

    async def _begin(self, campaign: Campaign, run: Run) -> None:
        for _ in range(int(_WAIT_SECONDS / _POLL_SECONDS)):
            holder = await self._store.begin_run(campaign, run.run_id, RUN_SECONDS)
            if holder is None:
                break
            await asyncio.sleep(_POLL_SECONDS)
        else:
            raise ConflictError(wording.BUSY, retryable=True, retry_after=2, run_id=holder)
        # The caller loaded the campaign before it had the lease; the run before may have changed it since.
        fresh = await self._store.campaign(campaign.tenant, campaign.campaign_id)
        if fresh is not None:
            campaign.objects = fresh.objects
            campaign.outbox = fresh.outbox
            campaign.state = fresh.state

    async def _end(self, campaign: Campaign, run: Run, seen: Sequence[ObjectEntry]) -> None:
        campaign.objects.update({entry.tag: entry for entry in seen})
        parts = {"state": "deleted"} if campaign.root.status == "deleted" else {}
        for _ in range(_MOST_ENDINGS):
            message = self._outbox.change(campaign) if seen else None
            if await self._store.end_run(campaign, run.run_id, seen=seen, message=message, **parts):
                return
            fresh = await self._store.campaign(campaign.tenant, campaign.campaign_id)
            if fresh is None or fresh.run_id != run.run_id:
                # The lease was over and another run has it: that one reads the platform for itself.
                logger.warning("run outlived its claim", campaign_id=campaign.campaign_id, run_id=run.run_id)
                return
            campaign.outbox = fresh.outbox  # another process took the message's number
        raise StoreError(wording.NOT_CONCLUDED)

    # --- read and settle ------------------------------------------------------------------------------

    async def _look(self, campaign: Campaign) -> tuple[CampaignView, list[AuditRecord]]:
        """Read the campaign as it is, and its audit trail of the last 14 days."""
        since = now_ms() - _SETTLED_MS
        trail = self._audit.since(campaign.tenant, campaign.campaign_id, since)
        view, recent = await asyncio.gather(self._view(campaign), trail)
        return view, recent

    async def _view(self, campaign: Campaign) -> CampaignView:
        platform = self._platform(campaign)

        async def read(access: Access) -> Tree:
            return await platform.adapter.read_tree(access, campaign.root_id, campaign.account.currency)

        try:
            return CampaignView(campaign, await platform.ask("read_tree", _PATIENCE, read))
        except PlatformError as error:
            if error.code != "5000":
                raise
            # 5000: the platform does not know the campaign any more; it was deleted there.
            return CampaignView(campaign, None)

    async def _view_after(self, campaign: Campaign) -> CampaignView | None:
        """Read the campaign after a change; None when the platform cannot be read.

        What was sent then stays open until the next run settles it.
        """
        try:
            return await self._view(campaign)
        except CampaignAutomationError as error:
            logger.warning("not read back", campaign_id=campaign.campaign_id, reason=error.message)
            return None

    async def _settle(
        self, campaign: Campaign, view: CampaignView, trail: Sequence[AuditRecord]
    ) -> list[AuditRecord]:
        """Conclude the open intents of dead runs by what the platform shows, and return the whole trail."""
        settled = {
            record.audit_id: records.settled(record, view)
            for record in trail
            if record.outcome == "unknown" and record.operation not in _OUTSIDE_THE_TREE
        }
        if settled:
            logger.info("open changes settled", campaign_id=campaign.campaign_id, count=len(settled))
            await self._audit.conclude(list(settled.values()))
        return [settled.get(record.audit_id, record) for record in trail]

    # --- guard ----------------------------------------------------------------------------------------

    def _guard(
        self,
        campaign: Campaign,
        view: CampaignView,
        trail: Sequence[AuditRecord],
        wanted: Sequence[DesiredChange],
    ) -> list[ChangeResult]:
        # Audit ids begin with their time, so one of 24 hours ago bounds the last day.
        day_ago = records.budgets_before(trail, id_at(now_ms() - _DAY_MS))
        return [self._guard_one(campaign, view, item, day_ago.get(item.tag)) for item in wanted]

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
        refusal = check_change(
            wanted.value,
            live,
            view.seen(wanted.tag, wanted.field),
            day_ago,
            self._limits,
            takes_back=wanted.takes_back,
        )
        if refusal:
            return result("skipped", f"{refusal.code}: {refusal.message}")
        return result("planned")

    async def _reserve(
        self, campaign: Campaign, view: CampaignView, results: list[ChangeResult]
    ) -> list[ChangeResult]:
        """Commit the campaign's daily spend after the change, before anything that raises it is sent."""
        planned = [item for item in results if item.result == "planned"]
        before, after = view.daily_spend(), view.daily_spend(planned_values(planned))
        if after <= before:
            return results
        refusal = await self._commitments.raise_to(campaign, after)
        if refusal is None:
            return results
        reason = f"{refusal.code}: {refusal.message}"
        # Only what raises the spend is held back: a pause or a cut in the same request still goes through.
        return [
            item._replace(result="skipped", reason=reason)
            if item.result == "planned" and item.raises_spend
            else item
            for item in results
        ]

    # --- send, read again, conclude -------------------------------------------------------------------

    async def _carry_out(
        self, campaign: Campaign, results: list[ChangeResult], run: Run
    ) -> tuple[list[ChangeResult], CampaignView | None]:
        ids = audit_ids()
        results = [
            item._replace(audit_id=next(ids)) if item.result == "planned" else item for item in results
        ]
        planned = [item for item in results if item.result == "planned"]
        intents = [records.intended(campaign, run, item) for item in planned]
        await self._audit.intend(intents)
        sent: dict[str, ChangeResult] = {}
        # Neighbours only, since the order counts: ads start before their ad sets, those before the campaign.
        for _, batch in itertools.groupby(planned, key=lambda item: item.wanted.batch):
            sent |= {item.audit_id: item for item in await self._send(campaign, list(batch))}
        view = await self._view_after(campaign)
        sent = {key: item.read_back(view) for key, item in sent.items()}
        concluded = [records.concluded(record, sent[record.audit_id], view) for record in intents]
        # An unknown outcome keeps its open intent, which the next run settles.
        await self._audit.conclude([record for record in concluded if record.outcome != "unknown"])
        for item in sent.values():
            emit("platform_writes_total", field=item.wanted.field, outcome=item.result)
        return [sent.get(item.audit_id, item) for item in results], view

    async def _send(self, campaign: Campaign, batch: list[ChangeResult]) -> list[ChangeResult]:
        """Send like changes in one request, and again those that failed in passing.

        The values are absolute, so one that was applied and is sent again changes nothing.
        """
        platform = self._platform(campaign)
        waiting = {item.entry.platform_id or "": item for item in batch}
        done: list[ChangeResult] = []

        async def attempt() -> None:
            request = _request(platform.adapter, campaign, waiting)
            passing: list[CampaignAutomationError] = []
            for outcome in await platform.call(request):
                if outcome.error is not None and outcome.error.retryable:
                    passing.append(outcome.error)
                else:
                    done.append(waiting.pop(_id_of(outcome)).answered(outcome))
            if passing:
                raise passing[0]  # with_retries comes back, and `waiting` holds only what failed

        try:
            await platform.retried(batch[0].wanted.operation, _PATIENCE, attempt)
        except CampaignAutomationError as error:
            done += [item._replace(result="failed", error=error) for item in waiting.values()]
        return done

    def _platform(self, campaign: Campaign) -> PlatformAccount:
        return self._platforms.of(campaign.tenant, campaign.platform, campaign.account)


def _request(
    adapter: PlatformAdapter, campaign: Campaign, waiting: Mapping[str, ChangeResult]
) -> Callable[[Access], Awaitable[Sequence[Outcome | BudgetOutcome]]]:
    """Return the one request for a batch of changes, by the platform's ids."""
    first = next(iter(waiting.values())).wanted

    async def request(access: Access) -> Sequence[Outcome | BudgetOutcome]:
        if first.operation == "remove":
            return await adapter.remove(access, first.level, list(waiting))
        if first.operation == "set_status":
            return await adapter.set_status(access, first.level, list(waiting), str(first.value))
        budgets = {key: Decimal(item.wanted.value) for key, item in waiting.items()}
        return await adapter.set_budgets(access, campaign.account, first.level, budgets)

    return request


def _id_of(outcome: Outcome | BudgetOutcome) -> str:
    return outcome.platform_id if isinstance(outcome, BudgetOutcome) else outcome.tag


def _statuses(campaign: Campaign, view: CampaignView | None) -> list[ObjectEntry]:
    """Return the entries of the ad sets with the status that they have now."""
    if view is None:
        return []
    return [
        entry.model_copy(update={"status": str(view.live(entry.tag, "status"))})
        for entry in campaign.made(Level.ADSET)
    ]


def _seen(campaign: Campaign, view: CampaignView, results: Iterable[ChangeResult]) -> list[ObjectEntry]:
    """Return the entries of the changed objects as the platform shows them now; a missing one is deleted."""
    entries: dict[str, ObjectEntry] = {}
    for item in results:
        tag, field = item.wanted.tag, item.wanted.field
        update: dict[str, Any] = {
            "status": str(view.live(tag, "status")),
            "daily_budget": view.live(tag, "daily_budget"),
        }
        if field == "daily_budget":
            # TikTok schedules for midnight a budget that it refuses for the running day: both are ours.
            is_scheduled = item.effective == "next_day" and not item.error
            update["scheduled_budget"] = item.wanted.value if is_scheduled else None
        elif item.result in ("changed", "already"):
            update["held"] = item.wanted.holds
        entries[tag] = entries.get(tag, campaign.objects[tag]).model_copy(update=update)
    return list(entries.values())
