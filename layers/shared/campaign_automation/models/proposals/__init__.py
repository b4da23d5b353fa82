"""Proposals: plans that wait for a person, as they are stored and shown, and the requests about them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from campaign_automation.models.changes import FailedItem, Reason, may_succeed_later
from campaign_automation.models.common import Answer, Later, Level, Model, Record, Text, unique

MOST_AT_ONCE = 20
ProposalId = Annotated[Text, Field(max_length=64)]
ProposalIds = Annotated[
    list[ProposalId], Field(min_length=1, max_length=MOST_AT_ONCE), AfterValidator(unique)
]
ProposedAction = Literal[
    "optimize_budget", "update_campaign", "create_campaign", "duplicate_campaign", "create_rule"
]
# open -> approved -> executing -> verified, partly_done or rolled_back; or rejected, expired, stale.
ProposalState = Literal[
    "open",
    "approved",
    "executing",
    "verified",
    "partly_done",
    "rolled_back",
    "rejected",
    "expired",
    "stale",
]
ENDED = ("verified", "partly_done", "rolled_back", "rejected", "expired", "stale")


# --- the plan ----------------------------------------------------------------------------------------------


class ProposedChange(Model):
    """One write: the value that the platform shows when it is proposed, and the value that it shall have.

    Amounts are text, exact; `holds` and `budget` (what the object may spend a day) are for carrying it out.
    """

    level: Level
    id: str
    platform_id: str | None = None
    field: str
    before: str | None
    after: str | None
    holds: Annotated[bool, Later] = False
    budget: Annotated[str | None, Later] = None


class ProposedRun(Model):
    """The changes of one campaign, under the run that will make them. Without an actor the approver is it.

    With `attribution_days` the decision is looked at again, once its days are over.
    """

    campaign_id: str
    run_id: str
    reason: str
    actor: str | None = None
    attribution_days: Annotated[int | None, Later] = None
    changes: list[ProposedChange]
    evidence: dict[str, dict[str, Any]] = {}


class ProposedCreation(Model):
    """The request of the campaign to create, with the texts of its plan.

    Of a copy also its own request, the campaign that it copies, and what that asked for when it was proposed.
    """

    request: dict[str, Any]
    copy_request: dict[str, Any] | None = None
    copied_from: str | None = None
    as_proposed: dict[str, Any] = {}


class ProposedPlan(Model):
    """The writes of a proposal. `room`: as in BudgetApplier, where `moves_budgets`."""

    runs: list[ProposedRun] = []
    moves_budgets: bool = False
    room: Decimal | None = None
    creation: ProposedCreation | None = None


# --- the proposal ------------------------------------------------------------------------------------------


class Receipt(Model):
    """One write of an approved proposal, as the audit trail has it: the platform's ids and the value it then
    showed. `held_back` was not sent, for `reason`; `already`: the value was there before."""

    campaign_id: str
    level: Level
    id: str
    operation: str
    outcome: Literal["applied", "already", "failed", "unknown", "held_back"]
    platform_id: str | None = None
    platform_request_id: str | None = None
    audit_id: str | None = None
    after: dict[str, Any] | None = None
    read_back: dict[str, Any] | None = None
    reason: str = ""

    @property
    def is_in_force(self) -> bool:
        return self.outcome in ("applied", "already")


class Proposal(Record):
    """A plan that waits for a person, and what became of it. `visits`: how often it was carried on with."""

    tenant: str
    proposal_id: str
    action: ProposedAction
    state: ProposalState = "open"
    plan: ProposedPlan
    plan_digest: str
    preview: dict[str, Any]  # the answer that a dry run of the request gives
    summary: str
    reason: str
    proposed_by: str
    created_at: datetime
    expires_at: datetime
    decided_by: str | None = None
    decided_at: datetime | None = None
    note: str = ""
    campaign_id: str | None = None
    language: Literal["en", "zh"] = "en"
    receipts: list[Receipt] = []
    visits: int = 0

    @property
    def is_ended(self) -> bool:
        return self.state in ENDED

    @property
    def decided_ms(self) -> int:
        """The time of the decision, of an open one that of the proposal (epoch milliseconds)."""
        return int((self.decided_at or self.created_at).timestamp() * 1000)


class ProposalHead(Model):
    """A proposal in a list; `note` tells why it ended as it did."""

    proposal_id: str
    action: ProposedAction
    state: ProposalState
    summary: str
    reason: str
    proposed_by: str
    campaign_ids: list[str]
    plan_digest: str
    created_at: str
    expires_at: str
    decided_by: str | None = None
    decided_at: str | None = None
    note: str = ""


class ProposalView(ProposalHead):
    """A proposal with its writes, before and after; `plan` is the answer of the request as a dry run."""

    writes: list[ProposedChange]
    plan: dict[str, Any]
    receipts: list[Receipt] = []


# --- requests and answers ----------------------------------------------------------------------------------


class ProposalMade(Answer):
    """The answer of a request with mode propose: its plan, which waits for a person until `expires_at`.

    `state` is open, and that of now where an earlier answer is repeated.
    """

    status: Literal["accepted"] = "accepted"
    state: ProposalState = "open"
    proposal_id: str
    plan_digest: str
    expires_at: str
    status_url: str
    plan: dict[str, Any]
    message: str


class ListProposals(Model):
    """One page of the tenant's proposals, oldest first; `after` is the last proposal_id of the page before.

    `state` "any" lists those that have ended too.
    """

    state: ProposalState | Literal["any"] = "open"
    after: ProposalId | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class GetProposal(Model):
    """The proposal to show."""

    proposal_id: ProposalId


class LinkProposal(GetProposal):
    """The proposal whose page is to be opened."""


class ProposalLink(Model):
    """A link to the page of a proposal, good for a quarter of an hour; who has it may decide."""

    status: Literal["success"] = "success"
    url: str
    expires_in_seconds: int


class ApproveProposal(Model):
    """The proposals to carry out, each once; all must be the caller's tenant's."""

    proposal_ids: ProposalIds


class RejectProposal(Model):
    """The proposals that shall not be carried out, and why."""

    proposal_ids: ProposalIds
    reason: Reason = "rejected by a person"


class ProposalList(Model):
    """A page of proposals; `next` is the value of `after` for the next page, or null at the end."""

    status: Literal["success"] = "success"
    proposals: list[ProposalHead]
    next: str | None = None


class ProposalShown(Model):
    status: Literal["success"] = "success"
    proposal: ProposalView


class ProposalsDecided(Answer):
    """The proposals that were decided, with their receipts, and those that were refused, with the reasons."""

    status: Literal["success", "partial"] = "success"
    proposals: list[ProposalView]
    failed: list[FailedItem] = []
    message: str

    @property
    def is_final(self) -> bool:
        """Return whether asking again would change nothing: none of them failed in passing."""
        return not may_succeed_later(self.failed)
