"""Bounds of the true rate behind a few events: how far it may lie from the observed one. No decisions.

Every bound is `factor / exposure`, and the factor depends on the number of events alone; so one small table
of factors serves all objects.
"""

from __future__ import annotations

import math
from functools import lru_cache

from campaign_automation.optimizers.special_functions import beta_quantile, gamma_quantile

# Of the true rate to the one under test; science.md section 3. Mirrored for the other side.
_RATIOS = (2 / 3, 1 / 2, 1 / 3, 1 / 5, 1 / 10, 1 / 50)


def rate_bounds(events: float, exposure: float, certainty: float, prior: float = 0.0) -> tuple[float, float]:
    """Return the lower and upper bound of events per exposure, each right with probability `certainty` once.

    The bounds hold at one interim analysis, not at several together.

    With a `prior` exposure worth one event (the target CPA, for conversions per money) the quantiles of the
    posterior Gamma(events + 1, exposure + prior); without one the exact interval of a Poisson count.
    """
    low = gamma_factor(events + 1 if prior else events, 1 - certainty)
    total = exposure + prior
    return low / total, gamma_factor(events + 1, certainty) / total


def share_bounds(successes: float, trials: float, certainty: float) -> tuple[float, float]:
    """Return the bounds of a share of trials (0 to 1): the exact interval of Clopper and Pearson."""
    misses = trials - successes
    low = beta_quantile(successes, misses + 1, 1 - certainty) if successes > 0 else 0.0
    return low, beta_quantile(successes + 1, misses, certainty) if misses > 0 else 1.0


def anytime_bounds(events: float, exposure: float, certainty: float) -> tuple[float, float]:
    """Return bounds of events per exposure that hold at all interim analyses together, one a day or more.

    A rate is excluded once the mixture of likelihood ratios against it reaches 1 / (1 - certainty). With
    Poisson counts the true rate is ever excluded with probability at most 1 - certainty per side. For shares
    of trials the bounds are a little wider than need be.
    Source: Howard, Ramdas, McAuliffe, Sekhon, Time-uniform, Nonparametric, Nonasymptotic Confidence
    Sequences (2021); science.md section 3.
    """
    return anytime_factor(events, certainty, -1) / exposure, anytime_factor(events, certainty, 1) / exposure


@lru_cache(maxsize=65_536)
def gamma_factor(shape: float, probability: float) -> float:
    return gamma_quantile(shape, probability) if shape > 0 else 0.0


@lru_cache(maxsize=65_536)
def anytime_factor(events: float, certainty: float, side: int) -> float:
    """Return the expected count above (side 1) or below `events` that these just suffice to exclude."""
    goal = -math.log1p(-certainty)
    if side < 0 and events == 0:
        return 0.0  # no event is never evidence that the rate is above anything but 0
    near, far = events, 0.0 if side < 0 else events + 8.0
    while side > 0 and log_evidence(events, far, side) < goal:
        far *= 2
    for _ in range(100):  # enough to halve any interval down to the precision of a float
        middle = (near + far) / 2
        near, far = (middle, far) if log_evidence(events, middle, side) < goal else (near, middle)
    return (near + far) / 2


def log_evidence(events: float, expected: float, side: int) -> float:
    """Return the log of the mixture of likelihood ratios: true mean below (side 1) or above `expected`."""
    ratios = _RATIOS if side > 0 else [1 / ratio for ratio in _RATIOS]
    logs = [events * math.log(ratio) + expected * (1 - ratio) for ratio in ratios]
    top = max(logs)  # taken out, so that exp() cannot overflow
    return top + math.log(math.fsum(math.exp(value - top) for value in logs) / len(logs))
