"""Applied decisions: they are kept, looked at again when their days are complete, and counted."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from campaign_automation.managers.decisions.keeping import account_key
from campaign_automation.managers.decisions.verdicts import Facts, Looked, evaluate, is_due, never_known
from campaign_automation.models.budgets import DecisionKind, EarlierDecision
from campaign_automation.models.changes import AuditRecord
from campaign_automation.optimizers.budgets.calibration import widening_of
from campaign_automation.optimizers.budgets.guard import Maturity
from campaign_automation.stores.audit_store import AuditStore
from campaign_automation.stores.operations.forecasts import (
    Calibration,
    Forecast,
    ForecastStore,
    StoredForecast,
)
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import StoreError
from campaign_automation.utils.observability import emit, logger

LOOKED_AT_DAYS = 60  # as many as an optimisation reads figures of
_SHOWN = 5  # of a campaign, in one answer


class Hindsight(NamedTuple):
    """The outcomes of earlier decisions; calibrations by account, and by campaign the last day of forecasts
    that count."""

    earlier: list[EarlierDecision]
    calibrations: Mapping[str, Calibration]
    counted_until: Mapping[str, date]

    def widening(self, account: str) -> float:
        calibration = self.calibrations[account]
        return widening_of(calibration.judged, calibration.held_unwidened)


class EarlierDecisions:
    def __init__(self, store: ForecastStore, audit: AuditStore) -> None:
        self._store = store
        self._audit = audit

    async def keep(self, forecasts: Sequence[Forecast]) -> None:
        """Store decisions that were carried out; no change fails because its decision was not kept."""
        try:
            for forecast in forecasts:
                await self._store.put(forecast)
        except StoreError as error:
            logger.warning("forecast not kept", reason=error.message)
            emit("forecasts_lost_total")

    async def look_again(self, facts: Sequence[Facts], maturity: Maturity) -> Hindsight:
        """Compare the decisions whose days are complete with what was observed, each once for all."""
        read = await asyncio.gather(*map(self._stored, facts))
        # One campaign after the other: they are counted on the same row of their account.
        stored = [await self.judge(items, each, maturity) for items, each in zip(read, facts, strict=True)]
        owners = {account_key(item.insights.campaign): item.insights.campaign.tenant for item in facts}
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

    async def judged(self, tenant: str, campaign_id: str, kind: DecisionKind) -> list[EarlierDecision]:
        """Return the latest decisions of one kind that were looked at again, the oldest first."""
        stored = await self._store.since(tenant, campaign_id, 0)
        found = [item.verdict for item in stored if item.verdict and item.verdict.kind == kind]
        return found[-_SHOWN:]

    async def _stored(self, facts: Facts) -> list[StoredForecast]:
        campaign = facts.insights.campaign
        since = clock.now_ms() - int(timedelta(days=LOOKED_AT_DAYS).total_seconds() * 1000)
        return await self._store.since(campaign.tenant, campaign.campaign_id, since)

    async def judge(
        self, stored: list[StoredForecast], facts: Facts, maturity: Maturity
    ) -> list[StoredForecast]:
        """Return the decisions with their verdicts. What cannot be stored now is left to the next call."""
        try:
            if any([await self._judge(item, facts, maturity) for item in stored]):
                stored = await self._stored(facts)  # another process may have been first
            for item in stored:
                await self.record(item, facts.trail)
        except StoreError as error:
            logger.warning("earlier decision not stored", reason=error.message)
        return stored

    async def _judge(self, item: StoredForecast, facts: Facts, maturity: Maturity) -> bool:
        """Store the verdict on a decision that is due, unless a figure is missing; return whether one was."""
        forecast = item.forecast
        is_new = item.verdict is None and _is_read(forecast, facts)
        if not is_new or not is_due(forecast, facts.insights.today, maturity):
            return False
        found = evaluate(forecast, facts)
        if found.decision.verdict == "unknown":  # a figure may still come
            return False
        await self._store_verdict(forecast, found)
        return True

    async def give_up(self, item: StoredForecast) -> None:
        """Store that the figures of a decision never came."""
        await self._store_verdict(item.forecast, Looked(never_known(item.forecast), held_unwidened=False))

    async def _store_verdict(self, forecast: Forecast, found: Looked) -> None:
        decision, held_unwidened = found
        if await self._store.judge(forecast, decision, held_unwidened=held_unwidened):
            emit("forecasts_judged_total", verdict=decision.verdict, metric=decision.metric)

    async def record(self, item: StoredForecast, trail: Sequence[AuditRecord]) -> None:
        """Write the verdict to the audit records of the decision; a run that was cut off is gone on with."""
        if item.verdict is None or item.in_trail:
            return
        found = item.verdict.model_dump(mode="json", exclude={"campaign_id", "run_id"})
        await self._audit.look_again(
            [
                record.model_copy(update={"evidence": record.evidence | {"looked_at_again": found}})
                for record in trail
                if record.run_id == item.forecast.run_id and record.outcome == "applied"
            ]
        )
        await self._store.recorded(item.forecast)


def _is_read(forecast: Forecast, facts: Facts) -> bool:
    """Return whether the facts are of the level that the decision is looked at on."""
    return forecast.level in (None, facts.insights.level)


def _shown(stored: Sequence[StoredForecast], facts: Facts, maturity: Maturity) -> list[EarlierDecision]:
    """Return the latest decisions of a campaign whose days are over, the oldest first."""
    today = facts.insights.today
    due = [
        item
        for item in stored
        if item.verdict or (_is_read(item.forecast, facts) and is_due(item.forecast, today, maturity))
    ]
    return [item.verdict or evaluate(item.forecast, facts).decision for item in due[-_SHOWN:]]
