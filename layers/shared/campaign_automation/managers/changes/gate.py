"""The one gate for changes of what exists on a platform, from a person, an agent or a rule.

claim the campaign -> look at the platform -> settle what an earlier run left open -> caps and ownership
-> audit the intent -> send -> look again -> audit the outcome -> tell the Web Platform

Nothing is sent that was not written down before, and nothing is believed that was not read back. All values
are absolute (paused, 25.00), so what is sent twice changes nothing twice.
"""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal, NamedTuple

from campaign_automation.adapters.base import Access, BudgetOutcome, Outcome, PlatformAdapter, Tree
from campaign_automation.managers.changes.guards import (
    Limits,
    Refusal,
    check_account,
    check_budget,
    check_switch,
    is_large,
)
from campaign_automation.managers.shared.accounts import AccountDirectory, with_access
from campaign_automation.managers.shared.outbox import Outbox
from campaign_automation.managers.shared.view import CampaignView
from campaign_automation.models.changes import AuditRecord
from campaign_automation.models.common import AdAccount, Level
from campaign_automation.stores.audit_store import AuditStore, audit_ids, id_at
from campaign_automation.stores.campaign_store import CampaignStore, Creation, ObjectEntry
from campaign_automation.utils.clock import iso_now, now_ms
from campaign_automation.utils.error_handler import (
    CampaignAutomationError,
    ConflictError,
    GuardRefusedError,
    PlatformError,
    StoreError,
    error_body,
    not_in_time,
)
from campaign_automation.utils.observability import emit, logger
from campaign_automation.utils.retry_strategy import ATTEMPT_TIMEOUT_SECONDS, with_retries

RUN_SECONDS = 60  # longer than any function that changes things may run on one campaign
_WAIT_SECONDS = 5.0
_POLL_SECONDS = 0.25
_MOST_ENDINGS = 5
_OUTSIDE_THE_TREE = ("create", "end_split", "lift_end")  # asked again until it is known, by whoever began it
_RETRY_SECONDS = 10.0
_DAY_MS = 24 * 3600 * 1000
_SETTLED_MS = 14 * _DAY_MS

Field = Literal["status", "daily_budget"]
Value = str | Decimal | None
Result = Literal["changed", "planned", "already", "skipped", "failed"]


class Wanted(NamedTuple):
    """One object as it should be: `value` is active, paused or deleted, or a budget in the major unit.
    What is paused with `holds` stays paused when its campaign is started."""

    level: Level
    tag: str
    field: Field
    value: str | Decimal
    holds: bool = False


class Run(NamedTuple):
    """One decision to change things: who, why, on which numbers (by our id of the object)."""

    run_id: str
    actor: str
    reason: str
    evidence: Mapping[str, dict[str, Any]] = {}


class Item(NamedTuple):
    """What became of one wanted change. `reason` begins with a code when the object was left as it is."""

    wanted: Wanted
    entry: ObjectEntry
    before: Value
    result: Result
    reason: str = ""
    error: CampaignAutomationError | None = None
    effective: Literal["now", "next_day"] = "now"
    audit_id: str = ""
    request_id: str | None = None


def new_run(actor: str, reason: str, evidence: Mapping[str, dict[str, Any]] | None = None) -> Run:
    return Run(f"run_{uuid.uuid4().hex[:20]}", actor, reason, evidence or {})


class WriteGate:
    def __init__(
        self,
        store: CampaignStore,
        audit: AuditStore,
        accounts: AccountDirectory,
        adapters: Mapping[str, PlatformAdapter],
        outbox: Outbox,
        limits: Limits,
        connect_url: str | None = None,
        seconds: float = 24,
    ) -> None:
        self._store = store
        self._audit = audit
        self._accounts = accounts
        self._adapters = adapters
        self._outbox = outbox
        self._limits = limits
        self._connect_url = connect_url
        self._seconds = seconds

    # --- creations -------------------------------------------------------------------------------------

    async def check_creation(self, creation: Creation, account: AdAccount, daily_budget: Decimal) -> None:
        """Before the first write of a creation. Raises GuardRefusedError when a cap stands against it."""
        _raise(check_switch(self._limits))
        total = await self._total(creation, account, daily_budget)
        _raise(check_account(total, account.platform_account_id, account.currency, self._limits))

    async def record_created(
        self,
        creation: Creation,
        entries: Iterable[ObjectEntry],
        refused: Mapping[str, CampaignAutomationError],
    ) -> None:
        """The audit of creates, whose journal was written before they were sent. An unknown outcome is
        recorded when it is known."""
        known = [entry for entry in entries if entry.state == "created" or entry.tag in refused]
        await self._audit.conclude(
            [_created(creation, entry, refused.get(entry.tag)) for entry in known if entry.state != "sent"]
        )

    async def record_removed(self, creation: Creation, entries: Sequence[ObjectEntry]) -> None:
        ids = audit_ids()
        await self._audit.conclude([_removed(creation, entry, next(ids)) for entry in entries])

    async def release(self, creation: Creation) -> None:
        """The campaign spends nothing any more."""
        if creation.account:
            await self._store.commit(creation.tenant, _account(creation), creation.campaign_id, None)

    async def _total(self, creation: Creation, account: AdAccount, own: Decimal) -> Decimal:
        others = await self._store.committed(creation.tenant, account.platform_account_id)
        others.pop(creation.campaign_id, None)
        return sum(others.values(), own)

    async def _commit(self, creation: Creation, account: AdAccount, amount: Decimal) -> Refusal | None:
        """Written first and summed afterwards: of two that come at once, both see the other."""
        key = (creation.tenant, account.platform_account_id)
        before = (await self._store.committed(*key)).get(creation.campaign_id)
        if before == amount:
            return None
        await self._store.commit(*key, creation.campaign_id, amount)
        total = await self._total(creation, account, amount)
        refusal = check_account(total, account.platform_account_id, account.currency, self._limits)
        if refusal:
            await self._store.commit(*key, creation.campaign_id, before)
        return refusal

    # --- changes ---------------------------------------------------------------------------------------

    async def apply(
        self, creation: Creation, wanted: Sequence[Wanted], run: Run, *, dry_run: bool = False
    ) -> list[Item]:
        """Carries out what the caps and the ownership allow, in the given order, one item for each.

        Raises ConflictError while another change of the campaign goes on, PlatformError when the platform
        cannot even be read, and when it did not answer in time: what was sent is settled by the next run.
        """
        if dry_run:
            view, trail = await self._look(creation)
            return self._judge(creation, view, wanted, trail)
        await self._begin(creation, run)
        seen: list[ObjectEntry] = []
        try:
            # A function that is killed gives the campaign back only when its claim is over.
            async with asyncio.timeout(self._seconds):
                items, seen = await self._apply(creation, wanted, run)
        except TimeoutError as error:
            raise not_in_time(creation.spec.platform) from error
        finally:
            await self._end(creation, run, seen)
        await self._outbox.deliver(creation.tenant, creation.campaign_id)
        return items

    async def _apply(
        self, creation: Creation, wanted: Sequence[Wanted], run: Run
    ) -> tuple[list[Item], list[ObjectEntry]]:
        view, trail = await self._look(creation)
        trail = await self._settle(creation, view, trail)
        items = await self._reserve(creation, view, self._judge(creation, view, wanted, trail))
        after: CampaignView | None = view
        if any(item.result == "planned" for item in items):
            items, after = await self._carry_out(creation, items, run)
        await self._lower_commitment(creation, after)
        return items, _seen(creation, after, items)

    async def _look(self, creation: Creation) -> tuple[CampaignView, list[AuditRecord]]:
        """The campaign as it is, and what was done to it lately."""
        since = now_ms() - _SETTLED_MS
        trail = self._audit.since(creation.tenant, creation.campaign_id, since)
        view, records = await asyncio.gather(self._view(creation), trail)
        return view, records

    async def _begin(self, creation: Creation, run: Run) -> None:
        """One change of a campaign at a time: caps would not hold between two."""
        for _ in range(int(_WAIT_SECONDS / _POLL_SECONDS)):
            holder = await self._store.begin_run(creation, run.run_id, RUN_SECONDS)
            if holder is None:
                break
            await asyncio.sleep(_POLL_SECONDS)
        else:
            raise ConflictError(
                "another change of this campaign is being made", retryable=True, retry_after=2, run_id=holder
            )
        fresh = await self._store.load(creation.tenant, creation.campaign_id)
        if fresh is not None:  # what the run before us left
            creation.objects = fresh.objects
            creation.outbox = fresh.outbox
            creation.state = fresh.state

    async def _end(self, creation: Creation, run: Run, seen: Sequence[ObjectEntry]) -> None:
        creation.objects.update({entry.tag: entry for entry in seen})
        parts = {"state": "deleted"} if _is_deleted(creation) else {}
        for _ in range(_MOST_ENDINGS):
            message = self._outbox.change(creation) if seen else None
            if await self._store.end_run(creation, run.run_id, seen=seen, message=message, **parts):
                return
            fresh = await self._store.load(creation.tenant, creation.campaign_id)
            if fresh is None or fresh.run_id != run.run_id:
                # Our time was over and another run took over: it reads for itself what there is.
                logger.warning("run outlived its claim", campaign_id=creation.campaign_id, run_id=run.run_id)
                return
            creation.outbox = fresh.outbox  # somebody else took the message's number
        raise StoreError("the end of the change could not be stored; it ends by itself in a minute")

    async def _view(self, creation: Creation) -> CampaignView:
        assert creation.account is not None  # only created campaigns are changed
        currency, platform_id = creation.account.currency, _platform_id(creation)

        async def read(access: Access) -> Tree:
            return await self._adapter(creation).read_tree(access, platform_id, currency)

        try:
            tree = await self._retried(creation, lambda: self._call(creation, read), "read_tree")
            return CampaignView(creation, tree)
        except PlatformError as error:
            if error.code != "5000":
                raise
            return CampaignView(creation, None)

    async def _settle(
        self, creation: Creation, view: CampaignView, trail: Sequence[AuditRecord]
    ) -> list[AuditRecord]:
        """The trail, with what a dead run had sent concluded: the platform shows whether it came through."""
        settled = {
            record.audit_id: _settled(record, view)
            for record in trail
            if record.outcome == "unknown" and record.operation not in _OUTSIDE_THE_TREE
        }
        if settled:
            logger.info("open changes settled", campaign_id=creation.campaign_id, count=len(settled))
            await self._audit.conclude(list(settled.values()))
        return [settled.get(record.audit_id, record) for record in trail]

    # --- the platform's own split tests ----------------------------------------------------------------

    async def end_split(self, creation: Creation, tag: str, run: Run) -> None:
        """Ends it; ended before is a success. Some platforms stop the ad sets of a split with it, so those
        are looked at again: what was done on our word is not somebody else's change."""
        await self._begin(creation, run)
        seen: list[ObjectEntry] = []
        try:
            entry = creation.objects[tag]

            async def send(access: Access) -> None:
                assert creation.account is not None
                await self._adapter(creation).end_split(access, creation.account, entry.platform_id or "")

            await self._send_recorded(creation, _split_record(creation, entry, run), send)
            view = await self._view_after(creation)
            seen = [entry.model_copy(update={"state": "gone"}), *_statuses(creation, view)]
        finally:
            await self._end(creation, run, seen)

    async def lift_end(self, creation: Creation, adset_tag: str, run: Run) -> None:
        """Lets an ad set of a test (on Google its campaign) run on past the platform's own end."""
        plan, adapter = creation.plan, self._adapter(creation)
        if plan is None or plan.ends_at is None or not adapter.has_end_times:
            return
        entry = creation.objects[plan.tag if adapter.budget_level is Level.CAMPAIGN else adset_tag]

        async def send(access: Access) -> None:
            outcome = await adapter.lift_end(access, entry.platform_id or "")
            if outcome.error is not None:
                raise outcome.error

        await self._begin(creation, run)
        try:
            await self._send_recorded(creation, _end_record(creation, entry, run), send)
        finally:
            await self._end(creation, run, [])

    async def _send_recorded(
        self, creation: Creation, record: AuditRecord, send: Callable[[Access], Awaitable[None]]
    ) -> None:
        """For what the tree does not show: what the platform answers is the outcome."""
        await self._audit.intend([record])
        try:
            await self._retried(creation, lambda: self._call(creation, send), record.operation)
        except CampaignAutomationError as error:
            if not error.retryable:
                failed = {"outcome": "failed", "error": error_body(error)}
                await self._audit.conclude([record.model_copy(update=failed)])
            raise
        await self._audit.conclude([record.model_copy(update={"outcome": "applied"})])

    # --- what may be done ------------------------------------------------------------------------------

    def _judge(
        self, creation: Creation, view: CampaignView, wanted: Sequence[Wanted], trail: Sequence[AuditRecord]
    ) -> list[Item]:
        day_ago = _budgets_before(trail, id_at(now_ms() - _DAY_MS))
        return [self._judge_one(creation, view, item, day_ago) for item in wanted]

    def _judge_one(
        self, creation: Creation, view: CampaignView, wanted: Wanted, day_ago: Mapping[str, Decimal]
    ) -> Item:
        entry, live = creation.objects[wanted.tag], view.live(wanted.tag, wanted.field)

        def item(result: Result, reason: str = "") -> Item:
            return Item(wanted, entry, live, result, reason)

        if live == wanted.value:
            return item("already", f"already_{wanted.value}" if wanted.field == "status" else "already_so")
        if view.live(wanted.tag, "status") == "deleted":
            return item("skipped", "deleted: it is not there any more")
        refusal = self._refusal(view, wanted, live, day_ago)
        if refusal:
            return item("skipped", f"{refusal.code}: {refusal.words}")
        return item("planned")

    def _refusal(
        self, view: CampaignView, wanted: Wanted, live: Value, day_ago: Mapping[str, Decimal]
    ) -> Refusal | None:
        """Stopping what spends is never refused."""
        if wanted.value == "paused":
            return None
        if refusal := check_switch(self._limits):
            return refusal
        if wanted.value == "deleted":
            return None
        if live not in view.seen(wanted.tag, wanted.field):
            last = view.seen(wanted.tag, wanted.field)[0]
            return Refusal(
                "changed_by_other", f"it is {live} there, we last saw {last}; ask again to overwrite"
            )
        if isinstance(wanted.value, Decimal) and isinstance(live, Decimal):
            return check_budget(live, day_ago.get(wanted.tag, live), wanted.value, self._limits)
        return None

    async def _reserve(self, creation: Creation, view: CampaignView, items: list[Item]) -> list[Item]:
        """Commits what the campaign may spend after the change, before anything that raises it is sent."""
        planned = [item for item in items if item.result == "planned"]
        before, after = view.daily_spend(), view.daily_spend(planned_values(planned))
        if after <= before or creation.account is None:
            return items
        refusal = await self._commit(creation, creation.account, after)
        if refusal is None:
            return items
        reason = f"{refusal.code}: {refusal.words}"
        return [
            item._replace(result="skipped", reason=reason)
            if item.result == "planned" and _raises_spend(item)
            else item
            for item in items
        ]

    async def _lower_commitment(self, creation: Creation, view: CampaignView | None) -> None:
        """What the campaign may spend now, which is less than was committed or the same."""
        if view is None or creation.account is None:
            return
        key, amount = (creation.tenant, creation.account.platform_account_id), view.daily_spend()
        standing = (await self._store.committed(*key)).get(creation.campaign_id)
        if standing is not None and amount < standing:
            await self._store.commit(*key, creation.campaign_id, amount or None)

    # --- doing it --------------------------------------------------------------------------------------

    async def _carry_out(
        self, creation: Creation, items: list[Item], run: Run
    ) -> tuple[list[Item], CampaignView | None]:
        ids = audit_ids()
        items = [item._replace(audit_id=next(ids)) if item.result == "planned" else item for item in items]
        planned = [item for item in items if item.result == "planned"]
        records = [_record(creation, run, item) for item in planned]
        await self._audit.intend(records)
        sent: dict[str, Item] = {}
        for _, group in itertools.groupby(planned, key=_group):
            sent |= {item.audit_id: item for item in await self._send(creation, list(group))}
        view = await self._view_after(creation)
        sent = {key: _believed(item, view) for key, item in sent.items()}
        concluded = [_concluded(record, sent[record.audit_id], view) for record in records]
        # What is unknown keeps its open intent, which the next run settles.
        await self._audit.conclude([record for record in concluded if record.outcome != "unknown"])
        for item in sent.values():
            emit("platform_writes_total", field=item.wanted.field, outcome=item.result)
        return [sent.get(item.audit_id, item) for item in items], view

    async def _view_after(self, creation: Creation) -> CampaignView | None:
        """None when the platform cannot be read: what was sent stays open until the next run settles it."""
        try:
            return await self._view(creation)
        except CampaignAutomationError as error:
            logger.warning("not read back", campaign_id=creation.campaign_id, reason=error.message)
            return None

    async def _send(self, creation: Creation, items: list[Item]) -> list[Item]:
        """One request for a group of like changes; what failed in passing is sent again, the values are
        absolute."""
        waiting = {item.entry.platform_id or "": item for item in items}
        done: list[Item] = []

        async def attempt() -> None:
            outcomes = await self._call(creation, lambda access: self._request(creation, access, waiting))
            passing: list[CampaignAutomationError] = []
            for outcome in outcomes:
                if outcome.error is not None and outcome.error.retryable:
                    passing.append(outcome.error)
                else:
                    done.append(_answered(waiting.pop(_id_of(outcome)), outcome))
            if passing:
                raise passing[0]

        try:
            await self._retried(creation, attempt, _group(items[0])[1])
        except CampaignAutomationError as error:
            done += [item._replace(result="failed", error=error) for item in waiting.values()]
        return done

    async def _request(
        self, creation: Creation, access: Access, waiting: Mapping[str, Item]
    ) -> Sequence[Outcome | BudgetOutcome]:
        adapter, items = self._adapter(creation), list(waiting.values())
        level, _, value = _group(items[0])
        if value == "deleted":
            return await adapter.remove(access, level, list(waiting))
        if items[0].wanted.field == "status":
            return await adapter.set_status(access, level, list(waiting), str(value))
        assert creation.account is not None
        budgets = {key: Decimal(item.wanted.value) for key, item in waiting.items()}
        return await adapter.set_budgets(access, creation.account, level, budgets)

    async def _call(self, creation: Creation, call: Callable[[Access], Awaitable[Any]]) -> Any:
        assert creation.account is not None
        return await with_access(
            self._accounts,
            creation.tenant,
            creation.spec.platform,
            creation.account.ad_account_id or creation.account.platform_account_id,
            call,
            connect_url=self._connect_url,
        )

    async def _retried(self, creation: Creation, call: Callable[[], Awaitable[Any]], what: str) -> Any:
        """Reads and absolute values may be asked again."""
        return await with_retries(
            call,
            what=what,
            max_total_seconds=_RETRY_SECONDS,
            attempt_seconds=ATTEMPT_TIMEOUT_SECONDS,
            late=lambda: not_in_time(creation.spec.platform),
        )

    def _adapter(self, creation: Creation) -> PlatformAdapter:
        return self._adapters[creation.spec.platform]


def planned_values(items: Iterable[Item]) -> dict[tuple[str, str], Value]:
    return {(item.wanted.tag, item.wanted.field): item.wanted.value for item in items}


def _raises_spend(item: Item) -> bool:
    if isinstance(item.wanted.value, Decimal):
        return not isinstance(item.before, Decimal) or item.wanted.value > item.before
    return item.wanted.value == "active"


def _group(item: Item) -> tuple[Level, str, str]:
    """What can be sent together: one level, one operation, for statuses one value."""
    wanted = item.wanted
    if wanted.field == "daily_budget":
        return wanted.level, "set_budget", ""
    return wanted.level, "remove" if wanted.value == "deleted" else "set_status", str(wanted.value)


def _id_of(outcome: Outcome | BudgetOutcome) -> str:
    return outcome.platform_id if isinstance(outcome, BudgetOutcome) else outcome.tag


def _answered(item: Item, outcome: Outcome | BudgetOutcome) -> Item:
    result: Result = "changed" if outcome.error is None else "failed"
    effective = (outcome.effective if isinstance(outcome, BudgetOutcome) else None) or "now"
    return item._replace(
        result=result, error=outcome.error, effective=effective, request_id=outcome.request_id
    )


def _believed(item: Item, view: CampaignView | None) -> Item:
    """The platform's own picture decides, whatever its answer was or however it got lost."""
    if view is None or item.effective == "next_day":
        return item
    live = view.live(item.wanted.tag, item.wanted.field)
    if live == item.wanted.value:
        return item._replace(result="changed", error=None)
    if item.result == "failed":
        return item
    error = PlatformError(
        f"it is {live} after it was set to {item.wanted.value}", platform=str(view.platform), retryable=False
    )
    return item._replace(result="failed", error=error)


def _record(creation: Creation, run: Run, item: Item) -> AuditRecord:
    wanted, (_, operation, _) = item.wanted, _group(item)
    is_budget = isinstance(wanted.value, Decimal) and isinstance(item.before, Decimal)
    return AuditRecord.model_validate(
        {
            "audit_id": item.audit_id,
            "run_id": run.run_id,
            "tenant": creation.tenant,
            "campaign_id": creation.campaign_id,
            "actor": run.actor,
            "reason": run.reason,
            "operation": operation,
            "level": wanted.level,
            "entity_id": wanted.tag,
            "platform_id": item.entry.platform_id,
            "before": {wanted.field: _text(item.before)},
            "after": {wanted.field: _text(wanted.value)},
            "evidence": run.evidence.get(wanted.tag, {}) | ({"held": True} if item.entry.held else {}),
            "sensitive": operation == "remove"
            or (is_budget and is_large(Decimal(str(item.before)), Decimal(wanted.value))),
            "at": iso_now(),
        }
    )


def _created(creation: Creation, entry: ObjectEntry, error: CampaignAutomationError | None) -> AuditRecord:
    """The same try of the same object always has the same id, so that a step run again adds nothing."""
    order = list(Level).index(entry.level)
    return _creation_record(
        creation,
        entry,
        audit_id=f"{creation.created_at:013d}-{order}-{entry.tag}-{entry.attempts}",
        operation="create",
        after=_planned(creation, entry),
        outcome="failed" if error else "applied",
        error=error and error_body(error),
        platform_request_id=error and error.details.get("platform_request_id"),
    )


def _removed(creation: Creation, entry: ObjectEntry, audit_id: str) -> AuditRecord:
    return _creation_record(
        creation,
        entry,
        audit_id=audit_id,
        operation="remove",
        before={"status": entry.status or "paused"},
        after={"status": "deleted"},
        outcome="applied",
        sensitive=True,
    )


def _end_record(creation: Creation, entry: ObjectEntry, run: Run) -> AuditRecord:
    assert creation.plan is not None
    return _creation_record(
        creation,
        entry,
        audit_id=next(audit_ids()),
        run_id=run.run_id,
        actor=run.actor,
        reason=run.reason,
        operation="lift_end",
        before={"ends_at": str(creation.plan.ends_at)},
        after={"ends_at": None},
    )


def _split_record(creation: Creation, entry: ObjectEntry, run: Run) -> AuditRecord:
    return _creation_record(
        creation,
        entry,
        audit_id=next(audit_ids()),
        run_id=run.run_id,
        actor=run.actor,
        reason=run.reason,
        operation="end_split",
        after={"split": "ended"},
    )


def _statuses(creation: Creation, view: CampaignView | None) -> list[ObjectEntry]:
    """The ad sets with the status that they have now."""
    if view is None:
        return []
    return [
        entry.model_copy(update={"status": str(view.live(entry.tag, "status"))})
        for entry in creation.objects.values()
        if entry.level is Level.ADSET and entry.state == "created"
    ]


def _creation_record(creation: Creation, entry: ObjectEntry, **more: Any) -> AuditRecord:
    values = {
        "run_id": f"run_{creation.campaign_id}",
        "tenant": creation.tenant,
        "campaign_id": creation.campaign_id,
        "actor": creation.context.actor,
        "reason": "create_campaign",
        "level": entry.level,
        "entity_id": entry.tag,
        "platform_id": entry.platform_id,
        "at": iso_now(),
    }
    return AuditRecord.model_validate(values | more)


def _planned(creation: Creation, entry: ObjectEntry) -> dict[str, Any]:
    plan = creation.plan
    assert plan is not None
    if entry.level is Level.SPLIT:
        return {"name": entry.name}
    after: dict[str, Any] = {"name": entry.name, "status": "paused"}
    for adset in plan.adsets:
        if adset.tag == entry.tag:
            after["daily_budget"] = _text(adset.daily_budget)
    for ad in plan.ads:
        if ad.tag == entry.tag:
            after |= {"adset": ad.adset_tag, "creative_id": ad.creative_id}
    return after


def _concluded(record: AuditRecord, item: Item, view: CampaignView | None) -> AuditRecord:
    """Without a look afterwards only a definite refusal is an outcome."""
    is_open = view is None and (item.error is None or item.error.retryable)
    outcome = "unknown" if is_open else {"changed": "applied"}.get(item.result, "failed")
    live = None if view is None else {item.wanted.field: _text(view.live(item.wanted.tag, item.wanted.field))}
    return record.model_copy(
        update={
            "outcome": outcome,
            "read_back": live,
            "error": item.error and error_body(item.error),
            "platform_request_id": item.request_id
            or (item.error and item.error.details.get("platform_request_id")),
            "evidence": {**record.evidence, "effective": item.effective}
            if item.effective == "next_day"
            else record.evidence,
        }
    )


def _seen(creation: Creation, view: CampaignView | None, items: Iterable[Item]) -> list[ObjectEntry]:
    """The objects that were looked at, as they are now. What is not there any more is gone."""
    if view is None:
        return []
    scheduled = {
        item.wanted.tag: item.wanted.value
        for item in items
        if item.effective == "next_day" and not item.error
    }
    entries = []
    for item in items:
        entry, status = creation.objects[item.wanted.tag], str(view.live(item.wanted.tag, "status"))
        update: dict[str, Any] = {
            "status": status,
            "daily_budget": view.live(item.wanted.tag, "daily_budget"),
        }
        if item.wanted.field == "daily_budget":
            update["scheduled_budget"] = scheduled.get(item.wanted.tag)
        elif item.result in ("changed", "already"):
            update["held"] = item.wanted.holds
        entries.append(entry.model_copy(update=update))
    return list({entry.tag: entry for entry in entries}.values())


def _is_deleted(creation: Creation) -> bool:
    return creation.plan is not None and creation.objects[creation.plan.tag].status == "deleted"


def _settled(record: AuditRecord, view: CampaignView) -> AuditRecord:
    ((field, asked),) = (record.after or {"status": None}).items()
    live = view.live(record.entity_id, field)
    is_applied = live == (Decimal(asked) if isinstance(live, Decimal) else asked)
    outcome = "applied" if is_applied else "failed"
    return record.model_copy(update={"outcome": outcome, "read_back": {field: _text(live)}})


def _budgets_before(trail: Iterable[AuditRecord], since: str) -> dict[str, Decimal]:
    """The budget in force before the first change since then, by object."""
    before: dict[str, Decimal] = {}
    for record in trail:
        amount = (record.before or {}).get("daily_budget")
        is_change = record.operation == "set_budget" and record.outcome != "failed"
        if is_change and record.audit_id >= since and amount is not None:
            before.setdefault(record.entity_id, Decimal(amount))
    return before


def _platform_id(creation: Creation) -> str:
    assert creation.plan is not None
    platform_id = creation.objects[creation.plan.tag].platform_id
    assert platform_id is not None
    return platform_id


def _account(creation: Creation) -> str:
    assert creation.account is not None
    return creation.account.platform_account_id


def _text(value: Value) -> str | None:
    return None if value is None else str(value)


def _raise(refusal: Refusal | None) -> None:
    if refusal:
        raise GuardRefusedError(refusal.words, guard=refusal.code)
