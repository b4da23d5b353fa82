"""Delivery of Meta's ads: budgets, hours and audiences of its ad sets."""

from datetime import datetime
from decimal import Decimal

from local.sandbox import market
from local.sandbox.core.clock import whole_hour
from local.sandbox.core.delivery import (
    UNITS_PER_DOLLAR,
    RunningNodes,
    Stretch,
    Terms,
    account_days,
    names_of,
)
from local.sandbox.meta.answers.status import may_deliver
from local.sandbox.meta.objects.adsets import moment_of
from local.sandbox.meta.objects.money import owns_budget
from local.sandbox.meta.store import Account, MetaStore, Node


def deliver(store: MetaStore, seed: int, start: datetime, end: datetime) -> None:
    """Deliver every running ad from `start` to `end` (aware, whole hours), day by account day."""
    for account in store.accounts.values():
        families = store.families(account.id)
        names = names_of(families, audience_key, lambda ad: _creative_key(store, ad))
        adsets = [
            _RunningAdset(store, _terms(store, account, seed, names, adset), adset, ads)
            for adset, ads in families.items()
        ]
        for stretch in account_days(account.zone, start, end):
            for adset in adsets:
                adset.deliver(stretch)


def _terms(store: MetaStore, account: Account, seed: int, names: dict[str, str], adset: Node) -> Terms:
    return Terms(
        seed,
        names[adset.id],
        names,
        audience_key(adset),
        market.GOALS.get(adset.data["optimization_goal"], market.Goal()),
        _daily_budget(store, account, adset),
        UNITS_PER_DOLLAR.get(account.currency, 1),
        Decimal(1) / account.offset,
        sells=bool({"pixel_id", "application_id"} & adset.data.get("promoted_object", {}).keys()),
        envelope=market.META_BURSTS if account.spend_bursts else market.META_WEEKLY,
    )


class _RunningAdset(RunningNodes[Node]):
    def __init__(self, store: MetaStore, terms: Terms, adset: Node, ads: list[Node]) -> None:
        super().__init__(terms, store.records, adset, ads)
        self.store = store

    def creative_key(self, ad: Node) -> str:
        return _creative_key(self.store, ad)

    def hours(self, ad: Node, stretch: Stretch) -> float:
        if not may_deliver(self.store, ad, stretch.closes):
            return 0.0
        start_time, end_time = (self.adset.data.get(name) for name in ("start_time", "end_time"))
        ends = moment_of(end_time) if end_time else stretch.closes
        starts = whole_hour(ad.review_ends())
        if start_time:
            starts = max(starts, whole_hour(moment_of(start_time)))
        return stretch.hours(starts, ends)


def audience_key(adset: Node) -> str:
    """Ad sets that reach the same people meet the same market."""
    targeting = adset.data["targeting"]
    places = sorted(targeting.get("geo_locations", {}).get("countries", []))
    ages = f"{targeting.get('age_min')}-{targeting.get('age_max')}"
    return f"{places}/{ages}/{targeting.get('genders')}"


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
