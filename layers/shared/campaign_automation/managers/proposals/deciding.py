"""The decisions on proposals: list and show them, approve them, reject them. Each decision is made once."""

from __future__ import annotations

import asyncio
from typing import Any

from campaign_automation.managers.notices.links import Links
from campaign_automation.managers.notices.signed_links import LINK_SECONDS
from campaign_automation.managers.proposals import wording
from campaign_automation.managers.proposals.executing import RETRY_MS, ProposalExecution
from campaign_automation.managers.proposals.making import state_now
from campaign_automation.models.changes import FailedItem
from campaign_automation.models.common import Context
from campaign_automation.models.proposals import (
    ApproveProposal,
    GetProposal,
    LinkProposal,
    ListProposals,
    Proposal,
    ProposalHead,
    ProposalLink,
    ProposalList,
    ProposalsDecided,
    ProposalShown,
    ProposalState,
    ProposalView,
    ProposedChange,
    RejectProposal,
)
from campaign_automation.stores.proposal_store import ProposalStore
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import (
    CampaignAutomationError,
    ConflictError,
    ForbiddenError,
    GuardRefusedError,
    NotFoundError,
    error_body,
)
from campaign_automation.utils.observability import emit, internal_error, logger

_PAGE = 100
_MARGIN_SECONDS = 5  # between the end of the work and the end of the caller's time


class ProposalDecisions:
    def __init__(
        self, store: ProposalStore, execution: ProposalExecution, links: Links, *, allows_own: bool
    ) -> None:
        self._links = links
        self._store = store
        self._execution = execution
        self._allows_own = allows_own

    # --- reading --------------------------------------------------------------------------------------------

    async def list_proposals(self, request: ListProposals, context: Context) -> ProposalList:
        """Return one page of the tenant's proposals in the order in which they were made."""
        found: list[Proposal] = []
        after = request.after or ""
        while len(found) <= request.limit:
            page = await self._store.page(context.user_id, after, _PAGE)
            found += [item for item in page if request.state in ("any", state_now(item))]
            if len(page) < _PAGE:
                break
            after = page[-1].proposal_id
        shown = found[: request.limit]
        is_more = len(found) > request.limit
        return ProposalList(
            proposals=[ProposalHead(**_head(item)) for item in shown],
            next=shown[-1].proposal_id if is_more else None,
        )

    async def get(self, request: GetProposal, context: Context) -> ProposalShown:
        """Return one proposal. Raises NotFoundError, for another tenant's too."""
        return ProposalShown(proposal=view_of(await self.load(context.user_id, request.proposal_id)))

    async def load(self, tenant: str, proposal_id: str) -> Proposal:
        proposal = await self._store.load(tenant, proposal_id)
        if proposal is None:
            raise NotFoundError(f"proposal {proposal_id} {wording.UNKNOWN}", field="proposal_ids")
        return proposal

    async def link(self, request: LinkProposal, context: Context) -> ProposalLink:
        """Return a link to the page of a proposal, for the caller.

        Raises NotFoundError where the deployment has no URL at which it could be opened.
        """
        await self.load(context.user_id, request.proposal_id)
        person = context.person or context.user_id
        url = self._links.url(context.user_id, person, f"proposals/{request.proposal_id}")
        if url is None:
            raise NotFoundError(wording.NO_PUBLIC_URL, setting="public_url")
        return ProposalLink(url=url, expires_in_seconds=LINK_SECONDS)

    async def use_link(self, proposal_id: str, link_id: str, context: Context) -> None:
        """Use up the token of a form. Raises ConflictError for one that was used before."""
        await self.load(context.user_id, proposal_id)
        if not await self._store.use_link(context.user_id, proposal_id, link_id):
            raise ConflictError(wording.LINK_USED, field="token")

    # --- deciding -------------------------------------------------------------------------------------------

    async def approve(self, request: ApproveProposal, context: Context) -> ProposalsDecided:
        """Approve proposals and carry them out; what takes longer goes on without the caller.

        Raises the first refusal when all were refused: NotFoundError, ConflictError for one that is decided,
        ForbiddenError for the caller's own, GuardRefusedError (`plan_stale`) where what it is about changed.
        """
        decided: list[Proposal] = []
        refused: dict[str, CampaignAutomationError] = {}
        for proposal_id in request.proposal_ids:
            try:
                decided.append(await self._approve(proposal_id, context))
            except CampaignAutomationError as error:
                refused[proposal_id] = error
        done = await self._carried_out(decided, context)
        for proposal in done:
            if proposal.state == "stale":
                refused[proposal.proposal_id] = GuardRefusedError(
                    proposal.note, guard="plan_stale", field="proposal_ids"
                )
        return _decided("approved", [item for item in done if item.state != "stale"], refused)

    async def reject(self, request: RejectProposal, context: Context) -> ProposalsDecided:
        """Reject proposals. Raises the first refusal when all were refused, as `approve` does."""
        done: list[Proposal] = []
        refused: dict[str, CampaignAutomationError] = {}
        for proposal_id in request.proposal_ids:
            try:
                proposal = await self._open(proposal_id, context)
                done.append(await self._decide(proposal, context, "rejected", request.reason))
            except CampaignAutomationError as error:
                refused[proposal_id] = error
        return _decided("rejected", done, refused)

    async def _approve(self, proposal_id: str, context: Context) -> Proposal:
        proposal = await self._open(proposal_id, context)
        if proposal.proposed_by == context.actor and not self._allows_own:
            raise ForbiddenError(f"proposal {proposal_id} {wording.OWN}", field="proposal_ids")
        return await self._decide(proposal, context, "approved")

    async def _open(self, proposal_id: str, context: Context) -> Proposal:
        """Return a proposal that waits. Raises ConflictError for one that is decided or over."""
        proposal = await self.load(context.user_id, proposal_id)
        if state_now(proposal) == "expired" and proposal.state == "open":
            await self._execution.expire(proposal)
        if (state := state_now(proposal)) != "open":
            raise ConflictError(
                f"proposal {proposal_id} is {state}: {proposal.note or 'it was decided'}",
                field="proposal_ids",
                state=state,
            )
        return proposal

    async def _decide(
        self, proposal: Proposal, context: Context, state: ProposalState, note: str = ""
    ) -> Proposal:
        # As the request came in: a stop since then holds for what it approves.
        decided_at = clock.at_ms(clock.now_ms() if context.asked_ms is None else context.asked_ms)
        update = {"state": state, "note": note, "decided_by": context.actor, "decided_at": decided_at}
        decided = proposal.model_copy(update=update)
        due = None if decided.is_ended else clock.now_ms() + RETRY_MS
        if not await self._store.decide(proposal, decided, due):
            raise ConflictError(
                f"proposal {proposal.proposal_id} was decided meanwhile", field="proposal_ids"
            )
        emit("proposals_total", action=proposal.action, state=state)
        logger.info("proposal decided", proposal_id=proposal.proposal_id, state=state)
        return decided

    async def _carried_out(self, proposals: list[Proposal], context: Context) -> list[Proposal]:
        """Carry out side by side, as far as the caller's time reaches; the reconciler does the rest."""
        if not proposals:
            return []
        seconds = context.deadline_seconds - _MARGIN_SECONDS
        wait = max(0, min(seconds - _MARGIN_SECONDS, context.wait_seconds or seconds))
        tasks = [
            asyncio.create_task(self._execution.carry_out(item, wait_seconds=min(wait, 25)))
            for item in proposals
        ]
        _, late = await asyncio.wait(tasks, timeout=seconds)
        for task in late:
            task.cancel()
        await asyncio.wait(tasks)
        return [await self._outcome(*pair) for pair in zip(proposals, tasks, strict=True)]

    async def _outcome(self, before: Proposal, task: asyncio.Task[Proposal]) -> Proposal:
        """Return the proposal as the task left it; one that was cut or crashed is carried on with later."""
        try:
            return await task
        except asyncio.CancelledError:
            logger.info("proposal left to the reconciler", proposal_id=before.proposal_id)
        except Exception:  # of one proposal: it is approved, and the others have their outcome
            internal_error("proposal not carried out", proposal_id=before.proposal_id)
        return await self.load(before.tenant, before.proposal_id)


def _decided(
    verb: str, done: list[Proposal], refused: dict[str, CampaignAutomationError]
) -> ProposalsDecided:
    if refused and not done:
        raise next(iter(refused.values()))
    return ProposalsDecided(
        status="partial" if refused else "success",
        proposals=[view_of(item) for item in done],
        failed=[FailedItem(id=name, error=error_body(error)) for name, error in refused.items()],
        message=wording.decided(verb, len(done), len(refused)),
    )


def _head(proposal: Proposal) -> dict[str, Any]:
    decided_at = proposal.decided_at
    campaigns = [run.campaign_id for run in proposal.plan.runs]
    return {
        **proposal.model_dump(include={*ProposalHead.model_fields} - {"campaign_ids"}),
        "state": state_now(proposal),
        "campaign_ids": [*campaigns, *([proposal.campaign_id] if proposal.campaign_id else [])],
        "created_at": clock.iso(proposal.created_at),
        "expires_at": clock.iso(proposal.expires_at),
        "decided_at": decided_at and clock.iso(decided_at),
    }


def view_of(proposal: Proposal) -> ProposalView:
    """Return a proposal as it is shown."""
    writes: list[ProposedChange] = [item for run in proposal.plan.runs for item in run.changes]
    return ProposalView(**_head(proposal), writes=writes, plan=proposal.preview, receipts=proposal.receipts)
