"""The answer of optimize_budget, from a plan in minor units and the results of its changes. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from campaign_automation.managers.budgets import wording
from campaign_automation.managers.budgets.evidence import evidence_of, guard_of, is_by_value
from campaign_automation.managers.budgets.plan_digest import expires_at, new_digest
from campaign_automation.managers.budgets.problem import BudgetProposal, attribution_of
from campaign_automation.managers.budgets.summary import template_summary
from campaign_automation.managers.changes.items import ChangeResult, is_confirmed, status_of
from campaign_automation.managers.shared.insights import CampaignInsights
from campaign_automation.models.budget_problem import AllocationReport, Decision, NotPlaced
from campaign_automation.models.budgets import (
    Allocation,
    AskedTotal,
    BudgetAttribution,
    BudgetOptimized,
    NotPlacedTotal,
    Optimization,
    OptimizeBudget,
)
from campaign_automation.utils.error_handler import CampaignAutomationError, error_body
from campaign_automation.utils.money import to_major

# A budget that stands as wanted already, perhaps by a run that was cut off, counts as applied.
_NOT_DONE = ("skipped", "failed")
_OUTCOMES = {"changed": "applied", "already": "applied", "planned": "planned", "skipped": "skipped"}


def report(
    request: OptimizeBudget,
    proposal: BudgetProposal,
    results: Mapping[str, ChangeResult],
    run_ids: Mapping[str, str],
) -> BudgetOptimized:
    """Return the whole answer, summarised by the template.

    `results` are by unit; a dry run has a digest of its plan instead of the runs' ids.
    """
    problem, plan = proposal.problem, proposal.plan
    optimizations = _optimizations(proposal, results)
    total_after = sum((item.result for item in optimizations), Decimal(0))
    digest = new_digest(proposal) if request.dry_run else None
    return BudgetOptimized(
        status=status_of(results.values()),
        confirmed=is_confirmed(results.values()),
        campaign_ids=[item.insights.campaign.campaign_id for item in proposal.facts],
        strategy=plan.strategy,
        plan_status=plan.status,
        currency=problem.currency,
        total_before=to_major(plan.total_before_minor, problem.currency_exponent),
        total_after=total_after,
        asked_total=_asked_total(request.total_daily_budget, total_after),
        not_placed=plan.not_placed and _not_placed(plan.not_placed, problem.currency_exponent),
        freed=sum((max(item.old_budget - item.result, Decimal(0)) for item in optimizations), Decimal(0)),
        optimizations=optimizations,
        allocation=plan.allocation and _allocation(plan.allocation, problem.currency_exponent),
        attribution=BudgetAttribution(**attribution_of(request, proposal.facts)._asdict()),
        plan_digest=digest,
        expires_at=digest and expires_at(digest),
        run_ids={} if request.dry_run else dict(run_ids),
        summary=template_summary(optimizations, problem.currency),
        warnings=_warnings(proposal, optimizations, request.total_daily_budget),
        message=wording.message(plan.status, optimizations, dry_run=request.dry_run),
    )


def _optimizations(proposal: BudgetProposal, results: Mapping[str, ChangeResult]) -> list[Optimization]:
    """Return one for each decision, in the order of campaigns and units."""
    decisions = {decision.unit_id: decision for decision in proposal.plan.decisions}
    return [
        _optimization(decisions[tag], item.insights, proposal, results.get(tag))
        for item in proposal.facts
        for tag in sorted(item.insights.tags)
        if tag in decisions
    ]


def _optimization(
    decision: Decision, insights: CampaignInsights, proposal: BudgetProposal, result: ChangeResult | None
) -> Optimization:
    problem, exponent = proposal.problem, proposal.problem.currency_exponent
    return Optimization(
        campaign_id=insights.campaign.campaign_id,
        adset_id=decision.unit_id,
        platform_id=insights.campaign.objects[decision.unit_id].platform_id or "",
        level=insights.level,
        action=decision.action,
        old_budget=to_major(decision.old_budget_minor, exponent),
        new_budget=to_major(decision.new_budget_minor, exponent),
        reason=decision.reason,
        explanation=wording.explanation(decision, problem),
        written=decision.evidence.written,
        guard=guard_of(decision.evidence.guard, exponent),
        evidence=evidence_of(decision, problem, by_value=is_by_value(proposal.plan)),
        **(_outcome(result) if result else {}),
    )


def _outcome(result: ChangeResult) -> dict[str, Any]:
    if result.result == "failed":
        error = error_body(result.error or CampaignAutomationError("failed"))
        return {"outcome": "failed", "outcome_reason": error["message"], "error": error}
    is_done = result.result in ("changed", "already")
    return {
        "outcome": _OUTCOMES[result.result],
        "outcome_reason": result.reason or None,
        "effective": result.effective if is_done else None,
    }


def _asked_total(asked: Decimal | None, after: Decimal) -> AskedTotal | None:
    if asked is None:
        return None
    if after == asked:
        return AskedTotal(asked=asked, after=after, outcome="met")
    return AskedTotal(asked=asked, after=after, outcome="below" if after < asked else "above")


def _not_placed(rest: NotPlaced, exponent: int) -> NotPlacedTotal:
    return NotPlacedTotal(amount=to_major(rest.amount_minor, exponent), reasons=dict(rest.reasons))


def _allocation(solved: AllocationReport, exponent: int) -> Allocation:
    by_value = solved.objective == "value"
    scale = 10.0**-exponent if by_value else 1.0
    marginal = solved.multiplier
    if marginal is not None and not by_value:
        marginal *= 10**exponent  # value per money is the same in any unit, conversions per money are not
    return Allocation(
        objective=solved.objective,
        status=solved.status,
        applied=solved.applied,
        duality_gap=solved.duality_gap * scale,
        relative_gap=solved.relative_gap,
        integer_relative_gap=solved.integer_relative_gap,
        marginal_result=marginal,
        iterations=solved.iterations,
        expected_result=solved.expected_result * scale,
        expected_gain=solved.expected_gain,
        dispersion=solved.dispersion,
        maturity_assumed=solved.maturity_assumed,
        unallocatable=to_major(solved.unallocatable_minor, exponent),
        unallocated=to_major(solved.unallocated_minor, exponent),
    )


def _warnings(
    proposal: BudgetProposal, optimizations: Sequence[Optimization], asked: Decimal | None
) -> list[str]:
    """Return the warnings of facts, plan and changes, once each."""
    warnings = [warning for item in proposal.facts for warning in item.insights.warnings]
    if fallback := wording.FALLBACKS.get(proposal.plan.status):
        warnings.append(fallback)
    if proposal.plan.tracking_suspect:
        warnings.append(wording.TRACKING_SUSPECT)
    if rest := proposal.plan.not_placed:
        warnings.append(wording.not_placed(rest, proposal.problem))
    after = sum((item.result for item in optimizations), Decimal(0))
    if asked is not None and after > asked:
        warnings.append(wording.above_total(after, asked, proposal.problem.currency))
    elif asked is not None and after < asked and any(item.outcome in _NOT_DONE for item in optimizations):
        warnings.append(wording.below_total(after, asked, proposal.problem.currency))
    if late := sum(item.effective == "next_day" for item in optimizations):
        warnings.append(wording.from_midnight(late))
    return list(dict.fromkeys(warnings))
