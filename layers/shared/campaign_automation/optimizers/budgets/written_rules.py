"""The written budget rules, to the letter and in exact arithmetic.

Pause: no conversion on each of the last 3 full days, all delivered. Raise by 20 %: ROAS above 1.5 x target.
Lower by 20 %: CPA above 1.5 x target. No budget leaves [0.5, 1.5] x what it was when the day began.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import NamedTuple

from campaign_automation.models.budget_problem import (
    BudgetAction,
    BudgetUnit,
    DayRecord,
    DecisionReason,
    RuleCheck,
    WrittenRule,
    WrittenVerdict,
)
from campaign_automation.optimizers.budgets.apportionment import apportion
from campaign_automation.optimizers.budgets.records import Days, Totals, last_days

PAUSE_DAYS = 3
TOLERANCE = Fraction(3, 2)  # on either target
RAISE = Fraction(6, 5)
LOWER = Fraction(4, 5)
STEP_DOWN = Fraction(1, 2)  # of the budget at the start of the day
STEP_UP = Fraction(3, 2)

ACTIONS: Mapping[WrittenRule, BudgetAction] = {
    "pause": "pause",
    "raise": "increase_budget",
    "lower": "decrease_budget",
}


class Box(NamedTuple):
    """The budgets that today's caps and the platform allow, whole steps, both ends included.

    No amount may be allowed at all: then low > high.
    """

    low: int
    high: int


class Step(NamedTuple):
    """The budget that a rule leads to; `obstacle` is the reason it is the old one, `bound` the cap on it."""

    budget: int
    obstacle: DecisionReason | None = None
    bound: str | None = None


def is_active(status: str) -> bool:
    return status.lower() == "active"


def written_verdict(
    unit: BudgetUnit, days: Days, window: Totals, today: date, *, lower_on_roas: bool = False
) -> WrittenVerdict:
    """Return the answer of the three rules on an active unit, before caps, locks and the guard.

    `window` sums the rules' window of `days`. Comparisons are strict: exactly 1.5 x target does not fire.
    `lower_on_roas`: an ad set without a target CPA is lowered where 1.5 x its ROAS is below the target.
    """
    in_vain = delivered_in_vain(last_days(days, today, PAUSE_DAYS))
    by_roas = lower_on_roas and unit.target_cpa_minor is None
    checks = [
        RuleCheck(rule="pause", fired=in_vain, reason="no_conversions"),
        check_raise(unit, window),
        check_lower_on_roas(unit, window) if by_roas else check_lower(unit, window),
    ]
    fired = [check for check in checks if check.fired]
    # Both can fire: few, valuable conversions. A pause comes first in the list, so it decides.
    if [check.rule for check in fired] == ["raise", "lower"]:
        return WrittenVerdict(action="keep", reason="conflict", checks=checks)
    if fired and (reason := fired[0].reason):
        rule = fired[0].rule
        return WrittenVerdict(action=ACTIONS[rule], reason=reason, rule=rule, checks=checks)
    return WrittenVerdict(action="keep", reason=_reason_to_keep(checks[1:]), checks=checks)


def delivered_in_vain(records: Sequence[DayRecord]) -> bool:
    """Return whether three full days were active and cost money, and none of them brought a conversion."""
    return len(records) == PAUSE_DAYS and all(
        is_active(record.status) and bool(record.spend_minor) and record.conversions == 0
        for record in records
    )


def check_raise(unit: BudgetUnit, window: Totals) -> RuleCheck:
    """Check ROAS > 1.5 x target ROAS, without a division: an undefined ratio never fires."""
    if unit.target_roas is None:
        return RuleCheck(rule="raise", skipped="no_target")
    if window.revenue is None or not window.spend:
        return RuleCheck(rule="raise", skipped=_gap(window, "revenue_missing", window.revenue))
    fired = window.revenue > TOLERANCE * Fraction(unit.target_roas) * window.spend
    return RuleCheck(rule="raise", fired=fired, reason="roas_above_target")


def check_lower(unit: BudgetUnit, window: Totals) -> RuleCheck:
    """Check CPA > 1.5 x target CPA; spend without any conversion is above every target."""
    if unit.target_cpa_minor is None:
        return RuleCheck(rule="lower", skipped="no_target")
    if window.conversions is None or not window.spend:
        return RuleCheck(rule="lower", skipped=_gap(window, "conversions_missing", window.conversions))
    fired = window.spend > TOLERANCE * unit.target_cpa_minor * window.conversions
    return RuleCheck(rule="lower", fired=fired, reason="cpa_above_target")


def check_lower_on_roas(unit: BudgetUnit, window: Totals) -> RuleCheck:
    """Check 1.5 x ROAS < target ROAS, without a division."""
    if unit.target_roas is None:
        return RuleCheck(rule="lower", skipped="no_target")
    if window.revenue is None or not window.spend:
        return RuleCheck(rule="lower", skipped=_gap(window, "revenue_missing", window.revenue))
    fired = TOLERANCE * window.revenue < Fraction(unit.target_roas) * window.spend
    return RuleCheck(rule="lower", fired=fired, reason="roas_below_target")


def _gap(window: Totals, missing: DecisionReason, result: Fraction | int | None) -> DecisionReason:
    """Return the reason a ratio to spend is undefined, the most telling one first."""
    if window.days == 0:
        return "no_data"
    if result is None:
        return missing
    return "spend_missing" if window.spend is None else "no_spend"


def _reason_to_keep(checks: Sequence[RuleCheck]) -> DecisionReason:
    """Return a gap in the data if there is one; a missing target only when it left nothing to compare."""
    skipped = [check.skipped for check in checks if check.skipped]
    gaps = [reason for reason in skipped if reason != "no_target"]
    if gaps:
        return gaps[0]
    return "no_target" if len(skipped) == len(checks) else "within_targets"


def cooling_down(unit: BudgetUnit, today: date, min_days: int) -> bool:
    return unit.last_changed is not None and (today - unit.last_changed).days < min_days


def box_of(unit: BudgetUnit) -> Box:
    """Return half to one and a half times the budget at the start of the day, within the platform's bounds.

    The cap counts from the day's start, so it covers rules, the allocator and people together. Bounds are
    rounded inwards to the budget step.
    """
    start, step = unit.budget_at_day_start_minor, unit.step_minor
    low = max(STEP_DOWN * start, Fraction(unit.min_minor))
    high = STEP_UP * start
    if unit.max_minor is not None:
        high = min(high, Fraction(unit.max_minor))
    return Box(-(-low // step) * step, high // step * step)


def next_budget(unit: BudgetUnit, factor: Fraction) -> Step:
    """Return `factor` x the budget in whole steps, as far as caps and bounds let it move that way.

    Rounded towards the budget of today, so that it never moves further than the rule says; a change of less
    than one step keeps it.
    """
    now, step, box = unit.budget_minor, unit.step_minor, box_of(unit)
    wanted = int(factor * now // step * step) if factor > 1 else int(-(-factor * now // step) * step)
    if abs(wanted - now) < step:
        return Step(now, "below_step")
    return _raised(unit, wanted, box) if factor > 1 else _lowered(unit, wanted, box)


def _raised(unit: BudgetUnit, wanted: int, box: Box) -> Step:
    bound = None
    if wanted > box.high:
        capped_by_maximum = (
            unit.max_minor is not None and unit.max_minor < STEP_UP * unit.budget_at_day_start_minor
        )
        bound = "at_maximum" if capped_by_maximum else "step_cap"
    budget = min(wanted, box.high)
    if budget > unit.budget_minor and budget >= box.low:
        return Step(budget, bound=bound)
    return Step(unit.budget_minor, "at_maximum" if bound == "at_maximum" else "step_cap")


def _lowered(unit: BudgetUnit, wanted: int, box: Box) -> Step:
    """Lower to the platform's minimum at least; a budget above its upper bound comes down to that."""
    bound = None
    if wanted < box.low:
        held_by_minimum = unit.min_minor > STEP_DOWN * unit.budget_at_day_start_minor
        bound = "below_minimum" if held_by_minimum else "step_cap"
    budget = min(max(wanted, box.low), box.high)
    if box.low <= budget < unit.budget_minor:
        return Step(budget, bound=bound)
    return Step(unit.budget_minor, "below_minimum" if bound == "below_minimum" else "step_cap")


def can_move(budget: int, low: int, high: int, step: int) -> bool:
    """Return whether some whole number of steps in [low, high] is at least one step away from `budget`.

    A budget that stands between two steps may be nearer to both than that: then it stays.
    """
    least, most = -(-low // step) * step, high // step * step
    return least <= most and (budget - least >= step or most - budget >= step)


class Place(NamedTuple):
    """An ad set that may take freed money: its budget as decided, and the most it may have."""

    unit_id: str
    budget: int
    high: int


def risers(rest: int, places: Sequence[Place], step: int) -> list[Place]:
    """Return the places that may rise by whole steps so that together they take no more than `rest`.

    A budget that stands between two steps first rises to the next one; where `rest` does not pay for all of
    these, those furthest below their next step stay as they are.
    """
    rising = {
        place.unit_id: -place.budget % step
        for place in places
        if can_move(place.budget, place.budget, place.high, step)
    }
    needed = sum(rising.values())
    for unit_id, gap in sorted(rising.items(), key=lambda item: (-item[1], item[0])):
        if needed > rest:
            needed -= gap
            del rising[unit_id]
    return [place for place in places if place.unit_id in rising]


def reinvest(freed: int, places: Sequence[Place], step: int) -> tuple[dict[str, int], int]:
    """Share `freed` minor units in proportion to the budgets: return new budgets by id, and the rest.

    Every budget grows by one factor, cut off at its upper bound; sums are exact (apportionment).
    """
    places = risers(freed, places, step)
    if freed <= 0 or not places:
        return {}, max(freed, 0)
    total = freed + sum(place.budget for place in places)
    factor = _common_factor(total, places)
    result = apportion(
        [min(factor * place.budget, Fraction(place.high)) for place in places],
        total,
        low=[place.budget for place in places],
        high=[place.high for place in places],
        ids=[place.unit_id for place in places],
        step=step,
    )
    budgets = {place.unit_id: amount for place, amount in zip(places, result.amounts, strict=True)}
    return budgets, total - sum(result.amounts)


def _common_factor(total: int, places: Sequence[Place]) -> Fraction:
    """Return c with sum min(c x budget, high) = total, or one that takes every place to its bound."""
    rest, weight = Fraction(total), sum(place.budget for place in places)
    factor = Fraction(1)
    for place in sorted(
        places, key=lambda place: (Fraction(place.high, max(place.budget, 1)), place.unit_id)
    ):
        factor = rest / weight if weight else factor
        if factor * place.budget <= place.high:
            return factor
        rest, weight = rest - place.high, weight - place.budget
    return max(Fraction(place.high, max(place.budget, 1)) for place in places)
