"""The campaigns behind the ids of requests, a caller's own and a platform's, for some months.

| pk           | sk                | holds                          |
|--------------|-------------------|--------------------------------|
| request#<id> | <tenant>#<campaign> | that the request was about it |

Whoever has only an id from a log does not know its tenant; who may see what is found is the manager's to say.
"""

from __future__ import annotations

from collections.abc import Iterable

from campaign_automation.stores.lease import machine_now
from campaign_automation.stores.table import Put, Row, Table

KEPT_SECONDS = 90 * 24 * 3600


def request_puts(tenant: str, campaign_id: str, ids: Iterable[str | None]) -> list[Put]:
    """Return the writes that note which campaign some requests were about."""
    expires_at = machine_now() + KEPT_SECONDS
    kept: list[Row] = [
        {"pk": _pk(name), "sk": f"{tenant}#{campaign_id}", "expires_at": expires_at}
        for name in dict.fromkeys(filter(None, ids))
    ]
    return [Put(row) for row in kept]


class RequestStore:
    def __init__(self, table: Table) -> None:
        self._table = table

    async def campaigns(self, request_id: str, limit: int) -> list[tuple[str, str]]:
        """Return tenant and campaign of what the request was about."""
        rows = await self._table.query(_pk(request_id), limit=limit)
        owners = [row["sk"].partition("#") for row in rows if row["expires_at"] > machine_now()]
        return [(tenant, campaign_id) for tenant, _, campaign_id in owners]


def _pk(request_id: str) -> str:
    return f"request#{request_id}"
