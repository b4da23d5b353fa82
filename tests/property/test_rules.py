"""Automation rules: property 13 of the contract, where it needs no platform, and what holds of all rules."""

from __future__ import annotations

import operator
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from campaign_automation.models.common import Level, Platform
from campaign_automation.models.rules.conditions import (
    AllOf,
    AnyOf,
    Comparison,
    Condition,
    NotOf,
    OtherMetric,
    OtherWindow,
    Ranked,
    StoredTarget,
    window_of,
)
from campaign_automation.models.rules.rule import CreateRule, StoredRule
from campaign_automation.models.rules.vocabulary import days_of
from campaign_automation.models.schedule_expressions import next_run, parse_schedule
from campaign_automation.optimizers.rule_engine import evaluate
from campaign_automation.optimizers.rules.data import Day, Entity, Memory, PastAction, Snapshot
from campaign_automation.utils.validation import parse
from tests.support.rules import NOW, TODAY, body, losing, rule, snapshot

METRICS = "spend impressions clicks conversions revenue ctr cpc cpm conversion_rate cpa roas".split()
WINDOWS = ["1d", "24h", "2d", "3d", "7d", "yesterday", "today", "lifetime", "since_last_action"]
TURNS = {
    "greater_than": operator.gt,
    "greater_than_or_equal": operator.ge,
    "less_than": operator.lt,
    "less_than_or_equal": operator.le,
    "equals": operator.eq,
    "not_equals": operator.ne,
}

# --- strategies --------------------------------------------------------------------------------------

# Few different values, so that sums often meet thresholds exactly; now and then one is missing.
amounts = st.sampled_from([0, 0.1, 0.2, 0.3, 1, 1, 2, 50, 99.99, 100, 100, 100, 200, None])
counts = st.sampled_from([0, 0, 1, 1, 2, 2, 3, 5, 10, 100, None]).map(lambda count: count and float(count))
numbers = st.sampled_from([0, 0.1, 0.3, 0.5, 1, 1.5, 2, 3, 10, 50, 100, 200, 300, 1000])
factors = st.sampled_from([0.5, 0.8, 1, 1.5, 2])


@st.composite
def entities(draw: st.DrawFn, name: str) -> Entity:
    without_gaps = st.integers(0, 7).map(lambda count: list(range(count)))
    ages = draw(st.one_of(without_gaps, without_gaps, st.lists(st.integers(0, 6), unique=True, max_size=6)))
    days = [
        Day(
            TODAY - timedelta(days=age),
            draw(amounts),
            draw(counts),
            draw(counts),
            draw(counts),
            draw(amounts),
        )
        for age in ages
    ]
    return Entity(
        entity_id=name,
        level=Level.ADSET,
        campaign_id="cmp_1",
        platform=Platform.META,
        name=name,
        active=True,
        days=days,
        target_roas=draw(st.sampled_from([None, 1.5, 2.0])),
        target_cpa=draw(st.sampled_from([None, 10.0, 33.3])),
        last_action_at=draw(st.sampled_from([None, NOW - timedelta(days=3), NOW])),
        first_day=draw(st.sampled_from([None, TODAY - timedelta(days=6)])),
    )


accounts = (
    st.integers(1, 6)
    .flatmap(lambda n: st.tuples(*(entities(f"as_{i}") for i in range(n))))
    .flatmap(
        lambda found: st.builds(
            Snapshot,
            entities=st.just(found),
            now=st.just(NOW),
            maturity=st.sampled_from([(1.0,), (0.5, 0.75), (0.1, 0.25, 0.5)]),
        )
    )
)
windows = st.sampled_from(WINDOWS)


@st.composite
def comparisons(draw: st.DrawFn) -> dict[str, Any]:
    metric = draw(st.sampled_from(METRICS))
    leaf = {"metric": metric, "time_range": draw(windows)}
    if draw(st.booleans()):
        low, high = sorted((draw(numbers), draw(numbers)))
        return leaf | {"operator": draw(st.sampled_from(["between", "not_between"])), "value": [low, high]}
    values = [
        numbers,
        st.fixed_dictionaries({"metric": st.sampled_from(METRICS), "factor": factors}),
        st.fixed_dictionaries({"time_range": windows, "factor": factors}),
        st.fixed_dictionaries({"target": st.just("target_cpa"), "factor": factors}),
    ]
    return leaf | {"operator": draw(st.sampled_from(list(TURNS))), "value": draw(st.one_of(values))}


trees = st.recursive(
    comparisons(),
    lambda parts: st.one_of(
        st.fixed_dictionaries({"all": st.lists(parts, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"any": st.lists(parts, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"not": parts}),
    ),
    max_leaves=6,
).filter(lambda tree: _depth(tree) <= 5)


def _depth(tree: dict[str, Any]) -> int:
    parts = tree.get("all") or tree.get("any") or ([tree["not"]] if "not" in tree else [])
    return 1 + max(map(_depth, parts)) if parts else 0


# --- the plain evaluator: one object at a time, in exact fractions -------------------------------------

Figure = Fraction | float | None  # float only for an infinite cpa


class Plain:
    """Whether a condition is true, false or undecidable (None) for one object, by the definitions."""

    def __init__(self, account: Snapshot, entity: Entity) -> None:
        self.entity, self.shares = entity, account.maturity
        self.records = {day.day: day for day in entity.days}

    def holds(self, condition: Condition) -> bool | None:
        if isinstance(condition, NotOf):
            inner = self.holds(condition.negated)
            return None if inner is None else not inner
        if isinstance(condition, AllOf | AnyOf):
            decisive = isinstance(condition, AnyOf)
            parts = [
                self.holds(part)
                for part in (condition.any if isinstance(condition, AnyOf) else condition.all)
            ]
            return decisive if decisive in parts else None if None in parts else not decisive
        assert not isinstance(condition, Ranked)
        return self._compare(condition)

    def _compare(self, leaf: Comparison) -> bool | None:
        value, left = leaf.value, self.figure(leaf.metric, window_of(leaf))
        if left is None:
            return None
        if isinstance(value, tuple):
            inside = Fraction(value[0]) <= left <= Fraction(value[1])
            return inside if leaf.operator == "between" else not inside
        turn: Callable[[Any, Any], bool] = TURNS[leaf.operator]
        if isinstance(value, Decimal):
            return turn(left, Fraction(value))
        right = self._right(leaf, value)
        if right is None or right == left == 0 or right == left == float("inf"):
            return None
        return turn(left, right if right == float("inf") else right * Fraction(value.factor))

    def _right(self, leaf: Comparison, value: Any) -> Figure:
        if isinstance(value, StoredTarget):
            return None if self.entity.target_cpa is None else Fraction(str(self.entity.target_cpa))
        if isinstance(value, OtherMetric):
            return self.figure(value.metric, value.time_range or window_of(leaf))
        assert isinstance(value, OtherWindow)
        return self.figure(leaf.metric, value.time_range)

    def figure(self, metric: str, window: str) -> Figure:
        if metric in ("spend", "impressions", "clicks"):
            return self.total(metric, window, late=False)
        if metric in ("conversions", "revenue"):
            return self.total(metric, window, late=True)
        top, bottom, scale, late = {
            "ctr": ("clicks", "impressions", 100, False),
            "cpc": ("spend", "clicks", 1, False),
            "cpm": ("spend", "impressions", 1000, False),
            "conversion_rate": ("conversions", "clicks", 100, True),
            "cpa": ("spend", "conversions", 1, True),
            "roas": ("revenue", "spend", 1, True),
        }[metric]
        above, below = (self.total(figure, window, late=late) for figure in (top, bottom))
        if above is None or below is None or (metric == "cpa" and above == 0):
            return None
        if below == 0:
            return float("inf") if metric == "cpa" else None
        return scale * above / below

    def total(self, figure: str, window: str, *, late: bool) -> Fraction | None:
        """As reported; where conversions come late, one day at least must be known well enough."""
        days = self.days(window)
        if late and window == "today":
            return None
        if late and all(self.share(day) < Fraction(3, 10) for day in days):
            return None
        found = [getattr(self.records.get(day), figure, None) for day in days]
        if not days or None in found:
            return None
        return sum((Fraction(str(value)) for value in found), Fraction(0))

    def days(self, window: str) -> list[date]:
        known = [*self.records, *([self.entity.first_day] if self.entity.first_day else [])]
        if not known:
            return []
        if window == "today":
            return [TODAY]
        first = min(known)
        if window == "since_last_action" and self.entity.last_action_at:
            first = max(first, self.entity.last_action_at.date() + timedelta(days=1))
        count = {"yesterday": 1, "lifetime": 99, "since_last_action": 99}.get(window) or days_of(window) or 0
        span = [TODAY - timedelta(days=age) for age in range(1, count + 1)]
        return [day for day in span if day >= first]

    def share(self, day: date) -> Fraction:
        age = (TODAY - day).days - 1
        return Fraction(str(self.shares[age])) if 0 <= age < len(self.shares) else Fraction(1)


@given(account=accounts, tree=trees)
def test_sets_of_objects_answer_as_one_object_at_a_time_would(
    account: Snapshot, tree: dict[str, Any]
) -> None:
    stored = rule(condition=tree)
    [outcome] = evaluate([stored], account)
    matched = outcome.matching_ids
    undecidable = {item.id for item in outcome.undecidable}
    for entity in account.entities:
        expected = Plain(account, entity).holds(stored.rule.condition)
        found = None if entity.entity_id in undecidable else entity.entity_id in matched
        assert found is expected, (entity.entity_id, tree)


@given(account=accounts, tree=trees, certainty=st.sampled_from([0.5, 0.8, 0.95]))
def test_certainty_only_ever_takes_matches_away(
    account: Snapshot, tree: dict[str, Any], certainty: float
) -> None:
    [plain] = evaluate([rule(condition=tree)], account)
    [sure] = evaluate([rule(condition=tree, certainty=certainty)], account)
    assert sure.matching_ids <= plain.matching_ids
    undecidable = {item.id for item in sure.undecidable}
    assert plain.matching_ids - sure.matching_ids <= undecidable
    assert all(item.reason != "undecidable" for item in sure.undecidable)


@settings(max_examples=100)
@given(
    condition=trees,
    ticks=st.lists(st.floats(0, 17), min_size=1, max_size=8).map(sorted),
    action=st.sampled_from(["pause_adset", "decrease_budget", "increase_budget"]),
)
def test_property_13_a_met_condition_acts_once(
    condition: dict[str, Any], ticks: list[float], action: str
) -> None:
    """However often it is asked within the cooldown, also when the platform still shows the old state."""
    created = parse(CreateRule, body(condition=condition))
    assert CreateRule.model_validate_json(created.model_dump_json()) == created
    stored, memory, done = rule(action={"type": action}, cooldown="24h"), Memory(), 0
    for hours in ticks:
        now = NOW + timedelta(hours=hours)
        [outcome] = evaluate([stored], snapshot(losing(), now=now), memory)
        assert outcome.matched == 1
        memory = memory.with_actions(decision.as_past(now) for decision in outcome.decisions)
        done += len(outcome.decisions)
    assert done == 1


@given(
    count=st.integers(1, 8),
    limit=st.integers(1, 8),
    share=st.one_of(st.none(), st.integers(5, 100).map(lambda percent: percent / 100)),
)
def test_a_run_touches_all_it_may_or_nothing(count: int, limit: int, share: float | None) -> None:
    stored = rule(max_affected={"count": limit, "share": share})
    [outcome] = evaluate([stored], snapshot(*(losing(f"as_{n}") for n in range(count))))
    allowed = count <= limit and (share is None or count <= Fraction(str(share)) * count)
    assert len(outcome.decisions) == (count if allowed else 0)
    assert (outcome.status == "needs_review") is not allowed


ACTIONS = ["pause_adset", "increase_budget", "decrease_budget"]


@given(
    st.lists(st.tuples(st.sampled_from(ACTIONS), st.sampled_from([None, 0, 1, 2])), min_size=1, max_size=6)
)
def test_an_object_gets_one_change_per_field_and_one_direction(rules: list[tuple[str, int | None]]) -> None:
    stored = [
        rule(f"rule_{n}", action={"type": action}, priority=priority)
        for n, (action, priority) in enumerate(rules)
    ]
    outcomes = evaluate(stored, snapshot(losing()))
    decisions = [decision for outcome in outcomes for decision in outcome.decisions]
    assert decisions
    assert len({decision.field for decision in decisions}) == len(decisions)
    assert len({decision.direction for decision in decisions}) == 1
    highest = max(priority or 0 for _, priority in rules)
    assert any(outcome.decisions and (outcome.stored.rule.priority or 0) == highest for outcome in outcomes)
    assert all(len(outcome.decisions) + len(outcome.skipped) == 1 for outcome in outcomes)


@given(st.lists(st.tuples(st.integers(1, 60), st.sampled_from([*ACTIONS, "start_adset"])), max_size=40))
def test_an_object_turns_at_most_once_in_a_week(attempts: list[tuple[int, str]]) -> None:
    """Whatever rules ask for, in whatever order."""
    now, done, active = NOW, list[PastAction](), True
    for hours, action in attempts:
        now += timedelta(hours=hours)
        entity = losing(
            active=active, paused_by_us=not active, pause_until=now, first_day=TODAY - timedelta(days=90)
        )
        stored = rule(action={"type": action}, condition={"metric": "age_days", "operator": ">", "value": 0})
        [outcome] = evaluate([stored], snapshot(entity, now=now), Memory(done))
        for decision in outcome.decisions:
            done.append(decision.as_past(now))
            active = decision.after == "ACTIVE" if decision.field == "status" else active
    turns = [later.at for one, later in pairwise(done) if one.direction != later.direction]
    assert all(second - first >= timedelta(days=7) for first, second in pairwise(turns))


@given(account=accounts, tree=comparisons(), cents=st.sampled_from([10, 100]))
def test_the_currencys_unit_does_not_matter(account: Snapshot, tree: dict[str, Any], cents: int) -> None:
    """Ratios of money to money stay, when all money is counted in a smaller unit."""
    tree = tree | {"metric": "roas"}
    scaled = [
        Day(day.day, _times(day.spend, cents), *day[2:5], _times(day.revenue, cents))
        for entity in account.entities
        for day in entity.days
    ]
    if isinstance(tree["value"], dict):
        tree = tree | {"value": {"time_range": "3d"}}
    lengths = iter(scaled)
    others = [
        Entity(
            entity.entity_id,
            entity.level,
            "cmp_1",
            entity.platform,
            entity.name,
            True,
            [next(lengths) for _ in entity.days],
            last_action_at=entity.last_action_at,
            first_day=entity.first_day,
        )
        for entity in account.entities
    ]
    other = Snapshot(others, account.now, maturity=account.maturity)
    [before], [after] = evaluate([rule(condition=tree)], account), evaluate([rule(condition=tree)], other)
    assert before.matching_ids == after.matching_ids


def _times(value: float | None, factor: int) -> float | None:
    return None if value is None else round(value * factor, 2)


ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Africa/Casablanca",
]
MOMENTS = [
    datetime(2026, 3, 28, 20),
    datetime(2026, 10, 24, 20),
    datetime(2026, 11, 1),
    datetime(2026, 4, 4, 10),
]


@given(
    minute=st.integers(0, 59),
    hours=st.lists(st.integers(0, 23), min_size=1, max_size=4, unique=True),
    weekdays=st.sampled_from(["*", "SUN", "MON-FRI", "2,4,6", "1L", "SAT#4"]),
    zone=st.sampled_from(ZONES),
    start=st.sampled_from(MOMENTS),
)
def test_the_next_run_is_the_first_matching_minute(
    minute: int, hours: list[int], weekdays: str, zone: str, start: datetime
) -> None:
    cron = parse_schedule(f"cron({minute} {','.join(map(str, hours))} ? * {weekdays} *)")
    after, seen = start.replace(tzinfo=UTC), set[datetime]()
    found = next_run(cron, zone, after, after)
    moment = after - timedelta(days=1)
    while moment < after + timedelta(days=3):
        moment += timedelta(minutes=1)
        local = moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        repeated = local in seen
        seen.add(local)
        matches = local.minute == minute and local.hour in hours and cron.runs_on(local.date())  # type: ignore[union-attr]
        if moment > after and matches and not repeated:
            break
    else:
        assert found is None or found > moment
        return
    assert found == moment


@given(rate=st.integers(15, 5000), anchor=st.integers(0, 10**6), after=st.integers(0, 10**6))
def test_a_rate_keeps_its_beat(rate: int, anchor: int, after: int) -> None:
    base = datetime(2026, 1, 1, tzinfo=UTC)
    start, now = base + timedelta(minutes=anchor), base + timedelta(minutes=after)
    run = next_run(parse_schedule(f"rate({rate} minutes)"), "UTC", now, start)
    assert run is not None
    assert run > max(now, start)
    assert run - max(now, start) <= timedelta(minutes=rate)
    assert (run - start) % timedelta(minutes=rate) == timedelta(0)


@given(tree=trees)
def test_a_stored_rule_is_what_was_saved(tree: dict[str, Any]) -> None:
    stored = rule(condition=tree)
    assert StoredRule.model_validate_json(stored.model_dump_json()) == stored
