"""The engine of the table in one SQLite file, for a process that runs without AWS.

One host, any number of processes: the file needs a durable volume and no network drive, whose locks SQLite
cannot rely on. Programs on several hosts use DynamoDB. SQLAlchemy was weighed: four statements need no
mapper.
"""

from __future__ import annotations

import asyncio
import base64
import os
import sqlite3
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from pydantic_core import from_json, to_json

from campaign_automation.stores.engines.conditions import needs_row, result_of
from campaign_automation.stores.lease import machine_now
from campaign_automation.stores.table import Key, Operation, Row, Table
from campaign_automation.utils.error_handler import StoreError

R = TypeVar("R")

MEMORY = ":memory:"
_WAIT_SECONDS = 10  # for the writes of other processes
_READ, _WRITE = "read", "write"
# Writes that wait for each other share one transaction: the disk's confirmation of it takes longest.
_MOST_TOGETHER = 100
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


class _Lane:
    """One connection and the thread that alone uses it, so that a wait for another process holds up nobody
    else: the default threads of the event loop belong to the program around us."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="campaign-store")
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        weakref.finalize(self, self._threads.shutdown, wait=False)

    async def run(self, call: Callable[..., R], *args: Any) -> R:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, partial(self._call, call, *args))

    def _call(self, call: Callable[..., R], *args: Any) -> R:
        if self._connection is not None and _identity(self._path) != self._file:
            self._close()  # another file took its place, as after a restore
        if self._connection is None:
            self._connection = _connect(self._path)
            self._file = _identity(self._path)
            weakref.finalize(self, self._connection.close)
        return call(self._connection, *args)

    def close(self) -> None:
        self._threads.submit(self._close).result()
        self._threads.shutdown()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


@dataclass(eq=False)
class _Write:
    """A write and its outcome."""

    operations: Sequence[Operation]
    sweeps: bool
    is_left: bool = False
    is_done: bool = False
    error: Exception | None = None


class SqliteTable(Table):
    """The table in the file `path`, made when it is first used; MEMORY keeps it in this process.

    Reads have a connection of their own: they see what is committed and wait for no writer.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = MEMORY if str(path) == MEMORY else str(Path(path).expanduser().absolute())
        self._lanes: dict[str, _Lane] = {}
        self._process = 0
        self._writes = 0
        self._waiting: deque[_Write] = deque()

    @property
    def place(self) -> str:
        return f"SQLite {self.path}"

    def close(self) -> None:
        """Close the file; the next call opens it again. What is kept in memory stays."""
        if self.path != MEMORY:
            for lane in self._lanes.values():
                lane.close()
            self._lanes = {}

    async def _get(self, key: Key) -> Row | None:
        rows = await self._done(_READ, _rows, "pk = ? AND sk = ?", key, 1)
        return rows[0] if rows else None

    async def _get_many(self, keys: Sequence[Key], names: Sequence[str]) -> list[Row]:
        rows = await self._done(_READ, _rows_of, keys)
        return [{name: row[name] for name in names if name in row} for row in rows]

    async def _query(self, pk: str, since: str, prefix: str, limit: int | None) -> list[Row]:
        bounds = (pk, since or prefix, prefix + _LAST)
        return await self._done(_READ, _rows, "pk = ? AND sk >= ? AND sk < ? ORDER BY sk", bounds, limit)

    async def _indexed(self, value: str, limit: int | None, last_first: bool) -> list[Row]:
        clause = "outbox = ? AND outbox IS NOT NULL AND due IS NOT NULL ORDER BY due"
        clause += " DESC" if last_first else ""
        rows = await self._done(_READ, _rows, clause, (value,), limit)
        return [{name: row[name] for name in ("pk", "sk", "outbox", "due")} for row in rows]

    async def _write(self, operations: Sequence[Operation]) -> None:
        self._writes += 1
        self._lane(_WRITE)  # a forked process has writes of its own
        write = _Write(operations, sweeps=self._writes % _SWEEP_EVERY == 1)
        self._waiting.append(write)
        try:
            await self._done(_WRITE, _transact, self._waiting, write)
        except BaseException:
            write.is_left = True  # its caller was told so, or is gone: nobody is to carry it out later
            raise

    async def _done(self, lane: str, call: Callable[..., R], *args: Any) -> R:
        try:
            return await self._lane(lane).run(call, *args)
        except (sqlite3.Error, OSError) as error:
            # Another process may let go of the file; one that is no store stays none.
            passing = "locked" in str(error) or "busy" in str(error) or "full" in str(error)
            raise StoreError(f"the store {self.path} failed: {error}", retryable=passing) from error

    def _lane(self, name: str) -> _Lane:
        # A forked process has the threads and connections of its parent in name only.
        if self._process != os.getpid():
            self._lanes, self._process, self._waiting = {}, os.getpid(), deque()
        # A table in memory is that of its one connection.
        name = _WRITE if self.path == MEMORY else name
        if name not in self._lanes:
            self._lanes[name] = _Lane(self.path)
        return self._lanes[name]


def _rows(connection: sqlite3.Connection, clause: str, values: Iterable[str], limit: int | None) -> list[Row]:
    # The clauses are this file's own; all values go in as parameters.
    found = connection.execute(f"SELECT body FROM row WHERE {clause}", tuple(values))  # noqa: S608
    with closing(found):
        return [_decoded(body) for (body,) in islice(found, limit)]


def _rows_of(connection: sqlite3.Connection, keys: Iterable[Key]) -> list[Row]:
    return [row for key in keys for row in _rows(connection, "pk = ? AND sk = ?", key, 1)]


def _transact(connection: sqlite3.Connection, waiting: deque[_Write], mine: _Write) -> None:
    """Carry out a write together with those that wait behind it. Raises the error of its own alone, or that
    of the file."""
    while not (mine.is_done or mine.is_left):
        together = [waiting.popleft() for _ in range(min(len(waiting), _MOST_TOGETHER))]
        _commit(connection, [write for write in together if not write.is_left])
    if mine.error is not None:
        raise mine.error


def _commit(connection: sqlite3.Connection, writes: Sequence[_Write]) -> None:
    try:
        with _transaction(connection):
            # One alone is undone with its transaction.
            for write in writes:
                (_carry_out_all if len(writes) == 1 else _carry_out_or_undo)(connection, write)
    except Exception as error:
        for write in writes:
            write.error = error
    for write in writes:
        write.is_done = True


def _carry_out_or_undo(connection: sqlite3.Connection, write: _Write) -> None:
    connection.execute("SAVEPOINT own")
    try:
        _carry_out_all(connection, write)
    except (sqlite3.Error, OSError):
        raise  # of the file, so that nothing of the others is stored either
    except Exception as error:
        connection.execute("ROLLBACK TO own")
        write.error = error
    connection.execute("RELEASE own")


def _carry_out_all(connection: sqlite3.Connection, write: _Write) -> None:
    for operation in write.operations:
        _carry_out(connection, operation)
    if write.sweeps:
        connection.execute("DELETE FROM row WHERE expires_at < ?", (machine_now(),))


def _carry_out(connection: sqlite3.Connection, operation: Operation) -> None:
    key, found = operation.key, None
    if needs_row(operation):
        found = connection.execute("SELECT body FROM row WHERE pk = ? AND sk = ?", key).fetchone()
    row = result_of(operation, None if found is None else _decoded(found[0]))
    if row is None:
        connection.execute("DELETE FROM row WHERE pk = ? AND sk = ?", key)
        return
    due, expires = (_whole(row.get(name)) for name in ("due", "expires_at"))
    connection.execute(_UPSERT, (*key, row.get("outbox"), due, expires, _encoded(row)))


def _connect(path: str) -> sqlite3.Connection:
    if path != MEMORY:
        _make_private(Path(path))
    # No implicit transactions: each write says where its own begins and ends.
    connection = sqlite3.connect(path, timeout=_WAIT_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        # Readers go on beside one writer; what was written survives a power failure too.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.executescript(_SCHEMA)
    except BaseException:
        connection.close()
        raise
    return connection


def _identity(path: str) -> tuple[int, int] | None:
    """Return what tells a file from another of its name; None in memory.

    Raises FileNotFoundError for a file that was removed while it was open: what is written to it is lost, and
    a new one in its place would know no campaign, and create each anew.
    """
    if path == MEMORY:
        return None
    found = os.stat(path)
    return found.st_dev, found.st_ino


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
    # Pydantic's reader and writer take half the time of the standard library's.
    return to_json({name: _marked(value) for name, value in row.items()}).decode()


def _marked(value: Any) -> Any:
    if isinstance(value, Decimal):
        return {"n": str(value)}
    return {"b": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


def _decoded(body: str) -> Row:
    row: Row = from_json(body)
    for name, value in row.items():
        if isinstance(value, dict):
            row[name] = _unmarked(value)
    return row


def _unmarked(value: Mapping[str, str]) -> Any:
    return Decimal(value["n"]) if "n" in value else base64.b64decode(value["b"])
