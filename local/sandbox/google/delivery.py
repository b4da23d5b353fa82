"""Delivery of Google's ads: a campaign's budget goes to its running ad groups in equal parts."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

from local.sandbox import market
from local.sandbox.core.clock import whole_hour
from local.sandbox.core.delivery import UNITS_PER_DOLLAR, RunningAdset, Stretch, Terms, account_days
from local.sandbox.core.records import DayRecord
from local.sandbox.google.messages import Message, enum_name
from local.sandbox.google.objects.campaigns import campaign_end, campaign_start
from local.sandbox.google.status import Reader
from local.sandbox.google.store import Account, Store

_GOALS = {
    "target_spend": market.GOALS["LINK_CLICKS"],
    "maximize_conversions": market.GOALS["OFFSITE_CONVERSIONS"],
    "maximize_conversion_value": market.GOALS["VALUE"],
}


def deliver(store: Store, seed: int, start: datetime, end: datetime) -> None:
    """Deliver every running ad from `start` to `end` (aware, whole hours), day by account day."""
    for account in store.accounts.values():
        for stretch in account_days(account.zone, start, end):
            for campaign in store.of_kind(account.id, "campaign"):
                if enum_name(campaign, "status") == "ENABLED":
                    _deliver_campaign(store, account, seed, campaign, stretch)


def _deliver_campaign(store: Store, account: Account, seed: int, campaign: Message, stretch: Stretch) -> None:
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
        message = store.resources[group]
        terms = _terms(store, account, seed, names, campaign, message, budget / len(running))
        _RunningGroup(store, account, terms, campaign, message, ads).deliver(stretch)


def _terms(
    store: Store,
    account: Account,
    seed: int,
    names: dict[str, str],
    campaign: Message,
    group: Message,
    budget: float,
) -> Terms:
    bidding = campaign.WhichOneof("campaign_bidding_strategy") or ""
    return Terms(
        seed,
        names[group.resource_name],
        names,
        audience_key(store, campaign, group),
        _GOALS.get(bidding, market.Goal()),
        budget,
        UNITS_PER_DOLLAR.get(account.currency, 1),
        Decimal(account.billable_unit_micros) / 1_000_000,
        envelope=market.GOOGLE_BURSTS if account.spend_bursts else market.MONTHLY,
    )


class _RunningGroup(RunningAdset[Message]):
    """One ad group with its ads that may deliver."""

    is_capped_by_day = False

    def __init__(
        self,
        store: Store,
        account: Account,
        terms: Terms,
        campaign: Message,
        group: Message,
        ads: list[Message],
    ) -> None:
        super().__init__(terms, store.records)
        self.store, self.account = store, account
        self.campaign, self.group, self.ads = campaign, group, ads

    def running(self, stretch: Stretch) -> Sequence[tuple[Message, float]]:
        return [(ad, self._hours(ad, stretch)) for ad in self.ads]

    def ad_id(self, ad: Message) -> str:
        return str(ad.resource_name)

    def creative_key(self, ad: Message) -> str:
        return _creative_key(ad)

    def empty_record(self, ad: Message, day: date) -> DayRecord:
        return DayRecord(_id(ad), _id(self.group), _id(self.campaign), self.account.id, day)

    def all_ad_ids(self) -> Sequence[str]:
        return [_id(ad) for ad in self.ads]

    def _hours(self, ad: Message, stretch: Stretch) -> float:
        starts = whole_hour(self.store.reviews[ad.resource_name].ends)
        if begins := campaign_start(self.campaign, self.account.zone):
            starts = max(starts, begins)
        return stretch.hours(starts, campaign_end(self.campaign, self.account.zone) or stretch.closes)


def _id(message: Message) -> str:
    return str(message.resource_name.rpartition("/")[2])


def _names(store: Store, campaign: Message, families: dict[str, list[Message]]) -> dict[str, str]:
    return market.names(
        {
            group: (
                f"{campaign.resource_name}/{audience_key(store, campaign, store.resources[group])}",
                {ad.resource_name: _creative_key(ad) for ad in ads},
            )
            for group, ads in families.items()
        }
    )


def audience_key(store: Store, campaign: Message, group: Message) -> str:
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
