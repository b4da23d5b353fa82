"""Probability of each arm to be the best, and the expected loss of choosing it, under flat priors.

Gauss-Legendre quadrature on pieces cut where the posteriors bend, so that the error is far below 1e-7.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from campaign_automation.optimizers.ab_tests.tables import Arm, Floats
from campaign_automation.optimizers.special_functions import beta_density

_NODES = 64
_QUANTILES = (1e-9, 1e-4, 0.02, 0.16, 0.5, 0.84, 0.98, 1 - 1e-4, 1 - 1e-9)


class Posterior(NamedTuple):
    """One entry per arm: probability of the highest rate, and expected rate given up by choosing the arm."""

    p_best: list[float]
    expected_loss: list[float]


def best_arm(arms: Sequence[Arm]) -> Posterior:
    """Return the posterior under Beta(1, 1) priors. `p_best` sums to 1 up to the error of the quadrature."""
    from scipy.special import betainc, betaincc, betaincinv

    a = np.array([arm.conversions + 1.0 for arm in arms])
    b = np.array([arm.visitors - arm.conversions + 1.0 for arm in arms])
    # Rates near 1 have no digits left to tell them apart; the rates of not converting have.
    mirrored = bool((a / (a + b)).max() > 0.5)
    if mirrored:
        a, b = b, a
    best, beaten = (np.min, betaincc) if mirrored else (np.max, betainc)
    cuts = betaincinv(a[:, None], b[:, None], np.array(_QUANTILES))
    # Beyond the best of the arms' outer cuts no rate is the best one.
    low, high = float(best(cuts[:, 0])), float(best(cuts[:, -1]))
    x, weights = _quadrature(np.unique(np.clip(cuts, low, high)))
    others = beaten(a[:, None], b[:, None], x)
    p_best = [float(weights @ (_density(a[i], b[i], x) * _without(others, i))) for i in range(len(arms))]
    between = float(weights @ others.prod(axis=0))
    mean = a / (a + b)
    loss = mean - (low + between) if mirrored else high - between - mean
    return Posterior(p_best, np.maximum(loss, 0.0).tolist())


def _without(factors: Floats, index: int) -> Floats:
    """Return the product over all rows but one."""
    product: Floats = np.delete(factors, index, axis=0).prod(axis=0)
    return product


def _density(a: float, b: float, x: Floats) -> Floats:
    """Return the density of a Beta(a, b)."""
    # Relative to the density at the mean, so that large terms cancel before they are rounded.
    mean = a / (a + b)
    log_ratio = (a - 1) * _log_ratio(x, mean, x - mean) + (b - 1) * _log_ratio(1 - x, 1 - mean, mean - x)
    density: Floats = beta_density(a, b, mean) * np.exp(log_ratio)
    return density


def _log_ratio(value: Floats, base: float, excess: Floats) -> Floats:
    """Return log(value / base), where excess = value - base; each as exact as it is known."""
    near = np.log1p(np.clip(excess / base, -0.5, 0.5))
    return np.where(np.abs(excess) < base / 2, near, np.log(value / base))


def _quadrature(cuts: Floats) -> tuple[Floats, Floats]:
    """Return nodes and weights over all pieces between neighbouring cuts."""
    nodes, weights = _legendre()
    half = np.diff(cuts)[:, None] / 2
    middle = (cuts[:-1] + cuts[1:])[:, None] / 2
    return (middle + half * nodes).ravel(), (half * weights).ravel()


@lru_cache(maxsize=1)
def _legendre() -> tuple[Floats, Floats]:
    return np.polynomial.legendre.leggauss(_NODES)
