"""The best split of a total over rising concave curves, with a proof of how good it is.

One price for money balances the total: every ad set takes budget until its marginal result falls to the price
(Zipkin, Simple Ranking Methods for Allocation of One Resource, 1980; Patriksson, A Survey on the Continuous
Nonlinear Resource Allocation Problem, 2008). By duality every price also bounds the optimum from above; the
distance to that bound is the certificate. Arrays have one entry for each of n ad sets, in any unit of money.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Price = float | Floats

GAP_GOAL = 1e-9
MAX_ITERATIONS = 200
BISECT_EVERY = 10
_TINY = 1e-250
_ROUNDING = 1e-9  # widens the first bracket, so that rounding cannot leave the root outside


class Curves(Protocol):
    """n concave curves that never fall."""

    def value(self, x: Floats) -> Floats:
        """Result at budgets x."""

    def slope(self, x: Floats) -> Floats:
        """Marginal result at budgets x > 0."""

    def demand(self, price: Price, low: Floats, high: Floats) -> Floats:
        """The budgets in [low, high] that maximise value(x) - price x; price > 0."""


@dataclass(frozen=True, slots=True)
class Michaelis:
    """a x / (k + x)."""

    a: Floats
    k: Floats

    def value(self, x: Floats) -> Floats:
        return self.a * x / (self.k + x)

    def slope(self, x: Floats) -> Floats:
        return self.a * self.k / (self.k + x) ** 2

    def demand(self, price: Price, low: Floats, high: Floats) -> Floats:
        return np.clip(np.sqrt(self.a * self.k / price) - self.k, low, high)


@dataclass(frozen=True, slots=True)
class Log:
    """a ln(1 + x/k)."""

    a: Floats
    k: Floats

    def value(self, x: Floats) -> Floats:
        return self.a * np.log1p(x / self.k)

    def slope(self, x: Floats) -> Floats:
        return self.a / (self.k + x)

    def demand(self, price: Price, low: Floats, high: Floats) -> Floats:
        return np.clip(self.a / price - self.k, low, high)


@dataclass(frozen=True, slots=True)
class Power:
    """a x^s, 0 < s <= 1."""

    a: Floats
    s: Floats

    def value(self, x: Floats) -> Floats:
        return self.a * x**self.s

    def slope(self, x: Floats) -> Floats:
        return self.a * self.s * x ** (self.s - 1)

    def demand(self, price: Price, low: Floats, high: Floats) -> Floats:
        straight = self.s == 1
        ratio = np.log(self.a * self.s) - np.log(price)
        log_x = np.divide(ratio, 1 - self.s, out=np.zeros_like(high), where=~straight)
        curved = np.exp(np.minimum(log_x, np.log(high)))
        return np.clip(np.where(straight, np.where(self.a > price, high, low), curved), low, high)


@dataclass(frozen=True, slots=True)
class Hill:
    """a x^s / (k^s + x^s), 0 < s <= 1."""

    a: Floats
    k: Floats
    s: Floats

    def value(self, x: Floats) -> Floats:
        share = (x / self.k) ** self.s
        return self.a * share / (1 + share)

    def slope(self, x: Floats) -> Floats:
        share = (x / self.k) ** self.s
        return self.a * self.s * share / (1 + share) ** 2 / x

    def demand(self, price: Price, low: Floats, high: Floats) -> Floats:
        """Newton on ln slope - ln price in w = ln(x/k), which falls and is concave: no safeguard needed."""
        top = np.maximum(high, _TINY)
        floor, ceiling = np.log(np.maximum(low, top * 1e-30) / self.k), np.log(top / self.k)
        c = np.log(self.a * self.s / self.k) - np.log(price)
        w = np.clip(np.minimum(c / (1 + self.s), c / np.maximum(1 - self.s, 1e-16)), floor, ceiling)
        for _ in range(60):
            excess = c + (self.s - 1) * w - 2 * np.logaddexp(0, self.s * w)
            fall = 1 - self.s + 2 * self.s / (1 + np.exp(-self.s * w))
            after = np.clip(w + excess / fall, floor, ceiling)
            moved = np.max(np.abs(after - w), initial=0.0)
            w = after
            if moved < 1e-13:
                break
        newton = np.clip(self.k * np.exp(w), low, high)
        return np.where(self.s == 1, Michaelis(self.a, self.k).demand(price, low, high), newton)


class Group(NamedTuple):
    """At most `total` for the ad sets `members` (indices). Groups are nested or have no member in common."""

    name: str
    members: NDArray[np.intp]
    total: float


Status = Literal["optimal", "flexible", "total_below_minimums", "total_above_caps", "group_below_minimums"]


@dataclass(frozen=True, slots=True)
class Allocation:
    """`amounts` by ad set, and the certificate: no allocation within the bounds beats `value` by over `gap`.

    `multiplier` is the marginal result of money, None where the bounds alone decide; `group_multipliers` is
    what a binding group limit adds to it for its members. `shortfall` is what the minimums need beyond the
    total, `unallocated` what the bounds leave over.
    """

    amounts: Floats
    status: Status
    value: float
    gap: float
    relative_gap: float
    multiplier: float | None
    iterations: int
    group_multipliers: dict[str, float] = field(default_factory=dict)
    shortfall: float = 0.0
    unallocated: float = 0.0


class _End(NamedTuple):
    """Demand at one price, its value, and how far it exceeds the total."""

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


class _Caps(NamedTuple):
    """Groups turned into upper bounds: `high` keeps every limit.

    `prices` is what each limit costs its members; `open` is the upper bound where no limit binds, but the
    lower one for members of a group whose minimums fill it: these have no choice, so they need no price.
    """

    high: Floats
    open: Floats
    prices: list[float]
    iterations: int


def allocate(
    curves: Curves, low: Floats, high: Floats, total: float, groups: Sequence[Group] = ()
) -> Allocation:
    """The split of `total` that maximises the sum of `curves` within [low, high] and the groups' limits.

    A total that the bounds cannot meet gives the bound, a status and the difference; no bound is broken.
    Raises ValueError for bounds that cross and for groups that overlap without being nested.
    """
    _check(low, high, groups)
    with np.errstate(over="ignore", divide="ignore"):
        return _below_minimums(curves, low, total, groups) or _allocate(curves, low, high, total, groups)


def allocate_at_price(
    curves: Curves, low: Floats, high: Floats, price: float, cap: float, groups: Sequence[Group] = ()
) -> Allocation:
    """What is worth buying at a marginal result of `price` per money; `cap` bounds the sum.

    Where the cap binds it is the split of `allocate`, whose multiplier is then above `price`.
    """
    _check(low, high, groups)
    with np.errstate(over="ignore", divide="ignore"):
        if stuck := _below_minimums(curves, low, cap, groups):
            return stuck
        caps = _cap_groups(curves, low, high, groups)
        x = curves.demand(price, low, caps.high)
        if x.sum() > cap:
            return _allocate(curves, low, high, cap, groups)
        root = _Root(price, x, float(curves.value(x).sum()), 0.0, caps.iterations)
        return _certified(curves, low, groups, caps, root, "flexible")


def certified_gap(curves: Curves, low: Floats, high: Floats, x: Floats, prices: Price) -> float:
    """How much more than `x` any point of the box with the same sum can give: the bound at `prices`."""
    with np.errstate(over="ignore", divide="ignore"):
        best = curves.demand(np.maximum(prices, _TINY), low, high)
        gain = curves.value(best) - curves.value(x) - prices * (best - x)
        return max(0.0, float(gain.sum()))


def _check(low: Floats, high: Floats, groups: Sequence[Group]) -> None:
    if np.any(low > high) or np.any(low < 0):
        raise ValueError("bounds must satisfy 0 <= low <= high")
    sets = sorted((set(group.members.tolist()) for group in groups), key=len)
    for index, inner in enumerate(sets):
        if any(inner & outer and not inner <= outer for outer in sets[index + 1 :]):
            raise ValueError("groups with a member in common must be nested")


def _below_minimums(curves: Curves, low: Floats, total: float, groups: Sequence[Group]) -> Allocation | None:
    """The answer where the minimums ask for more than a limit: there is nothing to choose, nor to prove."""
    lack = float(low.sum()) - total
    status: Status = "total_below_minimums"
    if lack <= 0:
        status = "group_below_minimums"
        lack = max((float(low[members].sum()) - limit for _, members, limit in groups), default=0.0)
    if lack <= 0:
        return None
    return Allocation(low, status, float(curves.value(low).sum()), 0.0, 0.0, None, 0, shortfall=lack)


def _allocate(curves: Curves, low: Floats, high: Floats, total: float, groups: Sequence[Group]) -> Allocation:
    caps = _cap_groups(curves, low, high, groups)
    rest = total - float(caps.high.sum())
    if rest >= 0:
        root = _Root(0.0, caps.high, float(curves.value(caps.high).sum()), 0.0, caps.iterations)
        certified = _certified(curves, low, groups, caps, root, "total_above_caps" if rest else "optimal")
        return replace(certified, unallocated=rest)
    root = _search(curves, low, caps.high, total)
    root = root._replace(iterations=root.iterations + caps.iterations)
    return _certified(curves, low, groups, caps, root, "optimal")


def _cap_groups(curves: Curves, low: Floats, high: Floats, groups: Sequence[Group]) -> _Caps:
    """The best split of a group's limit is an upper bound for its members in the whole problem.

    A higher price outside only makes them take less. Small groups first, so that those around them see it.
    """
    caps = _Caps(high.copy(), high.copy(), [0.0] * len(groups), 0)
    for index in sorted(range(len(groups)), key=lambda index: len(groups[index].members)):
        _, members, limit = groups[index]
        if limit >= float(caps.high[members].sum()):
            continue
        if limit <= float(low[members].sum()):
            caps.high[members] = caps.open[members] = low[members]
            continue
        root = _search(_Part(curves, members, len(low)), low[members], caps.high[members], limit)
        caps.high[members], caps.prices[index] = root.x, root.price
        caps = caps._replace(iterations=caps.iterations + root.iterations)
    return caps


@dataclass(frozen=True, slots=True)
class _Part:
    """Some of n curves, asked as if they were all."""

    curves: Curves
    members: NDArray[np.intp]
    n: int

    def _spread(self, x: Floats) -> Floats:
        whole = np.ones(self.n)
        whole[self.members] = x
        return whole

    def value(self, x: Floats) -> Floats:
        return self.curves.value(self._spread(x))[self.members]

    def slope(self, x: Floats) -> Floats:
        return self.curves.slope(self._spread(x))[self.members]

    def demand(self, price: Price, low: Floats, high: Floats) -> Floats:
        return self.curves.demand(price, self._spread(low), self._spread(high))[self.members]


def _certified(
    curves: Curves, low: Floats, groups: Sequence[Group], caps: _Caps, root: _Root, status: Status
) -> Allocation:
    gap, extra = root.gap, dict[str, float]()
    if groups:
        prices, extra = _prices_seen(len(low), groups, caps.prices, root.price)
        slack = [
            extra[name] * (limit - float(root.x[members].sum()))
            for name, members, limit in groups
            if name in extra
        ]
        gap = certified_gap(curves, low, caps.open, root.x, prices) + max(0.0, sum(slack))
    relative = gap / abs(root.value) if root.value else 0.0
    return Allocation(root.x, status, root.value, gap, relative, root.price, root.iterations, extra)


def _prices_seen(
    n: int, groups: Sequence[Group], own: Sequence[float], price: float
) -> tuple[Floats, dict[str, float]]:
    """The price that each ad set sees, and each binding group's part in it; outermost groups first."""
    seen = np.full(n, price)
    extra: dict[str, float] = {}
    for index in sorted(range(len(groups)), key=lambda index: -len(groups[index].members)):
        name, members, _ = groups[index]
        if len(members) and own[index] > seen[members[0]]:
            extra[name] = own[index] - float(seen[members[0]])
            seen[members] = own[index]
    return seen, extra


def _search(curves: Curves, low: Floats, high: Floats, total: float) -> _Root:
    """The price at which demand meets `total`, sum(low) <= total < sum(high): Illinois on its logarithm.

    The answer lies on the line between the demands at both ends of the last bracket, so that its sum is exact
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
    """A price at which demand is at least the total, and one at which it is at most the total.

    If every ad set took an equal part of the money above the minimums, the steepest one's slope there is a
    price at which none wants more. At price 0 every ad set takes all it may, with or without a use for it.
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
    """The point of the segment whose sum is the total, with the better of the bounds at both ends."""
    span = rich.excess - poor.excess
    share = rich.excess / span if span > 0 else 0.0
    x = rich.x + min(share, 1.0) * (poor.x - rich.x)
    value = float(curves.value(x).sum())
    gaps = [(end.value - value - end.price * end.excess, end.price) for end in (rich, poor)]
    gap, price = min(gaps)
    return _Root(price, x, value, max(gap, 0.0), iterations)


def _next_price(rich: float, poor: float, pulls: Sequence[float], iteration: int) -> float:
    """False position on the logarithm of the price; the middle every 10th time or where it would not move."""
    if rich <= 0:
        return 0.0
    low, high = math.log(rich), math.log(poor)
    middle = math.exp((low + high) / 2)
    if iteration % BISECT_EVERY == 0 or pulls[0] == pulls[1]:
        return middle
    price = math.exp((low * pulls[1] - high * pulls[0]) / (pulls[1] - pulls[0]))
    return price if rich < price < poor else middle
