"""Evidence on the ad sets of one request, gathered before anything is decided."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

import numpy as np

from campaign_automation.models.budget_problem import (
    BudgetProblem,
    BudgetUnit,
    DayRecord,
    Decision,
    GuardVerdict,
    WrittenRule,
)
from campaign_automation.optimizers.budgets.decisions import kept
from campaign_automation.optimizers.budgets.guard import (
    COMPLETE,
    MAX_EVIDENCE_DAYS,
    Beliefs,
    Maturity,
    check_change,
    exposure,
    measure_maturity,
)
from campaign_automation.optimizers.budgets.records import Days, full_days, last_days, totals
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
MIN_CURVE_DAYS = 1
MIN_CONVERSIONS = 20  # over all ad sets; below that the priors alone would decide


@dataclass(frozen=True)
class Account:
    """The active ad sets of a request in order of their ids, and the evidence of all of them together.

    `days` and `decisions` are by ad set: the full days, and the decision to keep the budget, with the answer
    of the written rules. `fit` is None with too little data for curves, `values` without any revenue.
    """

    problem: BudgetProblem
    units: list[BudgetUnit]
    days: list[Days]
    decisions: list[Decision]
    maturity: Maturity
    fit: CurveFit | None
    values: ConversionValues | None

    @cached_property
    def tracking_suspect(self) -> bool:
        """Return whether no ad set of several has ever had a conversion: the tracking's fault, not theirs."""
        records = (record for days in self.days for record in days.values())
        known = [record for record in records if record.conversions is not None]
        spent = any(record.spend_minor for record in known)
        return len(self.units) > 1 and spent and not any(record.conversions for record in known)

    @cached_property
    def own_cpa(self) -> float | None:
        """The cost per conversion of all ad sets over the rules' window; None without a conversion."""
        windows = [decision.evidence for decision in self.decisions]
        known = [(item.spend_minor, item.conversions) for item in windows if item.conversions is not None]
        conversions = sum(number for _, number in known)
        return sum(spend or 0 for spend, _ in known) / conversions if conversions else None

    def guard_verdict(self, index: int, rule: WrittenRule | None = None) -> GuardVerdict:
        """Return the guard's verdict on `rule`, or on the written rule that decides for an ad set."""
        unit, today = self.units[index], self.problem.today
        rule = rule or self.decisions[index].evidence.written.rule
        if rule is None:
            return GuardVerdict(verdict="not_needed")
        count = MAX_EVIDENCE_DAYS if rule == "pause" else self.problem.window_days
        since = unit.evidence_since if rule == "pause" else None
        records = [r for r in last_days(self.days[index], today, count) if since is None or r.day >= since]
        # An assumed lag may make the guard more careful, never bolder: for a raise all spend counts in full.
        maturity = COMPLETE if rule == "raise" and self.maturity.assumed else self.maturity
        return check_change(
            rule,
            unit,
            exposure(records, maturity, today),
            self._beliefs(index),
            assumed=self.maturity.assumed,
            days=[exposure([record], maturity, today) for record in records] if rule == "pause" else (),
        )

    def _beliefs(self, index: int) -> Beliefs:
        return Beliefs(
            dispersion=1.0 if self.fit is None else float(self.fit.dispersion[index]),
            value=None if self.values is None else float(self.values.value[index]),
            own_cpa=self.own_cpa,
        )


def active_units(problem: BudgetProblem) -> list[BudgetUnit]:
    """Return the ad sets that decisions are made on, in the order of the decisions."""
    return sorted((unit for unit in problem.units if is_active(unit.status)), key=lambda unit: unit.unit_id)


def gather(problem: BudgetProblem) -> Account:
    """Gather the evidence on the active ad sets of a checked problem."""
    units = active_units(problem)
    days = [full_days(unit, problem.today) for unit in units]
    maturity = measure_maturity(problem.snapshots, problem.attribution_window_days)
    conversions = _daily(days, problem, lambda record: record.conversions)
    panel = _panel(days, problem, conversions, maturity)
    return Account(
        problem=problem,
        units=units,
        days=days,
        decisions=[_kept(unit, records, problem) for unit, records in zip(units, days, strict=True)],
        maturity=maturity,
        fit=_fit(units, panel),
        values=conversion_values(_daily(days, problem, lambda record: record.revenue_minor), conversions),
    )


def _kept(unit: BudgetUnit, days: Days, problem: BudgetProblem) -> Decision:
    window = totals(days, problem.today, problem.window_days)
    written = written_verdict(unit, days, window, problem.today, lower_on_roas=problem.lower_on_roas)
    return kept(unit, window, written)


def _daily(units: list[Days], problem: BudgetProblem, number: Callable[[DayRecord], float | None]) -> Floats:
    """Return one number of every ad set and day, n x 60, the oldest day first, NaN unknown."""
    table = np.full((len(units), MAX_CURVE_DAYS), np.nan)
    first = problem.today - timedelta(days=MAX_CURVE_DAYS)
    for row, days in enumerate(units):
        for day, record in days.items():
            value = number(record)
            if day >= first and value is not None:
                table[row, (day - first).days] = value
    return table


def _panel(days: list[Days], problem: BudgetProblem, conversions: Floats, maturity: Maturity) -> Panel:
    """Return the days on which any ad set had a delivery that was counted."""
    spend = _daily(days, problem, lambda record: record.spend_minor)
    # A day without spend says nothing on the curve; the fit ignores it for each ad set, so none is needed.
    used = ((spend > 0) & np.isfinite(conversions)).any(0)
    ages = np.arange(MAX_CURVE_DAYS - 1, -1, -1)
    shares = np.array([maturity.at(int(age)) for age in ages])
    return Panel(spend[:, used], conversions[:, used], ages[used].astype(float), shares[used])


def _fit(units: list[BudgetUnit], panel: Panel) -> CurveFit | None:
    counted = np.where(panel.spend > 0, np.nan_to_num(panel.conversions), 0.0)
    if panel.spend.shape[1] < MIN_CURVE_DAYS or float(np.sum(counted)) < MIN_CONVERSIONS:
        return None
    mean_budget = sum(unit.budget_minor for unit in units) / len(units)
    # Spend in units of the mean budget: the priors are set for numbers around 1.
    return fit_curves(panel, max(mean_budget, 1.0), [f"{unit.platform}/{unit.objective}" for unit in units])
