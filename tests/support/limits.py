"""The limits of platform calls that earlier tests left: pauses that the sandbox asked for, breakers."""

from __future__ import annotations

from moto.backends import get_backend

from local.cloud import Cloud
from local.cloud.aws import ACCOUNT, REGION
from tests.support.aws import client

_PARTITIONS = [f"limits#{platform}" for platform in ("meta", "tiktok", "google")]


def forget_limits(cloud: Cloud) -> None:
    """Take the rows of limits away: a sandbox that starts anew asks nobody to wait."""
    if "aws_endpoint" not in cloud.info:
        for table in get_backend("dynamodb")[ACCOUNT][REGION].tables.values():
            for name in _PARTITIONS:
                table.items.pop(name, None)
        return
    dynamodb, table = client(cloud, "dynamodb"), cloud.info["environment"]["TABLE_NAME"]
    for name in _PARTITIONS:
        found = dynamodb.query(
            TableName=table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": name}},
            ProjectionExpression="pk, sk",
        )
        for key in found["Items"]:
            dynamodb.delete_item(TableName=table, Key=key)
