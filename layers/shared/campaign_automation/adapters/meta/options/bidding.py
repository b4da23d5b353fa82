"""The bidding of an ad set as Meta writes it, and back."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from campaign_automation.adapters.common.reading import amount_of, fields_of, text_of
from campaign_automation.models.campaigns import AdSetPlan
from campaign_automation.utils.money import to_units

LOWEST_COST, COST_CAP = "LOWEST_COST_WITHOUT_CAP", "COST_CAP"
RETURN_FLOOR = "LOWEST_COST_WITH_MIN_ROAS"
_OURS = {LOWEST_COST: "lowest_cost", COST_CAP: "target_cpa", RETURN_FLOOR: "target_roas"}
_ROAS_UNITS = 10_000


def bidding_params(adset: AdSetPlan, goal: str, step: Decimal) -> dict[str, Any]:
    """Return goal and bid strategy; a floor of the return needs the goal VALUE."""
    target = adset.bid_target
    if target is None or adset.bid_strategy == "lowest_cost":
        return {"optimization_goal": goal, "bid_strategy": LOWEST_COST}
    if adset.bid_strategy == "target_cpa":
        return {"optimization_goal": goal, "bid_strategy": COST_CAP, "bid_amount": to_units(target, step)}
    floor = {"roas_average_floor": int(target * _ROAS_UNITS)}
    return {"optimization_goal": "VALUE", "bid_strategy": RETURN_FLOOR, "bid_constraints": floor}


def strategy_of(told: Any) -> str:
    """Return our word for a strategy, else Meta's; an ad set whose campaign owns the budget has none."""
    if told is None:
        return "unknown"
    return _OURS.get(told) or text_of(told)


def target_of(item: Mapping[str, Any], step: Decimal) -> Decimal | None:
    """Return the target that an ad set bids for. Raises an error of UNREADABLE."""
    strategy = item.get("bid_strategy")
    if strategy == COST_CAP:
        return amount_of(item["bid_amount"]) * step
    if strategy == RETURN_FLOOR:
        return amount_of(fields_of(item["bid_constraints"])["roas_average_floor"]) / _ROAS_UNITS
    return None
