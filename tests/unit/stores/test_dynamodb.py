"""The engine's answers to what moto cannot do: transactions that meet, and a DynamoDB that fails."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.stub import Stubber

from campaign_automation.stores import dynamodb
from campaign_automation.stores.table import ConditionFailedError, Key, Put, Update
from campaign_automation.utils.error_handler import StoreError

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
