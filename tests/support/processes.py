"""The sandbox alone, for tests that need no more of the local cloud; and the processes below one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 300
PROC = Path("/proc")


@dataclass(frozen=True)
class RunningSandbox:
    folder: Path
    ports: dict[str, int]
    process: subprocess.Popen[bytes]


@contextmanager
def running_sandbox(folder: Path) -> Iterator[RunningSandbox]:
    """A sandbox of its own, which keeps its state in `folder`."""
    ready = folder / "ready.json"
    command = [sys.executable, "-m", "local.sandbox", "--port", "0", "--ready-file", str(ready)]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not ready.exists():
            assert process.poll() is None, "the sandbox ended while starting"
            assert time.monotonic() < deadline, "the sandbox did not start"
            time.sleep(0.05)
        yield RunningSandbox(folder, json.loads(ready.read_text()), process)
    finally:
        process.terminate()
        process.wait(60)


def descendants(pid: int) -> set[int]:
    """Every living process below `pid`, by the kernel's own list."""
    parents = {}
    for stat in PROC.glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
        except OSError:
            continue
        parents[int(stat.parent.name)] = int(text.rsplit(")", 1)[1].split()[1])
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def kill_workers(cloud_pid: int, function: str) -> int:
    """End the processes of one function of a local cloud without warning; return how many there were."""
    killed = 0
    for pid in descendants(cloud_pid):
        with suppress(OSError):
            if f"campaign-automation-local-{function}" in (PROC / str(pid) / "cwd").readlink().parts:
                os.kill(pid, signal.SIGKILL)
                killed += 1
    return killed
