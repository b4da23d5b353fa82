"""The engine of the table in one SQLite file, for a process that runs without AWS.

One host, any number of processes: the file needs a durable volume and no network drive, whose locks SQLite
cannot rely on. Programs on several hosts use DynamoDB. SQLAlchemy was weighed: four statements need no
mapper.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from campaign_automation.stores.engines.conditions import result_of
from campaign_automation.stores.lease import machine_now
from campaign_automation.stores.table import Key, Operation, Row, Table
from campaign_automation.utils.error_handler import StoreError

P = ParamSpec("P")
R = TypeVar("R")

MEMORY = ":memory:"
_WAIT_SECONDS = 30  # for the writes of other processes
_SWEEP_EVERY = 1000  # writes of this process, between two removals of what has expired
# UTF-8 orders by code point, so this sorts behind every sort key with the same prefix.
_LAST = "\U0010ffff"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS row (
    pk TEXT NOT NULL, sk TEXT NOT NULL, outbox TEXT, due INTEGER, expires_at INTEGER, body TEXT NOT NULL,
    PRIMARY KEY (pk, sk)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS row_by_due ON row (outbox, due) WHERE outbox IS NOT NULL AND due IS NOT NULL;
CREATE INDEX IF NOT EXISTS row_by_expiry ON row (expires_at) WHERE expires_at IS NOT NULL;
"""
_UPSERT = "INSERT OR REPLACE INTO row (pk, sk, outbox, due, expires_at, body) VALUES (?, ?, ?, ?, ?, ?)"


class SqliteTable(Table):
    """The table in the file `path`, made when it is first used; MEMORY keeps it in this process.

    sqlite3 is synchronous, so each call runs in a thread beside the event loop.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = str(path)
        self._connection: sqlite3.Connection | None = None
        self._process = 0
        self._writes = 0
        # One statement at a time uses the connection; other processes wait for its transactions.
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the file; the next call opens it again."""
        with self._lock:
            if self._connection is not None and self.path != MEMORY:
                self._connection.close()
                self._connection = None

    async def _get(self, key: Key) -> Row | None:
        rows = await self._offloaded(self._rows, "pk = ? AND sk = ?", key, 1)
        return rows[0] if rows else None

    async def _query(self, pk: str, since: str, prefix: str, limit: int | None) -> list[Row]:
        bounds = (pk, since or prefix, prefix + _LAST)
        return await self._offloaded(self._rows, "pk = ? AND sk >= ? AND sk < ? ORDER BY sk", bounds, limit)

    async def _indexed(self, value: str, limit: int | None) -> list[Row]:
        clause = "outbox = ? AND outbox IS NOT NULL AND due IS NOT NULL ORDER BY due"
        rows = await self._offloaded(self._rows, clause, (value,), limit)
        return [{name: row[name] for name in ("pk", "sk", "outbox", "due")} for row in rows]

    async def _write(self, operations: Sequence[Operation]) -> None:
        await self._offloaded(self._transact, operations)

    def _rows(self, clause: str, values: Iterable[str], limit: int | None) -> list[Row]:
        with self._open() as connection:
            # The clauses are this file's own; all values go in as parameters.
            found = connection.execute(f"SELECT body FROM row WHERE {clause}", tuple(values))  # noqa: S608
            with closing(found):
                return [_decoded(body) for (body,) in islice(found, limit)]

    def _transact(self, operations: Sequence[Operation]) -> None:
        with self._open() as connection, _transaction(connection):
            for operation in operations:
                self._carry_out(connection, operation)
            self._writes += 1
            if self._writes % _SWEEP_EVERY == 1:
                connection.execute("DELETE FROM row WHERE expires_at < ?", (machine_now(),))

    def _carry_out(self, connection: sqlite3.Connection, operation: Operation) -> None:
        key = operation.key
        found = connection.execute("SELECT body FROM row WHERE pk = ? AND sk = ?", key).fetchone()
        row = result_of(operation, None if found is None else _decoded(found[0]))
        if row is None:
            connection.execute("DELETE FROM row WHERE pk = ? AND sk = ?", key)
            return
        due, expires = (_whole(row.get(name)) for name in ("due", "expires_at"))
        connection.execute(_UPSERT, (*key, row.get("outbox"), due, expires, _encoded(row)))

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """Give the connection to one caller at a time. A forked process opens one of its own."""
        with self._lock:
            if self._connection is None or self._process != os.getpid():
                self._connection, self._process = _connect(self.path), os.getpid()
                weakref.finalize(self, self._connection.close)
            yield self._connection

    async def _offloaded(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await asyncio.to_thread(call, *args, **kwargs)
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"the store {self.path} failed: {error}") from error


def _connect(path: str) -> sqlite3.Connection:
    if path != MEMORY:
        _make_private(Path(path))
    # No implicit transactions: each write says where its own begins and ends.
    connection = sqlite3.connect(path, timeout=_WAIT_SECONDS, isolation_level=None, check_same_thread=False)
    # Readers go on beside one writer; what was written survives a power failure too.
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.executescript(_SCHEMA)
    return connection


def _make_private(path: Path) -> None:
    """Make the folder and the file for this user alone: they hold what campaigns spend."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(mode=0o600)


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    # IMMEDIATE takes the write lock before the rows are read on which the conditions are checked.
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _whole(value: Decimal | None) -> int | None:
    return None if value is None else int(value)


def _encoded(row: Mapping[str, Any]) -> str:
    """Return the row as JSON; numbers as their exact text and bytes are marked as what they are."""
    return json.dumps(row, default=_marked, ensure_ascii=False)


def _marked(value: Any) -> dict[str, str]:
    if isinstance(value, Decimal):
        return {"n": str(value)}
    return {"b": base64.b64encode(value).decode()}


def _decoded(body: str) -> Row:
    row: Row = json.loads(body)
    return {name: _unmarked(value) if isinstance(value, dict) else value for name, value in row.items()}


def _unmarked(value: Mapping[str, str]) -> Any:
    return Decimal(value["n"]) if "n" in value else base64.b64decode(value["b"])
