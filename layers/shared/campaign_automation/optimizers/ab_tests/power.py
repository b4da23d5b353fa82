"""Sample size of a test, and its power and detectable effect for a given size. Two-sided, equal arms.

Source: Fleiss, Levin and Paik, Statistical Methods for Rates and Proportions (2003), chapter 4.
"""

from __future__ import annotations

import math
from statistics import NormalDist

from campaign_automation.optimizers.ab_tests.effects import z_two_sided

_NORMAL = NormalDist()


def visitors_needed(p1: float, p2: float, alpha: float, power: float) -> float:
    """Return the visitors per arm (not rounded up) that tell p1 and p2 apart with probability `power`."""
    pooled, separate = _deviations(p1, p2)
    return ((z_two_sided(alpha) * pooled + _NORMAL.inv_cdf(power) * separate) / (p1 - p2)) ** 2


def power_of(visitors: float, p1: float, p2: float, alpha: float) -> float:
    """Return the probability that a test with `visitors` per arm tells rates p1 and p2 apart."""
    pooled, separate = _deviations(p1, p2)
    return _NORMAL.cdf((math.sqrt(visitors) * abs(p1 - p2) - z_two_sided(alpha) * pooled) / separate)


def detectable_effect(visitors: float, p1: float, alpha: float, power: float) -> float | None:
    """Return the least relative lift over p1 that `visitors` per arm can show; None if no rate is enough."""
    low, high = p1, 1.0
    if visitors <= 0 or power_of(visitors, p1, math.nextafter(1.0, 0.0), alpha) < power:
        return None
    for _ in range(60):
        middle = (low + high) / 2
        if power_of(visitors, p1, middle, alpha) < power:
            low = middle
        else:
            high = middle
    return high / p1 - 1


def _deviations(p1: float, p2: float) -> tuple[float, float]:
    """Return the root of twice a visitor's variance: with one rate for both arms, and with their own."""
    mean = (p1 + p2) / 2
    return math.sqrt(2 * mean * (1 - mean)), math.sqrt(p1 * (1 - p1) + p2 * (1 - p2))
