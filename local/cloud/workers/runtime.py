"""The Lambda service: finds or starts an execution environment for each invocation."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

from local.cloud.processes import Children
from local.cloud.telemetry import Telemetry
from local.cloud.workers.templates import Template
from local.cloud.workers.worker import LATEST, Function, Outcome, Worker, program_of, spawned

# Beyond these an invocation waits for a free environment; AWS would go on to a thousand.
ENVIRONMENTS_PER_FUNCTION = 10
# Of all functions together, each some 80 MB; beyond these a function has its first, and others only in place
# of those that idle elsewhere.
ENVIRONMENTS = 32
# AWS would start another environment at once; here a cold start takes more from everybody than a short wait.
PATIENCE_SECONDS = 0.5
LOADING_SECONDS = 30.0  # the longest wait for the template of further environments
KEPT_SECONDS = 10.0  # that the environments of a function idle before others may take their room
INVOCATIONS_AT_ONCE = 128
_LOOK_SECONDS = 0.1  # until one that waits looks again for an environment that idles elsewhere


class UnknownFunctionError(Exception):
    """No function of that name is deployed."""


class Runtime:
    """All deployed functions and their workers."""

    def __init__(self, children: Children, telemetry: Telemetry) -> None:
        self._children = children
        self._telemetry = telemetry
        self._pools: dict[str, _Pool] = {}
        self._threads = ThreadPoolExecutor(INVOCATIONS_AT_ONCE, thread_name_prefix="invocation")
        self._unawaited: set[Future[Outcome]] = set()
        # Called with name, payload and outcome of each call for which nobody waits.
        self.on_ended: Callable[[str, bytes, Outcome], None] = lambda name, payload, outcome: None

    def deploy(self, functions: Mapping[str, Function]) -> None:
        """Serve `functions`, by name and by name:qualifier, instead of those before.

        Nothing is started before its first invocation. A published version keeps its environments; those of
        everything else finish what they do and end.
        """
        before = {pool.identity: pool for pool in self._pools.values()}
        made = {
            _identity(function): _Pool(function, self._children, self._telemetry, self._has_room)
            for function in functions.values()
            if function.version == LATEST or _identity(function) not in before
        }
        pools = {**before, **made}
        self._pools = {name: pools[_identity(function)] for name, function in functions.items()}
        for pool in set(before.values()) - set(self._pools.values()):
            pool.retire()

    def invoke(self, name: str, payload: bytes) -> Outcome:
        """Invoke by name, ARN, or either with a qualifier, and wait. Raises UnknownFunctionError."""
        return self._pool(name).invoke(payload)

    def submit(self, name: str, payload: bytes) -> Future[Outcome]:
        """Invoke in the background. Raises UnknownFunctionError at once."""
        return self._threads.submit(self._pool(name).invoke, payload)

    def hand_over(self, name: str, payload: bytes) -> None:
        """Invoke for a caller that does not wait for the answer. Raises UnknownFunctionError at once."""
        self._pool(name)
        future = self._threads.submit(self.invoke_unawaited, name, payload)
        self._unawaited.add(future)
        future.add_done_callback(self._unawaited.discard)

    def invoke_unawaited(self, name: str, payload: bytes) -> Outcome:
        """Invoke as for a caller that does not wait: what fails goes where such failures go."""
        outcome = self.invoke(name, payload)
        self.on_ended(name, payload, outcome)
        return outcome

    @property
    def unawaited(self) -> int:
        """The number of invocations that go on without a caller."""
        return len(self._unawaited)

    @property
    def environments(self) -> int:
        """The number of environments of all functions."""
        return sum(pool.size for pool in set(self._pools.values()))

    def version_of(self, name: str) -> str:
        """Return the version that an invocation by `name` runs. Raises UnknownFunctionError."""
        return self._pool(name).identity[1]

    def stop(self) -> None:
        """Stop every worker; invocations still running come back as failures."""
        for pool in set(self._pools.values()):
            pool.stop()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _has_room(self, asking: _Pool) -> bool:
        """Return whether another environment may start; one that idles elsewhere may be ended for it."""
        if self.environments < ENVIRONMENTS:
            return True
        others = sorted({*self._pools.values()} - {asking}, key=lambda pool: pool.used_at)
        return any(pool.end_idle() for pool in others)

    def _pool(self, name: str) -> _Pool:
        known = name.split(":function:")[-1].removesuffix(f":{LATEST}")
        if known not in self._pools:
            raise UnknownFunctionError(known)
        return self._pools[known]


def _identity(function: Function) -> tuple[str, str]:
    return function.name, function.version


class _Pool:
    """The environments of one function: the one that idled last is used first, as Lambda does."""

    def __init__(
        self,
        function: Function,
        children: Children,
        telemetry: Telemetry,
        has_room: Callable[[_Pool], bool] = lambda pool: True,
    ) -> None:
        self.identity = _identity(function)
        self.used_at = 0.0
        self._template: Template | None = None
        self._has_room = has_room
        self._function = function
        self._retired = False
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

    @property
    def size(self) -> int:
        return len(self._idle) + len(self._busy)

    def end_idle(self) -> bool:
        """End the environment that idles longest. Return False where none does for long, or the pool is at
        work: a start for each call would take more than waiting does."""
        if time.monotonic() - self.used_at < KEPT_SECONDS:
            return False
        # Two pools that look at each other must not wait for each other.
        if not self._changed.acquire(blocking=False):
            return False
        try:
            worker = self._idle.pop(0) if self._idle else None
        finally:
            self._changed.release()
        if worker is not None:
            worker.stop()
        return worker is not None

    def retire(self) -> None:
        """Stop the workers that idle now, and the others as soon as they have answered."""
        with self._changed:
            self._retired = True
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.stop()
        self._end_if_over()

    def stop(self) -> None:
        with self._changed:
            workers = [*self._idle, *self._busy]
        for worker in workers:
            worker.stop()
        if self._template is not None:
            self._children.kill(self._template)

    def _end_if_over(self) -> None:
        """End the template of a retired pool after its last copy: they would end with it."""
        with self._changed:
            template = self._template if self._retired and not self._busy else None
        if template is not None:
            self._children.kill(template)

    def _take(self) -> Worker:
        with self._changed:
            if self._busy:
                self._changed.wait_for(lambda: self._idle, PATIENCE_SECONDS)
                if not self._idle:
                    template = self._template_of()
                    self._changed.wait_for(lambda: self._idle or template.is_settled, LOADING_SECONDS)
            while not (self._idle or self._may_start()):
                self._changed.wait(_LOOK_SECONDS)
            worker = self._idle.pop() if self._idle else self._start()
            if not worker.alive:  # its process ended while it idled
                worker.stop()
                worker = self._start()
            self._busy.add(worker)
        return worker

    def _may_start(self) -> bool:
        # The first of a function needs no room: others may wait for its answer.
        return not self._busy or (len(self._busy) < ENVIRONMENTS_PER_FUNCTION and self._has_room(self))

    def _start(self) -> Worker:
        if self._busy and self._template is not None and self._template.is_ready:
            # One that has ended starts nothing.
            with suppress(OSError):
                return Worker(self._function, self._children, self._telemetry, self._template.copy)
        return Worker(self._function, self._children, self._telemetry)

    def _template_of(self) -> Template:
        """Return the process that further environments are copied from, which loads the function at first."""
        if self._template is None:
            program = program_of(self._function, "")
            parts = self._function, self._children, self._telemetry
            self._template = spawned(*parts, lambda output: Template(program, output, self._told))
        return self._template

    def _told(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _give_back(self, worker: Worker) -> None:
        with self._changed:
            self._busy.discard(worker)
            self.used_at = time.monotonic()
            is_kept = worker.alive and not self._retired
            if is_kept:
                self._idle.append(worker)
            self._changed.notify()
        if not is_kept:
            worker.stop()
            self._end_if_over()
