"""A month of the simulated market under five policies, in per cent of an oracle that knows the curves.

Every policy meets the same days of the same seed. Each morning it sees what a report would show then: the
conversions of young days are not all in. Results are the conversions to be expected of the budgets that were
set, so the luck of the days is in what a policy saw and not in what it is measured by.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import date, timedelta
from random import Random
from statistics import NormalDist, fmean, stdev

import numpy as np

from campaign_automation.models.budget_problem import BudgetProblem, BudgetUnit, DayRecord, MaturitySnapshot
from campaign_automation.optimizers.budget_optimizer import optimize_budget
from local.sandbox import simulation

SEEDS = 120
DAYS = 30
ADSETS = 8
BUDGET = 80.0  # of an ad set at the start, in the market's currency
TARGET_CPA = 6.0  # about what an average ad set reaches
GRID = 4.0
PROCESSES = 2

Budgets = dict[str, float]


def run() -> str:
    """Means over the seeds with 95 % intervals. The rules reinvest what they free, so all may spend alike."""
    with ProcessPoolExecutor(PROCESSES) as pool:
        months = list(pool.map(one_seed, range(SEEDS), chunksize=5))
    head = f"{'policy':<16} {'conversions':>20} {'spend':>20} {'per money':>20}   in % of the oracle"
    lines = [f"{SEEDS} seeds, {ADSETS} ad sets, {DAYS} days, {os.cpu_count()} cores", head]
    for name in months[0]:
        columns = [interval([month[name][index] for month in months]) for index in range(3)]
        lines.append(f"{name:<16} " + " ".join(f"{column:>20}" for column in columns))
    return "\n".join(lines)


def interval(values: Sequence[float]) -> str:
    half = NormalDist().inv_cdf(0.975) * stdev(values) / math.sqrt(len(values))
    return f"{fmean(values):6.1f} ± {half:4.1f}"


def one_seed(seed: int) -> dict[str, tuple[float, float, float]]:
    """Conversions, spend, and conversions per money of each policy, in per cent of the oracle's."""
    adsets = [_adset(seed, number) for number in range(ADSETS)]
    policies: dict[str, Callable[[], simulation.Policy]] = {
        "do nothing": lambda: always({}),
        "written rules": lambda: Optimizer(adsets, strategy="auto", guard=False).budgets,
        "rules and guard": lambda: Optimizer(adsets, strategy="auto", guard=True).budgets,
        "allocate": lambda: Optimizer(adsets, strategy="allocate", guard=True).budgets,
        "oracle": lambda: always(best_budgets(seed, adsets)),
    }
    reached = {name: _measure(seed, adsets, make()) for name, make in policies.items()}
    best = reached["oracle"]
    return {
        name: (
            100 * conversions / best[0],
            100 * spend / best[1],
            100 * (conversions / spend) / (best[0] / best[1]),
        )
        for name, (conversions, spend) in reached.items()
    }


def always(budgets: Budgets) -> simulation.Policy:
    return lambda today, records: budgets


def _measure(seed: int, adsets: Sequence[simulation.Adset], policy: simulation.Policy) -> tuple[float, float]:
    month = simulation.simulate(seed, adsets, policy, DAYS)
    by_key = {adset.key: adset for adset in adsets}
    conversions = math.fsum(
        simulation.expected(seed, by_key[item.adset], item.budget, item.day).conversions
        for item in month.truth
    )
    return conversions, math.fsum(item.budget for item in month.truth)


def _adset(seed: int, number: int) -> simulation.Adset:
    rng = Random(f"{seed}/benchmark/{number}")
    creatives = tuple(f"c{rng.randrange(40)}" for _ in range(2))
    return simulation.Adset(f"s{number}", f"audience {number}", creatives, BUDGET)


class Optimizer:
    """The optimiser as it is asked once a day, with what a caller would have kept by then."""

    def __init__(self, adsets: Sequence[simulation.Adset], *, strategy: str, guard: bool) -> None:
        self._strategy = strategy
        self._guard = guard
        self._budgets: Budgets = {adset.key: adset.budget for adset in adsets}
        self._changed: dict[str, date] = {}
        self._reports: dict[date, dict[date, int]] = {}

    def budgets(self, today: date, records: Sequence[simulation.Record]) -> Mapping[str, float]:
        self._reports[today] = _by_day(records)
        plan = optimize_budget(self._problem(today, records))
        changes = {
            item.unit_id: item.new_budget_minor / 100 for item in plan.decisions if item.action != "keep"
        }
        self._budgets |= changes
        self._changed |= dict.fromkeys(changes, today)
        return changes

    def _problem(self, today: date, records: Sequence[simulation.Record]) -> BudgetProblem:
        rows: dict[str, list[DayRecord]] = {}
        for item in records:
            rows.setdefault(item.adset, []).append(_record(item))
        units = [self._unit(key, rows.get(key, [])) for key in self._budgets]
        return BudgetProblem.model_validate(
            {
                "today": today,
                "currency": "USD",
                "target_metric": "cpa",
                "strategy": self._strategy,
                "guard": self._guard,
                "freed_money": "reinvest",
                "snapshots": self._snapshots(today),
                "units": units,
            }
        )

    def _unit(self, key: str, records: list[DayRecord]) -> BudgetUnit:
        budget = round(self._budgets[key] * 100)
        return BudgetUnit(
            unit_id=key,
            status="active" if budget else "paused",
            budget_minor=budget,
            budget_at_day_start_minor=budget,
            min_minor=500,
            last_changed=self._changed.get(key),
            target_cpa_minor=round(TARGET_CPA * 100),
            records=records,
        )

    def _snapshots(self, today: date) -> list[MaturitySnapshot]:
        days = {day for report in self._reports.values() for day in report}
        return [
            MaturitySnapshot(day=day, counts=[self._known(day, age) for age in range((today - day).days)])
            for day in sorted(days)
        ]

    def _known(self, day: date, age: int) -> float | None:
        return self._reports.get(day + timedelta(days=age + 1), {}).get(day)


def _by_day(records: Sequence[simulation.Record]) -> dict[date, int]:
    counts: dict[date, int] = {}
    for item in records:
        counts[item.day] = counts.get(item.day, 0) + item.conversions
    return counts


def _record(item: simulation.Record) -> DayRecord:
    return DayRecord(
        day=item.day,
        spend_minor=round(item.spend * 100),
        revenue_minor=round(item.revenue * 100),
        conversions=item.conversions,
    )


def best_budgets(seed: int, adsets: Sequence[simulation.Adset]) -> Budgets:
    """The split of the same total that brings most, by the true curves, which need not be concave: exact on
    a grid, without caps on the way there. Weekdays bear on all alike, so every day has the same best split.
    """
    count = round(sum(adset.budget for adset in adsets) / GRID)
    best = np.zeros(count + 1)
    choices = []
    for adset in adsets:
        values = np.array(
            [simulation.expected(seed, adset, units * GRID).conversions for units in range(count + 1)]
        )
        table = np.full((count + 1, count + 1), -np.inf)
        for total in range(count + 1):
            table[total, : total + 1] = best[total::-1] + values[: total + 1]
        choices.append(table.argmax(1))
        best = table.max(1)
    budgets: Budgets = {}
    left = count
    for adset, choice in zip(reversed(adsets), reversed(choices), strict=True):
        budgets[adset.key] = float(choice[left] * GRID)
        left -= int(choice[left])
    return budgets
