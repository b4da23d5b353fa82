"""Words and values of A/B test statistics, of which both the analysis and the public answer are made.

Rates and shares are fractions (0.028 is 2.8 %). A p-value of 1e-300 stands for anything smaller.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from campaign_automation.models.common import Model

SLOW_DRIFT_DAYS = 20  # full days from which a slow drift between ad sets can be measured

Mode = Literal["planned", "open_ended"]
Unit = Literal["impressions", "clicks"]
Verdict = Literal["winner", "no_difference", "insufficient_data", "inconclusive", "invalid"]
AnalysisStatus = Literal[
    "impossible_counts", "no_data", "collecting", "no_difference", "winner", "no_single_winner"
]
Method = Literal["chi_square", "fisher", "cmh"]
AnalysisFlag = Literal[
    "not_randomised",
    "split_drift",
    "uneven_delivery",
    "small_expected",
    "order_reversed",
    "no_daily_counts",
    "days_differ_from_totals",
    "slow_drift_possible",
]
StopReason = Literal[
    "anytime_evidence",
    "planned_bound",
    "planned_end",
    "test_over",
    "not_yet",
    "within_noise",
    "slow_drift",
    "too_few_conversions",
    "no_single_winner",
    "no_daily_counts",
    "invalid",
]
AdviceKind = Literal["pause", "raise_budget", "run_longer", "stop", "fix_data"]


class Look(Model):
    """An earlier analysis of a planned test: the share of its information that was there."""

    day: date | None = None
    information: Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Interval(Model):
    """An estimate with its limits at level 1 - alpha; a limit is None where the data leave it open."""

    value: float | None
    low: float | None
    high: float | None
    continuity_added: bool = False


class DayStrata(Model):
    """The same comparison within days, beside the pooled one; `p_split` tests the arms' shares for drift."""

    days: int
    statistic: float
    df: int
    p_value: float
    p_split: float


class GroupSequential(Model):
    """A planned test at this look: crossed when `z` (the leader's least, by the days' own variance) reaches
    `bound`.

    Keep `look` and hand it in with the next request.
    """

    look: Look
    z: float
    bound: float
    crossed: bool


class Bayes(Model):
    """A description under flat priors, never a reason to stop; one entry per variant."""

    p_best: list[float]
    expected_loss: list[float]


class DaysLeft(Model):
    """Days until the mode in use may stop, over simulated continuations; None beyond the horizon of 90."""

    median: int | None
    p80: int | None
    share_unfinished: float


class SampleNeed(Model):
    """Conversions of a variant, and those it lacks before a winner may be named; days at today's traffic."""

    variant_id: str
    conversions: int
    required_conversions: int
    missing_conversions: int
    days: int | None


class Winner(Model):
    """`confidence` is 1 - p_value. `holds_under_looks`: also by the evidence that neither early looks nor
    noise fool."""

    variant_id: str
    confidence: float
    p_value: float
    holds_under_looks: bool
