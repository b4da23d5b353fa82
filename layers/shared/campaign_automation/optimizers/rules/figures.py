"""The sums of each object's daily records over a window, or the reason why there is none."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date
from functools import cached_property
from typing import Literal

from campaign_automation.models.rules.vocabulary import days_of
from campaign_automation.optimizers.rules.data import Day, Entity, Snapshot

# Below this share of its conversions a day says too little.
MIN_MATURITY = 0.3
EVIDENCE = "evidence"  # window: since the object became what it is, at most 60 days
EVIDENCE_DAYS = 60

Cell = float | str  # a value, or the reason why there is none
COMPLETE_SHARE = 0.98  # from this share of its conversions on a day is complete
Weight = Literal["plain", "reported", "complete", "share", "matured"]


class _History:
    """The daily records of one object as one list per figure, without gaps from the first day to the last."""

    __slots__ = ("figures", "first", "last")

    def __init__(self, entity: Entity) -> None:
        days = sorted(entity.days)
        known_first = [entity.first_day] if entity.first_day else []
        first = min(known_first + [day.day for day in days[:1]], default=None)
        self.first = first.toordinal() if first else None
        self.last = days[-1].day.toordinal() if days else -1
        rows = days if self._gapless(days) else self._filled(days)
        self.figures = dict(zip(Day._fields[1:], list(zip(*rows, strict=True))[1:] or [()] * 5, strict=True))

    def _gapless(self, days: list[Day]) -> bool:
        return not days or len(days) == self.last - (self.first or 0) + 1

    def _filled(self, days: list[Day]) -> list[Day]:
        by_day = {record.day.toordinal(): record for record in days}
        unknown = (None,) * 5
        return [
            by_day.get(number) or Day(date.fromordinal(number), *unknown)
            for number in range(self.first or 0, self.last + 1)
        ]


class Figures:
    """The sums for `entities`, by their position; each is computed once. Days are counted as ordinals."""

    def __init__(self, snapshot: Snapshot, entities: Sequence[Entity]) -> None:
        self._snapshot = snapshot
        self._entities = entities
        self._today = snapshot.today.toordinal()
        self._histories = [_History(entity) for entity in entities]
        self._amounts: dict[tuple[str, str, Weight], list[Cell]] = {}

    def ages(self) -> list[Cell]:
        """Return the days since each object's first one."""
        firsts = [history.first for history in self._histories]
        return ["no_history" if first is None else float(self._today - first) for first in firsts]

    def amounts(self, figure: str, window: str, weight: Weight) -> list[Cell]:
        """Return the sums of one figure over the window, by position.

        "plain" and "reported" count all days of the window as the platform reports them; "reported" is for
        figures that arrive late, which need one day at least that is known well enough. The others, behind
        the bounds of a rate, count such days alone: "complete" as reported, "share" times the share of their
        conversions known by now; "matured" counts the days that a measured lag calls complete.
        """
        key = (figure, window, weight)
        if key not in self._amounts:
            self._amounts[key] = [
                self._amount(position, figure, window, weight) for position in range(len(self._entities))
            ]
        return self._amounts[key]

    def _amount(self, position: int, figure: str, window: str, weight: Weight) -> Cell:
        span = self._span(position, window)
        if weight == "matured" and not isinstance(span, str):
            span = self._complete_days(window, *span)
        elif weight != "plain" and not isinstance(span, str):
            known = self._known_enough(window, *span)
            span = span if weight == "reported" and not isinstance(known, str) else known
        if isinstance(span, str):
            return span
        history, (start, end) = self._histories[position], span
        if history.first is None or end > history.last:
            return "days_missing"
        values = history.figures[figure][start - history.first : end + 1 - history.first]
        if None in values:
            return f"{figure}_missing"
        # A negative or infinite sum can only come from a broken report.
        total = self._sum(values, start, end, weight)
        return total if 0 <= total < math.inf else f"{figure}_invalid"

    def _known_enough(self, window: str, start: int, end: int) -> tuple[int, int] | str:
        """Return the part of a window whose days are old enough for figures that arrive late."""
        if window == "today":
            return "unfinished_day"
        end = min(end, self._today - 1 - self._youngest)
        return (start, end) if start <= end else "late_data"

    def _complete_days(self, window: str, start: int, end: int) -> tuple[int, int] | str:
        """Return the part of a window whose conversions are all there; an assumed lag does not tell."""
        if self._snapshot.maturity_assumed:
            return "lag_unknown"
        if window == "today":
            return "unfinished_day"
        end = min(end, self._today - 1 - self._age_of(COMPLETE_SHARE))
        return (start, end) if start <= end else "late_data"

    def _sum(self, values: Sequence[float], start: int, end: int, weight: Weight) -> float:
        if weight != "share" or self._all_known(end):
            return math.fsum(values)
        shares = [self._share(day) for day in range(start, end + 1)]
        return math.fsum(value * share for value, share in zip(values, shares, strict=True))

    def _span(self, position: int, window: str) -> tuple[int, int] | str:
        """Return the first and last day of the window for one object, or the reason why there is none."""
        first = self._histories[position].first
        if first is None:
            return "no_history"
        if window == "today":
            return self._today, self._today
        start = {"yesterday": self._today - 1, "lifetime": first}.get(window)
        if start is None:
            start = self._since_change(position, window)
        start = max(start, first)  # before its first day there was nothing, which is no missing data
        return (start, self._today - 1) if start < self._today else "no_full_day"

    def _since_change(self, position: int, window: str) -> int:
        entity = self._entities[position]
        if window == EVIDENCE:
            since = entity.evidence_from.toordinal() if entity.evidence_from else 0
            return max(since, self._today - EVIDENCE_DAYS)
        if window == "since_last_action":
            # The day of the action itself is half before and half after it.
            return (
                self._snapshot.day_of(entity.last_action_at).toordinal() + 1 if entity.last_action_at else 0
            )
        return self._today - (days_of(window) or 0)

    @cached_property
    def _youngest(self) -> int:
        """The age of the youngest day that is known well enough."""
        return self._age_of(MIN_MATURITY)

    def _age_of(self, least: float) -> int:
        """Return the age from which on that share of a day's conversions is known."""
        shares = self._snapshot.maturity
        return next((age for age, share in enumerate(shares) if share >= least), len(shares))

    def _share(self, day: int) -> float:
        age = self._today - 1 - day
        return self._snapshot.maturity[age] if age < len(self._snapshot.maturity) else 1.0

    def _all_known(self, end: int) -> bool:
        return all(share == 1 for share in self._snapshot.maturity[self._today - 1 - end :])
