"""Against scipy, at the edges, and at sizes where careless sums overflow."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
import scipy  # its parts load where they are used, in one process of a run
from hypothesis import given
from hypothesis import strategies as st

from campaign_automation.optimizers.ab_tests import effects
from campaign_automation.optimizers.ab_tests.tables import (
    P_FLOOR,
    Arm,
    chi_square,
    cmh,
    compare,
    fisher,
    holm,
    smallest_expected,
    split_drift_p,
    split_log_e,
    split_p,
)


@st.composite
def arms(draw: st.DrawFn, most: int = 10**6) -> Arm:
    visitors = draw(st.integers(1, most))
    return Arm(visitors, draw(st.integers(0, visitors)))


def cells(*rows: Arm) -> list[list[int]]:
    return [[arm.conversions, arm.visitors - arm.conversions] for arm in rows]


@given(rows=st.lists(arms(), min_size=2, max_size=10))
def test_chi_square_agrees_with_scipy(rows: list[Arm]) -> None:
    found = chi_square(rows)
    if not 0 < sum(arm.conversions for arm in rows) < sum(arm.visitors for arm in rows):
        assert (found.statistic, found.p_value) == (0.0, 1.0)
        return
    expected = scipy.stats.chi2_contingency(cells(*rows), correction=False)
    assert found.statistic == pytest.approx(expected.statistic, rel=1e-9, abs=1e-9)
    assert found.df == expected.dof
    assert found.p_value == pytest.approx(
        max(scipy.stats.chi2.sf(found.statistic, found.df), P_FLOOR), rel=1e-9
    )


@given(first=arms(300), second=arms(300))
def test_fisher_agrees_with_scipy(first: Arm, second: Arm) -> None:
    assert fisher(first, second).p_value == pytest.approx(
        scipy.stats.fisher_exact(cells(first, second)).pvalue, rel=1e-7
    )


@pytest.mark.parametrize(
    ("first", "second"),
    [(Arm(10**9, 9), Arm(10**9, 0)), (Arm(10**8, 3), Arm(10**3, 1)), (Arm(50_000, 2), Arm(90_000, 7))],
)
def test_fisher_is_exact_on_large_lopsided_tables(first: Arm, second: Arm) -> None:
    assert fisher(first, second).p_value == pytest.approx(exact_fisher(first, second), rel=1e-9)


def exact_fisher(first: Arm, second: Arm) -> float:
    """In rational numbers: scipy's own error exceeds 1e-7 at this size."""
    converted = first.conversions + second.conversions
    ways = [
        math.comb(first.visitors, x) * math.comb(second.visitors, converted - x) for x in range(converted + 1)
    ]
    return float(Fraction(sum(w for w in ways if w <= ways[first.conversions]), sum(ways)))


def test_small_tables_go_to_fisher_and_many_armed_ones_do_not() -> None:
    small = [Arm(100, 3), Arm(100, 6)]
    assert smallest_expected(small) == 4.5
    assert compare(small).method == "fisher"
    assert compare([Arm(100, 4), Arm(100, 6)]).method == "chi_square"
    assert compare([*small, Arm(100, 1)]).method == "chi_square"


def reference_cmh(visitors: np.ndarray, conversions: np.ndarray) -> float:
    """Day by day, in the words of Mantel and Haenszel."""
    excess = variance = 0.0
    for (n_a, n_b), (x_a, x_b) in zip(visitors.tolist(), conversions.tolist(), strict=True):
        n, x = n_a + n_b, x_a + x_b
        excess += x_b - n_b * x / n
        variance += n_a * n_b * x * (n - x) / (n * n * (n - 1))
    return excess**2 / variance


@given(seed=st.integers(0, 10**6), days=st.integers(1, 40))
def test_cmh_agrees_with_its_definition(seed: int, days: int) -> None:
    rng = np.random.default_rng(seed)
    visitors = rng.integers(50, 100_000, size=(days, 2)).astype(float)
    conversions = rng.binomial(visitors.astype(int), 0.1).astype(float)
    found = cmh(visitors, conversions)
    assert found.test.statistic == pytest.approx(reference_cmh(visitors, conversions), rel=1e-9, abs=1e-12)
    assert found.test.p_value == pytest.approx(scipy.stats.chi2.sf(found.test.statistic, 1), rel=1e-9)
    assert found.excess.sum() == pytest.approx(0.0, abs=1e-6)


def test_cmh_of_many_arms_does_not_depend_on_their_order() -> None:
    rng = np.random.default_rng(3)
    visitors = rng.integers(1000, 9000, size=(14, 4)).astype(float)
    conversions = rng.binomial(visitors.astype(int), 0.02).astype(float)
    turned = cmh(visitors[:, [2, 0, 3, 1]], conversions[:, [2, 0, 3, 1]]).test
    assert turned.statistic == pytest.approx(cmh(visitors, conversions).test.statistic, rel=1e-9)
    assert turned.df == 3


def test_one_day_of_cmh_is_chi_square_up_to_the_finite_sample() -> None:
    rows = [Arm(5000, 60), Arm(5000, 90)]
    found = cmh(np.array([[5000.0, 5000.0]]), np.array([[60.0, 90.0]])).test
    pooled = chi_square(rows).statistic
    assert pooled is not None
    assert found.statistic == pytest.approx(pooled * 9999 / 10000, rel=1e-12)


@pytest.mark.parametrize(
    "conversions", [(0, 0), (10**9, 10**9), (0, 10**9), (10**7, 10**7 + 1), (5 * 10**8, 1)]
)
def test_a_thousand_million_visitors_neither_overflow_nor_warn(conversions: tuple[int, int]) -> None:
    first, second = (Arm(10**9, count) for count in conversions)
    assert P_FLOOR <= compare([first, second]).p_value <= 1
    for interval in (
        effects.difference(first, second, 0.05),
        effects.ratio(first, second, 0.05),
        effects.odds_ratio(first, second, 0.05),
    ):
        assert interval.value is not None
        assert interval.low is not None
        assert interval.high is not None
        assert interval.low <= interval.value <= interval.high
        assert math.isfinite(interval.high)


def test_a_p_value_is_never_zero() -> None:
    assert chi_square([Arm(10**9, 0), Arm(10**9, 10**9)]).p_value == P_FLOOR
    assert chi_square([Arm(10**6, 0), Arm(10**6, 10**6), Arm(9, 1)]).p_value == P_FLOOR
    assert fisher(Arm(10**4, 10**4), Arm(10**4, 0)).p_value == P_FLOOR
    assert split_p([10**9, 1], [0.5, 0.5]) == P_FLOOR


@given(first=arms(10**9), second=arms(10**9))
def test_swapping_the_arms_flips_signs_only(first: Arm, second: Arm) -> None:
    assert chi_square([first, second]) == chi_square([second, first])
    there, back = effects.difference(first, second, 0.05), effects.difference(second, first, 0.05)
    assert (there.value, there.low, there.high) == pytest.approx(
        (-back.value, -back.high, -back.low), abs=1e-15
    )
    for effect in (effects.ratio, effects.odds_ratio):
        there, back = effect(first, second, 0.05), effect(second, first, 0.05)
        assert (1 / there.value, 1 / there.high, 1 / there.low) == pytest.approx(
            (back.value, back.low, back.high), rel=1e-12
        )
    assert effects.cohens_h(first, second) == -effects.cohens_h(second, first)


@given(first=arms(200), second=arms(200))
def test_fisher_does_not_mind_which_arm_is_first(first: Arm, second: Arm) -> None:
    assert fisher(first, second).p_value == pytest.approx(fisher(second, first).p_value, rel=1e-9)


@given(arm=arms(10**9), alpha=st.sampled_from([0.01, 0.05, 0.2]))
def test_wilson_agrees_with_scipy(arm: Arm, alpha: float) -> None:
    expected = scipy.stats.binomtest(arm.conversions, arm.visitors).proportion_ci(1 - alpha, method="wilson")
    found = effects.wilson(arm, alpha)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("rows", [(Arm(500, 20), Arm(400, 33)), (Arm(10**6, 900), Arm(10**6, 1000))])
def test_ratios_agree_with_scipy(rows: tuple[Arm, Arm]) -> None:
    first, second = rows
    risk = scipy.stats.contingency.relative_risk(
        first.conversions, first.visitors, second.conversions, second.visitors
    )
    limits, found = risk.confidence_interval(0.95), effects.ratio(first, second, 0.05)
    assert (found.value, found.low, found.high) == pytest.approx((risk.relative_risk, *limits), rel=1e-9)
    sample = scipy.stats.contingency.odds_ratio(cells(first, second), kind="sample")
    limits, found = sample.confidence_interval(0.95), effects.odds_ratio(first, second, 0.05)
    assert (found.value, found.low, found.high) == pytest.approx((sample.statistic, *limits), rel=1e-9)


def test_an_empty_cell_is_filled_by_half_and_said_so() -> None:
    found = effects.ratio(Arm(100, 0), Arm(100, 10), 0.05)
    assert found.continuity_added
    assert found.value == pytest.approx(0.5 / 10.5)
    assert not effects.ratio(Arm(100, 100), Arm(100, 10), 0.05).continuity_added
    assert effects.odds_ratio(Arm(100, 100), Arm(100, 10), 0.05).continuity_added


@given(st.lists(st.floats(0, 1), min_size=1, max_size=9))
def test_holm_agrees_with_its_definition(p_values: list[float]) -> None:
    found = holm(p_values)
    order = sorted(p_values)
    for p, adjusted in zip(p_values, found, strict=True):
        steps = [(len(order) - i) * q for i, q in enumerate(order) if q <= p]
        assert adjusted == pytest.approx(min(max(steps), 1.0))
        assert adjusted >= p


def test_holm_keeps_false_positives_at_alpha() -> None:
    rng = np.random.default_rng(11)
    false = sum(min(holm(row)) < 0.05 for row in rng.random((4000, 5)).tolist())
    assert false / 4000 <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 4000)


def test_split_agrees_with_scipy() -> None:
    observed, split = [50_500, 29_900, 19_600], [0.5, 0.3, 0.2]
    expected = scipy.stats.chisquare(observed, [100_000 * share for share in split]).pvalue
    assert split_p(observed, split) == pytest.approx(expected, rel=1e-9)


def test_split_under_daily_looks_blocks_one_in_a_thousand_and_sees_a_real_mismatch() -> None:
    rng = np.random.default_rng(5)
    first = rng.binomial(1000, 0.5, size=(1000, 30))
    honest = np.stack([first, 1000 - first], axis=2).astype(float)
    blocked = sum(split_log_e(days, [0.5, 0.5]) >= math.log(1000) for days in honest)
    assert blocked <= 4
    assert split_log_e(np.tile([530.0, 470.0], (30, 1)), [0.5, 0.5]) > math.log(1000)


def test_drift_of_the_split_agrees_with_scipy() -> None:
    visitors = np.array([[100.0, 120.0], [130.0, 90.0], [0.0, 0.0], [110.0, 105.0]])
    expected = scipy.stats.chi2_contingency(visitors[[0, 1, 3]], correction=False).pvalue
    assert split_drift_p(visitors) == pytest.approx(expected, rel=1e-9)
    assert split_drift_p(visitors[:1]) == 1.0
