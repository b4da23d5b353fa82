"""Typed events: what they tell, their numbers, and the bus and the webhook that get them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws
from pydantic import TypeAdapter

from campaign_automation.api.event_schema import MODELS, document
from campaign_automation.clients.event_bus import EventBus
from campaign_automation.managers.changes.items import Run
from campaign_automation.models.notices.events import CampaignChanges
from campaign_automation.stores import lease
from campaign_automation.stores.engines.sqlite import SqliteTable
from campaign_automation.stores.operations.events import NewEvent, write_with_events
from campaign_automation.stores.operations.webhooks import WebhookStore
from campaign_automation.stores.table import Absent, Key, Put, Table
from campaign_automation.tasks import check_ab_test, sweep_outbox
from campaign_automation.utils import clock
from tests.support.builders import request_body
from tests.support.memory_table import MemoryTable
from tests.support.one_tenant import OneTenant
from tests.support.receiver import Receiver, receiving

REGION = "us-east-1"


class Bus:
    """EventBridge's PutEvents in this process; `refuses` ids as often as they are listed."""

    def __init__(self, *refuses: str) -> None:
        self.events: list[dict[str, Any]] = []
        self.refuses = list(refuses)

    def put_events(self, Entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        return {"Entries": [self._put(json.loads(entry["Detail"])) for entry in Entries]}

    def _put(self, event: dict[str, Any]) -> dict[str, str]:
        if event["type"] in self.refuses:
            self.refuses.remove(event["type"])
            return {"ErrorCode": "InternalFailure"}
        self.events.append(event)
        return {"EventId": event["id"]}


class House(OneTenant):
    """A house with a bus; who only looks at the bus sweeps first."""

    def __init__(self, bus: Any, **settings: str) -> None:
        super().__init__(EVENT_BUS_NAME="bus", **settings)
        self.bus = bus
        self.wiring.webhooks._bus = EventBus("bus", lambda: bus)

    def sweep(self) -> None:
        asyncio.run(sweep_outbox(self.wiring, {}))

    def waiting(self) -> int:
        return len(asyncio.run(WebhookStore(self.table).events("u")))


receiver = pytest.fixture(receiving)


def types(events: Sequence[Mapping[str, Any]]) -> list[str]:
    return [event["type"] for event in events]


def test_a_campaign_tells_its_life_in_order_under_its_own_numbers() -> None:
    house = House(bus := Bus())
    asked = {"session_id": "session_1", "request_id": "req_1"}
    first = house.done("create_campaign", request_body(activate=True), **asked)["campaign_id"]
    second = house.done("create_campaign", request_body(name="Another"))["campaign_id"]
    house.done("update_campaign", {"campaign_id": first, "target_roas": 2})
    pause = {"campaign_id": first, "action": "pause", "reason": "too dear"}
    house.done("manage_campaign", pause, person="ann", request_id="req_2")
    assert house.waiting() == 0
    mine = [event for event in bus.events if event["campaign_id"] == first]
    assert types(mine) == ["campaign.created", *["campaign.changed"] * 3]
    assert [event["sequence"] for event in mine] == [1, 2, 3, 4]
    assert types(event for event in bus.events if event["campaign_id"] == second) == ["campaign.created"]
    made, started, aimed, paused = mine
    assert (made["data"]["platform"], made["data"]["daily_budget"]) == ("meta", 100)
    assert (made["session_id"], made["correlation_id"], made["actor"]) == ("session_1", "req_1", "user:u")
    assert {change["after"]["status"] for change in started["data"]["changes"]} == {"active"}
    assert aimed["data"]["changes"][0]["after"] == {"target_roas": "2"}
    assert (paused["actor"], paused["correlation_id"]) == ("user:ann", "req_2")
    assert paused["data"]["reason"] == "too dear"
    assert all(TypeAdapter(event_type()).validate_python(event) for event in bus.events)


def test_a_subscriber_of_the_bus_gets_events_by_their_source_and_type() -> None:
    with mock_aws():
        bus, queues = boto3.client("events", REGION), boto3.client("sqs", REGION)
        url = queues.create_queue(QueueName="mine")["QueueUrl"]
        queue = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
        bus.create_event_bus(Name="bus")
        pattern = {"source": ["campaign-automation"], "detail-type": ["campaign.changed"]}
        bus.put_rule(Name="mine", EventBusName="bus", EventPattern=json.dumps(pattern))
        target = {"Id": "1", "Arn": queue["QueueArn"]}
        bus.put_targets(Rule="mine", EventBusName="bus", Targets=[target])
        house = House(bus)
        campaign_id = house.done("create_campaign", request_body(activate=True))["campaign_id"]
        house.done("manage_campaign", {"campaign_id": campaign_id, "action": "pause"})
        found = queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    seen = [json.loads(message["Body"]) for message in found]
    assert sorted(item["detail"]["sequence"] for item in seen) == [2, 3]
    assert {item["detail-type"] for item in seen} == {"campaign.changed"}


def event_type() -> Any:
    union = MODELS[0]
    for model in MODELS[1:]:
        union = union | model  # type: ignore[assignment]
    return union


def test_the_schema_knows_each_type_once_and_resolves_its_references() -> None:
    schema = document()
    kinds = [item["properties"]["type"]["const"] for item in resolved(schema)]
    typed = "campaign.created campaign.changed rule.acted test.ended proposal.waiting needs_person"
    assert sorted(kinds) == sorted([*typed.split(), "notice", "test"])
    names = {item.removeprefix("#/$defs/") for item in references(schema)}
    assert names <= set(schema["$defs"])


def resolved(schema: dict[str, Any]) -> list[dict[str, Any]]:
    return [schema["$defs"][item["$ref"].removeprefix("#/$defs/")] for item in schema["oneOf"]]


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [str(item) for name, item in value.items() if name == "$ref"] + [
            found for item in value.values() for found in references(item)
        ]
    return [found for item in value for found in references(item)] if isinstance(value, list) else []


def test_what_the_bus_refuses_holds_up_its_own_campaign_alone() -> None:
    house = House(bus := Bus("campaign.created"))
    house.wiring.outbox.tells_later = True
    first = house.done("create_campaign", request_body(activate=True))["campaign_id"]
    second = house.done("create_campaign", request_body(name="Another", activate=True))["campaign_id"]
    house.wiring.outbox.tells_later = False
    house.sweep()
    told = {event["campaign_id"] for event in bus.events}
    assert (len(bus.events), len(told)) == (2, 1)
    house.sweep()
    assert house.waiting() == 0
    for campaign_id in (first, second):
        numbers = [event["sequence"] for event in bus.events if event["campaign_id"] == campaign_id]
        assert numbers == [1, 2]


def test_a_proposal_waits_and_its_approval_changes_the_campaign() -> None:
    house = House(bus := Bus())
    campaign_id = house.done("create_campaign", request_body())["campaign_id"]
    asked = {"campaign_id": campaign_id, "name": "Another", "mode": "propose"}
    proposal_id = house.ask("update_campaign", asked)["proposal_id"]
    house.done("approve_proposal", {"proposal_ids": [proposal_id]}, person="boss")
    assert types(bus.events) == ["campaign.created", "proposal.waiting", "campaign.changed"]
    assert bus.events[1]["data"]["proposal_id"] == proposal_id


def test_a_change_whose_process_died_is_told_by_the_next_run(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(bus := Bus())
    campaign_id = house.done("create_campaign", request_body(activate=True))["campaign_id"]

    async def dies(*_: Any, **__: Any) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(type(house.wiring.store), "end_run", dies)
        with pytest.raises(KeyboardInterrupt):
            house.ask("manage_campaign", {"campaign_id": campaign_id, "action": "pause"}, person="ann")
    assert len(bus.events) == 2

    async def settle() -> None:
        campaign = await house.wiring.store.campaign("u", campaign_id)
        assert campaign is not None
        await house.wiring.gate.settle(campaign, Run("run_settles", "system", "settled", 0))

    over = lease.machine_now() + 61
    monkeypatch.setattr(lease, "machine_now", lambda: over)
    asyncio.run(settle())
    house.sweep()
    assert types(bus.events) == ["campaign.created", "campaign.changed", "campaign.changed"]
    assert (bus.events[-1]["actor"], bus.events[-1]["sequence"]) == ("user:ann", 3)


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_numbers_have_no_gap_under_concurrent_writers_and_a_failed_write_takes_none(
    kind: str, tmp_path: Any
) -> None:
    table: Table = MemoryTable() if kind == "memory" else SqliteTable(tmp_path / "rows.sqlite")

    async def write(number: int, *, fails: bool = False) -> bool:
        key = Key("u#thing", str(0 if fails else number))
        event = NewEvent("u", f"e{number}", CampaignChanges(run_id="r", reason="", changes=[]), "a", "c")
        put = Put({**key._asdict(), "n": number}, when=Absent())
        return await write_with_events(table, [put], [event])

    async def scenario() -> None:
        assert all(await asyncio.gather(*(write(number) for number in range(6))))
        assert not await write(7, fails=True)
        assert await write(8)
        events = await WebhookStore(table).events("u")
        assert [event.about["sequence"] for event in events] == list(range(1, 8))
        assert len({event.at_ms for event in events}) == 7

    asyncio.run(scenario())


def test_a_webhook_that_was_down_for_a_day_gets_typed_events_once_and_in_order(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    house, now = House(bus := Bus(), WEBHOOK_PRIVATE_HOSTS="127.0.0.1"), [clock.now()]
    monkeypatch.setattr(clock, "now", lambda: now[0])
    house.done("set_notifications", {"webhook_url": receiver.url})
    receiver.status = 503
    campaign_id = house.done("create_campaign", request_body(activate=True))["campaign_id"]
    for number in range(12):
        now[0] += timedelta(hours=2)
        house.done("manage_campaign", {"campaign_id": campaign_id, "action": ("pause", "start")[number % 2]})
        house.sweep()
    assert [event["sequence"] for event in bus.events] == list(range(1, 15))  # the bus waits for nobody
    assert (receiver.taken, house.done("get_notifications", {})["waiting"]) == ([], house.waiting())
    receiver.status = 200
    house.sweep()
    house.sweep()
    typed = [event for event in receiver.taken if "sequence" in event]
    assert typed == bus.events
    assert len({event["id"] for event in receiver.taken}) == len(receiver.taken)
    assert house.waiting() == 0


def test_all_that_a_webhook_gets_is_as_the_schema_says(receiver: Receiver) -> None:
    house = House(Bus(), WEBHOOK_PRIVATE_HOSTS="127.0.0.1")
    house.done("set_notifications", {"webhook_url": receiver.url})
    house.done("try_webhook", {})
    campaign_id = house.done("create_campaign", request_body())["campaign_id"]
    house.ask("update_campaign", {"campaign_id": campaign_id, "name": "Another", "mode": "propose"})
    house.sweep()
    told = sorted(types(receiver.taken))
    assert told == ["campaign.created", "notice", "proposal.waiting", "test"]
    for event in receiver.taken:
        TypeAdapter(event_type()).validate_python(event)


def test_the_end_of_a_test_is_told_once() -> None:
    house = House(bus := Bus())
    body = {"test_name": "Two", "creative_ids": ["1", "2"], "daily_budget": 500, "platform": "meta"}
    test_id = house.done("create_ab_test", body)["test_id"]
    for _ in range(2):
        house.ask("cancel_ab_test", {"test_id": test_id}, person="ann")
    (ended,) = [event for event in bus.events if event["type"] == "test.ended"]
    assert (ended["data"]["state"], ended["actor"]) == ("cancelled", "user:ann")
    assert ended["campaign_id"] == bus.events[0]["campaign_id"]


def test_the_notice_of_an_end_and_its_event_are_two_events_also_in_one_millisecond(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    house, now = House(bus := Bus(), WEBHOOK_PRIVATE_HOSTS="127.0.0.1"), [clock.now()]
    monkeypatch.setattr(clock, "now", lambda: now[0])
    house.done("set_notifications", {"webhook_url": receiver.url})
    body = {"test_name": "Two", "creative_ids": ["1", "2"], "daily_budget": 500, "platform": "meta"}
    test_id = house.done("create_ab_test", body)["test_id"]
    now[0] += timedelta(days=20)
    checked = asyncio.run(check_ab_test(house.wiring, {"tenant": "u", "test_id": test_id}))
    assert checked["test_state"] == "finished"
    house.sweep()
    assert types(bus.events)[-1] == "test.ended"
    told = [
        (event["type"], event["id"]) for event in receiver.taken if event["type"] in ("notice", "test.ended")
    ]
    assert sorted(kind for kind, _ in told) == ["notice", "test.ended"]
    assert len({name for _, name in told}) == 2
