"""A rule reads an account, not each of its campaigns: reads counted, and decisions compared with and without
digests."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from campaign_automation.adapters.base import DailyInsight
from campaign_automation.stores.digest_store import Digest, DigestStore
from campaign_automation.stores.table import Key, Operation, Row
from campaign_automation.tasks import evaluate_rule
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import StoreError
from tests.support.many_accounts import ManyAccounts
from tests.support.memory_table import MemoryTable
from tests.support.one_tenant import OneTenant

CAMPAIGNS = 12
RULE = {
    "rule_name": "Costly",
    "condition": {"metric": "spend", "operator": "greater_than", "value": 100, "time_range": "7d"},
    "action": {"type": "pause_adset"},
    "applies_to": {"all": True},
    "max_affected": {"count": 100},
    "confirm": True,
}


def kind_of(pk: str) -> str:
    """Return the word of a partition that stands behind the tenant's id."""
    return pk.partition("#")[2].partition("#")[0]


class CountedTable(MemoryTable):
    """Notes each request by the kind of its rows."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: Counter[str] = Counter()

    async def _get(self, key: Key) -> Row | None:
        self.asked["get"] += 1
        return await super()._get(key)

    async def _get_many(self, keys: Sequence[Key], names: Sequence[str]) -> list[Row]:
        self.asked["many"] += 1
        return await super()._get_many(keys, names)

    async def _query(self, pk: str, since: str, prefix: str, limit: int | None) -> list[Row]:
        self.asked[kind_of(pk)] += 1
        return await super()._query(pk, since, prefix, limit)

    async def _write(self, operations: Sequence[Operation]) -> None:
        self.asked["write"] += 1
        await super()._write(operations)

    def of(self, kind: str) -> list[Row]:
        return [row for row in self.rows() if kind_of(row["pk"]) == kind]

    def drop(self, kind: str) -> None:
        for row in self.of(kind):
            del self._partitions[row["pk"]]

    def spoil(self, row: Row, **changes: Any) -> None:
        self._partitions[row["pk"]][row["sk"]] |= changes


class House(OneTenant):
    """A tenant whose account has many imported campaigns of two ad sets, every third of them costly."""

    table: CountedTable

    def __init__(self, campaigns: int = CAMPAIGNS) -> None:
        adapter = ManyAccounts()
        for number in range(campaigns):
            spend = 40 if number % 3 == 0 else 4
            adapter.campaign_in(1, f"Campaign {number}", spend, spend)
        super().__init__(adapter, table=CountedTable(), ACCOUNT_DAILY_BUDGET_CAPS="USD:100000")
        imported = self.done("import_campaigns", {"all": True})["imported"]
        self.ids = [item["campaign_id"] for item in imported]
        self.rule_id = self.done("create_rule", RULE)["rule_id"]
        self.ticks = 0

    def tick(self) -> dict[str, Any]:
        """Evaluate the rule as at its next time, with no notification remembered."""
        for row in self.table.of("rule"):
            if row["sk"] == "told":
                del self.table._partitions[row["pk"]]["told"]
        self.table.asked.clear()
        self.ticks += 1
        at = clock.iso(clock.now() + timedelta(minutes=self.ticks))
        event = {"tenant": "u", "rule_id": self.rule_id, "scheduled_time": at}
        return self.run(lambda: evaluate_rule(self.wiring, event))

    def observe(self) -> None:
        self.done("update_rule", {"rule_id": self.rule_id, "rule": RULE | {"mode": "observe"}})


@pytest.fixture
def house() -> House:
    return House()


def decided(result: dict[str, Any]) -> dict[str, Any]:
    names = ("evaluated", "matched", "outcome", "scope", "skipped", "undecidable", "changed", "failed")
    return {name: result[name] for name in names}


def test_a_tick_reads_pages_and_not_campaigns() -> None:
    asked = []
    for campaigns in (6, 24):
        house = House(campaigns)
        house.observe()
        result = house.tick()
        assert (result["evaluated"], result["matched"]) == (2 * campaigns, 2 * campaigns // 3)
        asked.append(dict(house.table.asked))
    # The rule's creation has left digests behind.
    assert asked[0] == asked[1]
    assert asked[0]["many"] == 3
    assert not asked[0].keys() & {"campaign", "audit", "insights"}


def test_what_a_rule_decides_is_the_same_with_digests_and_without(house: House) -> None:
    house.observe()
    with_digests = decided(house.tick())
    house.table.drop("digest")
    assert decided(house.tick()) == with_digests
    assert house.table.asked["campaign"] == house.table.asked["audit"] == CAMPAIGNS
    assert house.table.asked["insights"] == CAMPAIGNS


def test_a_campaign_that_changed_is_read_anew_and_it_alone(house: House) -> None:
    house.observe()
    costly, other = house.ids[0], house.ids[1]
    house.done("manage_campaign", {"campaign_id": costly, "action": "pause", "confirm": True})
    house.done("update_campaign", {"campaign_id": other, "name": "Another name"})
    result = house.tick()
    assert house.table.asked["campaign"] == house.table.asked["audit"] == 2
    assert result["matched"] == 2 * CAMPAIGNS // 3
    assert {item["reason"] for item in result["skipped"]} == {"already_paused"}
    house.tick()
    assert not house.table.asked.keys() & {"campaign", "audit"}


def test_what_a_tick_changed_the_next_one_knows(house: House) -> None:
    assert len(house.tick()["changed"]) == 2 * CAMPAIGNS // 3
    again = house.tick()
    assert again["changed"] == []
    house.table.drop("digest")
    assert decided(house.tick()) == decided(again)


def test_a_change_that_begins_during_a_tick_is_seen_by_it(house: House) -> None:
    """The marks are compared once more after the platform was read."""
    campaign_id = house.ids[0]
    read_daily = house.adapter.read_daily

    async def meanwhile(*args: Any) -> list[DailyInsight]:
        house.adapter.read_daily = read_daily  # type: ignore[method-assign]
        change = {"campaign_id": campaign_id, "action": "pause", "confirm": True}
        assert (await house.ask_async("manage_campaign", change))["status"] == "success"
        return await read_daily(*args)

    house.adapter.read_daily = meanwhile  # type: ignore[method-assign]
    house.tick()
    assert house.table.asked["audit"] == 1 + house.table.asked["open"]
    house.table.drop("digest")
    assert house.tick()["changed"] == []


@pytest.mark.parametrize(
    "changes",
    [
        {"packed": b"no such thing"},
        {"packed": zlib.compress(b"{}")},
        {"form": "older"},
        {"mark": "1.1"},
        {"schema": 99},
    ],
)
def test_a_digest_that_cannot_be_used_costs_a_read(house: House, changes: dict[str, Any]) -> None:
    house.observe()
    expected = decided(house.tick())
    house.table.spoil(house.table.of("digest")[0], **changes)
    assert decided(house.tick()) == expected
    assert house.table.asked["campaign"] == 1


def test_a_digest_of_another_tenant_or_campaign_is_never_read(house: House) -> None:
    house.observe()
    expected = decided(house.tick())
    one, other, third = house.table.of("digest")[:3]
    house.table.spoil(one, packed=other["packed"])
    foreign = zlib.decompress(third["packed"]).replace(b'"tenant":"u"', b'"tenant":"v"')
    house.table.spoil(third, packed=zlib.compress(foreign))
    assert decided(house.tick()) == expected
    assert house.table.asked["campaign"] == 2


@pytest.mark.parametrize("kind", ["campaign", "audit", "insights"])
def test_a_row_that_cannot_be_read_stops_no_other_campaign(house: House, kind: str) -> None:
    house.done("manage_campaign", {"campaign_id": house.ids[1], "action": "pause", "confirm": True})
    house.table.drop("digest")
    broken = next(
        row
        for row in reversed(house.table.of(kind))
        if house.ids[1] in row["pk"] and "object" not in row["sk"]
    )
    spoilt = {"campaign": {"adopted": "{"}, "audit": {"record": "{"}, "insights": {"conversions": "{"}}
    house.table.spoil(broken, **spoilt[kind])
    result = house.tick()
    lost = {item["id"]: item["reason"] for item in result["undecidable"]}
    assert set(lost.values()) == {"not_read: 5002"}
    assert len(lost) == (1 if kind == "campaign" else 2)
    assert len(result["changed"]) == 2 * CAMPAIGNS // 3


def test_a_digest_that_cannot_be_kept_stops_no_tick(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("campaign_automation.stores.digest_store.MAX_ROW_BYTES", 1_001)
    house.table.drop("digest")
    assert len(house.tick()["changed"]) == 2 * CAMPAIGNS // 3
    assert not house.table.of("digest")
    assert house.run(lambda: DigestStore(house.table).read("u", house.ids)) == {}


def test_campaigns_of_which_one_is_not_shown_are_read_in_halves() -> None:
    house = House(24)
    house.observe()
    house.adapter.hidden.add(house.adapter.node_ids()[0])
    house.adapter.calls.clear()
    result = house.tick()
    assert {item["reason"] for item in result["undecidable"]} == {"not_read: 5000"}
    assert result["evaluated"] == 2 * 24
    assert house.adapter.calls.count("read_daily") <= 11  # 24, and two halves five times


def test_a_digest_is_no_whole_campaign_to_whoever_changes_it(house: House) -> None:
    house.observe()
    house.tick()
    digests = [Digest.model_validate_json(zlib.decompress(row["packed"])) for row in house.table.of("digest")]
    assert len(digests) == CAMPAIGNS
    assert all(item.campaign.outbox == [] and item.campaign.row_version is None for item in digests)


@pytest.mark.parametrize("is_retryable", [True, False])
def test_digests_that_cannot_be_read_stop_no_tick(
    house: House, monkeypatch: pytest.MonkeyPatch, is_retryable: bool
) -> None:
    house.observe()
    expected = decided(house.tick())

    async def refused(*_: Any) -> list[Row]:
        raise StoreError("the campaign store failed", retryable=is_retryable)

    monkeypatch.setattr(house.table, "_get_many", refused)
    assert decided(house.tick()) == expected


def test_a_campaign_with_objects_from_before_its_last_change_is_kept_in_no_digest(house: House) -> None:
    house.observe()
    house.done("manage_campaign", {"campaign_id": house.ids[1], "action": "pause", "confirm": True})
    row = next(row for row in house.table.of("campaign") if house.ids[1] in row["pk"] and "ended_run" in row)
    house.table.spoil(row, ended_run="run_other#1")
    house.table.drop("digest")
    house.tick()
    assert {row["pk"] for row in house.table.of("digest")} == {
        f"u#digest#{item}" for item in house.ids if item != house.ids[1]
    }
