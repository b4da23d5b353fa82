"""Changes of what exists, their trail, and taking them back."""

from __future__ import annotations

from campaign_automation.actions.kinds import changes, reads
from campaign_automation.models.changes import (
    CampaignManaged,
    ChangeUndone,
    GetAudit,
    ManageCampaign,
    UndoChange,
)

ACTIONS = {
    "manage_campaign": changes("manage_campaign", ManageCampaign, CampaignManaged, "control", "manage"),
    "get_audit": reads(GetAudit, "history", "trail"),
    "undo_change": changes("undo_change", UndoChange, ChangeUndone, "history", "undo"),
}
