"""From a proposed budget to a decision with its evidence, in numbers and in a sentence."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from campaign_automation.models.budget_problem import (
    Action,
    BudgetProblem,
    CurveEvidence,
    Decision,
    Evidence,
    GuardVerdict,
    Reason,
)
from campaign_automation.optimizers.budgets.evidence import Case
from campaign_automation.optimizers.budgets.records import Totals


class Proposal(NamedTuple):
    """What is proposed for an ad set, by which rule or model (`basis`), and the `bound` that cut it short."""

    case: Case
    action: Action
    budget: int
    reason: Reason
    guard: GuardVerdict
    basis: str
    bound: str | None = None
    reinvested: int = 0
    curve: CurveEvidence | None = None


def action_for(old: int, new: int) -> Action:
    if new == old:
        return "keep"
    return "increase_budget" if new > old else "decrease_budget"


def decision_of(proposal: Proposal, problem: BudgetProblem) -> Decision:
    """The proposal with everything it rests on."""
    words = _Words(problem)
    return Decision(
        unit_id=proposal.case.unit.unit_id,
        action=proposal.action,
        old_budget_minor=proposal.case.unit.budget_minor,
        new_budget_minor=proposal.budget,
        reason=proposal.reason,
        explanation=words.explanation(proposal),
        evidence=_evidence(proposal, words),
    )


def _evidence(proposal: Proposal, words: _Words) -> Evidence:
    unit, window = proposal.case.unit, proposal.case.window
    return Evidence(
        window_from=window.first,
        window_to=window.last,
        days_known=window.days,
        spend_minor=window.spend,
        conversions=None if window.conversions is None else float(window.conversions),
        revenue_minor=window.revenue,
        roas=roas_of(window),
        cpa_minor=cpa_of(window),
        target_roas=unit.target_roas,
        target_cpa_minor=unit.target_cpa_minor,
        basis=proposal.basis,
        binding_constraint=proposal.bound,
        would_change=words.would_change(proposal),
        reinvested_minor=proposal.reinvested,
        written=proposal.case.written,
        guard=proposal.guard,
        curve=proposal.curve,
    )


def roas_of(window: Totals) -> float | None:
    """Revenue over spend; None without spend or where either is unknown."""
    if not window.spend or window.revenue is None:
        return None
    return window.revenue / window.spend


def cpa_of(window: Totals) -> float | None:
    """Spend per conversion in minor units; None without spend or conversions, or where either is unknown."""
    if not window.spend or not window.conversions:
        return None
    return float(window.spend / window.conversions)


_NOTHING_DONE: dict[str, str] = {
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
    "locked": "The budget is locked",
    "in_learning": "The ad set is still in the platform's learning phase",
    "cooldown": "The budget was changed too recently",
    "step_cap": "The budget has moved as far as one day allows",
    "below_minimum": "The platform's minimum leaves no room below",
    "at_maximum": "The maximum leaves no room above",
    "below_step": "The change would be less than one budget step",
}

_TO_MOVE: dict[str, str] = {
    "conflict": "Targets that agree with each other, or results that clear one of them.",
    "no_target": "A target ROAS or a target CPA.",
    "no_data": "A full day with a record.",
    "no_spend": "A full day with spend.",
    "revenue_missing": "The revenue of every day of the window.",
    "conversions_missing": "The conversions of every day of the window.",
    "spend_missing": "The spend of every day of the window.",
    "locked": "Unlocking the budget.",
    "in_learning": "The end of the learning phase.",
    "cooldown": "Waiting until the time between two changes has passed.",
    "step_cap": "The next day, when the cap starts from the new budget.",
    "below_minimum": "A higher budget to lower from, or a pause.",
    "at_maximum": "A higher maximum.",
    "below_step": "A budget large enough for a whole step.",
}


_LIMITS: dict[str | None, str] = {
    "step_cap": "the daily cap of 50 %",
    "below_minimum": "the platform's minimum",
    "at_maximum": "its maximum",
}


class _Words:
    """English for one request: amounts in its currency's major unit."""

    def __init__(self, problem: BudgetProblem) -> None:
        self.problem = problem

    def money(self, minor: float) -> str:
        exponent = self.problem.currency_exponent
        return f"{Decimal(round(minor)).scaleb(-exponent):.{exponent}f} {self.problem.currency}"

    def explanation(self, proposal: Proposal) -> str:
        cause = self._cause(proposal)
        old, new = self.money(proposal.case.unit.budget_minor), self.money(proposal.budget)
        if proposal.action == "keep":
            return f"{cause}: {old} a day stays."
        if proposal.action == "pause":
            return f"{cause}: paused, which frees {old} a day."
        extra = f", {self.money(proposal.reinvested)} of it freed elsewhere" if proposal.reinvested else ""
        limit = f", held there by {_LIMITS[proposal.bound]}" if proposal.bound in _LIMITS else ""
        return f"{cause}: {old} becomes {new} a day{extra}{limit}."

    def _cause(self, proposal: Proposal) -> str:
        reason = proposal.reason
        if reason == "held_by_guard":
            return self._held(proposal)
        if reason in ("no_conversions", "roas_above_target", "cpa_above_target"):
            return self._fired(proposal.case, reason)
        if reason == "reinvested":
            return "A share of the money that other ad sets no longer use"
        if reason == "scaled_to_total":
            return "Scaled with all others to the new total"
        if reason == "reallocated" and proposal.curve:
            return self._expected(proposal.curve)
        return _NOTHING_DONE[reason]

    def _expected(self, curve: CurveEvidence) -> str:
        before, after = (self._result(value) for value in (curve.result_before, curve.result_after))
        elsewhere = ", and more elsewhere" if curve.result_after < curve.result_before else ""
        return f"The response curves expect {after} a day here instead of {before}{elsewhere}"

    def _result(self, result: float) -> str:
        if self.problem.target_metric == "roas":
            return f"{self.money(result)} of value"
        return f"{result:.4g} conversions"

    def _fired(self, case: Case, reason: Reason) -> str:
        unit, window = case.unit, case.window
        if reason == "no_conversions":
            return "No conversion on each of the last 3 full days, all with spend"
        if reason == "roas_above_target":
            return f"ROAS {roas_of(window):.4g} is above 1.5 x the target {unit.target_roas}"
        assert unit.target_cpa_minor is not None
        assert window.spend is not None
        target = self.money(unit.target_cpa_minor)
        cpa = cpa_of(window)
        if cpa is None:
            return f"{self.money(window.spend)} without a conversion is above 1.5 x the target CPA {target}"
        return f"CPA {self.money(cpa)} is above 1.5 x the target {target}"

    def _held(self, proposal: Proposal) -> str:
        rule, guard = proposal.case.written.rule, proposal.guard
        if guard.missing or guard.value is None or guard.threshold is None:
            return f"The rule to {rule} fired, but without a target or revenue the guard cannot judge it"
        measure = "evidence" if guard.measure == "e_value" else "probability"
        return (
            f"The rule to {rule} fired, but {guard.conversions:g} conversions on"
            f" {self.money(guard.matured_spend_minor or 0)} of matured spend give {measure}"
            f" {guard.value:.4g} where {guard.threshold:g} is needed"
        )

    def would_change(self, proposal: Proposal) -> str:
        if proposal.reason == "held_by_guard":
            return self._to_confirm(proposal)
        if proposal.reason in _TO_MOVE:
            return _TO_MOVE[proposal.reason]
        if proposal.basis.startswith("model:"):
            return "Another total, other bounds, or data that bend the response curves."
        return self._thresholds(proposal.case)

    def _to_confirm(self, proposal: Proposal) -> str:
        guard = proposal.guard
        if guard.missing:
            return _TO_MOVE[guard.missing]
        if guard.measure == "probability":
            return f"More days like these: the probability must reach {guard.threshold:g}."
        return f"More matured spend without a conversion: the evidence must reach {guard.threshold:g}."

    def _thresholds(self, case: Case) -> str:
        unit = case.unit
        parts = []
        if unit.target_roas is not None:
            parts.append(f"a ROAS above {Decimal('1.5') * unit.target_roas:f} raises")
        if unit.target_cpa_minor is not None:
            parts.append(f"a CPA above {self.money(1.5 * unit.target_cpa_minor)} lowers")
        parts.append("3 full days of spend without a conversion pause")
        text = "; ".join(parts) + "."
        return text[0].upper() + text[1:]
