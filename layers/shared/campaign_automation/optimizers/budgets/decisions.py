"""Decisions on one ad set: the one that changes nothing, and the steps from it to another budget."""

from __future__ import annotations

from typing import TypedDict, Unpack

from campaign_automation.models.budget_problem import (
    BudgetAction,
    BudgetUnit,
    CurveEvidence,
    Decision,
    DecisionReason,
    Evidence,
    GuardVerdict,
    WrittenVerdict,
)
from campaign_automation.optimizers.budgets.records import Totals


class Grounds(TypedDict, total=False):
    """The parts of a decision's evidence that change with the decision."""

    basis: str
    binding_constraint: str | None
    reinvested_minor: int
    guard: GuardVerdict


def kept(unit: BudgetUnit, window: Totals, written: WrittenVerdict) -> Decision:
    """Return the decision to leave an ad set as it is, with the numbers of the rules' window."""
    return Decision(
        unit_id=unit.unit_id,
        action="keep",
        old_budget_minor=unit.budget_minor,
        new_budget_minor=unit.budget_minor,
        reason=written.reason,
        evidence=Evidence(
            window_from=window.first,
            window_to=window.last,
            days_known=window.days,
            spend_minor=window.spend,
            conversions=None if window.conversions is None else float(window.conversions),
            revenue_minor=window.revenue,
            roas=roas_of(window),
            cpa_minor=cpa_of(window),
            target_roas=unit.target_roas,
            target_cpa_minor=unit.target_cpa_minor,
            basis="rule:none",
            binding_constraint=None,
            written=written,
            guard=GuardVerdict(verdict="not_needed"),
        ),
    )


def decided(decision: Decision, budget: int, reason: DecisionReason, **grounds: Unpack[Grounds]) -> Decision:
    """Return the decision for another budget and reason, resting on `grounds`."""
    return decision.model_copy(
        update={
            "action": _action(decision.old_budget_minor, budget),
            "new_budget_minor": budget,
            "reason": reason,
            "evidence": decision.evidence.model_copy(update=dict(grounds)),
        }
    )


def paused(decision: Decision, reason: DecisionReason, **grounds: Unpack[Grounds]) -> Decision:
    """Return the decision to pause the ad set, which leaves it no budget."""
    return decided(decision, 0, reason, **grounds).model_copy(update={"action": "pause"})


def with_curve(decision: Decision, curve: CurveEvidence) -> Decision:
    """Return the decision with what its response curve expects of it, whichever strategy decided."""
    return decision.model_copy(update={"evidence": decision.evidence.model_copy(update={"curve": curve})})


def _action(old: int, new: int) -> BudgetAction:
    if new == old:
        return "keep"
    return "increase_budget" if new > old else "decrease_budget"


def roas_of(window: Totals) -> float | None:
    """Return revenue over spend; None without spend or where either is unknown."""
    if not window.spend or window.revenue is None:
        return None
    return window.revenue / window.spend


def cpa_of(window: Totals) -> float | None:
    """Return spend per conversion in minor units; None without either, or where one is unknown."""
    if not window.spend or not window.conversions:
        return None
    return float(window.spend / window.conversions)
