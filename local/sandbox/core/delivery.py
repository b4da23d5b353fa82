"""Running ads: passing hours become spend, clicks and conversions through the market."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random
from typing import Generic, TypeVar
from zoneinfo import ZoneInfo

from local.sandbox import market
from local.sandbox.core.records import DayRecord
from local.sandbox.core.store import BaseNode

# Rough worth of one dollar in currencies with large numbers; the rest count as one.
UNITS_PER_DOLLAR = {"CLP": 950, "HUF": 360, "IDR": 16000, "JPY": 150, "KRW": 1350, "TWD": 32, "VND": 25000}

AdT = TypeVar("AdT")
NodeT = TypeVar("NodeT", bound=BaseNode)
Records = dict[tuple[str, date], DayRecord]


@dataclass(frozen=True)
class Stretch:
    """Part of one account day."""

    day: date
    opens: datetime
    closes: datetime

    def hours(self, starts: datetime, ends: datetime) -> float:
        """The hours between two moments that lie within the stretch."""
        within = min(self.closes, ends) - max(self.opens, starts)
        return max(0.0, within.total_seconds() / 3600)


def account_days(zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[Stretch]:
    """Split a stretch of time at the midnights of the account's zone."""
    while start < end:
        day = start.astimezone(zone).date()
        midnight = datetime.combine(day + timedelta(days=1), time(), zone).astimezone(UTC)
        yield Stretch(day, start, min(midnight, end))
        start = midnight


@dataclass(frozen=True)
class Terms:
    """The conditions under which one ad set meets the market: budget and `unit` in the account's currency.

    `name` and `ad_names` (by id) name the draws; `rate` is the worth of one of the market's units; an ad set
    that does not sell has no conversions.
    """

    seed: int
    name: str
    ad_names: Mapping[str, str]
    audience: str
    goal: market.Goal
    budget: float
    rate: float
    unit: Decimal
    sells: bool = True
    envelope: market.Envelope = market.WEEKLY


class RunningAdset(ABC, Generic[AdT]):
    """One ad set while time passes; statuses and budgets hold still meanwhile."""

    # Meta and TikTok stop a day's delivery at the envelope's limit; Google's envelope is the month's.
    is_capped_by_day = True

    def __init__(self, terms: Terms, records: Records) -> None:
        self.terms = terms
        self.records = records
        self.curve = market.curve_of(terms.seed, terms.audience)

    @abstractmethod
    def running(self, stretch: Stretch) -> Sequence[tuple[AdT, float]]:
        """The ads that share the stretch's money, each with the hours that it runs."""

    @abstractmethod
    def ad_id(self, ad: AdT) -> str:
        """The ad's key in `ad_names`."""

    @abstractmethod
    def creative_key(self, ad: AdT) -> str:
        """The contents of the ad: equal ones do equally well wherever they run."""

    @abstractmethod
    def empty_record(self, ad: AdT, day: date) -> DayRecord: ...

    @abstractmethod
    def all_ad_ids(self) -> Sequence[str]:
        """The ids of all ads, which together spend the day's money."""

    def deliver(self, stretch: Stretch) -> None:
        """Spend each ad's share of the day's money for the hours that it runs."""
        running = self.running(stretch)
        if not running:
            return
        terms = self.terms
        effects = [market.creative_effect(terms.seed, self.creative_key(ad)) for ad, _ in running]
        money = market.daily_spend(terms.seed, terms.name, stretch.day, terms.budget, terms.envelope)
        expected = market.daily_conversions(self.curve, money / terms.rate)
        expected *= market.day_factor(terms.seed, terms.name, stretch.day)
        room = self._room(stretch.day)
        for (ad, hours), effect, share in zip(running, effects, market.shares(effects), strict=True):
            part = share * hours / 24
            spend = min(money * part, room)
            room -= spend
            self._buy(ad, stretch, effect, spend, expected * part)

    def _buy(self, ad: AdT, stretch: Stretch, effect: float, spend: float, expected: float) -> None:
        terms, day = self.terms, stretch.day
        rng = Random(f"{terms.seed}/day/{terms.ad_names[self.ad_id(ad)]}/{day}/{stretch.opens.hour}")
        bought = market.deliver(rng, self.curve, terms.goal, effect, spend / terms.rate, expected, day)
        empty = self.empty_record(ad, day)
        record = self.records.setdefault((empty.ad_id, day), empty)
        record.add(spend, bought, terms.rate, terms.unit, sells=terms.sells)

    def _room(self, day: date) -> float:
        """The amount that may still be spent today."""
        if not self.is_capped_by_day:
            return math.inf
        records = [self.records.get((ad_id, day)) for ad_id in self.all_ad_ids()]
        spent = sum(record.spend for record in records if record)
        return max(0.0, self.terms.budget * self.terms.envelope.day - float(spent))


class RunningNodes(RunningAdset[NodeT], ABC):
    """An ad set whose objects are nodes of a store."""

    def __init__(self, terms: Terms, records: Records, adset: NodeT, ads: list[NodeT]) -> None:
        super().__init__(terms, records)
        self.adset, self.ads = adset, ads

    @abstractmethod
    def hours(self, ad: NodeT, stretch: Stretch) -> float: ...

    def running(self, stretch: Stretch) -> Sequence[tuple[NodeT, float]]:
        return [(ad, hours) for ad in self.ads if (hours := self.hours(ad, stretch)) > 0]

    def ad_id(self, ad: NodeT) -> str:
        return ad.id

    def empty_record(self, ad: NodeT, day: date) -> DayRecord:
        return DayRecord(ad.id, self.adset.id, ad.data["campaign_id"], ad.account_id, day)

    def all_ad_ids(self) -> Sequence[str]:
        return [ad.id for ad in self.ads]


def names_of(
    families: Mapping[NodeT, Sequence[NodeT]],
    audience: Callable[[NodeT], str],
    creative: Callable[[NodeT], str],
) -> dict[str, str]:
    """Names for the draws of ad sets and ads, by id; see `market.names`."""
    return market.names(
        {
            adset.id: (
                f"{adset.data['campaign_id']}/{audience(adset)}",
                {ad.id: creative(ad) for ad in ads},
            )
            for adset, ads in families.items()
        }
    )
