"""The bidding of an ad set as Meta writes it, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from campaign_automation.adapters.common.reading import amount_of, fields_of, text_of
from campaign_automation.models.campaigns import AdSetPlan
from campaign_automation.models.creation.settings import Bidding
from campaign_automation.utils.money import to_units

LOWEST_COST, COST_CAP = "LOWEST_COST_WITHOUT_CAP", "COST_CAP"
RETURN_FLOOR = "LOWEST_COST_WITH_MIN_ROAS"
_OURS = {LOWEST_COST: "lowest_cost", COST_CAP: "target_cpa", RETURN_FLOOR: "target_roas"}
_ROAS_UNITS = 10_000


def bidding_params(adset: AdSetPlan, goal: str, step: Decimal) -> dict[str, Any]:
    """Return goal and bid strategy; a floor of the return needs the goal VALUE."""
    bidding = strategy_params(Bidding(adset.bid_strategy, adset.bid_target), step)
    return {"optimization_goal": "VALUE" if "bid_constraints" in bidding else goal, **bidding}


def strategy_params(bidding: Bidding, step: Decimal) -> dict[str, Any]:
    """Return the bid strategy of an ad set with its target."""
    strategy, target = bidding
    if target is None or strategy == "lowest_cost":
        return {"bid_strategy": LOWEST_COST}
    if strategy == "target_cpa":
        return {"bid_strategy": COST_CAP, "bid_amount": to_units(target, step)}
    return {
        "bid_strategy": RETURN_FLOOR,
        "bid_constraints": {"roas_average_floor": int(target * _ROAS_UNITS)},
    }


def campaign_params(bidding: Bidding, adset_ids: Sequence[str], step: Decimal) -> dict[str, Any]:
    """Return the bid strategy of a campaign with a budget of its own, with the amounts of its ad sets."""
    params = strategy_params(bidding, step)
    if amount := params.pop("bid_amount", None):
        # Source: "Advantage+ campaign budget": the amounts are to be set along with the strategy.
        params["adset_bid_amounts"] = dict.fromkeys(adset_ids, amount)
    return params


def strategy_of(told: Any) -> str:
    """Return our word for a strategy, else Meta's; an ad set whose campaign owns the budget has none."""
    if told is None:
        return "unknown"
    return _OURS.get(told) or text_of(told)


def campaign_target(strategy: Any, adsets: Sequence[Mapping[str, Any]], step: Decimal) -> Decimal | None:
    """Return the one target of all ad sets under a campaign's own budget, else None.

    Raises an error of UNREADABLE.
    """
    if strategy is None:
        return None
    targets = {target_of({**item, "bid_strategy": strategy}, step) for item in adsets}
    return targets.pop() if len(targets) == 1 else None


def target_of(item: Mapping[str, Any], step: Decimal) -> Decimal | None:
    """Return the target that an ad set bids for. Raises an error of UNREADABLE."""
    strategy = item.get("bid_strategy")
    if strategy == COST_CAP:
        return amount_of(item["bid_amount"]) * step
    if strategy == RETURN_FLOOR:
        return amount_of(fields_of(item["bid_constraints"])["roas_average_floor"]) / _ROAS_UNITS
    return None
