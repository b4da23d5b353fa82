"""The module's table in moto, in this process."""

from __future__ import annotations

import copy
import functools
import threading
from collections.abc import Callable
from functools import cache
from typing import Any

import boto3
from moto.backends import get_backend

from local.cloud.aws import ACCOUNT, REGION
from local.source import template


def make_table(name: str = "Table") -> None:
    boto3.client("dynamodb").create_table(TableName=name, **table_properties())


def empty_table(name: str = "Table") -> None:
    """Take all rows away, in moto itself: through its API it would be a new client and a new table."""
    get_backend("dynamodb")[ACCOUNT][REGION].tables[name].items.clear()


def kept_rows(name: str = "Table") -> Any:
    """Return the rows as moto has them, for `put_back`, which is quicker than writing them anew."""
    return copy.deepcopy(get_backend("dynamodb")[ACCOUNT][REGION].tables[name].items)


def put_back(rows: Any, name: str = "Table") -> None:
    """Hold exactly the rows that were kept."""
    get_backend("dynamodb")[ACCOUNT][REGION].tables[name].items = copy.deepcopy(rows)


@cache
def table_properties() -> dict[str, Any]:
    """The table as the template describes it."""
    table = template()["Resources"]["Table"]["Properties"]
    wanted = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
    return {name: table[name] for name in wanted}


def one_at_a_time(call: Callable[..., Any]) -> Callable[..., Any]:
    """moto is not made for threads, which the engine uses for each call."""
    lock = threading.Lock()

    @functools.wraps(call)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        with lock:
            return call(*args, **kwargs)

    return wrapper
