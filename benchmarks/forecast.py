"""The gain that an allocation forecasts beside the gain that the market of the demo really holds.

As in the demo six ad sets of equal budgets have run for a week; the truth is what the new budgets bring in
the next week on average, without that week's luck. The curves of that market are not the optimiser's own.
Beside it the forecast that is looked at again later: the result of the week after a month, luck and all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from statistics import fmean
from typing import NamedTuple

from benchmarks._report import Report
from campaign_automation.managers.budgets.forecasting import total_of
from campaign_automation.models.budget_problem import (
    BudgetPlan,
    BudgetProblem,
    BudgetUnit,
    DayRecord,
    Estimate,
    MaturitySnapshot,
)
from campaign_automation.optimizers.budget_optimizer import optimize_budget
from campaign_automation.optimizers.budgets.calibration import range_of
from local.sandbox import simulation

WEEK, MONTH, BUDGET, TARGET_CPA = 7, 30, 100.0, 6.0
PLACES, AGES = ("US", "GB"), ("18-35", "36-50", "51-65")


class Forecast(NamedTuple):
    """The relative gain told, its range, and the true one."""

    mean: float
    low: float
    high: float
    truth: float

    @property
    def covers(self) -> bool:
        return self.low <= self.truth <= self.high


class WeekForecast(NamedTuple):
    """The result a day that was told, its range, and what was then observed."""

    mean: float
    low: float
    high: float
    observed: float

    @property
    def covers(self) -> bool:
        return self.low <= self.observed <= self.high


def run(seeds: int = 100) -> Report:
    """Return the share of forecasts whose range holds the truth."""
    found = [item for seed in range(seeds) if (item := forecast(seed)) is not None]
    covered = sum(item.covers for item in found)
    weeks = [week_forecast(seed) for seed in range(seeds)]
    half = fmean((item.high - item.mean) / item.mean for item in weeks)
    figures = {
        "allocation.covered": covered / len(found),
        "week.covered": fmean(item.covers for item in weeks),
        "week.half_range": half,
    }
    text = "\n".join(
        [
            f"{seeds} seeds, {len(found)} with a new split; the 10 to 90 % range holds the truth in"
            f" {covered / len(found):.0%}",
            f"told {fmean(item.mean for item in found):+.1%} ({fmean(item.low for item in found):+.1%} to"
            f" {fmean(item.high for item in found):+.1%}), true {fmean(item.truth for item in found):+.1%}",
            f"the range of the next week's result holds {sum(item.covers for item in weeks)} of {len(weeks)};"
            f" its half width is {half:.0%}",
        ]
    )
    return Report(text, figures)


def forecast(seed: int) -> Forecast | None:
    """Return the forecast after a week; None where today's budgets stay."""
    plan = plan_of(seed)
    if plan.allocation is None or not plan.allocation.applied:
        return None
    gain = plan.allocation.expected_gain
    budgets = {item.unit_id: item.new_budget_minor / 100 for item in plan.decisions}
    after, before = (_week(seed, budgets), _week(seed, dict.fromkeys(budgets, BUDGET)))
    return Forecast(gain.mean, gain.p10, gain.p90, after / before - 1)


def plan_of(seed: int) -> BudgetPlan:
    seen: list[simulation.Record] = []

    def watch(today: object, records: object) -> dict[str, float]:
        seen[:] = records  # type: ignore[call-overload]
        return {}

    adsets = _adsets()
    simulation.simulate(seed, adsets, watch, WEEK + 1)
    return optimize_budget(_problem(simulation.FIRST_DAY + timedelta(days=WEEK), seen))


def _problem(
    today: date, records: Sequence[simulation.Record], snapshots: Sequence[MaturitySnapshot] = ()
) -> BudgetProblem:
    return BudgetProblem(
        today=today,
        currency="USD",
        target_metric="cpa",
        strategy="allocate",
        snapshots=list(snapshots),
        units=[_unit(adset, records) for adset in _adsets()],
    )


def week_forecast(seed: int) -> WeekForecast:
    """Return the forecast after a month in which the lag of conversions was measured, beside what came."""
    plans: list[BudgetPlan] = []
    counts: dict[date, dict[int, int]] = {}

    def decide(today: date, records: Sequence[simulation.Record]) -> dict[str, float]:
        for item in records:
            known = counts.setdefault(item.day, {})
            age = (today - item.day).days - 1
            known[age] = known.get(age, 0) + item.conversions
        if (today - simulation.FIRST_DAY).days != MONTH:
            return {}
        plans.append(optimize_budget(_problem(today, records, _snapshots(counts))))
        return {item.unit_id: item.new_budget_minor / 100 for item in plans[0].decisions}

    truth = simulation.simulate(seed, _adsets(), decide, MONTH + 1 + WEEK).truth
    first = simulation.FIRST_DAY + timedelta(days=MONTH + 1)
    observed = sum(item.conversions for item in truth if item.day >= first) / WEEK
    estimate = _estimate(plans[0])
    return WeekForecast(estimate.mean, *range_of(estimate, WEEK), observed)


def _snapshots(counts: Mapping[date, Mapping[int, int]]) -> list[MaturitySnapshot]:
    return [
        MaturitySnapshot(day=day, counts=[known.get(age) for age in range(max(known) + 1)])
        for day, known in counts.items()
    ]


def _estimate(plan: BudgetPlan) -> Estimate:
    curves = [curve for item in plan.decisions if (curve := item.evidence.curve)]
    assert plan.curves is not None, "a month carries curves"
    return total_of(
        (
            Estimate(mean=item.result_after, model_sd=item.model_sd_after, day_sd=item.day_sd_after)
            for item in curves
        ),
        plan.curves,
    )


def _adsets() -> list[simulation.Adset]:
    names = [f"['{place}']/{ages}/None" for place in PLACES for ages in AGES]
    return [simulation.Adset(name, name, ("1", "2"), BUDGET) for name in names]


def _unit(adset: simulation.Adset, records: Sequence[simulation.Record]) -> BudgetUnit:
    return BudgetUnit(
        unit_id=adset.key,
        budget_minor=round(BUDGET * 100),
        budget_at_day_start_minor=round(BUDGET * 100),
        min_minor=500,
        target_cpa_minor=round(TARGET_CPA * 100),
        records=[
            DayRecord(
                day=item.day,
                spend_minor=round(item.spend * 100),
                revenue_minor=round(item.revenue * 100),
                conversions=item.conversions,
            )
            for item in records
            if item.adset == adset.key
        ],
    )


def _week(seed: int, budgets: dict[str, float]) -> float:
    first = simulation.FIRST_DAY + timedelta(days=WEEK + 1)
    return sum(
        simulation.expected(seed, adset, budgets[adset.key], first + timedelta(days=day)).conversions
        for adset in _adsets()
        for day in range(WEEK)
    )
