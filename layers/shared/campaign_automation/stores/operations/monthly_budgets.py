"""The store of monthly budgets, and of when each is looked at again.

| pk                        | sk     | holds                                                              |
|---------------------------|--------|--------------------------------------------------------------------|
| <tenant>#monthly_budgets  | <name> | the budget, its latest proposal; `due` is when it is looked at next |
"""

from __future__ import annotations

from typing import NamedTuple

from campaign_automation.models.reports.pacing import MonthlyBudget
from campaign_automation.stores.table import Delete, Key, Put, Row, Table, Update
from campaign_automation.utils.clock import now_ms

_INDEX_KEY = "monthly"
_SUFFIX = "#monthly_budgets"


class StoredBudget(NamedTuple):
    tenant: str
    budget: MonthlyBudget
    proposal_id: str | None = None


class MonthlyBudgetStore:
    def __init__(self, table: Table) -> None:
        self._table = table

    async def save(self, tenant: str, budget: MonthlyBudget) -> None:
        """Store a budget in the place of the one of its name; it is looked at soon."""
        row = {**_key(tenant, budget.name)._asdict(), "budget": budget.model_dump_json()}
        await self._table.write(Put({**row, "outbox": _INDEX_KEY, "due": now_ms()}))

    async def remove(self, tenant: str, name: str) -> None:
        await self._table.write(Delete(_key(tenant, name)))

    async def all(self, tenant: str) -> list[StoredBudget]:
        rows = await self._table.query(f"{tenant}{_SUFFIX}")
        return [_stored(tenant, row) for row in rows]

    async def get(self, tenant: str, name: str) -> StoredBudget | None:
        row = await self._table.get(_key(tenant, name))
        return None if row is None else _stored(tenant, row)

    async def due(self, limit: int) -> list[StoredBudget]:
        """Return the budgets of all tenants that are to be looked at, the longest due first."""
        rows = await self._table.indexed(_INDEX_KEY, limit=limit)
        keys = [(row["pk"].removesuffix(_SUFFIX), row["sk"]) for row in rows if row["due"] <= now_ms()]
        found = [await self.get(tenant, name) for tenant, name in keys]
        return [item for item in found if item is not None]

    async def looked_at(self, stored: StoredBudget, due: int, proposal_id: str | None) -> None:
        """Note when a budget is looked at next, and its latest proposal; one that was removed stays so."""
        values = {"due": due, "proposal_id": proposal_id}
        await self._table.try_write(Update(_key(stored.tenant, stored.budget.name), set=values))


def _stored(tenant: str, row: Row) -> StoredBudget:
    return StoredBudget(tenant, MonthlyBudget.model_validate_json(row["budget"]), row.get("proposal_id"))


def _key(tenant: str, name: str) -> Key:
    return Key(f"{tenant}{_SUFFIX}", name)
