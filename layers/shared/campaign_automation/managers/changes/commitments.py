"""The account cap: the daily spend that the active campaigns of an account may commit together."""

from __future__ import annotations

from decimal import Decimal

from campaign_automation.managers.changes import wording
from campaign_automation.managers.changes.guards import Limits, Refusal, cap_in, check_account, check_switch
from campaign_automation.managers.shared.switches import Switches
from campaign_automation.models.campaign import Campaign
from campaign_automation.models.common import AdAccount
from campaign_automation.stores.campaign_rows import commitment_write
from campaign_automation.stores.campaign_store import CampaignStore
from campaign_automation.stores.table import Operation
from campaign_automation.utils.error_handler import GuardRefusedError, StoreError


class Commitments:
    """The committed daily budgets of active campaigns, written before anything that raises them is sent."""

    def __init__(self, store: CampaignStore, limits: Limits, switches: Switches) -> None:
        self._store = store
        self._limits = limits
        self._switches = switches

    async def check_creation(
        self, tenant: str, account: AdAccount, daily_budget: Decimal, *, activate: bool
    ) -> None:
        """Raise GuardRefusedError when a cap stands against the first write of a creation.

        A campaign that stays paused spends nothing, so it may be created before the account has a cap.
        """
        total = sum((await self._committed(tenant, account)).values(), daily_budget)
        account_refusal = await self._check(account, total)
        if account_refusal and account_refusal.code == "limit_missing" and not activate:
            account_refusal = None
        refusal = check_switch(self._limits) or account_refusal
        if refusal:
            raise GuardRefusedError(refusal.message, guard=refusal.code)

    async def raise_to(self, campaign: Campaign, amount: Decimal) -> Refusal | None:
        """Commit `amount` for the campaign, unless the account's cap refuses it.

        The amount is in the account currency's major unit, a day.
        """
        try:
            before = await self._of(campaign)
        except StoreError as error:
            return _unreadable(error)
        if before == amount:
            return None
        # Written first and summed afterwards: of two raises at once each sees the other, so that the cap
        # holds without a lock on the account. Both may be refused; neither can pass unseen.
        await self._commit(campaign, amount)
        try:
            committed = await self._committed(campaign.tenant, campaign.account)
        except StoreError as error:
            refusal: Refusal | None = _unreadable(error)
        else:
            committed[campaign.campaign_id] = amount
            refusal = await self._check(campaign.account, sum(committed.values(), Decimal(0)))
        if refusal:
            await self._commit(campaign, before)
        return refusal

    async def new(self, campaign: Campaign, amount: Decimal) -> Operation | None:
        """Return the write of the `amount` that the campaign may spend now; None where that is committed.

        It may be a higher one that others have set, and takes the place of one that cannot be read.
        """
        try:
            if amount == await self.standing(campaign):
                return None
        except StoreError:
            pass  # a new one takes its place
        account_id = campaign.account.platform_account_id
        return commitment_write(campaign.tenant, account_id, campaign.campaign_id, amount or None)

    async def cap_of(self, account: AdAccount) -> Decimal | None:
        """Return the stricter cap of setting and row; None without any, which refuses every raise."""
        own = await self._switches.cap(account.platform_account_id, account.currency)
        stated = cap_in(self._limits, account.platform_account_id, account.currency)
        return min((cap for cap in (own, stated) if cap is not None), default=None)

    async def over_cap(self, account: AdAccount, total: Decimal) -> Refusal | None:
        """Return the refusal of raises in an account whose campaigns may spend `total` a day."""
        return await self._check(account, total)

    async def standing(self, campaign: Campaign) -> Decimal:
        """Return what the campaign commits a day in the account currency's major unit, 0 for nothing."""
        return await self._of(campaign) or Decimal(0)

    async def release(self, tenant: str, account: AdAccount, campaign_id: str) -> None:
        """Forget the commitment of a campaign that spends nothing any more."""
        await self._store.commit(tenant, account.platform_account_id, campaign_id, None)

    async def _check(self, account: AdAccount, total: Decimal) -> Refusal | None:
        """Check the total against the setting's cap and the one that operators set: the stricter holds."""
        who = account.platform_account_id, account.currency
        if refusal := check_account(total, *who, self._limits):
            return refusal
        try:
            cap = await self._switches.cap(*who)
        except StoreError:
            return Refusal("account_cap", wording.CAPS_UNREADABLE)
        if cap is None:
            return None
        return check_account(total, *who, self._limits._replace(account_caps={account.currency: cap}))

    async def _of(self, campaign: Campaign) -> Decimal | None:
        account_id = campaign.account.platform_account_id
        return await self._store.commitment(campaign.tenant, account_id, campaign.campaign_id)

    async def _committed(self, tenant: str, account: AdAccount) -> dict[str, Decimal]:
        return await self._store.committed(tenant, account.platform_account_id)

    async def _commit(self, campaign: Campaign, amount: Decimal | None) -> None:
        account_id = campaign.account.platform_account_id
        await self._store.commit(campaign.tenant, account_id, campaign.campaign_id, amount)


def _unreadable(error: StoreError) -> Refusal:
    """Return the refusal of a raise while the commitments hold no amount. Raises an error that may pass."""
    if error.retryable:
        raise error
    return Refusal("account_cap", wording.COMMITMENTS_UNREADABLE)
