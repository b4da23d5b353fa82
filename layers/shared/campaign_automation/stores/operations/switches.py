"""The kill switches, one row for each scope, and every change of one.

| pk       | sk                 | holds                                       |
|----------|--------------------|---------------------------------------------|
| switches | is#<scope>         | whether writes are stopped, by whom and why |
|          | log#<time>-<token> | one change of a switch, never written again |
"""

from __future__ import annotations

import uuid

from campaign_automation.models.switches import Switch
from campaign_automation.stores.table import Put, Table
from campaign_automation.utils.clock import now_ms

_PK = "switches"


class SwitchStore:
    def __init__(self, table: Table) -> None:
        self._table = table

    async def set(self, switch: Switch) -> None:
        """Store a switch as it is from now on, with the record of its change, both or neither."""
        row = switch.model_dump(mode="json")
        change = {"pk": _PK, "sk": f"log#{now_ms():013d}-{uuid.uuid4().hex[:8]}", **row}
        await self._table.write(Put({"pk": _PK, "sk": f"is#{switch.scope}", **row}), Put(change))

    async def all(self) -> list[Switch]:
        return [Switch.model_validate(row) for row in await self._table.query(_PK, prefix="is#")]

    async def changes(self, limit: int) -> list[Switch]:
        """Return the latest changes, the newest first."""
        rows = await self._table.query(_PK, prefix="log#")
        return [Switch.model_validate(row) for row in reversed(rows[-limit:])]
