"""The hidden market: what a day of budget brings. Numbers in, numbers out, everything from the seed.

Each draw has a name of its own (seed, what, whose, when), so nothing depends on the order of calls, and two
policies meet the same days. Amounts here are in a reference currency (about one US dollar); callers convert.
"""

import math
from bisect import bisect
from calendar import monthrange
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from random import Random
from urllib.parse import urlsplit

OVERSPEND_LIMIT = 1.25
# The share of a day's conversions known at age 0 (the day has just ended), 1, ... 6 days.
KNOWN_SHARE = (0.55, 0.75, 0.85, 0.92, 0.96, 0.99, 1.0)
# Days of one ad set vary around its curve like a gamma variable of this shape; counts are then negative
# binomial, with a variance of mean + mean^2 / shape.
DISPERSION_SHAPE = 12.0
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
    """The effect of an optimisation goal on the curve."""

    cpm: float = 1.0
    clicks: float = 1.0
    conversions: float = 1.0


@dataclass(frozen=True)
class Order:
    """One conversion of a day: its value, and at which age of the day it gets known."""

    lag: int
    value: float


@dataclass(frozen=True)
class Delivery:
    impressions: int
    clicks: int
    conversions: int
    revenue: float
    orders: tuple[Order, ...] = ()


@dataclass(frozen=True)
class Envelope:
    """Limits of spend in daily budgets: on a day, and over a week or a calendar month."""

    day: float
    period: float
    by_month: bool
    spread: float


# Sources: platforms.md 3.4, 4.4 and its second addendum. A month of Google is 30.4 daily budgets, a week
# elsewhere 7; a day may reach 125 % on TikTok, 175 % on Meta, 200 % on Google.
WEEKLY = Envelope(day=OVERSPEND_LIMIT, period=7, by_month=False, spread=0.07)
META_WEEKLY = Envelope(day=1.75, period=7, by_month=False, spread=0.07)
MONTHLY = Envelope(day=2.0, period=30.4, by_month=True, spread=0.3)
# Days of an account whose spend is uneven: some reach the day's limit, and the week evens them out.
META_BURSTS = Envelope(day=1.75, period=7, by_month=False, spread=0.45)
GOOGLE_BURSTS = Envelope(day=2.0, period=30.4, by_month=True, spread=0.48)


GOALS = {
    "OFFSITE_CONVERSIONS": Goal(),
    "VALUE": Goal(cpm=1.1, conversions=0.95),
    "LINK_CLICKS": Goal(cpm=0.7, clicks=1.5, conversions=0.35),
    "LANDING_PAGE_VIEWS": Goal(cpm=0.75, clicks=1.4, conversions=0.4),
    "REACH": Goal(cpm=0.4, clicks=0.3, conversions=0.05),
    "IMPRESSIONS": Goal(cpm=0.35, clicks=0.25, conversions=0.05),
}


def curve_of(seed: int, audience: str) -> Curve:
    """The curve of an audience, the same in every ad set."""
    rng = Random(f"{seed}/curve/{audience}")
    return Curve(
        ceiling=rng.uniform(18, 70),
        half_spend=rng.uniform(60, 320),
        slope=rng.uniform(0.9, 1.4),
        cpm=rng.uniform(7, 16),
        click_rate=rng.uniform(0.011, 0.026),
        order_value=rng.uniform(35, 75),
    )


def shown(source: str) -> str:
    """The contents of a file, named by its path: a server's address differs from run to run."""
    return urlsplit(source).path if "://" in source else source


def creative_effect(seed: int, creative: str) -> float:
    """The effect of a picture or video, around 1."""
    return math.exp(Random(f"{seed}/creative/{creative}").gauss(0, 0.28))


def daily_conversions(curve: Curve, spend: float) -> float:
    """Expected conversions of a whole day at `spend`; diminishing beyond the half point."""
    if spend <= 0:
        return 0.0
    powered = math.pow(spend, curve.slope)
    return curve.ceiling * powered / (powered + math.pow(curve.half_spend, curve.slope))


def names(families: Mapping[str, tuple[str, Mapping[str, str]]]) -> dict[str, str]:
    """Names for the draws of ad sets and ads, by id.

    `families` holds the audience of each ad set, and its ads with their contents. Equal ones are numbered.
    """
    # Ids would not do: those of objects created at the same time depend on the order of the requests.
    keys: dict[str, str] = {}
    for adset, (audience, ads) in families.items():
        keys[adset] = f"{audience}/{sorted(ads.values())}"
        keys |= {ad: f"{keys[adset]}/{creative}" for ad, creative in ads.items()}
    numbers = Counter[str]()
    found = {}
    for item, key in keys.items():
        numbers[key] += 1
        found[item] = f"{key}/{numbers[key]}"
    return found


def daily_spend(seed: int, adset: str, day: date, budget: float, envelope: Envelope = WEEKLY) -> float:
    """Spend of a whole day: near the budget, sometimes above, never outside of the envelope."""
    first = _period_start(day, envelope)
    return budget * _paces(seed, adset, first, envelope)[(day - first).days]


def _period_start(day: date, envelope: Envelope) -> date:
    return day.replace(day=1) if envelope.by_month else day - timedelta(days=day.weekday())


@lru_cache(maxsize=4096)
def _paces(seed: int, adset: str, first: date, envelope: Envelope) -> tuple[float, ...]:
    """Shares of the daily budget for each day of a period, which together use the budget up."""
    days = monthrange(first.year, first.month)[1] if envelope.by_month else 7
    rng = Random(f"{seed}/pace/{adset}/{first}")
    most = 2 * envelope.spread
    drawn = [1 + min(max(rng.gauss(0, envelope.spread), -most), most) for _ in range(days)]
    scale = min(days, envelope.period) / sum(drawn)
    return tuple(min(pace * scale, envelope.day) for pace in drawn)


def day_factor(seed: int, adset: str, day: date) -> float:
    """The factor by which an ad set beats its curve on a day, around 1."""
    rng = Random(f"{seed}/mood/{adset}/{day}")
    return rng.gammavariate(DISPERSION_SHAPE, 1 / DISPERSION_SHAPE)


def shares(effects: list[float]) -> list[float]:
    """Shares of an ad set's money by ad: the better ones get more."""
    weights = [effect**1.5 for effect in effects]
    return [weight / sum(weights) for weight in weights]


def deliver(
    rng: Random, curve: Curve, goal: Goal, effect: float, spend: float, conversions: float, day: date
) -> Delivery:
    """Draw the delivery that `spend` on one ad buys; an average creative brings `conversions`."""
    weekday = WEEKDAY[day.weekday()]
    impressions = _poisson(rng, spend / (curve.cpm * goal.cpm) * 1000)
    clicks = _poisson(rng, impressions * curve.click_rate * goal.clicks * math.sqrt(effect))
    expected = conversions * goal.conversions * effect * weekday
    clicks = min(clicks, impressions)
    converted = min(_poisson(rng, expected), clicks)
    orders = tuple(
        Order(bisect(KNOWN_SHARE, rng.random()), curve.order_value * rng.lognormvariate(-0.08, 0.4))
        for _ in range(converted)
    )
    return Delivery(impressions, clicks, converted, sum(order.value for order in orders), orders)


def _poisson(rng: Random, mean: float) -> int:
    if mean > 50:
        return max(0, round(rng.gauss(mean, math.sqrt(mean))))
    limit, product, count = math.exp(-mean), rng.random(), 0
    while product > limit:
        product *= rng.random()
        count += 1
    return count
