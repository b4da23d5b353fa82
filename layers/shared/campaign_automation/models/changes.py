"""The shapes of changes: changes of status, their audit trail, and the undo of a run."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, AwareDatetime, Field, model_validator

from campaign_automation.models.common import (
    OBJECT_OR_ITS_TEXT,
    Amount,
    Answer,
    Later,
    Level,
    Model,
    PositiveAmount,
    Proposable,
    Text,
    unique,
)
from campaign_automation.models.creation.options import BidStrategy

CampaignId = Annotated[Text, Field(max_length=128)]
Reason = Annotated[Text, Field(max_length=500)]
Flag = Annotated[bool, Field(strict=True)]
Value = str | int | float | None
# The beginnings of reasons for which an undo left something: another time it may pass.
_MAY_PASS_LATER = ("failed", "kill_switch", "limit_missing", "account_cap")
LONGEST_SEARCH = timedelta(days=31)
Operation = Literal[
    "create",
    "add",
    "set_status",
    "set_budget",
    "remove",
    "end_split",
    "lift_end",
    "set_target",
    "set_name",
    "set_end",
    "set_bidding",
    "set_copy",
    "release_commitment",
]


class ManageCampaign(Model):
    """Parameters of manage_campaign; `entity_ids` are our ids or the platform's, of the level's objects.

    `special_ad_categories` ["NONE"] declares, with a start, what the creation left open. `until` starts again
    what a pause stopped, at a moment or on a date of the account, unless it was touched in between.
    """

    campaign_id: CampaignId
    action: Literal["pause", "start", "delete"]
    level: Literal["campaign", "adset", "ad"] = "campaign"
    entity_ids: (
        Annotated[list[CampaignId], Field(min_length=1, max_length=1000), AfterValidator(unique)] | None
    ) = None
    reason: Reason = "asked by the user"
    # Left out where it is not given: the digest of a request is that of versions before it.
    special_ad_categories: Annotated[list[Text], Field(max_length=5)] | None = Field(
        None, exclude_if=lambda value: value is None
    )
    until: AwareDatetime | date | None = Field(None, exclude_if=lambda value: value is None)
    confirm: Flag = False
    dry_run: Flag = False

    @property
    def stop(self) -> Literal["pause", "delete"] | None:
        """The stop that the request is for the whole campaign, or None."""
        return None if self.action == "start" or self.level != "campaign" else self.action

    @model_validator(mode="after")
    def _consistent(self) -> ManageCampaign:
        if self.action == "delete" and not (self.confirm or self.dry_run):
            raise ValueError("confirm: a deletion cannot be undone; give confirm: true")
        if (self.level == "campaign") == (self.entity_ids is not None):
            raise ValueError("entity_ids: required with level adset or ad, not allowed with level campaign")
        if self.until is not None and self.action != "pause":
            raise ValueError("until: is for a pause alone")
        return self


class ChangedItem(Model):
    """One object that now is (in a dry run: would be) as asked, with the value before and after."""

    level: Level
    id: str
    platform_id: str
    field: Literal[
        "status", "daily_budget", "target_roas", "target_cpa", "name", "end_time", "bid_strategy", "copy"
    ] = "status"
    before: Value
    after: Value
    effective: Literal["now", "next_day"] = "now"


class SkippedItem(Model):
    """One object that was left as it is; `reason` begins with a code: already_paused, changed_by_other..."""

    id: str
    reason: str


class FailedItem(Model):
    id: str
    error: dict[str, Any]


def may_succeed_later(failed: Iterable[FailedItem]) -> bool:
    """Return whether something failed only in passing."""
    return any(item.error["details"].get("retryable") for item in failed)


class CampaignManaged(Answer):
    """The answer of manage_campaign. `run_id` names the change for the audit trail and for undo.

    `partial`: the platform or a guard held back a part, see `failed` and `skipped`. Not `confirmed`: the
    platform could not be read afterwards; the outcome is settled within minutes.
    """

    status: Literal["success", "partial"] = "success"
    confirmed: bool = True
    campaign_id: str
    new_status: Literal["active", "paused", "deleted"]
    resumes_at: datetime | None = None
    run_id: str | None = None
    changed: list[ChangedItem]
    skipped: list[SkippedItem] = []
    failed: list[FailedItem] = []
    warnings: list[str] = []
    message: str

    @property
    def is_final(self) -> bool:
        """Return whether asking again would change nothing: no part of it failed in passing."""
        return not may_succeed_later(self.failed)


class UpdateCampaign(Proposable):
    """Parameters of update_campaign: budgets, targets and settings; what is left out stays as it is.

    `daily_budget` is the whole campaign's: its own where it has one, else spread over its running ad sets in
    proportion to theirs. `adset_budgets` sets them one by one, by our ids or the platform's. With `end_time`
    "none" the campaign runs on; `bid_strategy` bids for the target given here, else for the campaign's.
    """

    campaign_id: CampaignId
    daily_budget: PositiveAmount | None = None
    adset_budgets: Annotated[
        Annotated[dict[CampaignId, PositiveAmount], Field(min_length=1, max_length=200)] | None,
        OBJECT_OR_ITS_TEXT,
    ] = None
    target_roas: PositiveAmount | None = None
    target_cpa: PositiveAmount | None = None
    # Left out where they are not given: the digest of a request is that of versions before them.
    name: Annotated[Annotated[Text, Field(max_length=200)] | None, Later] = None
    end_time: Annotated[AwareDatetime | Literal["none"] | None, Later] = None
    bid_strategy: Annotated[BidStrategy | None, Later] = None
    reason: Reason = "asked by the user"
    dry_run: Flag = False

    @property
    def is_for_platform(self) -> bool:
        """Return whether anything is to be written to the platform."""
        asked = (self.daily_budget, self.adset_budgets, self.name, self.end_time, self.bid_strategy)
        return any(value is not None for value in asked)

    @property
    def targets(self) -> dict[str, Decimal]:
        """The targets that are set, by their names."""
        asked = {"target_roas": self.target_roas, "target_cpa": self.target_cpa}
        return {name: value for name, value in asked.items() if value is not None}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.daily_budget is not None and self.adset_budgets is not None:
            raise ValueError("give either daily_budget or adset_budgets")
        if not self.is_for_platform and not self.targets:
            raise ValueError(
                "give daily_budget, adset_budgets, target_roas, target_cpa, name, end_time or bid_strategy"
            )
        return self


class CampaignUpdated(Answer):
    """The answer of update_campaign, as in CampaignManaged. The targets are those that hold now."""

    status: Literal["success", "partial"] = "success"
    confirmed: bool = True
    campaign_id: str
    target_roas: Amount | None = None
    target_cpa: Amount | None = None
    run_id: str | None = None
    changed: list[ChangedItem]
    skipped: list[SkippedItem] = []
    failed: list[FailedItem] = []
    message: str

    @property
    def is_final(self) -> bool:
        """Return whether asking again would change nothing: no part of it failed in passing."""
        return not may_succeed_later(self.failed)


class GetAudit(Model):
    """One page of the trail of a campaign, oldest first; `after` is the last audit_id of the page before."""

    campaign_id: CampaignId
    after: Annotated[Text, Field(max_length=128)] | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 100


class AuditRecord(Model):
    """One write to a platform: the actor, the reason, the values before and after, and the outcome.

    `outcome`: applied, failed (the platform refused: nothing changed), or unknown (no reliable answer yet).
    `read_back` is the value that the platform showed afterwards. An object whose pause `holds` is not started
    with its campaign. `request_id` and `session_id` are the caller's, `account` is the ad account's id on its
    platform.
    """

    audit_id: str
    run_id: str
    tenant: str
    campaign_id: str
    actor: str
    reason: str
    operation: Operation
    level: Level
    entity_id: str
    platform_id: str | None = None
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    outcome: Literal["applied", "failed", "unknown"] = "unknown"
    read_back: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    evidence: dict[str, Any] = {}
    platform_request_id: str | None = None
    sensitive: bool = False
    holds: bool = False
    # Later: records of before have none of these.
    platform: str | None = None
    account: str | None = None
    request_id: str | None = None
    session_id: Annotated[str | None, Later] = None
    at: str


class AuditTrail(Model):
    """One page of the audit trail; `next` is the value of `after` for the next page, or null at the end."""

    status: Literal["success"] = "success"
    campaign_id: str
    records: list[AuditRecord]
    next: str | None = None


class SearchAudit(Model):
    """The changes of all campaigns of an account or a tenant, oldest first; without either the caller's own.

    From `since` (a day ago) to `until` (now), at most 31 days. `actor` is as the trail names it, with or
    without its kind. `after` is `next` of the page before; a page with few records is not always the last.
    """

    account: CampaignId | None = None
    tenant: CampaignId | None = None
    actor: CampaignId | None = None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    after: CampaignId | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 100

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.since and self.until and not timedelta(0) < self.until - self.since <= LONGEST_SEARCH:
            raise ValueError("until: is at most 31 days behind since")
        return self


class AuditFound(Model):
    """A page of changes of several campaigns; `next` is the value of `after` for the next one, or null."""

    status: Literal["success"] = "success"
    records: list[AuditRecord]
    next: str | None = None


class FindRequest(Model):
    """The request to find: a caller's request id (the correlation id of the logs), or a platform's."""

    request_id: CampaignId
    after: CampaignId | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 100


class CampaignTrail(Model):
    """A campaign that a request was about, with a page of its trail."""

    tenant: str
    campaign_id: str
    platform: str
    account: str | None = None
    state: str
    records: list[AuditRecord]
    next: str | None = None


class RequestFound(Model):
    status: Literal["success"] = "success"
    request_id: str
    campaigns: list[CampaignTrail]


class UndoChange(Model):
    """Parameters of undo_change: the run to undo, as an answer or the audit trail names it."""

    campaign_id: CampaignId
    run_id: Annotated[Text, Field(max_length=128)]
    reason: Reason = "taken back by the user"
    dry_run: Flag = False


class ChangeUndone(Answer):
    """The values that were restored, and those that could not be, with the reasons; as in CampaignManaged."""

    status: Literal["success", "partial"] = "success"
    confirmed: bool = True
    campaign_id: str
    undone_run_id: str
    run_id: str | None = None
    restored: list[ChangedItem]
    not_restored: list[SkippedItem] = []
    message: str

    @property
    def is_final(self) -> bool:
        """Return whether asking again would change nothing: nothing failed, and no limit held it back."""
        return not any(item.reason.partition(":")[0] in _MAY_PASS_LATER for item in self.not_restored)
