"""Meta's answers in our shapes: nodes of the tree and rows of reports."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from campaign_automation.adapters.base import (
    AdNode,
    AdSetNode,
    CampaignNode,
    DailyInsight,
    node_of,
    read_fields,
)
from campaign_automation.models.common import Level, Targeting

_STATUS = {"ACTIVE": "active", "PAUSED": "paused", "DELETED": "deleted", "ARCHIVED": "deleted"}


def _node_fields(item: Mapping[str, Any], **more: Callable[[], Any]) -> dict[str, Any]:
    platform_id = str(item["id"])
    return {
        "platform_id": platform_id,
        "name": str(item.get("name", "")),
        "status": _STATUS.get(str(item.get("status")), "unknown"),
        "platform_status": str(item.get("effective_status", "unknown")),
        **read_fields(platform_id, issues=lambda: _issues(item), **more),
    }


def _issues(item: Mapping[str, Any]) -> list[str]:
    issues = [
        str(issue.get("error_summary") or issue.get("error_message")) for issue in item.get("issues_info", [])
    ]
    review = item.get("ad_review_feedback", {}).get("global", {})
    return issues + [f"{policy}: {text}" for policy, text in review.items()]


def campaign_node(item: Mapping[str, Any], step: Decimal) -> CampaignNode:
    fields = _node_fields(
        item,
        daily_budget=lambda: _daily_budget(item, step),
        created_at=lambda: _moment(item.get("created_time")),
    )
    return node_of(CampaignNode, fields)


def _daily_budget(item: Mapping[str, Any], step: Decimal) -> Decimal | None:
    """The daily budget in the major unit; None where another level owns the budget."""
    # An owner of a lifetime budget shows 0 here.
    budget = Decimal(item.get("daily_budget") or 0)
    return budget * step if budget else None


def adset_node(item: Mapping[str, Any], step: Decimal) -> AdSetNode:
    strategy = item.get("bid_strategy")
    fields = _node_fields(
        item,
        daily_budget=lambda: _daily_budget(item, step),
        targeting=lambda: _targeting(item["targeting"]),
        placements=lambda: _placements(item["targeting"]),
        in_learning=lambda: _in_learning(item),
        ends_at=lambda: _moment(item.get("end_time")),
    )
    bid_strategy = "lowest_cost" if strategy == "LOWEST_COST_WITHOUT_CAP" else str(strategy)
    return node_of(AdSetNode, {**fields, "bid_strategy": bid_strategy})


def _targeting(stored: Mapping[str, Any]) -> Targeting:
    return Targeting(
        age_min=stored["age_min"],
        age_max=stored["age_max"],
        countries=stored["geo_locations"]["countries"],
    )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


# From v27.0 on Meta widens the devices of sales ad sets to all of them by itself, which selects nothing.
_EVERY_DEVICE = {"mobile", "desktop"}


def _placements(targeting: Mapping[str, Any]) -> str:
    """Return whether somebody chose placements or devices."""
    devices = set(targeting.get("device_platforms") or _EVERY_DEVICE)
    has_placements = any(key.endswith("_positions") or key == "publisher_platforms" for key in targeting)
    return "selected" if has_placements or not devices >= _EVERY_DEVICE else "automatic"


def _in_learning(item: Mapping[str, Any]) -> bool | None:
    """Return whether Meta still learns; None for paused ad sets and accounts of which Meta does not say."""
    stage = item.get("learning_stage_info", {}).get("status")
    return None if stage is None else bool(stage == "LEARNING")


def ad_node(item: Mapping[str, Any]) -> AdNode:
    fields = _node_fields(item, primary_text=lambda: _primary_text(item))
    return node_of(AdNode, {**fields, "adset_id": str(item.get("adset_id", ""))})


def _primary_text(ad: Mapping[str, Any]) -> str | None:
    story = ad.get("creative", {}).get("object_story_spec", {})
    # From v27.0 on Meta may add a catalog's products to an ad, whose text then stands in template_data.
    content = story.get("link_data") or story.get("video_data") or story.get("template_data") or {}
    return content.get("message")


def insight_of_row(row: Mapping[str, Any], level: Level, actions: Sequence[str]) -> DailyInsight:
    """One row of a report; `actions` are the action types that count as the conversion, widest first."""
    # Action types contain each other (omni_purchase holds purchase), so only the first one present counts.
    # Meta leaves out empty fields: a row without any of them had no conversion.
    counts = {item["action_type"]: Decimal(item["value"]) for item in row.get("actions", [])}
    values = {item["action_type"]: Decimal(item["value"]) for item in row.get("action_values", [])}
    counted = next((action for action in actions if action in counts), None)
    return DailyInsight(
        entity_id=row[f"{level}_id"],
        campaign_id=row["campaign_id"],
        adset_id=row.get("adset_id"),
        day=date.fromisoformat(row["date_start"]),
        spend=Decimal(row["spend"]) if "spend" in row else None,
        impressions=int(row["impressions"]) if "impressions" in row else None,
        clicks=int(row["clicks"]) if "clicks" in row else None,
        conversions=counts[counted] if counted else Decimal(0),
        revenue=values.get(counted) if counted else Decimal(0),
    )
