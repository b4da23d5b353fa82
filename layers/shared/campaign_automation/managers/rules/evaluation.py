"""One tick of a rule: claimed, evaluated on fresh figures, carried out, recorded and notified, once.

A tick acts once, however often it is delivered and wherever a process dies: its lease keeps other processes
out, the run's name shows earlier changes in the trail, and all values that are set are absolute.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from campaign_automation.managers.proposals.making import ProposalMaker, new_id
from campaign_automation.managers.rules.account_snapshot import AccountSnapshots, SnapshotsRead, days_needed
from campaign_automation.managers.rules.applying import RuleWriter
from campaign_automation.managers.rules.decisions import Evaluation, evaluate_accounts
from campaign_automation.managers.rules.entities import RULE_ACTOR
from campaign_automation.managers.rules.events import events_of
from campaign_automation.managers.rules.results import (
    acted,
    count,
    needs_review,
    not_now,
    notified_only,
    proposed,
)
from campaign_automation.managers.rules.wording import message_of, notice_arguments
from campaign_automation.managers.shared.notices import Notices
from campaign_automation.models.proposals import ProposedPlan
from campaign_automation.models.rules.actions import Notify
from campaign_automation.models.rules.answers import RuleEvaluated
from campaign_automation.models.rules.rule import RuleTick, StoredRule
from campaign_automation.optimizers.rules.conflicts import find_conflicts
from campaign_automation.optimizers.rules.schedule import reason_not_now
from campaign_automation.stores.notice_store import Notice
from campaign_automation.stores.rule_store import RuleHead, RuleStore, Tick
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import NotFoundError
from campaign_automation.utils.observability import logger

CLAIM_SECONDS = 120  # longer than the function lives
READ_SECONDS = 30.0  # in which accounts are begun; a read of one and then a change take the rest of its life


class RuleEvaluation:
    def __init__(
        self,
        rules: RuleStore,
        snapshots: AccountSnapshots,
        writer: RuleWriter,
        notices: Notices,
        proposals: ProposalMaker,
    ) -> None:
        self._proposals = proposals
        self._rules = rules
        self._snapshots = snapshots
        self._writer = writer
        self._notices = notices

    async def evaluate(self, request: RuleTick) -> RuleEvaluated:
        """Evaluate the tick and return its result, or the result of an earlier call for the same tick.

        Raises NotFoundError for a rule that the tenant does not have.
        """
        head = await self._rules.head(request.tenant, request.rule_id)
        if head is None:
            raise NotFoundError(f"rule {request.rule_id} is not known", field="rule_id")
        tick = Tick(head, request.scheduled_time, uuid.uuid4().hex)
        standing = await self._rules.claim(tick, CLAIM_SECONDS)
        if standing is not None:
            return standing.result or not_now(tick, "under_way")
        try:
            result = await self._evaluate_rule(tick)
        except BaseException:
            await self._rules.release(tick)
            raise
        count(result)
        return result

    async def _evaluate_rule(self, tick: Tick) -> RuleEvaluated:
        """Carry the tick out: read, evaluate, write or only notify, record, deliver."""
        if reason := _not_now_reason(tick.head):
            return await self._record(tick, not_now(tick, reason))
        conflicting, read = await self._read(tick.head)
        notified_at = await self._rules.notified_at(tick.head)
        runs = await self._runs_of_today(tick.head, read)
        evaluation = evaluate_accounts(tick.head.stored, conflicting, read, notified_at, runs)
        if evaluation.review:
            return await self._record(tick, needs_review(tick, evaluation), evaluation=evaluation)
        if tick.head.rule.mode == "observe" or isinstance(tick.head.rule.action, Notify):
            told = notified_only(tick, evaluation, notified_at)
            return await self._record(tick, *told, evaluation=evaluation)
        if tick.head.rule.mode == "propose":
            return await self._record(tick, *await self._propose(tick, evaluation, notified_at))
        result = acted(tick, evaluation, await self._writer.write(tick, evaluation))
        return await self._record(tick, result, evaluation=evaluation)

    async def _propose(
        self, tick: Tick, evaluation: Evaluation, notified_at: Mapping[str, datetime]
    ) -> tuple[RuleEvaluated, dict[str, datetime]]:
        """Ask a person for the changes, where there are any; the same tick again asks for the same."""
        planned, rule = await self._writer.plan(tick, evaluation), tick.head.rule
        result, asked = proposed(tick, evaluation, planned, notified_at)
        if not planned.runs:
            return result, asked
        message = message_of(rule, evaluation.decisions, evaluation.names, observed=True)
        proposal = await self._proposals.make(
            tick.head.tenant,
            "create_rule",
            ProposedPlan(runs=planned.runs),
            preview=result.model_dump(mode="json"),
            summary=message or rule.rule_name,
            reason=f"rule {rule.rule_name}",
            proposed_by=f"{RULE_ACTOR}{tick.head.rule_id}",
            hours=rule.proposal_hours,
            proposal_id=_proposal_id(tick),
        )
        return result.model_copy(update={"proposal_id": proposal.proposal_id}), asked

    async def _read(self, head: RuleHead) -> tuple[list[StoredRule], SnapshotsRead]:
        """Return the conflicting rules, and the accounts over the longest window of all these rules."""
        others = [
            item.stored for item in await self._rules.heads(head.tenant) if item.rule_id != head.rule_id
        ]
        # A rule that only observes changes nothing, so it is in nobody's way.
        clashing = {conflict.rule_id for conflict in find_conflicts(head.rule, others)}
        conflicting = [item for item in others if item.rule_id in clashing and item.rule.mode == "act"]
        days = days_needed([head.rule, *(item.rule for item in conflicting)])
        read = await self._snapshots.read_in_time(
            head.tenant, head.rule, days, first=head.next_account, seconds=READ_SECONDS
        )
        return conflicting, read

    async def _runs_of_today(self, head: RuleHead, read: SnapshotsRead) -> list[RuleEvaluated]:
        """Return the runs of this day in any time zone, where a limit of a day counts accounts not read."""
        if head.rule.max_actions_per_day is None or not (read.left or read.unread):
            return []
        return await self._rules.runs(head, clock.now() - timedelta(days=2))

    async def _record(
        self,
        tick: Tick,
        result: RuleEvaluated,
        notified_at: Mapping[str, datetime] | None = None,
        evaluation: Evaluation | None = None,
    ) -> RuleEvaluated:
        """Store the result with its notices and events, all or nothing, and deliver the notices."""
        notices = self._notices_of(tick, result)
        events = events_of(tick, result, evaluation, notices)
        if await self._rules.finish(tick, result, notified_at, notices, events):
            await self._deliver(notices)
        else:  # the lease was over, and the process that has it records and notifies
            logger.warning("tick was taken over", rule_id=tick.head.rule_id, tick=tick.key)
        return result

    async def _deliver(self, notices: Sequence[Notice]) -> None:
        for notice in notices:
            await self._notices.deliver(notice.tenant, notice.notice_id)

    def _notices_of(self, tick: Tick, result: RuleEvaluated) -> list[Notice]:
        if result.notification is None:
            return []
        head = tick.head
        arguments = notice_arguments(
            head.rule,
            result.notification,
            urgent=result.outcome == "needs_review",
            rule_id=head.rule_id,
            version=head.version,
            scheduled_time=result.scheduled_time,
            changed=[item.id for item in result.changed],
        )
        # Named after the tick: the same tick again writes the same notice.
        moment = tick.scheduled_time.strftime("%Y%m%dT%H%M%S")
        notice_id = f"{head.rule_id}-{head.version}-{moment}"
        return self._notices.notice(head.tenant, notice_id, arguments, head.rule.notify_by)


def _not_now_reason(head: RuleHead) -> str:
    """Return the code of the reason that the rule does nothing at this moment, or ""."""
    if head.state != "enabled":
        return f"rule_{head.state}"
    return reason_not_now(head.rule, clock.now()) or ""


def _proposal_id(tick: Tick) -> str:
    mark = hashlib.sha256(f"{tick.head.tenant}#{tick.head.rule_id}#{tick.key}".encode()).hexdigest()[:12]
    return new_id(int(tick.scheduled_time.timestamp() * 1000), mark)
