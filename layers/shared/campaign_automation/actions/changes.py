"""The actions on existing campaigns: change, list the changes, and undo them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from campaign_automation.actions.action import Key, action, proposal_as_it_is_now
from campaign_automation.managers.shared.idempotency import Now
from campaign_automation.models.changes import (
    AuditTrail,
    CampaignManaged,
    CampaignUpdated,
    ChangeUndone,
    GetAudit,
    ManageCampaign,
    UndoChange,
    UpdateCampaign,
)
from campaign_automation.models.common import Context
from campaign_automation.models.proposals import ProposalMade

if TYPE_CHECKING:
    from campaign_automation.wiring import Wiring


async def _as_it_is_now(parts: Wiring, caller: Context, answer: CampaignManaged) -> Now:
    return await parts.control.as_it_is_now(answer, caller)


@action("POST", "/v1/campaigns/{campaign_id}/status", key=Key.GIVEN, destructive=True, refresh=_as_it_is_now)
async def manage_campaign(parts: Wiring, request: ManageCampaign, caller: Context) -> CampaignManaged:
    """Pause, start or delete a campaign or parts of it."""
    return await parts.control.manage(request, caller)


@action("PATCH", "/v1/campaigns/{campaign_id}", key=Key.GIVEN, refresh=proposal_as_it_is_now)
async def update_campaign(
    parts: Wiring, request: UpdateCampaign, caller: Context
) -> CampaignUpdated | ProposalMade:
    """Change budgets, targets, name, end and bid strategy of a campaign."""
    if request.proposes:
        return await parts.proposal_requests.update(request, caller)
    return await parts.updates.update(request, caller)


@action("GET", "/v1/campaigns/{campaign_id}/audit")
async def get_audit(parts: Wiring, request: GetAudit, caller: Context) -> AuditTrail:
    """List the changes of a campaign with actor, reason, before, after and evidence."""
    return await parts.history.trail(request, caller)


@action("POST", "/v1/campaigns/{campaign_id}/undo", key=Key.GIVEN)
async def undo_change(parts: Wiring, request: UndoChange, caller: Context) -> ChangeUndone:
    """Put back what one run changed, as far as the guards allow."""
    return await parts.history.undo(request, caller)
