"""The calls of the store that an action makes: each is a request to DynamoDB, or a wait for the disk."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest

from campaign_automation.capability import run_action
from campaign_automation.managers.changes.items import DesiredChange, new_run
from campaign_automation.managers.shared.web_platform_record import DELETE
from campaign_automation.models.campaign import Creation, OutboxEntry
from campaign_automation.settings import parse_settings
from campaign_automation.stores.campaign_rows import creation_of
from campaign_automation.stores.table import Delete, Key, Operation, Row, Update
from campaign_automation.wiring import Wiring
from tests.support.builders import request_body
from tests.support.fake_adapter import FakeAdapter
from tests.support.memory_cache import MemoryCache
from tests.support.memory_table import MemoryTable
from tests.support.one_tenant import SETTINGS
from tests.support.web_platform import MemoryWebPlatform


class CountingTable(MemoryTable):
    """A table that notes what is asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.gets: list[Key] = []
        self.queries: list[tuple[str, str]] = []  # partitions and prefixes
        self.writes: list[Sequence[Operation]] = []

    async def _get(self, key: Key) -> Row | None:
        self.gets.append(key)
        return await super()._get(key)

    async def _query(self, pk: str, since: str, prefix: str, limit: int | None) -> list[Row]:
        self.queries.append((pk, prefix))
        return await super()._query(pk, since, prefix, limit)

    async def _write(self, operations: Sequence[Operation]) -> None:
        self.writes.append(operations)
        await super()._write(operations)

    @contextmanager
    def counting(self) -> Iterator[None]:
        self.gets, self.queries, self.writes = [], [], []
        yield


class House:
    def __init__(self) -> None:
        self.table = CountingTable()
        self.web_platform = MemoryWebPlatform()
        self.wiring = Wiring(
            parse_settings(SETTINGS),
            mcp_client=self.web_platform,
            redis_client=MemoryCache(),
            adapters={"meta": FakeAdapter("meta")},
            table=self.table,
            runs_due=True,
        )
        self.campaign_id = str(self.ask("create_campaign", request_body())["campaign_id"])

    def ask(self, action: str, parameters: dict[str, Any]) -> dict[str, Any]:
        answer = asyncio.run(run_action(self.wiring, action, parameters, {"user_id": "u"}))
        assert answer["status"] == "success", answer
        return answer

    def manage(self, action: str) -> None:
        self.ask("manage_campaign", {"campaign_id": self.campaign_id, "action": action})

    def creation(self) -> Creation:
        creation = asyncio.run(self.wiring.store.load("u", self.campaign_id))
        assert creation is not None
        return creation

    @property
    def partition(self) -> str:
        return f"u#campaign#{self.campaign_id}"


@pytest.fixture
def house() -> House:
    return House()


def test_a_status_from_the_cache_reads_one_row(house: House) -> None:
    question = {"campaign_id": house.campaign_id}
    house.ask("get_campaign_status", question)
    with house.table.counting():
        assert house.ask("get_campaign_status", question)["source"] == "cache"
    assert house.table.gets == [Key(house.partition, "campaign")]
    assert house.table.queries == []
    assert house.table.writes == []


def test_a_trail_is_read_without_its_campaign(house: House) -> None:
    platform_id = house.creation().campaign().root_id  # type: ignore[union-attr]
    for name in (house.campaign_id, platform_id):
        with house.table.counting():
            trail = house.ask("get_audit", {"campaign_id": name})
        assert trail["campaign_id"] == house.campaign_id
        assert trail["records"]
        assert house.table.queries == [(f"u#audit#{house.campaign_id}", "")]


@pytest.mark.parametrize("action", ["pause", "start"])
def test_a_change_reads_its_whole_campaign_once(house: House, action: str) -> None:
    house.manage("start" if action == "pause" else "pause")
    with house.table.counting():
        house.manage(action)
    assert house.table.queries.count((house.partition, "")) == 1
    # A start is weighed against the cap with what all campaigns of the account may spend; a pause is not.
    of_account = [pk for pk, _ in house.table.queries if pk.startswith("u#budgets#")]
    assert len(of_account) == (action == "start")


def test_nothing_is_sent_before_one_write_records_it_and_holds_the_lease(house: House) -> None:
    adapter = house.wiring.adapters["meta"]
    assert isinstance(adapter, FakeAdapter)
    sent_after: list[Sequence[Operation]] = []
    before = adapter.set_status

    async def noted(*args: Any) -> Any:
        sent_after.append(house.table.writes[-1])
        return await before(*args)

    adapter.set_status = noted  # type: ignore[method-assign]
    with house.table.counting():
        house.manage("start")
    written = {operation.key.pk: operation for operation in sent_after[0]}
    lease = written[house.partition]
    assert isinstance(lease, Update)
    assert lease.when is not None
    assert "run_held_until" in lease.set
    assert f"u#open#{house.campaign_id}" in written
    # Further requests of the same change hold it anew.
    assert all("run_held_until" in writes[0].set for writes in sent_after[1:])  # type: ignore[union-attr]


def test_a_stop_while_many_changes_are_recorded_lets_none_of_them_be_sent(house: House) -> None:
    adsets = {"split_by": "age", "age_groups": [[20 + number, 20 + number] for number in range(10)]}
    creatives = [str(number) for number in range(1, 6)]
    made = house.ask("create_campaign", request_body(**adsets, creative_ids=creatives, daily_budget=300))
    campaign_id = made["campaign_id"]
    adapter = house.wiring.adapters["meta"]
    assert isinstance(adapter, FakeAdapter)
    sent: list[Any] = []

    async def noted(*args: Any) -> Any:
        sent.append(args)
        raise AssertionError("sent after the stop")

    adapter.set_status = noted  # type: ignore[method-assign]
    write, is_asked = house.table._write, False

    async def stopped_after_the_first(operations: Sequence[Operation]) -> None:
        nonlocal is_asked
        await write(operations)
        if not is_asked and any(item.key.pk == f"u#open#{campaign_id}" for item in operations):
            is_asked = True
            assert len(operations) > 90  # and there are more to be recorded
            await write([Update(Key(f"u#campaign#{campaign_id}", "campaign"), set={"stop_requested": "x"})])

    house.table._write = stopped_after_the_first  # type: ignore[method-assign]
    question = {"campaign_id": campaign_id, "action": "start"}
    asyncio.run(run_action(house.wiring, "manage_campaign", question, {"user_id": "u"}))
    assert is_asked
    assert sent == []


def test_a_campaign_that_was_written_after_it_was_read_is_read_again_under_the_lease(house: House) -> None:
    store, campaign = house.wiring.store, house.creation().campaign()
    assert campaign is not None
    asyncio.run(store.plan_resume(campaign, None))  # by another process
    assert not asyncio.run(store.begin_run_unchanged(campaign, "run_1", 60))
    fresh = house.creation().campaign()
    assert fresh is not None
    assert asyncio.run(store.begin_run_unchanged(fresh, "run_1", 60))
    assert not asyncio.run(store.begin_run_unchanged(fresh, "run_2", 60))


def test_a_campaign_whose_run_died_or_that_was_made_elsewhere_is_always_read_again(house: House) -> None:
    store, campaign = house.wiring.store, house.creation().campaign()
    assert campaign is not None
    a_part = {"row_version": None}
    for of_old in ({"run_id": "run_dead"}, {"is_adopted": True}, {"state": "creating"}, a_part):
        as_read = campaign.model_copy(update=of_old)
        assert not asyncio.run(store.begin_run_unchanged(as_read, "run_1", 60))


def test_a_campaign_with_some_objects_from_before_its_last_change_is_read_again(house: House) -> None:
    def rows() -> dict[str, Row]:
        return {row["sk"]: row for row in house.table.rows() if row["pk"] == house.partition}

    before = rows()
    house.manage("start")
    after = rows()
    changed = [name for name in after if name.startswith("object#") and after[name] != before[name]]
    assert changed
    assert creation_of(after["campaign"], list(after.values())).row_version is not None
    for name in changed:  # as a query may show them while DynamoDB carries a transaction out
        seen = after | {name: before[name]}
        assert creation_of(seen["campaign"], list(seen.values())).row_version is None


@pytest.mark.parametrize("ended", ["odd", "run_1#many", "#", True, Decimal(3)])
def test_an_odd_note_of_the_last_run_hinders_no_stop(house: House, ended: Any) -> None:
    house.manage("start")
    house.table._partitions[house.partition]["campaign"]["ended_run"] = ended
    assert house.creation().row_version is None
    house.manage("pause")
    assert house.creation().row_version is not None


def test_a_change_of_a_campaign_that_was_read_in_part_is_told_all_the_same(house: House) -> None:
    campaign = house.creation().campaign()
    assert campaign is not None
    digest = campaign.model_copy(update={"outbox": [], "row_version": None})
    wanted = [DesiredChange(item.level, item.tag, "status", "active") for item in campaign.start_order()]
    asyncio.run(house.wiring.gate.apply(digest, wanted, new_run("rule:r", "costly")))
    (record,) = house.web_platform.campaigns.values()
    assert record["status"] == "active"


def test_what_the_web_platform_was_told_before_takes_no_room_in_later_reads(house: House) -> None:
    for action in ("start", "pause", "start"):
        house.manage(action)
    first, newest = house.creation().outbox
    assert first.arguments  # of the record itself
    assert newest.arguments  # it may be told again
    rows = {row["sk"]: row for row in house.table.rows() if row["pk"] == house.partition}
    expiring = [row for name, row in rows.items() if name.startswith("outbox#") and "expires_at" in row]
    assert [row["sk"] for row in expiring] == [f"outbox#{number:06d}" for number in range(2, newest.number)]
    earlier = [OutboxEntry.model_validate_json(row["entry"]) for row in expiring]
    assert [(entry.sent, entry.is_superseded, entry.arguments) for entry in earlier] == [(True, True, {})] * 3

    gone = Key(house.partition, expiring[0]["sk"])
    asyncio.run(house.table.write(Delete(gone)))
    house.manage("pause")
    assert house.creation().outbox[-1].number == newest.number + 1
    (record,) = house.web_platform.campaigns.values()
    assert record["status"] == "paused"


def test_a_message_that_is_released_late_takes_nothing_of_a_newer_one(house: House) -> None:
    house.manage("start")
    creation = house.creation()
    *_, newest = creation.outbox
    late = OutboxEntry(number=newest.number - 1, tool=DELETE, arguments={})
    asyncio.run(house.wiring.store.save_messages(creation, [late]))
    asyncio.run(house.wiring.outbox.deliver("u", creation.campaign_id))
    *_, released, kept = house.creation().outbox
    assert (released.sent, kept.arguments, kept.is_superseded) == (True, newest.arguments, False)
