"""Split a total over rising concave curves, with a certificate of how far the split is from the optimum.

One price for money balances the total: every ad set takes budget until its marginal result falls to the price
(Zipkin, Simple Ranking Methods for Allocation of One Resource, 1980; Patriksson, A Survey on the Continuous
Nonlinear Resource Allocation Problem, 2008). By duality every price also bounds the optimum from above; the
distance to that bound is the certificate. Arrays have one entry for each of n ad sets, in any unit of money.

scipy.optimize.minimize was weighed: it gives no bound on the optimum, and would load scipy into every plan.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from campaign_automation.models.budget_problem import AllocationStatus

Floats = NDArray[np.float64]

GAP_GOAL = 1e-9  # of the result; science asks for 1e-6
MAX_ITERATIONS = 200
BISECT_EVERY = 10  # false position alone can creep along one end of the bracket
_ROUNDING = 1e-9  # widens the first bracket, so that rounding cannot leave the root outside


class Curves(Protocol):
    """n concave curves that never fall."""

    def value(self, x: Floats) -> Floats:
        """Return the results at budgets x."""

    def slope(self, x: Floats) -> Floats:
        """Return the marginal results at budgets x > 0."""

    def demand(self, price: float, low: Floats, high: Floats) -> Floats:
        """Return the budgets in [low, high] that maximise value(x) - price x; price > 0."""


@dataclass(frozen=True, slots=True)
class Michaelis:
    """Curves a x / (k + x)."""

    a: Floats
    k: Floats

    def value(self, x: Floats) -> Floats:
        return self.a * x / (self.k + x)

    def slope(self, x: Floats) -> Floats:
        return self.a * self.k / (self.k + x) ** 2

    def demand(self, price: float, low: Floats, high: Floats) -> Floats:
        return np.clip(np.sqrt(self.a * self.k / price) - self.k, low, high)


@dataclass(frozen=True, slots=True)
class Solution:
    """`amounts` by ad set, and the certificate: no allocation within the bounds beats `value` by over `gap`.

    `multiplier` is the marginal result of money, None where the bounds alone decide. `shortfall` is the part
    of the minimums that the total does not cover, `unallocated` the part of the total that the bounds leave.
    """

    amounts: Floats
    status: AllocationStatus
    value: float
    gap: float
    relative_gap: float
    multiplier: float | None
    iterations: int
    shortfall: float = 0.0
    unallocated: float = 0.0


class _End(NamedTuple):
    """Demand at one price, its value, and by how much it exceeds the total."""

    price: float
    x: Floats
    value: float
    excess: float


class _Root(NamedTuple):
    """A feasible point and the price that certifies it."""

    price: float
    x: Floats
    value: float
    gap: float
    iterations: int


def allocate(curves: Curves, low: Floats, high: Floats, total: float) -> Solution:
    """Return the split of `total` that maximises the sum of `curves` within [low, high].

    A total that the bounds cannot meet gives the bound, a status and the difference; no bound is broken.
    Raises ValueError for bounds that cross.
    """
    _check(low, high)
    # A marginal result may be infinite at budget 0, and so the demand at price 0: both are clipped.
    with np.errstate(over="ignore", divide="ignore"):
        return _below_minimums(curves, low, total) or _allocate(curves, low, high, total)


def allocate_at_price(curves: Curves, low: Floats, high: Floats, price: float, cap: float) -> Solution:
    """Return the budgets worth buying at a marginal result of `price` per money; `cap` bounds the sum.

    Where the cap binds it is the split of `allocate`, whose multiplier is then above `price`.
    """
    _check(low, high)
    with np.errstate(over="ignore", divide="ignore"):
        if stuck := _below_minimums(curves, low, cap):
            return stuck
        x = curves.demand(price, low, high)
        if x.sum() > cap:
            return _allocate(curves, low, high, cap)
        return _solution(_Root(price, x, float(curves.value(x).sum()), 0.0, 0), "flexible")


def _check(low: Floats, high: Floats) -> None:
    if np.any(low > high) or np.any(low < 0):
        raise ValueError("bounds must satisfy 0 <= low <= high")


def _below_minimums(curves: Curves, low: Floats, total: float) -> Solution | None:
    """Return the minimums where they exceed the total: there is nothing to choose, nor to prove."""
    lack = float(low.sum()) - total
    if lack <= 0:
        return None
    value = float(curves.value(low).sum())
    return Solution(low, "total_below_minimums", value, 0.0, 0.0, None, 0, shortfall=lack)


def _allocate(curves: Curves, low: Floats, high: Floats, total: float) -> Solution:
    rest = total - float(high.sum())
    if rest < 0:
        return _solution(_search(curves, low, high, total), "optimal")
    full = _Root(0.0, high, float(curves.value(high).sum()), 0.0, 0)
    return _solution(full, "total_above_caps" if rest else "optimal", unallocated=rest)


def _solution(root: _Root, status: AllocationStatus, unallocated: float = 0.0) -> Solution:
    relative = root.gap / abs(root.value) if root.value else 0.0
    return Solution(
        root.x, status, root.value, root.gap, relative, root.price, root.iterations, unallocated=unallocated
    )


def _search(curves: Curves, low: Floats, high: Floats, total: float) -> _Root:
    """Find the price of `total`, sum(low) <= total < sum(high), by the Illinois method on its logarithm.

    The point lies on the line between the demands at both ends of the last bracket, so that its sum is exact
    even where demand jumps: straight pieces and ties.
    """
    rich, poor = _bracket(curves, low, high, total)
    root = _between(curves, rich, poor, 0)
    pulls, last = [rich.excess, poor.excess], -1
    for iteration in range(1, MAX_ITERATIONS + 1):
        price = _next_price(rich.price, poor.price, pulls, iteration)
        if root.gap <= GAP_GOAL * abs(root.value) or not rich.price < price < poor.price:
            break
        end = _end(curves, price, low, high, total)
        side = int(end.excess < 0)
        if side == last:
            pulls[1 - side] /= 2
        pulls[side], last = end.excess, side
        rich, poor = (rich, end) if side else (end, poor)
        root = _between(curves, rich, poor, iteration)
    return root


def _bracket(curves: Curves, low: Floats, high: Floats, total: float) -> tuple[_End, _End]:
    """Return a price at which demand is at least the total, and one at which it is at most the total.

    With the money above the minimums in equal parts, no ad set wants more at the slope of the steepest one.
    At price 0 every ad set takes all it may, with or without a use for it.
    """
    free = high > low
    equal_part = (total - float(low.sum())) / int(free.sum())
    everything = _End(0.0, high, float(curves.value(high).sum()), float(high.sum()) - total)
    nothing = _End(0.0, low, float(curves.value(low).sum()), float(low.sum()) - total)
    if equal_part <= 0:
        return everything, nothing
    top = float(np.max(curves.slope(low + equal_part)[free])) * (1 + _ROUNDING)
    slopes = curves.slope(np.where(free, high, 1.0))[free]
    if top <= 0:
        return everything, nothing
    poor = _end(curves, top, low, high, total)
    rich = _end(curves, float(np.min(slopes[slopes > 0])) * (1 - _ROUNDING), low, high, total)
    return (rich, poor) if rich.excess >= 0 else (everything, rich)


def _end(curves: Curves, price: float, low: Floats, high: Floats, total: float) -> _End:
    x = curves.demand(price, low, high)
    return _End(price, x, float(curves.value(x).sum()), float(x.sum()) - total)


def _between(curves: Curves, rich: _End, poor: _End, iterations: int) -> _Root:
    """Return the point of the segment whose sum is the total, with the better of the bounds at both ends."""
    span = rich.excess - poor.excess
    share = rich.excess / span if span > 0 else 0.0
    x = rich.x + min(share, 1.0) * (poor.x - rich.x)
    value = float(curves.value(x).sum())
    gaps = [(end.value - value - end.price * end.excess, end.price) for end in (rich, poor)]
    gap, price = min(gaps)
    return _Root(price, x, value, max(gap, 0.0), iterations)


def _next_price(rich: float, poor: float, pulls: Sequence[float], iteration: int) -> float:
    """Return the next price: false position on the logarithm, the middle every 10th time or on a stall."""
    if rich <= 0:
        return 0.0
    low, high = math.log(rich), math.log(poor)
    middle = math.exp((low + high) / 2)
    if iteration % BISECT_EVERY == 0 or pulls[0] == pulls[1]:
        return middle
    price = math.exp((low * pulls[1] - high * pulls[0]) / (pulls[1] - pulls[0]))
    return price if rich < price < poor else middle
