"""The size of a difference: estimates of two rates with intervals.

Source: Newcombe, Interval Estimation for the Difference Between Independent Proportions (1998).
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

from campaign_automation.models.ab_values import (
    Interval,
)
from campaign_automation.optimizers.ab_tests.tables import Arm


@lru_cache(maxsize=64)
def z_two_sided(alpha: float) -> float:
    """Return the normal deviate that is exceeded either way with probability `alpha`."""
    return -NormalDist().inv_cdf(alpha / 2)


def wilson(arm: Arm, alpha: float) -> Interval:
    """Return a conversion rate with Wilson's score limits; None for an arm without visitors."""
    if not arm.visitors:
        return Interval(value=None, low=None, high=None)
    value, low, high = _score_limits(arm, alpha)
    return Interval(value=value, low=low, high=high)


def _score_limits(arm: Arm, alpha: float) -> tuple[float, float, float]:
    """Return rate, lower and upper limit of an arm with visitors."""
    n, x = arm
    z = z_two_sided(alpha)
    middle = x + z * z / 2
    reach = z * math.sqrt(x * (n - x) / n + z * z / 4)
    # At an edge the limit is the edge; the formula only comes near it.
    low = 0.0 if x == 0 else (middle - reach) / (n + z * z)
    high = 1.0 if x == n else (middle + reach) / (n + z * z)
    return x / n, low, high


def difference(first: Arm, second: Arm, alpha: float) -> Interval:
    """Return first - second with Newcombe's hybrid score limits; both arms have visitors."""
    (p1, l1, u1), (p2, l2, u2) = _score_limits(first, alpha), _score_limits(second, alpha)
    value = p1 - p2
    return Interval(
        value=value, low=value - math.hypot(p1 - l1, u2 - p2), high=value + math.hypot(u1 - p1, p2 - l2)
    )


def ratio(first: Arm, second: Arm, alpha: float) -> Interval:
    """Return first / second with limits on the log scale.

    Half a conversion is added to both where one has none: the logarithm of 0 has no limits.
    """
    added = not (first.conversions and second.conversions)
    (n1, x1), (n2, x2) = _with_half(first, added), _with_half(second, added)
    variance = max(1 / x1 - 1 / n1 + 1 / x2 - 1 / n2, 0.0)
    return _on_log_scale((x1 / n1) / (x2 / n2), variance, alpha, added)


def lift(first: Arm, second: Arm) -> float:
    """Return the rate of first over that of second, less 1."""
    added = not (first.conversions and second.conversions)
    (n1, x1), (n2, x2) = _with_half(first, added), _with_half(second, added)
    return (x1 / n1) / (x2 / n2) - 1


def odds_ratio(first: Arm, second: Arm, alpha: float) -> Interval:
    """Return odds of first over odds of second, Woolf's limits; half is added to all cells if one is 0."""
    cells = (*_cells(first), *_cells(second))
    added = not all(cells)
    a, b, c, d = (cell + added / 2 for cell in cells)
    return _on_log_scale((a / b) / (c / d), 1 / a + 1 / b + 1 / c + 1 / d, alpha, added)


def cohens_h(first: Arm, second: Arm) -> float:
    """Return the difference of the arcsine-transformed rates: 0.2 is small, 0.5 medium, 0.8 large."""
    return 2 * (math.asin(math.sqrt(first.rate)) - math.asin(math.sqrt(second.rate)))


def _cells(arm: Arm) -> tuple[int, int]:
    return arm.conversions, arm.visitors - arm.conversions


def _with_half(arm: Arm, added: bool) -> tuple[float, float]:
    return (arm.visitors + 1.0, arm.conversions + 0.5) if added else (arm.visitors, arm.conversions)


def _on_log_scale(value: float, variance: float, alpha: float, added: bool) -> Interval:
    reach = math.exp(z_two_sided(alpha) * math.sqrt(variance))
    return Interval(value=value, low=value / reach, high=value * reach, continuity_added=added)
