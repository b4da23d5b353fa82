"""The audit trail: what is open in it is found without reading the rest."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

import pytest

from campaign_automation.models.changes import AuditRecord
from campaign_automation.models.common import Level
from campaign_automation.stores.audit_store import AuditStore, audit_ids, new_run_id
from campaign_automation.stores.table import Equals, Key, Operation, Put, Row, Update, version_of
from campaign_automation.utils.error_handler import StoreError
from tests.support.memory_table import MemoryTable

T = TypeVar("T")
DAY = 24 * 3600 * 1000


class Counting(MemoryTable):
    """Counts the rows that are read."""

    read = 0

    async def _query(self, pk: str, since: str, prefix: str, limit: int | None) -> list[Row]:
        rows = await super()._query(pk, since, prefix, limit)
        self.read += len(rows)
        return rows


def run(call: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(call)


def record(day: int, **more: Any) -> AuditRecord:
    """Return a change that was sent so many days after the beginning."""
    values: dict[str, Any] = {
        "audit_id": next(audit_ids((day + 1) * DAY + 1)),
        "run_id": "r",
        "tenant": "u",
        "campaign_id": "c",
        "actor": "user:u",
        "reason": "",
        "operation": "set_status",
        "level": Level.ADSET,
        "entity_id": "a",
        "at": "2026-11-27T00:00:00Z",
        "outcome": "unknown",
    }
    return AuditRecord.model_validate(values | more)


@pytest.fixture
def table() -> Counting:
    return Counting()


def recent(table: Counting, day: int) -> list[AuditRecord]:
    now = (day + 1) * DAY
    return run(AuditStore(table).recent("u", "c", now - DAY, open_since=now - 14 * DAY))


def test_an_open_change_is_found_beyond_a_long_trail(table: Counting) -> None:
    store = AuditStore(table)
    changes = [record(day) for day in range(20) for _ in range(10)]
    run(store.intend(changes))
    is_open = {3, 100, 155}
    done = [item for number, item in enumerate(changes) if number not in is_open]
    run(store.conclude([item.model_copy(update={"outcome": "applied"}) for item in done]))
    table.read = 0
    found = recent(table, 20)
    # Day 0 is more than 14 days past; of the last day everything counts.
    assert [item.audit_id for item in found if item.outcome == "unknown"] == [
        changes[100].audit_id,
        changes[155].audit_id,
    ]
    assert [item.audit_id for item in found[2:]] == sorted(item.audit_id for item in changes[-10:])
    assert table.read < 30
    assert len(run(store.page("u", "c"))) == len(changes)


def test_a_run_is_found_without_what_was_before_it(table: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    store = AuditStore(table)
    run(store.intend([record(day) for day in range(20) for _ in range(10)]))
    monkeypatch.setattr("campaign_automation.stores.audit_store.now_ms", lambda: 21 * DAY)
    run_id = new_run_id()
    own = [record(20, run_id=run_id), record(21, run_id=run_id, entity_id="b")]
    later = [record(22, run_id="r2"), record(23, run_id="r2", entity_id="c")]
    run(store.intend([*own, *later]))
    table.read = 0
    assert run(store.of_run("u", "c", run_id)) == [*own, later[0]]
    assert table.read < 10


@pytest.mark.parametrize("run_id", ["run_0123456789abcdef0123", "run_cmp_1_start", "r", "run_"])
def test_a_run_of_an_older_version_is_found_in_pieces(
    table: Counting, monkeypatch: pytest.MonkeyPatch, run_id: str
) -> None:
    monkeypatch.setattr("campaign_automation.stores.audit_store._PIECE", 3)
    store = AuditStore(table)
    changes = [record(day, run_id=run_id if day == 4 else "r2") for day in range(10)]
    run(store.intend(changes))
    assert run(store.of_run("u", "c", run_id)) == changes[4:]
    assert run(store.of_run("u", "c", "run_unknown")) == []


def test_changes_are_recorded_with_a_write_of_the_caller_whatever_becomes_of_that(table: Counting) -> None:
    store, (changes, later) = AuditStore(table), ([record(day) for _ in range(120)] for day in (5, 6))
    key = Key("u#campaign#c", "campaign")
    taken = Update(key, set={"run_id": "r"}, when=Equals("run_id", "r"))
    assert not run(store.intend(changes, taken))
    assert run(store.page("u", "c")) == sorted(changes, key=lambda item: item.audit_id)
    assert run(table.get(key)) is None
    run(table.write(Put({**key._asdict(), "run_id": "r"})))
    assert run(store.intend(later, taken))
    assert run(store.page("u", "c"))[120:] == sorted(later, key=lambda item: item.audit_id)
    assert version_of(run(table.get(key)) or {}) == 1
    assert not run(store.intend(changes[:1], taken))  # it stands already


def test_of_an_ending_that_broke_off_only_what_has_no_outcome_is_open(
    table: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, changes = AuditStore(table), [record(5) for _ in range(120)]
    run(store.intend(changes))
    write, groups = table._write, itertools.count()

    async def first_alone(operations: Sequence[Operation]) -> None:
        if next(groups):
            raise StoreError("away")
        await write(operations)

    monkeypatch.setattr(table, "_write", first_alone)
    with pytest.raises(StoreError):
        run(store.conclude([item.model_copy(update={"outcome": "applied"}) for item in changes]))
    trail = run(store.page("u", "c"))
    is_open = {row["sk"] for row in table.rows() if row["pk"] == "u#open#c"}
    assert 0 < len(is_open) < 120
    assert is_open == {item.audit_id for item in trail if item.outcome == "unknown"}


def test_what_is_settled_later_is_open_no_more(table: Counting) -> None:
    store, change = AuditStore(table), record(5)
    run(store.intend([change]))
    for _ in range(2):  # a settlement may be repeated
        run(store.conclude([change.model_copy(update={"outcome": "applied"})]))
        assert recent(table, 10) == []


def test_the_first_outcome_stands_and_closes_the_change(table: Counting) -> None:
    store, change = AuditStore(table), record(5)
    run(store.intend([change]))
    run(store.conclude([change.model_copy(update={"outcome": "applied"})]))
    run(store.intend([change]))
    run(store.conclude([change.model_copy(update={"outcome": "failed"}), record(6, operation="create")]))
    assert [item.outcome for item in run(store.page("u", "c"))] == ["applied", "unknown"]
    assert recent(table, 10) == []


def test_what_became_of_a_decision_is_added_once_and_pages_stay_whole(table: Counting) -> None:
    store, changes = AuditStore(table), [record(day, outcome="applied") for day in range(5)]
    run(store.intend(changes))
    run(store.conclude(changes))
    for verdict in ("held", "below"):
        later = [item.model_copy(update={"evidence": {"looked_at_again": verdict}}) for item in changes[:4]]
        run(store.look_again(later))
    pages: list[AuditRecord] = []
    while page := run(store.page("u", "c", after=pages[-1].audit_id if pages else "", limit=2)):
        pages += page
    assert [item.audit_id for item in pages] == [item.audit_id for item in changes]
    assert [item.evidence.get("looked_at_again") for item in pages] == ["held"] * 4 + [None]
