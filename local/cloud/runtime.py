"""The Lambda service: finds or starts an execution environment for each invocation."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor

from local.cloud.processes import Children
from local.cloud.telemetry import Telemetry
from local.cloud.worker import Function, Outcome, Worker, stretched

# Beyond these an invocation waits for a free environment; AWS would go on to a thousand.
ENVIRONMENTS_PER_FUNCTION = 10
# AWS would start another environment at once; here a cold start takes more from everybody than a short wait.
PATIENCE_SECONDS = 0.5
INVOCATIONS_AT_ONCE = 128


class UnknownFunctionError(Exception):
    """No function of that name is deployed."""


class Runtime:
    """All deployed functions and their workers."""

    def __init__(self, children: Children, telemetry: Telemetry) -> None:
        self._children = children
        self._telemetry = telemetry
        self._pools: dict[str, _Pool] = {}
        self._threads = ThreadPoolExecutor(INVOCATIONS_AT_ONCE, thread_name_prefix="invocation")

    def deploy(self, function: Function) -> None:
        """Make `function` callable; nothing is started before its first invocation."""
        self._pools[function.name] = _Pool(function, self._children, self._telemetry)

    def invoke(self, name: str, payload: bytes) -> Outcome:
        """Invoke by name, ARN, or either with a qualifier, and wait. Raises UnknownFunctionError."""
        return self._pool(name).invoke(payload)

    def submit(self, name: str, payload: bytes) -> Future[Outcome]:
        """Invoke in the background. Raises UnknownFunctionError at once."""
        return self._threads.submit(self._pool(name).invoke, payload)

    def stop(self) -> None:
        """Stop every worker; invocations still running come back as failures."""
        for pool in self._pools.values():
            pool.stop()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _pool(self, name: str) -> _Pool:
        bare = name.split(":function:")[-1].split(":")[0]
        if bare not in self._pools:
            raise UnknownFunctionError(bare)
        return self._pools[bare]


class _Pool:
    """The environments of one function: the one that idled last is used first, as Lambda does."""

    def __init__(self, function: Function, children: Children, telemetry: Telemetry) -> None:
        self._function = function
        self._children = children
        self._telemetry = telemetry
        self._idle: list[Worker] = []
        self._busy: set[Worker] = set()
        self._changed = threading.Condition()

    def invoke(self, payload: bytes) -> Outcome:
        worker = self._take()
        try:
            return worker.invoke(payload)
        finally:
            self._give_back(worker)

    def stop(self) -> None:
        with self._changed:
            workers = [*self._idle, *self._busy]
        for worker in workers:
            worker.stop()

    def _take(self) -> Worker:
        with self._changed:
            if self._busy:
                self._changed.wait_for(lambda: self._idle, stretched(PATIENCE_SECONDS))
            self._changed.wait_for(lambda: self._idle or len(self._busy) < ENVIRONMENTS_PER_FUNCTION)
            worker = self._idle.pop() if self._idle else self._start()
            if not worker.alive:  # its process ended while it idled
                worker.stop()
                worker = self._start()
            self._busy.add(worker)
        return worker

    def _start(self) -> Worker:
        return Worker(self._function, self._children, self._telemetry)

    def _give_back(self, worker: Worker) -> None:
        alive = worker.alive
        with self._changed:
            self._busy.discard(worker)
            if alive:
                self._idle.append(worker)
            self._changed.notify()
        if not alive:
            worker.stop()
