"""The conditions of rules: comparisons, rankings, and trees of them."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Any, TypeAlias

from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)

from campaign_automation.models.common import Amount, Model, PositiveAmount
from campaign_automation.models.rules.vocabulary import (
    HIGHER_IS_BETTER,
    LATE_METRICS,
    LOWER_IS_BETTER,
    MAX_DEPTH,
    MAX_LEAVES,
    SETTINGS,
    WINDOW,
    Flag,
    Metric,
    Number,
    Operator,
    TimeRange,
    known,
)


class OtherMetric(Model):
    """Right-hand side: another metric times `factor`, by default in the condition's window."""

    metric: Metric
    factor: PositiveAmount = Decimal(1)
    time_range: TimeRange | None = WINDOW


class OtherWindow(Model):
    """Right-hand side: the same metric in another window, times `factor`."""

    time_range: TimeRange = Field(validation_alias=AliasChoices("time_range", "window"))
    factor: PositiveAmount = Decimal(1)


class StoredTarget(Model):
    """Right-hand side: the target stored with the campaign, times `factor`."""

    target: Annotated[str, known("target", ("target_roas", "target_cpa"))]
    factor: PositiveAmount = Decimal(1)


def _value_kind(value: Any) -> str:
    # A discriminator: an error then names the one kind that was meant, not all five.
    if isinstance(value, BaseModel):
        return type(value).__name__
    if isinstance(value, list | tuple):
        return "Range"
    if isinstance(value, dict):
        return "OtherMetric" if "metric" in value else "StoredTarget" if "target" in value else "OtherWindow"
    return "Number"


Reference = OtherMetric | OtherWindow | StoredTarget


Value = Annotated[
    Annotated[Number, Tag("Number")]
    | Annotated[tuple[Number, Number], Tag("Range")]
    | Annotated[OtherMetric, Tag("OtherMetric")]
    | Annotated[OtherWindow, Tag("OtherWindow")]
    | Annotated[StoredTarget, Tag("StoredTarget")],
    Discriminator(_value_kind),
]


class Comparison(Model):
    """One metric over one window against a number, a range, another figure or the stored target.

    ctr and conversion_rate are percentages. A window of hours covers the full days it touches: 24h is the
    last full day. Default window: 7d. Figures are the platform's reports; with `matured` only those days of
    the window count that the account's measured lag calls complete.
    """

    metric: Metric
    operator: Operator
    value: Value
    time_range: TimeRange | None = WINDOW
    matured: Flag = False

    @model_validator(mode="after")
    def _fits(self) -> Comparison:
        _check_window(self.metric, self.time_range)
        _check_matured(self.metric, self.matured)
        is_range = isinstance(self.value, tuple)
        if is_range != self.operator.endswith("between"):
            raise ValueError(f"value: {self.operator} takes {'a number' if is_range else '[low, high]'}")
        if isinstance(self.value, tuple) and self.value[0] > self.value[1]:
            raise ValueError("value: the range begins above its end")
        if not isinstance(self.value, tuple | Decimal):
            _check_reference(self.metric, self.value)
        return self


class Ranked(Model):
    """A ranking: true for the `n` best or worst of the scope; those under the minimum volume take no part.

    Equal values rank by id. An object whose metric is unknown is undecidable and takes no rank.
    """

    rank: Annotated[str, known("rank", ("best", "worst", "highest", "lowest"))]
    n: Annotated[int, Field(ge=1, le=1000)]
    metric: Metric
    time_range: TimeRange | None = WINDOW
    matured: Flag = False
    min_spend: Annotated[Amount, Field(ge=0, lt=10**12)] = Decimal(0)
    min_impressions: Annotated[int, Field(ge=0)] = 0
    min_conversions: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _fits(self) -> Ranked:
        _check_window(self.metric, self.time_range)
        _check_matured(self.metric, self.matured)
        if self.rank in ("best", "worst") and self.metric not in LOWER_IS_BETTER | HIGHER_IS_BETTER:
            raise ValueError(f"rank: no value of {self.metric} is better; say highest or lowest")
        return self

    @property
    def largest_first(self) -> bool:
        return self.rank == "highest" or (self.rank == "best") == (self.metric in HIGHER_IS_BETTER)


class AllOf(Model):
    all: Annotated[list[Condition], Field(min_length=1, max_length=MAX_LEAVES)]


class AnyOf(Model):
    any: Annotated[list[Condition], Field(min_length=1, max_length=MAX_LEAVES)]


class NotOf(Model):
    # `not` is a keyword of Python, so the field has another name and travels under its alias.
    model_config = ConfigDict(serialize_by_alias=True, validate_by_name=True, validate_by_alias=True)

    negated: Condition = Field(alias="not")


def _condition_kind(value: Any) -> str:
    if isinstance(value, BaseModel):
        return type(value).__name__
    kinds = {"all": "AllOf", "any": "AnyOf", "not": "NotOf", "rank": "Ranked"}
    keys = value if isinstance(value, dict) else {}
    return next((kind for key, kind in kinds.items() if key in keys), "Comparison")


Leaf = Comparison | Ranked


Condition: TypeAlias = Annotated[
    Annotated[Comparison, Tag("Comparison")]
    | Annotated[Ranked, Tag("Ranked")]
    | Annotated[AllOf, Tag("AllOf")]
    | Annotated[AnyOf, Tag("AnyOf")]
    | Annotated[NotOf, Tag("NotOf")],
    Discriminator(_condition_kind),
]


def leaves(condition: Condition) -> Iterator[Leaf]:
    """Yield the comparisons and rankings of a tree, from left to right."""
    if isinstance(condition, Comparison | Ranked):
        yield condition
    elif isinstance(condition, NotOf):
        yield from leaves(condition.negated)
    else:
        for part in condition.all if isinstance(condition, AllOf) else condition.any:
            yield from leaves(part)


def window_of(leaf: Leaf) -> str:
    return leaf.time_range or "7d"


def _check_window(metric: str, time_range: str | None) -> None:
    if metric in SETTINGS and time_range:
        raise ValueError(f"time_range: {metric} belongs to the object and has no window")


def _check_matured(metric: str, matured: bool) -> None:
    if matured and metric not in LATE_METRICS:
        raise ValueError(
            f"matured: {metric} is known at once; it goes with {', '.join(sorted(LATE_METRICS))}"
        )


def _check_reference(metric: str, value: Reference) -> None:
    # A CPA target is money, so that spend and other amounts may be compared with it; a ROAS target is not.
    if isinstance(value, StoredTarget) and value.target == "target_roas" and metric != "roas":
        raise ValueError("value: target_roas goes with the metric roas")
    if isinstance(value, OtherMetric):
        _check_window(value.metric, value.time_range)
    if "hours_past_pause_until" in (metric, getattr(value, "metric", "")):
        raise ValueError("value: hours_past_pause_until goes with a number")
    if isinstance(value, OtherWindow):
        _check_window(metric, value.time_range)


def shallow(value: Any, depth: int = 0) -> Any:
    """Return the tree as it is; ValueError for one that is too deep.

    It runs before the tree is parsed, which would exhaust the stack for a very deep one.
    """
    if depth > MAX_DEPTH:
        raise ValueError(f"all, any and not go at most {MAX_DEPTH} deep")
    if isinstance(value, dict):
        for key in value.keys() & {"all", "any", "not"}:
            parts = value[key] if isinstance(value[key], list) else [value[key]]
            for part in parts:
                shallow(part, depth + 1)
    return value
