"""The contract of every engine of the table, through the port that the stores use."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import boto3
import pytest
from moto import mock_aws

from campaign_automation.stores.engines import dynamodb as engine
from campaign_automation.stores.engines.sqlite import SqliteTable
from campaign_automation.stores.lease import Lease
from campaign_automation.stores.table import (
    MAX_BYTES,
    MAX_OPERATIONS,
    MAX_ROW_BYTES,
    SCHEMA,
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
    Version,
    WriteRefusedError,
    in_groups,
    version_of,
)
from campaign_automation.utils.error_handler import StoreError
from local.cloud.moto_aws.seams import quicken_dynamodb
from tests.support.memory_table import MemoryTable
from tests.support.table import empty_table, make_table, one_at_a_time

T = TypeVar("T")
KEY = Key("t#a", "x")
NAME = "Contract"


def run(awaitable: Awaitable[T]) -> T:
    async def main() -> T:
        return await awaitable

    return asyncio.run(main())


@pytest.fixture(scope="module")
def moto() -> Iterator[Any]:
    """A client of the engine's service in this process."""
    quicken_dynamodb()
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        patch.setattr(engine, "_translated", one_at_a_time(engine._translated))
        # A name of its own: in one process moto has one set of tables for all tests.
        make_table(NAME)
        yield boto3.client("dynamodb")


@pytest.fixture
def dynamodb(moto: Any) -> Table:
    empty_table(NAME)
    return engine.DynamoTable(NAME, lambda: moto)


@pytest.fixture
def memory() -> Table:
    return MemoryTable()


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Table]:
    made = SqliteTable(tmp_path / "store.db")
    yield made
    made.close()


@pytest.fixture(params=["dynamodb", "sqlite", "memory"])
def table(request: pytest.FixtureRequest) -> Table:
    made: Table = request.getfixturevalue(request.param)
    return made


def row(key: Key = KEY, **attributes: Any) -> Row:
    return {**key._asdict(), **attributes}


def stored(table: Table, key: Key = KEY) -> Row:
    found = run(table.get(key))
    assert found is not None
    return found


def own(found: Row) -> Row:
    """The attributes that a store gave."""
    return {name: value for name, value in found.items() if name not in ("pk", "sk", "schema", "row_version")}


# --- values ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        "",
        "text",
        "止损 🙂",
        0,
        -1,
        2**63,
        10**37 + 1,
        Decimal("0.1"),
        Decimal("12345678901234567890.123456789012345678"),
        Decimal("-1E-100"),
        True,
        False,
        b"",
        b"\x00\xff",
    ],
)
def test_values_come_back_exact(table: Table, value: Any) -> None:
    run(table.write(Put(row(value=value))))
    found = stored(table)["value"]
    assert found == value
    assert isinstance(found, type(value) if isinstance(value, bool | str | bytes) else Decimal)
    run(table.write(Update(KEY, set={"again": value})))
    assert stored(table)["again"] == value


def test_none_is_not_stored_and_in_an_update_removes(table: Table) -> None:
    run(table.write(Put(row(a=None, b=1))))
    assert own(stored(table)) == {"b": 1}
    run(table.write(Update(KEY, set={"b": None, "c": 2})))
    assert own(stored(table)) == {"c": 2}


def test_an_update_makes_a_missing_row_only_where_it_says_so(table: Table) -> None:
    with pytest.raises(ConditionFailedError):
        run(table.write(Update(KEY, add={"n": 1})))
    for _ in range(2):
        run(table.write(Update(KEY, set={"a": "b"}, add={"n": 2}, makes_row=True)))
    assert own(stored(table)) == {"a": "b", "n": 4}
    assert (stored(table)["pk"], stored(table)["sk"]) == KEY


@pytest.mark.parametrize("value", [0.5, Decimal("NaN"), Decimal("-Infinity")])
def test_floats_and_what_is_no_number_are_refused(table: Table, value: Any) -> None:
    with pytest.raises(TypeError):
        run(table.write(Put(row(value=value))))
    assert run(table.get(KEY)) is None


# --- operations ------------------------------------------------------------------------------------------


def test_a_row_that_is_not_there_is_none(table: Table) -> None:
    assert run(table.get(KEY)) is None
    assert run(table.query("t#a")) == []


def test_rows_of_many_partitions_are_read_together(table: Table) -> None:
    keys = [Key(f"t#{number}", "x") for number in range(120)]
    run(table.write_in_groups(Put({**key._asdict(), "n": int(key.pk[2:]), "text": "long"}) for key in keys))
    asked = [*keys, keys[0], Key("t#none", "x")]
    found = run(table.get_many(asked, ["n", "missing"]))
    assert found == {key: {**key._asdict(), "n": int(key.pk[2:]), "schema": SCHEMA} for key in keys}
    assert run(table.get_many([], ["n"])) == {}


def test_a_row_of_a_later_version_is_left_out_of_many(table: Table) -> None:
    run(table.write(Put({**KEY._asdict(), "n": 1})))
    run(table._write([Put({"pk": "t#b", "sk": "x", "schema": SCHEMA + 1})]))
    assert list(run(table.get_many([KEY, Key("t#b", "x")], ["n"]))) == [KEY]


def test_a_put_replaces_the_whole_row(table: Table) -> None:
    run(table.write(Put(row(a=1))))
    run(table.write(Put(row(b=2))))
    assert own(stored(table)) == {"b": 2}


def test_an_update_sets_removes_and_adds(table: Table) -> None:
    run(table.write(Put(row(a=1, b=2, state="x", name="n"))))
    # These names are reserved words in DynamoDB.
    run(table.write(Update(KEY, set={"state": "y", "token": 3}, remove=("a", "name"), add={"b": 5, "c": 1})))
    assert own(stored(table)) == {"state": "y", "token": 3, "b": 7, "c": 1}


def test_an_update_makes_no_row(table: Table) -> None:
    assert not run(table.try_write(Update(KEY, set={"a": 1})))
    assert not run(table.try_write(Update(KEY, set={"a": 1}, when=AnyOf(Absent("a"), Absent()))))
    assert run(table.get(KEY)) is None


def test_a_delete_of_nothing_is_done_already(table: Table) -> None:
    run(table.write(Delete(KEY)))
    run(table.write(Put(row())))
    run(table.write(Delete(KEY)))
    assert run(table.get(KEY)) is None


def test_no_operation_is_nothing_to_do(table: Table) -> None:
    run(table.write())
    run(table.write_in_groups([]))


# --- conditions ------------------------------------------------------------------------------------------

HOLDS: list[tuple[Condition, bool]] = [
    (Absent(), False),
    (Absent("a"), False),
    (Absent("b"), True),
    (Equals("a", 1), True),
    (Equals("a", Decimal("1.0")), True),
    (Equals("a", 2), False),
    (Equals("b", 1), False),
    (Equals("text", "x"), True),
    (Equals("yes", True), True),
    (Before("a", 2), True),
    (Before("a", 1), False),
    (Before("b", 5), False),
    (Before("text", "y"), True),
    (AllOf(Equals("a", 1), Absent("b")), True),
    (AllOf(Equals("a", 1), Absent("a")), False),
    (AnyOf(Equals("a", 2), Before("a", 9)), True),
    (AnyOf(Equals("a", 2), Before("a", 0)), False),
    (AllOf(AnyOf(Absent("a"), Equals("a", 1)), AnyOf(Absent("b"), Equals("b", 3))), True),
    (Version(0), True),
    (Version(1), False),
]


@pytest.mark.parametrize(("condition", "holds"), HOLDS, ids=[str(condition) for condition, _ in HOLDS])
@pytest.mark.parametrize("is_alone", [True, False])
def test_a_write_happens_when_its_condition_holds(
    table: Table, condition: Condition, holds: bool, is_alone: bool
) -> None:
    other: list[Operation] = [] if is_alone else [Put(row(Key("t#b", "other")))]
    before = row(a=1, text="x", yes=True)
    for operation in (
        Put(row(c=1), when=condition),
        Update(KEY, set={"c": 1}, when=condition),
        Delete(KEY, when=condition),
    ):
        run(table.write(Put(before)))
        assert run(table.try_write(operation, *other)) == holds
        after = run(table.get(KEY))
        assert (after is None or "c" in after) == holds
        assert (run(table.get(Key("t#b", "other"))) is not None) == (holds and not is_alone)
        run(table.write(Delete(Key("t#b", "other"))))


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        (Absent(), True),
        (Absent("a"), True),
        (Equals("a", 1), False),
        (Before("a", 1), False),
        (Version(0), True),
        (Version(1), False),
    ],
)
def test_a_row_that_is_not_there_has_no_attributes(table: Table, condition: Condition, holds: bool) -> None:
    assert run(table.try_write(Put(row(c=1), when=condition))) == holds
    assert (run(table.get(KEY)) is not None) == holds


def test_a_failed_condition_is_an_error_of_the_store(table: Table) -> None:
    with pytest.raises(ConditionFailedError) as caught:
        run(table.write(Update(KEY, set={"a": 1})))
    assert isinstance(caught.value, StoreError)


def test_one_version_is_written_once(table: Table) -> None:
    run(table.write(Put(row(a=1), when=Version(0))))
    first, second = stored(table), stored(table)
    run(table.write(Put(row(a=2), when=Version(version_of(first)))))
    assert not run(
        table.try_write(Put(row(a=3), when=AllOf(Equals("a", 2), AllOf(Version(version_of(second))))))
    )
    assert (stored(table)["a"], version_of(stored(table))) == (2, 2)
    run(table.write(Update(KEY, set={"a": 4})))
    assert not run(table.try_write(Update(KEY, set={"a": 5}, when=Version(2))))
    run(table.write(Update(KEY, set={"a": 5}, when=Version(3))))
    assert version_of(stored(table)) == 4


# --- all or nothing --------------------------------------------------------------------------------------


def sort_keys_and_a(table: Table) -> list[tuple[str, Any]]:
    return [(item["sk"], item.get("a")) for item in run(table.query("t#a"))]


def test_operations_of_all_kinds_are_done_together(table: Table) -> None:
    gone, changed, new = (Key("t#a", name) for name in ("gone", "changed", "new"))
    run(table.write(Put(row(gone)), Put(row(changed, a=1))))
    run(table.write(Delete(gone), Update(changed, set={"a": 2}), Put(row(new), when=Absent())))
    assert [(item["sk"], item.get("a")) for item in run(table.query("t#a"))] == [
        ("changed", 2),
        ("new", None),
    ]


@pytest.mark.parametrize("position", [0, 1, 2])
def test_nothing_is_done_when_one_condition_does_not_hold(table: Table, position: int) -> None:
    gone, changed, new = (Key("t#a", name) for name in ("gone", "changed", "new"))
    run(table.write(Put(row(gone)), Put(row(changed, a=1))))
    never = Equals("a", 99)
    operations: list[Operation] = [
        Delete(gone, when=never if position == 0 else None),
        Update(changed, set={"a": 2}, when=never if position == 1 else None),
        Put(row(new), when=never if position == 2 else None),
    ]
    with pytest.raises(ConditionFailedError):
        run(table.write(*operations))
    assert [(item["sk"], item.get("a")) for item in run(table.query("t#a"))] == [
        ("changed", 1),
        ("gone", None),
    ]


def test_of_writers_at_once_one_wins(table: Table) -> None:
    async def race() -> list[bool]:
        return await asyncio.gather(
            *(table.try_write(Put(row(writer=number), when=Absent())) for number in range(5))
        )

    won = run(race())
    assert won.count(True) == 1
    assert stored(table)["writer"] == won.index(True)


# --- limits ----------------------------------------------------------------------------------------------


def many(count: int, size: int = 0) -> list[Operation]:
    return [Put(row(Key("t#a", f"{number:04d}"), text="x" * size)) for number in range(count)]


def test_a_hundred_operations_are_one_write_and_one_more_is_refused(table: Table) -> None:
    run(table.write(*many(MAX_OPERATIONS)))
    assert len(run(table.query("t#a"))) == MAX_OPERATIONS
    with pytest.raises(WriteRefusedError) as caught:
        run(table.write(*many(MAX_OPERATIONS + 1)))
    assert not caught.value.retryable


def test_four_megabytes_are_refused_and_nothing_is_written(table: Table) -> None:
    with pytest.raises(WriteRefusedError):
        run(table.write(*many(11, 390_000)))
    updates = [Update(Key("t#a", str(number)), set={"text": "é" * 195_000}) for number in range(11)]
    with pytest.raises(WriteRefusedError):
        run(table.write(*updates))
    assert run(table.query("t#a")) == []


def test_a_row_beyond_400_kilobytes_is_refused(table: Table) -> None:
    run(table.write(Put(row(text="x" * (MAX_ROW_BYTES - 100)))))
    for too_long in ("x" * MAX_ROW_BYTES, "é" * (MAX_ROW_BYTES // 2)):
        for operation in (Put(row(text=too_long)), Update(KEY, set={"text": too_long})):
            with pytest.raises(WriteRefusedError) as caught:
                run(table.write(operation))
            assert not caught.value.retryable


def test_two_operations_on_one_row_are_refused(table: Table) -> None:
    with pytest.raises(WriteRefusedError):
        run(table.write(Put(row()), Delete(KEY)))


def test_any_number_of_operations_is_written_in_groups(table: Table) -> None:
    run(table.write_in_groups(many(MAX_OPERATIONS + 1)))
    assert len(run(table.query("t#a"))) == MAX_OPERATIONS + 1
    sizes = [len(group) for group in in_groups(many(23, 390_000))]
    assert sizes == [10, 10, 3]
    assert 10 * 390_000 < MAX_BYTES < 11 * 390_000


# --- queries ---------------------------------------------------------------------------------------------


def test_a_partition_is_read_in_the_order_of_its_bytes(table: Table) -> None:
    names = ["a", "b#1", "b#10", "b#2", "b#é", "b~", "c", "止"]
    run(table.write(*(Put(row(Key("t#a", name))) for name in reversed(names))))
    run(table.write(Put(row(Key("t#ab", "other")))))

    def read(**asked: Any) -> list[str]:
        return [item["sk"] for item in run(table.query("t#a", **asked))]

    assert read() == sorted(names)
    assert read(since="b#2") == ["b#2", "b#é", "b~", "c", "止"]
    assert read(prefix="b#") == ["b#1", "b#10", "b#2", "b#é"]
    assert read(prefix="b#", since="b#10") == ["b#10", "b#2", "b#é"]
    assert read(prefix="b#", since="a") == ["b#1", "b#10", "b#2", "b#é"]
    assert read(prefix="b#", since="c") == []
    assert read(limit=2) == ["a", "b#1"]
    assert read(prefix="b#", limit=3) == ["b#1", "b#10", "b#2"]


def test_a_partition_of_many_pages_is_read_whole(table: Table) -> None:
    run(table.write_in_groups(many(8, 300_000)))  # a page of DynamoDB ends after a megabyte
    found = run(table.query("t#a"))
    assert [item["sk"] for item in found] == [f"{number:04d}" for number in range(8)]
    assert all(len(item["text"]) == 300_000 for item in found)
    assert len(run(table.query("t#a", limit=5))) == 5


def test_the_index_holds_what_waits_the_longest_first(table: Table) -> None:
    for number, due in enumerate((30, 10, 20)):
        run(table.write(Put(row(Key(f"t{number}", "x"), outbox="pending", due=due, more="m"))))
    run(table.write(Put(row(Key("t9", "x"), outbox="rule", due=1)), Put(row(Key("t8", "x"), due=1))))
    waiting = run(table.indexed("pending"))
    assert [(item["pk"], item["sk"], item["due"]) for item in waiting] == [
        ("t1", "x", 10),
        ("t2", "x", 20),
        ("t0", "x", 30),
    ]
    assert [item["pk"] for item in run(table.indexed("pending", limit=2))] == ["t1", "t2"]
    latest = run(table.indexed("pending", limit=2, last_first=True))
    assert [item["pk"] for item in latest] == ["t0", "t2"]
    run(table.write(Update(Key("t1", "x"), remove=("outbox", "due"))))
    assert len(run(table.indexed("pending"))) == 2


# --- schema ----------------------------------------------------------------------------------------------


def test_every_row_carries_its_schema(table: Table) -> None:
    run(table.write(Put(row())))
    run(table.write(Update(KEY, set={"a": 1})))
    assert stored(table)["schema"] == SCHEMA
    assert run(table.query("t#a"))[0]["schema"] == SCHEMA


def test_a_row_of_a_later_version_is_not_read(table: Table) -> None:
    run(table.write(Put(row())))
    run(table.write(Update(KEY, set={"schema": SCHEMA + 1})))
    with pytest.raises(StoreError, match="later version"):
        run(table.get(KEY))
    with pytest.raises(StoreError, match="later version"):
        run(table.query("t#a"))


# --- leases ----------------------------------------------------------------------------------------------

LEASE = Lease(holder="who", until="until")


def take(table: Table, holder: str, seconds: int = 60) -> bool:
    update = Update(KEY, set=LEASE.taken(holder, seconds), when=LEASE.free_for(holder))
    return run(table.try_write(update))


def test_a_lease_has_one_holder_until_it_is_given_back_or_over(table: Table) -> None:
    run(table.write(Put(row())))
    assert take(table, "a")
    assert not take(table, "b")
    assert take(table, "a")  # its own
    give_back = Update(KEY, remove=LEASE.attributes, when=LEASE.held_by("b"))
    assert not run(table.try_write(give_back))
    assert run(table.try_write(Update(KEY, remove=LEASE.attributes, when=LEASE.held_by("a"))))
    assert take(table, "b", seconds=-1)
    assert take(table, "c")
    assert not run(table.try_write(give_back))
