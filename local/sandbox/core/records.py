"""Delivered days of ads, the same on every platform."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import ROUND_DOWN, Decimal
from typing import Literal

from local.sandbox.market import Delivery

Level = Literal["account", "campaign", "adset", "ad"]


@dataclass
class DayRecord:
    """The delivery of one ad on one day of the account's time zone; money in major units.

    Conversions and revenue are final; `arrivals` tells how many of them, and worth how much, get known at
    which age of the day: 0 when it has just ended.
    """

    ad_id: str
    adset_id: str
    campaign_id: str
    account_id: str
    day: date
    spend: Decimal = Decimal(0)
    impressions: int = 0
    clicks: int = 0
    conversions: int = 0
    revenue: Decimal = Decimal(0)
    arrivals: dict[int, tuple[int, Decimal]] = field(default_factory=dict)

    def add(self, spend: float, bought: Delivery, rate: float, unit: Decimal, *, sells: bool = True) -> None:
        """`spend` in major units, `bought` in the market's currency, `rate` to the account's; amounts are
        kept in multiples of `unit`. What does not sell has no conversions."""
        self.spend += Decimal(spend).quantize(unit, ROUND_DOWN)
        self.impressions += bought.impressions
        self.clicks += bought.clicks
        for order in bought.orders if sells else ():
            value = Decimal(order.value * rate).quantize(unit)
            self._book(order.lag, 1, value)
            self.conversions += 1
            self.revenue += value

    def _book(self, lag: int, conversions: int, revenue: Decimal) -> None:
        count, value = self.arrivals.get(lag, (0, Decimal(0)))
        self.arrivals[lag] = (count + conversions, value + revenue)

    def known(self, today: date) -> "DayRecord":
        """The record as a report shows it on `today`, a day of the account."""
        age = max((today - self.day).days - 1, 0)
        if all(lag <= age for lag in self.arrivals):
            return self
        arrived = {lag: entry for lag, entry in self.arrivals.items() if lag <= age}
        conversions = sum(count for count, _ in arrived.values())
        revenue = sum((value for _, value in arrived.values()), Decimal(0))
        return replace(self, conversions=conversions, revenue=revenue, arrivals=arrived)

    def id_at(self, level: Level) -> str:
        """Id of the account, campaign, ad set or ad this belongs to."""
        ids = {
            "account": self.account_id,
            "campaign": self.campaign_id,
            "adset": self.adset_id,
            "ad": self.ad_id,
        }
        return ids[level]


def added_up(records: Iterable[DayRecord], head: DayRecord) -> DayRecord:
    """The sum of `records`, with the ids and the day of `head`."""
    total = DayRecord(head.ad_id, head.adset_id, head.campaign_id, head.account_id, head.day)
    for record in records:
        total.spend += record.spend
        total.impressions += record.impressions
        total.clicks += record.clicks
        total.conversions += record.conversions
        total.revenue += record.revenue
    return total
