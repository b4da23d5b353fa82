"""Further environments of a function as copies of a process that has loaded it, as SnapStart makes them.

A cold start takes most of a second of a core here, and many at once would take the machine. A copy takes some
hundredths, and shares the memory of what is loaded.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from multiprocessing.reduction import recv_handle, send_handle
from pathlib import Path
from typing import Any

from local.cloud.workers.forks import Fork, Program, become, run_handler

_COPIED_SECONDS = 30.0
_THREADS = Path("/proc/self/task")


class Copy:
    """A copied process, with the part of Popen's interface that is used of it."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._status: int | None = None
        self._ended = threading.Event()

    def end(self, status: int) -> None:
        self._status = status
        self._ended.set()

    def poll(self) -> int | None:
        return self._status

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit status. Raises subprocess.TimeoutExpired."""
        if not self._ended.wait(timeout) or self._status is None:
            raise subprocess.TimeoutExpired("awslambdaric", timeout or 0)
        return self._status


class Template:
    """A function's process that takes no invocations: it loads the function, and is copied.

    `settled` is called once it can be copied, or is known not to be: a function that does not load, or has
    threads, starts each environment by itself.
    """

    def __init__(self, program: Program, output: int, settled: Callable[[], None]) -> None:
        self._settled = settled
        self._copies: dict[int, Copy] = {}
        self._lock = threading.Lock()
        self._started: threading.Event = threading.Event()
        self._newest: Copy | None = None
        self.is_settled = self.is_ready = False
        self._connection, theirs = Fork.pipe()
        with theirs:
            self._process = Fork(program, output, _serve, theirs)
        self.pid, self.poll, self.wait = self._process.pid, self._process.poll, self._process.wait
        threading.Thread(target=self._listen, daemon=True).start()

    def copy(self, program: Program, output: int) -> Copy:
        """Start a copy. Raises OSError when the template has ended."""
        with self._lock, Connection(output, readable=False) as written:
            self._started.clear()
            self._newest = None
            self._connection.send(dict(program.environment))
            send_handle(self._connection, written.fileno(), None)
            self._started.wait(_COPIED_SECONDS)
            if not self.is_ready or self._newest is None:
                raise OSError("the template has ended")
            return self._newest

    def _listen(self) -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                kind, pid, status = self._connection.recv()
                if kind == "ended":
                    self._copies.pop(pid).end(status)
                elif kind == "started":
                    self._newest = self._copies[pid] = Copy(pid)
                    self._started.set()
                else:
                    self._settle(is_ready=kind == "ready")
        self._settle(is_ready=False)
        self._started.set()
        # Nobody would hear of their ends any more.
        for pid, copy in self._copies.items():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            copy.end(-signal.SIGKILL)

    def _settle(self, *, is_ready: bool) -> None:
        self.is_ready, self.is_settled = is_ready, True
        # A caller may be waiting for a copy, of which only this thread knows.
        threading.Thread(target=self._settled, daemon=True).start()


def _serve(program: Program, output: Connection, requests: Connection) -> None:
    """Load the function, and make copies until the connection ends."""
    become(program, output)
    ended, woken = os.pipe()
    for descriptor in (ended, woken):
        os.set_blocking(descriptor, False)
    try:
        importlib.import_module(program.handler.rpartition(".")[0].replace("/", "."))
        is_ready = len(list(_THREADS.iterdir())) == 1 if _THREADS.exists() else threading.active_count() == 1
    except BaseException:  # each environment tells of it
        is_ready = False
    # Loaded modules are never garbage; to look through them would write to every page that the copies share.
    gc.collect()
    gc.freeze()
    requests.send(("ready" if is_ready else "refused", 0, 0))
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(woken)
    with contextlib.suppress(EOFError):
        while True:
            for ready in wait([requests, ended]):
                if ready is requests:
                    _copy(program, requests, (ended, woken))
                else:
                    os.read(ended, 100)
                    _tell_ended(requests)


def _copy(program: Program, requests: Connection, own: tuple[int, ...]) -> None:
    environment = requests.recv()
    output = recv_handle(requests)
    pid = os.fork()
    if pid:
        os.close(output)
        requests.send(("started", pid, 0))
        return
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    requests.close()
    for descriptor in own:
        os.close(descriptor)
    with Connection(output, readable=False) as written:
        os.environ.update(environment)
        os.setsid()
        for descriptor in (1, 2):
            os.dup2(written.fileno(), descriptor)
    status = 1
    try:
        _restore()
        run_handler(program.handler)
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 1
    finally:
        os._exit(status)


def _restore() -> None:
    """Call what Lambda calls in each copy of a snapshot."""
    hooks: Any = sys.modules.get("snapshot_restore_py")
    for call, args, kwargs in hooks.get_after_restore() if hooks else ():
        call(*args, **kwargs)


def _tell_ended(requests: Connection) -> None:
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            requests.send(("ended", pid, os.waitstatus_to_exitcode(status)))
