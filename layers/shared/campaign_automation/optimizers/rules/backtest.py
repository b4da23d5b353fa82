"""The back-test of a rule over the history: the same engine, one run after each full day."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from campaign_automation.models.rules.answers import Backtest, Firing, Replay
from campaign_automation.models.rules.rule import CreateRule, StoredRule
from campaign_automation.optimizers.rule_engine import (
    DIRECTION_MEMORY,
    RuleDecision,
    RuleOutcome,
    SnapshotColumns,
    evaluate,
)
from campaign_automation.optimizers.rules.columns import members
from campaign_automation.optimizers.rules.data import Day, Entity, Memory, Snapshot
from campaign_automation.utils.languages.plurals import counted

MAX_DAYS = 90
_WEEK = DIRECTION_MEMORY.days


def backtest(
    rule: CreateRule,
    snapshot: Snapshot,
    known_then: Mapping[date, Snapshot] | None = None,
    days: int = MAX_DAYS,
) -> Backtest:
    """Replay the rule on the last `days` full days (at most 90) of `snapshot`.

    As known now, each day is evaluated on the figures of today's report up to that day. As known then, it is
    evaluated on `known_then[day]`, the snapshot taken on the morning after `day`, where one was kept. Budgets
    that a rule would have moved keep their real spend: the other spend is not known. Active hours, blackout
    dates and expiry do not matter here; cooldown, settle time, direction memory and max_affected do.
    """
    history = _history(rule, snapshot)
    span = _span(history, min(days, MAX_DAYS))
    if not span:
        return Backtest(
            first_day=None, last_day=None, as_known_now=None, needs_confirm=False, message="no history yet"
        )
    now = _replay(rule, history, {day: _as_of(history, day) for day in span})
    kept = {day: known for day, known in sorted((known_then or {}).items()) if day in span}
    then = _replay(rule, history, kept) if kept else None
    return Backtest(
        first_day=span[0],
        last_day=span[-1],
        as_known_now=now,
        as_known_then=then,
        needs_confirm=bool(now.exceeded_on or (then and then.exceeded_on)),
        message=_message(now, len(span)),
    )


def _history(rule: CreateRule, snapshot: Snapshot) -> Snapshot:
    """Return the snapshot of the objects in the rule's scope, their days in order."""
    columns = SnapshotColumns(snapshot).columns(rule.action.acts_on)
    entities = [columns.entities[position] for position in members(columns.scope(rule.applies_to))]
    return replace(snapshot, entities=[replace(entity, days=sorted(entity.days)) for entity in entities])


def _span(history: Snapshot, days: int) -> list[date]:
    """Return the full days to replay, oldest first."""
    firsts = [entity.days[0].day for entity in history.entities if entity.days]
    ages = range(days, 0, -1)
    span = [history.today - timedelta(days=age) for age in ages]
    return [day for day in span if firsts and day >= min(firsts)]


@dataclass
class _Course:
    """The state of a replay so far; `stopped` holds the day since when an object would have been paused."""

    memory: Memory = field(default_factory=Memory)
    budgets: dict[str, Decimal] = field(default_factory=dict)
    stopped: dict[str, date] = field(default_factory=dict)
    pause_until: dict[str, datetime | None] = field(default_factory=dict)
    paused: set[str] = field(default_factory=set)
    firings: list[Firing] = field(default_factory=list)
    matching: dict[date, set[str]] = field(default_factory=dict)
    exceeded: list[date] = field(default_factory=list)
    avoided: list[Day] = field(default_factory=list)


def _replay(rule: CreateRule, history: Snapshot, mornings: Mapping[date, Snapshot]) -> Replay:
    # The back-test runs at midnight of each day, which is outside most active hours.
    unbounded: dict[str, Any] = {"mode": "act", "active_hours": None, "blackout_dates": [], "expires": None}
    stored = StoredRule(
        rule_id="backtest",
        version=1,
        rule=rule.model_copy(update=unbounded),
        anchor=datetime(1970, 1, 1, tzinfo=UTC),
    )
    course = _Course()
    records = {entity.entity_id: {day.day: day for day in entity.days} for entity in history.entities}
    for day, morning in mornings.items():
        # Real figures of a day on which the rule would have had the object paused: avoided, good and bad.
        for entity_id in course.stopped:
            if day in records.get(entity_id, {}):
                course.avoided.append(records[entity_id][day])
        [outcome] = evaluate([stored], _with_course(morning, course), course.memory)
        _follow(course, outcome, day, morning.now)
    return _summary(course, len(mornings))


def _follow(course: _Course, outcome: RuleOutcome, day: date, now: datetime) -> None:
    """Apply the rule's decisions of one day to the replay."""
    course.matching[day] = outcome.matching_ids
    if outcome.status == "needs_review":
        course.exceeded.append(day)
    for decision in outcome.decisions:
        course.firings.append(Firing(day=day, id=decision.entity_id))
        _apply(course, decision, day)
    course.memory = course.memory.with_actions(decision.as_past(now) for decision in outcome.decisions)


def _apply(course: _Course, decision: RuleDecision, day: date) -> None:
    if isinstance(decision.after, Decimal):
        course.budgets[decision.entity_id] = decision.after
    elif decision.after == "PAUSED":
        course.stopped[decision.entity_id] = day
        course.pause_until[decision.entity_id] = decision.pause_until
        course.paused.add(decision.entity_id)


def _with_course(morning: Snapshot, course: _Course) -> Snapshot:
    return replace(morning, entities=[_as_if(entity, course) for entity in morning.entities])


def _as_if(entity: Entity, course: _Course) -> Entity:
    """Return the object as the rule alone would have left it, without the changes of others."""
    past = course.memory.of(entity.entity_id)
    paused = entity.entity_id in course.stopped
    return replace(
        entity,
        active=not paused,
        paused_by_us=paused,
        pause_until=course.pause_until.get(entity.entity_id),
        daily_budget=course.budgets.get(entity.entity_id, entity.daily_budget),
        last_action_at=past[-1].at if past else None,
    )


def _as_of(history: Snapshot, day: date) -> Snapshot:
    """Return the account on the morning after `day`, with the figures of today's report."""
    midnight = datetime.combine(day + timedelta(days=1), time(0), tzinfo=ZoneInfo(history.time_zone))
    age = (history.today - day).days - 1
    # Today's report holds what arrived since, so the day is as complete as it is today.
    maturity = [*history.maturity[age:]] or [1.0]
    entities = [replace(entity, days=_until(entity.days, day)) for entity in history.entities]
    known = [entity for entity in entities if entity.days]
    return replace(history, entities=known, now=midnight.astimezone(UTC), maturity=maturity)


def _until(days: Sequence[Day], day: date) -> list[Day]:
    """Return the days up to `day`; `days` are in order."""
    # By bisection: this runs for each object and each of up to 90 days.
    return list(days[: bisect_right(days, day, key=lambda record: record.day)])


def _summary(course: _Course, days: int) -> Replay:
    per_day = Counter(firing.day for firing in course.firings)
    revenues = [record.revenue for record in course.avoided]
    return Replay(
        evaluated_days=days,
        firings=course.firings,
        firings_by_day=dict(sorted(per_day.items())),
        paused=sorted(course.paused),
        spend_avoided=round(sum(record.spend or 0 for record in course.avoided), 2),
        conversions_forgone=sum(record.conversions or 0 for record in course.avoided),
        revenue_forgone=None if None in revenues else round(sum(value or 0 for value in revenues), 2),
        flip_flops=sum(_flipped(course, firing) for firing in course.firings),
        exceeded_on=course.exceeded,
    )


def _flipped(course: _Course, firing: Firing) -> bool:
    """Return whether the condition stopped to hold within the week after the rule had acted on it."""
    week = [firing.day + timedelta(days=number) for number in range(1, _WEEK + 1)]
    return any(day in course.matching and firing.id not in course.matching[day] for day in week)


def _message(replay: Replay, days: int) -> str:
    objects = counted(len({firing.id for firing in replay.firings}), "object")
    span = "day" if days == 1 else f"{days} days"
    text = f"Over the last {span} it would have acted {_times(len(replay.firings))} on {objects}"
    if replay.paused:
        text += f", paused {len(replay.paused)} and avoided {replay.spend_avoided:.2f} of spend"
        text += f" with {_conversions(replay.conversions_forgone)}"
    if replay.exceeded_on:
        text += f"; max_affected would have stopped it on {counted(len(replay.exceeded_on), 'day')}"
    return text + "."


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _conversions(number: float) -> str:
    return f"{number:g} conversion{'' if number == 1 else 's'}"
