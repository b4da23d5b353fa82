"""The carrying out of approved proposals, through the same gate and the same creation as any request.

A process may die anywhere: the next one repeats what is absolute, finds earlier writes in the trail under the
proposal's own runs, and a creation under the proposal's own idempotency key.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from campaign_automation.managers.budgets.applying import Batch, BudgetApplier
from campaign_automation.managers.campaign_manager import CampaignManager
from campaign_automation.managers.changes.gate import WriteGate
from campaign_automation.managers.changes.items import ChangeResult, Run
from campaign_automation.managers.changes.targets import TargetChanges
from campaign_automation.managers.decisions.earlier_decisions import EarlierDecisions
from campaign_automation.managers.decisions.keeping import unpredicted
from campaign_automation.managers.proposals import wording
from campaign_automation.managers.proposals.creating import ProposedCreations
from campaign_automation.managers.proposals.plans import (
    BUDGET,
    TARGETS,
    desired_of,
    digest_of,
    is_same,
    targets_of,
    text_of,
)
from campaign_automation.managers.proposals.receipts import Results, receipts_of, records_of, state_of
from campaign_automation.models.budgets import DecisionKind
from campaign_automation.models.campaign import Campaign
from campaign_automation.models.changes import AuditRecord
from campaign_automation.models.proposals import Proposal, ProposedChange, ProposedRun
from campaign_automation.stores.audit_store import AuditStore, time_of
from campaign_automation.stores.proposal_store import ProposalKey, ProposalStore
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import CampaignAutomationError, ConflictError
from campaign_automation.utils.observability import emit, internal_error, logger

_LEASE_SECONDS = 120  # longer than any function lives that carries one out
RETRY_MS = 60_000
_MOST_VISITS = 15  # with a sweep every two minutes, half an hour
_MOST_DUE = 50
_DAY_MS = 24 * 3600_000


class _Work(NamedTuple):
    """A run with its campaign as it is, its records, and the changes that fit it no more, with the reason."""

    run: ProposedRun
    campaign: Campaign
    records: dict[tuple[str, str], AuditRecord]
    changed: dict[tuple[str, str], str]

    @property
    def open_run(self) -> ProposedRun:
        """The run without the changes that do not fit any more, and without those that are made.

        What an earlier process changed is not sent again: a person may have changed it back since.
        """
        gone = self.changed.keys() | self._made
        kept = [item for item in self.run.changes if (item.id, item.field) not in gone]
        return self.run.model_copy(update={"changes": kept})

    @property
    def freed(self) -> Decimal:
        """The money a day that the changes freed which are made, below 0 where they took some."""
        made = [item for item in self.run.changes if (item.id, item.field) in self._made]
        after = [Decimal(item.after or 0) if item.field == BUDGET else Decimal(0) for item in made]
        return sum((Decimal(item.budget or 0) for item in made), Decimal(0)) - sum(after, Decimal(0))

    @property
    def _made(self) -> set[tuple[str, str]]:
        return {key for key, record in self.records.items() if record.outcome == "applied"}


class ProposalExecution:
    def __init__(
        self,
        store: ProposalStore,
        campaigns: CampaignManager,
        gate: WriteGate,
        audit: AuditStore,
        targets: TargetChanges,
        creations: ProposedCreations,
        decisions: EarlierDecisions,
    ) -> None:
        self._decisions = decisions
        self._store = store
        self._campaigns = campaigns
        self._gate = gate
        self._audit = audit
        self._targets = targets
        self._creations = creations

    async def sweep(self, until: float) -> dict[str, int]:
        """Let proposals expire that nobody decided on, and carry on with approved ones; count both.

        None is begun after `until`, a time of the monotonic clock.
        """
        counts = {"expired": 0, "carried_on": 0}
        for key in await self._store.due(_MOST_DUE):
            if time.monotonic() > until:
                break  # the next sweep goes on
            try:
                if outcome := await self._visit(key):
                    counts[outcome] += 1
            except Exception:  # of one proposal: the others are still to be visited
                internal_error("proposal not visited", proposal_id=key.proposal_id)
        return counts

    async def _visit(self, key: ProposalKey) -> str | None:
        proposal = await self._store.load(*key)
        if proposal is None or proposal.is_ended:
            return None  # the index is a moment behind
        if proposal.state == "open":
            if proposal.expires_at > clock.now():
                return None
            await self.expire(proposal)
            return "expired"
        await self.carry_out(proposal, wait_seconds=0)
        return "carried_on"

    async def expire(self, proposal: Proposal) -> None:
        ended = proposal.model_copy(update={"state": "expired", "note": wording.EXPIRED})
        if await self._store.decide(proposal, ended, None):
            _count(ended)

    async def carry_out(self, proposal: Proposal, *, wait_seconds: int) -> Proposal:
        """Carry an approved proposal out as far as it goes now, and return it as it then is.

        Another process that has it goes on alone.
        """
        token = uuid.uuid4().hex
        if not await self._store.begin(proposal, token, _LEASE_SECONDS):
            return await self._store.load(proposal.tenant, proposal.proposal_id) or proposal
        work = proposal.model_copy(update={"visits": proposal.visits + 1})
        try:
            work = await self._carry_out(work, token, wait_seconds)
        except CampaignAutomationError as error:
            work = _after_error(work, error)
        except BaseException:
            await self._store.leave(work, token)  # as it is stored: what was begun is noted there
            raise
        due = None if work.is_ended else clock.now_ms() + RETRY_MS
        if await self._store.keep(work, token, due, is_left=True) and work.is_ended:
            _count(work)
        return work

    async def _carry_out(self, proposal: Proposal, token: str, wait_seconds: int) -> Proposal:
        if digest_of(proposal.plan, proposal.proposal_id) != proposal.plan_digest:
            return proposal.model_copy(update={"state": "stale", "note": wording.NOT_THE_PLAN})
        creation = proposal.plan.creation
        if creation is None:
            return await self._change(proposal, token)
        if stale := await self._creations.stale(proposal, creation):
            return proposal.model_copy(update={"state": "stale", "note": stale})
        opened = await self._creations.open(proposal, creation)
        begun = proposal.model_copy(update={"state": "executing", "campaign_id": opened.campaign_id})
        # Before anything is sent: the next process asks for the outcome of this very creation.
        await self._begin(begun, token)
        return await self._creations.run(begun, opened, wait_seconds)

    async def _begin(self, proposal: Proposal, token: str) -> None:
        due = clock.now_ms() + RETRY_MS
        if not await self._store.keep(proposal, token, due, is_left=False):
            raise ConflictError("another process carries the proposal out", retryable=True)

    # --- changes of campaigns -------------------------------------------------------------------------------

    async def _change(self, proposal: Proposal, token: str) -> Proposal:
        try:
            works = [await self._look(proposal, run) for run in proposal.plan.runs]
        except ConflictError as error:  # a campaign that was deleted
            if error.retryable or proposal.visits > 1:
                raise
            return proposal.model_copy(update={"state": "stale", "note": f"plan_stale: {error.message}"})
        changed = [item for work in works for item in work.changed.values()]
        if changed and not any(work.records for work in works):
            return proposal.model_copy(update={"state": "stale", "note": wording.stale(changed)})
        begun = proposal.model_copy(update={"state": "executing"})
        await self._begin(begun, token)
        results = await self._write(begun, works)
        return await self._conclude(begun, works, results)

    async def _look(self, proposal: Proposal, run: ProposedRun) -> _Work:
        """Read the campaign, and find the changes whose value before is not there any more."""
        campaign = await self._campaigns.load_created(proposal.tenant, run.campaign_id)
        if campaign.state == "deleted":
            raise ConflictError(f"campaign {campaign.campaign_id} is deleted", field="campaign_id")
        done = records_of(run, await self._trail(proposal, run))
        wanted, made = desired_of(run), self._run(proposal, run)
        live = {(campaign.tag, name): text_of(getattr(campaign, name)) for name in TARGETS}
        for item in await self._gate.apply(campaign, wanted, made, dry_run=True) if wanted else ():
            if item.error is not None:
                raise item.error
            live[item.wanted.tag, item.wanted.field] = text_of(item.before)
        changed = _changed([item for item in run.changes if (item.id, item.field) not in done], live)
        return _Work(run, campaign, done, changed)

    async def _write(self, proposal: Proposal, works: list[_Work]) -> Results:
        results: list[ChangeResult] = []
        if proposal.plan.moves_budgets:
            batches = [self._batch(proposal, work) for work in works]
            applier, room = BudgetApplier(self._gate), proposal.plan.room
            if room is not None:
                room += sum((work.freed for work in works), Decimal(0))
            results += (await applier.apply(batches, room=room, dry_run=False)).values()
        else:
            for work in works:
                results += await self._write_one(proposal, work)
        return {(item.wanted.tag, item.wanted.field): item for item in results}

    async def _write_one(self, proposal: Proposal, work: _Work) -> list[ChangeResult]:
        """Send the changes of one campaign, then set its targets; what fails costs this campaign alone."""
        wanted, run = desired_of(work.open_run), self._run(proposal, work.run)
        try:
            results = await self._gate.apply(work.campaign, wanted, run) if wanted else []
        except CampaignAutomationError as error:
            entries = work.campaign.objects
            return [ChangeResult(item, entries[item.tag], None, "failed", error=error) for item in wanted]
        new = {
            name: value
            for name, value in targets_of(work.open_run).items()
            if value != getattr(work.campaign, name)
        }
        if new and (not results or any(item.result in ("changed", "already") for item in results)):
            await self._targets.set(work.campaign, new, run)
        return results

    def _batch(self, proposal: Proposal, work: _Work) -> Batch:
        budgets = {item.id: Decimal(item.budget or 0) for item in work.run.changes}
        return Batch(work.campaign, desired_of(work.open_run), self._run(proposal, work.run), budgets)

    async def _conclude(self, proposal: Proposal, works: list[_Work], results: Results) -> Proposal:
        receipts = []
        for work in works:
            trail = await self._trail(proposal, work.run)
            receipts += receipts_of(work.run, trail, results, work.changed)
            await self._look_back(proposal, work, records_of(work.run, trail).values())
        done = proposal.model_copy(update={"receipts": receipts})
        is_open = any(not item.confirmed or _may_pass(item) for item in results.values())
        is_open = is_open or any(item.outcome == "unknown" for item in receipts)
        if is_open and proposal.visits < _MOST_VISITS:
            return done
        return done.model_copy(update={"state": state_of(receipts), "note": wording.ended(receipts)})

    async def _look_back(self, proposal: Proposal, work: _Work, records: Iterable[AuditRecord]) -> None:
        """Have an automatic decision looked at again, by its first change: kept once, however often."""
        first = min((item.audit_id for item in records if item.outcome == "applied"), default=None)
        if work.run.attribution_days is None or first is None:
            return
        kind: DecisionKind = "rule" if proposal.action == "create_rule" else "optimization"
        days, run_id = work.run.attribution_days, work.run.run_id
        await self._decisions.keep([unpredicted(work.campaign, run_id, kind, days, time_of(first))])

    async def _trail(self, proposal: Proposal, run: ProposedRun) -> list[AuditRecord]:
        return await self._audit.since(proposal.tenant, run.campaign_id, proposal.decided_ms - _DAY_MS)

    @staticmethod
    def _run(proposal: Proposal, run: ProposedRun) -> Run:
        actor = run.actor or proposal.decided_by or proposal.proposed_by
        reason = wording.reason(run.reason, proposal)
        return Run(run.run_id, actor, reason, proposal.decided_ms, run.evidence)


def _changed(
    changes: Iterable[ProposedChange], live: Mapping[tuple[str, str], str | None]
) -> dict[tuple[str, str], str]:
    """Return the changes whose value before is not there any more, nor the value wanted."""
    found: dict[tuple[str, str], str] = {}
    for item in changes:
        now = live.get((item.id, item.field))
        if not is_same(item.field, now, item.before) and not is_same(item.field, now, item.after):
            found[item.id, item.field] = wording.changed_object(item.id, item.field, item.before, now)
    return found


def _may_pass(item: ChangeResult) -> bool:
    return item.result == "failed" and item.error is not None and item.error.retryable


def _after_error(proposal: Proposal, error: CampaignAutomationError) -> Proposal:
    """Return the proposal after a failure of the whole of it, which is tried again as long as it may pass."""
    logger.warning("proposal not carried out", proposal_id=proposal.proposal_id, reason=error.message)
    # A creation that is opened has an outcome of its own, which is asked for until it is known.
    if (error.retryable and proposal.visits < _MOST_VISITS) or proposal.campaign_id is not None:
        return proposal.model_copy(update={"state": "executing", "note": error.message})
    state = state_of(proposal.receipts) if proposal.receipts else "rolled_back"
    return proposal.model_copy(update={"state": state, "note": error.message})


def _count(proposal: Proposal) -> None:
    emit("proposals_total", action=proposal.action, state=proposal.state)
    logger.info("proposal ended", proposal_id=proposal.proposal_id, state=proposal.state)
