"""Counts of the calls to AWS by kind, and the request units of DynamoDB that its list prices are per."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from math import ceil
from typing import Any

from local.cloud.aws import ACCOUNT, REGION

DYNAMODB = "DynamoDB_20120810"
_READ, _WRITTEN = 4096, 1024  # bytes of a unit
_WRITES = {"PutItem", "UpdateItem", "DeleteItem"}
_PATHS = {"/schedules/": "scheduler", "/2015-03-31/functions/": "lambda"}

Item = Mapping[str, Mapping[str, Any]]


class Usage:
    """The sums since the start, for one process of the local cloud."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def counted(self) -> dict[str, int]:
        with self._lock:
            return dict(self._counts)

    def add(self, name: str, amount: int = 1) -> None:
        with self._lock:
            self._counts[name] += amount

    def call(self, environ: Mapping[str, Any], body: bytes) -> None:
        """Count a call under `service.Operation`, or `service.METHOD` where the path names it."""
        target = environ.get("HTTP_X_AMZ_TARGET", "")
        if target:
            self.add(target.replace(DYNAMODB, "dynamodb"))
        elif body.startswith(b"Action="):
            self.add("query." + body[7:].split(b"&", 1)[0].decode())
        else:
            path = environ.get("PATH_INFO", "")
            service = next((name for start, name in _PATHS.items() if path.startswith(start)), "other")
            self.add(f"{service}.{environ['REQUEST_METHOD']}")

    def read(self, target: str, body: bytes, reply: bytes) -> None:
        """Count the units of a read from what it found. A consistent one costs twice as much."""
        request = json.loads(body) if target.startswith(DYNAMODB) else {}
        if target == f"{DYNAMODB}.BatchGetItem":
            for name, part in request["RequestItems"].items():
                for key in part["Keys"]:  # each row counts by itself, and whole, whatever is taken of it
                    self._add_units(part, [_stored(name, key)])
        elif target in (f"{DYNAMODB}.GetItem", f"{DYNAMODB}.Query"):
            found = json.loads(reply)
            self._add_units(request, found.get("Items") or [found.get("Item") or {}])

    def _add_units(self, request: Mapping[str, Any], items: Iterable[Item]) -> None:
        halves = max(1, ceil(sum(map(item_bytes, items)) / _READ))
        self.add("half_read_units", halves * (2 if request.get("ConsistentRead") else 1))


class Writes:
    """The units of one write: those of the larger of the row before and after, twice in a transaction, and
    one more where the index of messages holds the row."""

    def __init__(self, target: str, body: bytes) -> None:
        operation = target.partition(".")[2]
        request = json.loads(body) if operation in (*_WRITES, "TransactWriteItems") else {}
        self.factor = 2 if "TransactItems" in request else 1
        items = [part for item in request.get("TransactItems", []) for part in item.values()]
        self._requests = items or [request] if request else []
        self._before = self._rows()

    def units(self) -> int:
        return sum(map(self._cost, self._before, map(self._after, self._requests)))

    def _after(self, request: Mapping[str, Any]) -> Item:
        """Return the row as it is now, of one that was put as it came."""
        return request["Item"] if "Item" in request else self._row(request)

    def _cost(self, before: Item, after: Item) -> int:
        size = max(item_bytes(before), item_bytes(after))
        indexed = 1 if "outbox" in before or "outbox" in after else 0
        return max(1, ceil(size / _WRITTEN)) * self.factor + indexed

    def _rows(self) -> list[Item]:
        return [self._row(request) for request in self._requests]

    def _row(self, request: Mapping[str, Any]) -> Item:
        return _stored(request["TableName"], request.get("Key") or request["Item"])


def _stored(table: str, key: Mapping[str, Any]) -> Item:
    from moto.dynamodb.models import dynamodb_backends

    names = ("pk", "sk")
    found = dynamodb_backends[ACCOUNT][REGION].get_item(table, {name: key[name] for name in names})
    return {} if found is None else found.to_json()["Attributes"]


def item_bytes(item: Item) -> int:
    """Return the size of a row as DynamoDB measures it: names and values, 100 bytes of overhead left out."""
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def _value_bytes(value: Mapping[str, Any]) -> int:
    kind, content = next(iter(value.items()))
    match kind:
        case "S":
            return len(content.encode())
        case "N":
            return len(content) // 2 + 1
        case "B":
            return len(content) * 3 // 4  # base64 on the wire
        case "M":
            return 3 + item_bytes(content) + len(content)
        case "L":
            return 3 + _all_bytes(content) + len(content)
        case "SS":
            return sum(len(text.encode()) for text in content)
        case _:
            return 1


def _all_bytes(values: Iterable[Mapping[str, Any]]) -> int:
    return sum(map(_value_bytes, values))
