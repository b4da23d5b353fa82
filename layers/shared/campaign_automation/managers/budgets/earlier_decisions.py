"""Applied decisions: their forecasts are kept, looked at again when their days are complete, and counted."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from campaign_automation.managers.budgets.forecasting import Hindsight
from campaign_automation.managers.budgets.problem import BudgetProposal, Facts
from campaign_automation.managers.budgets.verdicts import account_of, evaluate, is_due, told
from campaign_automation.models.budget_problem import ExpectedGain
from campaign_automation.models.budgets import (
    BudgetOptimized,
    CampaignForecast,
    EarlierDecision,
    ForecastCalibration,
)
from campaign_automation.optimizers.budgets.guard import Maturity, measure_maturity
from campaign_automation.stores.audit_store import AuditStore
from campaign_automation.stores.operations.forecasts import (
    Forecast,
    ForecastStore,
    StoredForecast,
)
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import StoreError
from campaign_automation.utils.observability import emit, logger

_LOOKED_AT_DAYS = 60  # as many as an optimisation reads figures of
_SHOWN = 5  # of a campaign, in one answer


class EarlierDecisions:
    def __init__(self, store: ForecastStore, audit: AuditStore) -> None:
        self._store = store
        self._audit = audit

    async def look_again(self, proposal: BudgetProposal) -> Hindsight:
        """Compare the forecasts whose days are complete with what was observed, each once for all."""
        problem, facts = proposal.problem, proposal.facts
        maturity = measure_maturity(problem.snapshots, problem.attribution_window_days)
        read = await asyncio.gather(*map(self._stored, facts))
        # One campaign after the other: they are counted on the same row of their account.
        stored = [
            await self._campaign(items, each, maturity) for items, each in zip(read, facts, strict=True)
        ]
        owners = {account_of(item.insights): item.insights.campaign.tenant for item in facts}
        counted = await asyncio.gather(*(self._store.calibration(who, name) for name, who in owners.items()))
        return Hindsight(
            [
                decision
                for items, each in zip(stored, facts, strict=True)
                for decision in _shown(items, each, maturity)
            ],
            dict(zip(owners, counted, strict=True)),
            {
                forecast.campaign_id: forecast.last_day
                for forecast in (item.forecast for items in stored for item in items)
                if forecast.counts
            },
        )

    async def _stored(self, facts: Facts) -> list[StoredForecast]:
        campaign = facts.insights.campaign
        since = clock.now_ms() - int(timedelta(days=_LOOKED_AT_DAYS).total_seconds() * 1000)
        return await self._store.since(campaign.tenant, campaign.campaign_id, since)

    async def _campaign(
        self, stored: list[StoredForecast], facts: Facts, maturity: Maturity
    ) -> list[StoredForecast]:
        """Return the forecasts with their verdicts. What cannot be stored now is left to the next call."""
        try:
            if any([await self._judge(item, facts, maturity) for item in stored]):
                stored = await self._stored(facts)  # another process may have been first
            for item in stored:
                await self._record(item, facts)
        except StoreError as error:
            logger.warning("earlier decision not stored", reason=error.message)
        return stored

    async def _judge(self, item: StoredForecast, facts: Facts, maturity: Maturity) -> bool:
        """Store the verdict on a forecast that is due, unless a figure is missing; return whether one was."""
        forecast = item.forecast
        if item.verdict is not None or not is_due(forecast, facts.insights.today, maturity):
            return False
        found, held_unwidened = evaluate(forecast, facts)
        if found.verdict == "unknown":  # a figure may still come
            return False
        if await self._store.judge(forecast, found, held_unwidened=held_unwidened):
            emit("forecasts_judged_total", verdict=found.verdict, metric=found.metric)
        return True

    async def _record(self, item: StoredForecast, facts: Facts) -> None:
        """Write the verdict to the audit records of the decision; a run that was cut off is gone on with."""
        if item.verdict is None or item.in_trail:
            return
        found = item.verdict.model_dump(mode="json", exclude={"campaign_id", "run_id"})
        await self._audit.look_again(
            [
                record.model_copy(update={"evidence": record.evidence | {"looked_at_again": found}})
                for record in facts.trail
                if record.run_id == item.forecast.run_id and record.outcome == "applied"
            ]
        )
        await self._store.recorded(item.forecast)

    async def keep(self, forecasts: Sequence[Forecast]) -> None:
        """Store forecasts of decisions that were carried out; an optimisation never fails for them."""
        try:
            for forecast in forecasts:
                await self._store.put(forecast)
        except StoreError as error:
            logger.warning("forecast not kept", reason=error.message)
            emit("forecasts_lost_total")


def _shown(stored: Sequence[StoredForecast], facts: Facts, maturity: Maturity) -> list[EarlierDecision]:
    """Return the latest decisions of a campaign whose days are over, the oldest first."""
    today = facts.insights.today
    due = [item for item in stored if item.verdict or is_due(item.forecast, today, maturity)]
    return [item.verdict or evaluate(item.forecast, facts).decision for item in due[-_SHOWN:]]


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
            "forecasts": [_told(forecast) for forecast in forecasts],
            "earlier_decisions": hindsight.earlier,
            "calibration": _calibrations(hindsight),
        }
    )


def _widened(gain: ExpectedGain, widening: float) -> ExpectedGain:
    low, high = (gain.mean + widening * (end - gain.mean) for end in (gain.p10, gain.p90))
    return gain.model_copy(update={"p10": low, "p90": high})


def _told(forecast: Forecast) -> CampaignForecast:
    return CampaignForecast(
        campaign_id=forecast.campaign_id,
        metric=forecast.metric,
        first_day=forecast.first_day,
        last_day=forecast.last_day,
        daily_budget=forecast.daily_budget,
        predicted=told(forecast.predicted, forecast),
        unchanged=told(forecast.unchanged, forecast),
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
