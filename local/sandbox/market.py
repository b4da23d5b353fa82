"""The hidden market: what a day of budget brings. Numbers in, numbers out, everything from the seed.

Amounts here are in a reference currency (about one US dollar); callers convert.
"""

import math
from dataclasses import dataclass
from datetime import date
from random import Random

OVERSPEND_LIMIT = 1.25
WEEKDAY = (0.97, 0.95, 0.98, 1.0, 1.06, 1.1, 0.94)


@dataclass(frozen=True)
class Curve:
    """The response of one audience: conversions a day = ceiling * s^slope / (s^slope + half^slope)."""

    ceiling: float
    half_spend: float
    slope: float
    cpm: float
    click_rate: float
    order_value: float


@dataclass(frozen=True)
class Goal:
    """How an optimisation goal bends the curve."""

    cpm: float = 1.0
    clicks: float = 1.0
    conversions: float = 1.0


@dataclass(frozen=True)
class Delivery:
    impressions: int
    clicks: int
    conversions: int
    revenue: float


GOALS = {
    "OFFSITE_CONVERSIONS": Goal(),
    "VALUE": Goal(cpm=1.1, conversions=0.95),
    "LINK_CLICKS": Goal(cpm=0.7, clicks=1.5, conversions=0.35),
    "LANDING_PAGE_VIEWS": Goal(cpm=0.75, clicks=1.4, conversions=0.4),
    "REACH": Goal(cpm=0.4, clicks=0.3, conversions=0.05),
    "IMPRESSIONS": Goal(cpm=0.35, clicks=0.25, conversions=0.05),
}


def curve_of(seed: int, audience: str) -> Curve:
    """The same audience always answers the same way, whichever ad set holds it."""
    rng = Random(f"{seed}/curve/{audience}")
    return Curve(
        ceiling=rng.uniform(18, 70),
        half_spend=rng.uniform(60, 320),
        slope=rng.uniform(0.9, 1.4),
        cpm=rng.uniform(7, 16),
        click_rate=rng.uniform(0.011, 0.026),
        order_value=rng.uniform(35, 75),
    )


def creative_effect(seed: int, creative: str) -> float:
    """How well a picture or video works, around 1."""
    return math.exp(Random(f"{seed}/creative/{creative}").gauss(0, 0.28))


def daily_conversions(curve: Curve, spend: float) -> float:
    """Expected conversions of a whole day at `spend`; diminishing beyond the half point."""
    if spend <= 0:
        return 0.0
    powered = math.pow(spend, curve.slope)
    return curve.ceiling * powered / (powered + math.pow(curve.half_spend, curve.slope))


def daily_spend(seed: int, adset: str, day: date, budget: float) -> float:
    """Spend of a whole day: near the budget, sometimes above, never beyond the overspend limit."""
    pace = Random(f"{seed}/pace/{adset}/{day}").gauss(1.0, 0.07)
    return budget * min(max(pace, 0.8), OVERSPEND_LIMIT)


def shares(effects: list[float]) -> list[float]:
    """How the platform splits an ad set's money over its ads: the better ones get more."""
    weights = [effect**1.5 for effect in effects]
    return [weight / sum(weights) for weight in weights]


def deliver(
    rng: Random, curve: Curve, goal: Goal, effect: float, spend: float, conversions: float, day: date
) -> Delivery:
    """What `spend` on one ad bought, when `conversions` were to be expected of an average creative."""
    weekday = WEEKDAY[day.weekday()]
    impressions = _poisson(rng, spend / (curve.cpm * goal.cpm) * 1000)
    clicks = _poisson(rng, impressions * curve.click_rate * goal.clicks * math.sqrt(effect))
    expected = conversions * goal.conversions * effect * weekday
    converted = min(_poisson(rng, expected), clicks)
    revenue = sum(curve.order_value * rng.lognormvariate(-0.08, 0.4) for _ in range(converted))
    return Delivery(impressions, min(clicks, impressions), converted, revenue)


def _poisson(rng: Random, mean: float) -> int:
    if mean > 50:
        return max(0, round(rng.gauss(mean, math.sqrt(mean))))
    limit, product, count = math.exp(-mean), rng.random(), 0
    while product > limit:
        product *= rng.random()
        count += 1
    return count
