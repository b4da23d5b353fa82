"""Evidence by day against its definition, its intervals, and the bounds of planned tests."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign_automation.optimizers.ab_tests.dispersion import (
    UNDISPERSED,
    Dispersion,
    dispersion,
    robust_p,
)
from campaign_automation.optimizers.ab_tests.group_sequential import MAX_BOUND, bounds, spent
from campaign_automation.optimizers.ab_tests.sequential import (
    DayPairs,
    anytime_p,
    day_pairs,
    log_e_by_day,
    ratio_limits,
)


def simulated(
    seed: int, days: int = 20, visitors: int = 1000, rates: tuple[float, float] = (0.05, 0.05)
) -> DayPairs:
    rng = np.random.default_rng(seed)
    counts = rng.integers(visitors // 2, 2 * visitors, size=(days, 2))
    return day_pairs(counts.astype(float), rng.binomial(counts, rates).astype(float))


def reference_log_e(visitors: list[list[int]], conversions: list[list[int]]) -> float:
    """The evidence after the last day, term by term as it is written."""
    nodes = [sign * 0.02 * 50 ** (k / 39) for k in range(40) for sign in (-1, 1)]
    logs = []
    for delta in nodes:
        log = 0.0
        for (n_a, n_b), (x_a, x_b) in zip(visitors, conversions, strict=True):
            rest = math.log(n_a + n_b) - math.log(n_a + n_b * math.exp(delta))
            log += x_b * (delta + rest) + x_a * rest
        logs.append(log)
    return math.log(math.fsum(math.exp(log) for log in logs) / len(logs))


@given(seed=st.integers(0, 10**6))
def test_evidence_agrees_with_its_definition(seed: int) -> None:
    rng = np.random.default_rng(seed)
    visitors = rng.integers(100, 10_000, size=(10, 2))
    conversions = rng.binomial(visitors, 0.01)
    found = log_e_by_day(day_pairs(visitors.astype(float), conversions.astype(float)))
    assert found[-1] == pytest.approx(
        reference_log_e(visitors.tolist(), conversions.tolist()), rel=1e-9, abs=1e-10
    )


@given(seed=st.integers(0, 10**6))
def test_swapping_the_arms_keeps_the_evidence_and_inverts_the_ratio(seed: int) -> None:
    rng = np.random.default_rng(seed)
    visitors = rng.integers(500, 2000, size=(8, 2)).astype(float)
    conversions = rng.binomial(visitors.astype(int), 0.05).astype(float)
    there, back = day_pairs(visitors, conversions), day_pairs(visitors[:, ::-1], conversions[:, ::-1])
    assert log_e_by_day(there) == pytest.approx(log_e_by_day(back), rel=1e-9, abs=1e-9)
    assert there.z == pytest.approx(-back.z, abs=1e-9)
    assert dispersion(there) == pytest.approx(dispersion(back))
    (low, high), (other_low, other_high) = ratio_limits(there, 0.05), ratio_limits(back, 0.05)
    assert low
    assert high
    assert (other_low, other_high) == pytest.approx((1 / high, 1 / low), rel=1e-6)


def test_the_mean_of_the_evidence_is_at_most_one() -> None:
    values = [math.exp(log_e_by_day(simulated(seed))[-1]) for seed in range(4000)]
    assert np.mean(values) <= 1 + 2 * np.std(values) / math.sqrt(len(values))


def test_p_at_any_time_never_rises_and_needs_a_day() -> None:
    log_e = log_e_by_day(simulated(1, days=40, rates=(0.05, 0.06)))
    falling = [anytime_p(log_e[:day]) for day in range(41)]
    assert falling[0] == 1.0
    assert falling == sorted(falling, reverse=True)
    assert falling[-1] == math.exp(-log_e.max())


def test_the_robust_p_waits_a_week_and_forgets_yesterday() -> None:
    log_e = np.array([3.0, 9.0, 2.0, 2.0, 2.0, 2.0, 4.0])
    assert robust_p(log_e[:6], UNDISPERSED) == 1.0
    assert robust_p(log_e, UNDISPERSED) == pytest.approx(math.exp(-4))
    assert robust_p(log_e, UNDISPERSED._replace(by_day=2.0)) == pytest.approx(math.exp(-2))


def test_days_without_a_table_are_left_out() -> None:
    visitors = np.array([[100.0, 0.0], [100.0, 100.0], [50.0, 3.0]])
    conversions = np.array([[5.0, 0.0], [5.0, 7.0], [1.0, 4.0]])
    assert day_pairs(visitors, conversions).days == 1


def test_dispersion_sees_arms_that_move_apart_by_day() -> None:
    rng = np.random.default_rng(8)
    rates = 0.05 * np.exp(rng.normal(0, 0.4, size=(30, 2)))
    moving = day_pairs(np.full((30, 2), 2000.0), rng.binomial(2000, rates).astype(float))
    assert dispersion(moving).measured > 3
    assert dispersion(simulated(8, days=30)).measured < 2
    assert dispersion(day_pairs(np.zeros((0, 2)), np.zeros((0, 2)))).guarded == 1.0


def test_three_pseudo_days_shrink_the_dispersion() -> None:
    pairs = day_pairs(np.full((3, 2), 1000.0), np.array([[50.0, 50.0], [30.0, 70.0], [70.0, 30.0]]))
    squares = float(((pairs.second - pairs.share * pairs.converted) ** 2 / pairs.variance).sum())
    assert dispersion(pairs).by_day == pytest.approx((3 + squares) / (3 + 3))


def test_noise_that_stays_for_days_is_seen_in_blocks_and_assumed_where_there_are_too_few() -> None:
    excess = np.repeat([12.0, -12.0, 12.0, -12.0], 5)
    pairs = day_pairs(np.full((20, 2), 2000.0), np.stack([50 - excess, 50 + excess], axis=1))
    whole = dispersion(pairs)
    assert (whole.by_block or 0) > 3 * whole.by_day
    assert whole.guarded == whole.measured
    fewer = dispersion(DayPairs(*(column[:19] for column in pairs)))
    assert fewer.by_block is None
    assert fewer.guarded > fewer.measured


def test_a_difference_is_no_dispersion_of_the_blocks() -> None:
    better = day_pairs(np.full((20, 2), 2000.0), np.tile([40.0, 60.0], (20, 1)))
    assert dispersion(better).by_block == 1.0


def test_few_days_make_a_deviate_smaller_by_what_student_says() -> None:
    def worth(days: int) -> float:
        return Dispersion(days, 1.0, 0, None, 1.0).deviate(-2.0)

    assert worth(100_000) == pytest.approx(-2.0, abs=1e-3)
    assert -2.0 < worth(30) < worth(14) < worth(7) < 0


def test_the_ratio_is_covered_on_every_day_of_95_in_100_tests() -> None:
    truth, missed = 1.2, 0
    for seed in range(150):
        pairs = simulated(seed, days=8, rates=(0.05, 0.05 * truth))
        low, high = ratio_limits(pairs, 0.05)
        missed += not (low or 0) <= truth <= (high or math.inf)
    assert missed / 150 <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 150)


def test_the_limits_meet_the_threshold_and_agree_with_p() -> None:
    pairs = simulated(4, rates=(0.05, 0.065))
    low, high = ratio_limits(pairs, 0.05)
    assert low
    assert high
    assert low < (pairs.ratio or 0) < high
    assert (anytime_p(log_e_by_day(pairs)) <= 0.05) == (low > 1 or high < 1)


@pytest.mark.parametrize(
    ("conversions", "open_low", "open_high"),
    [((0.0, 60.0), False, True), ((60.0, 0.0), True, False), ((0.0, 0.0), True, True)],
)
def test_the_limits_stay_open_where_an_arm_has_no_conversion(
    conversions: tuple[float, float], open_low: bool, open_high: bool
) -> None:
    low, high = ratio_limits(day_pairs(np.full((3, 2), 1000.0), np.array([conversions] * 3)), 0.05)
    assert (low is None, high is None) == (open_low, open_high)


def test_evidence_of_a_thousand_million_visitors_does_not_overflow() -> None:
    visitors, conversions = np.full((30, 2), 1e9), np.tile([1e7, 1.3e7], (30, 1))
    pairs = day_pairs(visitors, conversions)
    assert anytime_p(log_e_by_day(pairs)) == 1e-300
    low, high = ratio_limits(pairs, 0.05)
    assert low
    assert high
    # No bet is smaller than 2 %, so the limits stay about 1 % away however much is known.
    assert 1.28 < low < 1.3 < high < 1.32


def test_five_equal_looks_have_the_bounds_of_lan_and_demets() -> None:
    assert bounds([0.2, 0.4, 0.6, 0.8, 1.0], 0.05) == pytest.approx(
        [4.877, 3.357, 2.680, 2.290, 2.031], abs=5e-4
    )


def test_a_single_look_at_the_end_is_the_fixed_test() -> None:
    assert bounds([1.0], 0.05) == pytest.approx([1.959964], abs=1e-6)
    assert spent(1.0, 0.05) == pytest.approx(0.05)
    assert spent(0.0, 0.05) == 0.0


def test_a_bound_rests_on_earlier_looks_only() -> None:
    assert bounds([0.3, 0.55], 0.05) == bounds([0.3, 0.55, 0.8, 1.0], 0.05)[:2]


def test_looks_without_news_keep_the_bound_and_very_early_ones_cannot_stop() -> None:
    found = bounds([0.0, 0.01, 0.5, 0.5, 0.5004, 1.0], 0.05)
    assert found[:2] == [MAX_BOUND, MAX_BOUND]
    assert found[2] == found[3] == found[4]
    assert found[5] < found[2]


def test_bounds_spend_alpha_exactly() -> None:
    looks = [0.1, 0.25, 0.4, 0.7, 0.9, 1.0]
    rng = np.random.default_rng(2)
    steps = np.diff(looks, prepend=0.0)
    paths = np.cumsum(rng.normal(size=(200_000, 6)) * np.sqrt(steps), axis=1) / np.sqrt(looks)
    crossed = (np.abs(paths) >= bounds(looks, 0.05)).any(axis=1).mean()
    assert crossed == pytest.approx(0.05, abs=3 * math.sqrt(0.05 * 0.95 / 200_000))
