"""The bidding of a campaign as Google writes it, and back."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from campaign_automation.adapters.google import facts
from campaign_automation.adapters.google.messages import enum_name, set_enum
from campaign_automation.models.campaigns import AdSetPlan
from campaign_automation.models.creation.settings import Bidding

_WITH_TARGET_COST = "OPTIMIZE_INSTALLS_TARGET_INSTALL_COST"
_WITHOUT_TARGET_COST = "OPTIMIZE_INSTALLS_WITHOUT_TARGET_INSTALL_COST"


def set_bidding(campaign: Any, adset: AdSetPlan, bidding: str) -> None:
    """Set the objective's bidding, or the one that holds the target."""
    set_target(campaign, Bidding(adset.bid_strategy, adset.bid_target), bidding)


def set_target(campaign: Any, asked: Bidding, lowest_cost: str) -> str:
    """Set a bidding, where without a target the one named `lowest_cost`; return the path of its target."""
    strategy, target = asked
    if target is None or strategy == "lowest_cost":
        getattr(campaign, lowest_cost).SetInParent()
        return f"{lowest_cost}.{_TARGETS[lowest_cost]}"
    if strategy == "target_cpa":
        campaign.maximize_conversions.target_cpa_micros = facts.to_micros(target)
        return f"maximize_conversions.{_TARGETS['maximize_conversions']}"
    campaign.maximize_conversion_value.target_roas = float(target)
    return f"maximize_conversion_value.{_TARGETS['maximize_conversion_value']}"


# A mask names no message that has fields of its own (field_mask_error.FIELD_HAS_SUBFIELDS).
_TARGETS = {
    "maximize_conversions": "target_cpa_micros",
    "maximize_conversion_value": "target_roas",
    "target_spend": "cpc_bid_ceiling_micros",
}


def set_app_goal(campaign: Any) -> None:
    """Name the goal of an app campaign: installs, at a target cost where it bids for one."""
    has_target = campaign.maximize_conversions.target_cpa_micros
    goal = _WITH_TARGET_COST if has_target else _WITHOUT_TARGET_COST
    set_enum(campaign.app_campaign_setting, "bidding_strategy_goal_type", goal)


def strategy_of(campaign: Any) -> str:
    """Return our word for the bidding of a campaign, else Google's kind."""
    kind = enum_name(campaign, "bidding_strategy_type")
    if campaign.bidding_strategy:
        return f"portfolio {kind}"  # it is shared with other campaigns, as are its targets
    if kind == "MAXIMIZE_CONVERSIONS" and campaign.maximize_conversions.target_cpa_micros:
        return "target_cpa"
    if kind == "MAXIMIZE_CONVERSION_VALUE" and campaign.maximize_conversion_value.target_roas:
        return "target_roas"
    return "lowest_cost" if kind in facts.LOWEST_COST else kind


def target_of(campaign: Any) -> Decimal | None:
    """Return the target that a campaign bids for."""
    strategy = strategy_of(campaign)
    if strategy == "target_cpa":
        return facts.from_micros(campaign.maximize_conversions.target_cpa_micros)
    if strategy == "target_roas":
        return Decimal(str(campaign.maximize_conversion_value.target_roas))
    return None
