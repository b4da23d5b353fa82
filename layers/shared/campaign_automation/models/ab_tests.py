"""Requests of the A/B test actions, and the answers of creating, cancelling and checking a test.

A variant is a creative in an ad set of its own. models/ab_test_answers.py holds the answer of an analysis.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, AliasChoices, AwareDatetime, Field

from campaign_automation.models.ab_values import (
    Mode,
    Unit,
    Verdict,
)
from campaign_automation.models.campaigns import (
    AdResult,
    CampaignTerms,
    Change,
    CreateCampaign,
    CreativeId,
    CreativeInput,
)
from campaign_automation.models.changes import ChangedItem, Flag, Reason, SkippedItem
from campaign_automation.models.common import (
    Amount,
    Answer,
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

TestMetric = Literal["conversion_rate", "ctr"]
TestState = Literal["running", "finished", "cancelled"]
TestId = Annotated[Text, Field(max_length=128)]


class AbTestTerms(Model):
    """The terms that make a campaign a test.

    `minimum_detectable_effect` is relative: 0.2 is 20 % more. `baseline_rate` is a percentage: how many of
    100 impressions convert (for `ctr`: are clicked) now; without it the account's history tells. `planned`
    keeps to its days, with bounds for early looks; `open_ended` may be stopped at any time, and needs about
    twice the days for the same certainty.
    """

    test_name: Annotated[Text, Field(max_length=150)]
    test_duration_days: Annotated[int, Field(ge=1, le=90, strict=True)] = 7
    metric: TestMetric = "conversion_rate"
    minimum_detectable_effect: Annotated[Amount, Field(gt=0, le=5)] = Decimal("0.2")
    baseline_rate: Annotated[Amount, Field(gt=0, lt=100)] | None = None
    mode: Mode = "planned"
    daily_checks: Flag = True
    force: Flag = False


class CreateAbTest(CampaignTerms, AbTestTerms):
    """Parameters of create_ab_test. `force` starts a test that its days cannot carry;
    `activate` is the deployment's default when left out, which is true."""

    creative_ids: (
        Annotated[list[CreativeId], Field(min_length=FEWEST, max_length=MOST), AfterValidator(unique)] | None
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
    """The sample that a test needs to find the effect it looks for; null is unknown.

    `source` tells where the rate is from. `can_finish` is null when nobody knows
    how much traffic there will be. Stored samples may have the older names of the impressions.
    """

    source: Literal["account_history", "given", "unknown"]
    baseline_rate: Amount | None = None
    minimum_detectable_effect: Amount
    conversions_per_variant: int = MIN_CONVERSIONS
    impressions_per_variant: int | None = Field(
        None, validation_alias=AliasChoices("impressions_per_variant", "visitors_per_variant")
    )
    impressions_per_variant_per_day: int | None = Field(
        None, validation_alias=AliasChoices("impressions_per_variant_per_day", "visitors_per_variant_per_day")
    )
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


class AbTestCreated(Answer):
    """`randomised`: the platform itself shows each person one variant only. `ends_at` is when the test is
    over, whatever was found. A dry run has no `test_id`."""

    status: Literal["success"] = "success"
    state: Literal["created", "planned", "deleted"]
    test_state: TestState = "running"
    test_id: str | None
    test_name: str
    campaign_id: str
    platform: Platform
    platform_campaign_id: str | None = None
    campaign_status: Literal["paused", "active", "deleted"]
    currency: str
    adsets: list[VariantAdSet]
    ads: list[AdResult]
    required_sample: RequiredSample
    metric: TestMetric
    mode: Mode
    randomised: bool | None
    platform_split_id: str | None = None
    starts_at: str
    ends_at: str
    daily_checks: bool
    changes: list[Change] | None = None
    warnings: list[str] = []
    message: str


class AbTestAccepted(Answer):
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


class AbTestCancelled(Answer):
    status: Literal["success"] = "success"
    test_id: str
    campaign_id: str
    test_state: TestState
    changed: list[ChangedItem] = []
    skipped: list[SkippedItem] = []
    message: str


class AbTestTick(Model):
    """The input of a test's check, as its schedule gives it."""

    tenant: Text
    test_id: TestId
    scheduled_time: AwareDatetime | None = None


class AbTestChecked(Model):
    test_id: str
    test_state: str
    verdict: Verdict | None = None
    safe_to_stop: bool = False
    told: bool = False
