"""What every store shares: the one DynamoDB table, its calls in threads, its values exact."""

from __future__ import annotations

import asyncio
import functools
import json
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from typing import Any, ParamSpec, TypeVar

from pydantic import BaseModel

from campaign_automation.utils.error_handler import StoreError

P = ParamSpec("P")
R = TypeVar("R")

_BATCH = 25  # DynamoDB's limit for one BatchWriteItem
TRANSACTION = 100  # and for one TransactWriteItems


def offloaded(method: Callable[P, R]) -> Callable[P, Coroutine[Any, Any, R]]:
    """boto3 is synchronous: its calls run in a thread so that the event loop goes on."""

    @functools.wraps(method)
    async def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        return await asyncio.to_thread(functools.partial(_translated, method, *args, **kwargs))

    return wrapper


def _translated(method: Callable[..., R], *args: Any, **kwargs: Any) -> R:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return method(*args, **kwargs)
    except (BotoCoreError, ClientError) as error:
        raise StoreError(f"the campaign store failed: {type(error).__name__}") from error


class TableStore:
    """Reads are consistent, writes conditional where two could race."""

    def __init__(self, table_name: str, client: Callable[[], Any]) -> None:
        self._table = table_name
        self._get_client = client

    @property
    def _client(self) -> Any:
        return self._get_client()

    def _get(self, pk: str, sk: str) -> dict[str, Any] | None:
        answer = self._client.get_item(
            TableName=self._table, Key=serialized({"pk": pk, "sk": sk}), ConsistentRead=True
        )
        return plain(answer["Item"]) if "Item" in answer else None

    def _query(self, pk: str, *, since: str = "") -> Iterator[dict[str, Any]]:
        """The rows of a partition in order, from the sort key `since` on."""
        condition, values = "pk = :pk", {":pk": pk}
        if since:
            condition, values = f"{condition} AND sk >= :since", {**values, ":since": since}
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=serialized(values),
            ConsistentRead=True,
        )
        for page in pages:
            yield from map(plain, page["Items"])

    def _put(self, row: dict[str, Any]) -> None:
        self._client.put_item(TableName=self._table, Item=serialized(row))

    def _put_new(self, row: dict[str, Any]) -> bool:
        """Whether the row was new: what stands there already is never replaced."""
        try:
            self._client.put_item(
                TableName=self._table,
                Item=serialized(row),
                ConditionExpression="attribute_not_exists(pk)",
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def _delete(self, pk: str, sk: str) -> None:
        self._client.delete_item(TableName=self._table, Key=serialized({"pk": pk, "sk": sk}))

    def _put_all(self, rows: Iterable[dict[str, Any]]) -> None:
        requests = [{"PutRequest": {"Item": serialized(row)}} for row in rows]
        for start in range(0, len(requests), _BATCH):
            pending = {self._table: requests[start : start + _BATCH]}
            while pending:
                pending = self._client.batch_write_item(RequestItems=pending).get("UnprocessedItems", {})

    def _claim_for(self, pk: str, sk: str, seconds: int, *, standing: str) -> bool:
        """Whether this process may now deliver what the row holds; a row to be delivered has the attribute
        `standing`."""
        now = int(time.time())  # a claim lasts in the time of machines
        try:
            self._client.update_item(
                TableName=self._table,
                Key=serialized({"pk": pk, "sk": sk}),
                UpdateExpression="SET delivery_until = :until",
                ConditionExpression=f"attribute_exists({standing})"
                " AND (attribute_not_exists(delivery_until) OR delivery_until < :now)",
                ExpressionAttributeValues=serialized({":until": now + seconds, ":now": now}),
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def _transact(self, actions: Sequence[dict[str, Any]]) -> bool:
        """Whether all of `actions` were done; none was when a condition did not hold."""
        try:
            self._client.transact_write_items(TransactItems=list(actions))
        except self._client.exceptions.TransactionCanceledException:
            return False
        return True

    def _put_action(self, row: dict[str, Any], *, only_new: bool = False) -> dict[str, Any]:
        put: dict[str, Any] = {"TableName": self._table, "Item": serialized(row)}
        if only_new:
            put["ConditionExpression"] = "attribute_not_exists(pk)"
        return {"Put": put}


def document(value: Any) -> Any:
    """Nested values are kept as JSON text: DynamoDB would change their numbers."""
    if isinstance(value, BaseModel):
        return value.model_dump_json(by_alias=False)
    return json.dumps(value) if isinstance(value, dict | list) else value


def serialized(row: dict[str, Any]) -> dict[str, Any]:
    from boto3.dynamodb.types import TypeSerializer

    serialize = TypeSerializer().serialize
    return {name: serialize(value) for name, value in row.items() if value is not None}


def plain(item: dict[str, Any]) -> dict[str, Any]:
    from boto3.dynamodb.types import TypeDeserializer

    deserialize = TypeDeserializer().deserialize
    return {name: deserialize(value) for name, value in item.items()}
