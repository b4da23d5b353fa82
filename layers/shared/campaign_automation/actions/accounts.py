"""The actions on whole accounts: find, list, take in and release campaigns; and the health of the module."""

from __future__ import annotations

from typing import TYPE_CHECKING

from campaign_automation.actions.action import Key, action
from campaign_automation.models.accounts import (
    AccountCampaigns,
    AccountList,
    CampaignList,
    CampaignReleased,
    CampaignsImported,
    CheckHealth,
    GetHealth,
    Health,
    ImportCampaigns,
    ListAccountCampaigns,
    ListAccounts,
    ListCampaigns,
    PartsChecked,
    ReleaseCampaign,
)
from campaign_automation.models.accounts.ab_test_lists import AbTestList, AbTestShown, GetAbTest, ListAbTests
from campaign_automation.models.common import Context, Role
from campaign_automation.settings import module_version

if TYPE_CHECKING:
    from campaign_automation.wiring import Wiring


@action("GET", "/v1/campaigns")
async def list_campaigns(parts: Wiring, request: ListCampaigns, caller: Context) -> CampaignList:
    """List the caller's campaigns with their last known figures, a page at a time."""
    return await parts.lists.campaigns(request, caller)


@action("GET", "/v1/ab-tests")
async def list_ab_tests(parts: Wiring, request: ListAbTests, caller: Context) -> AbTestList:
    """List the caller's A/B tests, a page at a time."""
    return await parts.lists.ab_tests(request, caller)


@action("GET", "/v1/ab-tests/{test_id}")
async def get_ab_test(parts: Wiring, request: GetAbTest, caller: Context) -> AbTestShown:
    """Show an A/B test with its state and the sample that it needs."""
    return await parts.lists.ab_test(request, caller)


@action("GET", "/v1/ad-accounts")
async def list_accounts(parts: Wiring, request: ListAccounts, caller: Context) -> AccountList:
    """List the caller's ad accounts with token, caps, commitments and today's spend."""
    return await parts.account_overview.accounts(request, caller)


@action("GET", "/v1/account-campaigns")
async def list_account_campaigns(
    parts: Wiring, request: ListAccountCampaigns, caller: Context
) -> AccountCampaigns:
    """List what the platform has in an ad account, with ours marked."""
    return await parts.adoption.show(request, caller)


@action("POST", "/v1/campaign-imports", key=Key.GIVEN)
async def import_campaigns(parts: Wiring, request: ImportCampaigns, caller: Context) -> CampaignsImported:
    """Take in campaigns that were made elsewhere; nothing is written to the platform."""
    return await parts.adoption.take_in(request, caller)


@action("POST", "/v1/campaigns/{campaign_id}/release", key=Key.GIVEN)
async def release_campaign(parts: Wiring, request: ReleaseCampaign, caller: Context) -> CampaignReleased:
    """Forget a campaign that was taken in; on its platform nothing changes."""
    return await parts.adoption.release(request, caller)


@action("GET", "/v1/health", public=True)
async def get_health(parts: Wiring, request: GetHealth, caller: Context) -> Health:
    """Tell that the module answers, to anybody."""
    # No part is built for it: it answers also where the settings of one are wrong.
    return Health(version=module_version())


@action("GET", "/v1/health/parts", role=Role.OPERATOR)
async def check_health(parts: Wiring, request: CheckHealth, caller: Context) -> PartsChecked:
    """Ask table, cache, Web Platform, outbox and schedules how they are."""
    return await parts.health.parts(request, caller)
