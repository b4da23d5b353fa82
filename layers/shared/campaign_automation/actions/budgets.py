"""Budgets decided on and changed."""

from __future__ import annotations

from campaign_automation.actions.kinds import changes
from campaign_automation.models.budgets import BudgetOptimized, OptimizeBudget

ACTIONS = {
    "optimize_budget": changes("optimize_budget", OptimizeBudget, BudgetOptimized, "budgets", "optimize"),
}
