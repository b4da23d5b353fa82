"""One local cloud with the fixture template, for all tests of this folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import httpx
import pytest

from local import cloud as local_cloud
from local.cloud import Cloud
from local.cloud.aws import REGION
from local.cloud.workers.forks import BARE
from tests.cloud.support import TEMPLATE, Invoke


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(BARE, "1")
        running = local_cloud.start(tmp_path_factory.mktemp("cloud"), template=TEMPLATE)
    with running:
        yield running


@pytest.fixture(scope="session")
def aws(cloud: Cloud) -> Callable[[str], Any]:
    """boto3 clients of that cloud by service name."""
    session = boto3.session.Session(
        aws_access_key_id="local", aws_secret_access_key="local", region_name=REGION
    )
    made: dict[str, Any] = {}

    def client(service: str) -> Any:
        if service not in made:
            made[service] = session.client(service, endpoint_url=cloud.info["aws_endpoint"])
        return made[service]

    return client


@pytest.fixture(scope="session")
def invoke(aws: Callable[[str], Any]) -> Invoke:
    """Invoke a function of the fixture; gives the answer and the X-Amz-Function-Error."""

    def call(event: Any, function: str = "ProbeFunction") -> tuple[Any, str | None]:
        answer = aws("lambda").invoke(
            FunctionName=f"campaign-automation-local-{function}", Payload=json.dumps(event)
        )
        return json.load(answer["Payload"]), answer.get("FunctionError")

    return call


@pytest.fixture
def anonymous(cloud: Cloud) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=cloud.info["api_url"], timeout=300) as client:
        yield client


@pytest.fixture
def api(cloud: Cloud) -> Iterator[httpx.Client]:
    """A client with the dev token of user_123."""
    headers = {"Authorization": f"Bearer {cloud.info['tokens']['user_123']}"}
    with httpx.Client(base_url=cloud.info["api_url"], headers=headers, timeout=300) as client:
        yield client
