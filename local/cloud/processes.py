"""Child processes that never outlive the supervisor, not even when it is killed outright."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Protocol, TypeVar

STOP_SECONDS = 5.0

# The guard reads "+pid" and "-pid" lines. End of file means that the supervisor is gone, however it went:
# what is still on the list is then killed. Each child leads a process group of its own.
GUARD = """
import os, signal, sys
alive = set()
for line in sys.stdin:
    (alive.add if line[0] == "+" else alive.discard)(int(line[1:]))
for pid in alive:
    for kill in (os.killpg, os.kill):  # a group is led a moment after a process was forked
        try:
            kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
"""


class Child(Protocol):
    """A process with a number, as subprocess.Popen has them."""

    pid: int

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...


C = TypeVar("C", bound=Child)


class Children:
    """Starts processes, remembers them, and stops what is left at the end."""

    def __init__(self) -> None:
        self._guard = subprocess.Popen(
            [sys.executable, "-I", "-c", GUARD], stdin=subprocess.PIPE, start_new_session=True, text=True
        )
        self._alive: dict[int, Child] = {}
        self._lock = threading.Lock()
        self._closed = False

    def spawn(
        self,
        argv: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str] | None = None,
        output: int | IO[bytes] = subprocess.PIPE,
    ) -> subprocess.Popen[bytes]:
        """Start `argv` in a process group of its own, stdout and stderr going to `output` together."""
        return self.keep(
            lambda: subprocess.Popen(
                list(argv),
                cwd=cwd,
                env=None if env is None else dict(env),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        )

    def keep(self, start: Callable[[], C]) -> C:
        """Start a process by `start`, which gives it a process group of its own."""
        with self._lock:
            if self._closed:
                raise RuntimeError("the local cloud is stopping")
            child = start()
            self._alive[child.pid] = child
            self._tell_guard(f"+{child.pid}")
        return child

    def kill(self, child: Child) -> None:
        """Kill the child and whatever it started, and reap it."""
        _signal_group(child, signal.SIGKILL)
        child.wait()
        self.forget(child)

    def forget(self, child: Child) -> None:
        """Take a child that has ended off the list."""
        with self._lock:
            if self._alive.pop(child.pid, None):
                self._tell_guard(f"-{child.pid}")

    def stop(self) -> None:
        """Ask every child to end, kill those that do not, and refuse new ones."""
        with self._lock:
            self._closed = True
            remaining = list(self._alive.values())
        for child in remaining:
            _signal_group(child, signal.SIGTERM)
        for child in remaining:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(STOP_SECONDS)
            self.kill(child)
        assert self._guard.stdin
        self._guard.stdin.close()
        self._guard.wait()

    def _tell_guard(self, line: str) -> None:
        assert self._guard.stdin
        with contextlib.suppress(BrokenPipeError, ValueError):
            self._guard.stdin.write(line + "\n")
            self._guard.stdin.flush()


def _signal_group(child: Child, number: signal.Signals) -> None:
    # Once reaped, the number may belong to somebody else.
    if child.poll() is None:
        for send in (os.killpg, os.kill):  # a group is led a moment after a process was forked
            with contextlib.suppress(ProcessLookupError):
                send(child.pid, number)
