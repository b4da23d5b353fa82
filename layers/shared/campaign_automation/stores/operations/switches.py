"""The limits that operators set at run time: kill switches and account caps, and every change of one; and
the time of the last stop of all campaigns of each scope.

| pk       | sk                 | holds                                                 |
|----------|--------------------|-------------------------------------------------------|
| switches | is#<scope>         | whether writes are stopped, by whom and why           |
|          | log#<time>-<token> | one change of a switch, never written again           |
| caps     | is#<name>          | the cap of an account or of a currency's accounts     |
|          | log#<time>-<token> | one change of a cap, never written again              |
| stops    | <scope>            | when all campaigns of it were last stopped            |
"""

from __future__ import annotations

import math
import uuid
from decimal import Decimal

from campaign_automation.models.switches import AccountCap, Switch
from campaign_automation.stores.table import Put, Row, Table
from campaign_automation.utils.clock import now_ms, now_us

_SWITCHES, _CAPS, _STOPS = "switches", "caps", "stops"
_UNREAD = {"actor": "unknown", "reason": "its row cannot be read", "at": ""}


class SwitchStore:
    def __init__(self, table: Table) -> None:
        self._table = table

    async def set(self, switch: Switch) -> None:
        """Store a switch as it is from now on, with the record of its change, both or neither."""
        await self._store(_SWITCHES, switch.scope, switch.model_dump(mode="json"))

    async def set_cap(self, cap: AccountCap) -> None:
        """Store a cap as it is from now on, with the record of its change, both or neither."""
        await self._store(_CAPS, cap.name, cap.model_dump(mode="json"))

    async def all(self) -> list[Switch]:
        """Return the switches. One whose row cannot be read counts as on, until somebody sets it."""
        return [_switch(row) for row in await self._table.query(_SWITCHES, prefix="is#")]

    async def caps(self) -> list[AccountCap]:
        """Return the caps. One whose row cannot be read counts as 0, until somebody sets it."""
        return [_cap(row) for row in await self._table.query(_CAPS, prefix="is#")]

    async def stop(self, scope: str) -> None:
        """Store that all campaigns of a scope are stopped now."""
        await self._table.write(Put({"pk": _STOPS, "sk": scope, "at": now_ms()}))

    async def stopped_since(self, time_ms: int) -> frozenset[str]:
        """Return the scopes that were stopped at `time_ms` or later. One whose row cannot be read counts."""
        rows = await self._table.query(_STOPS)
        return frozenset(row["sk"] for row in rows if _stopped_at(row) >= time_ms)

    async def changes(self, limit: int) -> list[Switch]:
        """Return the latest changes of switches, the newest first."""
        return [Switch.model_validate(row) for row in await self._log(_SWITCHES, limit)]

    async def cap_changes(self, limit: int) -> list[AccountCap]:
        """Return the latest changes of caps, the newest first."""
        return [AccountCap.model_validate(row) for row in await self._log(_CAPS, limit)]

    async def _store(self, pk: str, name: str, row: Row) -> None:
        change = {"pk": pk, "sk": f"log#{now_us():016d}-{uuid.uuid4().hex[:8]}", **row}
        await self._table.write(Put({"pk": pk, "sk": f"is#{name}", **row}), Put(change))

    async def _log(self, pk: str, limit: int) -> list[Row]:
        rows = await self._table.query(pk, prefix="log#")
        return rows[::-1][:limit]


def _switch(row: Row) -> Switch:
    try:
        return Switch.model_validate(row)
    except ValueError:
        return Switch(scope=_name(row), is_on=True, **_UNREAD)


def _stopped_at(row: Row) -> float:
    try:
        return int(row["at"])
    except (KeyError, TypeError, ValueError):
        return math.inf


def _cap(row: Row) -> AccountCap:
    try:
        return AccountCap.model_validate(row)
    except ValueError:
        return AccountCap(name=_name(row), daily_budget=Decimal(0), **_UNREAD)


def _name(row: Row) -> str:
    return str(row["sk"]).removeprefix("is#")
