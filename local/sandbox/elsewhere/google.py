"""Campaigns made elsewhere on Google: with shared, total and daily budgets, in regions and cities, of ages
that are left out."""

from datetime import datetime

from local.sandbox.core.delivery import UNITS_PER_DOLLAR
from local.sandbox.core.reviews import LONG_AGO
from local.sandbox.elsewhere.plan import MadeElsewhere
from local.sandbox.google.messages import KINDS, Message, set_enum
from local.sandbox.google.store import Account, Review, Store

_BIDDINGS = {
    "sales": "maximize_conversion_value",
    "traffic": "target_spend",
    "leads": "maximize_conversions",
    "unknown": "manual_cpc",
}
_STATUS = {"active": "ENABLED", "paused": "PAUSED", "archived": "REMOVED"}
_PLACES = {"country": 2840, "region": 21137, "city": 1014221}
# The ages that an ad group leaves out.
_WITHOUT = {
    "all": (),
    "adults": ("AGE_RANGE_18_24", "AGE_RANGE_55_64", "AGE_RANGE_65_UP", "AGE_RANGE_UNDETERMINED"),
    "none": ("AGE_RANGE_UNDETERMINED",),
    "unknown": ("AGE_RANGE_25_34", "AGE_RANGE_45_54"),  # which leaves ages apart from each other
}
_SHARED = "Budget of several campaigns"
_TOTAL_DAYS = 60


def build(store: Store, account: Account, plan: MadeElsewhere, made_at: datetime) -> str:
    campaign = KINDS["campaign"].message(id=store.next_id(), name=plan.name)
    campaign.resource_name = f"customers/{account.id}/campaigns/{campaign.id}"
    campaign.campaign_budget = _budget(store, account, plan)
    campaign.network_settings.target_google_search = True
    bidding = _BIDDINGS[plan.objective]
    getattr(campaign, bidding).SetInParent()
    set_enum(campaign, "bidding_strategy_type", bidding.upper())
    set_enum(campaign, "advertising_channel_type", "SEARCH")
    set_enum(campaign, "contains_eu_political_advertising", "DOES_NOT_CONTAIN_EU_POLITICAL_ADVERTISING")
    set_enum(campaign, "status", _STATUS[plan.state])
    store.resources[campaign.resource_name] = campaign
    _add_place(store, account, campaign, plan)
    for number in range(1, len(plan.budgets) + 1):
        group = KINDS["ad_group"].message(id=store.next_id(), name=f"{plan.name} / group {number}")
        group.resource_name = f"customers/{account.id}/adGroups/{group.id}"
        group.campaign = campaign.resource_name
        set_enum(group, "status", "ENABLED")
        set_enum(group, "type_", "SEARCH_STANDARD")
        store.resources[group.resource_name] = group
        _add_criteria(store, account, group, plan)
        for ad in range(1, plan.ads + 1):
            _add_ad(store, account, group, f"{plan.creative} {ad}")
    return str(campaign.id)


def _budget(store: Store, account: Account, plan: MadeElsewhere) -> str:
    is_shared = plan.budget == "shared"
    shared = [item for item in store.of_kind(account.id, "campaign_budget") if item.name == _SHARED]
    if is_shared and shared:
        shared[0].reference_count += 1
        return str(shared[0].resource_name)
    budget = KINDS["campaign_budget"].message(id=store.next_id(), name=_SHARED if is_shared else plan.name)
    budget.resource_name = f"customers/{account.id}/campaignBudgets/{budget.id}"
    budget.explicitly_shared, budget.reference_count = is_shared, 1
    amount = plan.total * UNITS_PER_DOLLAR.get(account.currency, 1) * 1_000_000
    if plan.budget == "total":
        budget.total_amount_micros = amount * _TOTAL_DAYS
    else:
        budget.amount_micros = amount
    set_enum(budget, "period", "CUSTOM_PERIOD" if plan.budget == "total" else "DAILY")
    set_enum(budget, "status", "ENABLED")
    store.resources[budget.resource_name] = budget
    return str(budget.resource_name)


def _add_place(store: Store, account: Account, campaign: Message, plan: MadeElsewhere) -> None:
    place = _PLACES[plan.place]
    criterion = KINDS["campaign_criterion"].message(campaign=campaign.resource_name, criterion_id=place)
    criterion.resource_name = f"customers/{account.id}/campaignCriteria/{campaign.id}~{place}"
    criterion.location.geo_target_constant = f"geoTargetConstants/{place}"
    set_enum(criterion, "type_", "LOCATION")
    set_enum(criterion, "status", "ENABLED")
    store.resources[criterion.resource_name] = criterion


def _add_criteria(store: Store, account: Account, group: Message, plan: MadeElsewhere) -> None:
    for age in (None, *_WITHOUT[plan.ages]):
        criterion = KINDS["ad_group_criterion"].message(
            ad_group=group.resource_name, criterion_id=store.next_id()
        )
        criterion.resource_name = (
            f"customers/{account.id}/adGroupCriteria/{group.id}~{criterion.criterion_id}"
        )
        if age is None:
            criterion.keyword.text = "running shoes"
            set_enum(criterion.keyword, "match_type", "PHRASE")
        else:
            criterion.negative = True
            set_enum(criterion.age_range, "type_", age)
        set_enum(criterion, "type_", "KEYWORD" if age is None else "AGE_RANGE")
        set_enum(criterion, "status", "ENABLED")
        store.resources[criterion.resource_name] = criterion


def _add_ad(store: Store, account: Account, group: Message, words: str) -> None:
    ad = KINDS["ad_group_ad"].message(ad_group=group.resource_name)
    ad.ad.id = store.next_id()
    ad.resource_name = f"customers/{account.id}/adGroupAds/{group.id}~{ad.ad.id}"
    ad.ad.final_urls.append("https://shop.example/elsewhere")
    for line in (words, "By hand", "Shoes"):
        ad.ad.responsive_search_ad.headlines.add(text=line)
    for line in ("Made by hand", "Elsewhere"):
        ad.ad.responsive_search_ad.descriptions.add(text=line)
    set_enum(ad.ad, "type_", "RESPONSIVE_SEARCH_AD")
    set_enum(ad, "status", "ENABLED")
    store.resources[ad.resource_name] = ad
    store.reviews[ad.resource_name] = Review(LONG_AGO)
