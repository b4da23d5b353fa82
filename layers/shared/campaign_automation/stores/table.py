"""The port of all stores: one table of flat rows, read by key and written all or nothing.

A row has a partition key `pk` and a sort key `sk`; its other attributes are text, numbers, booleans or
bytes. None is not stored: a row that is read has no such attribute. Numbers come back as Decimal, exact to 38
digits; floats are refused. Nested values are kept as JSON text (`document`), because an engine may change the
numbers in them. A row with `expires_at` (epoch seconds) is removed some time after that moment, and one with
`outbox` and `due` is found by `indexed`.

Engines: engines/dynamodb.py and engines/sqlite.py, and for tests tests/support/memory_table.py. The suite in
tests/contract/test_table.py states what every engine has to do.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Any, NamedTuple, TypeAlias

from pydantic import BaseModel

from campaign_automation.utils.error_handler import StoreError

Value: TypeAlias = str | int | Decimal | bool | bytes | None
Row: TypeAlias = dict[str, Any]

SCHEMA = 1  # of the rows that this version writes
SCHEMA_ATTRIBUTE = "schema"
VERSION_ATTRIBUTE = "row_version"

# The limits of one DynamoDB transaction; every engine has them, so that a store which fits one fits all.
MAX_OPERATIONS = 100
MAX_BYTES = 4 * 1024 * 1024
MAX_ROW_BYTES = 400_000  # of one row, below DynamoDB's 400 KB by what is added to rows and counted with them
_NUMBER_BYTES = 21  # DynamoDB's largest number; an estimate that never falls short


class Key(NamedTuple):
    pk: str
    sk: str


# --- conditions on the row before the write -----------------------------------------------------------------


@dataclass(frozen=True)
class Absent:
    """The condition that the row has no such attribute, or is not there; without a name, the latter."""

    name: str = "pk"


@dataclass(frozen=True)
class Equals:
    """The condition that the attribute is there and has this value; numbers are compared as numbers."""

    name: str
    value: Value


@dataclass(frozen=True)
class Before:
    """The condition that the attribute is there and less than `value`."""

    name: str
    value: Value


@dataclass(frozen=True)
class Version:
    """The condition that nobody has written the row since it was read with this version (`version_of`).

    A Put under Version(n) makes n + 1, every Update counts one up. 0 is a row that is not there or has never
    been counted. A row that is put without a version starts again at 0, so put it always or never under one.
    """

    number: int


@dataclass(frozen=True, init=False)
class AllOf:
    conditions: tuple[Condition, ...]

    def __init__(self, *conditions: Condition) -> None:
        object.__setattr__(self, "conditions", conditions)


@dataclass(frozen=True, init=False)
class AnyOf:
    conditions: tuple[Condition, ...]

    def __init__(self, *conditions: Condition) -> None:
        object.__setattr__(self, "conditions", conditions)


Condition: TypeAlias = Absent | Equals | Before | Version | AllOf | AnyOf


# --- operations ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Put:
    """Write the whole row in place of the one under its key."""

    row: Mapping[str, Value]
    when: Condition | None = None

    @cached_property
    def key(self) -> Key:
        return Key(str(self.row["pk"]), str(self.row["sk"]))

    @cached_property
    def size(self) -> int:
        """Estimate the bytes of the operation; never less than DynamoDB counts."""
        return _size(self.row)


@dataclass(frozen=True)
class Update:
    """Change attributes of a row that exists; a missing row fails like a condition that does not hold, or
    is made where `makes_row`.

    An attribute set to None is removed. `add` counts up numbers, from 0 where there is none.
    """

    key: Key
    set: Mapping[str, Value] = field(default_factory=dict)
    remove: Sequence[str] = ()
    add: Mapping[str, int] = field(default_factory=dict)
    when: Condition | None = None
    makes_row: bool = False

    @cached_property
    def size(self) -> int:
        """Estimate the bytes of the operation as a Put does."""
        changes = _size(self.set) + _size(self.add) + _size(dict.fromkeys(self.remove))
        return _size(self.key._asdict()) + changes


@dataclass(frozen=True)
class Delete:
    """Remove the row; without a condition, one that is not there is removed already."""

    key: Key
    when: Condition | None = None

    @cached_property
    def size(self) -> int:
        """Estimate the bytes of the operation as a Put does."""
        return _size(self.key._asdict())


Operation: TypeAlias = Put | Update | Delete


class ConditionFailedError(StoreError):
    """The error of a write whose conditions did not hold, so that nothing of it was written."""


class WriteRefusedError(StoreError):
    """The error of a write that no engine takes: too many operations, too many bytes, or two for one row."""


class UnreadableRowError(StoreError):
    """The error of a row that does not hold what it is for; no later read passes."""


# --- the port -----------------------------------------------------------------------------------------------


class Table(ABC):
    """The port. Reads are consistent except `indexed`; engines implement the methods with an underscore."""

    @property
    def place(self) -> str:
        """The place where the rows are kept, for those who operate the module."""
        return type(self).__name__

    async def get(self, key: Key) -> Row | None:
        row = await self._get(key)
        return None if row is None else _current(row)

    async def query(
        self, pk: str, *, since: str = "", prefix: str = "", limit: int | None = None
    ) -> list[Row]:
        """Return the rows of a partition in the order of their sort keys, at most `limit`.

        Only those from the sort key `since` on, and only those that begin with `prefix`.
        """
        if since <= prefix:
            since = ""
        elif not since.startswith(prefix):
            return []  # `since` sorts behind all rows with the prefix
        return [_current(row) for row in await self._query(pk, since, prefix, limit)]

    async def get_many(self, keys: Iterable[Key], names: Iterable[str]) -> dict[Key, Row]:
        """Return some attributes of rows of any partitions, each row as it is at a moment of its own.

        Rows that are not there are left out, and so are those of a later version of the module.
        """
        asked = list(dict.fromkeys(keys))
        rows = await self._get_many(asked, list(dict.fromkeys([*Key._fields, SCHEMA_ATTRIBUTE, *names])))
        return {Key(row["pk"], row["sk"]): row for row in rows if _is_known(row)}

    async def indexed(self, value: str, *, limit: int | None = None, last_first: bool = False) -> list[Row]:
        """Return the keys (`pk`, `sk`, `due`) of the rows whose `outbox` is `value`, lowest `due` first, or
        the highest.

        The index may be a moment behind the table.
        """
        return await self._indexed(value, limit, last_first)

    async def write(self, *operations: Operation) -> None:
        """Carry out all operations or none. One operation is a plain write, several are a transaction.

        Raises ConditionFailedError when a condition does not hold, WriteRefusedError for more than
        MAX_OPERATIONS, more than MAX_BYTES, more than MAX_ROW_BYTES for one row or two operations on one row.
        """
        if not operations:
            return
        _check_limits(operations)
        await self._write([_stamped(operation) for operation in operations])

    async def try_write(self, *operations: Operation) -> bool:
        """Write, and return whether the conditions held."""
        try:
            await self.write(*operations)
        except ConditionFailedError:
            return False
        return True

    async def write_in_groups(self, operations: Iterable[Operation]) -> None:
        """Write any number of operations, in order; each group that fits one write is all or nothing."""
        for group in in_groups(operations):
            await self.write(*group)

    @abstractmethod
    async def _get(self, key: Key) -> Row | None: ...

    @abstractmethod
    async def _get_many(self, keys: Sequence[Key], names: Sequence[str]) -> list[Row]:
        """Read the attributes `names` of the rows that are there; no key is given twice."""

    @abstractmethod
    async def _query(self, pk: str, since: str, prefix: str, limit: int | None) -> list[Row]:
        """Read a partition. Where both are given, `since` begins with `prefix`."""

    @abstractmethod
    async def _indexed(self, value: str, limit: int | None, last_first: bool) -> list[Row]: ...

    @abstractmethod
    async def _write(self, operations: Sequence[Operation]) -> None:
        """Write one or more operations that are within the limits and have no Version among their conditions.

        Raises ConditionFailedError.
        """


def in_groups(operations: Iterable[Operation], most: int = MAX_OPERATIONS) -> Iterator[list[Operation]]:
    """Cut operations into groups that one write takes each, of at most `most`."""
    group: list[Operation] = []
    size = 0
    for operation in operations:
        if group and (len(group) == most or size + operation.size > MAX_BYTES):
            yield group
            group, size = [], 0
        group.append(operation)
        size += operation.size
    if group:
        yield group


def version_of(row: Row) -> int:
    """Return the version of a row that was read, for a later write under Version."""
    return int(row.get(VERSION_ATTRIBUTE, 0))


def document(value: Any) -> Any:
    """Return a model, list or dict as JSON text; other values as they are."""
    if isinstance(value, BaseModel):
        return value.model_dump_json(by_alias=False)
    return json.dumps(value) if isinstance(value, dict | list) else value


def _size(attributes: Mapping[str, Value]) -> int:
    size = 0
    for name, value in attributes.items():
        size += _text_size(name)
        if isinstance(value, str):
            size += _text_size(value)
        else:
            size += len(value) if isinstance(value, bytes) else _NUMBER_BYTES
    return size


def _text_size(text: str) -> int:
    # Nearly all texts are ASCII, which Python knows of a text without looking at it.
    return len(text) if text.isascii() else len(text.encode())


def _check_limits(operations: Sequence[Operation]) -> None:
    if len(operations) > MAX_OPERATIONS:
        raise _refused(f"{len(operations)} operations are more than {MAX_OPERATIONS}")
    sizes = [operation.size for operation in operations]
    if max(sizes) > MAX_ROW_BYTES:
        raise _refused(f"{max(sizes)} bytes for one row are more than {MAX_ROW_BYTES}")
    if (size := sum(sizes)) > MAX_BYTES:
        raise _refused(f"{size} bytes are more than {MAX_BYTES}")
    if len({operation.key for operation in operations}) < len(operations):
        raise _refused("two operations are for one row")


def _refused(reason: str) -> WriteRefusedError:
    return WriteRefusedError(f"the write was refused: {reason}", retryable=False)


def _stamped(operation: Operation) -> Operation:
    """Give a row that is written whole its schema number, and count the versions of all.

    Engines then see no Version: it is a condition on an attribute like others.
    """
    when = None if operation.when is None else _plain(operation.when)
    if isinstance(operation, Delete):
        return Delete(operation.key, when)
    if isinstance(operation, Update):
        counted = {**operation.add, VERSION_ATTRIBUTE: 1}
        return Update(operation.key, operation.set, operation.remove, counted, when, operation.makes_row)
    row = {**operation.row, SCHEMA_ATTRIBUTE: SCHEMA}
    if (number := _version_in(operation.when)) is not None:
        row[VERSION_ATTRIBUTE] = number + 1
    return Put(row, when)


def _plain(condition: Condition) -> Condition:
    if isinstance(condition, Version):
        name, number = VERSION_ATTRIBUTE, condition.number
        return Equals(name, number) if number else Absent(name)
    if isinstance(condition, AllOf | AnyOf):
        plain = tuple(map(_plain, condition.conditions))
        return condition if plain == condition.conditions else type(condition)(*plain)
    return condition


def _version_in(condition: Condition | None) -> int | None:
    """Return the version that must hold for the condition to hold."""
    if isinstance(condition, AllOf):
        numbers = map(_version_in, condition.conditions)
        return next((number for number in numbers if number is not None), None)
    return condition.number if isinstance(condition, Version) else None


def _current(row: Row) -> Row:
    """Return a stored row as this version reads it. Rows from before schema numbers are of version 1.

    This is the place to turn rows of an older schema into today's.
    """
    row.setdefault(SCHEMA_ATTRIBUTE, 1)
    if not _is_known(row):
        number = int(row[SCHEMA_ATTRIBUTE])
        raise StoreError(f"a row was written by a later version of the module (schema {number})")
    return row


def _is_known(row: Row) -> bool:
    return int(row.get(SCHEMA_ATTRIBUTE, 1)) <= SCHEMA
