"""Request and answer of optimize_budget. Amounts in the major unit."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from campaign_automation.models.budget_problem import (
    AllocationStatus,
    BudgetAction,
    ExpectedGain,
    PlanStatus,
    Strategy,
    WrittenVerdict,
)
from campaign_automation.models.changes import CampaignId, FailedItem, Flag, Reason, may_succeed_later
from campaign_automation.models.common import (
    Amount,
    Answer,
    AttributionSource,
    Level,
    Model,
    PositiveAmount,
    Proposable,
    unique,
)

MAX_CAMPAIGNS = 50


class OptimizeBudget(Proposable):
    """Parameters of optimize_budget.

    `campaign_ids` adds campaigns of the same currency to `campaign_id`. `auto` allocates where the data carry
    it and otherwise follows the written rules with guard and reinvestment; with `guard` off it follows them
    to the letter. The total binds whichever decides. `attribution_days`: the days after which a day's
    conversions are complete. `plan_digest` of a dry run carries out exactly that plan or nothing.
    """

    campaign_id: CampaignId | None = None
    campaign_ids: Annotated[list[CampaignId], Field(max_length=MAX_CAMPAIGNS), AfterValidator(unique)] = []
    target_metric: Literal["roas", "cpa"] = "roas"
    optimization_strategy: Strategy = "auto"
    guard: Flag = True
    window_days: Annotated[int, Field(ge=1, le=90, strict=True)] = 7
    total_daily_budget: PositiveAmount | None = None
    target_marginal_cpa: PositiveAmount | None = None
    freed_money: Literal["leave", "reinvest"] = "reinvest"
    lower_on_roas: Flag = False
    min_days_between_changes: Annotated[int, Field(ge=0, le=90, strict=True)] = 1
    attribution_days: Annotated[int, Field(ge=1, le=90, strict=True)] | None = None
    dry_run: Flag = False
    plan_digest: Annotated[str, Field(pattern=r"^\d{10}\.[0-9a-f]{64}$")] | None = None
    reason: Reason = "optimize_budget"

    @model_validator(mode="after")
    def _consistent(self) -> OptimizeBudget:
        if not self.asked:
            raise ValueError("campaign_id: is required, or campaign_ids")
        if self.optimization_strategy == "rules" and self.target_marginal_cpa is not None:
            raise ValueError("target_marginal_cpa: goes with optimization_strategy auto or allocate")
        if (self.dry_run or self.proposes) and self.plan_digest:
            raise ValueError(
                "plan_digest: carries a plan out, so it does not go with dry_run or mode propose"
            )
        return self

    @property
    def asked(self) -> list[str]:
        """Every campaign that is asked for, once each."""
        return list(dict.fromkeys([*([self.campaign_id] if self.campaign_id else []), *self.campaign_ids]))


class Optimization(Model):
    """One budget, of an ad set or, where the platform keeps it there, of the campaign (`level`).

    `outcome` is null where nothing was to be done; `skipped` was held back by a cap or by another's change,
    `failed` was refused by the platform, for `outcome_reason`. `effective` next_day: the platform takes the
    budget over at the account's next midnight.
    """

    campaign_id: str
    adset_id: str
    platform_id: str
    level: Level
    action: BudgetAction
    old_budget: Amount
    new_budget: Amount
    reason: str
    explanation: str
    evidence: dict[str, Any]
    written: WrittenVerdict
    guard: dict[str, Any]
    outcome: Literal["applied", "planned", "skipped", "failed"] | None = None
    outcome_reason: str | None = None
    effective: Literal["now", "next_day"] | None = None
    error: dict[str, Any] | None = None

    @property
    def result(self) -> Decimal:
        """The budget afterwards: the old one where the change was not made."""
        return self.old_budget if self.outcome in ("skipped", "failed") else self.new_budget


class Allocation(Model):
    """The allocator's answer and its proof: `duality_gap` bounds the gain a day of any other split, in
    conversions or, for the objective `value`, in money; `marginal_result` is the result of one more unit.
    """

    objective: Literal["conversions", "value"]
    status: AllocationStatus
    applied: bool
    duality_gap: float
    relative_gap: float
    integer_relative_gap: float
    marginal_result: float | None
    iterations: int
    expected_result: float
    expected_gain: ExpectedGain
    dispersion: float
    maturity_assumed: bool
    unallocatable: Amount
    unallocated: Amount
    model_estimate: Literal[True] = True


class Summary(Model):
    """The plan as a text; `source` names the model that phrased it, or "template"."""

    text: str
    source: str


class AskedTotal(Model):
    """The outcome of `total_daily_budget`. `below`: today's caps do not take all of it, or it is a cap;
    `above`: a lowering or a pause could not be carried out, see the outcomes. No raise adds to that."""

    asked: Amount
    after: Amount
    outcome: Literal["met", "below", "above"]


class NotPlacedTotal(Model):
    """The part of `total_daily_budget` that no budget may take today; `reasons` counts ad sets."""

    amount: Amount
    reasons: dict[str, int]


ForecastMetric = Literal["conversions", "value", "conversion_rate", "ctr"]
DecisionKind = Literal["optimization", "rule", "test"]


class ForecastRange(Model):
    """A figure a day, with the range that is to hold it in 80 of 100 cases."""

    mean: float
    low: float
    high: float


class CampaignForecast(Model):
    """The result a day of the full days after the decision, of a campaign whose budgets change: with the
    budgets as they then are (`predicted`), and as they were (`unchanged`)."""

    campaign_id: str
    metric: ForecastMetric
    first_day: date
    last_day: date
    daily_budget: Amount
    predicted: ForecastRange
    unchanged: ForecastRange
    model_estimate: Literal[True] = True


class DaysBefore(Model):
    """The full days before a decision, at most a week: spend and result a day, as now reported."""

    first_day: date
    last_day: date
    spend: float
    result: float


class EarlierDecision(Model):
    """An applied decision, looked at again when the conversions of its days are complete.

    `verdict`: the observed result a day lies within the predicted range (held), above or below it, a figure
    is missing (unknown), or nothing was predicted (no_forecast), as for a rule. `metric` conversion_rate and
    ctr are those of a test's winner, in percent. `changed_again`: other changes fell into the days, so
    `predicted` is by the same curves for the money that was spent. `difference` is what was observed less
    what the old budgets would have brought by the fitted curves: an estimate, and where its range holds 0, no
    more than luck may do. Without curves it is not known: `before` stands beside `observed` and is no cause.
    """

    kind: DecisionKind = "optimization"
    campaign_id: str
    run_id: str
    decided_at: str
    metric: ForecastMetric
    first_day: date
    last_day: date
    daily_budget: Amount | None = None
    spend: float | None = None
    before: DaysBefore | None = None
    predicted: ForecastRange | None = None
    observed: float | None = None
    verdict: Literal["held", "above", "below", "unknown", "no_forecast"]
    changed_again: bool = False
    difference: ForecastRange | None = None
    model_estimate: Literal[True] = True
    explanation: str


class ForecastCalibration(Model):
    """The forecasts of an account that were judged, and those that held; `widening` multiplies the next
    ranges."""

    platform: str
    platform_account_id: str
    forecasts: int
    held: int
    widening: float


class BudgetAttribution(Model):
    """The days after which a day's conversions are complete, and who says so: the request, the platform's own
    setting (account), or nobody (assumed). A measured lag wins over it."""

    days: int
    source: AttributionSource


class BudgetOptimized(Answer):
    """The answer of optimize_budget. `run_ids` name the change in each campaign for the audit trail and for
    undo; a dry run has a `plan_digest` instead, good until `expires_at`. `partial` and `confirmed` as in the
    answer of manage_campaign; each of the `optimizations` has its own `outcome`."""

    status: Literal["success", "partial"] = "success"
    confirmed: bool = True
    campaign_ids: list[str]
    strategy: Strategy
    plan_status: PlanStatus
    currency: str
    total_before: Amount
    total_after: Amount
    asked_total: AskedTotal | None = None
    not_placed: NotPlacedTotal | None = None
    freed: Amount
    optimizations: list[Optimization]
    allocation: Allocation | None = None
    attribution: BudgetAttribution
    plan_digest: str | None = None
    expires_at: str | None = None
    run_ids: dict[str, str] = {}
    forecasts: list[CampaignForecast] = []
    earlier_decisions: list[EarlierDecision] = []
    calibration: list[ForecastCalibration] = []
    summary: Summary
    warnings: list[str] = []
    message: str

    @property
    def is_final(self) -> bool:
        """Return whether asking again would change nothing: no change of it failed in passing."""
        failed = (FailedItem(id=item.adset_id, error=item.error) for item in self.optimizations if item.error)
        return not may_succeed_later(failed)
