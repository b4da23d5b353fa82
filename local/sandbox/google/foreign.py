"""Rows of a colleague's ad group and ad, without what our clients would have set."""

from local.sandbox.core.unkind import NAME, foreign_id
from local.sandbox.google.gaql import Query
from local.sandbox.google.messages import Message, set_enum


def foreign_rows(query: Query, rows: list[Message]) -> list[Message]:
    """The colleague's paused ad group, or its ad, in a list of a campaign's; none in other lists."""
    is_of_campaign = any(condition.path == "campaign.id" for condition in query.conditions)
    has_figures = any(path.startswith(("metrics.", "segments.")) for path in query.mentioned)
    if not rows or not is_of_campaign or has_figures or query.resource not in ("ad_group", "ad_group_ad"):
        return []
    row = type(rows[0])()
    row.CopyFrom(rows[0])
    campaign = row.campaign.resource_name.rpartition("/")[2]
    group_id = foreign_id(campaign, "adset")
    customer = row.campaign.resource_name.partition("/campaigns/")[0]
    _write_group(row.ad_group, customer, group_id)
    if query.resource == "ad_group_ad":
        _write_ad(row.ad_group_ad, customer, f"{group_id}~{foreign_id(campaign, 'ad')}")
    return [row]


def _write_group(group: Message, customer: str, group_id: str) -> None:
    group.Clear()
    group.resource_name, group.id, group.name = f"{customer}/adGroups/{group_id}", int(group_id), NAME
    set_enum(group, "status", "PAUSED")
    set_enum(group, "primary_status", "PAUSED")


def _write_ad(ad: Message, customer: str, ad_id: str) -> None:
    ad.Clear()
    ad.resource_name, ad.ad.id = f"{customer}/adGroupAds/{ad_id}", int(ad_id.partition("~")[2])
    set_enum(ad, "status", "PAUSED")
    set_enum(ad, "primary_status", "PAUSED")
