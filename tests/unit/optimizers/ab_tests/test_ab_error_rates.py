"""Rate of false winners between two equal arms under daily looks for 30 days. Seeds are fixed."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pytest

from benchmarks.ab_tests import Market as NoisyMarket
from benchmarks.ab_tests import most, rates
from campaign_automation.optimizers.ab_tests.group_sequential import bounds
from campaign_automation.optimizers.ab_tests.sequential import (
    anytime_p,
    day_pairs,
    log_e_by_day,
)
from campaign_automation.optimizers.ab_tests.tables import Arm, Floats, chi_square

RUNS, DAYS, ALPHA = 1500, 30, 0.05
MOST = ALPHA + 2 * math.sqrt(ALPHA * (1 - ALPHA) / RUNS)


class Market(NamedTuple):
    """Visitors by day and arm, and the rate of both arms by day."""

    visitors: Floats
    rates: Floats


def constant(value: float) -> Floats:
    return np.full(DAYS, value)


def split(total: float, second: Floats) -> Floats:
    return np.round(np.stack([total * (1 - second), total * second], axis=1))


_DRIFT = np.linspace(0.2, 0.8, DAYS)
MARKETS = {
    "equal": Market(split(4000, constant(0.5)), constant(0.02)),
    "45 conversions an arm": Market(split(300, constant(0.5)), constant(0.01)),
    "uneven split": Market(split(4000, constant(0.2)), constant(0.02)),
    "split and rate drift together": Market(split(4000, _DRIFT), np.linspace(0.01, 0.03, DAYS)),
}


def runs(name: str, seed: int = 7) -> Floats:
    """Conversions of shape (runs, days, arms)."""
    market = MARKETS[name]
    rng = np.random.default_rng(seed)
    chance = np.broadcast_to(market.rates[:, None], (RUNS, DAYS, 2))
    return rng.binomial(market.visitors.astype(int), chance).astype(float)


def share(called: list[bool]) -> float:
    return sum(called) / len(called)


@pytest.mark.parametrize("name", MARKETS)
def test_anytime_evidence_calls_few_false_winners(name: str) -> None:
    called = [
        anytime_p(log_e_by_day(day_pairs(MARKETS[name].visitors, conversions))) <= ALPHA
        for conversions in runs(name)
    ]
    assert share(called) <= MOST


@pytest.mark.parametrize("name", MARKETS)
def test_planned_bounds_call_few_false_winners(name: str) -> None:
    visitors = MARKETS[name].visitors
    limits = np.array(bounds([(day + 1) / DAYS for day in range(DAYS)], ALPHA))
    called = []
    for conversions in runs(name):
        pairs = day_pairs(visitors, conversions)
        excess = np.cumsum(pairs.second - pairs.share * pairs.converted)
        z = excess / np.sqrt(np.maximum(np.cumsum(pairs.variance), 1e-12))
        called.append(bool((np.abs(z) >= limits).any()))
    assert share(called) <= MOST


NOISES: list[dict[str, float]] = [{}, {"daily": 0.15}, {"daily": 0.3}, {"blocks": 0.15}, {"wandering": 0.15}]


@pytest.mark.parametrize(("days", "noise"), [(14, {"daily": 0.3}), (30, {"wandering": 0.15})], ids=str)
def test_noise_of_delivery_calls_few_winners_of_clicks(days: int, noise: dict[str, float]) -> None:
    assert_few_are_called(NoisyMarket(days, 1000, **noise), runs=100)


@pytest.mark.slow
@pytest.mark.parametrize("days", [14, 30])
@pytest.mark.parametrize("conversions", [40, 1000], ids=["conversions", "clicks"])
@pytest.mark.parametrize("noise", NOISES, ids=str)
def test_noise_of_delivery_calls_few_winners_at_any_look(
    days: int, conversions: int, noise: dict[str, float]
) -> None:
    assert_few_are_called(NoisyMarket(days, conversions, **noise), runs=1000)


def assert_few_are_called(market: NoisyMarket, runs: int) -> None:
    pooled, planned, robust, unguarded = rates(market, 0.0, runs)
    assert max(planned, robust) <= most(runs)
    assert pooled > 0.1
    if not (market.blocks or market.wandering):
        assert unguarded <= most(runs)


def test_a_month_finds_a_real_difference() -> None:
    _, planned, _, _ = rates(NoisyMarket(30, 40), 0.3, 50)
    assert planned > 0.9


def test_a_fortnight_cannot_tell_a_slow_drift_from_a_difference() -> None:
    """Therefore a winner of fewer than 20 full days is safe only beyond what a drift explains."""
    _, planned, robust, unguarded = rates(NoisyMarket(14, 1000, blocks=0.15), 0.0, 100)
    assert unguarded > 0.3
    assert max(planned, robust) == 0.0


@pytest.mark.parametrize("name", MARKETS)
def test_the_pooled_daily_chi_square_calls_a_false_winner_in_every_fifth_test(name: str) -> None:
    """Therefore no automatic stop rests on it."""
    visitors = np.cumsum(MARKETS[name].visitors, axis=0).astype(int)
    called = []
    for conversions in np.cumsum(runs(name)[:400], axis=1).astype(int):
        looks = zip(visitors.tolist(), conversions.tolist(), strict=True)
        called.append(any(chi_square([Arm(n, x), Arm(m, y)]).p_value < ALPHA for (n, m), (x, y) in looks))
    assert share(called) > 0.20


def test_real_differences_are_found_by_both_modes() -> None:
    rng = np.random.default_rng(3)
    visitors = split(4000, constant(0.5))
    limits = np.array(bounds([(day + 1) / DAYS for day in range(DAYS)], ALPHA))
    open_ended, planned = [], []
    for _ in range(300):
        pairs = day_pairs(visitors, rng.binomial(2000, (0.020, 0.023), size=(DAYS, 2)).astype(float))
        open_ended.append(anytime_p(log_e_by_day(pairs)) <= ALPHA)
        z = np.cumsum(pairs.second - pairs.share * pairs.converted) / np.sqrt(np.cumsum(pairs.variance))
        planned.append(bool((np.abs(z) >= limits).any()))
    assert share(planned) > 0.9
    assert 0.6 < share(open_ended) < share(planned)
