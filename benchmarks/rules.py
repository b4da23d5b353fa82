"""The rule engine beside the package business-rules and a plain loop over objects: same rules, same data."""

from __future__ import annotations

import random
import time
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from benchmarks._report import Report
from campaign_automation.models.common import Level, Platform
from campaign_automation.models.rules.conditions import (
    AllOf,
    AnyOf,
    Comparison,
    Condition,
    NotOf,
    leaves,
    window_of,
)
from campaign_automation.models.rules.rule import StoredRule
from campaign_automation.optimizers.rule_engine import evaluate
from campaign_automation.optimizers.rules.columns import Columns
from campaign_automation.optimizers.rules.data import Day, Entity, Snapshot

NOW = datetime(2026, 11, 25, 6, tzinfo=UTC)
DAYS = 30
METRICS = {"roas": 2.0, "cpa": 30.0, "ctr": 1.5, "cpc": 0.6, "spend": 400.0, "conversions": 12.0, "cpm": 9.0}
WINDOWS = ["1d", "3d", "7d", "14d", "30d"]
OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "greater_than": lambda value, limit: value > limit,
    "less_than": lambda value, limit: value < limit,
    "greater_than_or_equal": lambda value, limit: value >= limit,
    "less_than_or_equal": lambda value, limit: value <= limit,
}
Figures = list[dict[tuple[str, str], float]]


def run() -> Report:
    """A table of (rule, object) pairs per second, and 1,000 rules x 1,000 objects with time and memory."""
    account = make_account(1000)
    rules = [make_rule(number) for number in range(1000)]
    figures = known_figures(account, rules)
    sample, few = rules[:100], figures[:200]
    lines = [f"{'engine':<44} {'pairs':>9} {'seconds':>8} {'pairs/s':>13} {'matches':>8}"]
    seconds, matches = best_of(3, lambda: count_matches(rules, account))
    lines.append(row("rule engine, from daily records", 1_000_000, seconds, matches))
    speed = 1_000_000 / seconds
    measured = {"from daily records.pairs_a_second": speed}
    for name, engine in (
        ("plain loop, on ready figures", plain_loop),
        ("business-rules, on ready figures", business),
    ):
        try:
            seconds, found = best_of(1, lambda engine=engine: engine(sample, few))  # type: ignore[misc]
        except ImportError:
            lines.append(f"{name:<44} not installed")
            continue
        pairs = len(sample) * len(few)
        lines.append(f"{row(name, pairs, seconds, found)}   the engine is {speed * seconds / pairs:,.0f} x")
        check(found, sample, Snapshot(sorted(account.entities, key=_id)[: len(few)], NOW))
        measured[f"{name}.times"] = speed * seconds / pairs
    wholes = whole_runs(account, rules)
    return Report("\n".join([*lines, "", wholes.text]), measured | dict(wholes.figures))


def whole_runs(account: Snapshot, rules: list[StoredRule]) -> Report:
    """The engine alone on 1,000 x 1,000: with figures, decisions and evidence, and with certainty."""
    lines, figures = [], dict[str, float]()
    sure = [
        stored.model_copy(update={"rule": stored.rule.model_copy(update={"certainty": 0.9})})
        for stored in rules
    ]
    for name, chosen in (("1,000 rules x 1,000 objects", rules), ("the same with certainty 0.9", sure)):
        seconds, _ = best_of(3, lambda chosen=chosen: count_matches(chosen, account))  # type: ignore[misc]
        tracemalloc.start()
        outcomes = evaluate(chosen, account)
        peak = tracemalloc.get_traced_memory()[1] / 2**20
        tracemalloc.stop()
        decided = sum(len(outcome.decisions) for outcome in outcomes)
        lines.append(f"{name}: {seconds:.2f} s, peak {peak:.0f} MiB above the data, {decided:,} decisions")
        figures |= {f"{name}.seconds": seconds, f"{name}.mb": peak}
    return Report("\n".join(lines), figures)


def make_account(count: int) -> Snapshot:
    """`count` ad sets with 30 days of noisy delivery."""
    rng = random.Random(1)
    return Snapshot([make_adset(rng, f"as_{number:05}") for number in range(count)], NOW)


def make_adset(rng: random.Random, name: str) -> Entity:
    budget, ctr, rate = rng.uniform(20, 100), rng.uniform(0.005, 0.03), rng.uniform(0.01, 0.06)
    days = []
    for age in range(DAYS, 0, -1):
        spend = round(budget * rng.uniform(0.7, 1.1), 2)
        impressions = int(spend * rng.uniform(80, 150)) + 1
        clicks = int(impressions * ctr * rng.uniform(0.8, 1.2)) + 1
        conversions = int(clicks * rate * rng.uniform(0.5, 1.5) + 1)
        revenue = round(conversions * rng.uniform(20, 80), 2)
        days.append(Day(NOW.date() - timedelta(days=age), spend, impressions, clicks, conversions, revenue))
    return Entity(
        entity_id=name,
        level=Level.ADSET,
        campaign_id="cmp_1",
        adset_id=name,
        platform=Platform.META,
        name=name,
        active=True,
        days=days,
        daily_budget=Decimal(50),
        target_cpa=30.0,
    )


def make_rule(number: int) -> StoredRule:
    """Two to four thresholds under all, any and both, as business-rules can express them too."""
    rng = random.Random(number)
    parts: list[dict[str, Any]] = [make_threshold(rng) for _ in range(rng.randint(2, 4))]
    word, other = rng.sample(["all", "any"], 2)
    body = {
        "rule_name": f"rule {number}",
        "condition": {word: [*parts[:-2], {other: parts[-2:]}]},
        "action": {"type": "pause_adset"},
        "applies_to": {"all": True},
        "max_affected": {"count": 1000},
    }
    return StoredRule.model_validate({"rule_id": f"rule_{number}", "version": 1, "rule": body, "anchor": NOW})


def make_threshold(rng: random.Random) -> dict[str, Any]:
    metric = rng.choice(list(METRICS))
    return {
        "metric": metric,
        "operator": rng.choice(list(OPERATORS)),
        "value": round(METRICS[metric] * rng.uniform(0.3, 2.5), 2),
        "time_range": rng.choice(WINDOWS),
    }


def known_figures(account: Snapshot, rules: list[StoredRule]) -> Figures:
    """Every figure a rule asks for, object by object: the two other engines need not compute them."""
    columns = Columns(account, account.entities)
    asked = {(leaf.metric, window_of(leaf)) for stored in rules for leaf in leaves(stored.rule.condition)}
    return [
        {key: columns.metric(*key).values[position] for key in asked}
        for position in range(len(account.entities))
    ]


def count_matches(rules: list[StoredRule], account: Snapshot) -> int:
    return sum(outcome.matched for outcome in evaluate(rules, account))


def plain_loop(rules: list[StoredRule], figures: Figures) -> int:
    return sum(holds(stored.rule.condition, row) for stored in rules for row in figures)


def holds(condition: Condition, figures: dict[tuple[str, str], float]) -> bool:
    if isinstance(condition, Comparison):
        limit = float(condition.value)  # type: ignore[arg-type]
        return OPERATORS[condition.operator](figures[condition.metric, window_of(condition)], limit)
    if isinstance(condition, NotOf):
        return not holds(condition.negated, figures)
    if isinstance(condition, AnyOf):
        return any(holds(part, figures) for part in condition.any)
    assert isinstance(condition, AllOf)
    return all(holds(part, figures) for part in condition.all)


def business(rules: list[StoredRule], figures: Figures) -> int:
    """The same through business-rules: one variable per figure, one action that counts."""
    from business_rules.actions import BaseActions, rule_action
    from business_rules.engine import run_all
    from business_rules.variables import BaseVariables, numeric_rule_variable

    count = 0

    class Actions(BaseActions):  # type: ignore[misc]
        @rule_action()  # type: ignore[untyped-decorator]
        def fire(self) -> None:
            nonlocal count
            count += 1

    def variable(key: tuple[str, str]) -> Any:
        def read(self: Any) -> float:
            return float(self.figures[key])

        read.__name__ = "_".join(key)
        return numeric_rule_variable()(read)

    asked = {"_".join(key): variable(key) for key in figures[0]}
    variables = type("Variables", (BaseVariables,), asked)
    translated = [
        {"conditions": as_business(stored.rule.condition), "actions": [{"name": "fire", "params": {}}]}
        for stored in rules
    ]
    for row_of_figures in figures:
        known = variables()
        known.figures = row_of_figures
        run_all(rule_list=translated, defined_variables=known, defined_actions=Actions())
    return count


def as_business(condition: Condition) -> dict[str, Any]:
    if isinstance(condition, Comparison):
        return {
            "name": f"{condition.metric}_{window_of(condition)}",
            "operator": condition.operator + ("_to" if condition.operator.endswith("equal") else ""),
            "value": float(condition.value),  # type: ignore[arg-type]
        }
    if isinstance(condition, AllOf):
        return {"all": [as_business(part) for part in condition.all]}
    assert isinstance(condition, AnyOf)
    return {"any": [as_business(part) for part in condition.any]}


def check(found: int, rules: list[StoredRule], account: Snapshot) -> None:
    """A speed is worth nothing if the answers differ."""
    ours = count_matches(rules, account)
    if found != ours:
        raise AssertionError(f"{found} matches, the rule engine has {ours}")


def best_of(times: int, work: Callable[[], int]) -> tuple[float, int]:
    best, result = float("inf"), 0
    for _ in range(times):
        start = time.perf_counter()
        result = work()
        best = min(best, time.perf_counter() - start)
    return best, result


def row(name: str, pairs: int, seconds: float, matches: int) -> str:
    return f"{name:<44} {pairs:>9,} {seconds:>8.3f} {pairs / seconds:>13,.0f} {matches:>8,}"


def _id(entity: Entity) -> str:
    return entity.entity_id


if __name__ == "__main__":
    print(run().text)
