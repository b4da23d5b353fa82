"""Which arm is probably best, and what choosing another would cost: a description under flat priors.

Gauss-Legendre quadrature on pieces cut where the posteriors bend, so that the error is far below 1e-7.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from campaign_automation.optimizers.ab_tables import Arm, Floats
from campaign_automation.optimizers.special_functions import beta_density

_NODES = 64
_QUANTILES = (1e-9, 1e-4, 0.02, 0.16, 0.5, 0.84, 0.98, 1 - 1e-4, 1 - 1e-9)


class Posterior(NamedTuple):
    """One entry per arm: probability of the highest rate, and expected rate given up by choosing the arm."""

    p_best: list[float]
    expected_loss: list[float]


def best_arm(arms: Sequence[Arm]) -> Posterior:
    """Posterior under Beta(1, 1) priors. `p_best` sums to 1 up to the error of the quadrature."""
    from scipy.special import betainc, betaincinv

    a = np.array([arm.conversions + 1.0 for arm in arms])
    b = np.array([arm.visitors - arm.conversions + 1.0 for arm in arms])
    cuts = betaincinv(a[:, None], b[:, None], np.array(_QUANTILES))
    # Below the last arm's first cut no rate is the highest; above the last cut there is none.
    low, high = float(cuts[:, 0].max()), float(cuts[:, -1].max())
    x, weights = _quadrature(np.unique(np.clip(cuts, low, high)))
    below = betainc(a[:, None], b[:, None], x)
    densities = np.stack([_density(p, q, x) for p, q in zip(a.tolist(), b.tolist(), strict=True)])
    p_best = [float(weights @ (densities[i] * _others(below, i))) for i in range(len(arms))]
    expected_max = high - float(weights @ below.prod(axis=0))
    loss = np.maximum(expected_max - a / (a + b), 0.0)
    return Posterior(p_best, loss.tolist())


def _others(below: Floats, index: int) -> Floats:
    product: Floats = np.delete(below, index, axis=0).prod(axis=0)
    return product


def _density(a: float, b: float, x: Floats) -> Floats:
    """Density of a Beta(a, b), relative to that at its mean: large terms cancel before they are rounded."""
    mean = a / (a + b)
    log_ratio = (a - 1) * np.log1p((x - mean) / mean) + (b - 1) * np.log1p((mean - x) / (1 - mean))
    density: Floats = beta_density(a, b, mean) * np.exp(log_ratio)
    return density


def _quadrature(cuts: Floats) -> tuple[Floats, Floats]:
    """Nodes and weights over all pieces between neighbouring cuts."""
    nodes, weights = _legendre()
    half = np.diff(cuts)[:, None] / 2
    middle = (cuts[:-1] + cuts[1:])[:, None] / 2
    return (middle + half * nodes).ravel(), (half * weights).ravel()


@lru_cache(maxsize=1)
def _legendre() -> tuple[Floats, Floats]:
    return np.polynomial.legendre.leggauss(_NODES)
