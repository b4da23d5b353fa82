"""Analyses of A/B tests: how long they take, and how often they crown one of two equal arms."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any, NamedTuple

import numpy as np

from campaign_automation.models.ab_analysis import AnalysisRequest
from campaign_automation.optimizers.ab_test_manager import analyze_test
from campaign_automation.optimizers.ab_tests import group_sequential as ab_group_sequential
from campaign_automation.optimizers.ab_tests.dispersion import SPENDABLE, dispersion, robust_p
from campaign_automation.optimizers.ab_tests.group_sequential import bounds
from campaign_automation.optimizers.ab_tests.sequential import (
    DayPairs,
    day_pairs,
    log_e_by_day,
)
from campaign_automation.optimizers.ab_tests.tables import Arm, Floats, chi_square

DAYS, ALPHA, RATE = 30, 0.05, 0.02
START = date(2026, 3, 2)


def run(seeds: int = 100) -> str:
    """Times are medians of thirty; rates are shares of simulated tests that were ever called."""
    return "\n".join([*_times(), "", *_error_rates(seeds)])


def _times() -> list[str]:
    plain: dict[str, Any] = {"bayes": False, "forecast": False}
    two, three = (0.02, 0.0204), (0.02, 0.0204, 0.0202)
    cases: dict[str, Callable[[], object]] = {
        "one analysis of totals, 2 arms": _analysis(two, 0, plain),
        "one analysis of totals, 3 arms": _analysis(three, 0, plain),
        "the same with Bayes": _analysis(three, 0, {**plain, "bayes": True}),
        "30 daily looks, 2 arms": _analysis(two, DAYS, plain),
        "30 daily looks, 3 arms, with Bayes": _analysis(three, DAYS, {**plain, "bayes": True}),
        "the same with days left": _analysis(three, DAYS, {}),
        "bounds of 30 looks, from nothing": _cold_bounds,
    }
    return [f"{name:<40} {_median_ms(case):>8.2f} ms" for name, case in cases.items()]


def _analysis(rates: tuple[float, ...], days: int, more: dict[str, Any]) -> Callable[[], object]:
    visitors = np.full((days or DAYS, len(rates)), 2000)
    conversions = np.random.default_rng(1).binomial(visitors, rates)
    variants = [
        {
            "variant_id": f"v{arm}",
            "visitors": int(visitors[:, arm].sum()),
            "conversions": int(conversions[:, arm].sum()),
            "days": [
                {"day": START + timedelta(day), "visitors": 2000, "conversions": int(conversions[day, arm])}
                for day in range(days)
            ],
        }
        for arm in range(len(rates))
    ]
    request = AnalysisRequest.model_validate({"variants": variants, **more})
    return lambda: analyze_test(request)


def _cold_bounds() -> None:
    ab_group_sequential._state.cache_clear()
    bounds([(day + 1) / DAYS for day in range(DAYS)], ALPHA)


def _median_ms(case: Callable[[], object]) -> float:
    case()
    times = []
    for _ in range(30):
        start = time.perf_counter()
        case()
        times.append(time.perf_counter() - start)
    return 1000 * sorted(times)[len(times) // 2]


class Market(NamedTuple):
    """Two arms by day: conversions a day and arm, and the standard deviation of each arm's daily noise, of
    noise that stays for five days, and of noise that wanders with a correlation of 0.6 from day to day."""

    days: int
    conversions: int
    daily: float = 0.0
    blocks: float = 0.0
    wandering: float = 0.0

    @property
    def name(self) -> str:
        kinds = {"daily": self.daily, "5-day": self.blocks, "wandering": self.wandering}
        noise = [f"{kind} noise {size:.0%}" for kind, size in kinds.items() if size] or ["no noise"]
        return f"{self.days} days, {self.conversions} a day, {noise[0]}"


class Called(NamedTuple):
    """Did a test ever call a winner: the pooled test, the planned bound, the robust evidence, and the planned
    bound without the slow drift that is assumed as long as it cannot be measured."""

    pooled: bool
    planned: bool
    robust: bool
    unguarded: bool


NOISES: tuple[dict[str, float], ...] = (
    {},
    {"daily": 0.15},
    {"daily": 0.3},
    {"blocks": 0.15},
    {"blocks": 0.3},
    {"wandering": 0.15},
)
MARKETS = [
    Market(days, conversions, **noise) for days in (14, 30) for conversions in (40, 1000) for noise in NOISES
]


def _error_rates(runs: int) -> list[str]:
    columns = " ".join(f"{name:>10}" for name in Called._fields)
    return [
        f"{runs} pairs of arms, looked at each day; shares that called a winner, in percent",
        f"bound of planned and robust for equal arms: {most(runs):.1%}",
        "unguarded assumes no slow drift: under slow noise it has no bound",
        f"{'equal arms':<40} {columns}",
        *(_line(market, 0.0, runs) for market in MARKETS),
        f"{'second arm better by 30 %':<40} {columns}",
        *(_line(market, 0.3, runs) for market in MARKETS),
    ]


def most(runs: int) -> float:
    """Return the largest share that a true rate of alpha explains, by two standard errors."""
    return ALPHA + 2 * math.sqrt(ALPHA * (1 - ALPHA) / runs)


def _line(market: Market, lift: float, runs: int) -> str:
    cells = " ".join(f"{share:>10.1%}" for share in rates(market, lift, runs))
    return f"{market.name:<40} {cells}"


def rates(market: Market, lift: float, runs: int, seed: int = 7) -> list[float]:
    """Return the share of simulated tests for each field of Called."""
    visitors, conversions = counts(market, lift, runs, seed)
    called = [looks(visitors, run) for run in conversions]
    return [sum(column) / runs for column in zip(*called, strict=True)]


def counts(market: Market, lift: float, runs: int, seed: int) -> tuple[Floats, Floats]:
    """Return visitors of shape (days, arms) and conversions of shape (runs, days, arms)."""
    rng = np.random.default_rng(seed)
    visitors = np.full((market.days, 2), round(market.conversions / RATE))
    shape = (runs, market.days, 2)
    logs = rng.normal(0, market.daily, shape) + _blocks(rng, market.blocks, shape)
    chance = RATE * np.exp(logs + _wandering(rng, market.wandering, shape)) * (1, 1 + lift)
    return visitors.astype(float), rng.binomial(visitors, np.minimum(chance, 1)).astype(float)


def _blocks(rng: np.random.Generator, size: float, shape: tuple[int, int, int]) -> Floats:
    runs, days, arms = shape
    levels = rng.normal(0, size, (runs, -(-days // 5), arms))
    return np.repeat(levels, 5, axis=1)[:, :days]


def _wandering(rng: np.random.Generator, size: float, shape: tuple[int, int, int]) -> Floats:
    steps = rng.normal(0, size, shape)
    for day in range(1, shape[1]):
        steps[:, day] = 0.6 * steps[:, day - 1] + 0.8 * steps[:, day]
    return steps


def looks(visitors: Floats, conversions: Floats) -> Called:
    """Look at one test after each of its days, as analyze_test does."""
    days = len(visitors)
    pairs = day_pairs(visitors, conversions)
    log_e = log_e_by_day(pairs)
    limits = bounds([(day + 1) / days for day in range(days)], SPENDABLE * ALPHA)
    planned = unguarded = robust = False
    for day in range(1, days + 1):
        so_far = DayPairs(*(column[:day] for column in pairs))
        noise = dispersion(so_far)
        planned |= abs(noise.deviate(so_far.z)) >= limits[day - 1]
        unguarded |= abs(noise.deviate(so_far.z, guarded=False)) >= limits[day - 1]
        robust |= robust_p(log_e[:day], noise) <= ALPHA
    return Called(_pooled(visitors, conversions), planned, robust, unguarded)


def _pooled(visitors: Floats, conversions: Floats) -> bool:
    totals = np.cumsum(visitors, axis=0).astype(int).tolist(), np.cumsum(conversions, axis=0).astype(int)
    both = zip(totals[0], totals[1].tolist(), strict=True)
    return any(chi_square([Arm(n, x), Arm(m, y)]).p_value < ALPHA for (n, m), (x, y) in both)
