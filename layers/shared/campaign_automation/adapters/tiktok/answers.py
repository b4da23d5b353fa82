"""TikTok's answers in our shapes: nodes of the tree, ids by name, refusals inside a partial success."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from campaign_automation.adapters.common import listings
from campaign_automation.adapters.common.options.rules import parameters_of
from campaign_automation.adapters.common.reading import (
    Readers,
    amount_of,
    fields_of,
    id_of,
    node_of,
    read_fields,
    rows_of,
    text_of,
)
from campaign_automation.adapters.tiktok import facts
from campaign_automation.adapters.tiktok.options import bidding
from campaign_automation.adapters.tiktok.options.rules import PLACEMENTS
from campaign_automation.adapters.tiktok.requests import ages_of
from campaign_automation.adapters.tree import AdNode, AdSetNode, CampaignNode
from campaign_automation.models.accounts import FoundCampaign
from campaign_automation.models.common import Gender, Level, StoredTargeting
from campaign_automation.utils.validation import words_of

_STATUS = {"ENABLE": "active", "DISABLE": "paused", "DELETE": "deleted"}
_DAILY = ("BUDGET_MODE_DAY", "BUDGET_MODE_DYNAMIC_DAILY_BUDGET")
_TOTAL = "BUDGET_MODE_TOTAL"
_NOT_DAILY = (_TOTAL, "BUDGET_MODE_INFINITE")
_EVERY_GENDER = "GENDER_UNLIMITED"
_GENDERS: dict[str, list[Gender]] = {_EVERY_GENDER: [], "GENDER_MALE": ["male"], "GENDER_FEMALE": ["female"]}
_PLACED = {name: word for word, name in PLACEMENTS.items()}
_COUNTRIES = {location: country for country, location in facts.LOCATION_IDS.items()}


def id_field(level: Level, family: facts.Family) -> str:
    """The name of the field with an object's id: Smart+ ads have one of their own."""
    if family == "smart_plus" and level is Level.AD:
        return "smart_plus_ad_id"
    return f"{facts.NOUNS[level]}_id"


def name_field(level: Level) -> str:
    return f"{facts.NOUNS[level]}_name"


def _secondary(item: Mapping[str, Any]) -> str:
    return text_of(item.get("secondary_status") or "unknown")


def _issues(secondary: str) -> list[str]:
    return [secondary] if any(mark in secondary for mark in facts.ISSUE_MARKS) else []


def campaign_node(item: Mapping[str, Any], family: facts.Family) -> CampaignNode:
    return node_of(CampaignNode, _fields(item, Level.CAMPAIGN, family, _CAMPAIGN))


def _fields(item: Mapping[str, Any], level: Level, family: facts.Family, readers: Readers) -> dict[str, Any]:
    return read_fields(id_of(item[id_field(level, family)]), readers, item)


def found(item: Mapping[str, Any], family: facts.Family) -> FoundCampaign:
    """A campaign of the account's list."""
    objective = facts.OBJECTIVES.get(str(item.get("objective_type")))
    return listings.found_campaign(campaign_node(item, family), objective)


def adset_node(item: Mapping[str, Any], family: facts.Family) -> AdSetNode:
    return node_of(AdSetNode, _fields(item, Level.ADSET, family, _ADSET))


def _attribution_days(item: Mapping[str, Any]) -> int | None:
    """Return the longest window after a click or a view; None where TikTok shows none that is known."""
    told = (item.get("click_attribution_window"), item.get("view_attribution_window"))
    return max((facts.WINDOW_DAYS[word] for word in told if word in facts.WINDOW_DAYS), default=None)


def _ends_at(item: Mapping[str, Any]) -> datetime | None:
    """The end of an ad group's schedule; None for one that goes on."""
    # TikTok shows an ad group without an end with a schedule_end_time in ten years.
    if item.get("schedule_type") != "SCHEDULE_START_END":
        return None
    return _moment(item["schedule_end_time"])


def _moment(text: str) -> datetime:
    return datetime.strptime(text, facts.TIME).replace(tzinfo=UTC)


def _targeting(stored: Mapping[str, Any]) -> StoredTargeting:
    buckets = rows_of(stored.get("age_groups"))
    places = [str(item) for item in rows_of(stored.get("location_ids"))]
    odd_ages = [str(name) for name in buckets if name not in facts.AGE_BUCKETS]
    low, high = (None, None) if odd_ages else ages_of(buckets)
    return StoredTargeting(
        age_min=low,
        age_max=high,
        countries=[_COUNTRIES[place] for place in places if place in _COUNTRIES],
        places=[place for place in places if place not in _COUNTRIES],
        audiences=[id_of(item) for item in rows_of(stored.get("audience_ids"))],
        excluded_audiences=[id_of(item) for item in rows_of(stored.get("excluded_audience_ids"))],
        genders=_GENDERS[stored.get("gender") or _EVERY_GENDER],
        languages=sorted(text_of(code) for code in rows_of(stored.get("languages"))),
        more=[*odd_ages, *(name for name in facts.NARROWING if _narrows(stored.get(name)))],
    )


def _narrows(value: Any) -> bool:
    return bool(value) and value not in facts.EVERYBODY


def scheduled_budget(item: Mapping[str, Any]) -> Decimal | None:
    """The budget that takes effect at the start of the account's next day."""
    # TikTok shows 0 where none is scheduled.
    return amount_of(item.get("scheduled_budget") or 0) or None


def daily_budget(item: Mapping[str, Any]) -> Decimal | None:
    """An object's own daily budget; None or 0 when it has none.

    Raises an error of UNREADABLE for a budget of which it is not known whether it is daily.
    """
    budget, mode = amount_of(item.get("budget") or 0), item.get("budget_mode")
    if mode in _DAILY:
        return None if item.get("budget") is None else budget
    if budget and mode not in _NOT_DAILY:
        raise ValueError(f"an unknown budget mode: {mode!r}")
    return None


def _placements(item: Mapping[str, Any]) -> str:
    """ "automatic" for TikTok's own automatic placements and for ours, "selected" for others."""
    # Our ad groups name TikTok itself, since automatic placements are refused in some countries.
    is_ours = item.get("placements") == ["PLACEMENT_TIKTOK"]
    is_theirs = item.get("placement_type") == "PLACEMENT_TYPE_AUTOMATIC"
    return "automatic" if is_ours or is_theirs else "selected"


def ad_node(item: Mapping[str, Any], family: facts.Family) -> AdNode:
    return node_of(AdNode, _fields(item, Level.AD, family, _AD))


def _identity(ad: Mapping[str, Any]) -> dict[str, str]:
    """Return the identity of a manual ad, or of a Smart+ ad's configuration."""
    held = ad if ad.get("identity_id") else fields_of(ad.get("ad_configuration"))
    if not (held.get("identity_id") and held.get("identity_type")):
        return {}
    names = ("identity_id", "identity_type", facts.LENDER)
    return {name: text_of(value) for name in names if (value := held.get(name))}


def _first(ad: Mapping[str, Any], field: str) -> str | None:
    """Return a field of a manual ad, or the first of a Smart+ ad's list of it."""
    listed = rows_of(ad.get(f"{field}_list")) or [{}]
    value: str | None = ad.get(field) or listed[0].get(field)
    return value


def _node(level: Level) -> Readers:
    name = name_field(level)
    return {
        "name": lambda item: text_of(item[name]),
        "status": lambda item: _STATUS[item["operation_status"]],
        "platform_status": _secondary,
        "issues": lambda item: _issues(_secondary(item)),
    }


_CAMPAIGN: Readers = {
    **_node(Level.CAMPAIGN),
    "daily_budget": lambda item: daily_budget(item) or None,
    "fixed_budget": lambda item: listings.TOTAL_BUDGET if item.get("budget_mode") == _TOTAL else None,
    "created_at": lambda item: _moment(item["create_time"]) if "create_time" in item else None,
}
_ADSET: Readers = {
    **_node(Level.ADSET),
    "daily_budget": daily_budget,
    "scheduled_budget": scheduled_budget,
    "targeting": lambda item: _targeting(fields_of(item.get("targeting_spec")) or item),
    "placements": _placements,
    "placed": lambda item: [_PLACED[name] for name in rows_of(item.get("placements")) if name in _PLACED],
    "bid_strategy": bidding.strategy_of,
    "bid_target": bidding.target_of,
    "ends_at": _ends_at,
    "starts_at": lambda item: _moment(start) if (start := item.get("schedule_start_time")) else None,
    "attribution_days": _attribution_days,
}
_AD: Readers = {
    **_node(Level.AD),
    "primary_text": lambda item: _first(item, "ad_text"),
    "call_to_action": lambda item: _first(item, "call_to_action"),
    "url_parameters": lambda item: parameters_of(_first(item, "landing_page_url") or ""),
    "adset_id": lambda item: id_of(item["adgroup_id"]),
    "shown_by": _identity,
}


def ids_by_name(
    items: list[facts.Params], level: Level, family: facts.Family, wanted: set[str]
) -> dict[str, list[str]]:
    """Ids of the items whose whole name is wanted."""
    name, field = name_field(level), id_field(level, family)
    return listings.ids_by_name(((item[name], item.get(field)) for item in items), wanted)


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
    return ids, words_of(entry.get("error_message")) or words_of(entry.get("message")) or "not done"
