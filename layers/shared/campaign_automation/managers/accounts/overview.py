"""The ad accounts of a tenant: the active ones and those of its campaigns, with caps and spend."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from zoneinfo import ZoneInfo

from campaign_automation.adapters.base import Access
from campaign_automation.managers.accounts.accounts_read import PATIENCE, AccountReader
from campaign_automation.managers.changes.commitments import Commitments
from campaign_automation.managers.shared.accounts import AccountDirectory, days_left
from campaign_automation.managers.shared.platform_access import PlatformAccount
from campaign_automation.models.accounts import AccountList, AccountShown, ListAccounts
from campaign_automation.models.campaigns import TokenHealth
from campaign_automation.models.common import Context, Level, Objective, Platform
from campaign_automation.stores.campaign_rows import Listed
from campaign_automation.stores.campaign_store import CampaignStore
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import CampaignAutomationError


class AccountOverview:
    def __init__(
        self,
        store: CampaignStore,
        accounts: AccountDirectory,
        reader: AccountReader,
        commitments: Commitments,
        platforms: Sequence[Platform],
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._reader = reader
        self._commitments = commitments
        self._platforms = platforms

    async def accounts(self, request: ListAccounts, context: Context) -> AccountList:
        """Return the accounts, each read now; one that cannot be read has its `problem`."""
        listed = await self._store.campaigns(context.user_id)
        wanted = [item for item in self._platforms if request.platform in (None, item)]
        active = await asyncio.gather(*(self._active(context.user_id, item) for item in wanted))
        known = {(platform, number): True for platform, number in zip(wanted, active, strict=True) if number}
        for item in listed:
            platform = Platform(item.platform)
            if platform in wanted:
                known.setdefault((platform, item.account), False)
        shown = await asyncio.gather(
            *(
                self._account(context.user_id, platform, number, listed, is_active=is_active)
                for (platform, number), is_active in known.items()
            )
        )
        return AccountList(accounts=shown)

    async def _active(self, tenant: str, platform: Platform) -> str | None:
        try:
            return await self._accounts.choose(tenant, platform, None)
        except CampaignAutomationError:
            return None  # none is connected

    async def _account(
        self, tenant: str, platform: Platform, number: str, listed: Sequence[Listed], *, is_active: bool
    ) -> AccountShown:
        own = Counter((item.platform, item.account) for item in listed)[platform, number]
        shown = AccountShown(platform=platform, ad_account_id=number, is_active=is_active, campaigns=own)
        try:
            access = await self._accounts.access(tenant, platform, number)
            shown = shown.model_copy(
                update={
                    "platform_account_id": access.platform_account_id,
                    "token": TokenHealth(expires_at=access.expires_at, days_left=days_left(access)),
                }
            )
            opened = await self._reader.open(tenant, platform, number)
        except CampaignAutomationError as error:
            return shown.model_copy(update={"problem": f"{error.code}: {error.message}"})
        account = opened.account
        committed = await self._store.committed(tenant, account.platform_account_id)
        ids = await self._running(tenant, committed)
        return shown.model_copy(
            update={
                "currency": account.currency,
                "time_zone": account.time_zone,
                "daily_budget_cap": await self._commitments.cap_of(account),
                "committed_daily_budget": sum(committed.values(), Decimal(0)),
                "spend_today": await _spend(opened, ids),
            }
        )

    async def _running(self, tenant: str, committed: dict[str, Decimal]) -> list[str]:
        """Return the platform's ids of the campaigns that may spend."""
        loaded = await asyncio.gather(*(self._store.campaign(tenant, item) for item in committed))
        return [item.root_id for item in loaded if item is not None]


async def _spend(opened: PlatformAccount, ids: Sequence[str]) -> Decimal | None:
    """Return today's spend of campaigns; None when the platform does not tell."""
    if not ids:
        return Decimal(0)
    today = clock.day_of(clock.now(), ZoneInfo(opened.account.time_zone))

    async def read(access: Access) -> list[Decimal | None]:
        adapter = opened.adapter
        rows = await adapter.read_daily(access, Level.CAMPAIGN, ids, today, today, Objective.SALES)
        return [row.spend for row in rows]

    try:
        amounts = await opened.ask("read_daily", PATIENCE, read)
    except CampaignAutomationError:
        return None
    known = [amount for amount in amounts if amount is not None]
    return sum(known, Decimal(0)) if len(known) == len(amounts) else None
