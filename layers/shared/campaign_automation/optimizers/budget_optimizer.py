"""Budget optimisation: one request's numbers in, one decision for each active ad set out.

Pure: no I/O, no clock; every draw takes the request's seed, so equal requests have equal plans.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from campaign_automation.models.budget_problem import (
    AllocationReport,
    BudgetPlan,
    BudgetProblem,
    Decision,
    PlanStatus,
)
from campaign_automation.optimizers.budgets.allocation import curves_of, decide_by_curves
from campaign_automation.optimizers.budgets.decisions import with_curve
from campaign_automation.optimizers.budgets.evidence import Account, active_units, gather
from campaign_automation.optimizers.budgets.placement import not_placed
from campaign_automation.optimizers.budgets.records import check_problem
from campaign_automation.optimizers.budgets.rules_strategy import decide_by_rules, scale_to_total


def optimize_budget(problem: BudgetProblem) -> BudgetPlan:
    """Decide on the daily budget of every active ad set; only a person restarts a paused one.

    Strategy `rules` applies the written rules (with `guard`: only what the data carry). `auto` and `allocate`
    split the total by response curves and fall back to the guarded rules where the data are too few; the
    plan's status says so. `auto` also pauses what the guard confirms; with `guard` off it is `rules`. Amounts
    are in minor units of the problem's currency.
    Raises InvalidRequestError naming the ad set and day of an impossible number, or a second currency.
    """
    check_problem(problem)
    account = gather(problem)
    if not account.units:
        return _plan(problem, "all_paused", [], None)
    if problem.strategy == "rules" or (problem.strategy == "auto" and not problem.guard):
        return _told(account, _plan_by_rules(account, "ok", guard=problem.guard))
    return _told(account, _plan_by_curves(account))


def _told(account: Account, plan: BudgetPlan) -> BudgetPlan:
    """Return the plan with what concerns the account as a whole, and what its curves expect of it."""
    told: dict[str, Any] = {"tracking_suspect": account.tracking_suspect}
    if found := curves_of(account, [item.new_budget_minor for item in plan.decisions]):
        told |= {"decisions": list(map(with_curve, plan.decisions, found[0])), "curves": found[1]}
    return plan.model_copy(update=told)


def _plan_by_curves(account: Account) -> BudgetPlan:
    problem = account.problem
    found = decide_by_curves(account)
    if isinstance(found, str):
        return _plan_by_rules(account, found, guard=True)
    decisions, report = found
    worth_it = report.applied or all(item.reason != "gain_too_small" for item in decisions)
    return _plan(problem, "ok" if worth_it else "gain_too_small", decisions, report)


def _plan_by_rules(account: Account, status: PlanStatus, *, guard: bool) -> BudgetPlan:
    """Return the plan of the rules, which a total that is asked for binds too."""
    problem, decisions = account.problem, decide_by_rules(account, guard=guard)
    if problem.total_budget_minor is None:
        return _plan(problem, status, decisions, None)
    decisions, result = scale_to_total(
        decisions, account.units, problem, problem.total_budget_minor, guard=guard
    )
    rest = {"shortfall_minor": result.shortfall, "unallocated_minor": result.unallocated}
    return _plan(problem, status, decisions, None).model_copy(update=rest)


def _plan(
    problem: BudgetProblem,
    status: PlanStatus,
    decisions: Sequence[Decision],
    allocation: AllocationReport | None,
) -> BudgetPlan:
    changes = [(item.old_budget_minor, item.new_budget_minor) for item in decisions]
    return BudgetPlan(
        status=status,
        strategy=problem.strategy,
        decisions=list(decisions),
        allocation=allocation,
        freed_minor=sum(max(old - new, 0) for old, new in changes),
        total_before_minor=sum(old for old, _ in changes),
        total_after_minor=sum(new for _, new in changes),
        not_placed=not_placed(decisions, active_units(problem), problem),
    )
