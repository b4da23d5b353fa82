"""What is known of the ad sets of one request before anything is decided."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

import numpy as np

from campaign_automation.models.budget_problem import BudgetProblem, BudgetUnit, GuardVerdict, WrittenVerdict
from campaign_automation.optimizers.budgets.guard import (
    MAX_EVIDENCE_DAYS,
    Beliefs,
    Maturity,
    exposure,
    judge,
    measure_maturity,
)
from campaign_automation.optimizers.budgets.records import Days, Totals, full_days, last_days, totals
from campaign_automation.optimizers.budgets.response_curves import (
    ConversionValues,
    CurveFit,
    Floats,
    Panel,
    conversion_values,
    fit_curves,
)
from campaign_automation.optimizers.budgets.written_rules import is_active, written_verdict

MAX_CURVE_DAYS = 60
MIN_CURVE_DAYS = 3
MIN_CONVERSIONS = 20


class Case(NamedTuple):
    """An active ad set with its full days, the sums over the rules' window and the rules' verdict."""

    unit: BudgetUnit
    days: Days
    window: Totals
    written: WrittenVerdict


@dataclass(frozen=True, slots=True)
class Account:
    """The active ad sets of a request in order of their ids, and what their data say together.

    `fit` is None with too little data for curves, `values` without any revenue of a conversion.
    """

    problem: BudgetProblem
    cases: list[Case]
    maturity: Maturity
    fit: CurveFit | None
    values: ConversionValues | None

    @property
    def units(self) -> list[BudgetUnit]:
        return [case.unit for case in self.cases]

    def guard_verdict(self, index: int) -> GuardVerdict:
        """The guard's word on the written rule that decides for an ad set."""
        case, today = self.cases[index], self.problem.today
        rule = case.written.rule
        if rule is None:
            return GuardVerdict(verdict="not_needed")
        count = MAX_EVIDENCE_DAYS if rule == "pause" else self.problem.window_days
        since = case.unit.evidence_since if rule == "pause" else None
        records = [r for r in last_days(case.days, today, count) if since is None or r.day >= since]
        seen = exposure(records, self.maturity, today)
        return judge(rule, case.unit, seen, self._beliefs(index), assumed=self.maturity.assumed)

    def _beliefs(self, index: int) -> Beliefs:
        return Beliefs(
            dispersion=1.0 if self.fit is None else float(self.fit.dispersion[index]),
            value=None if self.values is None else float(self.values.value[index]),
        )


def gather(problem: BudgetProblem) -> Account:
    """The evidence on the active ad sets of a checked problem."""
    active = sorted((unit for unit in problem.units if is_active(unit.status)), key=lambda unit: unit.unit_id)
    cases = [_case(unit, problem) for unit in active]
    maturity = measure_maturity(problem.snapshots, problem.attribution_window_days)
    conversions = _daily(cases, problem, "conversions")
    panel = _panel(cases, problem, conversions, maturity)
    return Account(
        problem=problem,
        cases=cases,
        maturity=maturity,
        fit=_fit(active, panel),
        values=conversion_values(_daily(cases, problem, "revenue_minor"), conversions),
    )


def _case(unit: BudgetUnit, problem: BudgetProblem) -> Case:
    days = full_days(unit, problem.today)
    window = totals(days, problem.today, problem.window_days)
    return Case(unit, days, window, written_verdict(unit, days, window, problem.today))


def _daily(cases: list[Case], problem: BudgetProblem, name: str) -> Floats:
    """One number of every ad set and day, n x 60, the oldest day first, NaN unknown."""
    table = np.full((len(cases), MAX_CURVE_DAYS), np.nan)
    first = problem.today - timedelta(days=MAX_CURVE_DAYS)
    for row, case in enumerate(cases):
        for day, record in case.days.items():
            value = getattr(record, name)
            if day >= first and value is not None:
                table[row, (day - first).days] = value
    return table


def _panel(cases: list[Case], problem: BudgetProblem, conversions: Floats, maturity: Maturity) -> Panel:
    """Only the days on which something was delivered and counted."""
    spend = _daily(cases, problem, "spend_minor")
    used = ((spend > 0) & np.isfinite(conversions)).any(0)
    ages = np.arange(MAX_CURVE_DAYS - 1, -1, -1)
    shares = np.array([maturity.at(int(age)) for age in ages])
    return Panel(spend[:, used], conversions[:, used], ages[used].astype(float), shares[used])


def _fit(units: list[BudgetUnit], panel: Panel) -> CurveFit | None:
    counted = np.where(panel.spend > 0, np.nan_to_num(panel.conversions), 0.0)
    if panel.spend.shape[1] < MIN_CURVE_DAYS or float(np.sum(counted)) < MIN_CONVERSIONS:
        return None
    mean_budget = sum(unit.budget_minor for unit in units) / len(units)
    return fit_curves(panel, max(mean_budget, 1.0), [f"{unit.platform}/{unit.objective}" for unit in units])
