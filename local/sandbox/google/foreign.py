"""Rows of a colleague's ad group and ad, without what our clients would have set."""

from local.sandbox.google.gaql import Query
from local.sandbox.google.messages import Message, set_enum
from local.sandbox.unkind import NAME, Unkind, foreign_id

_LIVE = "campaign.status"
_LEVELS = ("campaign", "ad_group", "ad_group_ad")
_OPTIONAL = ("primary_status", "primary_status_reasons")


def foreign_rows(query: Query, rows: list[Message]) -> list[Message]:
    """The colleague's paused ad group or its ad in a list of a campaign's, his campaign among all others."""
    if rows and query.resource == "campaign" and {item.path for item in query.conditions} == {_LIVE}:
        return [] if _has_figures(query) else [_campaign(rows[0])]
    is_of_campaign = any(condition.path == "campaign.id" for condition in query.conditions)
    if (
        not rows
        or not is_of_campaign
        or _has_figures(query)
        or query.resource not in ("ad_group", "ad_group_ad")
    ):
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


def _has_figures(query: Query) -> bool:
    return any(path.startswith(("metrics.", "segments.")) for path in query.mentioned)


def _campaign(like: Message) -> Message:
    row = type(like)()
    row.CopyFrom(like)
    customer = row.campaign.resource_name.partition("/campaigns/")[0]
    campaign_id = foreign_id(customer.rpartition("/")[2].rjust(14, "0"), "campaign")
    row.campaign.Clear()
    row.campaign.resource_name = f"{customer}/campaigns/{campaign_id}"
    row.campaign.id, row.campaign.name = int(campaign_id), NAME
    return row


def without_optional(query: Query, rows: list[Message], unkind: Unkind) -> list[Message]:
    """The rows without some of the fields that Google computes and may leave empty."""
    for row in rows:
        shown = getattr(row, query.resource)
        for field in _OPTIONAL if query.resource in _LEVELS else ():
            if unkind.leaves_out(field, shown.resource_name):
                shown.ClearField(field)
    return rows


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
