"""Clients of the local cloud's AWS, past the roles of its functions."""

from __future__ import annotations

import json
import time
from functools import cache
from typing import Any
from urllib.request import urlopen

import boto3

from local.cloud import Cloud


def reconcile_campaigns(cloud: Cloud) -> None:
    """Let the reconciler's function run as its schedule does."""
    name = "campaign-automation-local-ReconcileCampaignsFunction:live"
    answer = client(cloud, "lambda").invoke(FunctionName=name, Payload=b"{}")
    assert "failed" not in json.loads(answer["Payload"].read())


def settle(cloud: Cloud, seconds: float = 120) -> None:
    """Wait until no creation, and nothing that was handed over, goes on without its caller."""
    if "aws_endpoint" not in cloud.info:
        return  # everything is in this process
    deadline = time.monotonic() + seconds
    while is_busy(cloud) and time.monotonic() < deadline:
        time.sleep(0.05)


def is_busy(cloud: Cloud) -> bool:
    """Return whether a creation, or what was handed over, goes on without its caller."""
    with urlopen(f"{cloud.info['api_url']}/_local/background") as answer:
        return bool(json.load(answer)["running"])


def client(cloud: Cloud, service: str) -> Any:
    return _client(cloud.info["aws_endpoint"], service)


def state_machine(steps: Any, name: str) -> str:
    """Return the ARN of the one state machine whose name ends so."""
    machines = [item["stateMachineArn"] for item in steps.list_state_machines()["stateMachines"]]
    (found,) = (arn for arn in machines if arn.endswith(name))
    return str(found)


@cache
def _client(endpoint: str, service: str) -> Any:
    """Return one client for all tests of a cloud: making one takes longer than most of its calls."""
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )
