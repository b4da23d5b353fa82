"""The actions on proposals: list, show, approve and reject plans that wait for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from campaign_automation.actions.action import Key, action
from campaign_automation.models.common import Context, Role
from campaign_automation.models.proposals import (
    ApproveProposal,
    GetProposal,
    LinkProposal,
    ListProposals,
    ProposalLink,
    ProposalList,
    ProposalsDecided,
    ProposalShown,
    RejectProposal,
)

if TYPE_CHECKING:
    from campaign_automation.wiring import Wiring


@action("GET", "/v1/proposals")
async def list_proposals(parts: Wiring, request: ListProposals, caller: Context) -> ProposalList:
    """List the proposals that wait for a decision, a page at a time; on request those that ended too."""
    return await parts.proposals.list_proposals(request, caller)


@action("GET", "/v1/proposals/{proposal_id}")
async def get_proposal(parts: Wiring, request: GetProposal, caller: Context) -> ProposalShown:
    """Show a proposal with its plan, its state and the receipts of its writes."""
    return await parts.proposals.get(request, caller)


@action("GET", "/v1/proposals/{proposal_id}/link", role=Role.APPROVER)
async def link_proposal(parts: Wiring, request: LinkProposal, caller: Context) -> ProposalLink:
    """Show a link that opens the page of a proposal for 15 minutes, to read it and decide."""
    return await parts.proposals.link(request, caller)


@action("POST", "/v1/proposal-approvals", key=Key.GIVEN, role=Role.APPROVER)
async def approve_proposal(parts: Wiring, request: ApproveProposal, caller: Context) -> ProposalsDecided:
    """Approve up to 20 proposals and carry them out, each once, unless what they are about changed."""
    return await parts.proposals.approve(request, caller)


@action("POST", "/v1/proposal-rejections", key=Key.GIVEN, role=Role.APPROVER)
async def reject_proposal(parts: Wiring, request: RejectProposal, caller: Context) -> ProposalsDecided:
    """Reject up to 20 proposals: they are not carried out any more."""
    return await parts.proposals.reject(request, caller)
