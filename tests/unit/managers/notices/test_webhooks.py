"""Events for webhooks: signed, in order, once for each id, also after a day without an answer."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from campaign_automation.clients.webhook_client import WebhookClient
from campaign_automation.managers.notices import webhooks
from campaign_automation.stores.operations.webhooks import WebhookStore
from campaign_automation.stores.table import Put
from campaign_automation.tasks import collect_insights, sweep_outbox
from campaign_automation.utils import clock
from tests.support.builders import request_body
from tests.support.doc_blocks import code
from tests.support.one_tenant import OneTenant
from tests.support.receiver import Receiver, receiving

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
EVERY = timedelta(minutes=5)
DOCUMENTED: dict[str, Any] = {}
exec(code("docs/notices.md", "import base64, hashlib, hmac"), DOCUMENTED)


receiver = pytest.fixture(receiving)


class House(OneTenant):
    def __init__(self, **settings: str) -> None:
        super().__init__(**settings)
        self.now = NOON

    def pass_by(self, **amount: int) -> None:
        self.now += timedelta(**amount)

    def tell(self, number: int, **more: Any) -> None:
        arguments = {
            "notification_type": "general",
            "category": "system",
            "title": f"n{number}",
            "message": "m",
        }
        asyncio.run(self.wiring.notices.leave("u", f"id-{number}", arguments, **more))

    def sweep(self) -> None:
        asyncio.run(sweep_outbox(self.wiring, {}))

    def set(self, **parameters: Any) -> dict[str, Any]:
        return self.done("set_notifications", parameters)


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> House:
    house = House(WEBHOOK_PRIVATE_HOSTS="127.0.0.1")
    monkeypatch.setattr(clock, "now", lambda: house.now)
    return house


def signed_by(headers: dict[str, str], secret: str) -> bool:
    """Tell whether the check that docs/notices.md shows knows the signature."""
    return bool(DOCUMENTED["is_ours"](secret, headers, headers["body"].encode()))


def test_a_receiver_that_is_down_for_a_day_gets_everything_once_and_in_order(
    house: House, receiver: Receiver
) -> None:
    house.set(webhook_url=receiver.url)
    receiver.status = 503
    for number in range(20):
        house.tell(number)
        house.pass_by(minutes=72)
        house.sweep()
    shown = house.done("get_notifications", {})
    assert (shown["waiting"], shown["error"], receiver.taken) == (20, "HTTP 503", [])
    assert shown["failing_since"].startswith("2026-06-01T13:12")
    assert receiver.asked == 20  # one event at each sweep: none overtakes the first
    receiver.status = 200
    house.tell(20)
    for _ in range(2):
        house.sweep()
    assert [item["id"] for item in receiver.taken] == [f"id-{number}" for number in range(21)]
    shown = house.done("get_notifications", {})
    assert (shown["waiting"], shown["failing_since"], shown["error"]) == (0, None, None)


def test_a_notice_that_is_told_again_is_no_second_event(house: House, receiver: Receiver) -> None:
    house.set(webhook_url=receiver.url)
    for _ in range(2):
        house.tell(1)
        house.sweep()
    assert len(receiver.taken) == 1


def test_events_are_signed_and_the_secret_is_rotated_without_a_gap(house: House, receiver: Receiver) -> None:
    first = house.set(webhook_url=receiver.url)["secret"]
    assert house.set(channels=["webhook"])["secret"] is None
    house.tell(1)
    house.sweep()
    second = house.set(rotate_secret=True)["secret"]
    house.tell(2)
    house.sweep()
    house.pass_by(days=1, minutes=1)
    house.tell(3)
    house.sweep()
    before, both, after = receiver.headers
    assert [signed_by(before, item) for item in (first, second)] == [True, False]
    assert [signed_by(both, item) for item in (first, second)] == [True, True]
    assert [signed_by(after, item) for item in (first, second)] == [False, True]
    assert before["webhook-timestamp"] == str(int(NOON.timestamp()))


def test_a_rotation_whose_answer_was_lost_and_is_asked_for_again_makes_no_gap(
    house: House, receiver: Receiver
) -> None:
    first = house.set(webhook_url=receiver.url)["secret"]
    _, second = (house.set(rotate_secret=True)["secret"] for _ in range(2))
    house.tell(1)
    house.sweep()
    house.pass_by(days=1, minutes=1)
    house.tell(2)
    house.sweep()
    signed = [[signed_by(headers, item) for item in (first, second)] for headers in receiver.headers]
    assert signed == [[True, True], [False, True]]
    for _ in range(9):
        house.set(rotate_secret=True)
    house.tell(3)
    house.sweep()
    assert len(receiver.headers[-1]["webhook-signature"].split()) == 4


def test_a_tenant_whose_events_cannot_be_read_holds_nobody_up(house: House, receiver: Receiver) -> None:
    house.set(webhook_url=receiver.url)
    row = {"pk": "another#webhook", "sk": "event#0000000000001#x", "outbox": "webhooks", "due": 1}
    asyncio.run(house.table.write(Put(row)))
    settings = {"pk": "another#notifications", "sk": "settings", "settings": "no JSON"}
    asyncio.run(house.table.write(Put(settings)))
    house.tell(1)
    house.sweep()
    assert len(receiver.taken) == 1


def test_a_tenant_with_more_events_than_a_sweep_reads_holds_nobody_up(
    house: House, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "_MOST_EVENTS", 3)
    gone = {"webhook_url": "http://127.0.0.1:1/hooks"}
    house.done("set_notifications", gone, user_id="another")
    for number in range(5):
        asyncio.run(house.wiring.notices.leave("another", f"id-{number}", {"title": "t"}))
        house.pass_by(minutes=5)
    house.set(webhook_url=receiver.url)
    house.tell(1)
    house.sweep()
    assert [item["id"] for item in receiver.taken] == ["id-1"]


def test_without_a_webhook_nothing_waits(house: House) -> None:
    house.tell(1)
    house.sweep()
    assert asyncio.run(WebhookStore(house.table).events("u")) == []
    refused = house.ask("try_webhook", {})
    assert refused["error"]["details"]["field"] == "webhook_url"


@pytest.mark.parametrize("status", [302, 404, 500])
def test_only_a_2xx_takes_an_event(house: House, receiver: Receiver, status: int) -> None:
    house.set(webhook_url=receiver.url)
    receiver.status = status
    tried = house.done("try_webhook", {})
    assert (tried["is_taken"], tried["http_status"]) == (False, status)
    receiver.status = 200
    assert house.done("try_webhook", {})["is_taken"]
    assert receiver.taken[0]["type"] == "test"


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1/hooks", "https://10.0.0.7/", "https://169.254.169.254/latest/meta-data"]
)
def test_private_addresses_are_refused_when_they_are_connected_to(url: str) -> None:
    delivery = asyncio.run(WebhookClient().send(url, "e", {}, ["whsec_AAAA"]))
    assert (delivery.http_status, delivery.error) == (None, "the address is not on the public internet")


def test_a_public_address_without_tls_is_refused() -> None:
    delivery = asyncio.run(WebhookClient().send("http://example.com/", "e", {}, ["whsec_AAAA"]))
    assert delivery.error == "the address is not one of https"


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({}, "webhook_url"),
        ({"webhook_url": "ftp://example.com"}, "webhook_url"),
        ({"webhook_url": "https://me:secret@example.com"}, "webhook_url"),
        ({"channels": ["pigeon"]}, "channels.0"),
        ({"digest": {"at": "8"}}, "digest.at"),
        ({"digest": {"time_zone": "Mars"}}, "digest.time_zone"),
        ({"rotate_secret": True}, "rotate_secret"),
    ],
)
def test_wrong_settings_are_refused_by_their_field(
    house: House, parameters: dict[str, Any], field: str
) -> None:
    assert house.ask("set_notifications", parameters)["error"]["details"]["field"] == field


def test_a_tenant_chooses_its_channels(house: House, receiver: Receiver) -> None:
    house.set(webhook_url=receiver.url, channels=["webhook"])
    house.tell(1)
    house.sweep()
    assert (len(receiver.taken), notified(house)) == (1, [])
    house.set(channels=["web_platform"])
    house.tell(2)
    house.sweep()
    assert (len(receiver.taken), notified(house)) == (1, ["n2"])


def test_a_notice_may_be_for_some_channels_alone(house: House, receiver: Receiver) -> None:
    house.set(webhook_url=receiver.url)
    house.tell(1, channels=["web_platform"])
    house.tell(2, channels=["webhook"])
    house.sweep()
    assert ([item["id"] for item in receiver.taken], notified(house)) == (["id-2"], ["n1"])


def notified(house: House) -> list[str]:
    return [item["title"] for item in house.web_platform.notifications]


def test_the_digest_tells_spend_changes_and_problems_once_a_day(house: House) -> None:
    campaign = house.done("create_campaign", request_body(activate=True))
    house.set(digest={"at": "07:00", "time_zone": "Europe/Berlin"})
    asyncio.run(collect_insights(house.wiring, {}))
    assert notified(house) == []
    house.pass_by(hours=18)
    house.done("manage_campaign", {"campaign_id": campaign["campaign_id"], "action": "pause"})
    for _ in range(2):
        asyncio.run(collect_insights(house.wiring, {}))
    assert notified(house) == ["Your campaigns on 2026-06-01"]
    house.pass_by(days=1)
    update = {"campaign_id": campaign["campaign_id"], "name": "Another", "mode": "propose"}
    assert house.ask("update_campaign", update)["status"] == "accepted"
    asyncio.run(collect_insights(house.wiring, {}))
    assert notified(house)[-1] == "Your campaigns on 2026-06-02"
    message = house.web_platform.notifications[-1]["message"]
    assert message.startswith("Spent 0 USD (meta 0)")
    assert "by user" in message
    assert "Open: a proposal waits until 2026-06-05" in message
