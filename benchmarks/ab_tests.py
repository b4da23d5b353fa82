"""Analyses of A/B tests: how long they take, and how often they crown one of two equal arms."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import numpy as np

from campaign_automation.models.ab_analysis import AnalysisRequest
from campaign_automation.optimizers.ab_test_manager import analyze_test
from campaign_automation.optimizers.ab_tests import group_sequential as ab_group_sequential
from campaign_automation.optimizers.ab_tests.group_sequential import bounds
from campaign_automation.optimizers.ab_tests.sequential import (
    anytime_p,
    day_pairs,
    dispersion,
    log_e_by_day,
    robust_p,
)
from campaign_automation.optimizers.ab_tests.tables import Arm, Floats, chi_square

DAYS, RUNS, ALPHA = 30, 2_000, 0.05
START = date(2026, 3, 2)


def run() -> str:
    """Times are medians of thirty; rates are shares of simulated tests that were ever called."""
    return "\n".join([*_times(), "", *_false_winners()])


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


def _false_winners() -> list[str]:
    drift = np.linspace(0.2, 0.8, DAYS)
    half = np.full(DAYS, 0.5)
    markets = {
        "equal arms": (4000, half, np.full(DAYS, 0.02), 0.0),
        "45 conversions an arm": (300, half, np.full(DAYS, 0.01), 0.0),
        "split 80 to 20": (4000, np.full(DAYS, 0.2), np.full(DAYS, 0.02), 0.0),
        "split and rate drift together": (4000, drift, np.linspace(0.01, 0.03, DAYS), 0.0),
        "delivery doubles the variance by day": (4000, half, np.full(DAYS, 0.02), 0.2),
    }
    columns = f"{'chi-square':>10} {'anytime':>8} {'robust':>8} {'planned':>8}"
    lines = [f"{'two equal arms, 30 daily looks':<40} {columns}"]
    for name, (total, share, rates, noise) in markets.items():
        visitors = np.round(np.stack([total * (1 - share), total * share], axis=1))
        rates_found = _called(visitors, rates, noise)
        lines.append(
            f"{name:<40} " + " ".join(f"{rate:>{8 + 2 * (not i)}.1%}" for i, rate in enumerate(rates_found))
        )
    return lines


def _called(visitors: Floats, rates: Floats, noise: float) -> list[float]:
    rng = np.random.default_rng(7)
    called = [
        _calls(
            visitors,
            rng.binomial(visitors.astype(int), rates[:, None] * np.exp(rng.normal(0, noise, (DAYS, 2)))),
        )
        for _ in range(RUNS)
    ]
    return [sum(calls) / RUNS for calls in zip(*called, strict=True)]


def _calls(visitors: Floats, counts: Any) -> tuple[bool, bool, bool, bool]:
    """Did it ever call a winner: the pooled test, the evidence, the robust evidence, the planned bound."""
    conversions = counts.astype(float)
    pairs = day_pairs(visitors, conversions)
    log_e = log_e_by_day(pairs)
    robust = [
        robust_p(log_e[:day], dispersion(day_pairs(visitors[:day], conversions[:day])))
        for day in range(7, DAYS + 1)
    ]
    return (
        _pooled(visitors, counts),
        anytime_p(log_e) <= ALPHA,
        min(robust) <= ALPHA,
        _planned(visitors, conversions),
    )


def _pooled(visitors: Floats, counts: Any) -> bool:
    totals = np.cumsum(visitors, axis=0).astype(int).tolist(), np.cumsum(counts, axis=0).tolist()
    looks = zip(*totals, strict=True)
    return any(chi_square([Arm(n, x), Arm(m, y)]).p_value < ALPHA for (n, m), (x, y) in looks)


def _planned(visitors: Floats, conversions: Floats) -> bool:
    pairs = day_pairs(visitors, conversions)
    limits = bounds([(day + 1) / DAYS for day in range(DAYS)], ALPHA)
    variance = np.maximum(np.cumsum(pairs.variance), 1e-12)
    z = np.cumsum(pairs.second - pairs.share * pairs.converted) / np.sqrt(variance)
    return bool((np.abs(z) >= limits).any())
