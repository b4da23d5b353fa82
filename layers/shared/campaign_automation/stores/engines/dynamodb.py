"""The engine of the table in DynamoDB; its expressions exist in this file only.

PynamoDB was weighed: it maps classes to tables, as the stores do already, and hides the calls that are sent.
"""

from __future__ import annotations

import asyncio
import base64
import functools
import itertools
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from random import SystemRandom
from typing import Any, ParamSpec, TypeVar, assert_never

from campaign_automation.stores.engines.conditions import NUMBERS, exact
from campaign_automation.stores.table import (
    Absent,
    AllOf,
    AnyOf,
    Before,
    Condition,
    ConditionFailedError,
    Delete,
    Equals,
    Key,
    Operation,
    Put,
    Row,
    Table,
    Update,
    Value,
    Version,
)
from campaign_automation.utils.error_handler import StoreError

P = ParamSpec("P")
R = TypeVar("R")

INDEX = "outbox"
# UTF-8 orders by code point, so this sorts behind every sort key with the same prefix.
_LAST = "\U0010ffff"
_MARK = "written_by"  # of the last conditional write of a row; no reader sees it
_CONFLICT_TRIES = 5
_MOST_KEYS = 100  # of one BatchGetItem
_BATCH_TRIES = 8
_RANDOM = SystemRandom()  # a snapshot clones the state of the module's own generator
_CONFLICT_SECONDS = 0.05
# DynamoDB's errors that pass by themselves, alone and as reasons of a cancelled transaction; those of status
# 500 and above pass as well.
_PASSING = frozenset(
    "ThrottlingException ThrottlingError ProvisionedThroughputExceededException ProvisionedThroughputExceeded"
    " RequestLimitExceeded TransactionConflict TransactionConflictException TransactionInProgressException"
    " LimitExceededException ExpiredTokenException RequestTimeout RequestTimeoutException".split()
)


class DynamoTable(Table):
    """The table in DynamoDB. boto3 is synchronous, so each call runs in a thread beside the event loop."""

    def __init__(self, name: str, client: Callable[[], Any]) -> None:
        """Take a table and the maker of its client, which is called late: it takes longer than a call."""
        self._name = name
        self._make_client = client
        self._prepared: Any = None

    @property
    def place(self) -> str:
        return f"DynamoDB table {self._name}"

    @property
    def _client(self) -> Any:
        client = self._make_client()
        if client is not self._prepared:
            client.meta.events.register("before-parse.dynamodb", _take_rows_out, unique_id=INDEX)
            self._prepared = client
        return client

    async def _get(self, key: Key) -> Row | None:
        return await _offloaded(self._get_item, key)

    def _get_item(self, key: Key) -> Row | None:
        row = self._read(key)
        return None if row is None else _unmarked(row)

    def _read(self, key: Key) -> Row | None:
        answer = self._client.get_item(TableName=self._name, Key=_item(key._asdict()), ConsistentRead=True)
        return _row(answer["Item"]) if "Item" in answer else None

    async def _get_many(self, keys: Sequence[Key], names: Sequence[str]) -> list[Row]:
        expression = _Expression()
        asked = {"ProjectionExpression": ", ".join(map(expression.name, names)), "ConsistentRead": True}
        request = {**asked, **expression.parts()}
        parts = [keys[start : start + _MOST_KEYS] for start in range(0, len(keys), _MOST_KEYS)]
        found = await asyncio.gather(*(_offloaded(self._batch, part, request) for part in parts))
        return [row for rows in found for row in rows]

    def _batch(self, keys: Sequence[Key], request: Mapping[str, Any]) -> list[Row]:
        left: list[dict[str, Any]] = [_item(key._asdict()) for key in keys]
        rows: list[Row] = []
        for attempt in itertools.count(1):
            answer = self._client.batch_get_item(RequestItems={self._name: {**request, "Keys": left}})
            rows += map(_row, answer.get("Responses", {}).get(self._name, []))
            # Beyond 16 MB, or beyond the table's capacity at this moment, it names what to ask for again.
            left = answer.get("UnprocessedKeys", {}).get(self._name, {}).get("Keys", [])
            if not left:
                return rows
            if attempt == _BATCH_TRIES:
                break
            time.sleep(_RANDOM.uniform(0, _CONFLICT_SECONDS * 2**attempt))
        raise StoreError("the campaign store is busy: rows were not read", retryable=True)

    async def _query(self, pk: str, since: str, prefix: str, limit: int | None) -> list[Row]:
        expression = _Expression()
        condition = f"{expression.name('pk')} = {expression.value(pk)}"
        # A key condition holds one comparison of the sort key, so two bounds go into one BETWEEN.
        if since and prefix:
            low, high = expression.value(since), expression.value(prefix + _LAST)
            condition += f" AND {expression.name('sk')} BETWEEN {low} AND {high}"
        elif prefix:
            condition += f" AND begins_with({expression.name('sk')}, {expression.value(prefix)})"
        elif since:
            condition += f" AND {expression.name('sk')} >= {expression.value(since)}"
        request = {"KeyConditionExpression": condition, "ConsistentRead": True, **expression.parts()}
        return await _offloaded(self._pages, request, limit)

    async def _indexed(self, value: str, limit: int | None, last_first: bool) -> list[Row]:
        expression = _Expression()
        condition = f"{expression.name('outbox')} = {expression.value(value)}"
        request = {"IndexName": INDEX, "KeyConditionExpression": condition, **expression.parts()}
        request["ScanIndexForward"] = not last_first
        return await _offloaded(self._pages, request, limit)

    def _pages(self, request: Mapping[str, Any], limit: int | None) -> list[Row]:
        # Without boto3's paginator, which takes a tenth of a call and looks through the files of all services
        # when it is first needed. Limit keeps DynamoDB from reading a whole megabyte for a few rows.
        asked = {"TableName": self._name, **request, **({} if limit is None else {"Limit": limit})}
        rows: list[Row] = []
        while True:
            page = self._client.query(**asked)
            rows += [_unmarked(_row(item)) for item in page["Items"]]
            if not page.get("LastEvaluatedKey") or (limit is not None and len(rows) >= limit):
                return rows[:limit]
            asked["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    async def _write(self, operations: Sequence[Operation]) -> None:
        if len(operations) == 1:
            return await _offloaded(self._write_one, operations[0])
        return await _offloaded(self._transact, operations)

    def _write_one(self, operation: Operation) -> None:
        written = _marked(operation)
        request = self._request(written)
        try:
            match operation:
                case Put():
                    self._client.put_item(**request)
                case Update():
                    self._client.update_item(**request)
                case Delete():
                    self._client.delete_item(**request)
        except self._client.exceptions.ConditionalCheckFailedException as error:
            # boto3 sends a write again whose answer was lost, and the condition fails by our own doing.
            if error.response["ResponseMetadata"].get("RetryAttempts") and self._is_done(written):
                return
            raise ConditionFailedError("the row is not as it was expected") from error

    def _is_done(self, operation: Operation) -> bool:
        """Return whether the row is as the marked operation leaves it."""
        row = self._read(operation.key)
        match operation:
            case Put():
                return row is not None and row.get(_MARK) == operation.row.get(_MARK)
            case Update():
                return row is not None and row.get(_MARK) == operation.set.get(_MARK)
            case Delete():
                return row is None

    def _transact(self, operations: Sequence[Operation]) -> None:
        # DynamoDB's names for the three kinds are those of our classes.
        items = [{type(operation).__name__: self._request(operation)} for operation in operations]
        for attempt in itertools.count(1):
            try:
                self._client.transact_write_items(TransactItems=items)
                return
            except self._client.exceptions.TransactionCanceledException as error:
                reasons = {reason.get("Code") for reason in error.response.get("CancellationReasons", [])}
                if "ConditionalCheckFailed" in reasons:
                    raise ConditionFailedError("a row is not as it was expected") from error
                # Another transaction held one of the rows; boto3 repeats single writes only.
                if "TransactionConflict" not in reasons or attempt == _CONFLICT_TRIES:
                    raise
                time.sleep(_RANDOM.uniform(0, _CONFLICT_SECONDS * 2**attempt))

    def _request(self, operation: Operation) -> dict[str, Any]:
        """Return the parameters of an operation, which are the same alone and in a transaction."""
        expression = _Expression()
        conditions = [] if operation.when is None else [expression.condition(operation.when)]
        request: dict[str, Any] = {"TableName": self._name}
        if isinstance(operation, Put):
            request["Item"] = _item(operation.row)
        else:
            request["Key"] = _item(operation.key._asdict())
        if isinstance(operation, Update):
            request["UpdateExpression"] = expression.update(operation)
            if not operation.makes_row:  # else DynamoDB makes one that is not there
                conditions.insert(0, f"attribute_exists({expression.name('pk')})")
        if conditions:
            request["ConditionExpression"] = " AND ".join(conditions)
        return request | expression.parts()


class _Expression:
    """The names and values of one request, each behind a placeholder.

    "token", "state" and some hundred other words are reserved in DynamoDB's expressions.
    """

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._values: list[Value] = []

    def parts(self) -> dict[str, Any]:
        """Return the maps of the placeholders, without empty ones, which DynamoDB refuses."""
        parts: dict[str, Any] = {}
        if self._names:
            parts["ExpressionAttributeNames"] = {mark: name for name, mark in self._names.items()}
        if self._values:
            values = {f":v{number}": value for number, value in enumerate(self._values)}
            parts["ExpressionAttributeValues"] = _item(values)
        return parts

    def name(self, attribute: str) -> str:
        return self._names.setdefault(attribute, f"#n{len(self._names)}")

    def value(self, value: Value) -> str:
        self._values.append(value)
        return f":v{len(self._values) - 1}"

    def condition(self, condition: Condition) -> str:
        match condition:
            case Absent(name):
                return f"attribute_not_exists({self.name(name)})"
            case Equals(name, value):
                return f"{self.name(name)} = {self.value(value)}"
            case Before(name, value):
                return f"{self.name(name)} < {self.value(value)}"
            case AllOf(conditions):
                return f"({' AND '.join(map(self.condition, conditions))})"
            case AnyOf(conditions):
                return f"({' OR '.join(map(self.condition, conditions))})"
            case Version():
                raise TypeError("the port turns versions into plain conditions")
            case _:
                assert_never(condition)

    def update(self, operation: Update) -> str:
        # None is not stored: setting an attribute to it is the same as removing the attribute.
        kept = {name: value for name, value in operation.set.items() if value is not None}
        gone = [*operation.remove, *(operation.set.keys() - kept.keys())]
        clauses = {
            "SET": [f"{self.name(name)} = {self.value(value)}" for name, value in kept.items()],
            "REMOVE": [self.name(name) for name in gone],
            "ADD": [f"{self.name(name)} {self.value(amount)}" for name, amount in operation.add.items()],
        }
        return " ".join(f"{verb} {', '.join(parts)}" for verb, parts in clauses.items() if parts)


async def _offloaded(call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    return await asyncio.to_thread(functools.partial(_translated, call, *args, **kwargs))


def _translated(call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return call(*args, **kwargs)
    except (BotoCoreError, ClientError) as error:
        raise StoreError(
            f"the campaign store failed: {type(error).__name__}", retryable=_may_pass(error)
        ) from error


def _may_pass(error: Exception) -> bool:
    """Return whether the same call may succeed later, unlike a wrong request or one without the right."""
    from botocore.exceptions import ClientError, NoCredentialsError, NoRegionError, ParamValidationError

    if not isinstance(error, ClientError):
        return not isinstance(error, ParamValidationError | NoCredentialsError | NoRegionError)
    reasons = [reason.get("Code") for reason in error.response.get("CancellationReasons", [])]
    codes = {code for code in reasons if code and code != "None"} or {error.response["Error"]["Code"]}
    status = error.response["ResponseMetadata"].get("HTTPStatusCode", 400)
    return codes <= _PASSING or (not reasons and status >= 500)


def _marked(operation: Operation) -> Operation:
    """Return a conditional write with a mark of its own, by which it knows its row again.

    A transaction needs none: boto3 gives it a token, under which DynamoDB carries it out once.
    """
    if operation.when is None or isinstance(operation, Delete):
        return operation
    mark = f"{_RANDOM.getrandbits(64):016x}"
    if isinstance(operation, Put):
        return replace(operation, row={**operation.row, _MARK: mark})
    return replace(operation, set={**operation.set, _MARK: mark})


def _unmarked(row: Row) -> Row:
    row.pop(_MARK, None)
    return row


def _take_rows_out(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any) -> None:
    """Hand the rows of an answer on as they are: botocore walks through every value of them by its model,
    which takes longer than all the rest of a call."""
    from botocore.exceptions import HTTPClientError

    if response_dict["status_code"] >= 300:
        return
    try:
        answer = dict(json.loads(response_dict["body"]))
    except (ValueError, TypeError) as error:
        # botocore would read a proxy's page as an answer without rows.
        raise HTTPClientError(error=error) from error
    rows = {name: answer.pop(name) for name in ("Item", "Items", "Responses") if name in answer}
    customized_response_dict |= rows
    response_dict["body"] = json.dumps(answer).encode()


def _item(row: Mapping[str, Value]) -> dict[str, Any]:
    return {name: _typed(value) for name, value in row.items() if value is not None}


def _typed(value: Value) -> dict[str, Any]:
    match value:
        case bool():
            return {"BOOL": value}
        case str():
            return {"S": str.__str__(value)}  # of a StrEnum its plain text
        case int() | Decimal():
            return {"N": str(exact(value))}
        case bytes():
            return {"B": value}
        case _:
            raise TypeError(f"{type(value).__name__} is no value of a row")


def _row(item: Mapping[str, Any]) -> Row:
    # None of ours is null, but somebody may set one by hand.
    return {name: _plain(typed) for name, typed in item.items() if "NULL" not in typed}


def _plain(typed: Mapping[str, Any]) -> Any:
    ((kind, content),) = typed.items()
    if kind == "N":
        return NUMBERS.create_decimal(content)
    return base64.b64decode(content) if kind == "B" and isinstance(content, str) else content
