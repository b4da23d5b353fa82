"""The bidding of an ad group as TikTok writes it, and back."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from campaign_automation.adapters.common.reading import amount_of, text_of
from campaign_automation.models.campaigns import AdSetPlan
from campaign_automation.models.creation.settings import Bidding

NO_BID, CUSTOM, RETURN_FLOOR = "BID_TYPE_NO_BID", "BID_TYPE_CUSTOM", "VO_MIN_ROAS"


def bidding_body(adset: AdSetPlan, goal: str) -> dict[str, Any]:
    """Return goal and bid; a target return needs the goal VALUE.

    A bid without its type is said to be ignored, so both are sent and read back. That a target return goes
    with the type of a bid is unverified.
    """
    bid = bid_body(Bidding(adset.bid_strategy, adset.bid_target))
    return {"optimization_goal": "VALUE" if "roas_bid" in bid else goal, **bid}


def bid_body(bidding: Bidding) -> dict[str, Any]:
    """Return the type of a bid with the bid."""
    strategy, target = bidding
    if target is None or strategy == "lowest_cost":
        return {"bid_type": NO_BID}
    if strategy == "target_cpa":
        return {"bid_type": CUSTOM, "conversion_bid_price": float(target)}
    return {"bid_type": CUSTOM, "deep_bid_type": RETURN_FLOOR, "roas_bid": float(target)}


def strategy_of(item: Mapping[str, Any]) -> str:
    """Return our word for the bidding of an ad group, else TikTok's type."""
    told = item.get("bid_type")
    if told == NO_BID and not item.get("deep_bid_type"):
        return "lowest_cost"
    if told == CUSTOM and item.get("deep_bid_type") == RETURN_FLOOR and item.get("roas_bid"):
        return "target_roas"
    if told == CUSTOM and item.get("conversion_bid_price") and not item.get("deep_bid_type"):
        return "target_cpa"
    return text_of(told or "unknown")


def target_of(item: Mapping[str, Any]) -> Decimal | None:
    """Return the target that an ad group bids for. Raises an error of UNREADABLE."""
    field = {"target_cpa": "conversion_bid_price", "target_roas": "roas_bid"}.get(strategy_of(item))
    return amount_of(item[field]) if field else None
