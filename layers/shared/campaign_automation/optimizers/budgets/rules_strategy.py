"""Strategy `auto`: the written rules, held back by the guard where it is on, and the money they free."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from campaign_automation.models.budget_problem import BudgetProblem, BudgetUnit, GuardVerdict, Reason, Rule
from campaign_automation.optimizers.budgets.apportionment import Apportioned, apportion, scaled_within
from campaign_automation.optimizers.budgets.evidence import Account
from campaign_automation.optimizers.budgets.proposals import Proposal, action_for
from campaign_automation.optimizers.budgets.written_rules import (
    ACTIONS,
    LOWER,
    RAISE,
    Box,
    Place,
    Step,
    box_of,
    cooling_down,
    next_budget,
    reinvest,
)

FACTORS: dict[Rule, Fraction] = {"raise": RAISE, "lower": LOWER}


def propose_by_rules(account: Account, *, guard: bool) -> list[Proposal]:
    """One proposal for each active ad set, in their order; `guard` off acts on the rules as written."""
    proposals = [_propose(account, index, guard) for index in range(len(account.cases))]
    if account.problem.freed_money == "reinvest":
        return _reinvested(proposals, account.problem, guard)
    return proposals


def _propose(account: Account, index: int, guard_on: bool) -> Proposal:
    case = account.cases[index]
    unit, rule = case.unit, case.written.rule
    guard = account.guard_verdict(index)
    if rule is None:
        return Proposal(case, "keep", unit.budget_minor, case.written.reason, guard, "rule:none")
    step = Step(0) if rule == "pause" else next_budget(unit, FACTORS[rule])
    obstacle = _obstacle(unit, rule, account.problem, guard_on) or step.obstacle or _held(guard, guard_on)
    if obstacle:
        return Proposal(case, "keep", unit.budget_minor, obstacle, guard, f"rule:{rule}", step.bound)
    action, reason = ACTIONS[rule]
    return Proposal(case, action, step.budget, reason, guard, f"rule:{rule}", step.bound)


def _obstacle(unit: BudgetUnit, rule: Rule | None, problem: BudgetProblem, guard_on: bool) -> Reason | None:
    """What forbids any change of the budget; a learning phase is no reason to let a dead ad set spend on."""
    if unit.locked:
        return "locked"
    if cooling_down(unit, problem.today, problem.min_days_between_changes):
        return "cooldown"
    if guard_on and unit.in_learning and rule != "pause":
        return "in_learning"
    return None


def _held(guard: GuardVerdict, guard_on: bool) -> Reason | None:
    return "held_by_guard" if guard_on and guard.verdict == "held" else None


def _reinvested(proposals: Sequence[Proposal], problem: BudgetProblem, guard_on: bool) -> list[Proposal]:
    """What the changes leave of today's total goes to ad sets that no rule wants to lower or pause."""
    freed = sum(item.case.unit.budget_minor - item.budget for item in proposals)
    step = math.lcm(*(item.case.unit.step_minor for item in proposals))
    places = [
        Place(item.case.unit.unit_id, item.budget, box_of(item.case.unit).high)
        for item in proposals
        if item.case.written.rule not in ("pause", "lower")
        and _obstacle(item.case.unit, None, problem, guard_on) is None
        and item.budget >= box_of(item.case.unit).low
    ]
    budgets, _ = reinvest(freed, places, step)
    return [_with_more(item, budgets.get(item.case.unit.unit_id, item.budget)) for item in proposals]


def scale_to_total(
    proposals: Sequence[Proposal], problem: BudgetProblem, *, guard: bool
) -> tuple[list[Proposal], Apportioned]:
    """The proposals moved by one factor to the total that was asked for, as far as the day's boxes allow.

    What is paused, locked, cooling down or in learning stays as proposed, and what a rule lowers is not
    raised again. The total is a cap alone where a target marginal CPA is asked for too.
    """
    total = problem.total_budget_minor
    assert total is not None  # asked only with a total
    budgets = [item.budget for item in proposals]
    is_less = total < sum(budgets)
    if not is_less and problem.target_marginal_cpa_minor is not None:
        total = sum(budgets)
    rooms = [_room(item, problem, guard, is_less=is_less) for item in proposals]
    low, high = [room.low for room in rooms], [room.high for room in rooms]
    result = apportion(
        scaled_within(budgets, total, low, high),
        total,
        low=low,
        high=high,
        ids=[item.case.unit.unit_id for item in proposals],
        step=math.lcm(*(item.case.unit.step_minor for item in proposals)),
    )
    return [_scaled(item, new) for item, new in zip(proposals, result.amounts, strict=True)], result


def _room(proposal: Proposal, problem: BudgetProblem, guard_on: bool, *, is_less: bool) -> Box:
    """The budgets that one ad set may have on the way to a total below or above what is proposed."""
    unit, budget, box = proposal.case.unit, proposal.budget, box_of(proposal.case.unit)
    if proposal.action == "pause" or _obstacle(unit, None, problem, guard_on):
        return Box(budget, budget)
    if is_less:
        return Box(min(box.low, budget), budget)
    may_rise = proposal.case.written.rule not in ("pause", "lower")
    return Box(budget, max(box.high, budget) if may_rise else budget)


def _scaled(proposal: Proposal, budget: int) -> Proposal:
    if budget == proposal.budget:
        return proposal
    action = action_for(proposal.case.unit.budget_minor, budget)
    return proposal._replace(
        action=action, budget=budget, reason="scaled_to_total", basis="total_budget", reinvested=0
    )


def _with_more(proposal: Proposal, budget: int) -> Proposal:
    if budget == proposal.budget:
        return proposal
    more = proposal._replace(action="increase_budget", budget=budget, reinvested=budget - proposal.budget)
    return (
        more if proposal.action == "increase_budget" else more._replace(reason="reinvested", basis="reinvest")
    )
