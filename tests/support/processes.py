"""The sandbox alone, for tests that need no more of the local cloud."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 300


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
