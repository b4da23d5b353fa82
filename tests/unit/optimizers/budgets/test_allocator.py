"""The split is optimal to the certificate, exact in its sum, and moves as economics says it must."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest

from campaign_automation.optimizers.budgets.allocator import (
    Curves,
    Floats,
    Michaelis,
    allocate,
    allocate_at_price,
)
from tests.support.curve_families import Hill, Log, Power

FAMILIES: dict[str, Callable[[Floats, Floats, Floats], Curves]] = {
    "michaelis": lambda a, k, s: Michaelis(a, k),
    "hill": Hill,
    "log": lambda a, k, s: Log(a, k),
    "power": lambda a, k, s: Power(a, s),
}


def box(n: int, low: float, high: float) -> tuple[Floats, Floats]:
    return np.full(n, low), np.full(n, high)


def some_curves(seed: int, n: int) -> Michaelis:
    generator = np.random.default_rng(seed)
    return Michaelis(generator.lognormal(0, 1, n), generator.lognormal(1, 1, n))


@pytest.mark.parametrize("family", list(FAMILIES))
def test_the_gap_is_small_on_every_feasible_instance(family: str) -> None:
    """Zero floors, fixed and worthless ad sets, equal curves, straight lines, twelve decades of scale."""
    generator = np.random.default_rng(7)
    for trial in range(300):
        n, decades = int(generator.integers(1, 40)), generator.uniform(0, 6)
        a, k, width = 10 ** generator.uniform(-decades, decades, (3, n))
        s = np.array([1.0, 0.99, 0.9, 0.5, 0.2])[generator.integers(5, size=n)]
        if trial % 5 == 0:
            a[:], k[:], s[:] = a[0], k[0], s[0]
        a[(generator.random(n) < 0.2) & (trial % 7 == 0)] = 0
        low = np.where(generator.random(n) < 0.5, 0.0, 10 ** generator.uniform(-decades, decades, n))
        high = low + np.where((generator.random(n) < 0.1) & (n > 1), 0, width)
        total = float(low.sum() + generator.uniform(0.001, 0.999) * (high - low).sum())
        result = allocate(FAMILIES[family](a, k, s), low, high, total)
        assert result.relative_gap <= 1e-9
        assert result.amounts.sum() == pytest.approx(total, rel=1e-12)
        assert np.all((result.amounts >= low) & (result.amounts <= high))
        assert result.iterations < 100


@pytest.mark.parametrize("family", list(FAMILIES))
def test_no_grid_point_beats_the_split_of_three(family: str) -> None:
    curves = FAMILIES[family](np.array([3.0, 2.0, 5.0]), np.array([1.0, 4.0, 9.0]), np.array([0.6, 0.8, 1.0]))
    result = allocate(curves, *box(3, 0.0, 8.0), 10.0)
    grid = [(x, y, 10 - x - y) for x, y in itertools.product(np.linspace(0, 8, 81), repeat=2)]
    best = max(float(curves.value(np.array(p)).sum()) for p in grid if 0 <= p[2] <= 8)
    assert best <= result.value + result.gap


def test_bounds_that_the_total_cannot_meet_are_kept_and_told() -> None:
    curves = some_curves(1, 4)
    below = allocate(curves, *box(4, 2.0, 5.0), 6.0)
    assert (below.status, below.shortfall, below.multiplier) == ("total_below_minimums", 2.0, None)
    assert below.amounts.tolist() == [2.0] * 4
    above = allocate(curves, *box(4, 2.0, 5.0), 23.0)
    assert (above.status, above.unallocated) == ("total_above_caps", 3.0)
    assert above.amounts.tolist() == [5.0] * 4


def test_totals_at_the_very_bounds_are_optimal() -> None:
    curves = some_curves(1, 4)
    for total in (8.0, 20.0):
        result = allocate(curves, *box(4, 2.0, 5.0), total)
        assert (result.status, result.gap, result.amounts.sum()) == ("optimal", 0.0, total)


def test_one_ad_set_takes_the_total() -> None:
    assert allocate(some_curves(1, 1), *box(1, 0.0, 9.0), 4.0).amounts.tolist() == [4.0]


def test_crossing_bounds_are_refused() -> None:
    with pytest.raises(ValueError, match="low <= high"):
        allocate(some_curves(1, 2), np.array([1.0, 3.0]), np.array([2.0, 2.0]), 3.0)


def test_the_order_of_the_ad_sets_does_not_matter() -> None:
    curves, order = some_curves(2, 50), np.random.default_rng(3).permutation(50)
    low, high = box(50, 0.5, 1.5)
    straight = allocate(curves, low, high, 50.0)
    shuffled = allocate(Michaelis(curves.a[order], curves.k[order]), low, high, 50.0)
    assert shuffled.amounts == pytest.approx(straight.amounts[order], rel=1e-9)


def test_the_unit_of_money_does_not_matter() -> None:
    curves = some_curves(2, 50)
    low, high = box(50, 0.5, 1.5)
    dollars = allocate(curves, low, high, 50.0)
    cents = allocate(Michaelis(curves.a, curves.k * 100), low * 100, high * 100, 5000.0)
    assert cents.amounts == pytest.approx(dollars.amounts * 100, rel=1e-9)
    assert cents.multiplier == pytest.approx(
        dollars.multiplier / 100 if dollars.multiplier else None, rel=1e-9
    )


def test_scaling_every_curve_leaves_the_split() -> None:
    curves = some_curves(4, 30)
    low, high = box(30, 0.0, 3.0)
    plain = allocate(curves, low, high, 30.0)
    for factor in (1e-6, 7.0, 1e6):
        scaled = allocate(Michaelis(curves.a * factor, curves.k), low, high, 30.0)
        assert scaled.amounts == pytest.approx(plain.amounts, rel=1e-9)


def test_a_worthless_ad_set_without_a_floor_changes_nobody() -> None:
    curves = some_curves(5, 20)
    low, high = box(20, 0.0, 3.0)
    before = allocate(curves, low, high, 20.0)
    more = Michaelis(np.append(curves.a, 0.0), np.append(curves.k, 1.0))
    after = allocate(more, np.append(low, 0.0), np.append(high, 3.0), 20.0)
    assert after.amounts[:-1] == pytest.approx(before.amounts, rel=1e-9)
    assert after.amounts[-1] == 0


def test_more_room_or_more_money_never_lowers_the_optimum() -> None:
    curves = some_curves(6, 12)
    low, high = box(12, 0.2, 1.5)
    before = allocate(curves, low, high, 12.0)
    for index in range(12):
        wider = high.copy()
        wider[index] += 1
        assert allocate(curves, low, wider, 12.0).value >= before.value * (1 - 1e-9)
    values = [allocate(curves, low, high, float(total)).value for total in np.linspace(3, 17.9, 40)]
    assert all(later >= earlier for earlier, later in itertools.pairwise(values))


def test_a_price_buys_until_the_marginal_result_falls_to_it() -> None:
    curves = some_curves(8, 10)
    low, high = box(10, 0.0, 50.0)
    result = allocate_at_price(curves, low, high, price=0.01, cap=1000.0)
    inside = (result.amounts > low) & (result.amounts < high)
    assert result.status == "flexible"
    assert curves.slope(result.amounts)[inside] == pytest.approx(0.01)
    capped = allocate_at_price(curves, low, high, price=0.01, cap=20.0)
    assert capped.amounts.sum() == pytest.approx(20.0, rel=1e-12)
    assert capped.multiplier is not None
    assert capped.multiplier > 0.01
