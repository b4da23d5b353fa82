"""Ranges of forecasts, and their widening by those that missed."""

from __future__ import annotations

from statistics import NormalDist

import pytest

from campaign_automation.models.budget_problem import Estimate
from campaign_automation.optimizers.budgets.calibration import range_of, widening_of


@pytest.mark.parametrize(("judged", "held"), [(0, 0), (1, 1), (5, 4), (50, 40), (30, 30)])
def test_forecasts_that_hold_as_promised_change_nothing(judged: int, held: int) -> None:
    assert widening_of(judged, held) == 1.0


def test_few_misses_change_little_and_many_much() -> None:
    assert widening_of(1, 0) == pytest.approx(1.086, abs=1e-3)
    assert widening_of(10, 5) == pytest.approx(1.237, abs=1e-3)
    factors = [widening_of(20, held) for held in range(20, -1, -1)]
    assert factors == sorted(factors)
    assert factors[-1] > 2


@pytest.mark.parametrize("size", [1.0, 1.5, 3.0])
def test_the_factor_becomes_that_by_which_the_errors_are_too_large(size: float) -> None:
    normal = NormalDist()
    share = 2 * normal.cdf(normal.inv_cdf(0.9) / size) - 1
    judged = 100_000
    assert widening_of(judged, round(share * judged)) == pytest.approx(size, rel=1e-2)


def test_days_average_out_and_a_wrong_curve_does_not() -> None:
    low, high = range_of(Estimate(mean=100, model_sd=3, day_sd=4), 1)
    assert (low, high) == pytest.approx((100 - 1.2816 * 5, 100 + 1.2816 * 5), abs=1e-3)
    assert range_of(Estimate(mean=100, model_sd=3, day_sd=4), 10**9)[1] == pytest.approx(103.845, abs=1e-3)
    assert range_of(Estimate(mean=100, model_sd=3, day_sd=4), 1, 2.0)[1] == pytest.approx(112.816, abs=1e-3)
    assert range_of(Estimate(mean=1, model_sd=3, day_sd=4), 1)[0] == 0
