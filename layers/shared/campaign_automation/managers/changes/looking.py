"""Looks at a campaign before and after a change: the objects that the change is about, as they are now."""

from __future__ import annotations

from collections.abc import Iterable

from campaign_automation.adapters.base import Access
from campaign_automation.adapters.tree import Depth, Tree
from campaign_automation.managers.changes.items import DesiredChange
from campaign_automation.managers.shared.platform_access import Patience, PlatformAccount
from campaign_automation.managers.shared.view import CampaignView
from campaign_automation.models.campaign import Campaign
from campaign_automation.models.changes import AuditRecord
from campaign_automation.models.common import Level
from campaign_automation.utils.error_handler import CampaignAutomationError, PlatformError
from campaign_automation.utils.observability import logger

PATIENCE = Patience(total=10.0, waits_as_asked=True)
_LOOKS = 2  # for a campaign that is not shown: one odd answer hinders no change
# A read that is refused or fails hinders no stop of spend: a closed account, lists that are down, throttling.
_HINDERS_NO_STOP = ("1003", "1004", "1005", "4002")


def depth_of(items: Iterable[DesiredChange | AuditRecord]) -> Depth:
    """Return how much a look at a campaign has to tell for these changes; none needs its targeting."""
    return "ads" if any(item.level is Level.AD for item in items) else "adsets"


async def look_at(
    platform: PlatformAccount, campaign: Campaign, *, depth: Depth = "whole", is_stop: bool = False
) -> CampaignView:
    """Read the campaign as it is now.

    A campaign that is not shown has a view without a tree; so has, for a stop of spend, one that cannot be
    read. Raises the PlatformError of any other read that fails.
    """

    async def read(access: Access) -> Tree:
        target = access, campaign.root_id, campaign.account.currency
        return await platform.adapter.read_tree(*target, depth=depth)

    unseen: PlatformError | None = None
    for _ in range(_LOOKS):
        try:
            return CampaignView(campaign, await platform.ask("read_tree", PATIENCE, read))
        except PlatformError as error:
            if error.code != "5000" and not (is_stop and error.code in _HINDERS_NO_STOP):
                raise
            unseen = error
            if error.code != "5000":
                break
    logger.warning("campaign not visible", campaign_id=campaign.campaign_id)
    return CampaignView(campaign, None, unseen)


async def look_after(platform: PlatformAccount, campaign: Campaign, *, depth: Depth) -> CampaignView | None:
    """Read the campaign after a change; None when the platform cannot be read.

    The change that was sent then stays open until the next run settles it.
    """
    try:
        return await look_at(platform, campaign, depth=depth)
    except CampaignAutomationError as error:
        logger.warning("not read back", campaign_id=campaign.campaign_id, reason=error.message)
        return None
