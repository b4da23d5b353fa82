"""Campaigns made, and campaigns as they are."""

from __future__ import annotations

from pydantic import BaseModel

from campaign_automation.actions.kinds import Action, reads
from campaign_automation.models import Context, CreateCampaign, GetCampaignStatus
from campaign_automation.wiring import Wiring


async def _create(wiring: Wiring, spec: CreateCampaign, context: Context) -> BaseModel:
    opened = await wiring.campaigns.open_creation(spec, context)
    await wiring.runner.run(opened, context)
    return await wiring.campaigns.outcome(context.user_id, opened.campaign_id)


ACTIONS = {
    "create_campaign": Action(CreateCampaign, _create, "campaigns"),
    "get_campaign_status": reads(GetCampaignStatus, "status", "status"),
}
