"""The results of a rule's ticks, as they are stored and answered. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from campaign_automation.managers.rules.applying import Planned, Written
from campaign_automation.managers.rules.decisions import Evaluation
from campaign_automation.managers.rules.entities import RULE_ACTOR
from campaign_automation.managers.rules.wording import (
    done_before_message,
    failed_message,
    left_message,
    message_of,
    review_message,
)
from campaign_automation.models.budgets import EarlierDecision
from campaign_automation.models.changes import SkippedItem
from campaign_automation.models.rules.answers import RuleEvaluated
from campaign_automation.models.rules.vocabulary import hours_of
from campaign_automation.stores.rule_store import Tick
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import ConflictError
from campaign_automation.utils.observability import emit, logger

_EARLIER = 5  # decisions in one answer


def not_now(tick: Tick, note: str) -> RuleEvaluated:
    """Return the result of a tick that evaluated nothing; `note` is the reason."""
    return _result(tick, outcome="not_now", note=note)


def needs_review(tick: Tick, evaluation: Evaluation) -> RuleEvaluated:
    """Return the result of a tick that would have changed too many objects and did nothing."""
    note = evaluation.review
    message = review_message(tick.head.rule, note)
    return _result(tick, evaluation, outcome="needs_review", note=note, notification=message)


def notified_only(
    tick: Tick, evaluation: Evaluation, notified_at: Mapping[str, datetime]
) -> tuple[RuleEvaluated, dict[str, datetime]]:
    """Return the result of a tick that writes nothing, and the objects' last notifications with its own."""
    rule = tick.head.rule
    observed = rule.mode == "observe"
    result = _result(
        tick,
        evaluation,
        outcome="observed" if observed else "done",
        acted=0 if observed else len(evaluation.decisions),
        notification=message_of(rule, evaluation.decisions, evaluation.names, observed=observed),
    )
    return result, _with_now(tick, notified_at, [item.entity_id for item in evaluation.decisions])


def proposed(
    tick: Tick, evaluation: Evaluation, planned: Planned, notified_at: Mapping[str, datetime]
) -> tuple[RuleEvaluated, dict[str, datetime]]:
    """Return the result of a tick that asks a person, and the times at which objects were last asked for."""
    asked = {item.id for run in planned.runs for item in run.changes}
    result = _result(
        tick,
        evaluation,
        outcome="proposed",
        skipped=evaluation.skipped + planned.skipped,
        failed=planned.failed,
    )
    return result, _with_now(tick, notified_at, asked)


def _with_now(
    tick: Tick, notified_at: Mapping[str, datetime], entities: Iterable[str]
) -> dict[str, datetime]:
    now, cooldown = clock.now(), timedelta(hours=hours_of(tick.head.rule.cooldown))
    # Those older than the cooldown bar nothing any more.
    kept = {entity: at for entity, at in notified_at.items() if now - at < cooldown}
    return kept | dict.fromkeys(entities, now)


def acted(tick: Tick, evaluation: Evaluation, written: Written) -> RuleEvaluated:
    """Return the result of a tick that changed what it could."""
    changed = {item.id for item in written.changed}
    done = [decision for decision in evaluation.decisions if decision.entity_id in changed]
    message = message_of(tick.head.rule, done, evaluation.names, observed=False)
    if message is None and changed:
        message = done_before_message(tick.head.rule, changed)
    # A campaign that is being changed by others now is done at the next tick: nobody needs to act.
    if failed := [item for item in written.failed if item.error["code"] != ConflictError.code]:
        message = failed_message(tick.head.rule, failed, evaluation.names, message)
    return _result(
        tick,
        evaluation,
        acted=len(written.changed),
        changed=written.changed,
        # Held back now because this very tick changed it before it died: a change, no skip.
        skipped=[item for item in evaluation.skipped if item.id not in changed] + written.skipped,
        failed=written.failed,
        notification=message,
    )


def count(result: RuleEvaluated) -> None:
    """Emit the metrics of a tick."""
    emit("rule_evaluations_total", result=result.outcome)
    for cause, number in Counter(map(_cause, result.undecidable)).items():
        emit("rule_undecidable_total", number, cause=cause)
    if result.undecided:
        emit("rule_undecidable_total", result.undecided, cause="data")
    if result.left:
        emit("rule_accounts_left_total", len(result.left))
    logger.info(
        "rule evaluated",
        rule_id=result.rule_id,
        outcome=result.outcome,
        evaluated=result.evaluated,
        acted=result.acted,
        undecidable=len(result.undecidable),
        left=len(result.left),
        looked_at=result.looked_at,
    )


def _result(tick: Tick, evaluation: Evaluation | None = None, **more: object) -> RuleEvaluated:
    values: dict[str, object] = {
        "rule_id": tick.head.rule_id,
        "version": tick.head.version,
        "scheduled_time": clock.iso(tick.scheduled_time),
        "evaluated": evaluation.evaluated if evaluation else 0,
        "matched": evaluation.matched if evaluation else 0,
        "acted": 0,
        "skipped": evaluation.skipped if evaluation else [],
        "undecidable": evaluation.undecidable if evaluation else [],
        "scope": evaluation.scope if evaluation else [],
        "earlier_decisions": _earlier(tick, evaluation) if evaluation else [],
        "left": evaluation.left if evaluation else [],
        "looked_at": evaluation.elsewhere.accounts if evaluation else 0,
        "undecided": evaluation.elsewhere.undecided if evaluation else 0,
        "note": left_message(evaluation.left) if evaluation else "",
    }
    return RuleEvaluated.model_validate(values | more)


def _earlier(tick: Tick, evaluation: Evaluation) -> list[EarlierDecision]:
    """Return what became of the rule's own changes, by the trails that were read anyway, latest last."""
    trails = {
        target.campaign.campaign_id: target.trail
        for one in evaluation.accounts
        for target in one.account.targets.values()
    }
    found = {
        record.run_id: record
        for trail in trails.values()
        for record in trail
        if record.actor == f"{RULE_ACTOR}{tick.head.rule_id}" and "looked_at_again" in record.evidence
    }
    latest = sorted(found.values(), key=lambda record: record.audit_id)[-_EARLIER:]
    return [
        EarlierDecision.model_validate(
            {**item.evidence["looked_at_again"], "campaign_id": item.campaign_id, "run_id": item.run_id}
        )
        for item in latest
    ]


def _cause(item: SkippedItem) -> str:
    """Return the metric's cause: missing data are normal, a platform that could not be read is not."""
    return "not_read" if item.reason.startswith("not_read") else "data"
