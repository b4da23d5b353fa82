"""Requests and answers of the statistics of an A/B test.

Rates, shares and lifts are fractions (0.028 is 2.8 %). A p-value of 1e-300 stands for anything smaller.
Variants keep the order of the request; the first is the control.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from campaign_automation.models.ab_values import (
    AdviceKind,
    AnalysisFlag,
    AnalysisStatus,
    Bayes,
    DaysLeft,
    DayStrata,
    GroupSequential,
    Interval,
    Look,
    Method,
    Mode,
    SampleNeed,
    StopReason,
    Unit,
    Verdict,
    Winner,
)
from campaign_automation.models.budget_problem import MaturitySnapshot
from campaign_automation.models.common import Model

# As a platform reported it, unchecked: an impossible count makes the verdict `invalid` and says whose it is.
Reported = int | float | None
Finite = Annotated[float, Field(allow_inf_nan=False)]
Probability = Annotated[float, Field(gt=0, lt=1)]
Alpha = Annotated[float, Field(gt=0, le=0.5)]


class TestPlanRequest(Model):
    """A test to be. `minimum_detectable_effect` is relative: 0.1 is 10 % more; the least traffic counts."""

    __test__ = False

    variants: Annotated[int, Field(ge=2, le=10)] = 2
    baseline_rate: Probability
    minimum_detectable_effect: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    visitors_per_arm_per_day: Annotated[
        list[Annotated[float, Field(ge=0, allow_inf_nan=False)]], Field(min_length=1)
    ]
    planned_days: Annotated[int, Field(ge=1, le=90)] = 7
    mode: Mode = "planned"
    alpha: Alpha = 0.05
    power: Probability = 0.8
    min_conversions: Annotated[int, Field(ge=1)] = 100


class TestPlan(Model):
    """The needs of a test. Days are None when an arm has no traffic.

    `planned_conversions`, over all arms, is the full information of a planned test. `power_at_end` and
    `detectable_effect` (relative; None beyond a rate of 1) are those of the planned days.
    """

    __test__ = False

    visitors_per_arm: int
    alpha_per_comparison: float
    planned_conversions: int
    days_for_power: int | None
    days_for_min_conversions: int | None
    days: int | None
    planned_days: int
    can_finish: bool
    power_at_end: float
    detectable_effect: float | None


class DayCounts(Model):
    """One day of one variant. `matured`: its conversions are not expected to change any more."""

    model_config = ConfigDict(ser_json_inf_nan="constants")

    day: date
    visitors: Reported
    conversions: Reported
    matured: bool = True


class VariantCounts(Model):
    """Totals of one variant, in the chosen unit; `spend` and `revenue` in one currency, None is unknown.

    Platforms may report fractions of a conversion: the caller rounds them or lets the verdict refuse them.
    """

    model_config = ConfigDict(ser_json_inf_nan="constants")

    variant_id: Annotated[str, Field(min_length=1)]
    visitors: Reported
    conversions: Reported
    spend: Finite | None = None
    revenue: Finite | None = None
    days: list[DayCounts] = []


class AnalysisRequest(Model):
    """Counts of a running or ended test and how it was planned.

    `randomised`: the platform split the audience. `separate_adsets`: each variant has its own delivery, which
    can move apart by day; automatic stops then use the robust evidence. `looks`: the `group_sequential.look`
    of earlier answers. `days_left`: full days until the test's end.
    """

    variants: list[VariantCounts]
    unit: Unit = "impressions"
    alpha: Alpha = 0.05
    min_conversions: Annotated[int, Field(ge=1)] = 100
    mode: Mode = "open_ended"
    planned_conversions: Annotated[int, Field(gt=0)] | None = None
    planned_days: Annotated[int, Field(gt=0)] | None = None
    looks: list[Look] = []
    randomised: bool = True
    separate_adsets: bool = True
    days_left: Annotated[int, Field(ge=0)] | None = None
    seed: Annotated[int, Field(ge=0)] = 0
    bayes: bool = True
    forecast: bool = True


class VariantResult(Model):
    """One row of the contingency table. `rank` orders by ROAS and decides nothing."""

    variant_id: str
    visitors: int
    converted: int
    not_converted: int
    expected_converted: float
    rate: float | None
    interval: Interval
    roas: float | None
    rank: int | None


class Pair(Model):
    """Two variants compared; models/ab_test_answers.VariantComparison tells the meaning of the fields."""

    family: Literal["control", "leader"]
    variant_id: str
    against_id: str
    method: Method
    statistic: float | None
    p_value: float
    p_adjusted: float
    difference: Interval
    ratio: Interval
    odds_ratio: Interval
    cohens_h: float
    lift: float
    p_cmh: float | None
    z: float
    measured_z: float
    dispersion: float
    measured_dispersion: float
    p_anytime: float
    p_anytime_adjusted: float
    p_anytime_robust: float
    p_anytime_measured: float
    anytime_ratio: Interval | None


class Delivery(Model):
    """Visitors against equal shares: once (`p_fixed`) and under daily looks (`log_e`, `p_anytime`).

    An auction keeps to no shares, so uneven ones are a warning and no obstacle to a verdict.
    """

    equal: list[float]
    observed: list[float]
    p_fixed: float
    log_e: float | None
    p_anytime: float | None
    is_uneven: bool


class Recommendation(Model):
    """One thing to do. `automatic`: may be carried out without asking a person."""

    kind: AdviceKind
    variant_id: str | None = None
    amount_pct: float | None = None
    days: int | None = None
    automatic: bool = False


class Analysis(Model):
    """The whole answer; models/ab_test_answers.AnalysisStatistics tells the meaning of the fields."""

    verdict: Verdict
    status: AnalysisStatus
    reason: str | None = None
    unit: Unit
    alpha: float
    mode: Mode
    method: Method | None = None
    statistic: float | None = None
    df: int | None = None
    p_value: float | None = None
    variants: list[VariantResult] = []
    pairs: list[Pair] = []
    not_distinguishable: list[str] = []
    delivery: Delivery | None = None
    strata: DayStrata | None = None
    p_fixed: float | None = None
    p_anytime: float | None = None
    p_anytime_robust: float | None = None
    group_sequential: GroupSequential | None = None
    bayes: Bayes | None = None
    safe_to_stop: bool = False
    stop_reason: StopReason = "invalid"
    expected_days_left: DaysLeft | None = None
    flags: list[AnalysisFlag] = []
    winner: Winner | None = None
    samples: list[SampleNeed] = []
    recommendations: list[Recommendation] = []


# --- between the platforms and the statistics -------------------------------------------------------------


class AbTestProblem(Model):
    """Counts as the platform knows them on the morning of `today`, and how late its conversions come."""

    request: AnalysisRequest
    today: date
    snapshots: list[MaturitySnapshot] = []
    attribution_window_days: Annotated[int, Field(ge=0, le=90)] = 7


class AbTestReading(Model):
    """`closed_through` is the last day whose conversions are known; what is said of early looks rests on the
    days up to it."""

    analysis: Analysis
    closed_days: int
    closed_through: date | None
    maturity_assumed: bool
