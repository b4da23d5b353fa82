"""The part of an asked total that no budget may take today, and the reasons, ad set by ad set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from campaign_automation.models.budget_problem import (
    BudgetProblem,
    BudgetUnit,
    Decision,
    DecisionReason,
    NotPlaced,
)
from campaign_automation.optimizers.budgets.written_rules import box_of, can_move, cooling_down


def not_placed(
    decisions: Sequence[Decision], units: Sequence[BudgetUnit], problem: BudgetProblem
) -> NotPlaced | None:
    """Return what is missing to the total; None where it is met, or only a cap beside a marginal CPA."""
    asked = problem.total_budget_minor
    if asked is None or problem.target_marginal_cpa_minor is not None:
        return None
    missing = asked - sum(item.new_budget_minor for item in decisions)
    if missing <= 0:
        return None
    reasons = Counter(_reason(item, unit, problem) for item, unit in zip(decisions, units, strict=True))
    return NotPlaced(amount_minor=missing, reasons=dict(reasons.most_common()))


def _reason(decision: Decision, unit: BudgetUnit, problem: BudgetProblem) -> DecisionReason:
    """Return the reason this ad set takes no more."""
    if decision.action == "pause":
        return decision.reason
    if unit.locked:
        return "locked"
    if unit.in_learning:
        return "in_learning"
    if cooling_down(unit, problem.today, problem.min_days_between_changes):
        return "cooldown"
    if decision.evidence.basis.startswith("rule:") and decision.evidence.written.rule == "lower":
        return decision.reason
    high = box_of(unit).high
    if can_move(decision.new_budget_minor, decision.new_budget_minor, high, unit.step_minor):
        return "below_step"
    return (
        "at_maximum"
        if unit.max_minor is not None and unit.max_minor <= high + unit.step_minor
        else "step_cap"
    )
