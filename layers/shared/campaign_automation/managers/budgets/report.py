"""From a plan in minor units and what became of it to the answer in major units. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal

from campaign_automation.managers.budgets.applying import Done
from campaign_automation.managers.budgets.problem import Facts
from campaign_automation.managers.shared.insights import CampaignInsights
from campaign_automation.models.budget_problem import AllocationReport, BudgetPlan, Decision, Evidence
from campaign_automation.models.budgets import Allocation, AskedTotal, Optimization
from campaign_automation.utils.error_handler import CampaignAutomationError, error_body
from campaign_automation.utils.money import to_major

_OUTCOMES = {"changed": "applied", "already": "applied", "planned": "planned", "skipped": "skipped"}
# Results of the fitted curves: money where the objective is value.
_RESULTS = ("ceiling", "result_before", "result_after")

_FALLBACKS = {
    "too_little_data": "too little data for response curves (fewer than 3 active budgets, 3 days or 20"
    " conversions): the written rules decided, with the guard on",
    "revenue_missing": "no conversion has a known revenue, so there is no value to allocate by: the written"
    " rules decided, with the guard on",
}


def evidence_of(decision: Decision, exponent: int, *, by_value: bool) -> dict[str, Any]:
    """Everything the decision rests on, as JSON values, amounts in the major unit."""
    values = in_major(decision.evidence.model_dump(mode="json"), exponent, by_value=by_value)
    roas = decision.evidence.target_roas
    return values | {"target_roas": None if roas is None else float(roas)}


def in_major(values: Mapping[str, Any], exponent: int, *, by_value: bool) -> dict[str, Any]:
    """`*_minor` becomes an amount without the suffix; a rate per minor unit one per unit."""
    answer: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            answer[name] = in_major(value, exponent, by_value=by_value)
        elif name.endswith("_per_minor"):
            answer[name.removesuffix("_minor") + "_unit"] = value if by_value else value * 10**exponent
        elif name.endswith("_minor") or (by_value and name in _RESULTS):
            answer[name.removesuffix("_minor")] = None if value is None else _scaled(value, exponent)
        else:
            answer[name] = value
    return answer


def _scaled(value: float, exponent: int) -> float:
    """Whole minor units stay exact; estimates are floats anyway."""
    if isinstance(value, int):
        return float(to_major(value, exponent))
    return float(Decimal(str(value)).scaleb(-exponent))


def optimizations_of(
    plan: BudgetPlan, facts: Sequence[Facts], done: Mapping[str, Done], exponent: int
) -> list[Optimization]:
    """One for each decision, in the order of campaigns and units."""
    decisions = {decision.unit_id: decision for decision in plan.decisions}
    by_value = plan.allocation is not None and plan.allocation.objective == "value"
    return [
        _optimization(decisions[tag], item.insights, done.get(tag), exponent, by_value)
        for item in facts
        for tag in sorted(item.insights.tags)
        if tag in decisions
    ]


def _optimization(
    decision: Decision, insights: CampaignInsights, done: Done | None, exponent: int, by_value: bool
) -> Optimization:
    evidence = evidence_of(decision, exponent, by_value=by_value)
    return Optimization(
        campaign_id=insights.campaign.campaign_id,
        adset_id=decision.unit_id,
        platform_id=insights.campaign.objects[decision.unit_id].platform_id or "",
        level=insights.level,
        action=decision.action,
        old_budget=to_major(decision.old_budget_minor, exponent),
        new_budget=to_major(decision.new_budget_minor, exponent),
        reason=decision.reason,
        explanation=decision.explanation,
        written=Evidence.model_validate(decision.evidence).written,
        guard=evidence.pop("guard"),
        evidence={name: value for name, value in evidence.items() if name != "written"},
        **_outcome(done),
    )


def _outcome(done: Done | None) -> dict[str, Any]:
    if done is None:
        return {}
    if done.item is None:
        error = done.error and error_body(done.error)
        return {"outcome": "failed" if error else "skipped", "outcome_reason": done.reason or None} | (
            {"error": error, "outcome_reason": error["message"]} if error else {}
        )
    item = done.item
    if item.result == "failed":
        error = error_body(item.error or CampaignAutomationError("failed"))
        return {"outcome": "failed", "outcome_reason": error["message"], "error": error}
    is_done = item.result in ("changed", "already")
    return {
        "outcome": _OUTCOMES[item.result],
        "outcome_reason": item.reason or None,
        "effective": item.effective if is_done else None,
    }


def asked_total_of(asked: Decimal | None, optimizations: Sequence[Optimization]) -> AskedTotal | None:
    if asked is None:
        return None
    after = sum((item.result for item in optimizations), Decimal(0))
    outcome: Literal["met", "below", "above"] = (
        "met" if after == asked else "below" if after < asked else "above"
    )
    return AskedTotal(asked=asked, after=after, outcome=outcome)


def allocation_of(report: AllocationReport | None, exponent: int) -> Allocation | None:
    if report is None:
        return None
    by_value = report.objective == "value"
    scale = 10.0**-exponent if by_value else 1.0
    multiplier = report.multiplier
    # Value per money is the same in any unit; conversions per minor unit are not.
    marginal = multiplier if by_value or multiplier is None else multiplier * 10**exponent
    return Allocation(
        **report.model_dump(
            include={
                "objective",
                "status",
                "applied",
                "relative_gap",
                "integer_relative_gap",
                "iterations",
                "expected_gain",
                "dispersion",
                "maturity_assumed",
            }
        ),
        duality_gap=report.duality_gap * scale,
        expected_result=report.expected_result * scale,
        marginal_result=marginal,
        unallocatable=to_major(report.unallocatable_minor, exponent),
        unallocated=to_major(report.unallocated_minor, exponent),
    )


def warnings_of(plan: BudgetPlan, facts: Sequence[Facts], optimizations: Sequence[Optimization]) -> list[str]:
    """What a person should know beside the decisions, once each."""
    words = [warning for item in facts for warning in item.insights.warnings]
    if plan.status in _FALLBACKS:
        words.append(_FALLBACKS[plan.status])
    if plan.unallocated_minor or (plan.allocation and plan.allocation.status == "total_above_caps"):
        words.append("the total is above what today's caps allow: the rest is not allocated")
    late = sum(item.effective == "next_day" for item in optimizations)
    if late:
        words.append(
            f"{late} budgets hold from the account's next midnight on: today has spent too much of them"
        )
    return list(dict.fromkeys(words))


def message_of(plan: BudgetPlan, optimizations: Sequence[Optimization], *, dry_run: bool) -> str:
    changes = [item for item in optimizations if item.outcome]
    if plan.status == "all_paused":
        return "nothing is active: there is no budget to optimise"
    if not changes:
        return f"all {len(optimizations)} budgets stay as they are"
    good = sum(item.outcome in ("applied", "planned") for item in changes)
    words = f"{'would change' if dry_run else 'changed'} {good} of {len(optimizations)} budgets"
    return (
        words if good == len(changes) else f"{words}; {len(changes) - good} could not be changed, see outcome"
    )
