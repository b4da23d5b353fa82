"""The module's table in moto, in this process."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import boto3
from moto.backends import get_backend
from samtranslator.yaml_helper import yaml_parse

from local.cloud.aws import ACCOUNT, REGION

TEMPLATE = Path(__file__).parents[2] / "template.yaml"


def make_table() -> None:
    boto3.client("dynamodb").create_table(TableName="Table", **table_properties())


def empty_table() -> None:
    """Take all rows away, in moto itself: through its API it would be a new client and a new table."""
    get_backend("dynamodb")[ACCOUNT][REGION].tables["Table"].items.clear()


@cache
def table_properties() -> dict[str, Any]:
    """The table as the template describes it."""
    table = yaml_parse(TEMPLATE.read_text())["Resources"]["Table"]["Properties"]
    wanted = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
    return {name: table[name] for name in wanted}
