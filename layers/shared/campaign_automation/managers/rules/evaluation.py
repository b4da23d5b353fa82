"""One tick of a rule: claimed, evaluated on fresh figures, carried out, recorded and notified, once.

A tick acts once, however often it is delivered and wherever a process dies: its lease keeps other processes
out, the run's name shows earlier changes in the trail, and all values that are set are absolute.

A tick over more accounts than one function has time for starts one execution, in which functions look at
groups of them and write nothing. Its last state evaluates the accounts in which something was found, or that
nobody could look at, as any tick would: limits, decisions, the run and its notice are in one place.
"""

from __future__ import annotations

import asyncio
import hashlib
import uuid
import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from campaign_automation.clients.step_functions import Executions
from campaign_automation.managers.proposals.making import ProposalMaker, new_id
from campaign_automation.managers.rules.account_snapshot import (
    AccountSnapshots,
    Elsewhere,
    SnapshotsRead,
    days_needed,
)
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
from campaign_automation.models.rules.rule import GatheredTick, Look, LookTick, RuleTick, StoredRule
from campaign_automation.optimizers.rules.conflicts import find_conflicts
from campaign_automation.optimizers.rules.schedule import reason_not_now
from campaign_automation.stores.campaign_rows import Listed
from campaign_automation.stores.notice_store import Notice
from campaign_automation.stores.rule_store import RuleHead, RuleStore, Tick
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import ConflictError, NotFoundError
from campaign_automation.utils.observability import logger

CLAIM_SECONDS = 120  # longer than the function lives
READ_SECONDS = 30.0  # in which accounts are begun; a read of one and then a change take the rest of its life
FANNED_OUT = "fanned_out"  # the note of a tick whose last state is to decide it
_LOOKED_AT = 16  # accounts of one look on average: as many as a function reads at once
# All looks together then stay below the 256 KB that states hand on.
_MOST_NAMED, _MOST_GROUPS = 8, 800
_NOWHERE = Elsewhere()

ByAccount = Mapping[str, Sequence[Listed]]


class FanOut(NamedTuple):
    """The executions of ticks over more than so many accounts, with the most functions of each at a time."""

    executions: Executions
    accounts: int
    at_once: int


class RuleEvaluation:
    def __init__(
        self,
        rules: RuleStore,
        snapshots: AccountSnapshots,
        writer: RuleWriter,
        notices: Notices,
        proposals: ProposalMaker,
        fan_out: FanOut | None = None,
    ) -> None:
        self._fan_out = fan_out
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
            return await self._evaluate_rule(tick, request)
        except BaseException:
            await self._rules.release(tick)
            raise

    async def gather(self, request: GatheredTick) -> RuleEvaluated:
        """Evaluate a tick at whose accounts functions have looked.

        Raises ConflictError while another process has the tick, and NotFoundError too.
        """
        result = await self.evaluate(request)
        if result.note == "under_way":
            raise ConflictError("the run of the rule is under way")
        return result

    async def look(self, request: LookTick) -> Look:
        """Read one group of the accounts in scope and tell where the rule finds something; change nothing.

        All accounts of the group are to be read again where more than some have something.
        """
        whole = Look(group=request.group, found=None)
        head = await self._rules.head(request.tenant, request.rule_id)
        if head is None or head.version != request.version or _not_now_reason(head):
            return whole
        accounts = {
            name: listed
            for name, listed in (await self._snapshots.accounts(head.tenant, head.rule)).items()
            if _group_of(name, request.groups) == request.group
        }
        conflicting = await self._conflicting(head)
        looks = await asyncio.gather(
            *(self._look_at(head, conflicting, {name: listed}) for name, listed in accounts.items())
        )
        seen = dict(zip(accounts, looks, strict=True))
        # Accounts that could not be read are read once more, and then told by name.
        found = [name for name, one in seen.items() if one.matched or one.unread]
        if len(found) > _MOST_NAMED:
            return whole
        quiet = [one for name, one in seen.items() if name not in found]
        return Look(
            group=request.group,
            found=found,
            accounts=len(quiet),
            evaluated=sum(one.evaluated for one in quiet),
            undecided=sum(len(one.undecidable) for one in quiet),
        )

    async def _look_at(
        self, head: RuleHead, conflicting: Sequence[StoredRule], account: ByAccount
    ) -> Evaluation:
        return evaluate_accounts(head.stored, conflicting, await self._read(head, conflicting, account), {})

    async def _evaluate_rule(self, tick: Tick, request: RuleTick) -> RuleEvaluated:
        """Carry the tick out: read, evaluate, write or only notify, record, deliver; or hand it on."""
        if reason := _not_now_reason(tick.head):
            return await self._record(tick, not_now(tick, reason))
        accounts = await self._snapshots.accounts(tick.head.tenant, tick.head.rule)
        if isinstance(request, GatheredTick):
            return await self._evaluate_accounts(tick, *_to_evaluate(accounts, request, tick.head.version))
        if self._fan_out is not None and len(accounts) > self._fan_out.accounts:
            return await self._hand_on(tick, len(accounts), self._fan_out)
        return await self._evaluate_accounts(tick, accounts)

    async def _hand_on(self, tick: Tick, accounts: int, fan_out: FanOut) -> RuleEvaluated:
        """Leave the tick to its execution, which is started once however often the tick is delivered."""
        head, groups = tick.head, min(-(-accounts // _LOOKED_AT), _MOST_GROUPS)
        await self._rules.release(tick)
        payload = {
            "tenant": head.tenant,
            "rule_id": head.rule_id,
            "version": head.version,
            "scheduled_time": clock.iso(tick.scheduled_time),
            "groups": groups,
            "numbers": list(range(groups)),
            "at_once": fan_out.at_once,
        }
        await fan_out.executions.start(f"{tick.scheduled_time:%Y%m%dT%H%M%S}-{_mark(tick, 32)}", payload)
        logger.info("rule handed on", rule_id=head.rule_id, accounts=accounts, groups=groups)
        return not_now(tick, FANNED_OUT)

    async def _evaluate_accounts(
        self, tick: Tick, accounts: ByAccount, elsewhere: Elsewhere = _NOWHERE
    ) -> RuleEvaluated:
        conflicting = await self._conflicting(tick.head)
        read = (await self._read(tick.head, conflicting, accounts))._replace(elsewhere=elsewhere)
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

    async def _conflicting(self, head: RuleHead) -> list[StoredRule]:
        """Return the conflicting rules."""
        others = [
            item.stored for item in await self._rules.heads(head.tenant) if item.rule_id != head.rule_id
        ]
        # A rule that only observes changes nothing, so it is in nobody's way.
        clashing = {conflict.rule_id for conflict in find_conflicts(head.rule, others)}
        return [item for item in others if item.rule_id in clashing and item.rule.mode == "act"]

    async def _read(
        self, head: RuleHead, conflicting: Sequence[StoredRule], accounts: ByAccount
    ) -> SnapshotsRead:
        """Return accounts over the longest window of the rule and those that it conflicts with."""
        days = days_needed([head.rule, *(item.rule for item in conflicting)])
        return await self._snapshots.read_in_time(
            head.tenant, accounts, head.rule, days, first=head.next_account, seconds=READ_SECONDS
        )

    async def _runs_of_today(self, head: RuleHead, read: SnapshotsRead) -> list[RuleEvaluated]:
        """Return the runs of this day in any time zone, where a limit of a day counts accounts not read."""
        if head.rule.max_actions_per_day is None or not (read.left or read.unread or read.elsewhere.accounts):
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
        count(result)
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


def _group_of(account: str, groups: int) -> int:
    # By the name alone, so that an account that comes or goes meanwhile moves no other.
    return zlib.crc32(account.encode()) % groups


def _to_evaluate(accounts: ByAccount, request: GatheredTick, version: int) -> tuple[ByAccount, Elsewhere]:
    """Return the accounts where something was found, or that nobody could look at, and the others' numbers.

    Looks for another version of the rule count for nothing.
    """
    looks = {
        item.group: item
        for item in request.looks
        if item is not None and item.found is not None and request.version == version
    }

    def is_open(name: str) -> bool:
        look = looks.get(_group_of(name, request.groups))
        return look is None or name in (look.found or ())

    remaining = {name: listed for name, listed in accounts.items() if is_open(name)}
    return remaining, Elsewhere(
        sum(look.accounts for look in looks.values()),
        sum(look.evaluated for look in looks.values()),
        sum(look.undecided for look in looks.values()),
    )


def _mark(tick: Tick, length: int) -> str:
    name = f"{tick.head.tenant}#{tick.head.rule_id}#{tick.key}"
    return hashlib.sha256(name.encode()).hexdigest()[:length]


def _proposal_id(tick: Tick) -> str:
    return new_id(int(tick.scheduled_time.timestamp() * 1000), _mark(tick, 12))
