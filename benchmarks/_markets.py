"""Simulated months of an account with 30 ad sets in nine markets, and the budgets an oracle would set.

Ad set i brings A z / (1 + z) conversions a day, z = (spend / K)^s: steeper at first than the optimiser's own
curves, so that no policy is measured on a world made for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Policy = Callable[["Morning"], Floats]

ADSETS, DAYS, BASE = 30, 30, 100.0
KNOWN = (0.50, 0.20, 0.12, 0.08, 0.05, 0.03, 0.02)  # of a day's conversions, by age in days
STEP = 0.5  # the most that a budget moves in a day
DELIVERY = 0.03
LEAST = 1.0


@dataclass(frozen=True)
class Market:
    """`cpa` and `spread`: median and sd of the log of the CPA at the base budget; `lag` as KNOWN."""

    name: str
    cpa: float = 20.0
    spread: float = 0.6
    drifts: bool = False
    uneven: bool = False
    capped: bool = False
    dying: bool = False
    lag: tuple[float, ...] = KNOWN


MARKETS = (
    Market("base"),
    Market("sparse", cpa=100.0),
    Market("rich", cpa=4.0),
    Market("alike", spread=0.15),
    Market("drift", drifts=True),
    Market("uneven", uneven=True),
    Market("capped", capped=True),
    Market("dying", dying=True),
    Market("late", lag=(1 / 21,) * 21),
)


@dataclass(frozen=True)
class World:
    """One month of one market: curves, what becomes of them by day (n x T), spending caps, start budgets."""

    market: Market
    ceiling: Floats
    half: Floats
    bend: Floats
    health: Floats
    cap: Floats
    start: Floats

    def expected(self, budgets: Floats, day: int) -> Floats:
        """Return the conversions to be expected of budgets on a day, without the luck of the day."""
        power = (np.minimum(budgets, self.cap) / self.half) ** self.bend
        result: Floats = self.ceiling * self.health[:, day] * power / (1 + power)
        return result


def world_of(market: Market, seed: int) -> World:
    rng = np.random.default_rng([seed, 1])
    bend = rng.uniform(0.6, 1.0, ADSETS)
    half = 1.5 * BASE * np.exp(rng.normal(0, 0.6, ADSETS))
    cpa = market.cpa * np.exp(rng.normal(0, market.spread, ADSETS))
    power = (BASE / half) ** bend
    start = np.full(ADSETS, BASE)
    if market.uneven:
        start = np.exp(rng.normal(0, 0.7, ADSETS))
        start *= ADSETS * BASE / start.sum()
    cap = np.full(ADSETS, np.inf)
    if market.capped:
        some = rng.permutation(ADSETS)[: ADSETS // 3]
        cap[some] = start[some] * rng.uniform(0.3, 0.7, len(some))
    return World(market, BASE / cpa * (1 + power) / power, half, bend, _health(market, rng), cap, start)


def _health(market: Market, rng: np.random.Generator) -> Floats:
    health = np.ones((ADSETS, DAYS))
    days = np.arange(DAYS)
    if market.drifts:
        fading = rng.permutation(ADSETS)[: ADSETS // 2]
        health[fading] *= (1 - rng.uniform(0, 0.03, len(fading)))[:, None] ** days
        for one in rng.permutation(ADSETS)[: ADSETS // 5]:
            health[one, rng.integers(5, DAYS) :] *= 0.4
    if market.dying:
        for one in rng.permutation(ADSETS)[: ADSETS // 5]:
            health[one, rng.integers(8, DAYS) :] = 0.0
    return health


@dataclass(frozen=True)
class Morning:
    """The reports of the morning before `day`: of the days before it spend and the conversions known by now
    (n x day each), and of every past morning what was known in all (mornings x days); today's budgets."""

    day: int
    budgets: Floats
    changed: NDArray[np.int64]
    set_budgets: Floats
    spend: Floats
    conversions: Floats
    totals: Floats


def month(world: World, policy: Policy, seed: int) -> float:
    """Return the expected conversions of a month under a policy; all policies meet the same luck."""
    luck, lag = _luck(world.market, seed), np.cumsum(world.market.lag)
    budgets, total = world.start.copy(), 0.0
    spend, chosen = np.zeros((ADSETS, DAYS)), np.zeros((ADSETS, DAYS))
    arrivals = np.zeros((ADSETS, DAYS, len(lag)))
    totals = np.full((DAYS + 1, DAYS), np.nan)
    changed = np.full(ADSETS, -1)
    for day in range(DAYS):
        if day:
            ages = np.minimum(day - 1 - np.arange(day), len(lag) - 1)
            known = np.stack([arrivals[:, d, : ages[d] + 1].sum(1) for d in range(day)], axis=1)
            totals[day, :day] = known.sum(0)
            after = policy(Morning(day, budgets, changed, chosen[:, :day], spend[:, :day], known, totals))
            changed = np.where(after != budgets, day, changed)
            budgets = after
        chosen[:, day] = budgets
        spend[:, day] = np.minimum(budgets * luck.delivery[:, day], world.cap)
        total += float(world.expected(budgets, day).sum())
        mean = world.expected(spend[:, day], day) * luck.factor[:, day]
        counts = luck.counts(mean, day)
        arrivals[:, day] = luck.spread(counts, np.array(world.market.lag), day)
    return total


@dataclass(frozen=True)
class _Luck:
    seed: int
    delivery: Floats
    factor: Floats
    gamma: Floats

    def counts(self, mean: Floats, day: int) -> NDArray[np.int64]:
        rng = np.random.default_rng([self.seed, 3, day])
        return np.array(rng.poisson(np.maximum(mean * self.gamma[:, day], 0)))

    def spread(self, counts: NDArray[np.int64], lag: Floats, day: int) -> Floats:
        rng = np.random.default_rng([self.seed, 4, day])
        return np.array(rng.multinomial(counts, lag / lag.sum()), dtype=float)


def _luck(market: Market, seed: int) -> _Luck:
    rng = np.random.default_rng([seed, 2])
    weekday = rng.normal(0, 0.12, 7)[np.arange(DAYS) % 7]
    common = weekday + rng.normal(0, 0.05, DAYS)
    own = rng.normal(0, 0.10, (ADSETS, DAYS))
    for day in range(1, DAYS):
        own[:, day] = 0.6 * own[:, day - 1] + 0.8 * own[:, day]
    return _Luck(
        seed,
        1 + rng.normal(0, DELIVERY, (ADSETS, DAYS)).clip(-0.2, 0.2),
        np.exp(common + own),
        rng.gamma(10, 0.1, (ADSETS, DAYS)),
    )


def keep(morning: Morning) -> Floats:
    return morning.budgets


def oracle(world: World) -> Policy:
    """Return the policy that sets the best budgets of each day by the true curves, within the same step."""
    return lambda morning: _best(world, morning.budgets, morning.day)


def _best(world: World, budgets: Floats, day: int) -> Floats:
    total = budgets.sum()
    low, high = np.maximum((1 - STEP) * budgets, LEAST), (1 + STEP) * budgets
    capped = np.minimum(world.cap, high)
    high = np.maximum(capped, low)  # more than the cap buys nothing
    if high.sum() <= total:
        return np.asarray(high * 1.0)
    least, most = -60.0, 10.0
    for _ in range(36):
        price = (least + most) / 2
        if _demand(world, np.exp(price), low, high, day).sum() > total:
            least = price
        else:
            most = price
    return _demand(world, np.exp(most), low, high, day)


def _demand(world: World, price: float, low: Floats, high: Floats, day: int) -> Floats:
    """Return for each ad set the budget at which one more unit of money brings `price` conversions."""
    down, up = low.copy(), high.copy()
    for _ in range(26):
        middle = (down + up) / 2
        power = (middle / world.half) ** world.bend
        slope = world.ceiling * world.health[:, day] * world.bend * power / (middle * (1 + power) ** 2)
        down, up = np.where(slope > price, middle, down), np.where(slope > price, up, middle)
    return (down + up) / 2
