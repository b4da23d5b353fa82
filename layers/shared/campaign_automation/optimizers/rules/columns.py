"""The figures of all objects of one level as columns: each is computed once and serves every rule.

A set of objects is an integer with one bit per object. A column keeps its values sorted, so the set of
objects beyond a threshold is one bisection, whatever the number of objects.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import Literal, NamedTuple

from campaign_automation.models.rules.rule import Scope
from campaign_automation.models.rules.vocabulary import SETTINGS
from campaign_automation.optimizers.rules.certainty import anytime_bounds, rate_bounds, share_bounds
from campaign_automation.optimizers.rules.data import Entity, Snapshot
from campaign_automation.optimizers.rules.figures import EVIDENCE, Cell, Figures, Weight

_BLOCK = 32


def members(mask: int) -> Iterator[int]:
    """Yield the positions of the objects of a set, ascending."""
    while mask:
        # In two's complement only the lowest set bit is common to a number and its negative.
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest


def mask_of(flags: Iterable[bool]) -> int:
    """Return the set of the positions that are true."""
    # Through text, since shifting a growing integer bit by bit copies it each time.
    digits = "".join(["1" if flag else "0" for flag in flags])
    return int(digits[::-1] or "0", 2)


class Column:
    """The values of all objects, rounded to 12 digits so that a figure exactly at a threshold is equal to it.

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
        """The sets of the first 0, 32, 64... objects in ascending order."""
        # A set for each object would take memory of n squared.
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


class Basis(NamedTuple):
    """The data that the bounds of a metric rest on; `anytime`: they hold at all interim analyses together."""

    metric: str
    window: str
    certainty: float
    anytime: bool
    matured: bool


class Columns:
    """The figures of `snapshot`'s objects of one level, which stand in the order of their ids."""

    def __init__(self, snapshot: Snapshot, entities: Iterable[Entity]) -> None:
        self.snapshot = snapshot
        self.entities = sorted(entities, key=lambda entity: entity.entity_id)
        self.everyone = (1 << len(self.entities)) - 1
        self._columns: dict[tuple[object, ...], Column] = {}
        self._named: dict[str, int] = {}

    @cached_property
    def _figures(self) -> Figures:
        return Figures(self.snapshot, self.entities)  # made late: a scope needs none

    # --- scope ---------------------------------------------------------------------------------------

    @cached_property
    def active(self) -> int:
        return mask_of(entity.active for entity in self.entities)

    @cached_property
    def paused_by_us(self) -> int:
        return mask_of(entity.paused_by_us for entity in self.entities)

    def scope(self, scope: Scope) -> int:
        """Return the objects that `scope` selects."""
        mask = self.everyone
        for ids in (scope.campaign_ids, scope.adset_ids):
            if ids is not None:
                mask &= self._under(ids)
        if scope.platform is not None:
            mask &= self._where(
                f"platform {scope.platform}", lambda entity: entity.platform == scope.platform
            )
        if scope.name_contains is not None:
            part = scope.name_contains.casefold()
            mask &= self._where(f"name {part}", lambda entity: part in entity.name.casefold())
        return mask & ~self._under(scope.exclude)

    def _under(self, ids: Iterable[str]) -> int:
        mask = 0
        for identifier in ids:
            mask |= self._by_id.get(identifier, 0)
        return mask

    @cached_property
    def _by_id(self) -> dict[str, int]:
        """The objects by each id that selects them: their own, their ad set's and their campaign's."""
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

    def metric(self, metric: str, window: str, *, matured: bool = False) -> Column:
        """Return `metric` over `window`, as the platform reported it; `matured`: over complete days alone.

        A missing figure, a divisor of 0, and the running day of a late figure are reasons, never 0.
        Spend without a conversion makes cpa infinite: above every threshold.
        """
        # Settings hold now, whatever the window: one column serves all.
        is_setting = metric in SETTINGS
        key = (metric, "" if is_setting else window, matured and not is_setting)
        if key not in self._columns:
            cells = self._setting(metric) if is_setting else self._figure(metric, window, matured)
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
        """Return left / right, object by object: against a factor it compares left with factor x right."""
        # Columns live as long as this object, so their ids are theirs alone.
        key = ("quotient", id(left), id(right))
        if key not in self._columns:
            pairs = zip(left.cells(), right.cells(), strict=True)
            self._columns[key] = Column([_quotient(one, other) for one, other in pairs])
        return self._columns[key]

    def bounds(
        self, metric: str, window: str, certainty: float, *, anytime: bool, matured: bool = False
    ) -> tuple[Column, Column] | None:
        """Return the lower and upper bound of `metric` at `certainty`; None for a metric that is a fact.

        Bounds for one interim analysis rest on `window`. `anytime` bounds hold however often they are asked,
        and rest on all that is known of the object as it is, at most 60 days.
        """
        if metric not in _EVIDENCE_OF:
            return None
        basis = Basis(metric, EVIDENCE if anytime else window, certainty, anytime, matured)
        low, high = ("low", basis), ("high", basis)
        if low not in self._columns:
            pairs = [self._bounds_of(position, basis) for position in range(len(self.entities))]
            self._columns[low] = Column([pair if isinstance(pair, str) else pair[0] for pair in pairs])
            self._columns[high] = Column([pair if isinstance(pair, str) else pair[1] for pair in pairs])
        return self._columns[low], self._columns[high]

    def _setting(self, metric: str) -> list[Cell]:
        if metric == "daily_budget":
            budgets = [entity.daily_budget for entity in self.entities]
            return ["no_own_budget" if budget is None else float(budget) for budget in budgets]
        if metric in _SPEND_LIMITS:
            return [_spend_limit(entity, _SPEND_LIMITS[metric]) for entity in self.entities]
        if metric == "age_days":
            return self._figures.ages()
        ends = [entity.pause_until for entity in self.entities]
        return [
            "no_pause_until" if end is None else (self.snapshot.now - end).total_seconds() / 3600
            for end in ends
        ]

    def _figure(self, metric: str, window: str, matured: bool) -> list[Cell]:
        def amounts(figure: str, weight: Weight) -> list[Cell]:
            return self._figures.amounts(figure, window, "matured" if matured else weight)

        if metric in ("spend", "impressions", "clicks"):
            return amounts(metric, "plain")
        if metric in ("conversions", "revenue"):
            return amounts(metric, "reported")
        top, bottom, scale = _RATIOS[metric]
        tops, bottoms = amounts(*top), amounts(*bottom)
        divide = _cost_per if metric == "cpa" else _divide
        return [divide(above, below, bottom[0], scale) for above, below in zip(tops, bottoms, strict=True)]

    # --- certainty -----------------------------------------------------------------------------------

    def _bounds_of(self, position: int, basis: Basis) -> tuple[float, float] | str:
        """Return the bounds of one object, or the reason why there are none.

        A late day counts with the share of its conversions known by now, in both bounds where the lag was
        measured. Source: science.md section 3.
        """
        # An assumed lag may make a rule more careful, never bolder: the bounds then hold the figures as
        # reported too.
        weight = "matured" if basis.matured else _EVIDENCE_OF[basis.metric][1][1]
        least = "complete" if weight == "share" and self.snapshot.maturity_assumed else weight
        most = self._bounds_on(position, basis, weight)
        if isinstance(most, str) or least == weight:
            return most
        both = most, self._bounds_on(position, basis, least)
        pairs = [pair for pair in both if not isinstance(pair, str)]
        return min(low for low, _ in pairs), max(high for _, high in pairs)

    def _bounds_on(self, position: int, basis: Basis, weight: Weight) -> tuple[float, float] | str:
        """Return the bounds with an exposure of this weight."""
        metric, window, certainty = basis.metric, basis.window, basis.certainty
        counted, exposed = _EVIDENCE_OF[metric]
        counts: Weight = "matured" if basis.matured else counted[1]
        events = self._figures.amounts(counted[0], window, counts)[position]
        exposure = self._figures.amounts(exposed[0], window, weight)[position]
        if isinstance(events, str) or isinstance(exposure, str):
            return events if isinstance(events, str) else str(exposure)
        if exposure <= 0:
            return f"{exposed[0]}_zero"
        if metric in ("ctr", "conversion_rate"):
            # More events than trials, as conversions of earlier clicks may be, would be no share.
            bounds = anytime_bounds if basis.anytime else share_bounds
            low, high = bounds(events, max(exposure, events), certainty)
            return 100 * low, 100 * high
        if metric == "conversions":
            return rate_bounds(events, 1.0, certainty)
        value = self._value_per_conversion(position, window) if metric == "roas" else 1.0
        if isinstance(value, str):
            return value
        if basis.anytime:
            low, high = anytime_bounds(events, exposure, certainty)
        else:
            low, high = rate_bounds(events, exposure, certainty, self._prior(position, metric, value))
        if metric == "roas":
            return low * value, high * value
        # Cost per event is the inverse of events per cost, so the bounds change places.
        return 1 / high, 1 / low if low else math.inf

    def _prior(self, position: int, metric: str, value: float) -> float:
        """Return the money that one conversion is worth at the stored target; 0 without a target."""
        entity = self.entities[position]
        if metric == "cpc":
            return 0.0
        if entity.target_cpa or metric == "cpa":
            return entity.target_cpa or 0.0
        return value / entity.target_roas if entity.target_roas else 0.0

    def _value_per_conversion(self, position: int, window: str) -> Cell:
        """Return the revenue per conversion: of the window, 60 days or the lifetime, else by the targets."""
        for span in (window, EVIDENCE, "lifetime"):
            revenue = self._figures.amounts("revenue", span, "complete")[position]
            conversions = self._figures.amounts("conversions", span, "complete")[position]
            if not isinstance(revenue, str) and not isinstance(conversions, str) and revenue and conversions:
                return revenue / conversions
        entity = self.entities[position]
        if entity.target_roas and entity.target_cpa:
            return entity.target_roas * entity.target_cpa
        return "no_value_per_conversion"


_SPEND_LIMITS: dict[str, Literal["day", "week", "month"]] = {
    "day_spend_limit": "day",
    "week_spend_limit": "week",
    "month_spend_limit": "month",
}
_RATIOS: dict[str, tuple[tuple[str, Weight], tuple[str, Weight], float]] = {
    "ctr": (("clicks", "plain"), ("impressions", "plain"), 100.0),
    "cpc": (("spend", "plain"), ("clicks", "plain"), 1.0),
    "cpm": (("spend", "plain"), ("impressions", "plain"), 1000.0),
    "conversion_rate": (("conversions", "reported"), ("clicks", "plain"), 100.0),
    "roas": (("revenue", "reported"), ("spend", "plain"), 1.0),
    "cpa": (("spend", "plain"), ("conversions", "reported"), 1.0),
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


def _spend_limit(entity: Entity, period: Literal["day", "week", "month"]) -> Cell:
    """Return the most that the object's platform may spend in a period of its daily budget."""
    if entity.daily_budget is None:
        return "no_own_budget"
    if entity.envelope is None:
        return "no_known_limit"
    return float(entity.daily_budget * getattr(entity.envelope, period))


def _divide(top: Cell, bottom: Cell, divisor: str, scale: float) -> Cell:
    if isinstance(top, str) or isinstance(bottom, str):
        return top if isinstance(top, str) else bottom
    return scale * top / bottom if bottom else f"{divisor}_zero"


def _cost_per(spend: Cell, events: Cell, _divisor: str, _scale: float) -> Cell:
    """Return the cost per event: a reason without spend, infinite for spend without an event."""
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
