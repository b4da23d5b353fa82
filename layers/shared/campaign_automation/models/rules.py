"""The shapes of automation rules: what a rule says, how it is stored, what its runs answer.

A word outside the vocabulary is refused when the rule is saved, with the nearest word there is.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any, Literal, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import (
    AfterValidator,
    AliasChoices,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)
from pydantic_core import PydanticCustomError

from campaign_automation.models import Amount, Level, Model, Platform, PositiveAmount, Text, unique
from campaign_automation.models.changes import ChangedItem, FailedItem, SkippedItem
from campaign_automation.models.schedule_expressions import Cron, Rate, parse_schedule

MAX_DEPTH = 5
MAX_LEAVES = 50
MAX_DAYS = 90
DEFAULT_SCHEDULE = "rate(6 hours)"

COUNTED = ("spend", "impressions", "clicks", "conversions", "revenue")
RATIOS = ("ctr", "cpc", "cpm", "conversion_rate", "cpa", "roas")
SETTINGS = ("daily_budget", "age_days", "hours_past_pause_until")  # of the object itself: no time_range
METRICS = (*COUNTED, *RATIOS, *SETTINGS)
LATE_METRICS = frozenset({"conversions", "revenue", "conversion_rate", "cpa", "roas"})  # arrive days later
LOWER_IS_BETTER = frozenset({"cpc", "cpm", "cpa"})
HIGHER_IS_BETTER = frozenset({"clicks", "conversions", "revenue", "ctr", "conversion_rate", "roas"})

OPERATORS = (
    "greater_than",
    "greater_than_or_equal",
    "less_than",
    "less_than_or_equal",
    "equals",
    "between",
    "not_equals",
    "not_between",
)
OPERATOR_ALIASES = {
    ">": "greater_than",
    ">=": "greater_than_or_equal",
    "<": "less_than",
    "<=": "less_than_or_equal",
    "=": "equals",
    "==": "equals",
    "!=": "not_equals",
    "gt": "greater_than",
    "gte": "greater_than_or_equal",
    "lt": "less_than",
    "lte": "less_than_or_equal",
    "eq": "equals",
    "ne": "not_equals",
    "in_range": "between",
    "not_in_range": "not_between",
}
NAMED_WINDOWS = ("today", "yesterday", "lifetime", "since_last_action")
_DURATION = re.compile(r"(?:last_)?(\d{1,4})[ _]?(h|hours?|d|days?)")
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _unknown(kind: str, value: Any, allowed: Iterable[str]) -> PydanticCustomError:
    words = list(allowed)
    near = difflib.get_close_matches(str(value).lower(), words, n=1, cutoff=0.4)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return PydanticCustomError(
        "unknown_word",
        "{word} is not a known {kind}{hint} Allowed: {expected}",
        {"word": repr(value)[:80], "kind": kind, "hint": hint or ".", "expected": ", ".join(words)},
    )


def _known(kind: str, allowed: Iterable[str], aliases: Mapping[str, str] | None = None) -> BeforeValidator:
    words = tuple(allowed)

    def check(value: Any) -> Any:
        word = (aliases or {}).get(value, value) if isinstance(value, str) else value
        if word not in words:
            raise _unknown(kind, value, words)
        return word

    return BeforeValidator(check)


@lru_cache(maxsize=1024)
def hours_of(duration: str) -> int:
    """`duration` ("24h", "7d", "last_7_days") in hours. Raises ValueError when it is neither."""
    found = _DURATION.fullmatch(duration.strip().lower())
    if not found:
        raise ValueError("should be a duration such as 24h or 7d")
    return int(found[1]) * (24 if found[2].startswith("d") else 1)


@lru_cache(maxsize=1024)
def days_of(time_range: str) -> int | None:
    """How many full days a window of hours or days covers; None for a named window such as "today"."""
    return None if time_range in NAMED_WINDOWS else -(-hours_of(time_range) // 24)


def _time_range(value: Any) -> Any:
    if not isinstance(value, str) or (value not in NAMED_WINDOWS and not _DURATION.fullmatch(value.lower())):
        raise _unknown("time_range", value, (*NAMED_WINDOWS, "24h", "3d", "7d", "14d", "30d"))
    if not 1 <= (days_of(value) or 1) <= MAX_DAYS or value.startswith("0"):
        raise ValueError(f"should cover 1 to {MAX_DAYS} days")
    return value.lower()


def _duration(value: str) -> str:
    if hours_of(value) > 24 * MAX_DAYS:
        raise ValueError(f"should be at most {MAX_DAYS} days")
    return value


def _zone(value: Any) -> Any:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        near = difflib.get_close_matches(str(value), available_timezones(), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(
            f"{str(value)[:60]!r} is not an IANA time zone such as Europe/Berlin{hint}"
        ) from None
    return value


def _schedule(value: str) -> str:
    return str(parse_schedule(value))


Metric = Annotated[str, _known("metric", METRICS)]
Operator = Annotated[str, _known("operator", OPERATORS, OPERATOR_ALIASES)]
TimeRange = Annotated[str, BeforeValidator(_time_range)]
Duration = Annotated[str, AfterValidator(_duration)]
TimeZone = Annotated[str, BeforeValidator(_zone)]
Schedule = Annotated[str, Field(max_length=256), AfterValidator(_schedule)]
Flag = Annotated[bool, Field(strict=True)]
Share = Annotated[float, Field(gt=0, le=1)]
Id = Annotated[Text, Field(max_length=128)]
Ids = Annotated[list[Id], Field(min_length=1, max_length=1000), AfterValidator(unique)]
Number = Annotated[Amount, Field(gt=-(10**12), lt=10**12)]
_Window = Field(default=None, validation_alias=AliasChoices("time_range", "window"))


# --- conditions --------------------------------------------------------------------------------------


class OtherMetric(Model):
    """Right-hand side: another metric times `factor`, in the condition's window unless told otherwise."""

    metric: Metric
    factor: PositiveAmount = Decimal(1)
    time_range: TimeRange | None = _Window


class OtherWindow(Model):
    """Right-hand side: the same metric in another window, times `factor`."""

    time_range: TimeRange = Field(validation_alias=AliasChoices("time_range", "window"))
    factor: PositiveAmount = Decimal(1)


class StoredTarget(Model):
    """Right-hand side: the target stored with the campaign, times `factor`."""

    target: Annotated[str, _known("target", ("target_roas", "target_cpa"))]
    factor: PositiveAmount = Decimal(1)


def _value_kind(value: Any) -> str:
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
    last full day. Default window: 7d.
    """

    metric: Metric
    operator: Operator
    value: Value
    time_range: TimeRange | None = _Window

    @model_validator(mode="after")
    def _fits(self) -> Comparison:
        _check_window(self.metric, self.time_range)
        is_range = isinstance(self.value, tuple)
        if is_range != self.operator.endswith("between"):
            raise ValueError(f"value: {self.operator} takes {'a number' if is_range else '[low, high]'}")
        if isinstance(self.value, tuple) and self.value[0] > self.value[1]:
            raise ValueError("value: the range begins above its end")
        if not isinstance(self.value, tuple | Decimal):
            _check_reference(self.metric, self.value)
        return self


class Ranked(Model):
    """True for the `n` best or worst of the rule's scope; those under the minimum volume do not take part.

    Equal values rank by id. An object whose metric is unknown is undecidable and takes no rank.
    """

    rank: Annotated[str, _known("rank", ("best", "worst", "highest", "lowest"))]
    n: Annotated[int, Field(ge=1, le=1000)]
    metric: Metric
    time_range: TimeRange | None = _Window
    min_spend: Annotated[Amount, Field(ge=0, lt=10**12)] = Decimal(0)
    min_impressions: Annotated[int, Field(ge=0)] = 0
    min_conversions: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _fits(self) -> Ranked:
        _check_window(self.metric, self.time_range)
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
for _model in (AllOf, AnyOf, NotOf):
    _model.model_rebuild()


def leaves(condition: Condition) -> Iterator[Leaf]:
    """The comparisons and rankings of a tree, from left to right."""
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


def _check_reference(metric: str, value: Reference) -> None:
    if isinstance(value, StoredTarget) and value.target == "target_roas" and metric != "roas":
        raise ValueError("value: target_roas goes with the metric roas")
    if isinstance(value, OtherMetric):
        _check_window(value.metric, value.time_range)
    if "hours_past_pause_until" in (metric, getattr(value, "metric", "")):
        raise ValueError("value: hours_past_pause_until goes with a number")
    if isinstance(value, OtherWindow):
        _check_window(metric, value.time_range)


def _shallow(value: Any, depth: int = 0) -> Any:
    """Stops a tree that is too deep before it is parsed, however deep it is."""
    if depth > MAX_DEPTH:
        raise ValueError(f"all, any and not go at most {MAX_DEPTH} deep")
    if isinstance(value, dict):
        for key in value.keys() & {"all", "any", "not"}:
            parts = value[key] if isinstance(value[key], list) else [value[key]]
            for part in parts:
                _shallow(part, depth + 1)
    return value


# --- actions -----------------------------------------------------------------------------------------


class PauseParameters(Model):
    """`pause_for`: how long the pause is meant to last; a rule on hours_past_pause_until ends it."""

    pause_for: Duration | None = None


class StartParameters(Model):
    """`paused_by`: "rules" starts only what rules and the optimiser paused, "anyone" all that is paused."""

    paused_by: Literal["rules", "anyone"] = "rules"


class BudgetParameters(Model):
    """`percentage` of the budget in force; the new budget stays within `min_budget` and `max_budget`."""

    percentage: Annotated[Amount, Field(gt=0, le=50)] = Decimal(20)
    min_budget: PositiveAmount | None = None
    max_budget: PositiveAmount | None = None


class MessageParameters(Model):
    message: Annotated[Text, Field(max_length=1000)]
    level: Literal["campaign", "adset", "ad"] = "adset"


class Pause(Model):
    type: Literal["pause_adset", "pause_ad", "pause_campaign"]
    parameters: PauseParameters = PauseParameters()


class Start(Model):
    type: Literal["start_adset"]
    parameters: StartParameters = StartParameters()


class ChangeBudget(Model):
    type: Literal["increase_budget", "decrease_budget"]
    parameters: BudgetParameters = BudgetParameters()


class Notify(Model):
    type: Literal["send_notification"]
    parameters: MessageParameters


ACTIONS = (
    "pause_adset",
    "pause_ad",
    "pause_campaign",
    "start_adset",
    "increase_budget",
    "decrease_budget",
    "send_notification",
)


def _known_action(value: Any) -> Any:
    if isinstance(value, dict) and "type" in value and value["type"] not in ACTIONS:
        raise _unknown("action type", value["type"], ACTIONS)
    return value


AnyAction = Pause | Start | ChangeBudget | Notify
Action = Annotated[AnyAction, Field(discriminator="type"), BeforeValidator(_known_action)]


def level_of(action: AnyAction) -> Level:
    """Which objects the rule looks at and acts on; budgets belong to ad sets."""
    if isinstance(action, Notify):
        return Level(action.parameters.level)
    return {"pause_ad": Level.AD, "pause_campaign": Level.CAMPAIGN}.get(action.type, Level.ADSET)


def field_of(action: AnyAction) -> Literal["status", "daily_budget", "notification"]:
    if isinstance(action, Notify):
        return "notification"
    return "daily_budget" if isinstance(action, ChangeBudget) else "status"


def direction_of(action: AnyAction) -> int:
    """1 for more spend (start, raise), -1 for less (pause, lower), 0 for neither."""
    if isinstance(action, Notify):
        return 0
    return 1 if action.type in ("start_adset", "increase_budget") else -1


# --- the rule ----------------------------------------------------------------------------------------


class Scope(Model):
    """Which objects a rule is about: all selectors given must hold, and `exclude` wins over everything.

    Ids are of campaigns or ad sets; naming a parent includes its children. Resolved anew at each run.
    """

    campaign_ids: Ids | None = None
    adset_ids: Ids | None = None
    platform: Annotated[Platform, _known("platform", [platform.value for platform in Platform])] | None = None
    name_contains: Annotated[Text, Field(max_length=200)] | None = None
    all: Flag = False
    exclude: Annotated[list[Id], Field(max_length=1000), AfterValidator(unique)] = []

    @model_validator(mode="after")
    def _selects(self) -> Scope:
        chosen = [self.campaign_ids, self.adset_ids, self.platform, self.name_contains]
        narrowed = any(selector is not None for selector in chosen)
        if narrowed == self.all:
            raise ValueError("give campaign_ids, adset_ids, platform or name_contains, or else all: true")
        return self


class MaxAffected(Model):
    """How much one run may touch. Beyond any of these it touches nothing and waits for a person.

    `share` is of the objects in scope, `share_of_spend` of the scope's spend over the last 7 full days.
    """

    count: Annotated[int, Field(ge=1, le=10_000)] | None = None
    share: Share | None = None
    share_of_spend: Share | None = None


class ActiveHours(Model):
    """From `start` up to `end`, wall-clock time in the rule's zone; an earlier `end` is past midnight."""

    start: time = time(0)
    end: time = time(0)
    days: Annotated[
        list[Annotated[str, _known("weekday", WEEKDAYS)]], Field(min_length=1), AfterValidator(unique)
    ] = list(WEEKDAYS)


class CreateRule(Model):
    """Parameters of create_rule; contract.md section 2.

    `certainty` c: a condition on cpa, roas, cpc, ctr, conversion_rate or conversions counts as met only if
    the data support it with probability c. `settle` is how long an object is left alone after any change of
    ours, `cooldown` after this rule's own. Of two rules the higher `priority` wins.
    """

    rule_name: Annotated[Text, Field(max_length=200)]
    condition: Annotated[Condition, BeforeValidator(_shallow)]
    action: Action
    applies_to: Annotated[Scope, BeforeValidator(lambda value: {"all": True} if value == "all" else value)]
    schedule: Schedule | None = None
    check_interval: Annotated[int, Field(strict=True, ge=900, le=7 * 86_400, multiple_of=60)] | None = None
    time_zone: TimeZone = "UTC"
    mode: Literal["act", "observe"] = "act"
    max_affected: MaxAffected = MaxAffected(count=20)
    max_actions_per_day: Annotated[int, Field(ge=1, le=10_000)] | None = None
    cooldown: Duration = "24h"
    settle: Duration = "24h"
    certainty: Annotated[float, Field(ge=0.5, lt=1)] | None = None
    priority: Annotated[int, Field(ge=0, le=1000)] | None = None
    active_hours: ActiveHours | None = None
    blackout_dates: Annotated[list[date], Field(max_length=366), AfterValidator(unique)] = []
    expires: AwareDatetime | None = None
    confirm: Flag = False
    dry_run: Flag = False

    @model_validator(mode="after")
    def _consistent(self) -> CreateRule:
        if self.schedule and self.check_interval:
            raise ValueError("check_interval: goes in place of schedule, not beside it")
        if level_of(self.action) == Level.CAMPAIGN and self.applies_to.adset_ids is not None:
            raise ValueError("applies_to: adset_ids select no campaign, which is what the action is about")
        if sum(1 for _ in leaves(self.condition)) > MAX_LEAVES:
            raise ValueError(f"condition: holds more than {MAX_LEAVES} comparisons")
        return self

    @property
    def schedule_expression(self) -> str:
        """As EventBridge Scheduler takes it."""
        if self.check_interval:
            return str(Rate(self.check_interval // 60))
        return self.schedule or DEFAULT_SCHEDULE

    @property
    def parsed_schedule(self) -> Rate | Cron:
        return parse_schedule(self.schedule_expression)


class StoredRule(Model):
    """One version of a rule, never changed: an update stores the next one. Rates count from `anchor`."""

    rule_id: str
    version: Annotated[int, Field(ge=1)]
    rule: CreateRule
    anchor: AwareDatetime
    state: Literal["enabled", "disabled", "needs_review", "deleted"] = "enabled"

    def next_version(self, rule: CreateRule, at: datetime) -> StoredRule:
        return StoredRule(rule_id=self.rule_id, version=self.version + 1, rule=rule, anchor=at)


# --- requests about rules ----------------------------------------------------------------------------


class ListRules(Model):
    """One page of the tenant's rules; `after` is the last rule_id of the page before."""

    after: Id | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 100


class RuleReference(Model):
    """Parameters of get_rule and delete_rule."""

    rule_id: Id


class SetRuleState(Model):
    """Parameters of set_rule_state. `confirm` enables a rule that its back-test speaks against."""

    rule_id: Id
    action: Literal["enable", "disable"]
    confirm: Flag = False


class RuleFromTemplate(Model):
    """Parameters of create_rule_from_template: `parameters` fill the template in, the others go in place of
    what it says."""

    template: Annotated[Text, Field(max_length=64)]
    applies_to: Any
    parameters: dict[str, float | str] = {}
    rule_name: Annotated[Text, Field(max_length=200)] | None = None
    schedule: Schedule | None = None
    time_zone: TimeZone | None = None
    mode: Literal["act", "observe"] | None = None
    max_affected: MaxAffected | None = None
    priority: Annotated[int, Field(ge=0, le=1000)] | None = None
    confirm: Flag = False
    dry_run: Flag = False


class ListRuleTemplates(Model):
    """list_rule_templates takes no parameters."""


class RuleTick(BaseModel):
    """What a rule's schedule hands to evaluate_rule; who fires it again uses the same time again."""

    tenant: Id
    rule_id: Id
    scheduled_time: AwareDatetime


class UpdateRule(Model):
    """Parameters of update_rule: the whole rule as it shall be. `version`: the one it replaces, if given."""

    rule_id: Id
    rule: CreateRule
    version: Annotated[int, Field(ge=1)] | None = None


# --- answers -----------------------------------------------------------------------------------------


class Firing(Model):
    day: date
    id: str


class Replay(Model):
    """What a rule would have done. Money in the account currency's major unit.

    `flip_flops`: firings whose condition no longer held within the week after. `exceeded_on`: days on which
    max_affected would have stopped it. The avoided and forgone amounts are those of paused objects only,
    null over accounts in several currencies.
    """

    evaluated_days: int
    firings: list[Firing]
    firings_by_day: dict[date, int]
    paused: list[str]
    spend_avoided: float | None
    conversions_forgone: float
    revenue_forgone: float | None
    flip_flops: int
    exceeded_on: list[date]


class Backtest(Model):
    """The rule over the history: with the figures as known now, and as they were known on each day.

    `as_known_then` is null without stored snapshots. `needs_confirm`: max_affected would have been exceeded.
    """

    first_day: date | None
    last_day: date | None
    as_known_now: Replay | None
    as_known_then: Replay | None = None
    needs_confirm: bool
    message: str


class RuleConflict(Model):
    rule_id: str
    rule_name: str
    kind: Literal["opposite_direction", "same_field"]
    objects: list[str]


class RuleCreated(Model):
    status: Literal["success"] = "success"
    rule_id: str
    version: int
    rule_name: str
    state: Literal["enabled", "disabled", "needs_review", "planned"]
    schedule: str
    time_zone: str
    next_run: str | None
    backtest: Backtest
    conflicts: list[RuleConflict] = []
    warnings: list[str] = []
    message: str


class RuleEvaluated(Model):
    """One run of a rule: so many objects in scope, so many that matched, so many changed.

    `note`: why nothing was judged (not_now) or done (needs_review). `scope`: the objects that were in it.
    """

    status: Literal["success"] = "success"
    rule_id: str
    version: int
    scheduled_time: str
    outcome: Literal["done", "observed", "not_now", "needs_review"] = "done"
    note: str = ""
    evaluated: int
    matched: int
    acted: int
    changed: list[ChangedItem] = []
    skipped: list[SkippedItem] = []
    undecidable: list[SkippedItem] = []
    failed: list[FailedItem] = []
    notification: str | None = None
    scope: list[str] = []


class RuleView(Model):
    """A rule as it stands. `next_run` is null while it is not enabled."""

    rule_id: str
    version: int
    state: str
    schedule: str
    time_zone: str
    next_run: str | None
    last_run: str | None
    rule: CreateRule


class RuleShown(RuleView):
    """One rule with its latest runs, the newest first."""

    status: Literal["success"] = "success"
    runs: list[RuleEvaluated]


class RuleStateChanged(Model):
    status: Literal["success"] = "success"
    rule_id: str
    version: int
    state: Literal["enabled", "disabled", "deleted"]
    next_run: str | None = None
    warnings: list[str] = []
    message: str


class RuleTemplateView(Model):
    template: str
    purpose: str
    parameters: dict[str, float | str]


class RuleTemplates(Model):
    """Ready-made rules with their parameters and what these are unless told otherwise."""

    status: Literal["success"] = "success"
    templates: list[RuleTemplateView]


class RuleList(Model):
    status: Literal["success"] = "success"
    rules: list[RuleView]
    next: str | None = None
