"""Strategy `allocate`: curves, the best split of the total, and whether it is likely enough to help."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import numpy as np

from campaign_automation.models.budget_problem import (
    AllocationReport,
    BudgetProblem,
    BudgetUnit,
    CurveEvidence,
    CurveTerms,
    Decision,
    DecisionReason,
    ExpectedGain,
    GuardVerdict,
    OptimizerSettings,
    PlanStatus,
)
from campaign_automation.optimizers.budgets.allocator import Michaelis, Solution, allocate, allocate_at_price
from campaign_automation.optimizers.budgets.apportionment import Apportioned, apportion, scaled_within
from campaign_automation.optimizers.budgets.decisions import decided, paused
from campaign_automation.optimizers.budgets.evidence import Account
from campaign_automation.optimizers.budgets.records import Days, last_days
from campaign_automation.optimizers.budgets.response_curves import CurveFit, Floats
from campaign_automation.optimizers.budgets.written_rules import box_of, can_move, cooling_down, is_active

DELIVERY_DAYS, MIN_DELIVERY_DAYS = 7, 2
DELIVERED, HEADROOM = 0.85, 1.1  # share of a budget below which it is not spent; room above what was
MIN_ADSETS = 3  # with two the pool says nothing about either
# The curves are not the market's: so much wider, the range holds the truth of 80 in 100 simulated months.
WIDENING = 1.5
DRAWS = 200  # the probability of a gain is then known to about 0.03


class Room(NamedTuple):
    """The budgets one ad set may have; `fixed` is the reason it may have only today's."""

    low: int
    high: int
    fixed: DecisionReason | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """The allocation as numbers: today's budgets and rooms, the total, and the value of a conversion.

    `price` is the marginal result per minor unit that a flexible budget must reach; `assumed` marks the
    values that stand in for an unknown revenue.
    """

    units: list[BudgetUnit]
    now: list[int]
    rooms: list[Room]
    step: int
    total: int
    price: float | None
    fit: CurveFit
    values: Floats
    assumed: list[bool]
    pausing: list[bool]

    @property
    def low(self) -> list[int]:
        return [room.low for room in self.rooms]

    @property
    def high(self) -> list[int]:
        return [room.high for room in self.rooms]

    def rounded(self, amounts: Sequence[float], total: int) -> Apportioned:
        return apportion(
            amounts,
            total,
            low=self.low,
            high=self.high,
            ids=[unit.unit_id for unit in self.units],
            step=self.step,
        )

    def allows(self, amounts: Sequence[int]) -> bool:
        """Return whether these budgets are within every room and make the total."""
        total = sum(amounts)
        return (total == self.total or (self.price is not None and total < self.total)) and all(
            room.low <= amount <= room.high for room, amount in zip(self.rooms, amounts, strict=True)
        )


def decide_by_curves(account: Account) -> tuple[list[Decision], AllocationReport] | PlanStatus:
    """Return the decisions by response curves and the allocator's report, or the reason there are no curves.

    There are none with too few ad sets, days or conversions, or without a known revenue. Where the new split
    is not likely enough to gain, today's budgets stay, scaled to the total if it is another one.
    """
    task = _task(account)
    if not isinstance(task, Task):
        return task
    curves = task.fit.curves(task.values)
    # Solve in real numbers with a certificate, then round: the loss of rounding is in the report.
    solved = _solve(task, curves)
    total = task.total if task.price is None else int(solved.amounts.sum())
    rounded = task.rounded(solved.amounts.tolist(), total)
    baseline = task.now if task.allows(task.now) else _scaled(task)
    gain = _expected_gain(task, rounded.amounts, baseline, account.problem.seed)
    choice = _choose(rounded.amounts, baseline, gain, account.problem.settings)
    report = _report(account, task, curves, solved, rounded, gain, choice)
    return _decisions(account, task, gain, choice), report


def _task(account: Account) -> Task | PlanStatus:
    problem, units, by_value = account.problem, account.units, account.problem.target_metric == "roas"
    if account.fit is None or len(units) < MIN_ADSETS:
        return "too_little_data"
    if by_value and account.values is None:
        return "revenue_missing"
    value = account.values if by_value else None
    # Platforms have different steps; only multiples of all of them can move between ad sets.
    step = math.lcm(*(unit.step_minor for unit in units))
    pausing = [problem.strategy == "auto" and _is_dead(account, index) for index in range(len(units))]
    rooms = [
        Room(0, 0, "no_conversions") if stops else _room(unit, days, problem, step)
        for unit, days, stops in zip(units, account.days, pausing, strict=True)
    ]
    cpa = problem.target_marginal_cpa_minor
    most = _total_now(units, pausing, problem) if cpa is None else sum(room.high for room in rooms)
    return Task(
        units=units,
        now=[unit.budget_minor for unit in units],
        rooms=rooms,
        step=step,
        total=problem.total_budget_minor or most,
        price=None if cpa is None else (value.mean if value else 1.0) / cpa,
        fit=account.fit,
        values=value.value if value else np.ones(len(units)),
        assumed=value.assumed.tolist() if value else [False] * len(units),
        pausing=pausing,
    )


def _is_dead(account: Account, index: int) -> bool:
    """Return whether the rule to pause fired, the guard confirms it and nothing forbids it.

    While the lag is only assumed nothing is paused here: conversions may come later than was assumed, and the
    allocation halves a dead ad set's budget each day anyway.
    """
    unit, problem = account.units[index], account.problem
    fires = account.decisions[index].evidence.written.rule == "pause"
    rests = unit.locked or cooling_down(unit, problem.today, problem.min_days_between_changes)
    is_ours = fires and not rests and not account.tracking_suspect and not account.maturity.assumed
    return is_ours and account.guard_verdict(index).verdict == "confirmed"


def _total_now(units: Sequence[BudgetUnit], pausing: Sequence[bool], problem: BudgetProblem) -> int:
    """Return today's total, without the budgets of paused ad sets where freed money is left."""
    leaves = problem.freed_money == "leave"
    return sum(
        unit.budget_minor for unit, stops in zip(units, pausing, strict=True) if not (stops and leaves)
    )


def _most_delivered(unit: BudgetUnit, days: Days, today: date) -> int | None:
    """Return a tenth more than the most that an ad set spent on a day of the last week, where it could not
    spend its budget; None where it could, or where that is not known."""
    week = [
        item
        for item in last_days(days, today, DELIVERY_DAYS)
        if item.spend_minor is not None and is_active(item.status)
    ]
    known = [(item.spend_minor or 0.0, item.budget_minor) for item in week if item.budget_minor]
    if len(known) < MIN_DELIVERY_DAYS or len(known) < len(week):
        return None
    if sum(spent for spent, _ in known) >= DELIVERED * sum(budget or 0 for _, budget in known):
        return None
    return int(max(spent for spent, _ in known) * HEADROOM)


def _room(unit: BudgetUnit, days: Days, problem: BudgetProblem, step: int) -> Room:
    """Return the box of the day in whole steps; where nothing may move, today's budget alone.

    An ad set that cannot spend its budget gets no more than it can spend: more would buy nothing.
    """
    box = box_of(unit)
    low, high = -(-box.low // step) * step, box.high // step * step
    most = _most_delivered(unit, days, problem.today)
    if most is not None and low <= high:
        high = max(min(high, most // step * step), low)
    fixed: DecisionReason | None = None
    if unit.locked:
        fixed = "locked"
    elif unit.in_learning:
        fixed = "in_learning"
    elif cooling_down(unit, problem.today, problem.min_days_between_changes):
        fixed = "cooldown"
    elif low > high:
        fixed = "step_cap"
    elif unit.budget_minor % step and not can_move(unit.budget_minor, low, high, step):
        fixed = "below_step"
    # A fixed budget may stand off the step: a person set it.
    return Room(unit.budget_minor, unit.budget_minor, fixed) if fixed else Room(low, high)


def _solve(task: Task, curves: Michaelis) -> Solution:
    low, high = np.array(task.low, dtype=float), np.array(task.high, dtype=float)
    if task.price is None:
        return allocate(curves, low, high, float(task.total))
    return allocate_at_price(curves, low, high, task.price, float(task.total))


def _scaled(task: Task) -> list[int]:
    """Return today's budgets times one factor, each within its room: the baseline for another total."""
    total = task.total if task.price is None else min(task.total, sum(task.now))
    return task.rounded(scaled_within(task.now, total, task.low, task.high), total).amounts


def _expected_gain(task: Task, new: Sequence[int], scaled: Sequence[int], seed: int) -> ExpectedGain:
    """Draw curves from the fit: relative gain of `new` over today's budgets, with more money charged at the
    price; `scaled` are today's budgets brought to the same total in proportion."""
    after, middle, before = (np.array(item, dtype=float) for item in (new, scaled, task.now))
    price = task.price or 0.0
    generator = np.random.default_rng(seed)
    total, split = np.zeros(DRAWS), np.zeros(DRAWS)
    for index in range(DRAWS):
        curves = task.fit.draw(task.values, generator)
        base = float(curves.value(before).sum())
        if base > 0:
            at_total = float(curves.value(middle).sum())
            total[index] = (at_total - base - price * float((middle - before).sum())) / base
            cost = price * float((after - middle).sum())
            split[index] = (float(curves.value(after).sum()) - at_total - cost) / base
    gains = total + split
    low, high = np.quantile(gains, [0.1, 0.9])
    mean = float(gains.mean())
    return ExpectedGain(
        mean=mean,
        p10=mean - WIDENING * (mean - float(low)),
        p90=mean + WIDENING * (float(high) - mean),
        probability=float((split > 0).mean()),
        from_total=float(total.mean()),
        from_split=float(split.mean()),
    )


def curves_of(account: Account, budgets: Sequence[int]) -> tuple[list[CurveEvidence], CurveTerms] | None:
    """Return the evidence of the curves on budgets by ad set, and its terms; None where there are none."""
    task = _task(account)
    if not isinstance(task, Task):
        return None
    terms = CurveTerms(
        objective="value" if account.problem.target_metric == "roas" else "conversions",
        day_spread=float(np.max(task.fit.day_spread)),
        # With an assumed lag the conversions that are still to come are a guess.
        level_spread=1 - task.fit.known_share if account.maturity.assumed else 0.0,
    )
    return _curve_evidence(task, task.fit.curves(task.values), budgets), terms


class Choice(NamedTuple):
    """The budgets chosen; `applied` when they are the new split, `same` when it changes nothing anyway."""

    budgets: list[int]
    applied: bool
    same: bool


def _choose(new: list[int], old: list[int], gain: ExpectedGain, settings: OptimizerSettings) -> Choice:
    worth_it = gain.probability >= settings.min_probability and gain.from_split >= settings.min_gain
    return Choice(new if worth_it else old, worth_it, new == old)


def _report(
    account: Account,
    task: Task,
    curves: Michaelis,
    solved: Solution,
    rounded: Apportioned,
    gain: ExpectedGain,
    choice: Choice,
) -> AllocationReport:
    whole = np.array(rounded.amounts, dtype=float)
    reached = float(curves.value(whole).sum())
    # The bound at the solver's price, moved to the sum of the whole budgets.
    bound = solved.value + solved.gap + (solved.multiplier or 0.0) * float((whole - solved.amounts).sum())
    return AllocationReport(
        objective="value" if account.problem.target_metric == "roas" else "conversions",
        status=solved.status,
        applied=choice.applied,
        duality_gap=solved.gap,
        relative_gap=solved.relative_gap,
        integer_relative_gap=max(0.0, bound - reached) / reached if reached else 0.0,
        multiplier=solved.multiplier,
        iterations=solved.iterations,
        expected_result=float(curves.value(np.array(choice.budgets, dtype=float)).sum()),
        expected_gain=gain,
        dispersion=float(np.max(task.fit.dispersion)),
        maturity_assumed=account.maturity.assumed,
        unallocatable_minor=rounded.unallocatable,
        unallocated_minor=rounded.unallocated,
        shortfall_minor=rounded.shortfall,
    )


def _decisions(account: Account, task: Task, gain: ExpectedGain, choice: Choice) -> list[Decision]:
    guard = GuardVerdict(
        verdict="confirmed" if choice.applied else "held",
        measure="probability",
        value=gain.probability,
        threshold=account.problem.settings.min_probability,
        maturity_assumed=account.maturity.assumed,
    )
    return [
        _stopped(account, index)
        if task.pausing[index]
        else decided(
            decision,
            choice.budgets[index],
            _reason(task, index, choice),
            guard=guard,
            basis="model:michaelis",
            binding_constraint=_bound(task, index, choice.budgets[index]),
        )
        for index, decision in enumerate(account.decisions)
    ]


def _stopped(account: Account, index: int) -> Decision:
    guard = account.guard_verdict(index)
    return paused(account.decisions[index], "no_conversions", guard=guard, basis="rule:pause")


def _reason(task: Task, index: int, choice: Choice) -> DecisionReason:
    if choice.budgets[index] != task.now[index]:
        return "reallocated" if choice.applied else "scaled_to_total"
    if fixed := task.rooms[index].fixed:
        return fixed
    return "already_best" if choice.applied or choice.same else "gain_too_small"


def _bound(task: Task, index: int, budget: int) -> str:
    unit, room = task.units[index], task.rooms[index]
    if room.fixed:
        return room.fixed
    if budget == room.low:
        return "below_minimum" if unit.min_minor > room.low - task.step else "step_cap"
    if budget == room.high:
        at_maximum = unit.max_minor is not None and unit.max_minor < room.high + task.step
        return "at_maximum" if at_maximum else "step_cap"
    return "total_budget" if task.price is None else "target_marginal_cpa"


def _curve_evidence(task: Task, curves: Michaelis, budgets: Sequence[int]) -> list[CurveEvidence]:
    before, after = np.array(task.now, dtype=float), np.array(budgets, dtype=float)
    columns = {
        "ceiling": curves.a,
        "half_minor": curves.k,
        "result_before": curves.value(before),
        "result_after": curves.value(after),
        "marginal_result_per_minor": curves.slope(after),
        "model_sd_before": WIDENING * task.fit.deviation(task.values, before),
        "model_sd_after": WIDENING * task.fit.deviation(task.values, after),
        "day_sd_before": _day_deviation(task, curves, before),
        "day_sd_after": _day_deviation(task, curves, after),
    }
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    return [
        CurveEvidence.model_validate(
            {**dict(zip(columns, row, strict=True)), "value_assumed": task.assumed[index]}
        )
        for index, row in enumerate(rows)
    ]


def _day_deviation(task: Task, curves: Michaelis, budgets: Floats) -> Floats:
    """Return the standard deviation of one day's results by the chance of their counts."""
    deviation: Floats = np.sqrt(task.values * task.fit.dispersion * curves.value(budgets))
    return deviation
