"""The engine of automation rules: figures and rules in, decisions with their reasons out, no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal

from campaign_automation.models.changes import SkippedItem
from campaign_automation.models.common import Level
from campaign_automation.models.rules.actions import AnyAction, ChangeBudget, Notify, Pause, Start
from campaign_automation.models.rules.conditions import Comparison, StoredTarget, leaves, window_of
from campaign_automation.models.rules.rule import CreateRule, StoredRule
from campaign_automation.models.rules.vocabulary import LATE_METRICS, hours_of
from campaign_automation.optimizers.rules.columns import Columns, mask_of, members
from campaign_automation.optimizers.rules.conditions import (
    NOTHING,
    ConditionEvaluator,
    ConditionResult,
    evidence,
)
from campaign_automation.optimizers.rules.data import Entity, Memory, PastAction, Snapshot
from campaign_automation.optimizers.rules.schedule import reason_not_now
from campaign_automation.utils.languages.plurals import counted

DIRECTION_MEMORY = timedelta(days=7)
Status = Literal["done", "observed", "not_now", "needs_review"]


@dataclass(frozen=True, slots=True)
class RuleDecision:
    """One change to one object.

    Of a budget, `after` is exact: rounding to the currency's step comes with the write. `evidence` holds the
    figures that the condition was evaluated on.
    """

    rule_id: str
    version: int
    entity_id: str
    level: Level
    action: str
    field: str
    direction: int
    before: str | Decimal | None
    after: str | Decimal | None
    evidence: list[dict[str, Any]]
    pause_until: datetime | None = None

    def as_past(self, at: datetime) -> PastAction:
        return PastAction(self.entity_id, self.field, self.direction, at, self.rule_id)


@dataclass
class RuleOutcome:
    """The outcome of one rule for the objects in its scope, in sets that are masks over `columns.entities`.

    status: done; observed (`decisions` are what it would do); not_now (see `note`); needs_review
    (max_affected exceeded, no decisions).
    """

    stored: StoredRule
    columns: Columns
    scope: int = 0
    met: ConditionResult = NOTHING
    held: list[tuple[str, int]] = field(default_factory=list)
    chosen: int = 0
    status: Status = "done"
    note: str = ""

    @cached_property
    def decisions(self) -> list[RuleDecision]:
        """The decisions on the `chosen` objects, in the order of their ids."""
        return [_decision(self.stored, self.columns, position) for position in members(self.chosen)]

    @property
    def evaluated(self) -> int:
        return self.scope.bit_count()

    @property
    def matched(self) -> int:
        return self.met.true.bit_count()

    @property
    def scope_ids(self) -> list[str]:
        return [self.columns.entities[position].entity_id for position in members(self.scope)]

    @property
    def matching_ids(self) -> set[str]:
        return {self.columns.entities[position].entity_id for position in members(self.met.true)}

    @property
    def skipped(self) -> list[SkippedItem]:
        """The objects that matched and are left as they are, with the reasons."""
        return [self._item(position, reason) for reason, mask in self.held for position in members(mask)]

    @property
    def undecidable(self) -> list[SkippedItem]:
        return [self._item(position, self.met.reason(position)) for position in members(self.met.undecidable)]

    def _item(self, position: int, reason: str) -> SkippedItem:
        return SkippedItem(id=self.columns.entities[position].entity_id, reason=reason)


class SnapshotColumns:
    """One snapshot with the columns of each level, computed when the first rule asks for them."""

    def __init__(self, snapshot: Snapshot, memory: Memory | None = None) -> None:
        self.snapshot = snapshot
        self.memory = memory or Memory()
        self._columns: dict[Level, Columns] = {}
        self._changed: dict[Level, int] = {}

    def columns(self, level: Level) -> Columns:
        if level not in self._columns:
            entities = (entity for entity in self.snapshot.entities if entity.level == level)
            self._columns[level] = Columns(self.snapshot, entities)
        return self._columns[level]

    def changed(self, level: Level) -> int:
        """Return the objects that anybody changed before."""
        if level not in self._changed:
            self._changed[level] = mask_of(
                entity.last_action_at is not None or bool(self.memory.of(entity.entity_id))
                for entity in self.columns(level).entities
            )
        return self._changed[level]


def evaluate(
    rules: Sequence[StoredRule], snapshot: Snapshot, memory: Memory | None = None
) -> list[RuleOutcome]:
    """Evaluate the rules for the moment `snapshot.now` and return one outcome each, in their order.

    Of decisions that change the same field of an object, or pull it in opposite directions, one stays: that
    of the higher priority, then the safer one (pause, lower, start, raise), then the lower rule id. Rules
    that are not enabled or only observe take no part in it.
    """
    snapshot_columns = SnapshotColumns(snapshot, memory)
    outcomes = [_run(stored, snapshot_columns) for stored in rules]
    _arbitrate(
        outcome for outcome in outcomes if outcome.status == "done" and outcome.stored.rule.action.direction
    )
    return outcomes


def _run(stored: StoredRule, snapshot_columns: SnapshotColumns) -> RuleOutcome:
    rule = stored.rule
    columns = snapshot_columns.columns(rule.action.acts_on)
    outcome = RuleOutcome(stored, columns)
    outcome.note = reason_not_now(rule, snapshot_columns.snapshot.now) or (
        "" if stored.state == "enabled" else f"rule_{stored.state}"
    )
    if outcome.note:
        outcome.status = "not_now"
        return outcome
    outcome.scope = columns.scope(rule.applies_to)
    outcome.met = evaluator_of(rule, columns).decide(rule.condition, outcome.scope)
    ready = _ready(outcome, snapshot_columns)
    if exceeded := _exceeded(outcome, ready):
        outcome.status, outcome.note = "needs_review", exceeded
        outcome.held.append(("max_affected", ready))
        return outcome
    outcome.status = "observed" if rule.mode == "observe" else "done"
    outcome.chosen = ready
    return outcome


def evaluator_of(rule: CreateRule, columns: Columns) -> ConditionEvaluator:
    """Return the evaluator of a rule's condition."""
    # A pause needs evidence that holds at all interim analyses, since a paused object gets no data that could
    # correct it; for what the next run can take back evidence at one is enough.
    return ConditionEvaluator(columns, rule.certainty, anytime=isinstance(rule.action, Pause))


# --- objects that may be changed ---------------------------------------------------------------------


def _ready(outcome: RuleOutcome, snapshot_columns: SnapshotColumns) -> int:
    """Return the matching objects that the rule may act on now; the reasons of the others go to `held`."""
    rule, columns = outcome.stored.rule, outcome.columns
    ready = outcome.met.true
    for reason, mask in _unfit(rule, columns):
        outcome.held.append((reason, ready & mask))
        ready &= ~mask
    # Only objects with a past are examined one by one; the others cost nothing, however many there are.
    for position in members(ready & snapshot_columns.changed(rule.action.acts_on)):
        entity = columns.entities[position]
        past = snapshot_columns.memory.of(entity.entity_id)
        if obstacle := _obstacle(outcome.stored, entity, past, snapshot_columns.snapshot.now):
            outcome.held.append((obstacle, 1 << position))
            ready ^= 1 << position
    return _within_daily_cap(outcome, snapshot_columns.memory, ready)


def _unfit(rule: CreateRule, columns: Columns) -> Iterator[tuple[str, int]]:
    """Yield the sets of objects whose state leaves the action nothing to do, each with its reason."""
    action = rule.action
    if isinstance(action, Start):
        yield "already_active", columns.active
        if action.parameters.paused_by == "rules":
            yield "paused_by_a_person", columns.everyone & ~columns.paused_by_us
    elif not isinstance(action, Notify):
        yield "already_paused", columns.everyone & ~columns.active
    if isinstance(action, ChangeBudget):
        yield "no_own_budget", columns.everyone & ~columns.metric("daily_budget", "").known
        if action.parameters.min_budget is not None or action.parameters.max_budget is not None:
            yield (
                "budget_limit",
                mask_of(_at_its_limit(action, entity) for entity in columns.entities),
            )


def _at_its_limit(action: ChangeBudget, entity: Entity) -> bool:
    budget = entity.daily_budget
    return budget is not None and action.moved(budget) == budget


def _obstacle(stored: StoredRule, entity: Entity, past: list[PastAction], now: datetime) -> str | None:
    """Return the code of the past action that bars the rule from an object now, or None."""
    action = stored.rule.action
    mine = [act.at for act in past if act.rule_id == stored.rule_id and act.field == action.field]
    if mine and now - mine[-1] < timedelta(hours=hours_of(stored.rule.cooldown)):
        return "cooldown"
    direction = action.direction
    if not direction:
        return None
    # A loss is stopped even when the object was changed a moment ago.
    if not isinstance(action, Pause) and _is_settling(stored.rule, entity, past, now):
        return "settling"
    if _turns_back(action, entity, [act for act in past if act.direction], now):
        return "direction_memory"
    return None


def _is_settling(rule: CreateRule, entity: Entity, past: list[PastAction], now: datetime) -> bool:
    changes = [act.at for act in past if act.direction]
    if entity.last_action_at is not None:
        changes.append(entity.last_action_at)
    return bool(changes) and now - max(changes) < timedelta(hours=hours_of(rule.settle))


def _turns_back(action: AnyAction, entity: Entity, changes: list[PastAction], now: datetime) -> bool:
    """Return whether a change would reverse one of the last week.

    A pause may follow a raised budget, and a start the end of a pause that was meant to end; even then an
    object turns at most once in a week.
    """
    direction = action.direction
    if not changes or changes[-1].direction == direction or now - changes[-1].at >= DIRECTION_MEMORY:
        return False
    stops_raise = isinstance(action, Pause) and changes[-1].field == "daily_budget"
    ends_pause = isinstance(action, Start) and entity.pause_until is not None and entity.pause_until <= now
    turned = any(
        one.direction != other.direction and now - other.at < DIRECTION_MEMORY
        for one, other in pairwise(changes)
    )
    return turned or not (stops_raise or ends_pause)


def _within_daily_cap(outcome: RuleOutcome, memory: Memory, ready: int) -> int:
    """Return `ready` without the objects over max_actions_per_day, counted by days of the account."""
    cap, snapshot = outcome.stored.rule.max_actions_per_day, outcome.columns.snapshot
    if cap is None:
        return ready
    done = sum(
        act.rule_id == outcome.stored.rule_id and snapshot.day_of(act.at) == snapshot.today
        for act in memory.actions
    )
    over = sum(1 << position for position in list(members(ready))[max(cap - done, 0) :])
    outcome.held.append(("daily_cap", over))
    return ready & ~over


def _exceeded(outcome: RuleOutcome, ready: int) -> str | None:
    """Return the sentence about the limit of max_affected that `ready` exceeds, or None."""
    limits, count = outcome.stored.rule.max_affected, ready.bit_count()
    if limits.count is not None and count > limits.count:
        return f"it would touch {counted(count, 'object')}, more than the {limits.count} allowed"
    # 1e-9: 0.3 of 10 objects are 3, also where the product in binary is a little less.
    if limits.share is not None and count > limits.share * outcome.evaluated + 1e-9:
        of = f"{count} of {counted(outcome.evaluated, 'object')}"
        return f"it would touch {of}, more than {limits.share:.0%}"
    if limits.share_of_spend is not None and count:
        spend = outcome.columns.metric("spend", "7d")
        # Unknown spend could be any amount, so it counts as more than the share.
        unknown = ready & ~spend.known
        whole = sum(spend.values[position] for position in members(outcome.scope & spend.known))
        touched = sum(spend.values[position] for position in members(ready & spend.known))
        if unknown or touched > limits.share_of_spend * whole:
            return f"it would touch more than {limits.share_of_spend:.0%} of the scope's spend"
    return None


# --- decisions ---------------------------------------------------------------------------------------


def _decision(stored: StoredRule, columns: Columns, position: int) -> RuleDecision:
    action, entity = stored.rule.action, columns.entities[position]
    change = action.change(entity, columns.snapshot.now)
    return RuleDecision(
        rule_id=stored.rule_id,
        version=stored.version,
        entity_id=entity.entity_id,
        level=entity.level,
        action=action.type,
        field=action.field,
        direction=action.direction,
        before=change.before,
        after=change.after,
        evidence=evidence(columns, stored.rule.condition, position),
        pause_until=change.pause_until,
    )


def _arbitrate(outcomes: Iterable[RuleOutcome]) -> None:
    """Keep one decision per object and field, and one direction per object; the others are held."""
    winners: list[RuleOutcome] = []
    for outcome in sorted(outcomes, key=_rank):
        for winner in winners:
            if (lost := winner.chosen & outcome.chosen) and _clash(winner, outcome):
                outcome.held.append((f"lost_to: {winner.stored.rule_id}", lost))
                outcome.chosen &= ~lost
        if outcome.chosen:
            winners.append(outcome)


def _rank(outcome: RuleOutcome) -> tuple[int, int, str]:
    rule = outcome.stored.rule
    return -(rule.priority or 0), rule.action.safety, outcome.stored.rule_id


def _clash(one: RuleOutcome, other: RuleOutcome) -> bool:
    mine, theirs = one.stored.rule.action, other.stored.rule.action
    if one.columns is not other.columns:  # another level: other objects
        return False
    return mine.field == theirs.field or mine.direction != theirs.direction


# --- sentences ---------------------------------------------------------------------------------------


def warnings_of(rule: CreateRule) -> list[str]:
    """Return warnings of settings that are allowed but probably not meant."""
    warnings = []
    found = list(leaves(rule.condition))
    if any(window_of(leaf) == "today" and leaf.metric in LATE_METRICS for leaf in found):
        warnings.append(
            "conversions of the running day are not evaluated: with time_range today the condition stays"
            " undecidable"
        )
    if any(isinstance(leaf, Comparison) and _is_exact(leaf) for leaf in found):
        warnings.append("a ratio hardly ever equals a number exactly: use between")
    if (
        rule.certainty is None
        and any(leaf.metric in LATE_METRICS for leaf in found)
        and rule.action.direction
    ):
        warnings.append("without certainty the rule acts on noise where conversions are few")
    if any(isinstance(getattr(leaf, "value", None), StoredTarget) for leaf in found):
        warnings.append("objects without a stored target stay undecidable")
    return warnings


def _is_exact(leaf: Comparison) -> bool:
    return leaf.operator == "equals" and leaf.metric in (
        "ctr",
        "cpc",
        "cpm",
        "cpa",
        "roas",
        "conversion_rate",
    )
