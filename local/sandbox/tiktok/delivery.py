"""Delivery of TikTok's ads: budgets, hours and audiences of its ad groups."""

from datetime import date, datetime

from local.sandbox import market
from local.sandbox.core.clock import whole_hour
from local.sandbox.core.delivery import RunningNodes, Stretch, Terms, account_days, names_of
from local.sandbox.tiktok.answers.status import may_deliver
from local.sandbox.tiktok.objects.adgroups import schedule_days, schedule_end, schedule_start
from local.sandbox.tiktok.objects.ads import creative_key
from local.sandbox.tiktok.objects.campaigns import TOTAL
from local.sandbox.tiktok.objects.money import RATIO, step
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


def deliver(store: TikTokStore, seed: int, start: datetime, end: datetime) -> None:
    """Deliver every running ad from `start` to `end` (aware, whole hours), day by account day."""
    for account in store.accounts.values():
        families = store.families(account.id)
        names = names_of(families, audience_key, lambda ad: creative_key(store, ad))
        for stretch in account_days(account.zone, start, end):
            for adgroup, ads in families.items():
                # Budgets change at midnight, so the terms are new in each stretch.
                apply_due_budget(adgroup, stretch.day)
                terms = _terms(store, account, seed, names, adgroup)
                _RunningAdgroup(store, terms, adgroup, ads).deliver(stretch)


def apply_due_budgets(store: TikTokStore, now: datetime) -> None:
    """Let every scheduled budget take effect whose account day has begun."""
    for node in store.nodes.values():
        if node.next_budget is not None:
            apply_due_budget(node, now.astimezone(store.accounts[node.account_id].zone).date())


def apply_due_budget(adgroup: Node, day: date) -> None:
    """Let a scheduled budget take effect from 00:00 of the day after it was set, account time."""
    if adgroup.next_budget is not None and day >= adgroup.next_budget[0]:
        adgroup.data["budget"] = float(adgroup.next_budget[1])
        adgroup.next_budget = None


def _terms(store: TikTokStore, account: Account, seed: int, names: dict[str, str], adgroup: Node) -> Terms:
    goal = MARKET_GOALS.get(adgroup.data["optimization_goal"], "")
    return Terms(
        seed,
        names[adgroup.id],
        names,
        audience_key(adgroup),
        market.GOALS.get(goal, market.Goal()),
        _daily_budget(store, adgroup),
        UNITS_PER_DOLLAR.get(account.currency, RATIO[account.currency]),
        step(account),
        sells=bool({"pixel_id", "app_id"} & adgroup.data.keys()),
    )


class _RunningAdgroup(RunningNodes[Node]):
    def __init__(self, store: TikTokStore, terms: Terms, adgroup: Node, ads: list[Node]) -> None:
        super().__init__(terms, store.records, adgroup, ads)
        self.store = store

    def creative_key(self, ad: Node) -> str:
        return creative_key(self.store, ad)

    def hours(self, ad: Node, stretch: Stretch) -> float:
        if not may_deliver(self.store, ad, stretch.opens) and not may_deliver(self.store, ad, stretch.closes):
            return 0.0
        starts = max(whole_hour(ad.review_ends()), whole_hour(schedule_start(self.adset.data)))
        return stretch.hours(starts, schedule_end(self.adset.data))


def audience_key(adgroup: Node) -> str:
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
