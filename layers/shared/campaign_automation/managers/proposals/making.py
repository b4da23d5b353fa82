"""The making of proposals: a plan is stored together with the notice to its owner."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from campaign_automation.managers.notices.events import event
from campaign_automation.managers.proposals import wording
from campaign_automation.managers.proposals.plans import digest_of
from campaign_automation.managers.shared.idempotency import Now
from campaign_automation.managers.shared.notices import Notices
from campaign_automation.models.notices.events import ProposalWaiting
from campaign_automation.models.proposals import (
    Proposal,
    ProposalMade,
    ProposalState,
    ProposedAction,
    ProposedPlan,
)
from campaign_automation.stores.operations.events import NewEvent
from campaign_automation.stores.proposal_store import ProposalStore
from campaign_automation.utils import clock
from campaign_automation.utils.observability import emit, logger

IsGone = Callable[[str, str], Awaitable[bool]]  # of a tenant's campaign
_FAILED = ("rejected", "expired", "stale", "rolled_back")  # of which nothing is left


class ProposalMaker:
    def __init__(self, store: ProposalStore, notices: Notices, is_gone: IsGone) -> None:
        self._store = store
        self._notices = notices
        self._is_gone = is_gone

    async def make(
        self,
        tenant: str,
        action: ProposedAction,
        plan: ProposedPlan,
        *,
        preview: dict[str, Any],
        summary: str,
        reason: str,
        proposed_by: str,
        hours: int,
        language: str = "en",
        proposal_id: str | None = None,
    ) -> Proposal:
        """Store the plan with its notice; under an id that there is already, that proposal stands."""
        proposal_id = proposal_id or new_id()
        now = clock.now()
        proposal = Proposal.model_validate(
            {
                "tenant": tenant,
                "proposal_id": proposal_id,
                "action": action,
                "plan": plan,
                "plan_digest": digest_of(plan, proposal_id),
                "preview": preview,
                "summary": summary,
                "reason": reason,
                "proposed_by": proposed_by,
                "created_at": now,
                "expires_at": now + timedelta(hours=hours),
                "language": language,
            }
        )
        notices = self._notices.notice(tenant, proposal_id, wording.notice(proposal))
        if await self._store.create(proposal, notices, [_waiting(proposal)]):
            emit("proposals_total", action=action, state="open")
            logger.info("proposal made", proposal_id=proposal_id, action=action)
            return proposal
        return await self._store.load(tenant, proposal_id) or proposal

    async def as_it_is_now(self, tenant: str, answer: ProposalMade) -> Now:
        """Return an earlier answer with the proposal's state as it is now.

        It is over when it came to nothing, or the campaign that it created is deleted.
        """
        proposal = await self._store.load(tenant, answer.proposal_id)
        if proposal is None or (state := state_now(proposal)) == "open":
            return Now(answer, is_over=proposal is None)
        message = wording.is_now(state, proposal.note)
        is_over = state in _FAILED or await self._is_undone(proposal)
        return Now(answer.model_copy(update={"state": state, "message": message}), is_over=is_over)

    async def _is_undone(self, proposal: Proposal) -> bool:
        made = proposal.campaign_id if proposal.plan.creation else None
        return made is not None and await self._is_gone(proposal.tenant, made)


def state_now(proposal: Proposal) -> ProposalState:
    """Return the state as it is by the clock: nobody may have noted yet that it expired."""
    is_over = proposal.state == "open" and proposal.expires_at <= clock.now()
    return "expired" if is_over else proposal.state


def _waiting(proposal: Proposal) -> NewEvent:
    campaigns = {run.campaign_id for run in proposal.plan.runs}
    data = ProposalWaiting(
        proposal_id=proposal.proposal_id,
        action=proposal.action,
        summary=proposal.summary,
        reason=proposal.reason,
        plan_digest=proposal.plan_digest,
        expires_at=proposal.expires_at,
    )
    return event(
        proposal.tenant,
        f"{proposal.proposal_id}-waiting",
        data,
        proposal.proposed_by,
        campaign_id=campaigns.pop() if len(campaigns) == 1 else None,
        correlation_id=proposal.proposal_id,
    )


def new_id(at_ms: int | None = None, mark: str | None = None) -> str:
    """Return the id of a proposal, which begins with its time."""
    return f"prop_{at_ms or clock.now_ms():013d}{mark or uuid.uuid4().hex[:12]}"


def answer_of(proposal: Proposal) -> ProposalMade:
    return ProposalMade(
        proposal_id=proposal.proposal_id,
        plan_digest=proposal.plan_digest,
        expires_at=clock.iso(proposal.expires_at),
        status_url=f"/v1/proposals/{proposal.proposal_id}",
        plan=proposal.preview,
        message=wording.made(proposal),
    )
