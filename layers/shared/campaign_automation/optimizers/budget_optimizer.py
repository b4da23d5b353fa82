"""Budget optimisation: one request's numbers in, one decision for each active ad set out.

Pure: no I/O, no clock; every draw takes the request's seed, so equal requests have equal plans.
"""

from __future__ import annotations

from collections.abc import Sequence

from campaign_automation.models.budget_problem import AllocationReport, BudgetPlan, BudgetProblem, PlanStatus
from campaign_automation.optimizers.budgets.allocation import obstacle_to_curves, propose_by_curves
from campaign_automation.optimizers.budgets.evidence import Account, gather
from campaign_automation.optimizers.budgets.proposals import Proposal, decision_of
from campaign_automation.optimizers.budgets.records import check_problem
from campaign_automation.optimizers.budgets.rules_strategy import propose_by_rules, scale_to_total


def optimize_budget(problem: BudgetProblem) -> BudgetPlan:
    """Decide on every active ad set's daily budget; a paused one is a person's to restart.

    Strategy `auto` applies the written rules (with `guard`: only what the data carry), `allocate` splits the
    total by response curves and falls back to the guarded rules where the data are too few; the plan's
    status says so. Amounts are in minor units of the problem's currency.
    Raises InvalidRequestError naming the ad set and day of an impossible number, a second currency, or a
    group limit that cannot be kept.
    """
    check_problem(problem)
    account = gather(problem)
    if not account.cases:
        return _plan(problem, "all_paused", [], None)
    if problem.strategy == "auto":
        return _plan_by_rules(account, "ok", guard=problem.guard)
    if status := obstacle_to_curves(account):
        return _plan_by_rules(account, status, guard=True)
    proposals, report = propose_by_curves(account)
    worth_it = report.applied or all(item.reason != "gain_too_small" for item in proposals)
    return _plan(problem, "ok" if worth_it else "gain_too_small", proposals, report)


def _plan_by_rules(account: Account, status: PlanStatus, *, guard: bool) -> BudgetPlan:
    """A total that is asked for binds the rules too."""
    problem, proposals = account.problem, propose_by_rules(account, guard=guard)
    if problem.total_budget_minor is None:
        return _plan(problem, status, proposals, None)
    proposals, result = scale_to_total(proposals, problem, guard=guard)
    rest = {"shortfall_minor": result.shortfall, "unallocated_minor": result.unallocated}
    return _plan(problem, status, proposals, None).model_copy(update=rest)


def _plan(
    problem: BudgetProblem,
    status: PlanStatus,
    proposals: Sequence[Proposal],
    allocation: AllocationReport | None,
) -> BudgetPlan:
    changes = [(item.case.unit.budget_minor, item.budget) for item in proposals]
    return BudgetPlan(
        status=status,
        strategy=problem.strategy,
        decisions=[decision_of(item, problem) for item in proposals],
        allocation=allocation,
        freed_minor=sum(max(old - new, 0) for old, new in changes),
        total_before_minor=sum(old for old, _ in changes),
        total_after_minor=sum(new for _, new in changes),
    )
