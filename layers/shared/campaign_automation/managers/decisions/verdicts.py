"""The verdict on an earlier decision: its forecast against what was observed, honest about luck. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Literal, NamedTuple

from campaign_automation.adapters.base import DailyInsight
from campaign_automation.managers.decisions import wording
from campaign_automation.managers.decisions.keeping import WINDOW_DAYS
from campaign_automation.managers.shared.insights import CampaignInsights
from campaign_automation.models.budget_problem import Estimate
from campaign_automation.models.budgets import DaysBefore, EarlierDecision, ForecastRange
from campaign_automation.models.changes import AuditRecord
from campaign_automation.optimizers.budgets.calibration import range_of
from campaign_automation.optimizers.budgets.guard import Maturity
from campaign_automation.stores.operations.forecasts import Forecast
from campaign_automation.utils.clock import at_ms, day_of, iso

COMPLETE = 0.98  # of a day's conversions: from then on its count stands

_FIGURES = {"value": "revenue", "ctr": "clicks"}

Verdict = Literal["held", "above", "below", "unknown", "no_forecast"]


class Facts(NamedTuple):
    """One campaign as it is now, with its own audit trail."""

    insights: CampaignInsights
    trail: list[AuditRecord]


class Looked(NamedTuple):
    """A decision with its verdict, and whether its range would have held without having been widened."""

    decision: EarlierDecision
    held_unwidened: bool


class _Observed(NamedTuple):
    """Result and spend a day, and the result a day by the forecast's curves for that spend."""

    result: float
    spend: float
    by_curves: float


def is_due(forecast: Forecast, today: date, maturity: Maturity) -> bool:
    """Return whether the forecast's days are over and their conversions all but complete."""
    age = (today - forecast.last_day).days - 1
    return age >= 0 and maturity.at(age) >= COMPLETE


def evaluate(forecast: Forecast, facts: Facts) -> Looked:
    """Compare a forecast that is due with the figures of its days."""
    days = [forecast.first_day + timedelta(days=offset) for offset in range(forecast.days)]
    observed, changed_again = _observed(forecast, facts, days), _changed_again(forecast, facts)
    expected = forecast.predicted
    if expected is not None and observed is not None and changed_again and forecast.unchanged is not None:
        expected = _scaled(expected, observed.by_curves)
    predicted, unchanged = told(expected, forecast), told(forecast.unchanged, forecast)
    result = observed and observed.result
    bare = _bare(forecast)
    decision = bare.model_copy(
        update={
            "spend": observed and observed.spend,
            "before": _before(forecast, facts),
            "predicted": predicted,
            "observed": result,
            "verdict": _verdict(result, predicted),
            "changed_again": changed_again,
            "difference": None if result is None or unchanged is None else _difference(result, unchanged),
        }
    )
    explained = decision.model_copy(
        update={"explanation": wording.looked_at_again(decision, forecast.currency)}
    )
    unwidened = told(expected, forecast.model_copy(update={"widening": 1.0}))
    return Looked(explained, _verdict(result, unwidened) == "held")


def never_known(forecast: Forecast) -> EarlierDecision:
    """Return a decision whose figures never came."""
    return _bare(forecast).model_copy(update={"explanation": wording.NEVER_KNOWN})


def _bare(forecast: Forecast) -> EarlierDecision:
    return EarlierDecision(
        kind=forecast.kind,
        campaign_id=forecast.campaign_id,
        run_id=forecast.run_id,
        decided_at=iso(at_ms(forecast.decided_at)),
        metric=forecast.metric,
        first_day=forecast.first_day,
        last_day=forecast.last_day,
        daily_budget=forecast.daily_budget,
        predicted=told(forecast.predicted, forecast),
        verdict="unknown",
        explanation="",
    )


def told(estimate: Estimate | None, forecast: Forecast) -> ForecastRange | None:
    """Return an estimate with the range that its days and the account's calibration give it."""
    if estimate is None:
        return None
    low, high = range_of(estimate, forecast.days, forecast.widening)
    return ForecastRange(mean=estimate.mean, low=low, high=high)


def _verdict(observed: float | None, predicted: ForecastRange | None) -> Verdict:
    if observed is None:
        return "unknown"
    if predicted is None:
        return "no_forecast"
    if predicted.low <= observed <= predicted.high:
        return "held"
    return "above" if observed > predicted.high else "below"


def _difference(observed: float, unchanged: ForecastRange) -> ForecastRange:
    """Return what was observed less what the old budgets would have brought, by the fitted curves."""
    return ForecastRange(
        mean=observed - unchanged.mean, low=observed - unchanged.high, high=observed - unchanged.low
    )


def _before(forecast: Forecast, facts: Facts) -> DaysBefore | None:
    """Return the figures of the week before the day of the decision, or of as much of it as there was."""
    decided = forecast.first_day - timedelta(days=1)
    reported = {row.day for tag in _tags(forecast, facts) for row in facts.insights.days.get(tag, [])}
    week = (decided - timedelta(days=offset) for offset in range(WINDOW_DAYS, 0, -1))
    days = [day for day in week if day in reported]
    observed = _observed(forecast, facts, days) if days else None
    if observed is None:
        return None
    return DaysBefore(first_day=days[0], last_day=days[-1], spend=observed.spend, result=observed.result)


def _tags(forecast: Forecast, facts: Facts) -> list[str]:
    return [unit.tag for unit in forecast.units] or facts.insights.tags


def _observed(forecast: Forecast, facts: Facts, days: Sequence[date]) -> _Observed | None:
    """Return the figures of the forecast's objects on `days`; None where one of them is missing."""
    rows = list(_rows(forecast, facts, set(days)))
    if len(rows) < len(days) * len(_tags(forecast, facts)) or not rows:
        return None
    name = _FIGURES.get(forecast.metric, "conversions")
    results = [getattr(row, name) for row in rows]
    spends = [row.spend for row in rows]
    if None in results or None in spends:
        return None
    result = sum(float(item or 0) for item in results) / len(days)
    if forecast.rate_of is not None:
        chances = [getattr(row, forecast.rate_of) for row in rows]
        if None in chances or not sum(chances):
            return None  # a rate of nothing is unknown
        result = 100 * result * len(days) / sum(chances)
    return _Observed(result, sum(float(item or 0) for item in spends) / len(days), _by_curves(forecast, rows))


def _rows(forecast: Forecast, facts: Facts, days: set[date]) -> Iterator[DailyInsight]:
    for tag in _tags(forecast, facts):
        for row in facts.insights.days.get(tag, []):
            if row.day in days:
                yield row.model_copy(update={"entity_id": tag})


def _by_curves(forecast: Forecast, rows: Sequence[DailyInsight]) -> float:
    """Return the result a day that the curves give for the money spent."""
    units = {unit.tag: unit for unit in forecast.units}
    spends = ((units[row.entity_id], float(row.spend or 0)) for row in rows if row.entity_id in units)
    return sum(unit.ceiling * spend / (unit.half + spend) for unit, spend in spends) / forecast.days


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
