"""Tables from reported counts, or the reason that they cannot be counts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from campaign_automation.models.ab_analysis import AnalysisRequest, DayCounts, Reported
from campaign_automation.optimizers.ab_tests.sequential import DayPairs, day_pairs
from campaign_automation.optimizers.ab_tests.tables import Arm, Floats
from campaign_automation.utils.error_handler import InvalidRequestError

MIN_VARIANTS, MAX_VARIANTS = 2, 10
_TRAFFIC_DAYS = 7


@dataclass(frozen=True)
class Counts:
    """Totals per arm, and counts of shape (days, arms), oldest first; `closed` days change no more."""

    ids: list[str]
    arms: list[Arm]
    visitors: Floats
    conversions: Floats
    closed: NDArray[np.bool_]

    @property
    def days(self) -> int:
        return len(self.closed)

    @cached_property
    def usable(self) -> NDArray[np.bool_]:
        """The days that make a table: with visitors, and with no more conversions than visitors."""
        usable: NDArray[np.bool_] = (self.visitors.sum(axis=1) > 0) & (self.conversions <= self.visitors).all(
            axis=1
        )
        return usable

    @cached_property
    def add_up(self) -> bool:
        sums = zip(self.visitors.sum(axis=0).tolist(), self.conversions.sum(axis=0).tolist(), strict=True)
        return not self.days or all(pair == tuple(arm) for pair, arm in zip(sums, self.arms, strict=True))

    def pair(self, against: int, variant: int, *, closed: bool) -> DayPairs:
        """Return two arms by day, all days or closed ones; without counts by day the totals as one day."""
        if not self.days:
            rows = np.array([self.arms[against], self.arms[variant]], dtype=np.float64)
            return day_pairs(rows[:, 0][None, :], rows[:, 1][None, :])
        days = self.closed if closed else slice(None)
        columns = [against, variant]
        return day_pairs(self.visitors[days][:, columns], self.conversions[days][:, columns])

    def traffic(self) -> list[float] | None:
        """Return the visitors a day over the last week of counts, per arm."""
        return self.visitors[-_TRAFFIC_DAYS:].mean(axis=0).tolist() if self.days else None


def check_request(request: AnalysisRequest) -> None:
    """Raise InvalidRequestError for a test that cannot be, regardless of its counts."""
    ids = [variant.variant_id for variant in request.variants]
    if not MIN_VARIANTS <= len(ids) <= MAX_VARIANTS:
        raise InvalidRequestError(
            f"variants: a test compares {MIN_VARIANTS} to {MAX_VARIANTS} variants, not {len(ids)}",
            field="variants",
        )
    if len(set(ids)) != len(ids):
        twice = next(item for item in ids if ids.count(item) > 1)
        raise InvalidRequestError(f"variants: {twice} is there twice", field="variants")
    if request.mode == "planned" and not (request.planned_conversions or request.planned_days):
        raise InvalidRequestError(
            "planned_conversions: a planned test needs planned_conversions or planned_days",
            field="planned_conversions",
        )


def impossible_count(request: AnalysisRequest) -> str | None:
    """Return the flaw of the first impossible count, naming its variant; None when all can be."""
    for variant in request.variants:
        reason = _flaw(variant.visitors, request.unit) or _flaw(variant.conversions, "conversions")
        if not reason and (variant.conversions or 0) > (variant.visitors or 0):
            reason = f"{variant.conversions} conversions of {variant.visitors} {request.unit}"
        if reason:
            return f"{variant.variant_id}: {reason}"
        if reason := _day_flaw(variant.days, request.unit):
            return f"{variant.variant_id}, {reason}"
    return None


def _day_flaw(days: list[DayCounts], unit: str) -> str | None:
    seen = set()
    for day in days:
        # Late conversions may outnumber a slow day's visitors; such a day is only left out.
        reason = _flaw(day.visitors, unit) or _flaw(day.conversions, "conversions")
        if reason or day.day in seen:
            return f"{day.day}: {reason or 'the day is there twice'}"
        seen.add(day.day)
    return None


def _flaw(count: Reported, name: str) -> str | None:
    if count is None:
        return f"{name} are unknown"
    if not math.isfinite(count) or count < 0 or count != int(count):
        return f"{count} {name} is not a count"
    return None


def counts_of(request: AnalysisRequest) -> Counts:
    """Arrange counts that were checked; a day that a variant lacks is a day without visitors."""
    days = sorted({day.day for variant in request.variants for day in variant.days})
    row = {day: index for index, day in enumerate(days)}
    shape = (len(days), len(request.variants))
    visitors, conversions, closed = np.zeros(shape), np.zeros(shape), np.ones(len(days), dtype=bool)
    for column, variant in enumerate(request.variants):
        for day in variant.days:
            visitors[row[day.day], column] = day.visitors
            conversions[row[day.day], column] = day.conversions
            closed[row[day.day]] &= day.matured
    return Counts(
        ids=[variant.variant_id for variant in request.variants],
        arms=[Arm(int(item.visitors or 0), int(item.conversions or 0)) for item in request.variants],
        visitors=visitors,
        conversions=conversions,
        closed=closed,
    )
