"""The shapes of A/B tests of creatives: what is asked, what was made, what the numbers say.

As everywhere in answers `ctr` and `conversion_rate` are percentages; inside `statistics` rates are fractions.
A variant is a creative in an ad set of its own.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, Field

from campaign_automation.models.ab_analysis import (
    Analysis,
    AnalysisRequest,
    DaysLeft,
    Mode,
    SampleNeed,
    Status,
    StopReason,
    Unit,
    Verdict,
)
from campaign_automation.models.ab_analysis import Flag as Warned
from campaign_automation.models.budget_problem import MaturitySnapshot
from campaign_automation.models.campaigns import (
    AdResult,
    CampaignTerms,
    Change,
    CreateCampaign,
    CreativeInput,
)
from campaign_automation.models.changes import ChangedItem, FailedItem, Flag, Reason, SkippedItem
from campaign_automation.models.common import (
    Amount,
    AnyObjective,
    Model,
    Objective,
    OrderedAges,
    Platform,
    Text,
    unique,
)

FEWEST, MOST = 2, 10
MIN_CONVERSIONS = 100

Metric = Literal["conversion_rate", "ctr"]
TestState = Literal["running", "finished", "cancelled"]
TestId = Annotated[Text, Field(max_length=128)]


class AbTestTerms(Model):
    """What makes a campaign a test.

    `minimum_detectable_effect` is relative: 0.2 is 20 % more. `baseline_rate` is a percentage: how many of
    100 impressions convert (for `ctr`: are clicked) now; without it the account's history tells. `planned`
    keeps to its days, with bounds for early looks; `open_ended` may be stopped at any time, and needs about
    twice the days for the same certainty.
    """

    test_name: Annotated[Text, Field(max_length=150)]
    test_duration_days: Annotated[int, Field(ge=1, le=90, strict=True)] = 7
    metric: Metric = "conversion_rate"
    minimum_detectable_effect: Annotated[Amount, Field(gt=0, le=5)] = Decimal("0.2")
    baseline_rate: Annotated[Amount, Field(gt=0, lt=100)] | None = None
    mode: Mode = "planned"
    daily_checks: Flag = True
    force: Flag = False


class CreateAbTest(CampaignTerms, AbTestTerms):
    """Parameters of create_ab_test; contract.md section 2. `force` starts a test that its days cannot carry;
    `activate` is the deployment's default when left out, which is true."""

    creative_ids: (
        Annotated[list[Text], Field(min_length=FEWEST, max_length=MOST), AfterValidator(unique)] | None
    ) = None
    creatives: Annotated[list[CreativeInput], Field(min_length=FEWEST, max_length=MOST)] | None = None
    objective: AnyObjective = Objective.SALES
    age_group: OrderedAges = (18, 65)
    activate: Flag | None = None

    @property
    def terms(self) -> AbTestTerms:
        return AbTestTerms.model_validate({name: getattr(self, name) for name in AbTestTerms.model_fields})

    @property
    def variants(self) -> int:
        return len(self.creative_ids or self.creatives or [])

    def campaign(self, *, activate: bool) -> CreateCampaign:
        """The campaign that the test is."""
        common = {name: getattr(self, name) for name in CampaignTerms.model_fields}
        return CreateCampaign(
            **common,
            objective=self.objective,
            name=self.test_name,
            age_groups=[self.age_group],
            activate=activate if self.activate is None else self.activate,
        )


class RequiredSample(Model):
    """What the test needs before it can find the effect it looks for; null is unknown.

    Visitors are impressions. `source` tells where the rate is from. `can_finish` is null when nobody knows
    how much traffic there will be.
    """

    source: Literal["account_history", "given", "unknown"]
    baseline_rate: Amount | None = None
    minimum_detectable_effect: Amount
    conversions_per_variant: int = MIN_CONVERSIONS
    visitors_per_variant: int | None = None
    visitors_per_variant_per_day: int | None = None
    planned_conversions: int | None = None
    days_needed: int | None = None
    planned_days: int
    can_finish: bool | None = None
    power_at_end: float | None = None
    detectable_effect: float | None = None
    message: str


class VariantAdSet(Model):
    """One variant: the ad set that shows one creative alone."""

    adset_id: str
    platform_adset_id: str | None = None
    creative_id: str
    budget: Amount


class AbTestCreated(Model):
    """`randomised`: the platform itself shows each person one variant only. `ends_at` is when the test is
    over, whatever was found. A dry run has no `test_id`."""

    status: Literal["success"] = "success"
    state: Literal["created", "planned"]
    test_id: str | None
    test_name: str
    campaign_id: str
    platform: Platform
    platform_campaign_id: str | None = None
    campaign_status: Literal["paused", "active"]
    currency: str
    adsets: list[VariantAdSet]
    ads: list[AdResult]
    required_sample: RequiredSample
    metric: Metric
    mode: Mode
    randomised: bool | None
    platform_split_id: str | None = None
    starts_at: str
    ends_at: str
    daily_checks: bool
    changes: list[Change] | None = None
    warnings: list[str] = []
    message: str


class AbTestAccepted(Model):
    """Creation goes on; ask `status_url` for its outcome, and analyse the test by its id when it is there."""

    status: Literal["accepted"] = "accepted"
    state: Literal["creating"] = "creating"
    test_id: str
    campaign_id: str
    status_url: str
    required_sample: RequiredSample
    message: str


class AnalyzeAbTest(Model):
    """Parameters of analyze_ab_test.

    `apply` carries out the recommendations that hold however often somebody looks; with `force` the others
    too. `dry_run` shows what `apply` would change.
    """

    test_id: TestId
    unit: Unit = "impressions"
    apply: Flag = False
    force: Flag = False
    reason: Reason = "recommended by the test"
    dry_run: Flag = False


class CancelAbTest(Model):
    """Parameters of cancel_ab_test: the campaign is paused and the test over, without a decision."""

    test_id: TestId
    reason: Reason = "cancelled by the user"
    dry_run: Flag = False


class AbTestCancelled(Model):
    status: Literal["success"] = "success"
    test_id: str
    campaign_id: str
    test_state: TestState
    changed: list[ChangedItem] = []
    skipped: list[SkippedItem] = []
    message: str


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


# --- the answer -------------------------------------------------------------------------------------------


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
    """The test behind the verdict; null where there is nothing to compare yet."""

    method: str | None
    statistic: float | None
    df: int | None
    p_value: float | None
    alpha: float


class PValues(Model):
    """Side by side: `fixed` is honest at the planned end alone, `anytime` under any number of looks (all of
    them are counted), `robust` also when ad sets move apart by day."""

    fixed: float | None
    anytime: float | None
    robust: float | None


class WinningCreative(Model):
    """`confidence` is 1 - p. `holds_under_looks`: also by the evidence that looking early cannot fool."""

    creative_id: str
    adset_id: str
    confidence: float
    p_value: float
    holds_under_looks: bool


class Advice(Model):
    """One thing to do; `apply: true` does it where `applicable`. `automatic`: it needs nobody's judgement."""

    kind: Literal["pause", "raise_budget", "run_longer", "stop", "fix_split", "fix_data"]
    creative_id: str | None = None
    adset_id: str | None = None
    amount_pct: float | None = None
    days: int | None = None
    automatic: bool
    applicable: bool
    sentence: str


class Window(Model):
    """Days of the account's time zone, both ends included; null before the first full day."""

    since: date | None
    until: date | None
    closed_through: date | None
    time_zone: str


class Attribution(Model):
    """Conversions are the platform's own count of the objective's event, on the day that it gives them.
    `maturity_assumed`: how late they come was not seen yet, so a day closes with its attribution window."""

    event: str
    window_days: int
    maturity_assumed: bool


class Applied(Model):
    """What `apply` did; `run_id` names it for the audit trail and for undo."""

    run_id: str | None
    changed: list[ChangedItem] = []
    skipped: list[SkippedItem] = []
    failed: list[FailedItem] = []
    test_ended: bool


class AbTestAnalysis(Model):
    """The answer of analyze_ab_test.

    `verdict` is the written rule's; `finding` says it finer; `safe_to_stop` rests only on what early looks
    cannot fool. `reason` names what is wrong with an invalid test.
    """

    status: Literal["success"] = "success"
    test_id: str
    test_name: str
    campaign_id: str
    test_state: TestState
    verdict: Verdict
    finding: Status
    reason: str | None
    unit: Unit
    metric: Metric
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
    window: Window
    attribution: Attribution
    as_of: str
    ends_at: str
    flags: list[Warned]
    statistics: Analysis
    warnings: list[str]
    message: str


class AbTestTick(Model):
    """What a test's schedule hands to its check."""

    tenant: Text
    test_id: TestId
    scheduled_time: AwareDatetime | None = None


class AbTestChecked(Model):
    test_id: str
    test_state: str
    verdict: Verdict | None = None
    safe_to_stop: bool = False
    told: bool = False
