"""The sandbox for the adapters, which are tested without the local cloud."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from campaign_automation_testing.processes import RunningSandbox
from local.cloud import Cloud
from tests.support.in_process import cloud_of
from tests.support.sandbox import Sandbox, as_seeded


@pytest.fixture(scope="session")
def cloud(campaign_sandbox_process: RunningSandbox) -> Cloud:
    """The part of the local cloud that the module in one process needs: the sandbox, and settings."""
    return cloud_of(as_seeded(campaign_sandbox_process))


@pytest.fixture(scope="session")
def ports(campaign_sandbox_process: RunningSandbox) -> dict[str, int]:
    return as_seeded(campaign_sandbox_process).ports


@pytest.fixture(scope="session")
def process(ports: dict[str, int]) -> str:
    return f"http://127.0.0.1:{ports['port']}"


@pytest.fixture(scope="session")
def control(process: str) -> Iterator[Sandbox]:
    with Sandbox(f"{process}/admin") as opened:
        yield opened
