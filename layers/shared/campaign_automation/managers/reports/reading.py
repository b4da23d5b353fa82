"""The daily rows of one ad account for a report: from the store, and of the last days from the platform."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple

from campaign_automation.adapters.base import DailyInsight
from campaign_automation.managers.reports.coverage import (
    AccountScope,
    Span,
    by_objective,
    within,
)
from campaign_automation.managers.shared.insights import Insights, grouped
from campaign_automation.models.campaign import Campaign
from campaign_automation.models.common import Level
from campaign_automation.models.reports import ReportReading
from campaign_automation.stores.operations.daily_figures import DailyFigureStore, FigureBlock
from campaign_automation.utils import clock

Blocks = Mapping[date, FigureBlock]


class AccountRows(NamedTuple):
    """The rows by our campaign id, and when they were read."""

    rows: dict[str, list[DailyInsight]]
    readings: list[ReportReading]


class AccountFigures:
    def __init__(self, store: DailyFigureStore, insights: Insights) -> None:
        self._store = store
        self._insights = insights

    async def stored(self, scope: AccountScope, level: Level) -> dict[str, Blocks]:
        """Return the stored blocks of a scope's days by campaign."""
        if scope.span.is_empty:
            return {}
        return {
            item.campaign_id: await self._store.read(
                item.tenant, item.campaign_id, level, scope.span.first, scope.span.last
            )
            for item in scope.campaigns
        }

    async def rows(self, scope: AccountScope, level: Level, stored: Mapping[str, Blocks]) -> AccountRows:
        """Return all rows of a scope. Raises the platform's error when the last days cannot be read."""
        live = await self._live(scope, level)
        rows = {
            item.campaign_id: [
                *within(stored[item.campaign_id], scope.stored),
                *_live_rows(item, scope.live, live, stored[item.campaign_id]),
            ]
            for item in scope.campaigns
        }
        readings = [*_stored_reading(scope, stored)]
        if not scope.live.is_empty:
            readings.append(_reading("live", scope.live, clock.now()))
        return AccountRows(rows, readings)

    async def _live(self, scope: AccountScope, level: Level) -> dict[str, list[DailyInsight]]:
        """Read the last days, one report for each objective, by the platform's ids of campaigns."""
        if scope.live.is_empty:
            return {}
        rows: list[DailyInsight] = []
        for group in by_objective(scope.campaigns):
            rows += await self._insights.between(group, level, *scope.live)
        return grouped(rows, lambda row: row.campaign_id)


def _live_rows(
    campaign: Campaign, span: Span, live: Mapping[str, Sequence[DailyInsight]], blocks: Blocks
) -> list[DailyInsight]:
    """Return what is shown now, and what is stored of objects that the platform does not show any more."""
    if span.is_empty:
        return []
    shown = live.get(campaign.root_id, [])
    ids = {row.entity_id for row in shown}
    return [*shown, *(row for row in within(blocks, span) if row.entity_id not in ids)]


def _stored_reading(scope: AccountScope, stored: Mapping[str, Blocks]) -> list[ReportReading]:
    """Return the reading of the stored days: as of their oldest one."""
    span = scope.stored
    if span.is_empty:
        return []
    times = [
        block.read_at for blocks in stored.values() for block in blocks.values() if block.first <= span.last
    ]
    return [_reading("stored", span, min(times))] if times else []


def _reading(source: str, span: Span, as_of: datetime) -> ReportReading:
    return ReportReading.model_validate(
        {
            "source": source,
            "first_day": span.first,
            "last_day": span.last,
            "as_of": as_of.replace(microsecond=0),
        }
    )
