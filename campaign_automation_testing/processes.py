"""The sandbox as a process of its own, for as long as tests run."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

START_SECONDS = 300
_STOP_SECONDS = 60
_MOUNTS = ("meta", "tiktok", "gemini", "web_platform", "admin")
_HERE = Path(__file__).resolve().parent
# The folder that holds `local`: within the installed package, or this repository.
HOME = _HERE / "bundle" if (_HERE / "bundle").is_dir() else _HERE.parent


@dataclass(frozen=True)
class RunningSandbox:
    """A sandbox that serves at `ports` of the loopback address."""

    folder: Path
    ports: dict[str, int]
    process: subprocess.Popen[bytes]

    @property
    def urls(self) -> dict[str, str]:
        return sandbox_urls(self.ports)


@contextmanager
def running_sandbox(folder: Path) -> Iterator[RunningSandbox]:
    """Run a sandbox that keeps its state in `folder`, and end it with the block.

    Raises RuntimeError when it does not start.
    """
    ready = folder / "ready.json"
    command = [sys.executable, "-m", "local.sandbox", "--port", "0", "--ready-file", str(ready)]
    process = subprocess.Popen(command, cwd=HOME)
    try:
        _wait_for(ready, process)
        yield RunningSandbox(folder, json.loads(ready.read_text()), process)
    finally:
        process.terminate()
        process.wait(_STOP_SECONDS)


def _wait_for(ready: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not ready.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(
                "the sandbox did not start; it needs what `pip install .[testing]` installs, and tells on"
                " stderr what is missing"
            )
        time.sleep(0.05)


def sandbox_urls(ports: Mapping[str, int]) -> dict[str, str]:
    """Return the URL of each part of a sandbox that serves at `ports`."""
    mounts = {name: f"http://127.0.0.1:{ports['port']}/{name}" for name in _MOUNTS}
    return {**mounts, "google": f"http://127.0.0.1:{ports['google_port']}"}
