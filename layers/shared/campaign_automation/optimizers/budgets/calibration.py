"""Ranges of forecasts, and how far they are widened by those that missed. Pure, without numpy."""

from __future__ import annotations

import math
from statistics import NormalDist

from campaign_automation.models.budget_problem import Estimate

COVERAGE = 0.8
# As many forecasts that came out as promised stand for the 100 simulated months that the range is set by.
PRIOR = 20
_NORMAL = NormalDist()


def range_of(estimate: Estimate, days: int, widening: float = 1.0) -> tuple[float, float]:
    """Return the range that is to hold the mean of so many days in 80 of 100 cases.

    The curve is wrong by the same on every day; the days' own deviations average out.
    """
    deviation = math.hypot(estimate.model_sd, estimate.day_sd / math.sqrt(max(days, 1)))
    reach = widening * _quantile(COVERAGE) * deviation
    return max(estimate.mean - reach, 0.0), estimate.mean + reach


def widening_of(judged: int, held: int) -> float:
    """Return the factor for the next ranges, from the forecasts whose range without a factor held the truth.

    The share of those that hold has a Beta prior at 80 %, worth 20 forecasts:
    p = (held + 16) / (judged + 20). Normal errors that are c times as large as was thought fall into the
    range with p = 2 Phi(z / c) - 1, z being the normal quantile of an 80 % range; so
    c = z / Phi^-1((1 + p) / 2). One miss makes the next range 9 % wider, 5 misses of 10 make it 24 % wider.
    Luck never makes it narrower.
    """
    share = (held + COVERAGE * PRIOR) / (judged + PRIOR)
    return 1.0 if share >= COVERAGE else _quantile(COVERAGE) / _quantile(share)


def _quantile(coverage: float) -> float:
    """Return the half width, in standard deviations, of the central range with this coverage."""
    return _NORMAL.inv_cdf((1 + coverage) / 2)
