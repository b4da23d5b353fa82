"""The module's table in moto, in this process."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from samtranslator.yaml_helper import yaml_parse

TEMPLATE = Path(__file__).parents[2] / "template.yaml"


def make_table(name: str = "Table") -> None:
    boto3.client("dynamodb").create_table(TableName=name, **table_properties())


def empty_table(name: str = "Table") -> None:
    """moto copies the whole table for each transaction, so each example starts with an empty one."""
    boto3.client("dynamodb").delete_table(TableName=name)
    make_table(name)


@cache
def table_properties() -> dict[str, Any]:
    """The table as the template describes it."""
    table = yaml_parse(TEMPLATE.read_text())["Resources"]["Table"]["Properties"]
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
