"""The shapes of whole accounts: campaigns found on platforms, taken in and released; lists; health."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from campaign_automation.models.campaigns import TokenHealth
from campaign_automation.models.changes import (
    CampaignId,
    FailedItem,
    Flag,
    Reason,
    SkippedItem,
    may_succeed_later,
)
from campaign_automation.models.common import (
    Amount,
    Answer,
    Model,
    Objective,
    Platform,
    PositiveAmount,
    Record,
    Text,
    unique,
)

AccountId = Annotated[Text, Field(max_length=64)]
NamePart = Annotated[Text, Field(max_length=200)]
After = Annotated[Text, Field(max_length=128)]
PageSize = Annotated[int, Field(ge=1, le=200)]


class FoundCampaign(Record):
    """A campaign as a list of its account shows it. `limits` name what of it cannot be changed, and why.

    None as `objective` is one that this module does not have.
    """

    platform_id: str
    name: str
    status: str
    platform_status: str
    objective: Objective | None = None
    daily_budget: Decimal | None = None
    created_at: datetime | None = None
    limits: list[str] = []


# --- found on the platform ---------------------------------------------------------------------------------


class ListAccountCampaigns(Model):
    """Parameters of list_account_campaigns: the active account of the platform, or a given one.

    `after` is the `next` of the page before.
    """

    platform: Platform = Platform.META
    ad_account_id: AccountId | None = None
    name_contains: NamePart | None = None
    after: After | None = None
    limit: PageSize = 100


class AccountCampaign(Model):
    """A campaign of the account. `owner`: ours, nobody's here, or another tenant's of this deployment.

    `campaign_id` is ours where it is ours. `spend_today` of campaigns that are nobody's is shown, and counts
    into no cap.
    """

    platform_campaign_id: str
    campaign_id: str | None = None
    owner: Literal["ours", "nobody", "other_tenant"]
    name: str
    status: str
    platform_status: str
    objective: Objective | None = None
    daily_budget: Amount | None = None
    spend_today: Amount | None = None
    created_at: datetime | None = None
    limits: list[str] = []


class AccountCampaigns(Model):
    """One page of what the platform has, by its ids; `next` is the value of `after` for the next page."""

    status: Literal["success"] = "success"
    platform: Platform
    platform_account_id: str
    currency: str
    campaigns: list[AccountCampaign]
    total: int
    next: str | None = None
    warnings: list[str] = []


class ImportCampaigns(Model):
    """Parameters of import_campaigns: by the platform's ids, by a part of the names, or all.

    The targets hold for every campaign that is taken in. Nothing is written to the platform.
    """

    platform: Platform = Platform.META
    ad_account_id: AccountId | None = None
    platform_campaign_ids: (
        Annotated[list[CampaignId], Field(min_length=1, max_length=200), AfterValidator(unique)] | None
    ) = None
    name_contains: NamePart | None = None
    all: Flag = False
    target_roas: PositiveAmount | None = None
    target_cpa: PositiveAmount | None = None
    reason: Reason = "taken in by the user"
    dry_run: Flag = False

    @model_validator(mode="after")
    def _one_choice(self) -> Self:
        chosen = [self.platform_campaign_ids is not None, self.name_contains is not None, self.all]
        if sum(chosen) != 1:
            raise ValueError("give one of platform_campaign_ids, name_contains and all: true")
        return self


class ImportedCampaign(Model):
    """A campaign that is ours now (in a dry run: would be), with what of it cannot be changed, and why."""

    campaign_id: str
    platform_campaign_id: str
    name: str
    campaign_status: str
    objective: Objective
    daily_budget: Amount | None = None
    adsets: int
    ads: int
    limits: list[str] = []


class CampaignsImported(Answer):
    """The answer of import_campaigns. `left` were not reached in time: the same request goes on with them.

    `skipped` are ours already. `committed_daily_budget` is what the account's campaigns may spend a day with
    these; where that is over the account's cap, raises are refused until it is not.
    """

    status: Literal["success", "partial"] = "success"
    platform: Platform
    platform_account_id: str
    currency: str
    imported: list[ImportedCampaign]
    skipped: list[SkippedItem] = []
    failed: list[FailedItem] = []
    left: int = 0
    committed_daily_budget: Amount
    warnings: list[str] = []
    message: str

    @property
    def is_final(self) -> bool:
        """Return whether asking again would change nothing."""
        return self.left == 0 and not may_succeed_later(self.failed)


class ReleaseCampaign(Model):
    """Parameters of release_campaign: a campaign that was taken in, by our id or the platform's."""

    campaign_id: CampaignId
    reason: Reason = "released by the user"
    dry_run: Flag = False


class CampaignReleased(Answer):
    status: Literal["success"] = "success"
    campaign_id: str
    platform_campaign_id: str
    message: str


# --- lists of what is ours ---------------------------------------------------------------------------------


class ListCampaigns(Model):
    """Parameters of list_campaigns; `state` is the status as last seen here.

    `ad_account_id` is the Web Platform's number of the account, or the platform's id of it in any spelling.
    """

    platform: Platform | None = None
    ad_account_id: AccountId | None = None
    state: Literal["active", "paused"] | None = None
    name_contains: NamePart | None = None
    after: After | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 50


class LastFigures(Model):
    """The figures of the account's day when the campaign was last read for a status; `as_of` says when."""

    as_of: str
    age_seconds: int
    daily_budget: Amount | None = None
    spend_today: Amount | None = None
    revenue_today: Amount | None = None
    roas_today: Amount | None = None
    conversions_today: Amount | None = None


class ListedCampaign(Model):
    """A campaign with its status as last seen. `figures` are null where none were read within a day.

    `created_at` is null where the platform does not tell it (Google Ads, of campaigns made elsewhere).
    """

    campaign_id: str
    platform: Platform
    platform_campaign_id: str | None
    ad_account_id: str
    name: str
    campaign_status: str
    origin: Literal["created", "imported"]
    test_id: str | None = None
    created_at: datetime | None
    figures: LastFigures | None = None


class CampaignList(Model):
    status: Literal["success"] = "success"
    campaigns: list[ListedCampaign]
    next: str | None = None


class ListAccounts(Model):
    """Parameters of list_accounts: the accounts of one platform, or of all."""

    platform: Platform | None = None


class AccountShown(Model):
    """An ad account. `is_active`: the one that requests without an account use.

    `daily_budget_cap` is the stricter of setting and row; `committed_daily_budget` is what its active
    campaigns of ours may spend a day, `spend_today` what they have spent. `problem`: the reason for which the
    account cannot be used now.
    """

    platform: Platform
    ad_account_id: str
    platform_account_id: str | None = None
    is_active: bool
    currency: str | None = None
    time_zone: str | None = None
    token: TokenHealth = TokenHealth()
    campaigns: int = 0
    daily_budget_cap: Amount | None = None
    committed_daily_budget: Amount = Decimal(0)
    spend_today: Amount | None = None
    problem: str | None = None


class AccountList(Model):
    status: Literal["success"] = "success"
    accounts: list[AccountShown]
    warnings: list[str] = []


# --- health ------------------------------------------------------------------------------------------------


class GetHealth(Model):
    """Parameters of get_health, which takes none."""


class PartHealth(Model):
    """One part: `state` is ok, off (not configured) or failing; `detail` says what or why."""

    state: Literal["ok", "off", "failing"]
    detail: str = ""
    figures: dict[str, Any] = {}


class Health(Model):
    """The module answers; `version` is that of its package."""

    status: Literal["success"] = "success"
    alive: bool = True
    version: str


class CheckHealth(Model):
    """Parameters of check_health, which takes none."""


class PartsChecked(Model):
    """The parts that the module stands on, by name; `partial` when one of them is failing."""

    status: Literal["success", "partial"]
    version: str
    parts: dict[str, PartHealth]
    message: str
