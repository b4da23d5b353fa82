"""The module's table in moto, in this process."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import boto3
from samtranslator.yaml_helper import yaml_parse

TEMPLATE = Path(__file__).parents[2] / "template.yaml"


def make_table() -> None:
    boto3.client("dynamodb").create_table(TableName="Table", **table_properties())


def empty_table() -> None:
    """moto copies the whole table for each transaction, so each example starts with an empty one."""
    boto3.client("dynamodb").delete_table(TableName="Table")
    make_table()


@cache
def table_properties() -> dict[str, Any]:
    """The table as the template describes it."""
    table = yaml_parse(TEMPLATE.read_text())["Resources"]["Table"]["Properties"]
    wanted = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
    return {name: table[name] for name in wanted}
