"""A user with many ad accounts on one platform in memory."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from campaign_automation.adapters.base import Access, DailyInsight
from campaign_automation.models.accounts import FoundCampaign
from campaign_automation.models.common import AdAccount
from campaign_automation.utils import clock
from tests.support.fake_adapter import FakeAdapter
from tests.support.one_tenant import OneTenant
from tests.support.web_platform import MemoryWebPlatform

WEEK = 7


class EveryAccount(MemoryWebPlatform):
    """Each number is an account of each user, which Meta calls act_<number>."""

    def _read(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        answer = super()._read(name, arguments)
        if name == "get_ad_account_token":
            answer |= {"platform": "meta", "platform_account_id": f"act_{arguments['ad_account_id']}"}
        return answer


class ManyAccounts(FakeAdapter):
    """Meta with campaigns in several accounts."""

    def __init__(self, platform: str = "meta") -> None:
        super().__init__(platform)
        self.homes: dict[str, str] = {}  # the account of each campaign, by the platform's ids

    def campaign_in(self, number: int, name: str, *spends: int) -> str:
        """Make a running campaign in an account, with an ad set for each amount that it spends a day."""
        root = self.elsewhere(name, created_at=clock.now() - timedelta(days=3 * WEEK))
        self.homes[root] = f"act_{number}"
        for spend in spends:
            adset_id = self.add_by_hand(root, f"{name} {spend}", 30)
            self.change(adset_id, unread=[], issues=[])
            self.daily += [
                DailyInsight(
                    entity_id=adset_id,
                    campaign_id=root,
                    adset_id=adset_id,
                    day=clock.now().date() - timedelta(days=age),
                    spend=Decimal(spend),
                    impressions=1000,
                    clicks=50,
                    conversions=Decimal(5),
                    revenue=Decimal(90),
                )
                for age in range(1, WEEK + 2)
            ]
        return root

    async def list_campaigns(self, access: Access, account: AdAccount) -> list[FoundCampaign]:
        found = await super().list_campaigns(access, account)
        return [item for item in found if self.homes[item.platform_id] == access.platform_account_id]

    async def describe_account(self, access: Access) -> AdAccount:
        found = await super().describe_account(access)
        return found.model_copy(update={"platform_account_id": access.platform_account_id})


def house_of(adapter: ManyAccounts, *numbers: int, **more: Any) -> OneTenant:
    """Return a tenant who has taken in the campaigns of these accounts."""
    house = OneTenant(adapter, web_platform=EveryAccount(), ACCOUNT_DAILY_BUDGET_CAPS="USD:100000000", **more)
    for number in numbers:
        house.done("import_campaigns", {"all": True, "ad_account_id": str(number)})
    return house
