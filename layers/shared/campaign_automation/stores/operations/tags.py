"""The tags of all campaigns that were planned on an ad account, and the times of its search for orphans.

| pk                        | sk      | holds                                        |
|---------------------------|---------|----------------------------------------------|
| tags#<platform>:<account> | <tag>   | whose campaign has the tag, for ever         |
|                           | account | a tenant of it, and when it is searched next |
|                           | imported#<id> | whose the campaign is that was made elsewhere (owners.py) |

No caller asks for these rows, so they are those of the account, with the tags of all its tenants.
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from campaign_automation.models.campaign import Creation
from campaign_automation.models.common import AdAccount
from campaign_automation.stores.operations.owners import IMPORTED, imported_of, owners_pk
from campaign_automation.stores.table import Absent, Key, Put, Row, Table, Update, Value
from campaign_automation.utils.clock import now_ms

DAY_MS = 24 * 3600_000
_TO_SEARCH = "search"  # under this key the outbox's index holds the accounts
_SEARCHED = "account"


class SearchedAccount(NamedTuple):
    """An ad account with campaigns of ours, and one tenant that may read it."""

    pk: str
    platform: str
    tenant: str
    ad_account_id: str


class Known(NamedTuple):
    """Tenant and campaign of all that is known of an account: by our tags, and by the platform's ids."""

    tags: dict[str, tuple[str, str]]
    imported: dict[str, tuple[str, str]]


class TagStore:
    def __init__(self, table: Table) -> None:
        self._table = table

    async def keep(self, creation: Creation, account: AdAccount, tag: str) -> None:
        """Keep that a campaign's tag is ours, and have its account searched from tomorrow on."""
        platform = creation.spec.platform
        pk = owners_pk(platform, account.platform_account_id)
        ours = {"tenant": creation.tenant, "campaign_id": creation.campaign_id}
        await asyncio.gather(
            self._table.write(Put({"pk": pk, "sk": tag, **ours})),
            self.keep_account(creation.tenant, platform, account),
        )

    async def keep_account(self, tenant: str, platform: str, account: AdAccount) -> None:
        """Have an account with campaigns of ours searched from tomorrow on."""
        pk = owners_pk(platform, account.platform_account_id)
        searched = {"tenant": tenant, "ad_account_id": account.ad_account_id}
        row = {"pk": pk, "sk": _SEARCHED, **searched, **_search_at(now_ms() + DAY_MS)}
        await self._table.try_write(Put(row, when=Absent()))

    async def due(self, limit: int) -> list[SearchedAccount]:
        """Return the accounts that are due for a search, the longest due first."""
        due = [row for row in await self._table.indexed(_TO_SEARCH, limit=limit) if row["due"] <= now_ms()]
        rows = [await self._table.get(Key(row["pk"], row["sk"])) for row in due]
        return [_account(row) for row in rows if row is not None]

    async def of(self, account: SearchedAccount) -> dict[str, tuple[str, str]]:
        """Return the tenant and campaign of each tag of the account that was ever planned here."""
        return _tags_of(await self._table.query(account.pk))

    async def known(self, platform: str, account: str) -> Known:
        """Return all that was planned on an account or taken in from it."""
        rows = await self._table.query(owners_pk(platform, account))
        return Known(_tags_of(rows), imported_of(rows))

    async def accounts(self) -> list[str]:
        """Return the keys of all accounts that campaigns were ever planned on."""
        return [row["pk"] for row in await self._table.indexed(_TO_SEARCH)]

    async def owners(self, account: str) -> set[tuple[str, str]]:
        """Return the tenants and campaigns of an account, by its key."""
        rows = await self._table.query(account)
        return {(row["tenant"], row["campaign_id"]) for row in rows if row["sk"] != _SEARCHED}

    async def searched(self, account: SearchedAccount, next_at: int) -> None:
        await self._table.write(Update(Key(account.pk, _SEARCHED), set=_search_at(next_at)))


def _tags_of(rows: list[Row]) -> dict[str, tuple[str, str]]:
    tags = (row for row in rows if row["sk"] != _SEARCHED and not row["sk"].startswith(IMPORTED))
    return {row["sk"]: (row["tenant"], row["campaign_id"]) for row in tags}


def _search_at(due: int) -> dict[str, Value]:
    return {"outbox": _TO_SEARCH, "due": due}


def _account(row: Row) -> SearchedAccount:
    platform, _, number = row["pk"].partition("#")[2].partition(":")
    return SearchedAccount(row["pk"], platform, row["tenant"], str(row.get("ad_account_id") or number))
