"""Running ads: turns passing hours into cost, clicks and conversions through the market."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random

from local.sandbox import market
from local.sandbox.core.clock import whole_hour
from local.sandbox.core.records import DayRecord
from local.sandbox.google.campaigns import campaign_end
from local.sandbox.google.messages import Message, enum_name
from local.sandbox.google.status import Reader
from local.sandbox.google.store import REVIEW_TIME, Account, Store

# Rough worth of one dollar in currencies with large numbers; the rest count as one.
UNITS_PER_DOLLAR = {"CLP": 950, "HUF": 360, "IDR": 16000, "JPY": 150, "KRW": 1350, "TWD": 32, "VND": 25000}
_GOALS = {
    "target_spend": market.GOALS["LINK_CLICKS"],
    "maximize_conversions": market.GOALS["OFFSITE_CONVERSIONS"],
    "maximize_conversion_value": market.GOALS["VALUE"],
}


@dataclass(frozen=True)
class Stretch:
    """Part of one account day."""

    day: date
    opens: datetime
    closes: datetime


def deliver(store: Store, seed: int, start: datetime, end: datetime) -> None:
    """Delivers every running ad from `start` to `end` (aware, whole hours), day by account day."""
    for account in store.accounts.values():
        for stretch in account_days(account, start, end):
            for campaign in store.of_kind(account.id, "campaign"):
                if enum_name(campaign, "status") == "ENABLED":
                    _deliver_campaign(store, account, seed, campaign, stretch)


def account_days(account: Account, start: datetime, end: datetime) -> Iterator[Stretch]:
    """Splits a stretch of time at the midnights of the account's zone."""
    while start < end:
        day = start.astimezone(account.zone).date()
        midnight = datetime.combine(day + timedelta(days=1), time(), account.zone).astimezone(UTC)
        yield Stretch(day, start, min(midnight, end))
        start = midnight


def _deliver_campaign(store: Store, account: Account, seed: int, campaign: Message, stretch: Stretch) -> None:
    """The campaign's budget goes to its running ad groups in equal parts."""
    reader = Reader(store, stretch.closes)
    families = {
        group.resource_name: store.children(group, "ad_group_ad")
        for group in store.children(campaign, "ad_group")
    }
    names = _names(store, campaign, families)
    able = {group: [ad for ad in ads if reader.may_deliver(ad)] for group, ads in families.items()}
    running = {group: ads for group, ads in able.items() if ads}
    budget = store.resources[campaign.campaign_budget].amount_micros / 1_000_000
    for group, ads in running.items():
        share = budget / len(running)
        _RunningGroup(store, account, seed, names, campaign, store.resources[group], share).deliver(
            ads, stretch
        )


class _RunningGroup:
    """One ad group while time passes; statuses and budgets hold still meanwhile."""

    def __init__(
        self,
        store: Store,
        account: Account,
        seed: int,
        names: dict[str, str],
        campaign: Message,
        group: Message,
        budget: float,
    ) -> None:
        self.store, self.account, self.seed, self.names = store, account, seed, names
        self.campaign, self.group, self.budget = campaign, group, budget
        self.rate = UNITS_PER_DOLLAR.get(account.currency, 1)
        self.curve = market.curve_of(seed, _audience_key(store, campaign, group))
        bidding = campaign.WhichOneof("campaign_bidding_strategy") or ""
        self.goal = _GOALS.get(bidding, market.Goal())

    def deliver(self, ads: list[Message], stretch: Stretch) -> None:
        """Spends each ad's share of the day's money for the hours it may run."""
        effects = [market.creative_effect(self.seed, _creative_key(ad)) for ad in ads]
        name = self.names[self.group.resource_name]
        money = market.daily_spend(self.seed, name, stretch.day, self.budget, market.MONTHLY)
        expected = market.daily_conversions(self.curve, money / self.rate)
        expected *= market.day_factor(self.seed, name, stretch.day)
        for ad, effect, share in zip(ads, effects, market.shares(effects), strict=True):
            part = share * self._hours(ad, stretch) / 24
            self._buy(ad, stretch, effect, money * part, expected * part)

    def _hours(self, ad: Message, stretch: Stretch) -> float:
        reviewed = whole_hour(self.store.reviews[ad.resource_name].submitted + REVIEW_TIME)
        end = campaign_end(self.campaign, self.account.zone) or stretch.closes
        closes, opens = min(stretch.closes, end), max(stretch.opens, reviewed)
        return max(0.0, (closes - opens).total_seconds() / 3600)

    def _buy(self, ad: Message, stretch: Stretch, effect: float, spend: float, expected: float) -> None:
        rng = Random(f"{self.seed}/day/{self.names[ad.resource_name]}/{stretch.day}/{stretch.opens.hour}")
        bought = market.deliver(rng, self.curve, self.goal, effect, spend / self.rate, expected, stretch.day)
        unit = Decimal(self.account.billable_unit_micros) / 1_000_000
        self._record(ad, stretch.day).add(spend, bought, self.rate, unit)

    def _record(self, ad: Message, day: date) -> DayRecord:
        own, group, campaign = (_id(item) for item in (ad, self.group, self.campaign))
        empty = DayRecord(own, group, campaign, self.account.id, day)
        return self.store.records.setdefault((own, day), empty)


def _id(message: Message) -> str:
    return str(message.resource_name.rpartition("/")[2])


def _names(store: Store, campaign: Message, families: dict[str, list[Message]]) -> dict[str, str]:
    return market.names(
        {
            group: (
                f"{campaign.resource_name}/{_audience_key(store, campaign, store.resources[group])}",
                {ad.resource_name: _creative_key(ad) for ad in ads},
            )
            for group, ads in families.items()
        }
    )


def _audience_key(store: Store, campaign: Message, group: Message) -> str:
    """Ad groups that reach the same people meet the same market."""
    places = sorted(
        item.location.geo_target_constant for item in store.children(campaign, "campaign_criterion")
    )
    ages = sorted(
        item.age_range.type_
        for item in store.children(group, "ad_group_criterion")
        if item.WhichOneof("criterion") == "age_range"
    )
    return f"{places}/{ages}"


def _creative_key(ad: Message) -> str:
    """The same words and pictures work equally well wherever they run."""
    kind = ad.ad.WhichOneof("ad_data")
    return str(getattr(ad.ad, kind))
