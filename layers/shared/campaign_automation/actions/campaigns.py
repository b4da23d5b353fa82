"""The actions on campaigns: create, copy, add to and show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from campaign_automation.actions.action import Key, action, proposal_as_it_is_now
from campaign_automation.managers.shared.idempotency import Now
from campaign_automation.models.campaigns import (
    CampaignAccepted,
    CampaignCreated,
    CampaignStatus,
    CreateCampaign,
    GetCampaignStatus,
)
from campaign_automation.models.common import Context
from campaign_automation.models.creation.additions import AddAds, AdsAdded, AdsAnswer
from campaign_automation.models.creation.duplicates import DuplicateCampaign
from campaign_automation.models.creation.replacements import CopyReplaced, ReplaceCopy
from campaign_automation.models.proposals import ProposalMade

if TYPE_CHECKING:
    from campaign_automation.wiring import Wiring


@action("POST", "/v1/campaigns", key=Key.CAMPAIGN, success=201, refresh=proposal_as_it_is_now)
async def create_campaign(
    parts: Wiring, request: CreateCampaign, caller: Context
) -> CampaignCreated | CampaignAccepted | ProposalMade:
    """Create a whole campaign, paused, or tell that its creation goes on."""
    if request.proposes:
        return await parts.proposal_requests.create(request, caller)
    opened = await parts.campaigns.open_creation(request, caller)
    await parts.runner.run(opened, caller)
    return await parts.campaigns.outcome(caller.user_id, opened)


@action(
    "POST",
    "/v1/campaigns/{campaign_id}/duplicate",
    key=Key.CAMPAIGN,
    success=201,
    refresh=proposal_as_it_is_now,
)
async def duplicate_campaign(
    parts: Wiring, request: DuplicateCampaign, caller: Context
) -> CampaignCreated | CampaignAccepted | ProposalMade:
    """Create a copy of a campaign, paused, on the same or another platform or account."""
    if request.proposes:
        return await parts.proposal_requests.duplicate(request, caller)
    opened = await parts.duplicates.open(request, caller)
    await parts.runner.run(opened, caller)
    return await parts.campaigns.outcome(caller.user_id, opened)


async def _ads_as_they_are_now(parts: Wiring, caller: Context, answer: AdsAnswer) -> Now:
    return await parts.additions.as_it_is_now(answer, caller)


@action("POST", "/v1/campaigns/{campaign_id}/ads", key=Key.DERIVED, refresh=_ads_as_they_are_now)
async def add_ads(parts: Wiring, request: AddAds, caller: Context) -> AdsAdded:
    """Add ads of further creatives to a campaign, paused, to all or some of its ad sets."""
    return await parts.additions.add(request, caller)


@action("PATCH", "/v1/campaigns/{campaign_id}/ads", key=Key.GIVEN, refresh=_ads_as_they_are_now)
async def replace_copy(parts: Wiring, request: ReplaceCopy, caller: Context) -> CopyReplaced:
    """Give ads other texts: in place on Google Ads, elsewhere by new ads in the old ones' place."""
    return await parts.replacements.replace(request, caller)


@action("GET", "/v1/campaigns/{campaign_id}")
async def get_campaign_status(parts: Wiring, request: GetCampaignStatus, caller: Context) -> CampaignStatus:
    """Show a campaign, its ad sets and its ads with today's figures."""
    return await parts.status.status(request, caller)
