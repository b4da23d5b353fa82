"""Meta's answers in our shapes: nodes of the tree and rows of reports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from campaign_automation.adapters.base import DailyInsight
from campaign_automation.adapters.common.listings import TOTAL_BUDGET, found_campaign
from campaign_automation.adapters.common.options.rules import parameters_of
from campaign_automation.adapters.common.reading import (
    UNREADABLE,
    Readers,
    amount_of,
    count_of,
    fields_of,
    figure_of,
    id_of,
    listed,
    node_of,
    read_fields,
    rows_of,
    text_of,
)
from campaign_automation.adapters.meta import facts
from campaign_automation.adapters.meta.options import bidding, targeting
from campaign_automation.adapters.tree import AdNode, AdSetNode, CampaignNode
from campaign_automation.models.accounts import FoundCampaign
from campaign_automation.models.common import Level, StoredTargeting

MISSING = object()
DELETED = ("DELETED", "ARCHIVED")
_STATUS = {"ACTIVE": "active", "PAUSED": "paused", **dict.fromkeys(DELETED, "deleted")}
# Effective statuses that are reasons in themselves, where Meta gives no other.
_PROBLEMS = ("DISAPPROVED", "WITH_ISSUES", "PENDING_BILLING_INFO")
# Fields of targeting that are ours, or that narrow nothing. Placements are a field of their own.
_KNOWN_TARGETING = frozenset(
    {
        "age_min",
        "age_max",
        "geo_locations",
        "targeting_automation",
        "excluded_geo_locations",
        "brand_safety_content_filter_levels",
        "targeting_optimization",
        "targeting_relaxation_types",
        *targeting.READ,
    }
)
_KNOWN_PLACES = ("countries", "regions", "cities", "location_types")
_PLACEMENTS = ("_positions", "platforms")


def _issues(item: Mapping[str, Any]) -> list[str]:
    issues = [
        text_of(issue.get("error_summary") or issue.get("error_message") or issue.get("error_type"))
        for issue in rows_of(item.get("issues_info"))
    ]
    if (feedback := item.get("ad_review_feedback")) is not None:
        issues += _review_issues(fields_of(feedback))
    status = item.get("effective_status")
    return issues or ([str(status)] if status in _PROBLEMS else [])


def _review_issues(feedback: Mapping[str, Any]) -> Iterator[str]:
    """Yield the policies that an ad breaks, everywhere or on one placement only."""
    for policy, text in fields_of(feedback.get("global")).items():
        yield f"{policy}: {text}"
    for placement, policies in fields_of(feedback.get("placement_specific")).items():
        for policy, text in fields_of(policies).items():
            yield f"{policy} ({placement}): {text}"


def ids_of(edge: Any) -> list[str]:
    """Return the ids of an edge's objects; MISSING stands for one that Meta left out, as it does if empty."""
    rows = [] if edge is MISSING else listed(edge, "data")
    return list(dict.fromkeys(id_of(item["id"]) for item in rows))


def campaign_node(
    item: Mapping[str, Any], step: Decimal, adsets: Sequence[Mapping[str, Any]] = ()
) -> CampaignNode:
    # Only a campaign with a budget of its own has a bid strategy; the amounts stand on its ad sets.
    strategy = None if item.get("daily_budget") is None else item.get("bid_strategy")
    return node_of(CampaignNode, read_fields(id_of(item["id"]), _CAMPAIGN, item, step, strategy, adsets))


def found(item: Mapping[str, Any], step: Decimal) -> FoundCampaign:
    """A campaign of the account's list; older objectives count as those that took their place."""
    node = campaign_node(item, step)
    objective = facts.OBJECTIVES.get(str(item.get("objective")))
    return found_campaign(node, objective)


def _daily_budget(item: Mapping[str, Any], step: Decimal) -> Decimal | None:
    """The daily budget in the major unit; None where another level owns the budget."""
    # An owner of a lifetime budget shows 0 here.
    budget = item.get("daily_budget")
    return (amount_of(budget) * step or None) if budget is not None else None


def _fixed_budget(item: Mapping[str, Any]) -> str | None:
    return TOTAL_BUDGET if amount_of(item.get("lifetime_budget") or 0) > 0 else None


def adset_node(item: Mapping[str, Any], step: Decimal) -> AdSetNode:
    return node_of(AdSetNode, read_fields(id_of(item["id"]), _ADSET, item, step))


def _targeting(stored: Any) -> StoredTargeting:
    settings = fields_of(stored)
    places = fields_of(settings.get("geo_locations"))
    return StoredTargeting(
        age_min=settings.get("age_min"),
        age_max=settings.get("age_max"),
        **targeting.places_of(settings),
        **targeting.people_of(settings),
        more=[
            *_narrowed(places, _KNOWN_PLACES),
            *_excluded(settings),
            *_narrowed(settings, _KNOWN_TARGETING),
            *_widened(settings),
        ],
        beside=[],
    )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _narrowed(settings: Mapping[str, Any], known: Any) -> list[str]:
    return [
        str(name)
        for name, value in settings.items()
        if value and not (name in known or name.endswith(_PLACEMENTS))
    ]


def _excluded(settings: Mapping[str, Any]) -> list[str]:
    """Return the places that are left out beside countries."""
    excluded = fields_of(settings.get("excluded_geo_locations"))
    return [f"excluded {name}" for name in _narrowed(excluded, ("countries", "location_types"))]


def _widened(settings: Mapping[str, Any]) -> list[str]:
    """Return the setting that lets Meta show the ads to other people than targeted, when it is on."""
    automation = fields_of(settings.get("targeting_automation"))
    return ["advantage_audience"] if automation.get("advantage_audience") not in (None, 0, "0") else []


# From v27.0 on Meta widens the devices of sales ad sets to all of them by itself, which selects nothing.
_EVERY_DEVICE = {"mobile", "desktop"}


def _placements(settings: Mapping[str, Any]) -> str:
    """Return whether somebody chose placements or devices."""
    devices = set(settings.get("device_platforms") or _EVERY_DEVICE)
    has_placements = "publisher_platforms" in settings or targeting.positions(settings)
    return "selected" if has_placements or not devices >= _EVERY_DEVICE else "automatic"


def _in_learning(item: Mapping[str, Any]) -> bool | None:
    """Return whether Meta still learns; None for paused ad sets and accounts of which Meta does not say."""
    stage = fields_of(item.get("learning_stage_info")).get("status")
    return None if stage is None else text_of(stage) == "LEARNING"


def _attribution_days(item: Mapping[str, Any]) -> int | None:
    """Return the longest window after a click or a view; None where Meta shows no setting."""
    windows = [fields_of(entry).get("window_days") for entry in rows_of(item.get("attribution_spec"))]
    return max([int(days) for days in windows if days is not None], default=None)


def ad_node(item: Mapping[str, Any]) -> AdNode:
    return node_of(AdNode, read_fields(id_of(item["id"]), _AD, item))


def _page(ad: Mapping[str, Any]) -> dict[str, str]:
    page = fields_of(fields_of(ad.get("creative")).get("object_story_spec")).get("page_id")
    return {"page_id": id_of(page)} if page else {}


def _content(ad: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the part of an ad's creative that holds its text and its button."""
    story = fields_of(fields_of(ad.get("creative")).get("object_story_spec"))
    # From v27.0 on Meta may add a catalog's products to an ad, whose text then stands in template_data.
    for kind in ("link_data", "video_data", "template_data"):
        if data := fields_of(story.get(kind)):
            return data
    return {}


# Readers of the rows by the fields of nodes: of all rows, then of each level's, with what they are given.
_NODE: Readers = {
    "name": lambda item, *_: text_of(item["name"]),
    "status": lambda item, *_: _STATUS[item["status"]],
    "platform_status": lambda item, *_: text_of(item.get("effective_status", "unknown")),
    "issues": lambda item, *_: _issues(item),
}
_CAMPAIGN: Readers = {
    **_NODE,
    "daily_budget": lambda item, step, *_: _daily_budget(item, step),
    "fixed_budget": lambda item, *_: _fixed_budget(item),
    "bid_strategy": lambda _, __, strategy, ___: None if strategy is None else bidding.strategy_of(strategy),
    "bid_target": lambda _, step, strategy, adsets: bidding.campaign_target(strategy, adsets, step),
    "created_at": lambda item, *_: _moment(item.get("created_time")),
}
_ADSET: Readers = {
    **_NODE,
    "daily_budget": _daily_budget,
    "targeting": lambda item, _: _targeting(item["targeting"]),
    "placements": lambda item, _: _placements(fields_of(item["targeting"])),
    "placed": lambda item, _: targeting.placed(fields_of(item["targeting"])),
    "bid_strategy": lambda item, _: bidding.strategy_of(item.get("bid_strategy")),
    "bid_target": bidding.target_of,
    "in_learning": lambda item, _: _in_learning(item),
    "attribution_days": lambda item, _: _attribution_days(item),
    "ends_at": lambda item, _: _moment(item.get("end_time")),
    "starts_at": lambda item, _: _moment(item.get("start_time")),
}
_AD: Readers = {
    **_NODE,
    "primary_text": lambda item: _content(item).get("message"),
    "call_to_action": lambda item: fields_of(_content(item).get("call_to_action")).get("type"),
    "url_parameters": lambda item: parameters_of(fields_of(item.get("creative")).get("url_tags") or ""),
    "adset_id": lambda item: id_of(item["adset_id"]),
    "shown_by": _page,
}


def insight_of_row(row: Mapping[str, Any], level: Level, actions: Sequence[str]) -> DailyInsight:
    """One row of a report; `actions` are the action types that count as the conversion, widest first.

    A figure that cannot be read is None. Raises an error of UNREADABLE for a row of an unknown object or day:
    to leave it out would show a day without delivery.
    """
    conversions, revenue = _conversions(row, actions)
    return DailyInsight(
        entity_id=id_of(row[f"{level}_id"]),
        campaign_id=id_of(row["campaign_id"]),
        adset_id=None if level is Level.CAMPAIGN else id_of(row["adset_id"]),
        day=date.fromisoformat(row["date_start"]),
        spend=figure_of(row.get("spend")),
        impressions=count_of(row.get("impressions")),
        clicks=count_of(row.get("clicks")),
        conversions=conversions,
        revenue=revenue,
    )


def _conversions(row: Mapping[str, Any], actions: Sequence[str]) -> tuple[Decimal | None, Decimal | None]:
    # Action types contain each other (omni_purchase holds purchase), so only the first one present counts.
    # Meta leaves out empty fields: a row without any of them had no conversion.
    try:
        counts, values = _by_action(row.get("actions")), _by_action(row.get("action_values"))
    except UNREADABLE:
        return None, None
    counted = next((action for action in actions if action in counts), None)
    return (counts[counted], values.get(counted)) if counted else (Decimal(0), Decimal(0))


def _by_action(entries: Any) -> dict[str, Decimal | None]:
    return {text_of(item["action_type"]): figure_of(item.get("value")) for item in rows_of(entries)}
