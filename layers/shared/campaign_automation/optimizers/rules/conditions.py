"""Conditions in three-valued logic over sets of objects: true, false, or undecidable with the reason."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from campaign_automation.models.rules.conditions import (
    AllOf,
    Comparison,
    Condition,
    Leaf,
    NotOf,
    OtherWindow,
    Ranked,
    Reference,
    StoredTarget,
    leaves,
    window_of,
)
from campaign_automation.models.rules.vocabulary import SETTINGS
from campaign_automation.optimizers.rules.columns import Column, Columns

NOT_CERTAIN = "not_certain"
# No conversion is held against an object only when its CPA is surely above this multiple of the target.
DEAD_ABOVE_TARGET = 1.5
_OPPOSITE = {
    "greater_than": "less_than_or_equal",
    "greater_than_or_equal": "less_than",
    "less_than": "greater_than_or_equal",
    "less_than_or_equal": "greater_than",
    "equals": "not_equals",
    "not_equals": "equals",
    "between": "not_between",
    "not_between": "between",
}


class Truth(NamedTuple):
    """The objects a condition is true for, and those it is false for; the others are undecidable."""

    true: int
    false: int


@dataclass(frozen=True)
class ConditionResult:
    """The answer of a condition over the objects in scope, with the reasons of undecidable positions."""

    true: int
    undecidable: int
    reasons: tuple[tuple[str, int], ...]

    def reason(self, position: int) -> str:
        codes = [code for code, mask in self.reasons if mask >> position & 1]
        return ", ".join(dict.fromkeys(codes)) or "undecidable"


NOTHING = ConditionResult(0, 0, ())


class ConditionEvaluator:
    """The evaluator of conditions over `columns`.

    With a `certainty` a comparison is true only if the data support it that far, and undecidable until they
    do. With `anytime` the evidence must hold at all interim analyses together, as for a pause: a paused
    object gets no data that could correct it.
    """

    def __init__(self, columns: Columns, certainty: float | None = None, *, anytime: bool = False) -> None:
        self._columns = columns
        self._certainty = certainty
        self._anytime = anytime
        self._reasons: list[tuple[str, int]] = []

    def decide(self, condition: Condition, scope: int) -> ConditionResult:
        self._reasons = []
        true, false = self._truth(condition, scope, negated=False)
        undecidable = scope & ~(true | false)
        return ConditionResult(true & scope, undecidable, tuple(self._reasons) if undecidable else ())

    def _truth(self, condition: Condition, scope: int, *, negated: bool) -> Truth:
        """Return where the condition, or with `negated` its opposite, is true and false."""
        # Negation moves down to the comparisons, so that certainty is asked of what the rule claims:
        # "not (roas > 1)" claims that it is at most 1.
        if isinstance(condition, Comparison):
            operator = _OPPOSITE[condition.operator] if negated else condition.operator
            return self._compare(condition, operator)
        if isinstance(condition, Ranked):
            truth = self._rank(condition, scope)
            return Truth(truth.false, truth.true) if negated else truth
        if isinstance(condition, NotOf):
            return self._truth(condition.negated, scope, negated=not negated)
        parts = condition.all if isinstance(condition, AllOf) else condition.any
        truths = [self._truth(part, scope, negated=negated) for part in parts]
        # De Morgan: under a negation "all" becomes "any" of the negated parts, and the other way round.
        return _every(truths) if isinstance(condition, AllOf) != negated else _some(truths)

    def _compare(self, leaf: Comparison, operator: str) -> Truth:
        value = leaf.value
        column = self._columns.metric(leaf.metric, window_of(leaf), matured=leaf.matured)
        against = None
        if not isinstance(value, Decimal | tuple):
            against = reference_column(self._columns, leaf, value)
            column = self._columns.quotient(column, against)
        true = _holding(column, operator, _limits(leaf))
        false = column.known & ~true
        self._reasons.extend(column.reasons.items())
        if self._certainty:
            true = self._supported(leaf, operator, true, against)
        return Truth(true, false)

    def _supported(self, leaf: Comparison, operator: str, true: int, against: Column | None) -> int:
        """Return the objects of `true` that the data support; the others are left undecidable."""
        low, high = self._bounds(leaf, operator)
        if low is None or high is None:
            return true
        limits = _limits(leaf)
        if leaf.metric == "conversions" and operator in ("less_than", "less_than_or_equal", "equals"):
            # Few conversions prove nothing while little was spent: the CPA must be surely too high.
            against, operator = self._columns.target("target_cpa"), "greater_than"
            limits = (DEAD_ABOVE_TARGET, DEAD_ABOVE_TARGET)
        if against is not None:
            low, high = self._columns.quotient(low, against), self._columns.quotient(high, against)
        supported = true & _surely(low, high, operator, limits)
        doubtful = true & ~supported
        known = low.known & high.known
        self._reasons.append((NOT_CERTAIN, doubtful & known))
        self._reasons.extend((code, mask & doubtful) for code, mask in low.reasons.items())
        return supported

    def _bounds(self, leaf: Comparison, operator: str) -> tuple[Column, Column] | tuple[None, None]:
        metric, anytime = leaf.metric, self._anytime
        if metric == "conversions":
            few = operator in ("less_than", "less_than_or_equal", "equals")
            metric, anytime = ("cpa", anytime) if few else ("conversions", False)
        bounds = self._columns.bounds(
            metric, window_of(leaf), self._certainty or 0.5, anytime=anytime, matured=leaf.matured
        )
        return bounds or (None, None)

    def _rank(self, leaf: Ranked, scope: int) -> Truth:
        column = self._columns.metric(leaf.metric, window_of(leaf), matured=leaf.matured)
        lacking, unknown = self._volume(leaf)
        self._reasons.extend(column.reasons.items())
        ranked = column.known & ~lacking & ~unknown
        chosen, left = 0, leaf.n
        for position in column.descending if leaf.largest_first else column.ascending:
            if left and (scope & ranked) >> position & 1:
                chosen |= 1 << position
                left -= 1
        return Truth(chosen, (lacking | ranked) & ~chosen)

    def _volume(self, leaf: Ranked) -> tuple[int, int]:
        """Return the objects under the minimum volume, and those of unknown volume."""
        lacking, known = 0, self._columns.everyone
        for metric in ("spend", "impressions", "conversions"):
            least = float(getattr(leaf, f"min_{metric}"))
            if least > 0:
                volume = self._columns.metric(metric, window_of(leaf), matured=leaf.matured)
                lacking |= volume.below(least)
                known &= volume.known
                self._reasons.extend(volume.reasons.items())
        return lacking, self._columns.everyone & ~known & ~lacking


def reference_column(columns: Columns, leaf: Comparison, value: Reference) -> Column:
    """Return the column that the comparison's left side is compared with, before the factor."""
    if isinstance(value, StoredTarget):
        return columns.target(value.target)
    if isinstance(value, OtherWindow):
        return columns.metric(leaf.metric, value.time_range, matured=leaf.matured)
    return columns.metric(value.metric, value.time_range or window_of(leaf), matured=leaf.matured)


def evidence(columns: Columns, condition: Condition, position: int) -> list[dict[str, Any]]:
    """Return the figures of one object that the condition was evaluated on."""
    return [_figure(columns, leaf, position) for leaf in leaves(condition)]


def _figure(columns: Columns, leaf: Leaf, position: int) -> dict[str, Any]:
    cell = columns.metric(leaf.metric, window_of(leaf), matured=leaf.matured).cell(position)
    figure: dict[str, Any] = {"metric": leaf.metric, "value": _plain(cell)}
    if leaf.metric not in SETTINGS:
        figure["time_range"] = window_of(leaf)
    if leaf.matured:
        figure["matured"] = True
    if isinstance(leaf, Ranked):
        return figure | {"rank": leaf.rank, "n": leaf.n}
    return figure | {"operator": leaf.operator, "threshold": _threshold(columns, leaf, position)}


def _threshold(columns: Columns, leaf: Comparison, position: int) -> float | str | list[float]:
    if isinstance(leaf.value, tuple):
        return [float(limit) for limit in leaf.value]
    if isinstance(leaf.value, Decimal):
        return float(leaf.value)
    other = reference_column(columns, leaf, leaf.value).cell(position)
    return _plain(other if isinstance(other, str) else other * float(leaf.value.factor))


def _plain(cell: float | str) -> float | str:
    """Return the cell for JSON, which has no infinity: that of a CPA without a conversion becomes a word."""
    return "no_conversion" if cell == float("inf") else cell


def _limits(leaf: Comparison) -> tuple[float, float]:
    if isinstance(leaf.value, tuple):
        return float(leaf.value[0]), float(leaf.value[1])
    number = float(leaf.value if isinstance(leaf.value, Decimal) else leaf.value.factor)
    return number, number


def _holding(column: Column, operator: str, limits: tuple[float, float]) -> int:
    """Return the objects whose value satisfies the operator."""
    low, high = limits
    if operator.startswith("less_than"):
        return column.below(low) if operator == "less_than" else column.at_most(low)
    if operator == "greater_than":
        return column.known & ~column.at_most(low)
    if operator == "greater_than_or_equal":
        return column.known & ~column.below(low)
    inside = column.at_most(high) & ~column.below(low)
    return inside if operator in ("equals", "between") else column.known & ~inside


def _surely(low: Column, high: Column, operator: str, limits: tuple[float, float]) -> int:
    """Return the objects for which everything between their bounds satisfies the operator."""
    if operator.startswith("greater_than"):
        return _holding(low, operator, limits)
    if operator.startswith("less_than"):
        return _holding(high, operator, limits)
    if operator in ("equals", "between"):
        # Equality with one number can only mean that the number cannot be excluded.
        if limits[0] == limits[1]:
            return low.at_most(limits[0]) & (high.known & ~high.below(limits[1]))
        return low.known & ~low.below(limits[0]) & high.at_most(limits[1])
    return low.known & ~low.at_most(limits[1]) | high.below(limits[0])


def _every(truths: list[Truth]) -> Truth:
    true, false = truths[0]
    for truth in truths[1:]:
        true, false = true & truth.true, false | truth.false
    return Truth(true, false)


def _some(truths: list[Truth]) -> Truth:
    true, false = truths[0]
    for truth in truths[1:]:
        true, false = true | truth.true, false & truth.false
    return Truth(true, false)
