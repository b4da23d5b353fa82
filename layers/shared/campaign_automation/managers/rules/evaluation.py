"""One tick of a rule: claimed, judged on fresh figures, carried out, recorded and told, once.

However often a tick is delivered, and wherever a process dies, it acts once: the claim keeps others out, the
run's name shows in the trail what was done before, and whatever is set is an absolute value.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from campaign_automation.managers.rules.account_snapshot import RuleMarket, days_needed
from campaign_automation.managers.rules.applying import RuleWriter, Written
from campaign_automation.managers.rules.judgement import Judgement, judge
from campaign_automation.managers.rules.wording import message_of, notice_arguments, review_message
from campaign_automation.managers.shared.notices import Notices
from campaign_automation.models.changes import SkippedItem
from campaign_automation.models.rules.actions import Notify
from campaign_automation.models.rules.answers import RuleEvaluated
from campaign_automation.models.rules.rule import CreateRule, RuleTick, StoredRule
from campaign_automation.models.rules.vocabulary import hours_of
from campaign_automation.optimizers.rules.conflicts import find_conflicts
from campaign_automation.optimizers.rules.schedule import why_not_now
from campaign_automation.stores.notice_store import Notice
from campaign_automation.stores.rule_store import RuleHead, RuleStore, Tick
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import NotFoundError
from campaign_automation.utils.observability import emit, logger

CLAIM_SECONDS = 120  # longer than the function lives


class _Done(NamedTuple):
    result: RuleEvaluated
    told: dict[str, datetime] | None = None


class RuleEvaluation:
    def __init__(self, rules: RuleStore, market: RuleMarket, writer: RuleWriter, notices: Notices) -> None:
        self._rules = rules
        self._market = market
        self._writer = writer
        self._notices = notices

    async def evaluate(self, request: RuleTick) -> RuleEvaluated:
        """The result of the tick, of this call or of the one before. Raises NotFoundError for a rule that the
        tenant does not have."""
        head = await self._rules.head(request.tenant, request.rule_id)
        if head is None:
            raise NotFoundError(f"rule {request.rule_id} is not known", field="rule_id")
        tick = Tick(head, request.scheduled_time, uuid.uuid4().hex)
        standing = await self._rules.claim(tick, CLAIM_SECONDS)
        if standing is not None:
            return standing.result or _not_now(tick, "under_way")
        try:
            done = await self._judge(tick)
            await self._record(tick, done)
        except BaseException:
            await self._rules.release(tick)
            raise
        _count(done.result)
        return done.result

    async def _judge(self, tick: Tick) -> _Done:
        head = tick.head
        reason = why_not_now(head.rule, clock.now())
        if head.state != "enabled":
            reason = f"rule_{head.state}"
        if reason:
            return _Done(_not_now(tick, reason))
        judgement, told = await self._judgement(head)
        if judgement.review:
            return _Done(_needs_review(tick, judgement))
        if head.rule.mode == "observe" or isinstance(head.rule.action, Notify):
            return _told(tick, judgement, told)
        return _Done(_acted(tick, judgement, await self._writer.write(tick, judgement)))

    async def _judgement(self, head: RuleHead) -> tuple[Judgement, Mapping[str, datetime]]:
        rivals = await self._rivals(head)
        campaigns = await self._market.campaigns(head.tenant, head.rule.applies_to)
        days = days_needed([head.rule, *(rival.rule for rival in rivals)])
        reading = await self._market.read(campaigns, head.rule, days)
        told = await self._rules.told(head)
        return judge(head.stored, rivals, reading, told), told

    async def _rivals(self, head: RuleHead) -> list[StoredRule]:
        """The rules that may want one of the same objects otherwise."""
        others = [
            item.stored for item in await self._rules.heads(head.tenant) if item.rule_id != head.rule_id
        ]
        clashing = {conflict.rule_id for conflict in find_conflicts(head.rule, others)}
        return [other for other in others if other.rule_id in clashing and other.rule.mode == "act"]

    async def _record(self, tick: Tick, done: _Done) -> None:
        notices = self._told_of(tick, done.result)
        if not await self._rules.finish(tick, done.result, done.told, notices):
            logger.warning("tick was taken over", rule_id=tick.head.rule_id, tick=tick.key)
            return
        for notice in notices:
            await self._notices.deliver(notice.tenant, notice.notice_id)

    def _told_of(self, tick: Tick, result: RuleEvaluated) -> list[Notice]:
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
        moment = tick.scheduled_time.strftime("%Y%m%dT%H%M%S")
        return self._notices.notice(head.tenant, f"{head.rule_id}-{head.version}-{moment}", arguments)


def _result(tick: Tick, judgement: Judgement | None = None, **more: object) -> RuleEvaluated:
    values: dict[str, object] = {
        "rule_id": tick.head.rule_id,
        "version": tick.head.version,
        "scheduled_time": clock.iso(tick.scheduled_time),
        "evaluated": judgement.evaluated if judgement else 0,
        "matched": judgement.matched if judgement else 0,
        "acted": 0,
        "skipped": judgement.skipped if judgement else [],
        "undecidable": judgement.undecidable if judgement else [],
        "scope": judgement.scope if judgement else [],
    }
    return RuleEvaluated.model_validate(values | more)


def _not_now(tick: Tick, note: str) -> RuleEvaluated:
    return _result(tick, outcome="not_now", note=note)


def _needs_review(tick: Tick, judgement: Judgement) -> RuleEvaluated:
    note = judgement.review
    message = review_message(tick.head.rule, note)
    return _result(tick, judgement, outcome="needs_review", note=note, notification=message)


def _told(tick: Tick, judgement: Judgement, told: Mapping[str, datetime]) -> _Done:
    """Nothing is written: the rule says what it sees, or what it would have done."""
    rule, now = tick.head.rule, clock.now()
    observed = rule.mode == "observe"
    kept = {entity: at for entity, at in told.items() if now - at < _cooldown(rule)}
    kept |= {decision.entity_id: now for decision in judgement.decisions}
    result = _result(
        tick,
        judgement,
        outcome="observed" if observed else "done",
        acted=0 if observed else len(judgement.decisions),
        notification=message_of(rule, judgement.decisions, judgement.names, observed=observed),
    )
    return _Done(result, kept)


def _cooldown(rule: CreateRule) -> timedelta:
    return timedelta(hours=hours_of(rule.cooldown))


def _acted(tick: Tick, judgement: Judgement, written: Written) -> RuleEvaluated:
    changed = {item.id for item in written.changed}
    done = [decision for decision in judgement.decisions if decision.entity_id in changed]
    message = message_of(tick.head.rule, done, judgement.names, observed=False)
    if message is None and changed:  # a tick that had died after it acted: its figures are in the trail
        message = f"{tick.head.rule.rule_name}: {tick.head.rule.action.type}: {', '.join(sorted(changed))}"
    return _result(
        tick,
        judgement,
        acted=len(written.changed),
        changed=written.changed,
        # What the engine holds back now because this very tick did it before is no skip.
        skipped=[item for item in judgement.skipped if item.id not in changed] + written.skipped,
        failed=written.failed,
        notification=message,
    )


def _count(result: RuleEvaluated) -> None:
    emit("rule_evaluations_total", result=result.outcome)
    for cause, count in Counter(map(_cause, result.undecidable)).items():
        emit("rule_undecidable_total", count, cause=cause)
    logger.info(
        "rule evaluated",
        rule_id=result.rule_id,
        outcome=result.outcome,
        evaluated=result.evaluated,
        acted=result.acted,
        undecidable=len(result.undecidable),
    )


def _cause(item: SkippedItem) -> str:
    """Data that are not there yet are part of the trade; a platform that could not be read is not."""
    return "not_read" if item.reason.startswith("not_read") else "data"
