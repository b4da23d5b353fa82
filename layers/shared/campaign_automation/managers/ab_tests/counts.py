"""Counts for the statistics from a campaign's daily records. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from math import ceil
from typing import NamedTuple
from zoneinfo import ZoneInfo

from campaign_automation.adapters.base import DailyInsight
from campaign_automation.models.ab_analysis import (
    AnalysisRequest,
    DayCounts,
    VariantCounts,
)
from campaign_automation.models.ab_tests import MIN_CONVERSIONS, AbTestTerms
from campaign_automation.models.ab_values import (
    Look,
    Unit,
)
from campaign_automation.stores.ab_test_store import AbTest, TestLook
from campaign_automation.utils.clock import day_of

_ONE_DAY = timedelta(days=1)

Records = dict[str, list[DailyInsight]]  # by creative, the days of the test in order


class AbTestDays(NamedTuple):
    """The test's days in the account's zone. `until` is the last one that is over, before `since` when there
    is none yet; `planned` is how many the test has in all; `left` full days from now."""

    since: date
    until: date
    planned: int
    left: int

    @property
    def any(self) -> bool:
        return self.until >= self.since


def days_of(test: AbTest, now: datetime, zone: ZoneInfo) -> AbTestDays:
    """Return the days of a test, as far as they are over."""
    # A test that was ended early counts to the day before: on its last day the variants may differ in more
    # than their creatives.
    since, last = day_of(test.starts_at, zone), day_of(test.ends_at, zone)
    planned = (last - since).days + 1
    if test.ended_at and test.ended_at < test.ends_at:
        last = day_of(test.ended_at, zone) - _ONE_DAY
    until = min(last, day_of(now, zone) - _ONE_DAY)
    left = 0 if test.state != "running" else max(ceil((test.ends_at - now) / _ONE_DAY), 0)
    return AbTestDays(since, until, planned, left)


def analysis_request(
    records: Records, terms: AbTestTerms, unit: Unit, days: AbTestDays, looks: Sequence[TestLook]
) -> AnalysisRequest:
    """Return the request to the statistics, with the looks that were recorded before."""
    # A platform's split divides people, but each ad set's own auction decides how often they see its ad, so
    # for impressions and clicks no test counts as randomised.
    return AnalysisRequest(
        variants=[_variant(name, rows, terms, unit) for name, rows in records.items()],
        unit=unit,
        min_conversions=MIN_CONVERSIONS,
        mode=terms.mode,
        planned_days=days.planned,
        looks=[
            Look(day=look.day, information=look.information) for look in looks if look.information is not None
        ],
        randomised=False,
        separate_adsets=True,
        days_left=days.left,
    )


def _variant(name: str, rows: Sequence[DailyInsight], terms: AbTestTerms, unit: Unit) -> VariantCounts:
    visitors = [row.clicks if unit == "clicks" else row.impressions for row in rows]
    hits = [None if row.clicks is None else Decimal(row.clicks) for row in rows]
    conversions = whole(hits if terms.metric == "ctr" else [row.conversions for row in rows])
    days = zip(rows, visitors, conversions, strict=True)
    return VariantCounts(
        variant_id=name,
        visitors=_sum(visitors),
        conversions=_sum(conversions),
        spend=_amount([row.spend for row in rows]),
        revenue=_amount([row.revenue for row in rows]),
        days=[DayCounts(day=row.day, visitors=seen, conversions=hit) for row, seen, hit in days],
    )


def whole(counts: Sequence[Decimal | None]) -> list[int | None]:
    """Round counts by day on their running total, so that any sum of days is off by 0.5 at most."""
    # Some platforms credit a conversion in parts. Parts vary less than whole conversions, so rounding them
    # makes no test too confident.
    total, before, days = Decimal(0), 0, list[int | None]()
    for count in counts:
        if count is None:
            days.append(None)
            continue
        total += count
        now = int(total.to_integral_value(ROUND_HALF_EVEN))
        days.append(now - before)
        before = now
    return days


def is_fractional(records: Records) -> bool:
    return any(
        row.conversions is not None and row.conversions % 1 for rows in records.values() for row in rows
    )


def _sum(values: Sequence[int | None]) -> int | None:
    """Return the sum; None as soon as one day is unknown."""
    return None if None in values else sum(value for value in values if value is not None)


def _amount(values: Sequence[Decimal | None]) -> float | None:
    total = total_of(values)
    return None if total is None else float(total)


def total_of(values: Sequence[Decimal | None]) -> Decimal | None:
    return None if None in values else sum((value for value in values if value is not None), Decimal(0))
