"""The blocks of a report: one ad account each, with its rows, their total, and when they were read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from campaign_automation.managers.reports import wording
from campaign_automation.managers.reports.coverage import AccountScope
from campaign_automation.managers.reports.figures import is_deleted, rows_of, total_of, with_ratios
from campaign_automation.managers.reports.reading import AccountRows
from campaign_automation.managers.shared.first_party_revenue import Revenue
from campaign_automation.models.common import Level
from campaign_automation.models.reports import (
    GetReport,
    ReportBlock,
    ReportFigures,
    ReportReading,
    ReportRow,
)


def block_of(
    scope: AccountScope, request: GetReport, read: AccountRows, revenue: Mapping[str, Revenue]
) -> ReportBlock:
    """Return the block of an account that could be read."""
    level, by_day = Level(request.level), request.by == "day"
    pairs = [(item, read.rows[item.campaign_id]) for item in scope.campaigns]
    rows = [row for item, days in pairs for row in rows_of(item, level, days, revenue, by_day=by_day)]
    warnings = [
        wording.deleted(item.name, max((row.day for row in days), default=None))
        for item, days in pairs
        if is_deleted(item)
    ]
    if len({item.objective for item in scope.campaigns}) > 1:
        warnings.append(wording.MIXED_OBJECTIVES)
    total = ReportFigures(**with_ratios(total_of(pairs, revenue)))
    return _block(scope, total, sorted(rows, key=lambda row: str(row.day)), read.readings, warnings)


def problem_block(scope: AccountScope, problem: str) -> ReportBlock:
    """Return the block of an account that cannot be read: all of its figures are unknown."""
    return _block(scope, ReportFigures(), [], [], []).model_copy(update={"problem": problem})


def account_id(scope: AccountScope) -> str:
    """Return the id by which callers know the account."""
    return scope.account.ad_account_id or scope.account.platform_account_id


def _block(
    scope: AccountScope,
    total: ReportFigures,
    rows: list[ReportRow],
    readings: list[ReportReading],
    warnings: list[str],
) -> ReportBlock:
    account = scope.account
    return ReportBlock(
        platform=scope.platform,
        ad_account_id=account_id(scope),
        platform_account_id=account.platform_account_id,
        currency=account.currency,
        time_zone=account.time_zone,
        first_day=scope.span.first,
        last_day=scope.span.last,
        as_of=min((item.as_of for item in readings), default=None),
        source=_source(readings),
        readings=readings,
        total=total,
        rows=rows,
        warnings=warnings,
    )


def _source(readings: Sequence[ReportReading]) -> Literal["stored", "live", "mixed"] | None:
    sources = {item.source for item in readings}
    return "mixed" if len(sources) > 1 else next(iter(sources), None)
