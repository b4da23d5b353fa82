"""A month in nine simulated markets under the strategies of optimize_budget, in per cent of an oracle.

Every policy meets the same days of the same seed. Each morning it sees what a report would show then: the
conversions of young days are not all in. Results are the conversions to be expected of the budgets that were
set, so the luck of the days is in what a policy saw and not in what it is measured by.
"""

from __future__ import annotations

import math
import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import date, timedelta
from functools import partial
from statistics import NormalDist, fmean, stdev
from typing import Any

import numpy as np

from benchmarks._markets import ADSETS, MARKETS, Floats, Market, Morning, keep, month, oracle, world_of
from benchmarks._report import Report
from campaign_automation.models.budget_problem import BudgetProblem, BudgetUnit, DayRecord, MaturitySnapshot
from campaign_automation.optimizers.budget_optimizer import optimize_budget

PROCESSES = 2
DEFAULT = ("auto",)
FIRST = date(2026, 3, 2)

STRATEGIES: dict[str, dict[str, Any]] = {
    "written rules": {"strategy": "rules", "guard": False, "freed_money": "reinvest"},
    "rules, guard": {"strategy": "rules", "guard": True, "freed_money": "reinvest"},
    "allocate": {"strategy": "allocate"},
    "auto": {"strategy": "auto", "freed_money": "reinvest"},
}


def run(seeds: int = 8, markets: Sequence[str] = (), everything: bool = False) -> Report:
    """Return means over the seeds with 95 % intervals; of all strategies, or of the default alone."""
    strategies = tuple(STRATEGIES) if everything else DEFAULT
    names = ["do nothing", *strategies]
    lines = [
        f"{seeds} seeds, {ADSETS} ad sets, {os.cpu_count()} cores; conversions in % of the oracle's",
        f"{'market':<8} " + " ".join(f"{name:>14}" for name in names),
    ]
    figures: dict[str, float] = {}
    # Its matrices are small: threads of the linear algebra would only be in each other's way.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    # Each process reads that when it imports numpy, so it must not inherit one that is imported already.
    with ProcessPoolExecutor(PROCESSES, multiprocessing.get_context("spawn")) as pool:
        for market in (item for item in MARKETS if not markets or item.name in markets):
            months = list(pool.map(partial(one_seed, market, strategies=strategies), range(seeds)))
            cells = [interval([found[name] for found in months]) for name in names]
            lines.append(f"{market.name:<8} " + " ".join(f"{cell:>14}" for cell in cells))
            for name in names:
                figures[f"{market.name}.{name}"] = fmean(found[name] for found in months)
    return Report("\n".join(lines), figures)


def interval(values: Sequence[float]) -> str:
    half = NormalDist().inv_cdf(0.975) * stdev(values) / math.sqrt(len(values))
    return f"{fmean(values):.1f} ± {half:.1f}"


def one_seed(market: Market, seed: int, strategies: Sequence[str] = tuple(STRATEGIES)) -> dict[str, float]:
    """Return the conversions of each policy in a month, in per cent of the oracle's."""
    world = world_of(market, seed)
    best = month(world, oracle(world), seed)
    reached = {"do nothing": month(world, keep, seed)}
    for name in strategies:
        reached[name] = month(world, Optimizer(market, STRATEGIES[name]).budgets, seed)
    return {name: 100 * conversions / best for name, conversions in reached.items()}


class Optimizer:
    """The optimiser as it is asked once a day, with the reports that a caller would have kept by then."""

    def __init__(self, market: Market, request: dict[str, Any]) -> None:
        self._market = market
        self._request = request
        self._paused = np.zeros(ADSETS, dtype=bool)

    def budgets(self, morning: Morning) -> Floats:
        plan = optimize_budget(self._problem(morning))
        after = morning.budgets.copy()
        for item in plan.decisions:
            after[int(item.unit_id)] = item.new_budget_minor / 100
            self._paused[int(item.unit_id)] |= item.action == "pause"
        return after

    def _problem(self, morning: Morning) -> BudgetProblem:
        today = FIRST + timedelta(days=morning.day)
        return BudgetProblem(
            today=today,
            currency="USD",
            target_metric="cpa",
            attribution_window_days=len(self._market.lag),
            snapshots=_snapshots(morning),
            units=[self._unit(morning, index) for index in range(ADSETS)],
            **self._request,
        )

    def _unit(self, morning: Morning, index: int) -> BudgetUnit:
        budget = round(morning.budgets[index] * 100)
        changed = int(morning.changed[index])
        return BudgetUnit(
            unit_id=f"{index:02}",
            status="paused" if self._paused[index] else "active",
            budget_minor=budget,
            budget_at_day_start_minor=budget,
            min_minor=100,
            last_changed=FIRST + timedelta(days=changed) if changed >= 0 else None,
            target_cpa_minor=round(self._market.cpa * 100),
            records=[
                DayRecord(
                    day=FIRST + timedelta(days=day),
                    spend_minor=round(morning.spend[index, day] * 100),
                    budget_minor=round(morning.set_budgets[index, day] * 100),
                    conversions=float(morning.conversions[index, day]),
                )
                for day in range(morning.day)
            ],
        )


def _snapshots(morning: Morning) -> list[MaturitySnapshot]:
    """Return the conversions of each past day as every later morning knew them."""
    return [
        MaturitySnapshot(
            day=FIRST + timedelta(days=day),
            counts=[float(morning.totals[later, day]) for later in range(day + 1, morning.day + 1)],
        )
        for day in range(morning.day)
    ]
