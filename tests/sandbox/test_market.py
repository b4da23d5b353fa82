"""The market's laws, number by number."""

from datetime import date, timedelta
from random import Random

import pytest

from local.sandbox import market

DAY = date(2026, 11, 2)
CURVE = market.curve_of(1, "US/18-35")


def test_conversions_grow_with_falling_returns() -> None:
    spends = [20 * step for step in range(1, 40)]
    gains = [market.daily_conversions(CURVE, s + 20) - market.daily_conversions(CURVE, s) for s in spends]
    beyond = [gain for spend, gain in zip(spends, gains, strict=True) if spend > CURVE.half_spend]
    assert all(gain > 0 for gain in gains)
    assert beyond == sorted(beyond, reverse=True)
    assert market.daily_conversions(CURVE, 0) == 0
    assert market.daily_conversions(CURVE, CURVE.half_spend) == pytest.approx(CURVE.ceiling / 2)
    assert market.daily_conversions(CURVE, 1e9) <= CURVE.ceiling


def test_spend_never_passes_the_overspend_limit() -> None:
    days = [market.daily_spend(1, "a", DAY + timedelta(days=n), 100) for n in range(2000)]
    assert max(days) <= 125
    assert min(days) >= 80
    assert sum(days) / len(days) == pytest.approx(100, rel=0.01)


def test_audiences_and_creatives_differ_but_repeat() -> None:
    assert market.curve_of(1, "US/18-35") == CURVE
    assert len({market.curve_of(1, f"audience {n}").ceiling for n in range(20)}) == 20
    effects = [market.creative_effect(1, f"creative {n}") for n in range(200)]
    assert 0.9 < sum(effects) / len(effects) < 1.2
    assert max(effects) / min(effects) > 2


def test_better_creatives_get_more_money() -> None:
    low, high = market.shares([0.8, 1.6])
    assert low + high == pytest.approx(1)
    assert high > 2 * low


def test_delivery_matches_its_expectation() -> None:
    rng = Random(5)
    runs = [market.deliver(rng, CURVE, market.Goal(), 1.0, 100, 4.0, DAY) for _ in range(800)]
    mean = sum(run.conversions for run in runs) / len(runs)
    assert mean == pytest.approx(4 * market.WEEKDAY[DAY.weekday()], rel=0.06)
    order_value = sum(run.revenue for run in runs) / sum(run.conversions for run in runs)
    assert order_value == pytest.approx(CURVE.order_value, rel=0.05)
    assert all(run.conversions <= run.clicks <= run.impressions for run in runs)


def test_no_money_brings_nothing() -> None:
    empty = market.deliver(Random(1), CURVE, market.Goal(), 1.0, 0, 0, DAY)
    assert empty == market.Delivery(0, 0, 0, 0)
