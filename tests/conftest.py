"""The local cloud, started once per test run, and clients for its API and its sandbox."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local.cloud import Cloud, start
from tests.support.api import Api
from tests.support.sandbox import Sandbox


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with start(tmp_path_factory.mktemp("cloud")) as running:
        yield running


@pytest.fixture
def sandbox(cloud: Cloud) -> Iterator[Sandbox]:
    """The platforms as seeded, without faults."""
    with Sandbox(cloud.info["sandbox"]["admin"]) as control:
        control.reset()
        yield control


@pytest.fixture
def api(cloud: Cloud, sandbox: Sandbox) -> Iterator[Api]:
    """The API as user_123 calls it."""
    with Api(cloud.info["api_url"], cloud.info["tokens"]["user_123"]) as client:
        yield client


@pytest.fixture
def other_api(cloud: Cloud, sandbox: Sandbox) -> Iterator[Api]:
    """The API as user_456 calls it."""
    with Api(cloud.info["api_url"], cloud.info["tokens"]["user_456"]) as client:
        yield client
