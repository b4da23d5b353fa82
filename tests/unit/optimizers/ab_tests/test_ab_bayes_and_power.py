"""Posteriors against exact sums and another quadrature; sample sizes against their own inverse."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy  # its parts load where they are used, in one process of a run
from hypothesis import given
from hypothesis import strategies as st

from campaign_automation.optimizers.ab_tests.bayes import best_arm
from campaign_automation.optimizers.ab_tests.power import detectable_effect, power_of, visitors_needed
from campaign_automation.optimizers.ab_tests.tables import Arm


@st.composite
def arms(draw: st.DrawFn) -> Arm:
    visitors = draw(st.integers(0, 10 ** draw(st.integers(0, 9))))
    return Arm(visitors, draw(st.integers(0, visitors)))


def exact_p_second_best(first: Arm, second: Arm) -> float:
    """P(second > first) as the finite sum of Evan Miller's Formulas for Bayesian A/B Testing."""
    a, b = first.conversions + 1, first.visitors - first.conversions + 1
    c, d = second.conversions + 1, second.visitors - second.conversions + 1
    log_beta = lambda p, q: math.lgamma(p) + math.lgamma(q) - math.lgamma(p + q)  # noqa: E731
    return math.fsum(
        math.exp(log_beta(a + i, b + d) - math.log(d + i) - log_beta(1 + i, d) - log_beta(a, b))
        for i in range(c)
    )


@given(rows=st.lists(arms(), min_size=2, max_size=5))
def test_p_best_sums_to_one_and_losses_fit(rows: list[Arm]) -> None:
    found = best_arm(rows)
    assert sum(found.p_best) == pytest.approx(1.0, abs=3e-7)
    assert all(0 <= p <= 1 + 1e-9 for p in found.p_best)
    means = [(arm.conversions + 1) / (arm.visitors + 2) for arm in rows]
    gaps = [loss + mean for loss, mean in zip(found.expected_loss, means, strict=True)]
    assert gaps == pytest.approx([gaps[0]] * len(gaps), abs=2e-7)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Arm(100, 10), Arm(100, 14)),
        (Arm(5000, 50), Arm(4000, 61)),
        (Arm(0, 0), Arm(30, 3)),
        (Arm(900, 2), Arm(30, 0)),
    ],
)
def test_p_best_is_the_exact_sum(first: Arm, second: Arm) -> None:
    assert best_arm([first, second]).p_best[1] == pytest.approx(exact_p_second_best(first, second), abs=1e-7)


@pytest.mark.parametrize("gap", [0, 3000, 10_000])
def test_p_best_of_a_thousand_million_visitors_is_the_normal_one(gap: int) -> None:
    first, second = Arm(10**9, 10**7), Arm(10**9, 10**7 + gap)
    deviation = math.sqrt(first.rate * (1 - first.rate) / 10**9 + second.rate * (1 - second.rate) / 10**9)
    normal = scipy.stats.norm.cdf((second.rate - first.rate) / deviation)
    assert best_arm([first, second]).p_best[1] == pytest.approx(normal, abs=1e-6)


def test_three_arms_agree_with_adaptive_quadrature() -> None:
    rows = [Arm(1000, 100), Arm(1200, 131), Arm(900, 101)]
    posteriors = [scipy.stats.beta(arm.conversions + 1, arm.visitors - arm.conversions + 1) for arm in rows]
    found = best_arm(rows)
    for index, own in enumerate(posteriors):
        others = [other for other in posteriors if other is not own]
        expected, _ = scipy.integrate.quad(
            lambda x, own=own, others=others: own.pdf(x) * np.prod([other.cdf(x) for other in others]),
            0.05, 0.2, points=[0.1, 0.11], epsabs=1e-12,
        )  # fmt: skip
        assert found.p_best[index] == pytest.approx(expected, abs=1e-7)
    below, _ = scipy.integrate.quad(
        lambda x: np.prod([own.cdf(x) for own in posteriors]), 0, 1, points=[0.1, 0.11, 0.13], epsabs=1e-12
    )
    assert found.expected_loss == pytest.approx([1 - below - own.mean() for own in posteriors], abs=1e-7)


@given(p1=st.floats(0.001, 0.4), lift=st.floats(0.05, 1.0), power=st.floats(0.5, 0.95))
def test_power_inverts_the_sample_size(p1: float, lift: float, power: float) -> None:
    p2 = p1 * (1 + lift)
    visitors = visitors_needed(p1, p2, 0.05, power)
    assert power_of(visitors, p1, p2, 0.05) == pytest.approx(power, abs=1e-9)
    assert detectable_effect(visitors, p1, 0.05, power) == pytest.approx(lift, rel=1e-6)


def test_nothing_is_detectable_without_visitors() -> None:
    assert detectable_effect(0, 0.1, 0.05, 0.8) is None
    assert detectable_effect(2, 0.5, 0.05, 0.8) is None


def test_rates_near_one_are_told_apart_like_rates_near_zero() -> None:
    # 1 - rate: the same question seen from the other side, where the lower rate is the better one.
    near_one = best_arm([Arm(10**9, 10**9 - 30), Arm(10**9, 10**9 - 20)]).p_best
    near_zero = best_arm([Arm(10**9, 30), Arm(10**9, 20)]).p_best
    assert near_one == pytest.approx(near_zero[::-1], abs=1e-7)
    assert sum(best_arm([Arm(0, 0), Arm(462_999_210, 462_999_210)]).p_best) == pytest.approx(1.0, abs=3e-7)
