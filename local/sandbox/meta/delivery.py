"""Running ads: turns passing hours into spend, clicks and purchases through the market."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import ROUND_DOWN, Decimal
from random import Random

from local.sandbox import market
from local.sandbox.core.clock import whole_hour
from local.sandbox.meta.money import owns_budget
from local.sandbox.meta.status import may_deliver
from local.sandbox.meta.store import Account, DayRecord, Json, MetaStore, Node

# Rough worth of one dollar in currencies with large numbers; the rest count as one.
UNITS_PER_DOLLAR = {"JPY": 150, "KRW": 1350, "IDR": 16000, "VND": 25000, "HUF": 360, "TWD": 32, "CLP": 950}


def deliver(store: MetaStore, seed: int, start: datetime, end: datetime) -> None:
    """Delivers every running ad from `start` to `end` (aware, whole hours), day by account day."""
    for account in store.accounts.values():
        for day, opens, closes in account_days(account, start, end):
            for adset in store.of_kind(account.id, "adset"):
                _deliver_adset(store, account, adset, seed, day, opens, closes)


def account_days(
    account: Account, start: datetime, end: datetime
) -> Iterator[tuple[date, datetime, datetime]]:
    """Splits a stretch of time at the midnights of the account's zone."""
    while start < end:
        day = start.astimezone(account.zone).date()
        midnight = datetime.combine(day + timedelta(days=1), time(), account.zone)
        yield day, start, min(midnight.astimezone(start.tzinfo), end)
        start = midnight.astimezone(start.tzinfo)


def _deliver_adset(
    store: MetaStore, account: Account, adset: Node, seed: int, day: date, opens: datetime, closes: datetime
) -> None:
    ads = [ad for ad in store.children(adset, "ad") if may_deliver(store, ad, closes)]
    hours = {ad.id: _running_hours(ad, adset, opens, closes) for ad in ads}
    ads = [ad for ad in ads if hours[ad.id] > 0]
    if not ads:
        return
    effects = [market.creative_effect(seed, creative_key(store, ad)) for ad in ads]
    full_day = _full_day_spend(store, account, adset, seed, day)
    rate = UNITS_PER_DOLLAR.get(account.currency, 1)
    curve = market.curve_of(seed, audience_key(adset))
    expected = market.daily_conversions(curve, full_day / rate)
    room = _room_left(store, account, adset, day)
    for ad, effect, share in zip(ads, effects, market.shares(effects), strict=True):
        part = share * hours[ad.id] / 24
        spend = min(full_day * part, room)
        room -= spend
        rng = Random(f"{seed}/day/{ad.id}/{day}/{opens.hour}")
        goal = market.GOALS.get(adset.data["optimization_goal"], market.Goal())
        bought = market.deliver(rng, curve, goal, effect, spend / rate, expected * part, day)
        _book(store, account, ad, day, spend, bought, rate, sells=sells(adset))


def audience_key(adset: Node) -> str:
    """Ad sets that reach the same people meet the same market."""
    targeting: Json = adset.data["targeting"]
    places = sorted(targeting.get("geo_locations", {}).get("countries", []))
    return f"{places}/{targeting['age_min']}-{targeting['age_max']}/{targeting.get('genders')}"


def creative_key(store: MetaStore, ad: Node) -> str:
    """The same picture or film works equally well wherever it runs."""
    story = store.nodes[ad.data["creative_id"]].data["object_story_spec"]
    if "video_data" in story:
        return str(store.nodes[str(story["video_data"]["video_id"])].data["source"])
    link = story["link_data"]
    return str(link.get("image_hash") or link.get("picture"))


def sells(adset: Node) -> bool:
    """Whether a pixel or an app counts this ad set's conversions."""
    return bool({"pixel_id", "application_id"} & adset.data.get("promoted_object", {}).keys())


def _running_hours(ad: Node, adset: Node, opens: datetime, closes: datetime) -> float:
    starts = max(opens, whole_hour(ad.review_ends()))
    ends = min(closes, _moment(adset.data["end_time"])) if "end_time" in adset.data else closes
    return max(0.0, (ends - starts).total_seconds() / 3600)


def _moment(text: str) -> datetime:
    if text.isdigit():
        return datetime.fromtimestamp(int(text)).astimezone()
    return datetime.fromisoformat(text).astimezone()


def _daily_budget(store: MetaStore, account: Account, adset: Node) -> float:
    """Budget of the day in major units; a campaign budget is split evenly over its running ad sets."""
    campaign = store.nodes[adset.data["campaign_id"]]
    if owns_budget(campaign):
        siblings = [s for s in store.children(campaign, "adset") if s.status == "ACTIVE"]
        return _per_day(campaign) / max(len(siblings), 1) / account.offset
    return _per_day(adset) / account.offset


def _per_day(owner: Node) -> float:
    if "daily_budget" in owner.data:
        return float(owner.data["daily_budget"])
    ends = owner.data.get("end_time") or owner.data.get("stop_time")
    days = max(1.0, (_moment(ends) - owner.created).total_seconds() / 86400) if ends else 30.0
    # Days run a little over; a lifetime budget must not.
    return float(owner.data["lifetime_budget"]) / days / market.OVERSPEND_LIMIT


def _full_day_spend(store: MetaStore, account: Account, adset: Node, seed: int, day: date) -> float:
    return market.daily_spend(seed, adset.id, day, _daily_budget(store, account, adset))


def _room_left(store: MetaStore, account: Account, adset: Node, day: date) -> float:
    """What may still be spent today: at most a quarter over the budget."""
    spent = sum(r.spend for r in store.records.values() if r.adset_id == adset.id and r.day == day)
    limit = _daily_budget(store, account, adset) * market.OVERSPEND_LIMIT
    return max(0.0, limit - float(spent))


def _book(
    store: MetaStore,
    account: Account,
    ad: Node,
    day: date,
    spend: float,
    bought: market.Delivery,
    rate: float,
    *,
    sells: bool,
) -> None:
    unit = Decimal(1) / account.offset
    empty = DayRecord(ad.id, ad.data["adset_id"], ad.data["campaign_id"], account.id, day)
    record = store.records.setdefault((ad.id, day), empty)
    record.spend += Decimal(spend).quantize(unit, ROUND_DOWN)
    record.impressions += bought.impressions
    record.clicks += bought.clicks
    if sells:
        record.conversions += bought.conversions
        record.revenue += Decimal(bought.revenue * rate).quantize(unit)
