"""One sandbox process for the adapters that are tested without the local cloud."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.processes import running_sandbox
from tests.support.sandbox import Sandbox


@pytest.fixture(scope="session")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox")) as running:
        yield running.ports


@pytest.fixture(scope="session")
def process(ports: dict[str, int]) -> str:
    return f"http://127.0.0.1:{ports['port']}"


@pytest.fixture(scope="session")
def control(process: str) -> Iterator[Sandbox]:
    with Sandbox(f"{process}/admin") as opened:
        yield opened
