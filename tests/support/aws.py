"""Clients of the local cloud's AWS, past the roles of its functions."""

from __future__ import annotations

from typing import Any

import boto3

from local.cloud import Cloud


def client(cloud: Cloud, service: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=cloud.info["aws_endpoint"],
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )
