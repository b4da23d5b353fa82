"""TikTok's answers in our shapes: nodes of the tree, ids by name, refusals inside a partial success."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from campaign_automation.adapters.base import AdNode, AdSetNode, CampaignNode, node_of, read_fields
from campaign_automation.adapters.common import listings
from campaign_automation.adapters.tiktok import facts
from campaign_automation.adapters.tiktok.requests import ages_of
from campaign_automation.models.common import Level, Targeting

_STATUS = {"ENABLE": "active", "DISABLE": "paused", "DELETE": "deleted"}
_DAILY = ("BUDGET_MODE_DAY", "BUDGET_MODE_DYNAMIC_DAILY_BUDGET")
_COUNTRIES = {location: country for country, location in facts.LOCATION_IDS.items()}


def id_field(level: Level, family: facts.Family) -> str:
    """The name of the field with an object's id: Smart+ ads have one of their own."""
    if family == "smart_plus" and level is Level.AD:
        return "smart_plus_ad_id"
    return f"{facts.NOUNS[level]}_id"


def name_of(item: Mapping[str, Any], level: Level) -> str:
    return str(item.get(f"{facts.NOUNS[level]}_name", ""))


def _node_fields(
    item: Mapping[str, Any], level: Level, family: facts.Family, **more: Callable[[], Any]
) -> dict[str, Any]:
    platform_id = str(item[id_field(level, family)])
    secondary = str(item.get("secondary_status", ""))
    return {
        "platform_id": platform_id,
        "name": name_of(item, level),
        "status": _STATUS.get(item.get("operation_status", ""), "unknown"),
        "platform_status": secondary,
        **read_fields(platform_id, issues=lambda: _issues(secondary), **more),
    }


def _issues(secondary: str) -> list[str]:
    return [secondary] if any(mark in secondary for mark in facts.ISSUE_MARKS) else []


def campaign_node(item: Mapping[str, Any], family: facts.Family) -> CampaignNode:
    fields = _node_fields(
        item,
        Level.CAMPAIGN,
        family,
        daily_budget=lambda: daily_budget(item) or None,
        created_at=lambda: _moment(item["create_time"]) if "create_time" in item else None,
    )
    return node_of(CampaignNode, fields)


def adset_node(item: Mapping[str, Any], family: facts.Family) -> AdSetNode:
    bid = item.get("bid_type")
    fields = _node_fields(
        item,
        Level.ADSET,
        family,
        daily_budget=lambda: daily_budget(item),
        scheduled_budget=lambda: scheduled_budget(item),
        targeting=lambda: _targeting(item.get("targeting_spec") or item),
        ends_at=lambda: _ends_at(item),
    )
    bid_strategy = "lowest_cost" if bid == "BID_TYPE_NO_BID" else str(bid)
    return node_of(AdSetNode, {**fields, "placements": _placements(item), "bid_strategy": bid_strategy})


def _ends_at(item: Mapping[str, Any]) -> datetime | None:
    """The end of an ad group's schedule; None for one that goes on."""
    # TikTok shows an ad group without an end with a schedule_end_time in ten years.
    if item.get("schedule_type") != "SCHEDULE_START_END":
        return None
    return _moment(item["schedule_end_time"])


def _moment(text: str) -> datetime:
    return datetime.strptime(text, facts.TIME).replace(tzinfo=UTC)


def _targeting(stored: Mapping[str, Any]) -> Targeting:
    low, high = ages_of(stored.get("age_groups") or [])
    countries = [_COUNTRIES.get(str(place), str(place)) for place in stored["location_ids"]]
    return Targeting(age_min=low, age_max=high, countries=countries)


def scheduled_budget(item: Mapping[str, Any]) -> Decimal | None:
    """The budget that takes effect at the start of the account's next day."""
    scheduled = item.get("scheduled_budget")
    return Decimal(str(scheduled)) if scheduled else None


def daily_budget(item: Mapping[str, Any]) -> Decimal | None:
    """An object's own daily budget; None or 0 when it has none."""
    budget = item.get("budget")
    return None if budget is None or item.get("budget_mode") not in _DAILY else Decimal(str(budget))


def _placements(item: Mapping[str, Any]) -> str:
    """ "automatic" for TikTok's own automatic placements and for ours, "selected" for others."""
    # Our ad groups name TikTok itself, since automatic placements are refused in some countries.
    is_ours = item.get("placements") == ["PLACEMENT_TIKTOK"]
    is_theirs = item.get("placement_type") == "PLACEMENT_TYPE_AUTOMATIC"
    return "automatic" if is_ours or is_theirs else "selected"


def ad_node(item: Mapping[str, Any], family: facts.Family) -> AdNode:
    fields = _node_fields(item, Level.AD, family, primary_text=lambda: _primary_text(item))
    return node_of(AdNode, {**fields, "adset_id": str(item.get("adgroup_id", ""))})


def _primary_text(ad: Mapping[str, Any]) -> str | None:
    texts = ad.get("ad_text_list") or [{}]
    text: str | None = ad.get("ad_text") or texts[0].get("ad_text")
    return text


def ids_by_name(
    items: list[facts.Params], level: Level, family: facts.Family, wanted: set[str]
) -> dict[str, list[str]]:
    """Ids of the items whose whole name is wanted."""
    field = id_field(level, family)
    return listings.ids_by_name(((name_of(item, level), str(item[field])) for item in items), wanted)


def partial_errors(data: Any) -> dict[str, str]:
    """The problems of the objects that a partly done change left alone, by id."""
    return {item: text for named, text in _error_list(data) for item in named}


def has_unnamed(data: Any, ids: Sequence[str]) -> bool:
    """Return whether a partly done change tells no problem, or one that names none of `ids`."""
    entries = _error_list(data)
    return not entries or not all(named & set(ids) for named, _ in entries)


def _error_list(data: Any) -> list[tuple[set[str], str]]:
    entries = data.get("error_list") if isinstance(data, Mapping) else None
    listed = entries if isinstance(entries, list) else []
    return [_partial_error(entry if isinstance(entry, Mapping) else {}) for entry in listed]


def _partial_error(entry: Mapping[str, Any]) -> tuple[set[str], str]:
    ids = {str(value) for name, value in entry.items() if name.endswith("_id") and name != "request_id"}
    return ids, str(entry.get("error_message") or entry.get("message") or "not done")
