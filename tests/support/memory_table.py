"""An engine of the table in memory, for tests of all that lies above the stores."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from decimal import Clamped, Context, Decimal, Inexact, Overflow, Rounded, Underflow
from typing import Any, assert_never

from campaign_automation.stores.table import (
    Absent,
    AllOf,
    AnyOf,
    Before,
    Condition,
    ConditionFailedError,
    Delete,
    Equals,
    Key,
    Operation,
    Put,
    Row,
    Table,
    Update,
    Value,
    Version,
)

# The numbers that DynamoDB holds exactly; others are refused.
NUMBERS = Context(prec=38, Emin=-128, Emax=126, traps=[Clamped, Inexact, Overflow, Rounded, Underflow])


class MemoryTable(Table):
    """Each call lets other tasks run first, as one over the network does, and is then done in one piece."""

    def __init__(self) -> None:
        self._partitions: dict[str, dict[str, Row]] = {}

    def clear(self) -> None:
        """Take all rows away."""
        self._partitions.clear()

    async def _get(self, key: Key) -> Row | None:
        await asyncio.sleep(0)
        row = self._row(key)
        return None if row is None else dict(row)

    async def _query(self, pk: str, since: str, prefix: str, limit: int | None) -> list[Row]:
        await asyncio.sleep(0)
        rows = self._partitions.get(pk, {})
        # Text is ordered by code point, which is the order of its bytes in UTF-8.
        names = sorted(name for name in rows if name >= since and name.startswith(prefix))
        return [dict(rows[name]) for name in names[:limit]]

    async def _indexed(self, value: str, limit: int | None) -> list[Row]:
        await asyncio.sleep(0)
        rows = [row for rows in self._partitions.values() for row in rows.values()]
        found = [row for row in rows if row.get("outbox") == value and "due" in row]
        found.sort(key=lambda row: row["due"])
        return [{name: row[name] for name in ("pk", "sk", "outbox", "due")} for row in found[:limit]]

    async def _write(self, operations: Sequence[Operation]) -> None:
        await asyncio.sleep(0)
        written = [(operation.key, self._result(operation)) for operation in operations]
        for key, row in written:
            partition = self._partitions.setdefault(key.pk, {})
            if row is None:
                partition.pop(key.sk, None)
            else:
                partition[key.sk] = row

    def _row(self, key: Key) -> Row | None:
        return self._partitions.get(key.pk, {}).get(key.sk)

    def _result(self, operation: Operation) -> Row | None:
        """Return the row as the operation leaves it, or None for one that is gone.

        Raises ConditionFailedError.
        """
        row = self._row(operation.key)
        if operation.when is not None and not _holds(operation.when, row or {}):
            raise ConditionFailedError("a row is not as it was expected")
        match operation:
            case Put():
                return _stored(operation.row)
            case Update():
                if row is None:
                    raise ConditionFailedError("there is no row to change")
                return _updated(row, operation)
            case Delete():
                return None
            case _:
                assert_never(operation)


def _updated(row: Row, operation: Update) -> Row:
    gone = {*operation.remove, *operation.set}
    kept = {name: value for name, value in row.items() if name not in gone} | _stored(operation.set)
    return kept | {name: kept.get(name, Decimal(0)) + amount for name, amount in operation.add.items()}


def _holds(condition: Condition, row: Row) -> bool:
    match condition:
        case Absent(name):
            return name not in row
        case Equals(name, value):
            found, wanted = row.get(name), _value(value)
            return type(found) is type(wanted) and found == wanted  # True is no 1
        case Before(name, value):
            found, limit = row.get(name), _value(value)
            return type(found) is type(limit) and bool(found < limit)
        case AllOf(conditions):
            return all(_holds(part, row) for part in conditions)
        case AnyOf(conditions):
            return any(_holds(part, row) for part in conditions)
        case Version():
            raise TypeError("the port turns versions into plain conditions")
        case _:
            assert_never(condition)


def _stored(attributes: Mapping[str, Value]) -> Row:
    return {name: _value(value) for name, value in attributes.items() if value is not None}


def _value(value: Value) -> Any:
    match value:
        case bool() | bytes():
            return value
        case str():
            return str.__str__(value)  # of a StrEnum its plain text
        case int() | Decimal():
            return NUMBERS.create_decimal(value)
        case _:
            raise TypeError(f"{type(value).__name__} is no value of a row")
