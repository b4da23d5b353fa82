"""Queries in Google's query language, filled in with numbers and quoted strings only."""

# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from campaign_automation.models.common import Level

KINDS = {Level.CAMPAIGN: "campaign", Level.ADSET: "ad_group", Level.AD: "ad_group_ad"}

_CAMPAIGN = (
    "campaign.id, campaign.name, campaign.status, campaign.primary_status, campaign.primary_status_reasons,"
    " campaign.advertising_channel_type, campaign.bidding_strategy_type, campaign.bidding_strategy,"
    " campaign.maximize_conversions.target_cpa_micros, campaign.maximize_conversion_value.target_roas,"
    " campaign.network_settings.target_google_search, campaign.network_settings.target_search_network,"
    " campaign.start_date_time, campaign.end_date_time, customer.time_zone"
)
_BUDGET = (
    "campaign_budget.amount_micros, campaign_budget.explicitly_shared, campaign_budget.reference_count,"
    " campaign_budget.period"
)
_AD_GROUP = (
    "ad_group.id, ad_group.name, ad_group.status, ad_group.primary_status, ad_group.primary_status_reasons"
)
_LINES = (
    "ad_group_ad.ad.responsive_search_ad.headlines, ad_group_ad.ad.responsive_search_ad.descriptions,"
    " ad_group_ad.ad.demand_gen_multi_asset_ad.headlines,"
    " ad_group_ad.ad.demand_gen_multi_asset_ad.descriptions,"
    " ad_group_ad.ad.app_ad.headlines, ad_group_ad.ad.app_ad.descriptions"
)
_AD = (
    "ad_group_ad.ad.id, ad_group_ad.status, ad_group_ad.primary_status, ad_group_ad.primary_status_reasons,"
    " ad_group_ad.ad.url_custom_parameters, ad_group_ad.ad.final_url_suffix,"
    f" {_LINES},"
    " ad_group_ad.policy_summary.policy_topic_entries"
)
# A row may show fields of parents, but neither a budget beside ad groups nor criteria beside ads (query_error
# PROHIBITED_RESOURCE_TYPE_IN_SELECT_CLAUSE, seen live): each has its own query.
ACCOUNT = (
    "SELECT customer.id, customer.descriptive_name, customer.currency_code, customer.time_zone,"
    " customer.status, customer.conversion_tracking_setting.conversion_tracking_status FROM customer"
)
ADS = (
    f"SELECT {_CAMPAIGN}, {_AD_GROUP}, {_AD} FROM ad_group_ad WHERE campaign.id = {{campaign_id}}"
    " AND ad_group.status != 'REMOVED' AND ad_group_ad.status != 'REMOVED'"
)
CAMPAIGN = f"SELECT {_CAMPAIGN}, {_BUDGET} FROM campaign WHERE campaign.id = {{campaign_id}}"
CAMPAIGNS = f"SELECT {_CAMPAIGN}, {_BUDGET} FROM campaign WHERE campaign.status != 'REMOVED'"
# Of the actions that count as conversions; a page view that nobody bids on may look back for longer.
LOOKBACKS = (
    "SELECT conversion_action.click_through_lookback_window_days,"
    " conversion_action.view_through_lookback_window_days FROM conversion_action"
    " WHERE conversion_action.status = 'ENABLED' AND conversion_action.primary_for_goal = TRUE"
)
CAMPAIGN_NAMES = "SELECT campaign.id, campaign.name FROM campaign WHERE campaign.status != 'REMOVED'"
AD_GROUPS = (
    f"SELECT {_CAMPAIGN}, {_AD_GROUP} FROM ad_group WHERE campaign.id = {{campaign_id}}"
    " AND ad_group.status != 'REMOVED'"
)
# The criteria of a campaign and of its ad groups, of every kind: what somebody set by hand limits them, too.
PLACES = (
    "SELECT campaign.id, campaign_criterion.location.geo_target_constant,"
    " campaign_criterion.language.language_constant,"
    " campaign_criterion.keyword.text, campaign_criterion.keyword.match_type,"
    " campaign_criterion.bid_modifier, campaign.targeting_setting.target_restrictions,"
    " campaign_criterion.type, campaign_criterion.negative FROM campaign_criterion"
    " WHERE campaign.id = {campaign_id} AND campaign_criterion.status != 'REMOVED'"
)
PEOPLE = (
    "SELECT campaign.id, ad_group.id, ad_group_criterion.age_range.type, ad_group_criterion.gender.type,"
    " ad_group_criterion.user_list.user_list, ad_group_criterion.keyword.text,"
    " ad_group_criterion.keyword.match_type,"
    " ad_group_criterion.bid_modifier, ad_group.targeting_setting.target_restrictions,"
    " ad_group_criterion.type, ad_group_criterion.negative FROM ad_group_criterion"
    " WHERE campaign.id = {campaign_id} AND ad_group_criterion.status != 'REMOVED'"
)


def of_campaign(query: str, campaign_id: str) -> str:
    """One of the queries above, about one campaign."""
    return query.format(campaign_id=int(campaign_id))


def of_campaigns(query: str, campaign_ids: Iterable[str]) -> str:
    """The same, about several."""
    return query.replace("= {campaign_id}", f"IN {_numbers(campaign_ids)}")


def by_name(level: Level, names: Iterable[str], campaign_id: str | None) -> str:
    """Campaigns or ad groups that are not removed, by exact name."""
    kind = KINDS[level]
    return (
        f"SELECT {kind}.id, {kind}.name FROM {kind} WHERE {kind}.name IN {_quoted(names)}"
        f" AND {kind}.status != 'REMOVED'{_in_campaign(campaign_id)}"
    )


def statuses_of(level: Level, resource_names: Iterable[str]) -> str:
    """The statuses of these objects, removed ones included."""
    kind = KINDS[level]
    return (
        f"SELECT {kind}.resource_name, {kind}.status FROM {kind}"
        f" WHERE {kind}.resource_name IN {_quoted(resource_names)}"
    )


def copies_of(resource_names: Iterable[str]) -> str:
    """The texts of these ads that are not removed."""
    return (
        f"SELECT ad_group_ad.resource_name, {_LINES} FROM ad_group_ad"
        f" WHERE ad_group_ad.resource_name IN {_quoted(resource_names)}"
        " AND ad_group_ad.status != 'REMOVED'"
    )


def ads_with_tags(campaign_id: str | None) -> str:
    """Ads that are not removed, with the URL parameter that carries our tag."""
    return (
        "SELECT campaign.advertising_channel_type, ad_group_ad.ad.id,"
        " ad_group_ad.ad.url_custom_parameters FROM ad_group_ad"
        " WHERE ad_group_ad.status != 'REMOVED' AND ad_group.status != 'REMOVED'"
        f" AND campaign.status != 'REMOVED'{_in_campaign(campaign_id)}"
    )


def budgets_of(campaign_ids: Iterable[str]) -> str:
    """The budgets of these campaigns, removed ones included: Google shows those for ever."""
    return (
        "SELECT campaign.id, campaign.status, campaign.campaign_budget, campaign_budget.amount_micros,"
        " campaign_budget.explicitly_shared, campaign_budget.reference_count, campaign_budget.period"
        f" FROM campaign WHERE campaign.id IN {_numbers(campaign_ids)}"
    )


def images_by_name(names: Iterable[str]) -> str:
    return (
        "SELECT asset.resource_name, asset.name, asset.image_asset.full_size.width_pixels,"
        f" asset.image_asset.full_size.height_pixels FROM asset WHERE asset.name IN {_quoted(names)}"
    )


def daily_figures(level: Level, campaign_ids: Iterable[str], since: date, until: date) -> str:
    """One row per object and day that delivered; with a segment selected Google leaves rows of zeros out."""
    kind = KINDS[level]
    parents = "campaign.id" if level is Level.CAMPAIGN else "campaign.id, ad_group.id"
    return (
        f"SELECT {kind}.resource_name, {parents}, segments.date, metrics.cost_micros, metrics.impressions,"
        f" metrics.clicks, metrics.conversions, metrics.conversions_value FROM {kind}"
        f" WHERE segments.date BETWEEN '{since.isoformat()}' AND '{until.isoformat()}'"
        f" AND campaign.id IN {_numbers(campaign_ids)}"
    )


def _quoted(texts: Iterable[str]) -> str:
    """A list of string literals, with the backslash as escape."""
    escaped = (text.replace("\\", "\\\\").replace("'", "\\'") for text in texts)
    return "(" + ", ".join(f"'{text}'" for text in escaped) + ")"


def _numbers(ids: Iterable[str]) -> str:
    return "(" + ", ".join(str(int(item)) for item in ids) + ")"


def _in_campaign(campaign_id: str | None) -> str:
    return "" if campaign_id is None else f" AND campaign.id = {int(campaign_id)}"
