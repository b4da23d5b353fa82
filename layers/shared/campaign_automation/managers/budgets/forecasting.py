"""Forecasts of what decided budgets bring, by the response curves that they rest on. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from campaign_automation.managers.budgets.problem import BudgetProposal
from campaign_automation.managers.decisions.earlier_decisions import Hindsight
from campaign_automation.managers.decisions.keeping import account_key, unpredicted
from campaign_automation.managers.decisions.verdicts import told
from campaign_automation.models.budget_problem import CurveEvidence, CurveTerms, Estimate, ExpectedGain
from campaign_automation.models.budgets import (
    BudgetOptimized,
    CampaignForecast,
    ForecastCalibration,
    Optimization,
)
from campaign_automation.stores.operations.forecasts import Forecast, ForecastUnit

_DONE = ("applied", "planned")


class _Budget(NamedTuple):
    """One budget of a campaign: the outcome of its decision, and the curve that it rests on."""

    item: Optimization
    curve: CurveEvidence

    @property
    def before(self) -> Estimate:
        curve = self.curve
        return Estimate(mean=curve.result_before, model_sd=curve.model_sd_before, day_sd=curve.day_sd_before)

    @property
    def after(self) -> Estimate:
        """The estimate with the budget as it is now: a change that was not made left the old one."""
        curve = self.curve
        if self.item.outcome not in _DONE:
            return self.before
        return Estimate(mean=curve.result_after, model_sd=curve.model_sd_after, day_sd=curve.day_sd_after)


def forecasts_of(
    proposal: BudgetProposal,
    optimizations: Sequence[Optimization],
    run_ids: Mapping[str, str],
    hindsight: Hindsight,
) -> list[Forecast]:
    """Return the forecast of each campaign in which a budget changes.

    It is by the response curves, whichever strategy decided; with too little data for curves nothing is
    predicted, and the decision is looked at again all the same.
    """
    terms, forecasts = proposal.plan.curves, []
    curves = {item.unit_id: item.evidence.curve for item in proposal.plan.decisions}
    for insights in (item.insights for item in proposal.facts):
        campaign_id = insights.campaign.campaign_id
        items = [item for item in optimizations if item.campaign_id == campaign_id]
        if not any(item.outcome in _DONE for item in items):
            continue
        bare = unpredicted(
            insights.campaign, run_ids[campaign_id], "optimization", proposal.problem.attribution_window_days
        )
        if terms is None:
            forecasts.append(bare)
            continue
        budgets = [_Budget(item, curve) for item in items if (curve := curves[item.adset_id])]
        predicted = _predicted(budgets, terms, proposal.problem.currency_exponent)
        counts = hindsight.counted_until.get(campaign_id, date.min) < bare.first_day
        widening = hindsight.widening(account_key(insights.campaign))
        more = {"widening": widening, "counts": counts, "level": None}
        forecasts.append(bare.model_copy(update=predicted | more))
    return forecasts


def _predicted(budgets: Sequence[_Budget], terms: CurveTerms, exponent: int) -> dict[str, Any]:
    by_value = terms.objective == "value"
    unit = 10.0**-exponent
    scale = unit if by_value else 1.0
    return {
        "metric": "value" if by_value else "conversions",
        "units": [
            ForecastUnit(
                tag=item.adset_id,
                ceiling=curve.ceiling * scale,
                half=curve.half_minor * unit,
                daily_budget=item.result,
            )
            for item, curve in budgets
        ],
        "predicted": total_of((budget.after for budget in budgets), terms, scale),
        "unchanged": total_of((budget.before for budget in budgets), terms, scale),
    }


def total_of(estimates: Iterable[Estimate], terms: CurveTerms, scale: float = 1.0) -> Estimate:
    """Return the estimate of all together: their errors are their own, day and lag are the same for all."""
    items = list(estimates)
    mean = sum(item.mean for item in items)
    return Estimate(
        mean=mean * scale,
        model_sd=math.hypot(terms.level_spread * mean, *(item.model_sd for item in items)) * scale,
        day_sd=math.hypot(terms.day_spread * mean, *(item.day_sd for item in items)) * scale,
    )


def with_hindsight(
    answer: BudgetOptimized, forecasts: Sequence[Forecast], hindsight: Hindsight
) -> BudgetOptimized:
    """Return the answer with its forecasts, the outcomes of earlier ones, and the gain's range widened."""
    widening = max(map(hindsight.widening, hindsight.calibrations), default=1.0)
    allocation = answer.allocation
    if allocation is not None:
        gain = _widened(allocation.expected_gain, widening)
        allocation = allocation.model_copy(update={"expected_gain": gain})
    return answer.model_copy(
        update={
            "allocation": allocation,
            "forecasts": [item for item in map(_told, forecasts) if item is not None],
            "earlier_decisions": hindsight.earlier,
            "calibration": _calibrations(hindsight),
        }
    )


def _widened(gain: ExpectedGain, widening: float) -> ExpectedGain:
    low, high = (gain.mean + widening * (end - gain.mean) for end in (gain.p10, gain.p90))
    return gain.model_copy(update={"p10": low, "p90": high})


def _told(forecast: Forecast) -> CampaignForecast | None:
    predicted, unchanged = told(forecast.predicted, forecast), told(forecast.unchanged, forecast)
    if predicted is None or unchanged is None:
        return None
    return CampaignForecast(
        campaign_id=forecast.campaign_id,
        metric=forecast.metric,
        first_day=forecast.first_day,
        last_day=forecast.last_day,
        daily_budget=forecast.daily_budget or Decimal(0),
        predicted=predicted,
        unchanged=unchanged,
    )


def _calibrations(hindsight: Hindsight) -> list[ForecastCalibration]:
    return [
        ForecastCalibration(
            platform=account.partition(":")[0],
            platform_account_id=account.partition(":")[2],
            forecasts=found.judged,
            held=found.held,
            widening=hindsight.widening(account),
        )
        for account, found in hindsight.calibrations.items()
        if found.judged
    ]
