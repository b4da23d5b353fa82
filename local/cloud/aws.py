"""The one account and region that the local cloud plays, and boto3 clients for it."""

from __future__ import annotations

import os
import threading
from typing import Any

ACCOUNT = "123456789012"
REGION = "us-east-1"

# Dummies: they satisfy the SDK, and the two files keep a developer's own ~/.aws out of the picture.
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}


def arn(service: str, resource: str) -> str:
    """`arn("lambda", "function:echo")` in the local account and region."""
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


def read_descriptions_once() -> None:
    """Let this process read each of botocore's descriptions of services once, and not for every session: some
    are megabytes of JSON."""
    from botocore.loaders import JSONFileLoader

    original, read = JSONFileLoader.load_file, {}

    def load_file(loader: Any, path: str) -> Any:
        if path not in read:
            read[path] = original(loader, path)
        return read[path]

    JSONFileLoader.load_file = load_file


class Clients:
    """boto3 clients for one endpoint, each made when first asked for."""

    def __init__(self, endpoint: str) -> None:
        import boto3

        self._session = boto3.session.Session(region_name=REGION)
        self._endpoint = endpoint
        self._made: dict[str, Any] = {}
        self._lock = threading.Lock()  # a boto3 session is not safe to share while it makes clients

    def __getitem__(self, service: str) -> Any:
        with self._lock:
            if service not in self._made:
                self._made[service] = self._session.client(
                    service,
                    endpoint_url=self._endpoint,
                    aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
                    aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
                )
            return self._made[service]
