"""Running ads: turns passing hours into spend, clicks and purchases through the market."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random

from local.sandbox import market
from local.sandbox.core.clock import whole_hour
from local.sandbox.core.records import DayRecord
from local.sandbox.meta.money import owns_budget
from local.sandbox.meta.status import may_deliver
from local.sandbox.meta.store import Account, MetaStore, Node

# Rough worth of one dollar in currencies with large numbers; the rest count as one.
UNITS_PER_DOLLAR = {"CLP": 950, "HUF": 360, "IDR": 16000, "JPY": 150, "KRW": 1350, "TWD": 32, "VND": 25000}


@dataclass(frozen=True)
class Stretch:
    """Part of one account day."""

    day: date
    opens: datetime
    closes: datetime


def deliver(store: MetaStore, seed: int, start: datetime, end: datetime) -> None:
    """Delivers every running ad from `start` to `end` (aware, whole hours), day by account day."""
    for account in store.accounts.values():
        families = _families(store, account)
        names = _names(store, families)
        adsets = [_RunningAdset(store, account, seed, names, adset, ads) for adset, ads in families.items()]
        for stretch in account_days(account, start, end):
            for adset in adsets:
                adset.deliver(stretch)


def account_days(account: Account, start: datetime, end: datetime) -> Iterator[Stretch]:
    """Splits a stretch of time at the midnights of the account's zone."""
    while start < end:
        day = start.astimezone(account.zone).date()
        midnight = datetime.combine(day + timedelta(days=1), time(), account.zone).astimezone(UTC)
        yield Stretch(day, start, min(midnight, end))
        start = midnight


def _families(store: MetaStore, account: Account) -> dict[Node, list[Node]]:
    """Ad sets with their ads, oldest first, deleted ones included: they spent money today, too."""
    ads: dict[str, list[Node]] = defaultdict(list)
    for ad in reversed(store.of_kind(account.id, "ad")):
        ads[ad.data["adset_id"]].append(ad)
    return {adset: ads[adset.id] for adset in reversed(store.of_kind(account.id, "adset"))}


class _RunningAdset:
    """One ad set while time passes; statuses and budgets hold still meanwhile."""

    def __init__(
        self,
        store: MetaStore,
        account: Account,
        seed: int,
        names: dict[str, str],
        adset: Node,
        ads: list[Node],
    ) -> None:
        self.store, self.account, self.seed, self.names = store, account, seed, names
        self.adset, self.ads = adset, ads
        self.budget = _daily_budget(store, account, adset)
        self.rate = UNITS_PER_DOLLAR.get(account.currency, 1)
        self.curve = market.curve_of(seed, _audience_key(adset))
        self.goal = market.GOALS.get(adset.data["optimization_goal"], market.Goal())
        self.sells = bool({"pixel_id", "application_id"} & adset.data.get("promoted_object", {}).keys())

    def deliver(self, stretch: Stretch) -> None:
        """Spends each ad's share of the day's money for the hours it may run."""
        hours = {ad.id: self._hours(ad, stretch) for ad in self.ads}
        running = [ad for ad in self.ads if hours[ad.id] > 0]
        if not running:
            return
        effects = [market.creative_effect(self.seed, _creative_key(self.store, ad)) for ad in running]
        name = self.names[self.adset.id]
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
        unit = Decimal(1) / self.account.offset
        self._record(ad, stretch.day).add(spend, bought, self.rate, unit, sells=self.sells)

    def _record(self, ad: Node, day: date) -> DayRecord:
        empty = DayRecord(ad.id, self.adset.id, ad.data["campaign_id"], self.account.id, day)
        return self.store.records.setdefault((ad.id, day), empty)

    def _hours(self, ad: Node, stretch: Stretch) -> float:
        if not may_deliver(self.store, ad, stretch.closes):
            return 0.0
        starts = max(stretch.opens, whole_hour(ad.review_ends()))
        end_time = self.adset.data.get("end_time")
        ends = min(stretch.closes, moment_of(end_time)) if end_time else stretch.closes
        return max(0.0, (ends - starts).total_seconds() / 3600)

    def _room(self, day: date) -> float:
        """What may still be spent today: at most a quarter over the budget."""
        records = [self.store.records.get((ad.id, day)) for ad in self.ads]
        spent = sum(record.spend for record in records if record)
        return max(0.0, self.budget * market.OVERSPEND_LIMIT - float(spent))


def _names(store: MetaStore, families: dict[Node, list[Node]]) -> dict[str, str]:
    return market.names(
        {
            adset.id: (
                f"{adset.data['campaign_id']}/{_audience_key(adset)}",
                {ad.id: _creative_key(store, ad) for ad in ads},
            )
            for adset, ads in families.items()
        }
    )


def _audience_key(adset: Node) -> str:
    """Ad sets that reach the same people meet the same market."""
    targeting = adset.data["targeting"]
    places = sorted(targeting.get("geo_locations", {}).get("countries", []))
    return f"{places}/{targeting['age_min']}-{targeting['age_max']}/{targeting.get('genders')}"


def _creative_key(store: MetaStore, ad: Node) -> str:
    """The same picture or film works equally well wherever it runs."""
    story = store.nodes[ad.data["creative_id"]].data["object_story_spec"]
    if "video_data" in story:
        return market.shown(str(store.nodes[str(story["video_data"]["video_id"])].data["source"]))
    link = story["link_data"]
    return market.shown(str(link.get("image_hash") or link.get("picture")))


def _daily_budget(store: MetaStore, account: Account, adset: Node) -> float:
    """Budget of a day in major units; a campaign budget is split evenly over its running ad sets."""
    campaign = store.nodes[adset.data["campaign_id"]]
    if not owns_budget(campaign):
        return _per_day(adset) / account.offset
    siblings = [s for s in store.children(campaign, "adset") if s.status == "ACTIVE"]
    return _per_day(campaign) / max(len(siblings), 1) / account.offset


def _per_day(owner: Node) -> float:
    if "daily_budget" in owner.data:
        return float(owner.data["daily_budget"])
    ends = owner.data.get("end_time") or owner.data.get("stop_time")
    days = max(1.0, (moment_of(ends) - owner.created).total_seconds() / 86400) if ends else 30.0
    # Days run a little over; a lifetime budget must not.
    return float(owner.data["lifetime_budget"]) / days / market.OVERSPEND_LIMIT


def moment_of(text: str) -> datetime:
    if text.isdigit():
        return datetime.fromtimestamp(int(text), UTC)
    return datetime.fromisoformat(text).astimezone(UTC)
