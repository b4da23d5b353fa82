"""The verdict on an earlier decision: its forecast against what was observed, honest about luck. Pure."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal, NamedTuple

from campaign_automation.adapters.base import DailyInsight
from campaign_automation.managers.budgets import wording
from campaign_automation.managers.budgets.problem import Facts
from campaign_automation.managers.shared.insights import CampaignInsights
from campaign_automation.models.budget_problem import Estimate
from campaign_automation.models.budgets import EarlierDecision, ForecastRange
from campaign_automation.optimizers.budgets.calibration import range_of
from campaign_automation.optimizers.budgets.guard import Maturity
from campaign_automation.stores.operations.forecasts import Forecast
from campaign_automation.utils.clock import at_ms, day_of, iso

COMPLETE = 0.98  # of a day's conversions: from then on its count stands

Verdict = Literal["held", "above", "below", "unknown"]


class Looked(NamedTuple):
    """A decision with its verdict, and whether its range would have held without having been widened."""

    decision: EarlierDecision
    held_unwidened: bool


class _Observed(NamedTuple):
    """Result and spend a day, and the result a day by the forecast's curves for that spend."""

    result: float
    spend: float
    by_curves: float


def account_of(insights: CampaignInsights) -> str:
    return f"{insights.campaign.platform}:{insights.account.platform_account_id}"


def is_due(forecast: Forecast, today: date, maturity: Maturity) -> bool:
    """Return whether the forecast's days are over and their conversions all but complete."""
    age = (today - forecast.last_day).days - 1
    return age >= 0 and maturity.at(age) >= COMPLETE


def evaluate(forecast: Forecast, facts: Facts) -> Looked:
    """Compare a forecast that is due with the figures of its days."""
    observed, changed_again = _observed(forecast, facts), _changed_again(forecast, facts)
    expected = forecast.predicted
    if observed is not None and changed_again:
        expected = _scaled(expected, observed.by_curves)
    predicted, result = told(expected, forecast), observed and observed.result
    difference = None if result is None else _difference(result, told(forecast.unchanged, forecast))
    verdict = _verdict(result, predicted)
    decision = EarlierDecision(
        campaign_id=forecast.campaign_id,
        run_id=forecast.run_id,
        decided_at=iso(at_ms(forecast.decided_at)),
        metric=forecast.metric,
        first_day=forecast.first_day,
        last_day=forecast.last_day,
        daily_budget=forecast.daily_budget,
        spend=observed and observed.spend,
        predicted=predicted,
        observed=result,
        verdict=verdict,
        changed_again=changed_again,
        difference=difference,
        explanation=wording.looked_at_again(
            forecast.metric, forecast.currency, predicted, result, difference
        ),
    )
    unwidened = told(expected, forecast.model_copy(update={"widening": 1.0}))
    return Looked(decision, _verdict(result, unwidened) == "held")


def told(estimate: Estimate, forecast: Forecast) -> ForecastRange:
    """Return an estimate with the range that its days and the account's calibration give it."""
    low, high = range_of(estimate, forecast.days, forecast.widening)
    return ForecastRange(mean=estimate.mean, low=low, high=high)


def _verdict(observed: float | None, predicted: ForecastRange) -> Verdict:
    if observed is None:
        return "unknown"
    if predicted.low <= observed <= predicted.high:
        return "held"
    return "above" if observed > predicted.high else "below"


def _difference(observed: float, unchanged: ForecastRange) -> ForecastRange:
    """Return what was observed less what the old budgets would have brought, by the fitted curves."""
    return ForecastRange(
        mean=observed - unchanged.mean, low=observed - unchanged.high, high=observed - unchanged.low
    )


def _observed(forecast: Forecast, facts: Facts) -> _Observed | None:
    """Return the figures of the forecast's budgets on its days; None where one of them is missing."""
    result = spend = by_curves = 0.0
    for unit in forecast.units:
        rows = [
            row
            for row in facts.insights.days.get(unit.tag, [])
            if forecast.first_day <= row.day <= forecast.last_day
        ]
        if len(rows) < forecast.days:
            return None
        for row in rows:
            found = _result(row, forecast)
            if found is None or row.spend is None:
                return None
            result, spend = result + found, spend + float(row.spend)
            by_curves += unit.ceiling * float(row.spend) / (unit.half + float(row.spend))
    days = forecast.days
    return _Observed(result / days, spend / days, by_curves / days)


def _result(row: DailyInsight, forecast: Forecast) -> float | None:
    found = row.revenue if forecast.metric == "value" else row.conversions
    return None if found is None else float(found)


def _changed_again(forecast: Forecast, facts: Facts) -> bool:
    """Return whether another change of the campaign fell between the decision and the end of its days."""
    decided, zone = at_ms(forecast.decided_at), facts.insights.zone
    return any(
        record.run_id != forecast.run_id
        and record.outcome != "failed"
        and record.operation != "create"
        and (at := datetime.fromisoformat(record.at)) >= decided.replace(microsecond=0)
        and day_of(at, zone) <= forecast.last_day
        for record in facts.trail
    )


def _scaled(estimate: Estimate, mean: float) -> Estimate:
    """Return the estimate for other money: as uncertain, in proportion."""
    factor = mean / estimate.mean if estimate.mean else 1.0
    return Estimate(mean=mean, model_sd=estimate.model_sd * factor, day_sd=estimate.day_sd * factor)
