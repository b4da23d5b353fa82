"""The environments of all functions together, and the connections to the cloud."""

from __future__ import annotations

import json
import os
import signal
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from local.cloud import Cloud
from local.cloud.processes import Children
from local.cloud.telemetry import Telemetry
from local.cloud.workers import forks, runtime
from local.cloud.workers.runtime import Runtime
from local.cloud.workers.worker import Function

APP = """
import os, time
from pathlib import Path
with open("loaded", "a") as file:
    file.write(f"{os.getpid()}\\n")
if Path("threads").exists():
    import threading
    threading.Thread(target=threading.Event().wait, daemon=True).start()
def lambda_handler(event, context):
    meeting = Path(event["meeting"])
    (meeting / str(os.getpid())).touch()
    while len(list(meeting.iterdir())) < event["of"]:
        time.sleep(0.02)
    time.sleep(event["seconds"])
    return os.getpid()
"""


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runtime]:
    """Two functions, and room for two environments."""
    (tmp_path / "app.py").write_text(APP)
    monkeypatch.setattr(runtime, "ENVIRONMENTS", 2)
    monkeypatch.setattr(runtime, "KEPT_SECONDS", 0.0)
    forks.prepare(is_bare=True)
    children = Children()
    made = Runtime(children, Telemetry())
    made.deploy(
        {
            name: Function(name, f"arn:{name}", "app.lambda_handler", tmp_path, timeout=60)
            for name in ("one", "two")
        }
    )
    yield made
    made.stop()
    children.stop()
    forks.stop()


def pids(running: Runtime, name: str, count: int, *, apart: bool = False) -> set[int]:
    """Invoke a function so often at once, and return the processes that answered.

    Each waits for all others to run, unless they are to run `apart`.
    """
    event = {"of": 1 if apart else count, "seconds": 0.7 if apart else 0}

    def invoke(_: int) -> Any:
        outcome = running.invoke(name, json.dumps({**event, "meeting": meeting}).encode())
        assert not outcome.failed, outcome.payload
        return json.loads(outcome.payload)

    with tempfile.TemporaryDirectory() as meeting, ThreadPoolExecutor(count) as threads:
        return set(threads.map(invoke, range(count)))


def test_environments_beyond_all_are_taken_from_those_that_idle(running: Runtime) -> None:
    first = pids(running, "one", 2)
    assert len(first) == 2
    # The first of a function needs no room, since others may wait for it; its second takes that of another.
    assert len(pids(running, "two", 2)) == 2
    left = pids(running, "one", 1)
    assert left <= first
    assert running.environments == 3


def test_environments_that_were_used_just_now_are_kept(
    running: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "KEPT_SECONDS", 3600.0)
    first = pids(running, "one", 2)
    assert len(pids(running, "two", 2, apart=True)) == 1  # one after the other, in the first of its own
    assert pids(running, "one", 2) == first


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "ENVIRONMENTS", 100)
    monkeypatch.setattr(runtime, "PATIENCE_SECONDS", 0.05)


def loads(folder: Path) -> list[int]:
    return [int(line) for line in (folder / "loaded").read_text().splitlines()]


def test_many_environments_at_once_load_the_function_twice(
    running: Runtime, room: None, tmp_path: Path
) -> None:
    first = pids(running, "one", 6)
    assert len(first) == 6
    assert len(loads(tmp_path)) == 2  # the first environment, and the template of the others
    assert len(first & set(loads(tmp_path))) == 1
    assert pids(running, "one", 6) == first


def test_a_function_with_threads_loads_in_each_environment(
    running: Runtime, room: None, tmp_path: Path
) -> None:
    (tmp_path / "threads").touch()
    first = pids(running, "one", 3)
    assert first < set(loads(tmp_path))


def test_environments_outlive_neither_their_template_nor_fail_for_it(
    running: Runtime, room: None, tmp_path: Path
) -> None:
    first = pids(running, "one", 3)
    (template,) = set(loads(tmp_path)) - first
    os.kill(template, signal.SIGKILL)
    while sum(worker.alive for worker in running._pool("one")._idle) > 1:
        time.sleep(0.01)
    again = pids(running, "one", 3)
    assert len(again) == 3
    assert again & first == set(loads(tmp_path)) & first


def test_a_copy_that_works_when_its_version_goes_finishes(running: Runtime, room: None) -> None:
    pids(running, "one", 3)
    with ThreadPoolExecutor(1) as threads, tempfile.TemporaryDirectory() as meeting:
        event = {"of": 4, "seconds": 0, "meeting": meeting}
        work = [running.submit("one", json.dumps(event).encode()) for _ in range(3)]
        while len(list(Path(meeting).iterdir())) < 3:
            time.sleep(0.01)
        running.deploy({})
        threads.submit((Path(meeting) / "last").touch)
        assert not any(item.result(60).failed for item in work)


def test_a_connection_serves_many_requests_and_what_was_not_read_is_none_of_the_next(cloud: Cloud) -> None:
    for url in (cloud.info["aws_endpoint"], cloud.info["api_url"]):
        connection = HTTPConnection(urlsplit(url).netloc)
        sockets = []
        for _ in range(3):
            connection.request("POST", "/nowhere", body=b"GET / HTTP/1.1\r\n\r\n" * 50)
            answer = connection.getresponse()
            answer.read()
            assert answer.status >= 400
            sockets.append(connection.sock)
        assert len(set(map(id, sockets))) == 1
        connection.request("HEAD", "/nowhere")
        assert connection.getresponse().read() == b""
        connection.close()
