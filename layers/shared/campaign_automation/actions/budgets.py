"""The action on budgets: optimise."""

from __future__ import annotations

from campaign_automation.actions.action import Key, action
from campaign_automation.models.budgets import BudgetOptimized, OptimizeBudget
from campaign_automation.models.common import Context
from campaign_automation.wiring import Wiring


@action("POST", "/v1/campaigns/{campaign_id}/budget-optimizations", key=Key.GIVEN)
async def optimize_budget(parts: Wiring, request: OptimizeBudget, caller: Context) -> BudgetOptimized:
    """Decide on daily budgets and carry the decisions out."""
    return await parts.budgets.optimize(request, caller)
