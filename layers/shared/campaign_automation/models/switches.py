"""The shapes of what operators do at run time: kill switches, account caps, stops of all campaigns."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from campaign_automation.models.changes import CampaignId, FailedItem, Flag, Reason, may_succeed_later
from campaign_automation.models.common import Amount, Answer, Model, Platform, Record, Text

Id = Annotated[Text, Field(max_length=128)]


class Switch(Record):
    """One kill switch as it is now, or one change of it; `scope` is the key of what it stops."""

    scope: str
    is_on: bool
    actor: str
    reason: str
    at: str


class AccountCap(Record):
    """One cap as it is now, or one change of it: the most a day, or None where the setting alone holds."""

    name: str
    daily_budget: Decimal | None = None
    actor: str
    reason: str
    at: str


class Scoped(Model):
    """A request about all campaigns of a scope.

    `account` is the platform's id of an ad account, with its `platform`; `tenant` is the user's id.
    """

    scope: Literal["deployment", "platform", "account", "tenant"]
    platform: Platform | None = None
    account: Id | None = None
    tenant: Id | None = None

    @model_validator(mode="after")
    def _names_its_scope(self) -> Self:
        needed = {"platform": {"platform"}, "account": {"platform", "account"}, "tenant": {"tenant"}}
        given = {name for name in ("platform", "account", "tenant") if getattr(self, name) is not None}
        wanted = needed.get(self.scope, set())
        if given != wanted:
            names = " and ".join(sorted(wanted)) or "none of platform, account and tenant"
            raise ValueError(f"scope: {self.scope} needs {names}")
        return self

    @property
    def key(self) -> str:
        """The key of the scope: deployment, platform:meta, account:meta:act_1, tenant:user_123."""
        return ":".join(filter(None, (self.scope, self.platform, self.account, self.tenant)))


class SetKillSwitch(Scoped):
    """Parameters of set_kill_switch: the scope, and whether it is stopped from now on."""

    is_on: Flag
    reason: Reason


class StopAll(Scoped):
    """Parameters of stop_all: the scope whose campaigns are paused."""

    reason: Reason
    dry_run: Flag = False


class AllStopped(Answer):
    """The campaigns that are paused now, or were; those that could not be; and how many are left to do.

    With any `left` the same request goes on where it ended. The scope itself among the `failed`: a creation
    that began before and has no account yet may still start.
    """

    status: Literal["success", "partial"]
    scope: str
    paused: list[str]
    already_paused: list[str]
    failed: list[FailedItem] = []
    left: int = 0
    message: str

    @property
    def is_final(self) -> bool:
        """Return whether asking again would change nothing."""
        return self.left == 0 and not may_succeed_later(self.failed)


class SetAccountCap(Model):
    """Parameters of set_account_cap: the most that active campaigns together may spend a day.

    `name` is an ad account's id on its platform, or a currency for all its accounts. `daily_budget` is in the
    major unit; without one the setting alone holds.
    """

    name: Id
    daily_budget: Annotated[Amount, Field(ge=0, lt=10**12)] | None = None
    reason: Reason


class ReleaseCommitment(Model):
    """Parameters of release_commitment: a campaign, of the caller or of `tenant`, that is not shown any more.

    `reason` says how it is known that it spends nothing.
    """

    campaign_id: CampaignId
    tenant: Id | None = None
    reason: Reason
    dry_run: Flag = False


class ListLimits(Model):
    """Parameters of list_limits: how many changes of each kind are listed too."""

    changes: Annotated[int, Field(ge=0, le=500)] = 50


class KillSwitchSet(Answer):
    status: Literal["success"] = "success"
    scope: str
    is_on: bool
    message: str


class AccountCapSet(Answer):
    status: Literal["success"] = "success"
    name: str
    daily_budget: Amount | None
    message: str


class CommitmentReleased(Answer):
    """The daily budget that the campaign no longer counts for in its account's cap.

    It is 0 too where there was one whose amount could not be read (`was_unreadable`).
    """

    status: Literal["success"] = "success"
    campaign_id: str
    platform_account_id: str
    released: Amount
    was_unreadable: bool = False
    currency: str
    run_id: str | None
    message: str


class SwitchShown(Model):
    scope: str
    is_on: bool
    actor: str
    reason: str
    at: str


class CapShown(Model):
    name: str
    daily_budget: Amount | None
    actor: str
    reason: str
    at: str


class LimitsShown(Model):
    """The kill switches and caps as they are, and their latest changes, the newest first.

    `kill_switch` and `account_caps` are the settings; the stricter of setting and row holds.
    """

    status: Literal["success"] = "success"
    kill_switch: bool | None
    account_caps: dict[str, Amount]
    switches: list[SwitchShown]
    caps: list[CapShown]
    switch_changes: list[SwitchShown] = []
    cap_changes: list[CapShown] = []
