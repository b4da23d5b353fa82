"""The action on budgets: optimise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from campaign_automation.actions.action import Key, action, proposal_as_it_is_now
from campaign_automation.models.budgets import BudgetOptimized, OptimizeBudget
from campaign_automation.models.common import Context
from campaign_automation.models.proposals import ProposalMade

if TYPE_CHECKING:
    from campaign_automation.wiring import Wiring


@action(
    "POST", "/v1/campaigns/{campaign_id}/budget-optimizations", key=Key.GIVEN, refresh=proposal_as_it_is_now
)
async def optimize_budget(
    parts: Wiring, request: OptimizeBudget, caller: Context
) -> BudgetOptimized | ProposalMade:
    """Decide on daily budgets and carry the decisions out, or propose them."""
    if request.proposes:
        return await parts.proposal_requests.budgets(request, caller)
    return await parts.budgets.optimize(request, caller)
