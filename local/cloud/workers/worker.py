"""One Lambda execution environment: a real `awslambdaric` process served by its own Runtime API."""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from local.cloud.aws import CREDENTIALS
from local.cloud.processes import C, Child, Children
from local.cloud.telemetry import Telemetry
from local.cloud.workers.forks import Fork, Program

# AWS allows ten seconds; a loaded laptop imports more slowly than Lambda does.
INIT_SECONDS = 30.0
# The variable that stretches the limits of functions and gateway, for machines that are slower than AWS.
TIME_LIMITS = "LOCAL_TIME_LIMITS"
LATEST = "$LATEST"
LARGEST_ANSWER = 6 * 1024 * 1024 + 100


def stretched(seconds: float) -> float:
    """Return how long something may take here that AWS gives `seconds`."""
    return seconds * float(os.environ.get(TIME_LIMITS, "1"))


@dataclass(frozen=True)
class Function:
    """A deployed function, as the runtime needs to know it. `timeout` is in seconds, `memory` in MB."""

    name: str
    arn: str  # of a published version with its number
    handler: str
    directory: Path
    role: str = ""
    layers: tuple[Path, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    timeout: float = 3
    memory: int = 128
    log_format: str = "Text"
    version: str = LATEST


@dataclass(frozen=True)
class Outcome:
    """What an invocation came to: the answer's bytes, and whether it is a function error."""

    payload: bytes
    failed: bool = False

    @classmethod
    def failure(cls, error_type: str, message: str) -> Outcome:
        body = {"errorType": error_type, "errorMessage": message}
        return cls(json.dumps(body).encode(), failed=True)


@dataclass(frozen=True)
class _Event:
    request_id: str
    body: bytes
    deadline_ms: int


@dataclass(frozen=True)
class _Message:
    """From the process to us: kind is ready, response, error, init or exit."""

    kind: str
    body: bytes = b""


Start = Callable[[Program, int], Child]  # a process of a program that writes to a descriptor


def program_of(function: Function, api_address: str) -> Program:
    """Return the function as a process with the Runtime API at `api_address` runs it."""
    variables = {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "PYTHONPATH": os.pathsep.join(map(str, function.layers)),
        **CREDENTIALS,
        "AWS_ACCESS_KEY_ID": function.name,  # whose permissions hold
        "AWS_LAMBDA_RUNTIME_API": api_address,
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": function.version,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_FORMAT": function.log_format,
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": f"{time.strftime('%Y/%m/%d')}/[{function.version}]{uuid.uuid4().hex}",
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{sys.version_info.major}.{sys.version_info.minor}",
        "LAMBDA_TASK_ROOT": str(function.directory),
        "_HANDLER": function.handler,
        **function.environment,
    }
    return Program(function.handler, function.directory, function.layers, variables)


def spawned(function: Function, children: Children, telemetry: Telemetry, start: Callable[[int], C]) -> C:
    """Start a process of the function by `start`, which takes the descriptor of its output."""
    read, written = os.pipe()
    try:
        process = children.keep(lambda: start(written))
    except BaseException:
        os.close(read)
        raise
    telemetry.follow(read, function.name)
    return process


class Worker:
    """Starts cold, then answers one invocation at a time until it is stopped or dies."""

    def __init__(
        self, function: Function, children: Children, telemetry: Telemetry, start: Start = Fork
    ) -> None:
        self._function = function
        self._start = start
        self._children = children
        self._telemetry = telemetry
        self._events: queue.Queue[_Event | None] = queue.Queue()
        self._messages: queue.Queue[_Message] = queue.Queue()
        self._started = time.monotonic()
        self._ready = False
        self._failed_init = False
        self._init_ms: float | None = None
        self._api = _RuntimeApi(function.arn, self._events, self._messages)
        self._process = self._spawn()
        threading.Thread(target=self._watch, daemon=True).start()

    @property
    def alive(self) -> bool:
        return not self._failed_init and self._process.poll() is None

    def invoke(self, payload: bytes) -> Outcome:
        """Run the handler on `payload`. After a failure of the process itself the worker is dead."""
        request_id = str(uuid.uuid4())
        outcome = self._initialise(request_id)
        started = time.monotonic()
        if outcome is None:
            outcome = self._run(request_id, payload)
        self._report(request_id, time.monotonic() - started, outcome)
        return outcome

    def stop(self) -> None:
        """Kill the process, if it still runs, and close its Runtime API."""
        self._children.kill(self._process)
        self._events.put(None)
        self._api.close()

    def _spawn(self) -> Child:
        program = program_of(self._function, self._api.address)
        return spawned(self._function, self._children, self._telemetry, lambda out: self._start(program, out))

    def _watch(self) -> None:
        code = self._process.wait()
        self._children.forget(self._process)
        reason = f"signal: {signal.strsignal(-code)}" if code < 0 else f"exit status {code}"
        self._messages.put(_Message("exit", reason.encode()))

    def _initialise(self, request_id: str) -> Outcome | None:
        if self._ready:
            return None
        try:
            message = self._messages.get(timeout=stretched(INIT_SECONDS))
        except queue.Empty:
            return self._time_out(request_id, INIT_SECONDS)
        if message.kind != "ready":
            self._failed_init = True
            return self._outcome(message, request_id)
        self._ready = True
        self._init_ms = (time.monotonic() - self._started) * 1000
        return None

    def _run(self, request_id: str, payload: bytes) -> Outcome:
        timeout = stretched(self._function.timeout)
        self._events.put(_Event(request_id, payload, int((time.time() + timeout) * 1000)))
        try:
            return self._outcome(self._messages.get(timeout=timeout), request_id)
        except queue.Empty:
            return self._time_out(request_id, timeout)

    def _outcome(self, message: _Message, request_id: str) -> Outcome:
        if message.kind == "exit":
            reason = f"RequestId: {request_id} Error: Runtime exited with error: {message.body.decode()}"
            return Outcome.failure("Runtime.ExitError", reason)
        if len(message.body) > LARGEST_ANSWER:
            return Outcome.failure(
                "Function.ResponseSizeTooLarge",
                f"Response payload size exceeded maximum allowed payload size ({LARGEST_ANSWER} bytes).",
            )
        return Outcome(message.body, failed=message.kind != "response")

    def _time_out(self, request_id: str, seconds: float) -> Outcome:
        self._children.kill(self._process)
        message = f"RequestId: {request_id} Error: Task timed out after {seconds:.2f} seconds"
        return Outcome.failure("Sandbox.Timedout", message)

    def _report(self, request_id: str, seconds: float, outcome: Outcome) -> None:
        """Log the invocation as Lambda's JSON log format does; initDurationMs marks a cold start."""
        metrics = {"durationMs": round(seconds * 1000, 3)}
        if self._init_ms is not None:
            metrics["initDurationMs"] = round(self._init_ms, 3)
            self._init_ms = None
        status = "error" if outcome.failed else "success"
        record = {"requestId": request_id, "metrics": metrics, "status": status}
        self._telemetry.report(
            {"function_name": self._function.name, "type": "platform.report", "record": record}
        )


class _RuntimeApi(ThreadingHTTPServer):
    """https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html for one process."""

    daemon_threads = True
    block_on_close = False

    def __init__(
        self, function_arn: str, events: queue.Queue[_Event | None], messages: queue.Queue[_Message]
    ) -> None:
        super().__init__(("127.0.0.1", 0), _RuntimeApiHandler)
        self.function_arn = function_arn
        self.events = events
        self.messages = messages
        self.asked = False
        self.address = f"127.0.0.1:{self.server_port}"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Stop serving, in a moment: nobody needs to wait for it."""
        threading.Thread(target=self.shutdown, daemon=True).start()

    def _serve(self) -> None:
        with self:
            self.serve_forever()


class _RuntimeApiHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _RuntimeApi

    def do_GET(self) -> None:
        """.../runtime/invocation/next: blocks until there is an event."""
        if not self.server.asked:
            self.server.asked = True
            self.server.messages.put(_Message("ready"))
        event = self.server.events.get()
        if event is None:
            self.close_connection = True
            return
        headers = {
            "Lambda-Runtime-Aws-Request-Id": event.request_id,
            "Lambda-Runtime-Deadline-Ms": str(event.deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": self.server.function_arn,
            # Not sampled, so that tracers send nothing: there is no X-Ray daemon here.
            "Lambda-Runtime-Trace-Id": f"Root=1-{int(time.time()):08x}-{uuid.uuid4().hex[:24]};Sampled=0",
        }
        self._answer(200, event.body, headers)

    def do_POST(self) -> None:
        """.../invocation/<id>/response, .../invocation/<id>/error or .../runtime/init/error."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        kind = "init" if "/init/" in self.path else self.path.rsplit("/", 1)[1]
        self._answer(202, b'{"status":"OK"}', {})
        self.server.messages.put(_Message(kind, body))

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the workers' own lines are the log."""

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
