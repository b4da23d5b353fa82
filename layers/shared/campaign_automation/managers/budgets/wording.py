"""The sentences of optimize_budget that people read: explanations, warnings, message, summary. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from campaign_automation.models.budget_problem import (
    BudgetProblem,
    CurveEvidence,
    Decision,
    DecisionReason,
    Evidence,
    NotPlaced,
    PlanStatus,
)
from campaign_automation.models.budgets import Optimization

WAITS_FOR_LOWERS = "waits_for_lowers: the money for it is not free yet; run again when it is"
FALLBACKS: Mapping[PlanStatus, str] = {
    "too_little_data": "too little data for response curves (fewer than 3 active budgets or 20"
    " conversions): the written rules decided, with the guard on",
    "revenue_missing": "no conversion has a known revenue, so there is no value to allocate by: the written"
    " rules decided, with the guard on",
}

_HOLDS: Mapping[DecisionReason, str] = {
    "no_conversions": "paused for want of conversions",
    "cpa_above_target": "lowered for their CPA",
    "roas_below_target": "lowered for their ROAS",
    "held_by_guard": "due to be lowered",
    "locked": "locked",
    "in_learning": "in the platform's learning phase",
    "cooldown": "changed too recently",
    "step_cap": "at the cap of 50 % a day",
    "at_maximum": "at their maximum",
    "below_step": "with less than a budget step to take",
}
TRACKING_SUSPECT = (
    "no ad set has ever had a conversion: check the account's pixel or other tracking; nothing was paused"
)
_KEPT: Mapping[DecisionReason, str] = {
    "within_targets": "Neither target is missed by more than half",
    "conflict": "ROAS asks for more and CPA for less budget",
    "already_best": "No other split of the total is better by a whole budget step",
    "gain_too_small": "A better split is possible but not likely enough to gain",
    "no_target": "There is no target to compare with",
    "no_data": "No full day of the window has a record",
    "no_spend": "Nothing was spent in the window",
    "revenue_missing": "The revenue of at least one day is unknown",
    "conversions_missing": "The conversions of at least one day are unknown",
    "spend_missing": "The spend of at least one day is unknown",
    "tracking_suspect": "No ad set of the account has ever had a conversion, so its tracking is suspect",
    "locked": "The budget is locked",
    "in_learning": "The ad set is still in the platform's learning phase",
    "cooldown": "The budget was changed too recently",
    "step_cap": "The budget has moved as far as one day allows",
    "below_minimum": "The platform's minimum leaves no room below",
    "at_maximum": "The maximum leaves no room above",
    "below_step": "The change would be less than one budget step",
}
_MOVED: Mapping[DecisionReason, str] = {
    "no_conversions": "No conversion on each of the last 3 full days, all with spend",
    "reinvested": "A share of the money that other ad sets no longer use",
    "scaled_to_total": "Scaled with all others to the new total",
}
_TO_MOVE: Mapping[DecisionReason, str] = {
    "conflict": "Targets that agree with each other, or results that clear one of them.",
    "no_target": "A target ROAS or a target CPA.",
    "no_data": "A full day with a record.",
    "no_spend": "A full day with spend.",
    "revenue_missing": "The revenue of every day of the window.",
    "conversions_missing": "The conversions of every day of the window.",
    "spend_missing": "The spend of every day of the window.",
    "tracking_suspect": "A conversion of any ad set.",
    "locked": "Unlocking the budget.",
    "in_learning": "The end of the learning phase.",
    "cooldown": "Waiting until the time between two changes has passed.",
    "step_cap": "The next day, when the cap starts from the new budget.",
    "below_minimum": "A higher budget to lower from, or a pause.",
    "at_maximum": "A higher maximum.",
    "below_step": "A budget large enough for a whole step.",
}
_LIMITS: Mapping[str | None, str] = {
    "step_cap": "the daily cap of 50 %",
    "below_minimum": "the platform's minimum",
    "at_maximum": "its maximum",
}
_SUMMARY_PARTS = ("{raised} raised", "{lowered} lowered", "{paused} paused", "{kept} unchanged")


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: 1 budget, 2 budgets."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def money(minor: float, problem: BudgetProblem) -> str:
    """Return an amount in the major unit with its currency."""
    exponent = problem.currency_exponent
    return f"{Decimal(round(minor)).scaleb(-exponent):.{exponent}f} {problem.currency}"


def explanation(decision: Decision, problem: BudgetProblem) -> str:
    """Return the reason for a decision, with its numbers, in one sentence."""
    cause, evidence = _cause(decision, problem), decision.evidence
    old, new = money(decision.old_budget_minor, problem), money(decision.new_budget_minor, problem)
    if decision.action == "keep":
        return f"{cause}: {old} a day stays."
    if decision.action == "pause":
        return f"{cause}: paused, which frees {old} a day."
    extra = money(evidence.reinvested_minor, problem) if evidence.reinvested_minor else ""
    freed = f", {extra} of it freed elsewhere" if extra else ""
    bound = evidence.binding_constraint
    limit = f", held there by {_LIMITS[bound]}" if bound in _LIMITS else ""
    return f"{cause}: {old} becomes {new} a day{freed}{limit}."


def _cause(decision: Decision, problem: BudgetProblem) -> str:
    reason, evidence = decision.reason, decision.evidence
    match reason:
        case "held_by_guard":
            return _held(evidence, problem)
        case "roas_above_target":
            return f"ROAS {evidence.roas:.4g} is above 1.5 x the target {evidence.target_roas}"
        case "cpa_above_target":
            return _cpa_above(evidence, problem)
        case "roas_below_target":
            return f"ROAS {evidence.roas:.4g} is less than two thirds of the target {evidence.target_roas}"
        case "within_targets" if evidence.target_cpa_minor is None and not problem.lower_on_roas:
            roas = "unknown" if evidence.roas is None else f"{evidence.roas:.4g}"
            target = evidence.target_roas
            return f"ROAS {roas} is not above 1.5 x the target {target}, and no rule lowers on ROAS"
        case "reallocated" if evidence.curve:
            return _expected(evidence.curve, problem)
        case _:
            return _MOVED.get(reason) or _KEPT[reason]


def _cpa_above(evidence: Evidence, problem: BudgetProblem) -> str:
    target = money(evidence.target_cpa_minor or 0, problem)
    if evidence.cpa_minor is None:
        spend = money(evidence.spend_minor or 0, problem)
        return f"{spend} without a conversion is above 1.5 x the target CPA {target}"
    return f"CPA {money(evidence.cpa_minor, problem)} is above 1.5 x the target {target}"


def _expected(curve: CurveEvidence, problem: BudgetProblem) -> str:
    before, after = (_result(value, problem) for value in (curve.result_before, curve.result_after))
    elsewhere = ", and more elsewhere" if curve.result_after < curve.result_before else ""
    return f"The response curves expect {after} a day here instead of {before}{elsewhere}"


def _result(result: float, problem: BudgetProblem) -> str:
    if problem.target_metric == "roas":
        return f"{money(result, problem)} of value"
    return f"{result:.4g} conversions"


def _held(evidence: Evidence, problem: BudgetProblem) -> str:
    rule, guard = evidence.written.rule, evidence.guard
    if guard.missing or guard.value is None or guard.threshold is None:
        return f"The rule to {rule} fired, but without a target or revenue the guard cannot check it"
    measure = "evidence" if guard.measure == "e_value" else "probability"
    reference = " against the account's own CPA, as there is no target," if guard.own_reference else ""
    conversions = f"{guard.conversions:g} {'conversion' if guard.conversions == 1 else 'conversions'}"
    return (
        f"The rule to {rule} fired, but {conversions} on"
        f" {money(guard.matured_spend_minor or 0, problem)} of matured spend{reference} give {measure}"
        f" {guard.value:.4g} where {guard.threshold:g} is needed"
    )


def would_change(decision: Decision, problem: BudgetProblem) -> str:
    """Return the change in the facts that would lead to another decision."""
    if decision.reason == "held_by_guard":
        return _to_confirm(decision.evidence)
    if decision.reason in _TO_MOVE:
        return _TO_MOVE[decision.reason]
    if decision.evidence.basis.startswith("model:"):
        return "Another total, other bounds, or data that bend the response curves."
    return _thresholds(decision.evidence, problem)


def _to_confirm(evidence: Evidence) -> str:
    guard = evidence.guard
    if guard.missing:
        return _TO_MOVE[guard.missing]
    if guard.measure == "probability":
        return f"More days like these: the probability must reach {guard.threshold:g}."
    return f"More matured spend without a conversion: the evidence must reach {guard.threshold:g}."


def _thresholds(evidence: Evidence, problem: BudgetProblem) -> str:
    parts = []
    if evidence.target_roas is not None:
        parts.append(f"a ROAS above {Decimal('1.5') * evidence.target_roas:f} raises")
    if evidence.target_cpa_minor is None and problem.lower_on_roas and evidence.target_roas is not None:
        parts.append(f"a ROAS below {evidence.target_roas / Decimal('1.5'):.4g} lowers")
    if evidence.target_cpa_minor is not None:
        parts.append(f"a CPA above {money(1.5 * evidence.target_cpa_minor, problem)} lowers")
    parts.append("3 full days of spend without a conversion pause")
    text = "; ".join(parts) + "."
    return text[0].upper() + text[1:]


def message(status: PlanStatus, optimizations: Sequence[Optimization], *, dry_run: bool) -> str:
    """Return the outcome of the whole request in one sentence."""
    changes = [item for item in optimizations if item.outcome]
    total = len(optimizations)
    if status == "all_paused":
        return "nothing is active: there is no budget to optimise"
    if not changes:
        return "the only budget stays as it is" if total == 1 else f"all {total} budgets stay as they are"
    good = sum(item.outcome in ("applied", "planned") for item in changes)
    done = f"{'would change' if dry_run else 'changed'} {good} of {counted(total, 'budget')}"
    rest = len(changes) - good
    return f"{done}; {rest} could not be changed, see outcome" if rest else done


def not_placed(rest: NotPlaced, problem: BudgetProblem) -> str:
    """Return the warning on the part of an asked total that no budget takes, with the reasons."""
    held = (
        f"{counted(number, 'budget')} {_HOLDS.get(reason, _KEPT.get(reason, reason))}"
        for reason, number in rest.reasons.items()
    )
    return (
        f"the total is above what today's caps allow: {money(rest.amount_minor, problem)} of it could not be"
        f" placed ({', '.join(held)})"
    )


def above_total(after: Decimal, asked: Decimal, currency: str) -> str:
    return (
        f"the budgets sum to {after} {currency}, above the {asked} asked for: a lowering or a pause was not"
        " carried out, see outcome"
    )


def below_total(after: Decimal, asked: Decimal, currency: str) -> str:
    return (
        f"the budgets sum to {after} {currency}, below the {asked} asked for: a raise was not carried out,"
        " see outcome"
    )


def from_midnight(count: int) -> str:
    """Return the warning on budgets that the platform takes over at midnight."""
    verb, whose = ("holds", "it") if count == 1 else ("hold", "them")
    return (
        f"{counted(count, 'budget')} {verb} from the account's next midnight on: today has spent too much of"
        f" {whose}"
    )


def summary_text(numbers: Mapping[str, str]) -> str:
    """Return the plan in one sentence; `numbers` are those of summary.numbers_of."""
    parts = [text for part in _SUMMARY_PARTS if not (text := part.format_map(numbers)).startswith("0 ")]
    if not parts:
        return "No budget is active."
    return f"Budgets: {', '.join(parts)}; {numbers['total_before']} a day becomes {numbers['total_after']}."
