"""Operations of each level for Google, as raw messages; all objects are created paused."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from campaign_automation.adapters.base import AdOrder, CreativeOrder
from campaign_automation.adapters.common.ages import fit_to_buckets, years
from campaign_automation.adapters.common.options.rules import query_of
from campaign_automation.adapters.google import facts
from campaign_automation.adapters.google.messages import Operation, new_operation, set_enum
from campaign_automation.adapters.google.options.bidding import set_app_goal, set_bidding, set_target
from campaign_automation.adapters.google.options.keywords import keyword_operations, negative_operations
from campaign_automation.adapters.google.options.rules import SEARCH_PARTNERS
from campaign_automation.adapters.google.options.targeting import (
    audience_operations,
    gender_operations,
    language_operations,
    place_operations,
    restrict_to_audiences,
)
from campaign_automation.adapters.google.options.texts import AD_KINDS, add_lines
from campaign_automation.models.campaigns import AdSetPlan, CampaignPlan, Creative
from campaign_automation.models.common import AdAccount, AgeGroup, Level
from campaign_automation.models.creation.options import Keyword
from campaign_automation.models.creation.settings import CampaignSetting, End, Name

_OBJECTS = {
    Level.CAMPAIGN: ("campaign_operation", "campaigns"),
    Level.ADSET: ("ad_group_operation", "adGroups"),
    Level.AD: ("ad_group_ad_operation", "adGroupAds"),
}
_STATUS = {"active": "ENABLED", "paused": "PAUSED"}
_NOT_IN_KEYWORDS = re.compile(r"[^\w\s&.'-]|_")


# --- campaign level --------------------------------------------------------------------------------------


def campaign_operations(
    customer_id: str, plan: CampaignPlan, account: AdAccount, is_political: bool
) -> list[Operation]:
    """Budget, campaign, locations: one atomic request."""
    budget_name, campaign_name = (
        f"customers/{customer_id}/{kind}" for kind in ("campaignBudgets/-1", "campaigns/-2")
    )
    total = sum((adset.daily_budget for adset in plan.adsets), Decimal(0))
    campaign = _campaign(campaign_name, budget_name, plan, account, is_political)
    targeting = plan.adsets[0].targeting
    return [
        _budget(budget_name, total),
        campaign,
        *place_operations(campaign_name, targeting),
        *language_operations(campaign_name, targeting),
        *negative_operations(campaign_name, plan.negative_keywords),
    ]


def _budget(name: str, daily: Decimal) -> Operation:
    """The budget of one campaign."""
    # Google's default is a shared budget, which outlives its campaign and feeds others.
    operation = new_operation()
    budget = operation.campaign_budget_operation.create
    budget.resource_name = name
    budget.amount_micros = facts.to_micros(daily)
    budget.explicitly_shared = False
    set_enum(budget, "delivery_method", "STANDARD")
    return operation


def _campaign(
    name: str, budget_name: str, plan: CampaignPlan, account: AdAccount, is_political: bool
) -> Operation:
    goal = facts.GOALS[plan.objective]
    operation = new_operation()
    campaign = operation.campaign_operation.create
    campaign.resource_name = name
    campaign.name = plan.name
    campaign.campaign_budget = budget_name
    set_enum(campaign, "status", "PAUSED")
    set_enum(campaign, "advertising_channel_type", goal.channel)
    set_bidding(campaign, plan.adsets[0], goal.bidding)
    prefix = "CONTAINS" if is_political else "DOES_NOT_CONTAIN"
    set_enum(campaign, "contains_eu_political_advertising", f"{prefix}_EU_POLITICAL_ADVERTISING")
    _CHANNELS[goal.channel](campaign, account.facts)
    if plan.adsets[0].placements != "automatic":
        campaign.network_settings.target_search_network = SEARCH_PARTNERS in plan.adsets[0].placements
    if plan.starts_at:
        campaign.start_date_time = _local(plan.starts_at, account.time_zone)
    if plan.ends_at:
        campaign.end_date_time = end_of_day(plan.ends_at, account.time_zone)
    return operation


def _local(moment: datetime, time_zone: str) -> str:
    """The moment in the account's zone as Google writes it; only whole days are asked for."""
    return moment.astimezone(ZoneInfo(time_zone)).strftime("%Y-%m-%d %H:%M:%S")


def end_of_day(moment: datetime, time_zone: str) -> str:
    """The last second of the account's day as Google writes it."""
    # Only some campaign types may end within a day.
    return f"{moment.astimezone(ZoneInfo(time_zone)).date()} 23:59:59"


def _search_settings(campaign: Any, app: Mapping[str, Any]) -> None:
    """Show the ads on Google search and its partners, not in the display network."""
    networks = campaign.network_settings
    networks.target_google_search = True
    networks.target_search_network = True
    networks.target_content_network = False
    networks.target_partner_search_network = False


def _demand_gen_settings(campaign: Any, app: Mapping[str, Any]) -> None:
    """Keep locations at the campaign, as in our other channels; Google's default is the ad group."""
    campaign.demand_gen_campaign_settings.upgraded_targeting = False


def _app_settings(campaign: Any, app: Mapping[str, Any]) -> None:
    set_enum(campaign, "advertising_channel_sub_type", "APP_CAMPAIGN")
    setting = campaign.app_campaign_setting
    setting.app_id = str(app["app_id"])
    set_enum(setting, "app_store", app_store(app))
    set_app_goal(campaign)


def app_store(app: Mapping[str, Any]) -> str:
    """The configured store, else the one of the id's form: Apple's ids are numbers."""
    by_id = facts.APP_STORES[0] if str(app["app_id"]).isdigit() else facts.APP_STORES[1]
    return str(app.get("app_store", by_id))


_CHANNELS = {
    facts.SEARCH: _search_settings,
    facts.DEMAND_GEN: _demand_gen_settings,
    facts.APP: _app_settings,
}


# --- ad groups and ages ----------------------------------------------------------------------------------


def ad_group_operations(
    customer_id: str, plan: CampaignPlan, campaign_id: str, adsets: Sequence[AdSetPlan]
) -> list[Operation]:
    """Operations for the ad groups, then for the ages that each excludes."""
    names = [f"customers/{customer_id}/adGroups/-{index}" for index, _ in enumerate(adsets, start=1)]
    channel = facts.GOALS[plan.objective].channel
    groups = []
    for name, adset in zip(names, adsets, strict=True):
        operation = new_operation()
        group = operation.ad_group_operation.create
        group.resource_name = name
        group.name = adset.name
        group.campaign = f"customers/{customer_id}/campaigns/{campaign_id}"
        set_enum(group, "status", "PAUSED")
        if channel == facts.SEARCH:
            set_enum(group, "type_", "SEARCH_STANDARD")
        if adset.targeting.audiences:
            restrict_to_audiences(group)
        groups.append(operation)
    ages = [
        _excluded_age(name, bucket)
        for name, adset in zip(names, adsets, strict=True)
        for bucket in excluded_ages((adset.targeting.age_min, adset.targeting.age_max))
    ]
    people = [
        operation
        for name, adset in zip(names, adsets, strict=True)
        for operation in (
            *gender_operations(name, adset.targeting),
            *audience_operations(customer_id, name, adset.targeting),
        )
    ]
    return [*groups, *ages, *people]


def _excluded_age(group_name: str, bucket: str) -> Operation:
    operation = new_operation()
    criterion = operation.ad_group_criterion_operation.create
    criterion.ad_group = group_name
    criterion.negative = True
    set_enum(criterion.age_range, "type_", bucket)
    return operation


def fit_ages(age_groups: Sequence[AgeGroup]) -> list[AgeGroup]:
    """Return each group as the whole age ranges of Google that it covers best.

    A range that groups share goes to the one with most of its years, the first of equals; one that is mostly
    in no group goes to none; one that a group covers whole is always its own. Raises InvalidRequestError for
    a group that is left with none.
    """
    problem = "covers none of Google's age ranges ({ranges}) well enough"
    return fit_to_buckets(age_groups, list(facts.AGE_BUCKETS.values()), _takes, problem)


def _takes(group: AgeGroup, bucket: AgeGroup, groups: Sequence[AgeGroup]) -> bool:
    asked = years(bucket)
    covered = [len(asked & years(other)) for other in groups]
    own = len(asked & years(group))
    if own == len(asked):
        return True
    reached = asked.intersection(set[int]().union(*map(years, groups)))
    is_wanted = 2 * len(reached) >= len(asked)
    best = max(covered)
    return 0 < own == best < len(asked) and is_wanted and groups[covered.index(best)] == group


def excluded_ages(ages: AgeGroup) -> list[str]:
    """The age ranges outside `ages`."""
    # People whose age Google does not know would see the ads of every cell, so a part of all ages excludes
    # them, too.
    low, high = ages
    outside = [name for name, bucket in facts.AGE_BUCKETS.items() if bucket[0] < low or bucket[1] > high]
    return [*outside, facts.AGE_UNKNOWN] if outside else []


def reached_ages(excluded: Iterable[str]) -> AgeGroup:
    """The ages that are left when `excluded` are out; with holes between them, the first joined part."""
    left_out = set(excluded)
    left = [bucket for name, bucket in facts.AGE_BUCKETS.items() if name not in left_out]
    if not left:
        return 0, 0
    joined = left[0]
    for bucket in left[1:]:
        if bucket[0] != joined[1] + 1:
            break
        joined = joined[0], bucket[1]
    return joined


# --- ads -------------------------------------------------------------------------------------------------


def ad_operations(
    customer_id: str,
    channel: str,
    orders: Sequence[AdOrder],
    pictures: Mapping[str, str],
    app: Mapping[str, Any],
    plan: CampaignPlan,
) -> list[Operation]:
    """Operations for the ads, then for the keywords of search ads in new ad groups.

    `pictures` maps a file's URL to its "<field> <asset>".
    """
    operations = [_ad(customer_id, channel, order, pictures, app) for order in orders]
    if plan.tracking:
        for operation in operations:
            ad = operation.ad_group_ad_operation.create.ad
            ad.final_url_suffix = query_of(plan.tracking.url_parameters)
    if channel == facts.SEARCH and not plan.is_addition:
        operations += _keyword_operations(customer_id, orders, plan)
    return operations


def _ad(
    customer_id: str, channel: str, order: AdOrder, pictures: Mapping[str, str], app: Mapping[str, Any]
) -> Operation:
    operation = new_operation()
    ad_group_ad = operation.ad_group_ad_operation.create
    ad_group_ad.ad_group = f"customers/{customer_id}/adGroups/{order.adset_id}"
    set_enum(ad_group_ad, "status", "PAUSED")
    content = getattr(ad_group_ad.ad, AD_KINDS[channel])
    add_lines(content, order.creative.copy, channel)
    if channel != facts.APP:
        ad_group_ad.ad.final_urls.append(order.creative.creative.product_url)
        ad_group_ad.ad.url_custom_parameters.add(key=facts.TAG_PARAMETER, value=order.tag)
    if channel == facts.DEMAND_GEN:
        _add_pictures(content, order.creative, pictures, app)
    return operation


def _add_pictures(
    content: Any, order: CreativeOrder, pictures: Mapping[str, str], app: Mapping[str, Any]
) -> None:
    field, asset = pictures[order.creative.file_url].split()
    getattr(content, field).add(asset=asset)
    content.logo_images.add(asset=pictures[str(app["logo_url"])].split()[1])
    content.business_name = str(app["business_name"])


def _keyword_operations(
    customer_id: str, orders: Sequence[AdOrder], plan: CampaignPlan
) -> Iterator[Operation]:
    """Operations for the keywords of each ad group: the planned ones, else those of its creatives."""
    by_group: dict[str, list[AdOrder]] = {}
    for order in orders:
        by_group.setdefault(order.adset_id, []).append(order)
    planned = {
        ad.tag: adset.keywords for adset in plan.adsets for ad in plan.ads if ad.adset_tag == adset.tag
    }
    for group_id, members in by_group.items():
        # A plan of an earlier version holds none.
        chosen = planned.get(members[0].tag) or default_keywords([item.creative.creative for item in members])
        yield from keyword_operations(f"customers/{customer_id}/adGroups/{group_id}", chosen)


def default_keywords(creatives: Sequence[Creative]) -> list[Keyword]:
    """Return the names and tags of creatives as broad keywords, as many as an ad group gets at most."""
    texts = dict.fromkeys(text for creative in creatives for text in keywords(creative))
    return [Keyword(text=text) for text in list(texts)[: facts.KEYWORDS_PER_AD_GROUP]]


def keywords(creative: Creative) -> list[str]:
    """The creative's name and tags as keywords: no symbols, no repeats, within Google's limits."""
    found = []
    for text in (creative.name, *creative.tags):
        words = _NOT_IN_KEYWORDS.sub(" ", text).casefold().split()[: facts.KEYWORD_WORDS]
        while len(" ".join(words)) > facts.KEYWORD_CHARACTERS and len(words) > 1:
            words.pop()
        keyword = " ".join(words)
        if any(char.isalnum() for char in keyword) and len(keyword) <= facts.KEYWORD_CHARACTERS:
            found.append(keyword)
    return list(dict.fromkeys(found))


# --- files, statuses, removal ----------------------------------------------------------------------------


def image_operation(name: str, content: bytes) -> Operation:
    operation = new_operation()
    asset = operation.asset_operation.create
    asset.name = name
    asset.image_asset.data = content
    return operation


def resource_name(customer_id: str, level: Level, platform_id: str) -> str:
    return f"customers/{customer_id}/{_OBJECTS[level][1]}/{platform_id}"


def status_operation(customer_id: str, level: Level, platform_id: str, status: str) -> Operation:
    operation = new_operation()
    inner = getattr(operation, _OBJECTS[level][0])
    inner.update.resource_name = resource_name(customer_id, level, platform_id)
    set_enum(inner.update, "status", _STATUS[status])
    inner.update_mask.paths.append("status")
    return operation


def setting_operation(
    customer_id: str, campaign_id: str, setting: CampaignSetting, account: AdAccount, goal: facts.Goal
) -> Operation:
    """Give a campaign a name, an end or a bidding; the one without a target is that of `goal`."""
    operation = new_operation()
    inner = operation.campaign_operation
    inner.update.resource_name = resource_name(customer_id, Level.CAMPAIGN, campaign_id)
    inner.update_mask.paths.extend(_set(inner.update, setting, account, goal))
    return operation


def _set(campaign: Any, setting: CampaignSetting, account: AdAccount, goal: facts.Goal) -> list[str]:
    """Set the fields of a setting, and return their paths."""
    if isinstance(setting, Name):
        campaign.name = setting.text
        return ["name"]
    if isinstance(setting, End):
        # A mask that names a field which is left empty clears it.
        if setting.moment is not None:
            campaign.end_date_time = end_of_day(setting.moment, account.time_zone)
        return ["end_date_time"]
    paths = [set_target(campaign, setting, goal.bidding)]
    if goal.channel == facts.APP:
        set_app_goal(campaign)
        paths.append("app_campaign_setting.bidding_strategy_goal_type")
    return paths


def budget_operation(resource_name: str, daily: Decimal) -> Operation:
    """Set the daily amount of the budget with this resource name."""
    operation = new_operation()
    inner = operation.campaign_budget_operation
    inner.update.resource_name = resource_name
    inner.update.amount_micros = facts.to_micros(daily)
    inner.update_mask.paths.append("amount_micros")
    return operation


def remove_operation(customer_id: str, level: Level, platform_id: str) -> Operation:
    operation = new_operation()
    getattr(operation, _OBJECTS[level][0]).remove = resource_name(customer_id, level, platform_id)
    return operation
