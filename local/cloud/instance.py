"""The state folder of one local cloud: its lock, its pid, and cloud.json."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

LOCK = "cloud.lock"
INFO = "cloud.json"
SAM_ENVIRONMENT = "sam-env.json"
STOP_SECONDS = 300.0


class AlreadyRunningError(Exception):
    """Another local cloud keeps its state in this folder."""


@contextlib.contextmanager
def held(directory: Path) -> Iterator[None]:
    """Own the state folder for the rest of this process; cloud.json goes when the block ends.

    Raises AlreadyRunningError. Only the end of the process gives the lock back, so unlike a pid file it
    is never stale, and who finds it free knows that the process is gone.
    """
    directory.mkdir(parents=True, exist_ok=True)
    lock = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    if not _lock(lock):
        raise AlreadyRunningError(f"a local cloud already runs in {directory} (pid {_pid(directory)})")
    os.truncate(lock, 0)
    os.write(lock, str(os.getpid()).encode())
    try:
        yield
    finally:
        for name in (INFO, SAM_ENVIRONMENT):
            (directory / name).unlink(missing_ok=True)


def publish(directory: Path, info: dict[str, Any], sam_environment: dict[str, dict[str, str]]) -> None:
    """Write cloud.json in one step, so that whoever sees it sees all of it.

    sam-env.json beside it carries the functions' variables for the SAM CLI (`env_vars` in samconfig.toml).
    """
    (directory / SAM_ENVIRONMENT).write_text(json.dumps(sam_environment, indent=2) + "\n")
    unfinished = directory / f"{INFO}.new"
    unfinished.write_text(json.dumps(info, indent=2) + "\n")
    unfinished.replace(directory / INFO)


def read(directory: Path) -> dict[str, Any]:
    """What cloud.json says; empty as long as there is none."""
    try:
        info: dict[str, Any] = json.loads((directory / INFO).read_text())
    except FileNotFoundError:
        return {}
    return info


def stop(directory: Path) -> bool:
    """Stop the local cloud of this folder and wait until it is gone. False when none was running.

    Raises TimeoutError when it does not go.
    """
    if is_free(directory):
        for name in (INFO, SAM_ENVIRONMENT):
            (directory / name).unlink(missing_ok=True)
        return False
    os.kill(_pid(directory), signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while not is_free(directory):
        if time.monotonic() > deadline:
            raise TimeoutError(f"the local cloud in {directory} does not stop")
        time.sleep(0.05)
    return True


def is_free(directory: Path) -> bool:
    """Whether no local cloud runs in this folder."""
    if not (directory / LOCK).exists():
        return True
    with (directory / LOCK).open("a+") as lock:
        return _lock(lock.fileno())


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _pid(directory: Path) -> int:
    return int((directory / LOCK).read_text())
