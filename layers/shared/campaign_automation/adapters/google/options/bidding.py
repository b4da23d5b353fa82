"""The bidding of a campaign as Google writes it, and back."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from campaign_automation.adapters.google import facts
from campaign_automation.adapters.google.messages import enum_name, set_enum
from campaign_automation.models.campaigns import AdSetPlan

_WITH_TARGET_COST = "OPTIMIZE_INSTALLS_TARGET_INSTALL_COST"


def set_bidding(campaign: Any, adset: AdSetPlan, bidding: str) -> None:
    """Set the objective's bidding, or the one that holds the target."""
    target = adset.bid_target
    if target is None or adset.bid_strategy == "lowest_cost":
        getattr(campaign, bidding).SetInParent()
    elif adset.bid_strategy == "target_cpa":
        campaign.maximize_conversions.target_cpa_micros = facts.to_micros(target)
    else:
        campaign.maximize_conversion_value.target_roas = float(target)


def set_app_goal(campaign: Any) -> None:
    """Name the target's goal of an app campaign that bids for a cost per install."""
    if campaign.maximize_conversions.target_cpa_micros:
        set_enum(campaign.app_campaign_setting, "bidding_strategy_goal_type", _WITH_TARGET_COST)


def strategy_of(campaign: Any) -> str:
    """Return our word for the bidding of a campaign, else Google's kind."""
    kind = enum_name(campaign, "bidding_strategy_type")
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
