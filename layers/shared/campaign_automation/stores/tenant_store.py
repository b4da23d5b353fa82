"""The Web Platform's user of each tenant, where a claim of its own names it.

| pk                | sk           | holds                      |
|-------------------|--------------|----------------------------|
| <tenant>#tenant   | web_platform | the Web Platform's user id |
"""

from __future__ import annotations

from campaign_automation.stores.table import Key, Put, Table


class TenantStore:
    """Users are kept in this process too, since a tenant's does not change between two requests."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._known: dict[str, str] = {}

    async def remember(self, tenant: str, user: str, *, store: bool) -> None:
        """Keep the user that a verified token names; with `store` also for schedules and sweeps, which have
        no token."""
        if store and await self.web_platform_user(tenant) != user:
            await self._table.write(Put({**_key(tenant)._asdict(), "user": user}))
        self._known[tenant] = user

    async def web_platform_user(self, tenant: str) -> str:
        """Return the tenant's user on the Web Platform; the tenant itself where none was named."""
        if tenant not in self._known:
            row = await self._table.get(_key(tenant))
            self._known[tenant] = tenant if row is None else str(row["user"])
        return self._known[tenant]


def _key(tenant: str) -> Key:
    return Key(f"{tenant}#tenant", "web_platform")
