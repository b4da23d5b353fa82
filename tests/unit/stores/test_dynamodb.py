"""The engine's answers to what moto cannot do: transactions that meet, and a DynamoDB that fails."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.stub import Stubber
from moto import mock_aws

from campaign_automation.stores.engines import dynamodb
from campaign_automation.stores.table import Absent, ConditionFailedError, Delete, Equals, Key, Put, Update
from campaign_automation.utils.error_handler import StoreError
from tests.support.table import make_table

TWO = [Put({"pk": "p", "sk": str(number)}) for number in range(2)]


@pytest.fixture
def stubber(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    monkeypatch.setattr(dynamodb, "_CONFLICT_SECONDS", 0)
    names = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    client = boto3.client("dynamodb", region_name="us-east-1", **names)
    with Stubber(client) as stub:
        yield stub
        stub.assert_no_pending_responses()


def table(stubber: Stubber) -> dynamodb.DynamoTable:
    return dynamodb.DynamoTable("Table", lambda: stubber.client)


def cancelled(stubber: Stubber, *codes: str) -> None:
    reasons: dict[str, Any] = {"CancellationReasons": [{"Code": code} for code in codes]}
    stubber.add_client_error("transact_write_items", "TransactionCanceledException", modeled_fields=reasons)


def test_a_transaction_that_meets_another_is_tried_again(stubber: Stubber) -> None:
    cancelled(stubber, "None", "TransactionConflict")
    stubber.add_response("transact_write_items", {})
    asyncio.run(table(stubber).write(*TWO))


def test_a_transaction_that_meets_others_for_long_fails_and_is_no_failed_condition(stubber: Stubber) -> None:
    for _ in range(5):
        cancelled(stubber, "TransactionConflict", "None")
    with pytest.raises(StoreError) as caught:
        asyncio.run(table(stubber).try_write(*TWO))
    assert not isinstance(caught.value, ConditionFailedError)
    assert caught.value.retryable


def test_a_condition_that_failed_is_not_tried_again(stubber: Stubber) -> None:
    cancelled(stubber, "ConditionalCheckFailed", "TransactionConflict")
    assert not asyncio.run(table(stubber).try_write(*TWO))


def batch(*names: str, left: Sequence[str] = ()) -> dict[str, Any]:
    """Return an answer with rows of these partitions, and keys that are to be asked for again."""
    rest = {"Table": {"Keys": [{"pk": {"S": name}, "sk": {"S": "x"}} for name in left]}} if left else {}
    rows = [{"pk": {"S": name}, "sk": {"S": "x"}} for name in names]
    return {"Responses": {"Table": rows}, "UnprocessedKeys": rest}


def test_rows_that_were_left_out_of_a_batch_are_asked_for_again(stubber: Stubber) -> None:
    keys = [Key(name, "x") for name in "abc"]
    stubber.add_response("batch_get_item", batch("a", left="bc"))
    stubber.add_response("batch_get_item", batch("c", left="b"))
    stubber.add_response("batch_get_item", batch("b"))
    assert sorted(asyncio.run(table(stubber).get_many(keys, []))) == keys


def test_a_batch_that_stays_incomplete_is_an_error_that_passes(stubber: Stubber) -> None:
    for _ in range(dynamodb._BATCH_TRIES):
        stubber.add_response("batch_get_item", batch(left="a"))
    with pytest.raises(StoreError) as caught:
        asyncio.run(table(stubber).get_many([Key("a", "x")], []))
    assert caught.value.retryable


def test_a_database_that_fails_is_an_error_of_the_store(stubber: Stubber) -> None:
    stubber.add_client_error("put_item", "InternalServerError", http_status_code=500)
    with pytest.raises(StoreError, match="the campaign store failed"):
        asyncio.run(table(stubber).write(TWO[0]))


@pytest.mark.parametrize(
    ("code", "status", "retryable"),
    [
        ("InternalServerError", 500, True),
        ("ServiceUnavailable", 503, True),
        ("ThrottlingException", 400, True),
        ("ProvisionedThroughputExceededException", 400, True),
        ("ValidationException", 400, False),
        ("AccessDeniedException", 400, False),
        ("ResourceNotFoundException", 400, False),
        ("ItemCollectionSizeLimitExceededException", 400, False),
    ],
)
def test_only_what_may_pass_is_called_retryable(
    stubber: Stubber, code: str, status: int, retryable: bool
) -> None:
    stubber.add_client_error("put_item", code, http_status_code=status)
    with pytest.raises(StoreError) as caught:
        asyncio.run(table(stubber).write(TWO[0]))
    assert caught.value.retryable is retryable


def test_a_transaction_that_is_wrong_is_not_called_retryable(stubber: Stubber) -> None:
    cancelled(stubber, "None", "ValidationError")
    with pytest.raises(StoreError) as caught:
        asyncio.run(table(stubber).write(*TWO))
    assert not caught.value.retryable


def test_a_table_that_cannot_be_reached_may_be_later() -> None:
    names = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    config = Config(retries={"max_attempts": 0})
    client = boto3.client(
        "dynamodb", region_name="us-east-1", endpoint_url="http://127.0.0.1:1", config=config, **names
    )
    with pytest.raises(StoreError) as caught:
        asyncio.run(dynamodb.DynamoTable("Table", lambda: client).write(TWO[0]))
    assert caught.value.retryable


class Body:
    """The body of an answer as a stream, which is how botocore takes one from who answers before it sends."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self._content


def answering(status: int, body: bytes) -> dynamodb.DynamoTable:
    """A table whose every request is answered with this."""
    names = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    config = Config(retries={"max_attempts": 0})
    client = boto3.client("dynamodb", region_name="us-east-1", config=config, **names)

    def answer(**_: Any) -> AWSResponse:
        return AWSResponse("https://dynamodb.example", status, {}, Body(body))

    client.meta.events.register("before-send.dynamodb", answer)
    return dynamodb.DynamoTable("Table", lambda: client)


def test_values_of_every_kind_are_read_from_an_answer() -> None:
    item = b'{"pk": {"S": "p"}, "n": {"N": "1.50"}, "t": {"BOOL": true}, "b": {"B": "AP8="}}'
    row = {"pk": "p", "n": Decimal("1.50"), "t": True, "b": b"\x00\xff", "schema": 1}
    assert asyncio.run(answering(200, b'{"Item": ' + item + b"}").get(Key("p", "s"))) == row
    page = b'{"Items": [' + item + b'], "Count": 1, "ScannedCount": 1}'
    assert asyncio.run(answering(200, page).query("p")) == [row]


def test_what_an_operator_set_to_null_is_as_if_it_were_not_there() -> None:
    item = b'{"pk": {"S": "p"}, "run_id": {"NULL": true}}'
    table = answering(200, b'{"Item": ' + item + b"}")
    assert asyncio.run(table.get(Key("p", "s"))) == {"pk": "p", "schema": 1}


def test_a_batch_of_which_nothing_was_read_is_asked_for_again(stubber: Stubber) -> None:
    stubber.add_response(
        "batch_get_item", {"Responses": {}, "UnprocessedKeys": batch(left="a")["UnprocessedKeys"]}
    )
    stubber.add_response("batch_get_item", batch("a"))
    assert list(asyncio.run(table(stubber).get_many([Key("a", "x")], []))) == [Key("a", "x")]


@pytest.mark.parametrize("status", [200, 502])
def test_a_page_of_a_proxy_is_no_answer_without_rows(status: int) -> None:
    with pytest.raises(StoreError) as caught:
        asyncio.run(answering(status, b"<html>Sign in</html>").get(Key("p", "s")))
    assert caught.value.retryable


def test_one_operation_is_a_plain_write(stubber: Stubber) -> None:
    expected = {
        "TableName": "Table",
        "Key": {"pk": {"S": "p"}, "sk": {"S": "s"}},
        "UpdateExpression": "SET #n0 = :v0 ADD #n1 :v1",
        "ConditionExpression": "attribute_exists(#n2)",
        "ExpressionAttributeNames": {"#n0": "a", "#n1": "row_version", "#n2": "pk"},
        "ExpressionAttributeValues": {":v0": {"N": "1"}, ":v1": {"N": "1"}},
    }
    stubber.add_response("update_item", {}, expected)
    asyncio.run(table(stubber).write(Update(Key("p", "s"), set={"a": 1})))


class LostAnswer:
    """Makes the client send a request again although it was carried out."""

    def __init__(self) -> None:
        self.left = 1

    def __call__(self, **_: Any) -> float | None:
        self.left -= 1
        return 0.0 if self.left >= 0 else None


@pytest.fixture
def name() -> str:
    """A table of its own: whatever else runs in this process may share moto."""
    return f"Table{uuid.uuid4().hex}"


@pytest.fixture
def moto_client(monkeypatch: pytest.MonkeyPatch, name: str) -> Iterator[Any]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        make_table(name)
        yield boto3.client("dynamodb")


@pytest.mark.parametrize(
    ("operation", "call"),
    [
        (Put({"pk": "p", "sk": "new", "a": 1}, when=Absent()), "PutItem"),
        (Update(Key("p", "old"), set={"a": 2}, when=Equals("a", 1)), "UpdateItem"),
        (Delete(Key("p", "old"), when=Equals("a", 1)), "DeleteItem"),
    ],
)
def test_a_conditional_write_whose_answer_was_lost_has_succeeded(
    moto_client: Any, name: str, operation: Put | Update | Delete, call: str
) -> None:
    table = dynamodb.DynamoTable(name, lambda: moto_client)
    asyncio.run(table.write(Put({"pk": "p", "sk": "old", "a": 1})))
    lost = LostAnswer()
    moto_client.meta.events.register_first(f"needs-retry.dynamodb.{call}", lost)
    assert asyncio.run(table.try_write(operation))
    assert lost.left < 0
    assert not asyncio.run(table.try_write(operation))  # and of another caller it fails as ever
    assert all("written_by" not in row for row in asyncio.run(table.query("p")))


def test_a_lost_answer_does_not_hide_that_another_was_first(moto_client: Any, name: str) -> None:
    table = dynamodb.DynamoTable(name, lambda: moto_client)
    asyncio.run(table.write(Put({"pk": "p", "sk": "s", "a": 1}, when=Absent())))
    moto_client.meta.events.register_first("needs-retry.dynamodb.PutItem", LostAnswer())
    assert not asyncio.run(table.try_write(Put({"pk": "p", "sk": "s", "a": 1}, when=Absent())))
