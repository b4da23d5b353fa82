"""Strategy `auto`: the written rules, held back by the guard where it is on, and the money they free."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from campaign_automation.models.budget_problem import (
    BudgetProblem,
    BudgetUnit,
    Decision,
    DecisionReason,
    GuardVerdict,
    RuleCheck,
    WrittenRule,
)
from campaign_automation.optimizers.budgets.apportionment import Apportioned, apportion, scaled_within
from campaign_automation.optimizers.budgets.decisions import Grounds, decided, paused
from campaign_automation.optimizers.budgets.evidence import Account
from campaign_automation.optimizers.budgets.written_rules import (
    LOWER,
    RAISE,
    Box,
    Place,
    Step,
    box_of,
    cooling_down,
    next_budget,
    reinvest,
    risers,
)

FACTORS: dict[WrittenRule, Fraction] = {"raise": RAISE, "lower": LOWER}


def decide_by_rules(account: Account, *, guard: bool) -> list[Decision]:
    """Return a decision for each active ad set, in their order; `guard` off follows the rules as written."""
    decisions = [_decide(account, index, guard) for index in range(len(account.units))]
    if account.problem.freed_money == "reinvest":
        return _reinvested(decisions, account.units, account.problem, guard)
    return decisions


def _decide(account: Account, index: int, guard_on: bool) -> Decision:
    decision = account.decisions[index]
    written = decision.evidence.written
    if written.rule is None:
        return decision
    fired = [check for check in written.checks if check.fired]
    first = _follow(account, index, fired[0], guard_on)
    # A pause that the guard holds must not protect an ad set from the lower that fired too.
    if first.reason == "held_by_guard" and len(fired) == 2:
        second = _follow(account, index, fired[1], guard_on)
        return second if second.action != "keep" else first
    return first


def _follow(account: Account, index: int, check: RuleCheck, guard_on: bool) -> Decision:
    """Return the decision of one rule that fired."""
    unit, decision, rule = account.units[index], account.decisions[index], check.rule
    guard = account.guard_verdict(index, rule)
    step = Step(0) if rule == "pause" else next_budget(unit, FACTORS[rule])
    obstacle = _obstacle(unit, rule, account.problem, guard_on) or step.obstacle
    if guard_on and not obstacle:
        is_fault = account.tracking_suspect and rule != "raise"
        obstacle = "tracking_suspect" if is_fault else _held(guard)
    grounds: Grounds = {"guard": guard, "basis": f"rule:{rule}", "binding_constraint": step.bound}
    if obstacle or check.reason is None:
        return decided(decision, unit.budget_minor, obstacle or "conflict", **grounds)
    if rule == "pause":
        return paused(decision, check.reason, **grounds)
    return decided(decision, step.budget, check.reason, **grounds)


def _obstacle(
    unit: BudgetUnit, rule: WrittenRule | None, problem: BudgetProblem, guard_on: bool
) -> DecisionReason | None:
    """Return the reason the budget may not change; a learning phase does not keep a dead ad set spending."""
    if unit.locked:
        return "locked"
    if cooling_down(unit, problem.today, problem.min_days_between_changes):
        return "cooldown"
    if guard_on and unit.in_learning and rule != "pause":
        return "in_learning"
    return None


def _held(guard: GuardVerdict) -> DecisionReason | None:
    return "held_by_guard" if guard.verdict == "held" else None


def _may_rise(decision: Decision) -> bool:
    return decision.evidence.written.rule not in ("pause", "lower")


def _common_step(units: Sequence[BudgetUnit]) -> int:
    return math.lcm(*(unit.step_minor for unit in units))


def _reinvested(
    decisions: Sequence[Decision], units: Sequence[BudgetUnit], problem: BudgetProblem, guard_on: bool
) -> list[Decision]:
    """Give the money that the changes free to ad sets that no rule wants to lower or pause."""
    # Raises count against it: only what is left of today's total is shared out.
    freed = sum(item.old_budget_minor - item.new_budget_minor for item in decisions)
    places = [
        Place(unit.unit_id, item.new_budget_minor, box_of(unit).high)
        for item, unit in zip(decisions, units, strict=True)
        if _may_rise(item)
        and _obstacle(unit, None, problem, guard_on) is None
        and item.new_budget_minor >= box_of(unit).low
    ]
    budgets, _ = reinvest(freed, places, _common_step(units))
    return [_with_more(item, budgets.get(item.unit_id, item.new_budget_minor)) for item in decisions]


def _with_more(decision: Decision, budget: int) -> Decision:
    more = budget - decision.new_budget_minor
    if not more:
        return decision
    if decision.action == "increase_budget":
        return decided(decision, budget, decision.reason, reinvested_minor=more)
    return decided(decision, budget, "reinvested", reinvested_minor=more, basis="reinvest")


def scale_to_total(
    decisions: Sequence[Decision],
    units: Sequence[BudgetUnit],
    problem: BudgetProblem,
    asked: int,
    *,
    guard: bool,
) -> tuple[list[Decision], Apportioned]:
    """Move all budgets by one factor to the total that was asked for, as far as the day's boxes allow.

    An ad set that is paused, locked, cooling down or in learning stays as decided, and one that a rule lowers
    is not raised again. Beside a target marginal CPA the total is a cap only.
    """
    budgets = [item.new_budget_minor for item in decisions]
    is_less = asked < sum(budgets)
    is_cap = problem.target_marginal_cpa_minor is not None
    total = sum(budgets) if is_cap and not is_less else asked
    rooms = [
        _room(item, unit, problem, guard, is_less=is_less)
        for item, unit in zip(decisions, units, strict=True)
    ]
    if not is_less:
        rooms = _without_overshoot(rooms, units, total)
    low, high = [room.low for room in rooms], [room.high for room in rooms]
    result = apportion(
        scaled_within(budgets, total, low, high),
        total,
        low=low,
        high=high,
        ids=[unit.unit_id for unit in units],
        step=_common_step(units),
    )
    return [_scaled(item, new) for item, new in zip(decisions, result.amounts, strict=True)], result


def _without_overshoot(rooms: Sequence[Box], units: Sequence[BudgetUnit], total: int) -> list[Box]:
    """Keep budgets that stand between two steps where rounding them up would exceed the total."""
    places = [Place(unit.unit_id, room.low, room.high) for room, unit in zip(rooms, units, strict=True)]
    rising = set(risers(total - sum(room.low for room in rooms), places, _common_step(units)))
    return [
        room if place in rising else Box(room.low, room.low)
        for room, place in zip(rooms, places, strict=True)
    ]


def _room(
    decision: Decision, unit: BudgetUnit, problem: BudgetProblem, guard_on: bool, *, is_less: bool
) -> Box:
    """Return the budgets that one ad set may have on the way to a total below or above the decided one."""
    budget, box = decision.new_budget_minor, box_of(unit)
    if decision.action == "pause" or _obstacle(unit, None, problem, guard_on):
        return Box(budget, budget)
    if is_less:
        return Box(min(box.low, budget), budget)
    return Box(budget, max(box.high, budget) if _may_rise(decision) else budget)


def _scaled(decision: Decision, budget: int) -> Decision:
    if budget == decision.new_budget_minor:
        return decision
    return decided(decision, budget, "scaled_to_total", basis="total_budget", reinvested_minor=0)
