"""The visits of the reconciler: campaigns that are due for one, and the lease of each visit.

The time of the next visit stands in the row of the campaign (campaign_store.py), under a key of its own in
the outbox's index.
"""

from __future__ import annotations

import uuid
from typing import Any

from campaign_automation.models.campaign import Campaign, Creation
from campaign_automation.stores.campaign_rows import (
    TO_RECONCILE,
    Pending,
    campaign_key,
    partition,
    pending_of,
    visit_at,
)
from campaign_automation.stores.lease import Lease
from campaign_automation.stores.table import Absent, AllOf, Equals, Key, Table, Update, document
from campaign_automation.utils.clock import now_ms

_VISIT = Lease(holder="reconciled_by", until="reconciled_until")


class VisitStore:
    def __init__(self, table: Table) -> None:
        self._table = table

    async def due(self, limit: int) -> list[Pending]:
        """Return the campaigns of all tenants that are due for a visit, the longest due first."""
        rows = await self._table.indexed(TO_RECONCILE, limit=limit)
        return [item for item in map(pending_of, rows) if item is not None and item.since <= now_ms()]

    async def plan(self, creation: Creation) -> None:
        """Let an open creation be visited that an older version gave no time for it."""
        values = visit_at(now_ms())
        await self._table.try_write(Update(campaign_key(creation), set=values, when=Absent("due")))

    async def begin(self, tenant: str, campaign_id: str, seconds: int) -> str | None:
        """Take the lease of one visit of the reconciler. Return its token, None if another is there."""
        token, key = uuid.uuid4().hex, Key(partition(tenant, campaign_id), "campaign")
        taken = _VISIT.taken(token, seconds)
        claim = Update(key, set=taken, when=_VISIT.free_for(token))
        return token if await self._table.try_write(claim) else None

    async def end(self, creation: Creation | Campaign, token: str, due: int | None, **parts: Any) -> None:
        """Give the lease back; the next visit is at `due`, unless something new asks for an earlier one."""
        key, held = campaign_key(creation), _VISIT.held_by(token)
        gone = _VISIT.attributes
        is_due = Absent("due") if creation.due is None else Equals("due", creation.due)
        # A visit is no sign of life of the process that creates: the row's own time of change stays.
        looked = {name: document(value) for name, value in parts.items()}
        values = {**looked, **visit_at(due)}
        if not await self._table.try_write(Update(key, set=values, remove=gone, when=AllOf(held, is_due))):
            await self._table.try_write(Update(key, set=looked, remove=gone, when=held))
