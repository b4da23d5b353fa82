"""The calls of a platform with the account's token, its renewal, and retries."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from campaign_automation.adapters.base import Access, PlatformAdapter
from campaign_automation.adapters.tree import Tree, Trees
from campaign_automation.managers.notices.states import StateNotices
from campaign_automation.managers.shared.accounts import AccountDirectory, with_access
from campaign_automation.models.common import AdAccount
from campaign_automation.utils.error_handler import PlatformAuthError, PlatformError, not_in_time
from campaign_automation.utils.retry_strategy import ATTEMPT_TIMEOUT_SECONDS, with_retries

T = TypeVar("T")

TREES_AT_ONCE = 50  # campaigns of one request, where the platform has such requests
_PARTS_AT_ONCE = 4


class Patience(NamedTuple):
    """The longest wait in seconds: for all attempts with the pauses between them, and for one attempt.

    `waits_as_asked`: a pause that the platform asks for may be as long as the caller's deadline allows.
    """

    total: float
    attempt: float = ATTEMPT_TIMEOUT_SECONDS
    waits_as_asked: bool = False


@dataclass(frozen=True)
class PlatformAccount:
    """One ad account of a tenant, with the adapter, token and retries of its platform's calls."""

    adapter: PlatformAdapter
    accounts: AccountDirectory
    tenant: str
    account: AdAccount
    connect_url: str | None
    states: StateNotices | None = None

    async def call(self, call: Callable[[Access], Awaitable[T]]) -> T:
        """Return the answer of `call`; a refused token is read anew once, and then told to its
        owner, and so is one that ends soon."""
        platform, used = self.adapter.platform, None

        async def remembered(access: Access) -> T:
            nonlocal used
            used = access
            return await call(access)

        account = self.account.ad_account_id or self.account.platform_account_id
        who = self.accounts, self.tenant, platform, account
        try:
            answer = await with_access(*who, remembered, connect_url=self.connect_url)
        except PlatformAuthError as error:
            if error.code == "6001" and self.states is not None:
                known, url = self.account.platform_account_id, error.details.get("action_url")
                await self.states.token_refused(self.tenant, platform, known, used, url)
            raise
        if used is not None and self.states is not None:
            url = self.connect_url and self.connect_url.replace("{platform}", platform)
            known = self.account.platform_account_id
            await self.states.token_expires(self.tenant, platform, known, used, url)
        return answer

    async def ask(self, what: str, patience: Patience, call: Callable[[Access], Awaitable[T]]) -> T:
        """Return the answer of `call`, retried after passing failures: for reads and absolute values."""
        return await self.retried(what, patience, lambda: self.call(call))

    async def trees(self, campaign_ids: Sequence[str], patience: Patience) -> Trees:
        """Return campaigns of the account by platform id, the error of one that was not read in its place.

        Some are read at the same time, and the time of each part is its own. Raises the platform's error when
        none of a part can be read.
        """
        at_once = asyncio.Semaphore(_PARTS_AT_ONCE)

        async def part(ids: Sequence[str]) -> Trees:
            async with at_once:
                return await self._trees(ids, patience)

        starts = range(0, len(campaign_ids), TREES_AT_ONCE)
        parts = await asyncio.gather(*(part(campaign_ids[at : at + TREES_AT_ONCE]) for at in starts))
        return {item: tree for found in parts for item, tree in found.items()}

    async def _trees(self, ids: Sequence[str], patience: Patience) -> Trees:
        found: Trees = {}

        async def read(access: Access) -> None:
            # Again only what failed before.
            left = [item for item in ids if not isinstance(found.get(item), Tree)]
            found.update(await self.adapter.read_trees(access, left, self.account.currency))
            for tree in found.values():
                if isinstance(tree, PlatformError) and tree.retryable:
                    raise tree

        try:
            await self.ask("read_tree", patience, read)
        except PlatformError:
            if len(found) < len(ids):
                raise
        return found

    async def retried(self, what: str, patience: Patience, attempt: Callable[[], Awaitable[T]]) -> T:
        """Return the answer of `attempt`, which calls the platform itself, retried after passing failures."""
        return await with_retries(
            attempt,
            what=what,
            max_total_seconds=patience.total,
            waits_as_asked=patience.waits_as_asked,
            attempt_seconds=patience.attempt,
            late=lambda: not_in_time(self.adapter.platform),
        )


class Platforms:
    """The adapters by platform, with the accounts' tokens."""

    def __init__(
        self,
        accounts: AccountDirectory,
        adapters: Mapping[str, PlatformAdapter],
        connect_url: str | None = None,
        states: StateNotices | None = None,
    ) -> None:
        self._accounts = accounts
        self._adapters = adapters
        self._connect_url = connect_url
        self.states = states

    def has(self, platform: str) -> bool:
        return platform in self._adapters

    def adapter(self, platform: str) -> PlatformAdapter:
        return self._adapters[platform]

    def of(self, tenant: str, platform: str, account: AdAccount) -> PlatformAccount:
        """Return the account of `tenant` on `platform`."""
        adapter = self._adapters[platform]
        return PlatformAccount(adapter, self._accounts, tenant, account, self._connect_url, self.states)
