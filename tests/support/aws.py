"""Clients of the local cloud's AWS, past the roles of its functions."""

from __future__ import annotations

import json
from typing import Any

import boto3

from local.cloud import Cloud


def reconcile_campaigns(cloud: Cloud) -> None:
    """Let the reconciler's function run as its schedule does."""
    name = "campaign-automation-local-ReconcileCampaignsFunction:live"
    answer = client(cloud, "lambda").invoke(FunctionName=name, Payload=b"{}")
    assert "failed" not in json.loads(answer["Payload"].read())


def client(cloud: Cloud, service: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=cloud.info["aws_endpoint"],
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )
