"""A month in the hidden market without servers: what a policy brings, what it knew, what was to be expected.

Pure and seeded. A day's draws depend on the seed, the ad set and the day, never on the policy, so two
policies on the same seed meet the same days.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import lru_cache
from random import Random

from local.sandbox import market

FIRST_DAY = date(2026, 1, 5)  # a Monday


@dataclass(frozen=True)
class Adset:
    """Ad sets with the same audience meet the same curve; `key` names the ad set's own luck."""

    key: str
    audience: str
    creatives: tuple[str, ...]
    budget: float
    goal: str = "OFFSITE_CONVERSIONS"


@dataclass(frozen=True)
class Record:
    """One ad set's day. Its final numbers, or in a policy's hands those known by then."""

    adset: str
    day: date
    budget: float
    spend: float
    impressions: int
    clicks: int
    conversions: int
    revenue: float
    orders: tuple[market.Order, ...] = field(default=(), repr=False)

    def known(self, today: date) -> "Record":
        """As a report shows it on the morning of `today`."""
        age = (today - self.day).days - 1
        arrived = tuple(order for order in self.orders if order.lag <= age)
        revenue = self.revenue if len(arrived) == len(self.orders) else sum(o.value for o in arrived)
        # Nobody who decides may see the orders to come.
        return replace(self, conversions=len(arrived), revenue=revenue, orders=())


@dataclass(frozen=True)
class Expected:
    """The average result of a day's budget."""

    conversions: float
    revenue: float


# Asked each morning with the records of the days before, oldest first; answers new budgets by ad set. 0
# pauses; what is not answered stays.
Policy = Callable[[date, Sequence[Record]], Mapping[str, float]]


@dataclass(frozen=True)
class Month:
    """`truth` holds final numbers, `known` what the policy saw each morning."""

    truth: list[Record]
    known: dict[date, list[Record]]

    @property
    def conversions(self) -> int:
        return sum(record.conversions for record in self.truth)

    @property
    def spend(self) -> float:
        return sum(record.spend for record in self.truth)


def simulate(
    seed: int,
    adsets: Sequence[Adset],
    policy: Policy,
    days: int = 30,
    first: date = FIRST_DAY,
    envelope: market.Envelope = market.WEEKLY,
) -> Month:
    """`days` days under `policy`, which is asked each morning. A paused ad set has no record of that day."""
    budgets = {adset.key: adset.budget for adset in adsets}
    truth: list[Record] = []
    seen: dict[date, list[Record]] = {}
    for day in (first + timedelta(days=offset) for offset in range(days)):
        known = seen[day] = _known(truth, seen.get(day - timedelta(days=1), []), day)
        budgets |= policy(day, known)
        truth += [
            run_day(seed, adset, day, budgets[adset.key], envelope) for adset in adsets if budgets[adset.key]
        ]
    return Month(truth, seen)


def _known(truth: Sequence[Record], before: Sequence[Record], today: date) -> list[Record]:
    """Only young days are looked at again: older ones are as they were the morning before."""
    youngest_final = today - timedelta(days=len(market.KNOWN_SHARE) + 1)
    final = [record for record in before if record.day <= youngest_final]
    return final + [record.known(today) for record in truth[len(final) :]]


def run_day(
    seed: int, adset: Adset, day: date, budget: float, envelope: market.Envelope = market.WEEKLY
) -> Record:
    """One ad set's day at `budget`, with its final numbers."""
    curve, effect = _nature(seed, adset)
    spend = market.daily_spend(seed, adset.key, day, budget, envelope)
    expected = market.daily_conversions(curve, spend) * market.day_factor(seed, adset.key, day)
    rng = Random(f"{seed}/day/{adset.key}/{day}")
    bought = market.deliver(rng, curve, market.GOALS[adset.goal], effect, spend, expected, day)
    return Record(
        adset.key,
        day,
        budget,
        spend,
        bought.impressions,
        bought.clicks,
        bought.conversions,
        bought.revenue,
        bought.orders,
    )


def expected(seed: int, adset: Adset, budget: float, day: date | None = None) -> Expected:
    """The truth behind the curve: what `budget`, spent whole, brings on `day`, or on an average day."""
    curve, effect = _nature(seed, adset)
    weekday = sum(market.WEEKDAY) / 7 if day is None else market.WEEKDAY[day.weekday()]
    conversions = market.daily_conversions(curve, budget) * market.GOALS[adset.goal].conversions
    conversions *= effect * weekday
    return Expected(conversions, conversions * curve.order_value)


@lru_cache(maxsize=4096)
def _nature(seed: int, adset: Adset) -> tuple[market.Curve, float]:
    """The curve of the audience, and how well the creatives do as the platform mixes them."""
    effects = [market.creative_effect(seed, creative) for creative in adset.creatives]
    mixed = sum(effect * share for effect, share in zip(effects, market.shares(effects), strict=True))
    return market.curve_of(seed, adset.audience), mixed
