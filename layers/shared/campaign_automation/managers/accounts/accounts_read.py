"""One ad account of a tenant as its platform shows it: description, campaigns, and whose they are."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Literal, NamedTuple

from campaign_automation.managers.shared.accounts import AccountDirectory, with_access
from campaign_automation.managers.shared.platform_access import Patience, PlatformAccount, Platforms
from campaign_automation.models.accounts import FoundCampaign
from campaign_automation.stores.campaign_store import CampaignStore
from campaign_automation.stores.operations.tags import TagStore
from campaign_automation.utils.error_handler import InvalidRequestError

_AT_ONCE = 16  # campaigns whose owner is looked up at the same time
PATIENCE = Patience(total=8.0, attempt=15.0)  # the gateway gives up after 29 s


class Owner(NamedTuple):
    """The tenant of this deployment that has a campaign, and our id of it."""

    tenant: str
    campaign_id: str


class OwnedCampaign(NamedTuple):
    """A campaign of the account. `owner` is None for one that is nobody's here."""

    found: FoundCampaign
    owner: Owner | None

    def is_of(self, tenant: str) -> Literal["ours", "nobody", "other_tenant"]:
        if self.owner is None:
            return "nobody"
        return "ours" if self.owner.tenant == tenant else "other_tenant"


class AccountReader:
    def __init__(
        self, store: CampaignStore, tags: TagStore, accounts: AccountDirectory, platforms: Platforms
    ) -> None:
        self._store = store
        self._tags = tags
        self._accounts = accounts
        self._platforms = platforms

    async def open(self, tenant: str, platform: str, ad_account_id: str | None) -> PlatformAccount:
        """Return the given account, or the tenant's active one. Raises AccountError when it has none."""
        if not self._platforms.has(platform):
            raise InvalidRequestError(f"platform: {platform} is not available here", field="platform")
        number = await self._accounts.choose(tenant, platform, ad_account_id)
        adapter = self._platforms.adapter(platform)
        account = await with_access(self._accounts, tenant, platform, number, adapter.describe_account)
        return self._platforms.of(tenant, platform, account.model_copy(update={"ad_account_id": number}))

    async def campaigns(self, opened: PlatformAccount) -> list[OwnedCampaign]:
        """Return all live campaigns of the account in the order of their ids, with their owners here."""

        found = await opened.ask(
            "list_campaigns",
            PATIENCE,
            lambda access: opened.adapter.list_campaigns(access, opened.account),
        )
        owners = await self._owners(opened, found)
        ordered = sorted(found, key=lambda item: (len(item.platform_id), item.platform_id))
        return [OwnedCampaign(item, owners.get(item.platform_id)) for item in ordered]

    async def _owners(self, opened: PlatformAccount, found: Iterable[FoundCampaign]) -> dict[str, Owner]:
        """Return the owners of campaigns, by the platform's ids: those that took them in or made them."""
        known = await self._tags.known(opened.adapter.platform, opened.account.platform_account_id)
        limit = asyncio.Semaphore(_AT_ONCE)

        async def maker(item: FoundCampaign, tag: str) -> tuple[str, Owner] | None:
            async with limit:
                is_made = await self._is_made_by(known.tags[tag], tag, item.platform_id)
            return (item.platform_id, Owner(*known.tags[tag])) if is_made else None

        owners = {name: Owner(*owner) for name, owner in known.imported.items()}
        others = [(item, item.name.rpartition(" ")[2]) for item in found if item.platform_id not in owners]
        makers = await asyncio.gather(*(maker(item, tag) for item, tag in others if tag in known.tags))
        owners |= dict(filter(None, makers))
        # A campaign that was made before tags were kept is found by its id alone.
        left = [item.platform_id for item, _ in others if item.platform_id not in owners]
        ours = await self._store.resolve_each(opened.tenant, left)
        return owners | {name: Owner(opened.tenant, campaign_id) for name, campaign_id in ours.items()}

    async def _is_made_by(self, owner: tuple[str, str], tag: str, platform_id: str) -> bool:
        """Return whether the creation made this very campaign, and not somebody a copy of it."""
        creation = await self._store.load(*owner)
        if creation is None:
            return False
        # One whose creation has still to end may not know its id yet.
        return creation.is_open or creation.platform_id(tag) == platform_id
