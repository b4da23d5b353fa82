"""Requests and answers of the budget optimiser. Money is int in the currency's minor unit."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from campaign_automation.models.common import Model

Minor = Annotated[int, Field(ge=0)]
PositiveMinor = Annotated[int, Field(gt=0)]
# As a platform reported it, unchecked: the optimiser refuses a bad number and names its unit and day.
Reported = float | None

Strategy = Literal["auto", "rules", "allocate"]
BudgetAction = Literal["increase_budget", "decrease_budget", "pause", "keep"]
WrittenRule = Literal["pause", "raise", "lower"]
DecisionReason = Literal[
    # a rule or the model acts
    "no_conversions",
    "roas_above_target",
    "cpa_above_target",
    "roas_below_target",
    "reinvested",
    "reallocated",
    "scaled_to_total",
    # nothing to do
    "within_targets",
    "conflict",
    "already_best",
    "gain_too_small",
    # a rule cannot be evaluated
    "no_target",
    "no_data",
    "no_spend",
    "revenue_missing",
    "conversions_missing",
    "spend_missing",
    # something forbids the change
    "held_by_guard",
    "tracking_suspect",
    "locked",
    "in_learning",
    "cooldown",
    "step_cap",
    "below_minimum",
    "at_maximum",
    "below_step",
]


class DayRecord(Model):
    """One full day of one ad set; None is unknown, never 0. `budget_minor` is the least in force that day."""

    # JSON has no NaN; written as a word it is refused at the other end instead of read as unknown.
    model_config = ConfigDict(ser_json_inf_nan="strings")

    day: date
    spend_minor: Reported = None
    revenue_minor: Reported = None
    conversions: Reported = None
    impressions: Reported = None
    clicks: Reported = None
    status: str = "active"
    budget_minor: Minor | None = None


class BudgetUnit(Model):
    """One ad set, or another object with a budget of its own.

    `evidence_since`: the first day with today's creatives and targets; older days say nothing on a pause.
    """

    unit_id: Annotated[str, Field(min_length=1)]
    campaign_id: str = ""
    platform: str = ""
    objective: str = ""
    currency: str | None = None
    status: str = "active"
    budget_minor: Minor
    budget_at_day_start_minor: Minor
    step_minor: PositiveMinor = 1
    min_minor: Minor = 0
    max_minor: Minor | None = None
    locked: bool = False
    in_learning: bool = False
    last_changed: date | None = None
    evidence_since: date | None = None
    target_roas: Annotated[Decimal, Field(gt=0)] | None = None
    target_cpa_minor: PositiveMinor | None = None
    records: list[DayRecord] = []


class MaturitySnapshot(Model):
    """Conversions of one day over all ad sets of an account; `counts[d]` as known at age d, None unknown.

    Age 0 is the morning after: the day has just ended.
    """

    day: date
    counts: list[Annotated[float, Field(ge=0, allow_inf_nan=False)] | None]


class OptimizerSettings(Model):
    """Thresholds that an allocation must reach: probability of a gain, and mean relative gain."""

    min_probability: Annotated[float, Field(ge=0, le=1)] = 0.7
    min_gain: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.001


class BudgetProblem(Model):
    """The facts of one optimisation. `today` is a day of the account; only earlier days are used.

    The total binds whichever strategy decides; with a target marginal CPA, which makes it flexible, it is a
    cap. That and the settings are for response curves, which without a total keep today's.
    """

    today: date
    currency: Annotated[str, Field(min_length=3, max_length=3)]
    currency_exponent: Annotated[int, Field(ge=0, le=3)] = 2
    target_metric: Literal["roas", "cpa"] = "roas"
    strategy: Strategy = "auto"
    guard: bool = True
    lower_on_roas: bool = False
    window_days: Annotated[int, Field(ge=1, le=90)] = 7
    freed_money: Literal["leave", "reinvest"] = "reinvest"
    total_budget_minor: PositiveMinor | None = None
    target_marginal_cpa_minor: PositiveMinor | None = None
    min_days_between_changes: Annotated[int, Field(ge=0)] = 1
    seed: Annotated[int, Field(ge=0)] = 0
    settings: OptimizerSettings = OptimizerSettings()
    attribution_window_days: Annotated[int, Field(ge=0, le=90)] = 7
    snapshots: list[MaturitySnapshot] = []
    units: list[BudgetUnit]


class RuleCheck(Model):
    """One written rule: whether it fired and the `reason` it gives, or that it could not be evaluated."""

    rule: WrittenRule
    fired: bool = False
    skipped: DecisionReason | None = None
    reason: DecisionReason | None = None


class WrittenVerdict(Model):
    """The answer of the written rules alone; `rule` is the one that decides, if one does."""

    action: BudgetAction
    reason: DecisionReason
    rule: WrittenRule | None = None
    checks: list[RuleCheck]


class GuardVerdict(Model):
    """The guard's answer to a change: `value` of `measure` against `threshold`.

    `matured_spend_minor`: spend times the share of its conversions that is known by now. `own_reference`: for
    want of a target the account's own CPA stood in.
    """

    verdict: Literal["confirmed", "held", "not_needed"]
    measure: Literal["e_value", "probability", "none"] = "none"
    value: float | None = None
    threshold: float | None = None
    conversions: float | None = None
    matured_spend_minor: float | None = None
    dispersion: float | None = None
    maturity_assumed: bool | None = None
    own_reference: bool = False
    missing: DecisionReason | None = None


class Estimate(Model):
    """A forecast of a result a day: its mean, the standard deviation that the fitted curves leave, and that
    of one day around them."""

    mean: float
    model_sd: float
    day_sd: float


class CurveEvidence(Model):
    """The fitted curve of an ad set: result per day = ceiling * budget / (half + budget).

    Standard deviations before and after: of the fitted result (`model_sd`), and of one day around it by
    chance (`day_sd`).
    """

    ceiling: float
    half_minor: float
    result_before: float
    result_after: float
    marginal_result_per_minor: float
    model_sd_before: float = 0.0
    model_sd_after: float = 0.0
    day_sd_before: float = 0.0
    day_sd_after: float = 0.0
    value_assumed: bool = False
    model_estimate: Literal[True] = True


class Evidence(Model):
    """The numbers that a decision rests on; the window's first and last day are both in it.

    `basis` is the rule or model that decided, `binding_constraint` the bound that cut the change short.
    """

    window_from: date
    window_to: date
    days_known: int
    spend_minor: int | None
    conversions: float | None
    revenue_minor: int | None
    roas: float | None
    cpa_minor: float | None
    target_roas: Decimal | None
    target_cpa_minor: int | None
    basis: str
    binding_constraint: str | None
    reinvested_minor: int = 0
    written: WrittenVerdict
    guard: GuardVerdict
    curve: CurveEvidence | None = None


class Decision(Model):
    """A change of one active ad set, or the reason for none. A pause leaves it a new budget of 0."""

    unit_id: str
    action: BudgetAction
    old_budget_minor: int
    new_budget_minor: int
    reason: DecisionReason
    evidence: Evidence


class ExpectedGain(Model):
    """Relative gain over leaving today's budgets, over draws of the fitted curves, with its 10 to 90 % range.

    `from_total` is the mean part of a total that is not today's, spread in proportion, `from_split` that of
    the new split of that total; `probability` is that of the split to bring more than nothing.
    """

    mean: float
    p10: float
    p90: float
    probability: float
    from_total: float = 0.0
    from_split: float = 0.0


AllocationStatus = Literal["optimal", "flexible", "total_below_minimums", "total_above_caps"]


class AllocationReport(Model):
    """The allocator's answer and its proof.

    `duality_gap` (in units of the objective, a day) bounds the gain of any other allocation over the
    solver's; `relative_gap` is its share. `integer_relative_gap` is the same for the rounded budgets.
    `multiplier` is the marginal result per minor unit, None where no price balances the total.
    """

    objective: Literal["conversions", "value"]
    status: AllocationStatus
    applied: bool
    duality_gap: float
    relative_gap: float
    integer_relative_gap: float
    multiplier: float | None
    iterations: int
    expected_result: float
    expected_gain: ExpectedGain
    dispersion: float
    maturity_assumed: bool
    unallocatable_minor: int
    unallocated_minor: int
    shortfall_minor: int
    model_estimate: Literal[True] = True


class CurveTerms(Model):
    """The terms on which the curves of a plan's decisions forecast their results together.

    `day_spread` is the relative standard deviation of the days that all ad sets share, `level_spread` that of
    all results while the lag of conversions is only assumed.
    """

    objective: Literal["conversions", "value"]
    day_spread: float = 0.0
    level_spread: float = 0.0


class NotPlaced(Model):
    """The part of an asked total that no budget takes; `reasons` counts the ad sets that each one holds."""

    amount_minor: int
    reasons: dict[DecisionReason, int]


PlanStatus = Literal["ok", "all_paused", "too_little_data", "revenue_missing", "gain_too_small"]


class BudgetPlan(Model):
    """Decisions for the active ad sets, ordered by id. Nothing here has been carried out.

    Of a total that the rules were bound by: `shortfall_minor` is the part of the day's least budgets that it
    does not cover, `unallocated_minor` the part of it that the day's caps do not take. `tracking_suspect`:
    no ad set has ever had a conversion, so nothing was paused. `curves`: the terms of the decisions' curves,
    None where the data carry none.
    """

    status: PlanStatus
    strategy: Strategy
    decisions: list[Decision]
    allocation: AllocationReport | None
    freed_minor: int
    total_before_minor: int
    total_after_minor: int
    shortfall_minor: int = 0
    unallocated_minor: int = 0
    not_placed: NotPlaced | None = None
    curves: CurveTerms | None = None
    tracking_suspect: bool = False
