"""The leases of deliveries: what fails about their end or their beginning holds up no later message."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from campaign_automation.stores.table import Operation, Row, Update
from campaign_automation.tasks import sweep_outbox
from campaign_automation.utils import retry_strategy
from campaign_automation.utils.error_handler import StoreError
from tests.support.builders import request_body
from tests.support.memory_table import MemoryTable
from tests.support.one_tenant import OneTenant
from tests.support.receiver import Receiver, receiving

receiver = pytest.fixture(receiving)


class Throttled(MemoryTable):
    """A table that refuses the next writes which end a lease, and the next reads of a row."""

    def __init__(self) -> None:
        super().__init__()
        self.ends_refused: dict[str, int] = {}  # by the attribute of the lease
        self.reads_refused: dict[str, int] = {}  # by sort key

    async def _write(self, operations: Sequence[Operation]) -> None:
        for operation in operations:
            if isinstance(operation, Update):
                for attribute in operation.remove:
                    _refuse(self.ends_refused, attribute)
        await super()._write(operations)

    async def _query(self, pk: str, since: str, prefix: str, limit: int | None) -> list[Row]:
        _refuse(self.reads_refused, prefix)
        return await super()._query(pk, since, prefix, limit)

    async def _get(self, key: Any) -> Row | None:
        _refuse(self.reads_refused, key.sk)
        return await super()._get(key)


def _refuse(counts: dict[str, int], name: str) -> None:
    if counts.get(name, 0) > 0:
        counts[name] -= 1
        raise StoreError("throttled")


async def at_once(seconds: float) -> None: ...


@pytest.fixture
def table() -> Throttled:
    return Throttled()


@pytest.fixture
def house(table: Throttled, monkeypatch: pytest.MonkeyPatch) -> OneTenant:
    monkeypatch.setattr(retry_strategy, "_sleep", at_once)
    return OneTenant(table=table, WEBHOOK_PRIVATE_HOSTS="127.0.0.1")


def test_the_next_message_of_a_campaign_is_sent_after_a_lease_whose_end_failed(
    house: OneTenant, table: Throttled
) -> None:
    made = house.done("create_campaign", request_body())
    table.ends_refused["delivery_by"] = 1
    house.done("manage_campaign", {"campaign_id": made["campaign_id"], "action": "start"})
    assert table.ends_refused["delivery_by"] == 0
    house.done("manage_campaign", {"campaign_id": made["campaign_id"], "action": "pause"})
    told = [arguments.get("status") for tool, arguments in house.web_platform.writes[-2:]]
    assert told == ["active", "paused"]


@pytest.mark.parametrize("fails", ["ends_refused", "reads_refused"])
def test_the_next_event_is_sent_after_a_lease_whose_end_or_settings_failed(
    house: OneTenant, table: Throttled, receiver: Receiver, fails: str
) -> None:
    house.done("set_notifications", {"webhook_url": receiver.url, "channels": ["webhook"]})
    notices = house.wiring.notices
    asyncio.run(notices.leave("u", "id-1", {"title": "t", "message": "m"}))
    getattr(table, fails).update(sent_by=1, settings=1)
    for _ in range(2):
        asyncio.run(sweep_outbox(house.wiring, {}))
    assert [item["id"] for item in receiver.taken] == ["id-1"]
    asyncio.run(notices.leave("u", "id-2", {"title": "t", "message": "m"}))
    asyncio.run(sweep_outbox(house.wiring, {}))
    assert [item["id"] for item in receiver.taken] == ["id-1", "id-2"]


def test_settings_that_cannot_be_read_leave_what_the_webhook_fails_at(
    house: OneTenant, table: Throttled, receiver: Receiver
) -> None:
    house.done("set_notifications", {"webhook_url": receiver.url, "channels": ["webhook"]})
    receiver.status = 503
    asyncio.run(house.wiring.notices.leave("u", "id-1", {"title": "t", "message": "m"}))
    asyncio.run(sweep_outbox(house.wiring, {}))
    table.reads_refused["settings"] = 1
    asyncio.run(sweep_outbox(house.wiring, {}))
    assert table.reads_refused["settings"] == 0
    assert house.done("get_notifications", {})["error"] == "HTTP 503"
