"""Forecasts of what decided budgets bring, by the response curves that they rest on. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from campaign_automation.managers.budgets.problem import BudgetProposal
from campaign_automation.managers.budgets.verdicts import account_of
from campaign_automation.managers.shared.insights import CampaignInsights
from campaign_automation.models.budget_problem import AllocationReport, CurveEvidence, Estimate
from campaign_automation.models.budgets import EarlierDecision, Optimization
from campaign_automation.optimizers.budgets.calibration import widening_of
from campaign_automation.stores.operations.forecasts import Calibration, Forecast, ForecastUnit
from campaign_automation.utils import clock

WINDOW_DAYS = 7  # a whole week, so that weekdays even out
_DONE = ("applied", "planned")


class Hindsight(NamedTuple):
    """The outcomes of earlier decisions; calibrations by account, and by campaign the last day of forecasts
    that count."""

    earlier: list[EarlierDecision]
    calibrations: Mapping[str, Calibration]
    counted_until: Mapping[str, date]

    def widening(self, account: str) -> float:
        calibration = self.calibrations[account]
        return widening_of(calibration.judged, calibration.held_unwidened)


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
    """Return the forecast of each campaign in which a budget changes by the response curves."""
    allocation, forecasts = proposal.plan.allocation, []
    curves = {item.unit_id: item.evidence.curve for item in proposal.plan.decisions}
    for insights in (item.insights for item in proposal.facts if allocation):
        campaign_id = insights.campaign.campaign_id
        items = [item for item in optimizations if item.campaign_id == campaign_id]
        budgets = [_Budget(item, curve) for item in items if (curve := curves[item.adset_id])]
        if allocation and any(item.outcome in _DONE for item in items):
            forecast = _forecast(insights, budgets, allocation, proposal.problem.currency_exponent)
            told = {"run_id": run_ids[campaign_id], "widening": hindsight.widening(forecast.account)}
            counts = hindsight.counted_until.get(campaign_id, date.min) < forecast.first_day
            forecasts.append(forecast.model_copy(update={**told, "counts": counts}))
    return forecasts


def _forecast(
    insights: CampaignInsights, budgets: Sequence[_Budget], allocation: AllocationReport, exponent: int
) -> Forecast:
    campaign, by_value = insights.campaign, allocation.objective == "value"
    unit = 10.0**-exponent
    scale = unit if by_value else 1.0
    first = insights.today + timedelta(days=1)
    return Forecast(
        tenant=campaign.tenant,
        campaign_id=campaign.campaign_id,
        account=account_of(insights),
        decided_at=clock.now_ms(),
        metric="value" if by_value else "conversions",
        currency=insights.account.currency,
        first_day=first,
        last_day=first + timedelta(days=WINDOW_DAYS - 1),
        units=[
            ForecastUnit(
                tag=item.adset_id,
                ceiling=curve.ceiling * scale,
                half=curve.half_minor * unit,
                daily_budget=item.result,
            )
            for item, curve in budgets
        ],
        predicted=total_of((budget.after for budget in budgets), allocation, scale),
        unchanged=total_of((budget.before for budget in budgets), allocation, scale),
    )


def total_of(estimates: Iterable[Estimate], allocation: AllocationReport, scale: float = 1.0) -> Estimate:
    """Return the estimate of all together: their errors are their own, day and lag are the same for all."""
    items = list(estimates)
    mean = sum(item.mean for item in items)
    return Estimate(
        mean=mean * scale,
        model_sd=math.hypot(allocation.level_spread * mean, *(item.model_sd for item in items)) * scale,
        day_sd=math.hypot(allocation.day_spread * mean, *(item.day_sd for item in items)) * scale,
    )
