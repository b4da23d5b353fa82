"""Proposed creations: the plan of a campaign as a dry run shows it, and its creation once it is approved."""

from __future__ import annotations

from typing import Any

from campaign_automation.managers.campaign_manager import CampaignManager, Opened, Origin
from campaign_automation.managers.campaigns.runner import Runner
from campaign_automation.managers.campaigns.wording import STARTS_STOPPED
from campaign_automation.managers.duplicates.duplicating import CampaignDuplicates
from campaign_automation.managers.proposals import wording
from campaign_automation.managers.proposals.receipts import receipt_of, state_of
from campaign_automation.models.campaign import Creation
from campaign_automation.models.campaigns import CampaignCreated, CreateCampaign
from campaign_automation.models.common import Context
from campaign_automation.models.creation.duplicates import DuplicateCampaign
from campaign_automation.models.creation.options import GivenTexts
from campaign_automation.models.proposals import Proposal, ProposedCreation, Receipt
from campaign_automation.stores.audit_store import AuditStore
from campaign_automation.utils.error_handler import CampaignAutomationError
from campaign_automation.utils.validation import parse


class ProposedCreations:
    def __init__(
        self, campaigns: CampaignManager, duplicates: CampaignDuplicates, runner: Runner, audit: AuditStore
    ) -> None:
        self._campaigns = campaigns
        self._duplicates = duplicates
        self._runner = runner
        self._audit = audit

    # --- the plan -------------------------------------------------------------------------------------------

    async def plan(self, spec: CreateCampaign, context: Context) -> tuple[CampaignCreated, ProposedCreation]:
        """Plan a campaign as a dry run does; its copy is kept, so that what was read is what is made.

        Raises the error for which it would not be created.
        """
        opened = await self._campaigns.open_creation(spec.model_copy(update={"dry_run": True}), context)
        await self._runner.run(opened, context)
        answer = await self._campaigns.outcome(context.user_id, opened)
        if not isinstance(answer, CampaignCreated):
            raise CampaignAutomationError(wording.PLAN_NOT_READY, code="4000")
        creation = await self._campaigns.load(context.user_id, opened.campaign_id)
        kept = spec.model_copy(update={"texts": _texts(creation)})
        return answer, ProposedCreation(request=_json(kept))

    async def plan_copy(
        self, request: DuplicateCampaign, context: Context
    ) -> tuple[CampaignCreated, ProposedCreation]:
        """Plan the copy of a campaign as it is now. Raises what `CampaignDuplicates.spec` does."""
        spec, origin = await self._duplicates.spec(request, context)
        answer, creation = await self.plan(spec, context)
        more = {"copy_request": _json(request), "copied_from": origin.campaign_id, "as_proposed": _json(spec)}
        return answer.model_copy(update={"duplicated_from": origin.campaign_id}), creation.model_copy(
            update=more
        )

    # --- the creation ---------------------------------------------------------------------------------------

    async def stale(self, proposal: Proposal, creation: ProposedCreation) -> str:
        """Return the reason of a copy whose campaign changed since it was proposed, or ""."""
        if creation.copy_request is None or proposal.campaign_id is not None:
            return ""
        request = parse(DuplicateCampaign, creation.copy_request)
        spec, origin = await self._duplicates.spec(request, _context(proposal))
        names = [name for name, value in _json(spec).items() if value != creation.as_proposed.get(name)]
        return wording.stale([f"{origin.campaign_id} ({name})" for name in names]) if names else ""

    async def open(self, proposal: Proposal, creation: ProposedCreation) -> Opened:
        """Open the creation under the key of its proposal; the same one again where it is open already."""
        spec = parse(CreateCampaign, creation.request)
        if proposal.campaign_id is not None:
            return Opened(proposal.campaign_id, spec.platform, is_new=False)
        origin = None
        if creation.copied_from is not None:
            origin = Origin(creation.copied_from, parse(DuplicateCampaign, creation.copy_request))
        return await self._campaigns.open_creation(spec, _context(proposal), origin=origin)

    async def run(self, proposal: Proposal, opened: Opened, wait_seconds: int) -> Proposal:
        """Create the campaign, or wait for the process that does; return the proposal with its outcome."""
        context = _context(proposal).model_copy(update={"wait_seconds": wait_seconds})
        await self._runner.run(opened, context)
        creation = await self._campaigns.load(proposal.tenant, opened.campaign_id)
        if creation.is_open:
            return proposal.model_copy(update={"note": wording.GOES_ON})
        receipts = await self._receipts(creation)
        if creation.state == "created":
            stopped = [STARTS_STOPPED] if STARTS_STOPPED in creation.warnings else []
            done = {"state": state_of(receipts), "note": "; ".join([wording.ended(receipts), *stopped])}
        else:
            failure = (creation.failure or {}).get("message", "")
            done = {"state": "rolled_back", "note": f"{wording.CREATION_ENDED[creation.state]}: {failure}"}
        return proposal.model_copy(update={**done, "receipts": receipts})

    async def _receipts(self, creation: Creation) -> list[Receipt]:
        """Return one receipt for each object; a creation ends as created once all of them were read back."""
        trail = await self._audit.since(creation.tenant, creation.campaign_id, creation.created_at)
        is_read = creation.state == "created"
        return [
            receipt_of(record).model_copy(update={"read_back": record.after if is_read else None})
            for record in trail
            if record.operation == "create" and record.outcome == "applied"
        ]


def _context(proposal: Proposal) -> Context:
    """Return the approver as the caller, under the key that makes the creation happen once."""
    person = (proposal.decided_by or proposal.proposed_by).partition(":")[2]
    return Context(
        user_id=proposal.tenant,
        person=person or None,
        idempotency_key=f"proposal:{proposal.proposal_id}",
        language=proposal.language,
        asked_ms=proposal.decided_ms,  # a stop since then holds for a creation that is opened later
    )


def _texts(creation: Creation) -> list[GivenTexts]:
    return [
        # Some platforms show no description: an empty one is no text of the caller's.
        GivenTexts.model_validate(
            {"creative_id": name, **{part: text for part, text in parts.items() if text}}
        )
        for name, copy in creation.copies.items()
        if (parts := copy.model_dump(exclude={"source"}))
    ]


def _json(model: CreateCampaign | DuplicateCampaign) -> dict[str, Any]:
    """Return a request as it would be sent, to be parsed again."""
    return model.model_dump(mode="json")
