"""The embedded engine beyond the contract of all engines: several processes, kills, its file."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from campaign_automation.stores.engines.sqlite import MEMORY, SqliteTable
from campaign_automation.stores.table import Absent, Key, Put, Update
from campaign_automation.utils.error_handler import StoreError

KEYS = [Key("t#a", name) for name in ("left", "right")]

# Counts two rows up together, for ever or so many times, and says when it has begun.
WRITER = """
import asyncio, itertools, sys
from campaign_automation.stores.engines.sqlite import SqliteTable
from campaign_automation.stores.table import Key, Update

async def main():
    table = SqliteTable(sys.argv[1])
    for number in itertools.islice(itertools.count(), int(sys.argv[2]) or None):
        await table.write(*(Update(Key("t#a", name), add={"count": 1}) for name in ("left", "right")))
        if number == 0:
            print("begun", flush=True)

asyncio.run(main())
"""


def writer(path: Path, times: int = 0) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), str(times)], stdout=subprocess.PIPE, text=True
    )


def prepared(path: Path) -> SqliteTable:
    table = SqliteTable(path)
    asyncio.run(table.write(*(Put({**key._asdict(), "count": 0}) for key in KEYS)))
    return table


def counts(table: SqliteTable) -> list[int]:
    return [int(row["count"]) for row in asyncio.run(table.query("t#a"))]


def test_a_killed_process_leaves_nothing_half_done(tmp_path: Path) -> None:
    table, before = prepared(tmp_path / "store.db"), 0
    for _ in range(5):
        process = writer(tmp_path / "store.db")
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        left, right = counts(table)
        assert left == right > before
        before = left


def test_ten_processes_at_once_lose_no_write(tmp_path: Path) -> None:
    table = prepared(tmp_path / "store.db")
    processes = [writer(tmp_path / "store.db", 20) for _ in range(10)]
    for process in processes:
        process.communicate()
        assert process.returncode == 0
    assert counts(table) == [200, 200]


def test_a_conditional_put_of_two_processes_succeeds_once(tmp_path: Path) -> None:
    first, second = SqliteTable(tmp_path / "store.db"), SqliteTable(tmp_path / "store.db")
    new = Put({**KEYS[0]._asdict(), "by": "me"}, when=Absent())

    async def both() -> list[bool]:
        return await asyncio.gather(first.try_write(new), second.try_write(new))

    assert sorted(asyncio.run(both())) == [False, True]


def test_writes_that_wait_share_a_transaction_and_fail_alone(tmp_path: Path) -> None:
    table = prepared(tmp_path / "store.db")
    statements: list[str] = []

    async def write_all() -> list[bool]:
        await table._lane("write").run(lambda connection: connection.set_trace_callback(statements.append))
        puts = [Put({"pk": "many", "sk": f"{number // 2:02}"}, when=Absent()) for number in range(60)]
        return await asyncio.gather(*(table.try_write(put) for put in puts))

    done = asyncio.run(write_all())
    # Each row is put twice, and stands once.
    assert done == [True, False] * 30
    assert len(asyncio.run(table.query("many"))) == 30
    assert 1 <= statements.count("COMMIT") < 30


def test_a_write_whose_caller_left_is_not_carried_out_later(tmp_path: Path) -> None:
    table = prepared(tmp_path / "store.db")

    async def leave() -> None:
        begun = threading.Event()
        blocked = asyncio.create_task(table._lane("write").run(lambda connection: begun.wait(60)))
        left = asyncio.create_task(table.write(Put({"pk": "left", "sk": "1"})))
        kept = asyncio.create_task(table.write(Put({"pk": "kept", "sk": "1"})))
        await asyncio.sleep(0)
        left.cancel()
        await asyncio.sleep(0)
        begun.set()
        await asyncio.wait([blocked, left, kept])

    asyncio.run(leave())
    assert asyncio.run(table.query("left")) == []
    assert len(asyncio.run(table.query("kept"))) == 1


def test_the_file_and_its_folder_are_private(tmp_path: Path) -> None:
    prepared(tmp_path / "new" / "store.db")
    modes = [stat.S_IMODE(os.stat(path).st_mode) for path in (tmp_path / "new", tmp_path / "new/store.db")]
    assert modes == [0o700, 0o600]


def test_expired_rows_are_removed_by_later_writes(tmp_path: Path) -> None:
    table = prepared(tmp_path / "store.db")
    asyncio.run(table.write(Put({"pk": "t#a", "sk": "old", "expires_at": 1})))
    later = SqliteTable(tmp_path / "store.db")  # the first write of a process sweeps
    asyncio.run(later.write(Update(KEYS[0], add={"count": 1})))
    assert asyncio.run(later.get(Key("t#a", "old"))) is None


def test_the_table_in_memory_keeps_its_rows_as_long_as_it_lives() -> None:
    table = SqliteTable(MEMORY)
    asyncio.run(table.write(Put({"pk": "t#a", "sk": "x", "count": 1})))
    table.close()
    assert asyncio.run(table.get(Key("t#a", "x"))) is not None


def test_a_file_that_cannot_be_used_is_a_store_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"the store .* failed"):
        asyncio.run(SqliteTable(tmp_path).get(KEYS[0]))


def test_a_file_removed_while_it_is_open_is_an_error_and_never_an_empty_store(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    table = prepared(path)
    assert counts(table) == [0, 0]
    for item in list(tmp_path.iterdir()):
        item.unlink()
    for _ in range(2):
        with pytest.raises(StoreError, match="No such file") as refused:
            asyncio.run(table.write(Update(KEYS[0], add={"count": 1})))
        assert not refused.value.retryable
        with pytest.raises(StoreError):
            counts(table)
    assert not path.exists()


def test_a_file_put_in_the_place_of_the_open_one_is_used(tmp_path: Path) -> None:
    table, other = prepared(tmp_path / "store.db"), prepared(tmp_path / "backup.db")
    asyncio.run(other.write(Update(KEYS[0], add={"count": 7})))
    other.close()
    table_path = tmp_path / "store.db"
    for name in ("store.db-wal", "store.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    (tmp_path / "backup.db").rename(table_path)
    assert counts(table) == [7, 0]
    asyncio.run(table.write(Update(KEYS[1], add={"count": 1})))
    assert counts(table) == [7, 1]
