"""The states that a person has to end: a refused token, refused ads, a cap that is reached.

They show in answers as well, but a rule that runs at night has no reader. Each is stored once when it begins,
and the next sweep of the outbox sends it: no call waits for that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any
from zoneinfo import ZoneInfo

from campaign_automation.adapters.base import Access
from campaign_automation.adapters.tree import AdNode, Tree
from campaign_automation.managers.notices import wording
from campaign_automation.managers.notices.events import person_needed
from campaign_automation.managers.shared.accounts import days_left
from campaign_automation.managers.shared.notices import Notices
from campaign_automation.models.campaign import Campaign
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import CampaignAutomationError
from campaign_automation.utils.observability import logger

# The platforms' words for an ad that a review refused.
_REFUSED = ("DISAPPROVED", "AUDIT_DENY", "REJECT")
_CAP = "account_cap"
_TOLD_WITHIN = (3, 14)  # days


class StateNotices:
    def __init__(self, notices: Notices) -> None:
        self._notices = notices
        self._told: set[tuple[str, str]] = set()  # by this process, which need not ask the store again

    async def token_refused(
        self, tenant: str, platform: str, account: str, access: Access | None, url: str | None
    ) -> None:
        """Tell of a token that is refused for good; a new token that is refused is told anew."""
        mark = _mark([access.token.get_secret_value()]) if access else "none"
        notice = wording.token_expired(platform, account, url)
        await self._tell(tenant, f"token-{platform}-{account}-{mark}", notice)

    async def token_expires(
        self, tenant: str, platform: str, account: str, access: Access, url: str | None
    ) -> None:
        """Tell of a token that ends within two weeks, and again within three days."""
        days = days_left(access)
        within = next((limit for limit in _TOLD_WITHIN if days is not None and 0 <= days <= limit), None)
        if within is None or days is None:
            return
        mark = _mark([access.token.get_secret_value(), str(access.expires_at)])
        notice = wording.token_expires(platform, account, days, url)
        await self._tell(tenant, f"token-ends-{within}-{platform}-{account}-{mark}", notice)

    async def ads_refused(self, campaign: Campaign, tree: Tree) -> None:
        """Tell of our ads that a review has refused; told anew when others are, or for other reasons."""
        ours = {entry.platform_id for entry in campaign.objects.values()}
        refused = [ad for ad in tree.ads if ad.platform_id in ours and _is_refused(ad)]
        if refused:
            mark = _mark(sorted(f"{ad.platform_id} {sorted(ad.issues)}" for ad in refused))
            notice = wording.ads_refused(campaign.campaign_id, campaign.name, refused)
            refused_id = f"refused-{campaign.campaign_id}-{mark}"
            await self._tell(campaign.tenant, refused_id, notice, campaign.campaign_id)

    async def held_back(self, campaign: Campaign, reasons: Iterable[str]) -> None:
        """Tell of an account's cap that holds back automatic changes, once a day of the account."""
        parts = [reason.partition(": ") for reason in reasons]
        held_back = [words for code, _, words in parts if code == _CAP]
        if held_back:
            account = campaign.account.platform_account_id
            day = clock.day_of(clock.now(), ZoneInfo(campaign.account.time_zone))
            notice = wording.cap_reached(campaign.campaign_id, account, held_back[0])
            cap_id = f"cap-{campaign.platform}-{account}-{day}"
            await self._tell(campaign.tenant, cap_id, notice, campaign.campaign_id)

    async def _tell(
        self, tenant: str, notice_id: str, arguments: dict[str, Any], campaign_id: str | None = None
    ) -> None:
        if (tenant, notice_id) in self._told:
            return
        self._told.add((tenant, notice_id))
        try:
            needed = person_needed(tenant, notice_id, arguments, campaign_id)
            await self._notices.leave(tenant, notice_id, arguments, events=[needed])
        except CampaignAutomationError as error:  # functions that only read may not write
            logger.warning("state not told", notice_id=notice_id, reason=error.message)


def _is_refused(ad: AdNode) -> bool:
    return any(word in text for text in (ad.platform_status, *ad.issues) for word in _REFUSED)


def _mark(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
