"""Bounds for a planned test that is looked at early: Lan and DeMets' error spending.

The error alpha is spent along 4 - 4 Phi(z / sqrt(t)), O'Brien and Fleming's shape: almost nothing early, so
that the last look keeps nearly all of a fixed test's power. The bound of a look rests on earlier looks only.

Source: Lan and DeMets, Discrete Sequential Boundaries for Clinical Trials (1983); Armitage, McPherson and
Rowe, Repeated Significance Tests on Accumulating Data (1969) for the integration.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from statistics import NormalDist

import numpy as np

from campaign_automation.optimizers.ab_tests.tables import Floats

NODES = 301
MAX_BOUND = 8.0  # beyond it lies 1e-15: nothing to spend
MIN_STEP = 1e-3  # information between two looks that the nodes can still resolve
_NORMAL = NormalDist()


def spent(information: float, alpha: float) -> float:
    """Return the error that may be used up to `information` (0 to 1), two-sided."""
    if information <= 0:
        return 0.0
    z = -_NORMAL.inv_cdf(alpha / 4)
    return 2 * math.erfc(z / math.sqrt(2 * min(information, 1.0)))


def bounds(information: Sequence[float], alpha: float) -> list[float]:
    """Return for each look the |Z| that stops the test; looks in order, as shares of the planned information.

    A look that adds less than a thousandth of the information has the bound of the look before it.
    """
    result: list[float] = []
    kept: tuple[float, ...] = ()
    for share in information:
        share = min(share, 1.0)
        if share < MIN_STEP:
            result.append(MAX_BOUND)
            continue
        if not kept or share - kept[-1] >= MIN_STEP:
            kept = (*kept, share)
        result.append(_state(kept, alpha).bound)
    return result


class _LookState:
    """State after a look: its bound on |Z|, and the density of B(t) among paths that crossed no bound."""

    __slots__ = ("bound", "density", "nodes", "weights")

    def __init__(self, bound: float, nodes: Floats, weights: Floats, density: Floats) -> None:
        self.bound, self.nodes, self.weights, self.density = bound, nodes, weights, density


@lru_cache(maxsize=512)
def _state(looks: tuple[float, ...], alpha: float) -> _LookState:
    time = looks[-1]
    if len(looks) == 1:
        bound = _first_bound(spent(time, alpha))
        nodes, weights = _simpson(bound * math.sqrt(time))
        return _LookState(
            bound, nodes, weights, np.exp(-(nodes**2) / (2 * time)) / math.sqrt(2 * math.pi * time)
        )
    before = _state(looks[:-1], alpha)
    scale = math.sqrt(time - looks[-2])
    edge = _edge(before, scale, spent(time, alpha) - spent(looks[-2], alpha), MAX_BOUND * math.sqrt(time))
    nodes, weights = _simpson(edge)
    # The density is even: one half is computed, the other its mirror.
    kernel = np.exp(-((nodes[NODES // 2 :, None] - before.nodes) ** 2) / (2 * scale * scale))
    half = kernel @ (before.weights * before.density) / (scale * math.sqrt(2 * math.pi))
    return _LookState(edge / math.sqrt(time), nodes, weights, np.concatenate((half[:0:-1], half)))


def _first_bound(error: float) -> float:
    return min(-_NORMAL.inv_cdf(error / 2), MAX_BOUND) if error > 1e-15 else MAX_BOUND


def _edge(before: _LookState, scale: float, error: float, most: float) -> float:
    """Return the |B| that paths inside cross with probability `error`: Newton on the concave log."""
    from scipy.special import erfc

    mass = before.weights * before.density
    edge = before.nodes[-1]
    for _ in range(50):
        # The density is symmetric: twice the upper tail.
        standard = (edge - before.nodes) / scale
        tail = float(mass @ erfc(standard / math.sqrt(2)))
        slope = float(mass @ np.exp(-(standard**2) / 2)) * math.sqrt(2 / math.pi) / scale
        if error < 1e-15 or tail <= 0:
            return most
        step = tail / slope * math.log(tail / error)
        edge += step
        if abs(step) < 1e-12:
            break
    return min(float(edge), most)


def _simpson(edge: float) -> tuple[Floats, Floats]:
    nodes = np.linspace(-edge, edge, NODES)
    weights = np.full(NODES, 2.0)
    weights[1::2] = 4.0
    weights[0] = weights[-1] = 1.0
    return nodes, weights * (2 * edge / (NODES - 1) / 3)
