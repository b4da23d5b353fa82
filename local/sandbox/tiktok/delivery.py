"""Running ads: turns passing hours into spend, clicks and payments through the market."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from random import Random

from local.sandbox import market
from local.sandbox.core.clock import whole_hour
from local.sandbox.core.records import DayRecord
from local.sandbox.tiktok.adgroups import schedule_days, schedule_end
from local.sandbox.tiktok.ads import creative_key
from local.sandbox.tiktok.campaigns import TOTAL
from local.sandbox.tiktok.money import RATIO, step
from local.sandbox.tiktok.status import may_deliver
from local.sandbox.tiktok.store import Account, Node, TikTokStore

# Rough worth of one dollar where it is far from the currency's budget ratio.
UNITS_PER_DOLLAR = {"HUF": 360, "JPY": 150, "TWD": 32}
MARKET_GOALS = {
    "CLICK": "LINK_CLICKS",
    "CONVERT": "OFFSITE_CONVERSIONS",
    "ENGAGED_VIEW": "IMPRESSIONS",
    "REACH": "REACH",
    "TRAFFIC_LANDING_PAGE_VIEW": "LANDING_PAGE_VIEWS",
    "VALUE": "VALUE",
}


@dataclass(frozen=True)
class Stretch:
    """Part of one account day."""

    day: date
    opens: datetime
    closes: datetime


def deliver(store: TikTokStore, seed: int, start: datetime, end: datetime) -> None:
    """Delivers every running ad from `start` to `end` (aware, whole hours), day by account day."""
    for account in store.accounts.values():
        families = _families(store, account)
        names = _names(store, families)
        for stretch in account_days(account, start, end):
            for adgroup, ads in families.items():
                apply_due_budget(adgroup, stretch.day)
                _RunningAdgroup(store, account, seed, names, adgroup, ads).deliver(stretch)


def apply_due_budget(adgroup: Node, day: date) -> None:
    """A scheduled budget holds from 00:00 of the day after it was set, account time."""
    if adgroup.next_budget is not None and day >= adgroup.next_budget[0]:
        adgroup.data["budget"] = float(adgroup.next_budget[1])
        adgroup.next_budget = None


def account_days(account: Account, start: datetime, end: datetime) -> Iterator[Stretch]:
    """Splits a stretch of time at the midnights of the account's zone."""
    while start < end:
        day = start.astimezone(account.zone).date()
        midnight = datetime.combine(day + timedelta(days=1), time(), account.zone).astimezone(UTC)
        yield Stretch(day, start, min(midnight, end))
        start = midnight


def _families(store: TikTokStore, account: Account) -> dict[Node, list[Node]]:
    """Ad groups with their ads, oldest first, deleted ones included: they spent money today, too."""
    ads: dict[str, list[Node]] = defaultdict(list)
    for ad in reversed(store.of_kind(account.id, "ad")):
        ads[ad.data["adgroup_id"]].append(ad)
    return {adgroup: ads[adgroup.id] for adgroup in reversed(store.of_kind(account.id, "adgroup"))}


class _RunningAdgroup:
    """One ad group while time passes; statuses hold still meanwhile."""

    def __init__(
        self,
        store: TikTokStore,
        account: Account,
        seed: int,
        names: dict[str, str],
        adgroup: Node,
        ads: list[Node],
    ) -> None:
        self.store, self.account, self.seed, self.names = store, account, seed, names
        self.adgroup, self.ads = adgroup, ads
        self.budget = _daily_budget(store, adgroup)
        self.rate = UNITS_PER_DOLLAR.get(account.currency, RATIO[account.currency])
        self.curve = market.curve_of(seed, _audience_key(adgroup))
        goal = adgroup.data["optimization_goal"]
        self.goal = market.GOALS.get(MARKET_GOALS.get(goal, ""), market.Goal())
        self.sells = bool({"pixel_id", "app_id"} & adgroup.data.keys())

    def deliver(self, stretch: Stretch) -> None:
        """Spends each ad's share of the day's money for the hours it may run."""
        hours = {ad.id: self._hours(ad, stretch) for ad in self.ads}
        running = [ad for ad in self.ads if hours[ad.id] > 0]
        if not running:
            return
        effects = [market.creative_effect(self.seed, creative_key(self.store, ad)) for ad in running]
        name = self.names[self.adgroup.id]
        money = market.daily_spend(self.seed, name, stretch.day, self.budget)
        expected = market.daily_conversions(self.curve, money / self.rate)
        expected *= market.day_factor(self.seed, name, stretch.day)
        room = self._room(stretch.day)
        for ad, effect, share in zip(running, effects, market.shares(effects), strict=True):
            part = share * hours[ad.id] / 24
            spend = min(money * part, room)
            room -= spend
            self._buy(ad, stretch, effect, spend, expected * part)

    def _buy(self, ad: Node, stretch: Stretch, effect: float, spend: float, expected: float) -> None:
        rng = Random(f"{self.seed}/day/{self.names[ad.id]}/{stretch.day}/{stretch.opens.hour}")
        bought = market.deliver(rng, self.curve, self.goal, effect, spend / self.rate, expected, stretch.day)
        unit = step(self.account)
        self._record(ad, stretch.day).add(spend, bought, self.rate, unit, sells=self.sells)

    def _record(self, ad: Node, day: date) -> DayRecord:
        empty = DayRecord(ad.id, self.adgroup.id, ad.data["campaign_id"], self.account.id, day)
        return self.store.records.setdefault((ad.id, day), empty)

    def _hours(self, ad: Node, stretch: Stretch) -> float:
        if not may_deliver(self.store, ad, stretch.opens) and not may_deliver(self.store, ad, stretch.closes):
            return 0.0
        starts = max(stretch.opens, whole_hour(ad.review_ends()))
        ends = min(stretch.closes, schedule_end(self.adgroup.data))
        return max(0.0, (ends - starts).total_seconds() / 3600)

    def _room(self, day: date) -> float:
        """What may still be spent today: at most a quarter over the budget."""
        records = [self.store.records.get((ad.id, day)) for ad in self.ads]
        spent = sum(record.spend for record in records if record)
        return max(0.0, self.budget * market.OVERSPEND_LIMIT - float(spent))


def _names(store: TikTokStore, families: dict[Node, list[Node]]) -> dict[str, str]:
    return market.names(
        {
            adgroup.id: (
                f"{adgroup.data['campaign_id']}/{_audience_key(adgroup)}",
                {ad.id: creative_key(store, ad) for ad in ads},
            )
            for adgroup, ads in families.items()
        }
    )


def _audience_key(adgroup: Node) -> str:
    """Ad groups that reach the same people meet the same market."""
    targeting = adgroup.data.get("targeting_spec") or adgroup.data
    return f"tiktok/{sorted(targeting['location_ids'])}/{targeting['age_groups']}/{targeting['gender']}"


def _daily_budget(store: TikTokStore, adgroup: Node) -> float:
    """Budget of a day in major units; a campaign budget is split evenly over its running ad groups."""
    campaign = store.nodes[adgroup.data["campaign_id"]]
    if campaign.data["budget_optimize_on"]:
        siblings = [s for s in store.children(campaign, "adgroup") if s.operation_status == "ENABLE"]
        return float(campaign.data["budget"]) / max(len(siblings), 1)
    budget = float(adgroup.data["budget"])
    if adgroup.data["budget_mode"] != TOTAL:
        return budget
    # Days run a little over; a lifetime budget must not.
    return budget / schedule_days(adgroup.data) / market.OVERSPEND_LIMIT
