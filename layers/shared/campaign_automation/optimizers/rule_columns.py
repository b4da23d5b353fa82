"""Figures of all objects of one level as columns: each is computed once and serves every rule.

A set of objects is an integer with one bit per object. A column keeps its values sorted, so the set of
objects beyond a threshold is one bisection, whatever the number of objects.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from functools import cached_property
from typing import Literal

from campaign_automation.models.rules import SETTINGS, Scope, days_of
from campaign_automation.optimizers.rule_certainty import anytime_bounds, rate_bounds, share_bounds
from campaign_automation.optimizers.rule_data import Day, Entity, Snapshot

# Below this share the missing part of a day is guessed rather than corrected, so the day is left out.
MIN_MATURITY = 0.3
EVIDENCE = "evidence"  # window: since the object became what it is, at most 60 days
EVIDENCE_DAYS = 60

Cell = float | str  # a value, or the reason why there is none
Weight = Literal["plain", "complete", "share", "final"]
_BLOCK = 32


def members(mask: int) -> Iterator[int]:
    """Positions of the objects of a set, ascending."""
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest


def mask_of(flags: Iterable[bool]) -> int:
    """The set of the positions that are true."""
    digits = "".join(["1" if flag else "0" for flag in flags])
    return int(digits[::-1] or "0", 2)


class Column:
    """Values of all objects, rounded to 12 digits so that a figure exactly at a threshold is equal to it.

    `reasons` maps each reason for a missing value to the set of objects it holds for.
    """

    def __init__(self, cells: Sequence[Cell]) -> None:
        self.values = [0.0 if isinstance(cell, str) else float(format(cell, ".12g")) for cell in cells]
        self.known = mask_of(not isinstance(cell, str) for cell in cells)
        codes = {cell for cell in cells if isinstance(cell, str)}
        self.reasons = {code: mask_of(cell == code for cell in cells) for code in sorted(codes)}

    def cell(self, position: int) -> Cell:
        if self.known >> position & 1:
            return self.values[position]
        return next(code for code, mask in self.reasons.items() if mask >> position & 1)

    def cells(self) -> list[Cell]:
        return [self.cell(position) for position in range(len(self.values))]

    def below(self, limit: float) -> int:
        return self._first(bisect_left(self._sorted, limit))

    def at_most(self, limit: float) -> int:
        return self._first(bisect_right(self._sorted, limit))

    @cached_property
    def ascending(self) -> list[int]:
        return sorted(members(self.known), key=self.values.__getitem__)

    @cached_property
    def descending(self) -> list[int]:
        return sorted(members(self.known), key=lambda position: -self.values[position])

    @cached_property
    def _sorted(self) -> list[float]:
        return [self.values[position] for position in self.ascending]

    @cached_property
    def _blocks(self) -> list[int]:
        """The sets of the first 0, 32, 64... objects; one for each object would take memory of n squared."""
        blocks, mask = [0], 0
        for count, position in enumerate(self.ascending, 1):
            mask |= 1 << position
            if count % _BLOCK == 0:
                blocks.append(mask)
        return blocks

    def _first(self, count: int) -> int:
        block = count // _BLOCK
        mask = self._blocks[block]
        for position in self.ascending[block * _BLOCK : count]:
            mask |= 1 << position
        return mask


class _History:
    """Daily records of one object as one list per figure, without gaps from the first day to the last."""

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


class Columns:
    """The figures of `snapshot`'s objects of one level, which stand in the order of their ids."""

    def __init__(self, snapshot: Snapshot, entities: Iterable[Entity]) -> None:
        self.snapshot = snapshot
        self.entities = sorted(entities, key=lambda entity: entity.entity_id)
        self.everyone = (1 << len(self.entities)) - 1
        self._today = snapshot.today.toordinal()
        self._histories = [_History(entity) for entity in self.entities]
        self._amounts: dict[tuple[str, str, Weight], list[Cell]] = {}
        self._columns: dict[tuple[object, ...], Column] = {}
        self._named: dict[str, int] = {}

    # --- scope ---------------------------------------------------------------------------------------

    @cached_property
    def active(self) -> int:
        return mask_of(entity.active for entity in self.entities)

    @cached_property
    def paused_by_us(self) -> int:
        return mask_of(entity.paused_by_us for entity in self.entities)

    def position(self, entity_id: str) -> int:
        return bisect_left(self.entities, entity_id, key=lambda entity: entity.entity_id)

    def scope(self, scope: Scope) -> int:
        """The objects that `scope` selects."""
        mask = self.everyone
        for ids in (scope.campaign_ids, scope.adset_ids):
            if ids is not None:
                mask &= self._under(ids)
        if scope.platform is not None:
            mask &= self._where(
                f"platform {scope.platform}", lambda entity: entity.platform == scope.platform
            )
        if scope.name_contains is not None:
            words = scope.name_contains.casefold()
            mask &= self._where(f"name {words}", lambda entity: words in entity.name.casefold())
        return mask & ~self._under(scope.exclude)

    def _under(self, ids: Iterable[str]) -> int:
        mask = 0
        for identifier in ids:
            mask |= self._by_id.get(identifier, 0)
        return mask

    @cached_property
    def _by_id(self) -> dict[str, int]:
        """Each object's own id, its ad set's and its campaign's."""
        masks: dict[str, int] = {}
        for position, entity in enumerate(self.entities):
            for identifier in {entity.entity_id, entity.campaign_id, entity.adset_id} - {None}:
                masks[identifier or ""] = masks.get(identifier or "", 0) | 1 << position
        return masks

    def _where(self, name: str, holds: Callable[[Entity], bool]) -> int:
        if name not in self._named:
            self._named[name] = mask_of(holds(entity) for entity in self.entities)
        return self._named[name]

    # --- figures -------------------------------------------------------------------------------------

    def metric(self, metric: str, window: str) -> Column:
        """`metric` over `window`; conversions, revenue and what is made of them corrected for what is not yet
        known of the youngest days, which are left out where less than 30 % is known.

        A missing figure, a divisor of 0, and the running day of a late figure are reasons, never 0.
        Spend without a conversion makes cpa infinite: above every threshold.
        """
        key = (metric, "" if metric in SETTINGS else window)
        if key not in self._columns:
            cells = self._setting(metric) if metric in SETTINGS else self._figure(metric, window)
            self._columns[key] = Column(cells)
        return self._columns[key]

    def target(self, target: str) -> Column:
        if (target,) not in self._columns:
            values = [getattr(entity, target) for entity in self.entities]
            self._columns[(target,)] = Column(
                [f"no_{target}" if value is None else value for value in values]
            )
        return self._columns[(target,)]

    def quotient(self, left: Column, right: Column) -> Column:
        """left / right, object by object: comparing it with a factor compares left with factor x right."""
        key = ("quotient", id(left), id(right))
        if key not in self._columns:
            pairs = zip(left.cells(), right.cells(), strict=True)
            self._columns[key] = Column([_quotient(one, other) for one, other in pairs])
        return self._columns[key]

    def bounds(
        self, metric: str, window: str, certainty: float, *, anytime: bool
    ) -> tuple[Column, Column] | None:
        """What `metric` is above, and what it is below, with `certainty`; None for a metric that is a fact.

        Bounds for one look rest on `window`. `anytime` bounds hold however often they are asked, and rest
        on all that is known of the object as it is, at most 60 days.
        """
        if metric not in _EVIDENCE_OF:
            return None
        window = EVIDENCE if anytime else window
        low, high = (("bound", side, metric, window, certainty, anytime) for side in ("low", "high"))
        if low not in self._columns:
            pairs = [
                self._bounds_of(position, metric, window, certainty, anytime)
                for position in range(len(self.entities))
            ]
            self._columns[low] = Column([pair if isinstance(pair, str) else pair[0] for pair in pairs])
            self._columns[high] = Column([pair if isinstance(pair, str) else pair[1] for pair in pairs])
        return self._columns[low], self._columns[high]

    def _setting(self, metric: str) -> list[Cell]:
        if metric == "daily_budget":
            budgets = [entity.daily_budget for entity in self.entities]
            return ["no_own_budget" if budget is None else float(budget) for budget in budgets]
        if metric == "age_days":
            firsts = [history.first for history in self._histories]
            return ["no_history" if first is None else float(self._today - first) for first in firsts]
        ends = [entity.pause_until for entity in self.entities]
        return [
            "no_pause_until" if end is None else (self.snapshot.now - end).total_seconds() / 3600
            for end in ends
        ]

    def _figure(self, metric: str, window: str) -> list[Cell]:
        if metric in ("spend", "impressions", "clicks"):
            return self.amounts(metric, window, "plain")
        if metric in ("conversions", "revenue"):
            return self.amounts(metric, window, "final")
        top, bottom, scale = _RATIOS[metric]
        tops, bottoms = self.amounts(top[0], window, top[1]), self.amounts(bottom[0], window, bottom[1])
        divide = _cost_per if metric == "cpa" else _divide
        return [divide(above, below, bottom[0], scale) for above, below in zip(tops, bottoms, strict=True)]

    def amounts(self, figure: str, window: str, weight: Weight) -> list[Cell]:
        """Sums of one figure. "plain" counts all days of the window; the others only days known well enough:
        "complete" as reported, "share" times the share of their conversions known by now, "final" divided by
        it.
        """
        key = (figure, window, weight)
        if key not in self._amounts:
            self._amounts[key] = [
                self._amount(position, figure, window, weight) for position in range(len(self.entities))
            ]
        return self._amounts[key]

    def _amount(self, position: int, figure: str, window: str, weight: Weight) -> Cell:
        history = self._histories[position]
        span = self._span(position, window)
        if isinstance(span, str):
            return span
        start, end = span
        if weight != "plain":
            if window == "today":
                return "unfinished_day"
            end = min(end, self._today - 1 - self._youngest)
            if end < start:
                return "late_data"
        if end > history.last:
            return "days_missing"
        values = history.figures[figure][start - (history.first or 0) : end + 1 - (history.first or 0)]
        try:
            if weight in ("plain", "complete") or self._all_known(end):
                return math.fsum(values)
            shares = [self._share(day) for day in range(start, end + 1)]
            if weight == "share":
                return math.fsum(value * share for value, share in zip(values, shares, strict=True))
            return math.fsum(value / share for value, share in zip(values, shares, strict=True))
        except TypeError:
            return f"{figure}_missing"

    def _span(self, position: int, window: str) -> tuple[int, int] | str:
        """First and last day of the window for one object; before its first day there was nothing."""
        first = self._histories[position].first
        if first is None:
            return "no_history"
        if window == "today":
            return self._today, self._today
        start = {"yesterday": self._today - 1, "lifetime": first}.get(window)
        if start is None:
            start = self._since_change(position, window)
        start = max(start, first)
        return (start, self._today - 1) if start < self._today else "no_full_day"

    def _since_change(self, position: int, window: str) -> int:
        entity = self.entities[position]
        if window == EVIDENCE:
            since = entity.evidence_from.toordinal() if entity.evidence_from else 0
            return max(since, self._today - EVIDENCE_DAYS)
        if window == "since_last_action":
            return self.snapshot.day_of(entity.last_action_at).toordinal() + 1 if entity.last_action_at else 0
        return self._today - (days_of(window) or 0)

    @cached_property
    def _youngest(self) -> int:
        """Age of the youngest day that is known well enough."""
        shares = self.snapshot.maturity
        return next((age for age, share in enumerate(shares) if share >= MIN_MATURITY), len(shares))

    def _share(self, day: int) -> float:
        age = self._today - 1 - day
        return self.snapshot.maturity[age] if age < len(self.snapshot.maturity) else 1.0

    def _all_known(self, end: int) -> bool:
        return all(share == 1 for share in self.snapshot.maturity[self._today - 1 - end :])

    # --- certainty -----------------------------------------------------------------------------------

    def _bounds_of(
        self, position: int, metric: str, window: str, certainty: float, anytime: bool
    ) -> tuple[float, float] | str:
        counted, exposed = _EVIDENCE_OF[metric]
        events = self.amounts(counted[0], window, counted[1])[position]
        exposure = self.amounts(exposed[0], window, exposed[1])[position]
        if isinstance(events, str) or isinstance(exposure, str):
            return events if isinstance(events, str) else str(exposure)
        if exposure <= 0:
            return f"{exposed[0]}_zero"
        if metric in ("ctr", "conversion_rate"):
            bounds = anytime_bounds if anytime else share_bounds
            low, high = bounds(events, max(exposure, events), certainty)
            return 100 * low, 100 * high
        if metric == "conversions":
            return rate_bounds(events, 1.0, certainty)
        value = self._value_per_conversion(position, window) if metric == "roas" else 1.0
        if isinstance(value, str):
            return value
        if anytime:
            low, high = anytime_bounds(events, exposure, certainty)
        else:
            low, high = rate_bounds(events, exposure, certainty, self._prior(position, metric, value))
        if metric == "roas":
            return low * value, high * value
        return 1 / high, 1 / low if low else math.inf

    def _prior(self, position: int, metric: str, value: float) -> float:
        """Money worth one conversion at the stored target; 0 without one."""
        entity = self.entities[position]
        if metric == "cpc":
            return 0.0
        if entity.target_cpa or metric == "cpa":
            return entity.target_cpa or 0.0
        return value / entity.target_roas if entity.target_roas else 0.0

    def _value_per_conversion(self, position: int, window: str) -> Cell:
        """Of the window, else of the last 60 days, else what the two stored targets imply."""
        for span in (window, EVIDENCE, "lifetime"):
            revenue = self.amounts("revenue", span, "complete")[position]
            conversions = self.amounts("conversions", span, "complete")[position]
            if not isinstance(revenue, str) and not isinstance(conversions, str) and revenue and conversions:
                return revenue / conversions
        entity = self.entities[position]
        if entity.target_roas and entity.target_cpa:
            return entity.target_roas * entity.target_cpa
        return "no_value_per_conversion"


_RATIOS: dict[str, tuple[tuple[str, Weight], tuple[str, Weight], float]] = {
    "ctr": (("clicks", "plain"), ("impressions", "plain"), 100.0),
    "cpc": (("spend", "plain"), ("clicks", "plain"), 1.0),
    "cpm": (("spend", "plain"), ("impressions", "plain"), 1000.0),
    "conversion_rate": (("conversions", "complete"), ("clicks", "share"), 100.0),
    "roas": (("revenue", "complete"), ("spend", "share"), 1.0),
    "cpa": (("spend", "share"), ("conversions", "complete"), 1.0),
}
# Events and exposure behind each uncertain metric.
_EVIDENCE_OF: dict[str, tuple[tuple[str, Weight], tuple[str, Weight]]] = {
    "ctr": (("clicks", "plain"), ("impressions", "plain")),
    "cpc": (("clicks", "plain"), ("spend", "plain")),
    "conversion_rate": (("conversions", "complete"), ("clicks", "share")),
    "cpa": (("conversions", "complete"), ("spend", "share")),
    "roas": (("conversions", "complete"), ("spend", "share")),
    "conversions": (("conversions", "complete"), ("spend", "share")),
}


def _divide(top: Cell, bottom: Cell, divisor: str, scale: float) -> Cell:
    if isinstance(top, str) or isinstance(bottom, str):
        return top if isinstance(top, str) else bottom
    return scale * top / bottom if bottom else f"{divisor}_zero"


def _cost_per(spend: Cell, events: Cell, _divisor: str, _scale: float) -> Cell:
    """Without spend there is no cost to speak of; spend without an event costs more than any threshold."""
    if isinstance(spend, str) or isinstance(events, str):
        return spend if isinstance(spend, str) else events
    if spend == 0:
        return "spend_zero"
    return spend / events if events else math.inf


def _quotient(left: Cell, right: Cell) -> Cell:
    if isinstance(left, str) or isinstance(right, str):
        return left if isinstance(left, str) else right
    if right == 0:
        return math.inf if left else "reference_zero"
    if math.isinf(right):
        return 0.0 if math.isfinite(left) else "reference_undefined"
    return left / right
