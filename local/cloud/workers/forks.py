"""Processes forked from one that has the libraries already: importing them is most of a cold start here."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

# Libraries that the functions import while they start. One that is missing here only costs time.
LIBRARIES = (
    "anyio._backends._asyncio",
    "aws_lambda_powertools.logging",
    "aws_lambda_powertools.logging.types",
    "aws_lambda_powertools.metrics",
    "aws_lambda_powertools.utilities.parameters",
    "boto3.session",
    "botocore.client",
    "facebook_business.adobjects.adaccount",
    "facebook_business.api",
    "google.ads.googleads.client",
    "google.ads.googleads.v26.services.services.google_ads_service",
    "google.generativeai",
    "h11",
    "httpcore",
    "httpx",
    "pydantic.main",
    "pydantic.networks",
    "pydantic.type_adapter",
    "redis.asyncio",
    "scipy.special",
    "sniffio",
    "snapshot_restore_py",
    "sqlite3",
    "statistics",
)
# The variable that leaves all imports to the functions, for a template whose functions need next to none.
BARE = "LOCAL_BARE_FUNCTIONS"
_ROOT = Path(__file__).parents[3]
_PRELOADED = "local.cloud.workers.preloaded"
_CONTEXT = multiprocessing.get_context("forkserver")
# The standard library looks after all its children whenever it starts one.
_LOCK = threading.Lock()


@dataclass(frozen=True)
class Program:
    """A function as a process runs it, with the folders of its layers and all its variables."""

    handler: str
    directory: Path
    layers: tuple[Path, ...]
    environment: Mapping[str, str]


Main = Callable[..., None]  # of a program, its output, and further connections


class Fork:
    """A forked process, with the part of Popen's interface that is used of it."""

    def __init__(self, program: Program, output: int, main: Main | None = None, *more: Connection) -> None:
        with Connection(output, readable=False) as written, _LOCK:
            arguments = (program, written, *more)
            self._process = _CONTEXT.Process(target=main or _run, args=arguments, daemon=True)
            self._process.start()
        self.pid = int(self._process.pid or 0)

    @staticmethod
    def pipe() -> tuple[Connection, Connection]:
        """Return the ends of a connection, one of them for a forked process."""
        return _CONTEXT.Pipe()

    def poll(self) -> int | None:
        """Return the exit status, negative for a signal, and None while it runs."""
        with _LOCK:
            return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit status. Raises subprocess.TimeoutExpired."""
        wait([self._process.sentinel], timeout)
        if (status := self.poll()) is None:
            raise subprocess.TimeoutExpired("awslambdaric", timeout or 0)
        return status


def prepare(*, is_bare: bool = False) -> None:
    """Start the process that is forked; the first fork waits until it has imported the libraries, unless it
    `is_bare`."""
    _CONTEXT.set_forkserver_preload([] if is_bare else [*LIBRARIES, _PRELOADED])
    forkserver.ensure_running()


def stop() -> None:
    """End the process that is forked, and the helper that the standard library starts beside it. Left alone,
    they end a moment after this process."""
    server: Any = forkserver._forkserver
    tracker: Any = resource_tracker._resource_tracker
    if server._forkserver_pid is not None:  # it may be busy with importing, and would not hear of it
        os.kill(server._forkserver_pid, signal.SIGKILL)
    server._stop()
    tracker._stop()


def _run(program: Program, output: Connection) -> None:
    """Be `python -m awslambdaric` with a fresh environment, as the runtime's process starts it."""
    become(program, output)
    run_handler(program.handler)


def become(program: Program, output: Connection) -> None:
    """Turn this process into one of the function: its output, variables, folder and import path."""
    os.setsid()
    for descriptor in (1, 2):
        os.dup2(output.fileno(), descriptor)
    output.close()
    sys.stdout, sys.stderr = (os.fdopen(number, "w", encoding="utf-8", closefd=False) for number in (1, 2))
    os.environ.clear()
    os.environ.update(program.environment)
    time.tzset()
    os.chdir(program.directory)
    others = [path for path in sys.path if path and Path(path) != _ROOT]
    sys.path[:] = [str(program.directory), *map(str, program.layers), *others]
    if preloaded := sys.modules.get(_PRELOADED):
        preloaded.keep_or_forget(program.layers)


def run_handler(handler: str) -> None:
    sys.argv = ["awslambdaric", handler]
    # Not earlier: it reads its variables while it is imported.
    importlib.import_module("awslambdaric.__main__").main(sys.argv)
