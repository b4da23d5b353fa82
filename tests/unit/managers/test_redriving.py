"""Dead letters on moto's SQS: shown without what is nobody's business, and each call made again once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from campaign_automation.capability import run_action
from campaign_automation.clients import dead_letters
from campaign_automation.clients.dead_letters import DeadLetters
from campaign_automation.managers.redriving import Redriving
from campaign_automation.settings import Settings
from campaign_automation.stores.operations.redrives import RedriveStore
from campaign_automation.wiring import Wiring
from tests.support.memory_table import MemoryTable

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:ca-EvaluateRuleFunction"
OPERATOR = {"user_id": "ops", "roles": ["operator"]}
TICK = {"tenant": "u", "rule_id": "rule_1", "scheduled_time": "2026-11-28T06:00:00Z", "note": "for u alone"}


class Functions:
    """Lambda's side of an asynchronous call; `refuses` calls are not taken."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, dict[str, Any]]] = []
        self.refuses = 0

    def invoke(self, *, FunctionName: str, InvocationType: str, Payload: bytes) -> None:
        if self.refuses:
            self.refuses -= 1
            raise ClientError({"Error": {"Code": "TooManyRequestsException"}}, "Invoke")
        self.calls.append((FunctionName, InvocationType, json.loads(Payload)))


class Undeletable:
    """A queue whose deletions fail, as when a process dies between the call and the deletion."""

    def __init__(self, queue: Any) -> None:
        self._queue = queue

    def __getattr__(self, name: str) -> Any:
        return getattr(self._queue, name)

    def delete_message(self, **_: Any) -> None:
        raise ClientError({"Error": {"Code": "ServiceUnavailable"}}, "DeleteMessage")


class House:
    def __init__(self) -> None:
        self.queue: Any = boto3.client("sqs", region_name="us-east-1")
        self.url = self.queue.create_queue(QueueName="dead-letters")["QueueUrl"]
        self.functions = Functions()
        self.parts = Wiring(Settings(table_name="Table"), table=MemoryTable())
        self.redrives = RedriveStore(self.parts._table)
        letters = DeadLetters(self.url, [f"{FUNCTION}:live"], lambda: self.queue, lambda: self.functions)
        self.parts.redriving = Redriving(letters, self.redrives)

    def ask(self, name: str, caller: dict[str, Any] = OPERATOR, **parameters: Any) -> dict[str, Any]:
        return asyncio.run(run_action(self.parts, name, parameters, caller))

    def listed(self, caller: dict[str, Any] = OPERATOR, **parameters: Any) -> list[dict[str, Any]]:
        return list(self.ask("list_dead_letters", caller, **parameters)["letters"])

    def fail(self, event: dict[str, Any] = TICK, function: str = FUNCTION, error: str = "it broke") -> str:
        """A call that Lambda gave up; its letter's id."""
        record = {
            "requestContext": {"functionArn": f"{function}:live", "condition": "RetriesExhausted"},
            "requestPayload": event,
            "responsePayload": {"errorType": "StoreError", "errorMessage": error},
        }
        return str(self.queue.send_message(QueueUrl=self.url, MessageBody=json.dumps(record))["MessageId"])

    def fail_to_deliver(self, *, is_truncated: bool = False) -> str:
        """A call that the scheduler could not hand over."""
        texts = {
            "TARGET_ARN": f"{FUNCTION}:live",
            "ERROR_CODE": "ThrottlingException",
            "ERROR_MESSAGE": "Rate exceeded",
            "EXHAUSTED_RETRY_CONDITION": "MaximumRetryAttempts",
            "IS_PAYLOAD_TRUNCATED": str(is_truncated).lower(),
        }
        attributes = {name: {"DataType": "String", "StringValue": text} for name, text in texts.items()}
        sent = self.queue.send_message(
            QueueUrl=self.url, MessageBody=json.dumps(TICK), MessageAttributes=attributes
        )
        return str(sent["MessageId"])


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    # moto has one server, so there is no other to wait for.
    monkeypatch.setattr(dead_letters, "LONG_POLL_SECONDS", 0)
    with mock_aws():
        yield House()


def test_letters_of_both_senders_are_shown_without_secrets_and_inputs(house: House) -> None:
    ids = [house.fail(error="Bearer abc123 was refused"), house.fail_to_deliver()]
    for _ in range(2):  # listing takes nothing away
        shown = {item["letter_id"]: item for item in house.listed()}
        assert set(shown) == set(ids)
    assert shown[ids[0]]["error"] == "StoreError: Bearer [redacted] was refused"
    assert shown[ids[1]]["error"] == "ThrottlingException: Rate exceeded"
    assert [shown[each]["condition"] for each in ids] == ["RetriesExhausted", "MaximumRetryAttempts"]
    for item in shown.values():
        assert item["function"] == "ca-EvaluateRuleFunction"
        assert (item["tenant"], item["item_id"]) == ("u", "rule_1")
        assert item["scheduled_time"] == TICK["scheduled_time"]
        assert "for u alone" not in json.dumps(item)


def test_one_is_sent_through_the_alias_once_and_the_others_stay(house: House) -> None:
    ids = [house.fail(), house.fail_to_deliver()]
    for chosen in ids:
        answer = house.ask("redrive_dead_letters", letter_ids=[chosen, "unknown"])
        assert (answer["letter_ids"], answer["failed"]) == ([chosen], [])
    assert house.functions.calls == [(f"{FUNCTION}:live", "Event", TICK)] * 2
    assert house.listed() == []
    assert house.ask("redrive_dead_letters")["letter_ids"] == []


@pytest.mark.slow
def test_all_are_sent_up_to_a_hundred_at_once(house: House) -> None:
    for number in range(103):
        house.fail({**TICK, "rule_id": f"rule_{number}"})
    assert len(house.listed(limit=100)) == 100
    assert [len(house.ask("redrive_dead_letters")["letter_ids"]) for _ in range(3)] == [100, 3, 0]
    assert len({call[2]["rule_id"] for call in house.functions.calls}) == len(house.functions.calls) == 103


def test_what_its_function_does_not_take_stays_and_is_sent_later(house: House) -> None:
    letter_id = house.fail()
    house.functions.refuses = 1
    answer = house.ask("redrive_dead_letters")
    assert answer["letter_ids"] == []
    assert [item["letter_id"] for item in answer["failed"]] == [letter_id]
    assert house.ask("redrive_dead_letters")["letter_ids"] == [letter_id]
    assert len(house.functions.calls) == 1


def test_a_letter_that_could_not_be_deleted_is_not_sent_again(house: House) -> None:
    letter_id = house.fail()
    real = house.queue
    house.queue = Undeletable(real)
    assert [item["letter_id"] for item in house.ask("redrive_dead_letters")["failed"]] == [letter_id]
    house.queue = real
    assert house.ask("redrive_dead_letters")["letter_ids"] == [letter_id]
    assert len(house.functions.calls) == 1
    assert house.listed() == []


@pytest.mark.parametrize("case", ["other function", "truncated", "no record"])
def test_what_cannot_be_made_again_says_so_and_stays(house: House, case: str) -> None:
    if case == "other function":
        house.fail(function=FUNCTION.replace("ca-EvaluateRule", "another-stage"))
    elif case == "truncated":
        house.fail_to_deliver(is_truncated=True)
    else:
        house.queue.send_message(QueueUrl=house.url, MessageBody="no record")
    (failed,) = house.ask("redrive_dead_letters")["failed"]
    assert "is no scheduled function" in failed["reason"] or "lost part of its input" in failed["reason"]
    assert house.functions.calls == []
    assert len(house.listed()) == 1


def test_who_is_no_named_operator_sees_the_own_tenant_only(house: House) -> None:
    letter_id = house.fail()
    buyer = {"user_id": "u", "roles": ["viewer", "buyer", "approver"]}
    for action in ("list_dead_letters", "redrive_dead_letters"):
        assert house.ask(action, buyer)["error"]["code"] == "1004"
    assert house.listed({"user_id": "other"}) == []
    assert house.ask("redrive_dead_letters", {"user_id": "other"})["letter_ids"] == []
    assert [item["letter_id"] for item in house.listed({"user_id": "u"})] == [letter_id]
    assert house.functions.calls == []


def test_who_had_a_call_made_again_is_on_record(house: House) -> None:
    letter_id = house.fail()
    house.ask("redrive_dead_letters", {**OPERATOR, "user_id": "ann"})
    record = asyncio.run(house.redrives.find(letter_id))
    assert record is not None
    assert (record.function, record.actor, record.is_sent) == ("ca-EvaluateRuleFunction", "user:ann", True)


def test_a_process_without_a_queue_has_no_letters() -> None:
    parts = Wiring(Settings(table_name="Table"), table=MemoryTable())
    assert asyncio.run(run_action(parts, "list_dead_letters", {}, OPERATOR))["letters"] == []
    assert asyncio.run(run_action(parts, "redrive_dead_letters", {}, OPERATOR))["letter_ids"] == []


def test_a_call_that_was_not_taken_is_not_kept_under_the_key(house: House) -> None:
    letter, caller = house.fail(), {**OPERATOR, "idempotency_key": "again"}
    house.functions.refuses = 1
    assert [item["letter_id"] for item in house.ask("redrive_dead_letters", caller)["failed"]] == [letter]
    again = house.ask("redrive_dead_letters", caller)
    assert (again["letter_ids"], again["failed"], again["replayed"]) == ([letter], [], False)
