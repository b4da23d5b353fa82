"""An engine of the table in memory, for tests of all that lies above the stores."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from campaign_automation.stores.engines.conditions import result_of
from campaign_automation.stores.table import Key, Operation, Row, Table


class MemoryTable(Table):
    """Each call lets other tasks run first, as one over the network does, and is then done in one piece."""

    def __init__(self) -> None:
        self._partitions: dict[str, dict[str, Row]] = {}

    def clear(self) -> None:
        """Take all rows away."""
        self._partitions.clear()

    def rows(self) -> list[Row]:
        """Return all rows, to be written back otherwise."""
        return [dict(row) for rows in self._partitions.values() for row in rows.values()]

    async def _get(self, key: Key) -> Row | None:
        await asyncio.sleep(0)
        row = self._row(key)
        return None if row is None else dict(row)

    async def _get_many(self, keys: Sequence[Key], names: Sequence[str]) -> list[Row]:
        await asyncio.sleep(0)
        rows = [row for key in keys if (row := self._row(key)) is not None]
        return [{name: row[name] for name in names if name in row} for row in rows]

    async def _query(self, pk: str, since: str, prefix: str, limit: int | None) -> list[Row]:
        await asyncio.sleep(0)
        rows = self._partitions.get(pk, {})
        # Text is ordered by code point, which is the order of its bytes in UTF-8.
        names = sorted(name for name in rows if name >= since and name.startswith(prefix))
        return [dict(rows[name]) for name in names[:limit]]

    async def _indexed(self, value: str, limit: int | None, last_first: bool) -> list[Row]:
        await asyncio.sleep(0)
        rows = [row for rows in self._partitions.values() for row in rows.values()]
        found = [row for row in rows if row.get("outbox") == value and "due" in row]
        found.sort(key=lambda row: row["due"], reverse=last_first)
        return [{name: row[name] for name in ("pk", "sk", "outbox", "due")} for row in found[:limit]]

    async def _write(self, operations: Sequence[Operation]) -> None:
        await asyncio.sleep(0)
        written = [
            (operation.key, result_of(operation, self._row(operation.key))) for operation in operations
        ]
        for key, row in written:
            partition = self._partitions.setdefault(key.pk, {})
            if row is None:
                partition.pop(key.sk, None)
            else:
                partition[key.sk] = row

    def _row(self, key: Key) -> Row | None:
        return self._partitions.get(key.pk, {}).get(key.sk)
