"""The answer of analyze_ab_test.

As in all answers `ctr` and `conversion_rate` are percentages; inside `statistics` rates are fractions.
"""

from __future__ import annotations

from datetime import date
from typing import Literal

from campaign_automation.models.ab_tests import TestMetric, TestState
from campaign_automation.models.ab_values import (
    AdviceKind,
    AnalysisFlag,
    AnalysisStatus,
    Bayes,
    DaysLeft,
    DayStrata,
    GroupSequential,
    Interval,
    Method,
    Mode,
    SampleNeed,
    StopReason,
    Unit,
    Verdict,
    Winner,
)
from campaign_automation.models.budgets import EarlierDecision
from campaign_automation.models.changes import ChangedItem, FailedItem, SkippedItem, may_succeed_later
from campaign_automation.models.common import Amount, Answer, AttributionSource, Model


class PercentInterval(Model):
    low: float | None
    high: float | None


class VariantFigures(Model):
    """One variant as the platform counted it. `rank` orders by ROAS and decides nothing."""

    creative_id: str
    adset_id: str
    impressions: int | None
    clicks: int | None
    conversions: Amount | None
    spend: Amount | None
    revenue: Amount | None
    ctr: float | None
    conversion_rate: float | None
    roas: float | None
    rank: int | None
    interval: PercentInterval | None


class TableRow(Model):
    """One row of the contingency table."""

    creative_id: str
    converted: int
    not_converted: int


class DecidingTest(Model):
    """The test that decides the verdict; null where there is nothing to compare yet."""

    method: str | None
    statistic: float | None
    df: int | None
    p_value: float | None
    alpha: float


class PValues(Model):
    """`fixed` is valid at the planned end alone, `anytime` under any number of interim analyses ("looks"; all
    are counted), `robust` also when ad sets move apart by day."""

    fixed: float | None
    anytime: float | None
    robust: float | None


class WinningCreative(Model):
    """`confidence` is 1 - p as a percentage. `holds_under_looks`: also by evidence that neither looks at the
    test nor noise of its delivery mislead."""

    creative_id: str
    adset_id: str
    confidence: float
    p_value: float
    holds_under_looks: bool


class Advice(Model):
    """One thing to do; `apply: true` does it where `applicable`. `automatic`: without asking a person."""

    kind: AdviceKind
    creative_id: str | None = None
    adset_id: str | None = None
    amount_pct: float | None = None
    days: int | None = None
    automatic: bool
    applicable: bool
    sentence: str


class RecordedAnalysis(Model):
    """One interim analysis, on the days closed through `day`. A planned test may stop once `z` reaches
    `bound`, an open-ended one once `p_robust` is at most alpha; null where it was not kept."""

    day: date
    information: float | None
    leader: str | None
    p_fixed: float | None
    p_anytime: float | None
    p_robust: float | None
    z: float | None
    bound: float | None


class Window(Model):
    """Days of the account's time zone, both ends included; null before the first full day."""

    since: date | None
    until: date | None
    closed_through: date | None
    time_zone: str


class Attribution(Model):
    """Conversions are the platform's own count of the objective's event, on the day that it gives them.
    `source`: the window is the platform's own setting (account) or a usual one (assumed).
    `maturity_assumed`: their delay is not measured yet, so a day closes with its attribution window."""

    event: str
    window_days: int
    source: AttributionSource
    maturity_assumed: bool


class Applied(Model):
    """The changes that `apply` made; `run_id` names them for the audit trail and for undo."""

    run_id: str | None
    changed: list[ChangedItem] = []
    skipped: list[SkippedItem] = []
    failed: list[FailedItem] = []
    test_ended: bool


# --- statistics -------------------------------------------------------------------------------------------


class VariantStatistics(Model):
    """One row of the contingency table: `shown` counts impressions, or clicks where these are the unit.

    `rank` orders by ROAS and decides nothing.
    """

    variant_id: str
    shown: int
    converted: int
    not_converted: int
    expected_converted: float
    rate: float | None
    interval: Interval
    roas: float | None
    rank: int | None


class VariantComparison(Model):
    """`variant_id` compared with `against_id`: differences are first minus second, ratios first over second.

    Families: every variant against the control; with more than two, the leader against every other. Adjusted
    p-values are Holm's within the family. `anytime_ratio` is the interval of the rate ratio that holds under
    any number of looks. `z` is Cochran-Mantel-Haenszel's over days, made smaller by the dispersion.
    `dispersion` is the days' own variance over that of chance. It holds a slow drift of the ad sets too,
    which is assumed while fewer than 20 full days can measure it; `measured_dispersion` is without that.
    """

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
    dispersion: float
    measured_dispersion: float
    p_anytime: float
    p_anytime_adjusted: float
    p_anytime_robust: float
    anytime_ratio: Interval | None


class DeliveryShares(Model):
    """Impressions, or clicks, against equal shares: once (`p_fixed`), and under daily looks (`log_e`,
    `p_anytime`)."""

    planned: list[float]
    observed: list[float]
    p_fixed: float
    log_e: float | None
    p_anytime: float | None
    verdict: Literal["ok", "warning"]


class StatisticalAdvice(Model):
    kind: AdviceKind
    variant_id: str | None
    amount_pct: float | None
    days: int | None
    automatic: bool
    sentence: str


class AnalysisStatistics(Model):
    """The analysis in full, by variant id, which is the id of the creative.

    `p_value` decides the verdict: chi-square, Fisher's for small tables, Cochran-Mantel-Haenszel's when the
    split drifts. It is `p_fixed`; `p_anytime` and `p_anytime_robust` (leader against every other, times the
    number of others) hold under any number of looks.
    """

    verdict: Verdict
    status: AnalysisStatus
    reason: str | None
    unit: Unit
    alpha: float
    mode: Mode
    method: Method | None
    statistic: float | None
    df: int | None
    p_value: float | None
    variants: list[VariantStatistics]
    pairs: list[VariantComparison]
    not_distinguishable: list[str]
    srm: DeliveryShares | None
    strata: DayStrata | None
    p_fixed: float | None
    p_anytime: float | None
    p_anytime_robust: float | None
    group_sequential: GroupSequential | None
    bayes: Bayes | None
    safe_to_stop: bool
    stop_reason: StopReason
    expected_days_left: DaysLeft | None
    flags: list[AnalysisFlag]
    winner: Winner | None
    samples: list[SampleNeed]
    recommendations: list[StatisticalAdvice]


# --- the whole answer -------------------------------------------------------------------------------------


class AbTestAnalysis(Answer):
    """The answer of analyze_ab_test.

    `verdict` is the written rule's, `finding` the finer one; `safe_to_stop` rests only on evidence that is
    valid at every look. `reason` names the flaw of an invalid test. `earlier_decisions`: what became of the
    winner, once the days after the test were over.
    """

    status: Literal["success"] = "success"
    test_id: str
    test_name: str
    campaign_id: str
    test_state: TestState
    verdict: Verdict
    finding: AnalysisStatus
    reason: str | None
    unit: Unit
    metric: TestMetric
    mode: Mode
    randomised: bool
    results: list[VariantFigures]
    contingency_table: list[TableRow]
    test: DecidingTest
    p_values: PValues
    winner: WinningCreative | None
    safe_to_stop: bool
    stop_reason: StopReason
    expected_days_left: DaysLeft | None
    samples: list[SampleNeed]
    recommendations: list[Advice]
    applied: Applied | None = None
    looks: int
    interim_analyses: list[RecordedAnalysis] = []
    window: Window
    attribution: Attribution
    as_of: str
    ends_at: str
    currency: str | None = None
    flags: list[AnalysisFlag]
    statistics: AnalysisStatistics
    earlier_decisions: list[EarlierDecision] = []
    warnings: list[str]
    message: str

    @property
    def is_final(self) -> bool:
        """Return whether asking again would change nothing: no change of it failed in passing."""
        return self.applied is None or not may_succeed_later(self.applied.failed)
