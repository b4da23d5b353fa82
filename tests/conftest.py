"""The local cloud, started once per test run, and clients for its API and its sandbox."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import settings

from local.cloud import Cloud, start
from local.cloud.worker import TIME_LIMITS
from tests.support.api import Api
from tests.support.sandbox import Sandbox
from tests.support.secrets import assert_no_secret, log_of

# Whatever is slow on a busy machine is no failure; what fails says how to repeat it.
settings.register_profile("tests", deadline=None, database=None, print_blob=True)
settings.load_profile("tests")

# Folders whose tests share what takes seconds to start.
SHARING = ("flows", "cloud", "sandbox", "property", "contract")
WHOLE_CLOUD_ELSEWHERE = "test_every_adapter.py"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Give the tests that share a local cloud or a sandbox to one worker, so that each starts once."""
    for item in items:
        folder = "flows" if item.path.name == WHOLE_CLOUD_ELSEWHERE else item.path.parent.name
        if folder in SHARING and {"cloud", "ports", "process"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.xdist_group(folder))


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """The product's own template. No test of it is about the limits of functions and gateway, which would
    end whatever a busy machine is slow with."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(TIME_LIMITS, "20")
        running = start(tmp_path_factory.mktemp("cloud"))
    with running:
        yield running
        assert_no_secret(running, log_of(running))  # of everything that the tests did


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
