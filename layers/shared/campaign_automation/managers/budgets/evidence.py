"""The evidence of a decision as answers and audit records show it: JSON values, amounts in the major unit."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from campaign_automation.managers.budgets.wording import explanation, would_change
from campaign_automation.models.budget_problem import (
    BudgetPlan,
    BudgetProblem,
    CurveEvidence,
    Decision,
    Estimate,
    GuardVerdict,
)
from campaign_automation.optimizers.budgets.calibration import range_of
from campaign_automation.utils.money import to_major


def evidence_of(decision: Decision, problem: BudgetProblem, *, by_value: bool) -> dict[str, Any]:
    """Return the numbers and facts that a decision rests on; `by_value`: results of curves are money."""
    found, exponent = decision.evidence, problem.currency_exponent
    return {
        "window_from": found.window_from.isoformat(),
        "window_to": found.window_to.isoformat(),
        "days_known": found.days_known,
        "spend": _amount(found.spend_minor, exponent),
        "conversions": found.conversions,
        "revenue": _amount(found.revenue_minor, exponent),
        "roas": found.roas,
        "cpa": _amount(found.cpa_minor, exponent),
        "target_roas": None if found.target_roas is None else float(found.target_roas),
        "target_cpa": _amount(found.target_cpa_minor, exponent),
        "basis": found.basis,
        "binding_constraint": found.binding_constraint,
        "would_change": would_change(decision, problem),
        "reinvested": _amount(found.reinvested_minor, exponent),
        "curve": found.curve and _curve(found.curve, exponent, by_value=by_value),
    }


def guard_of(guard: GuardVerdict, exponent: int) -> dict[str, Any]:
    """Return the guard's verdict with the numbers it rests on."""
    return {
        "verdict": guard.verdict,
        "measure": guard.measure,
        "value": guard.value,
        "threshold": guard.threshold,
        "conversions": guard.conversions,
        "matured_spend": _amount(guard.matured_spend_minor, exponent),
        "dispersion": guard.dispersion,
        "maturity_assumed": guard.maturity_assumed,
        "own_reference": guard.own_reference,
        "missing": guard.missing,
    }


def audit_evidence(decision: Decision, problem: BudgetProblem, plan: BudgetPlan) -> dict[str, Any]:
    """Return everything that the audit trail keeps of a decision."""
    return {
        "reason": decision.reason,
        "explanation": explanation(decision, problem),
        **evidence_of(decision, problem, by_value=is_by_value(plan)),
        "written": decision.evidence.written.model_dump(mode="json"),
        "guard": guard_of(decision.evidence.guard, problem.currency_exponent),
    }


def is_by_value(plan: BudgetPlan) -> bool:
    """Return whether the plan's curves count money instead of conversions."""
    return plan.allocation is not None and plan.allocation.objective == "value"


def _curve(curve: CurveEvidence, exponent: int, *, by_value: bool) -> dict[str, Any]:
    # Value per money is the same in any unit; conversions per minor unit are not.
    per_unit = curve.marginal_result_per_minor * (1 if by_value else 10**exponent)
    scale = exponent if by_value else 0
    return {
        "ceiling": _amount(curve.ceiling, scale),
        "half": _amount(curve.half_minor, exponent),
        "result_before": _amount(curve.result_before, scale),
        "result_after": _amount(curve.result_after, scale),
        "range_before": _range(curve.result_before, curve.model_sd_before, curve.day_sd_before, scale),
        "range_after": _range(curve.result_after, curve.model_sd_after, curve.day_sd_after, scale),
        "metric": "value" if by_value else "conversions",
        "marginal_result_per_unit": per_unit,
        "value_assumed": curve.value_assumed,
        "model_estimate": curve.model_estimate,
    }


def _range(mean: float, model_sd: float, day_sd: float, scale: int) -> list[float | None]:
    """Return the range that is to hold the result of one day in 80 of 100 cases."""
    estimate = Estimate(mean=mean, model_sd=model_sd, day_sd=day_sd)
    return [_amount(end, scale) for end in range_of(estimate, days=1)]


def _amount(minor: float | None, exponent: int) -> float | None:
    """Return the amount in the major unit: whole minor units exactly, estimates as close as a float is."""
    if minor is None:
        return None
    # JSON has floats only; an int is scaled as Decimal first, so that 0.1 is 0.1.
    return float(to_major(minor, exponent) if isinstance(minor, int) else _shifted(minor, exponent))


def _shifted(estimate: float, exponent: int) -> Decimal:
    return Decimal(str(estimate)).scaleb(-exponent)
