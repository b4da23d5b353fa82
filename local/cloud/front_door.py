"""The AWS endpoint: one WSGI application that answers Lambda Invoke itself and leaves the rest to moto."""

from __future__ import annotations

import io
import json
import re
import threading
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import unquote

from local.cloud.stack.permissions import INVOKE, Permissions
from local.cloud.usage import Usage, Writes
from local.cloud.workers.runtime import Runtime, UnknownFunctionError

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

SCHEDULE = re.compile(r"/schedules/([^/]+)")
# moto changes its state without locking, and two concurrent `ADD n 1` would count once.
LOCKED_SERVICES = ("DynamoDB_20120810", "AmazonSQS")
# Waits for messages, so it would hold up those who send them.
UNLOCKED_TARGET = "AmazonSQS.ReceiveMessage"
TRANSACTION = "DynamoDB_20120810.TransactWriteItems"


class FrontDoor:
    """Lambda Invoke goes to the runtime; every other AWS call to `moto`, in turn where moto needs that. What
    the caller's role does not allow is refused."""

    def __init__(self, moto: Application, runtime: Runtime) -> None:
        self._moto = moto
        self._runtime = runtime
        self._locks = {service: threading.RLock() for service in LOCKED_SERVICES}
        self._transactions = Transactions(moto)
        self.permissions = Permissions({})
        self.usage = Usage()
        self.on_schedule_created: Callable[[str, str], None] = lambda group, name: None

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        path, target = environ.get("PATH_INFO", ""), environ.get("HTTP_X_AMZ_TARGET", "")
        body = read_body(environ)
        environ["wsgi.input"] = io.BytesIO(body)
        if refusal := self.permissions.refusal(environ, body):
            return _denied(start_response, refusal)
        self.usage.call(environ, body)
        if invoke := INVOKE.fullmatch(path):
            return self._invoke(unquote(invoke[1]), environ, start_response)
        if (schedule := SCHEDULE.fullmatch(path)) and environ["REQUEST_METHOD"] == "POST":
            return self._create_schedule(unquote(schedule[1]), environ, start_response)
        lock = self._locks.get(target.partition(".")[0])
        if lock is None or target == UNLOCKED_TARGET:
            return self._moto(environ, start_response)
        with lock:
            return self._counted(target, body, environ, start_response)

    def _counted(
        self, target: str, body: bytes, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        application = self._transactions if target == TRANSACTION else self._moto
        writes = Writes(target, body)
        answered = list(application(environ, start_response))
        self.usage.read(target, body, b"".join(answered))
        self.usage.add("write_units", writes.units())
        return answered

    def _invoke(self, name: str, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        payload = read_body(environ)
        kind = environ.get("HTTP_X_AMZ_INVOCATION_TYPE", "RequestResponse")
        try:
            if kind == "Event":
                self._runtime.hand_over(name, payload)
                return answer(start_response, "202 Accepted", b"")
            version = self._runtime.version_of(name)
            outcome = self._runtime.invoke(name, payload)
        except UnknownFunctionError as error:
            return _not_found(start_response, str(error))
        headers = {"X-Amz-Executed-Version": version}
        if outcome.failed:
            headers["X-Amz-Function-Error"] = "Unhandled"
        return answer(start_response, "200 OK", outcome.payload, headers)

    def _create_schedule(self, name: str, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        body = read_body(environ)
        group = json.loads(body or b"{}").get("GroupName") or "default"
        environ["wsgi.input"] = io.BytesIO(body)
        # moto notes the wall clock, but schedules here may run on the sandbox's.
        self.on_schedule_created(group, name)
        return self._moto(environ, start_response)


class Transactions:
    """TransactWriteItems once per ClientRequestToken, which moto ignores. Called under the DynamoDB lock."""

    def __init__(self, moto: Application) -> None:
        self._moto = moto
        self._done: dict[str, tuple[bytes, str, list[tuple[str, str]], bytes]] = {}

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        body = read_body(environ)
        environ["wsgi.input"] = io.BytesIO(body)
        token = json.loads(body).get("ClientRequestToken")
        if token not in self._done:
            return self._first(token, body, environ, start_response)
        request, status, headers, reply = self._done[token]
        if request != body:
            return _token_mismatch(start_response)
        start_response(status, headers)
        return [reply]

    def _first(
        self, token: str | None, body: bytes, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        heard: list[Any] = []

        def listen(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            heard[:] = [status, headers]
            return start_response(status, headers, *rest)

        reply = b"".join(self._moto(environ, listen))
        if token and heard[0].startswith("200"):
            self._done[token] = (body, heard[0], heard[1], reply)
        return [reply]


def read_body(environ: Environ) -> bytes:
    """The request's body, which can be read once."""
    body: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    return body


def answer(
    start_response: StartResponse, status: str, body: bytes, headers: dict[str, str] | None = None
) -> list[bytes]:
    """Send `body` as JSON."""
    fixed = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    start_response(status, list({**fixed, **(headers or {})}.items()))
    return [body]


def _denied(start_response: StartResponse, message: str) -> list[bytes]:
    kind = "AccessDeniedException"
    body = json.dumps({"__type": kind, "Message": message}).encode()
    return answer(start_response, "400 Bad Request", body, {"X-Amzn-ErrorType": kind})


def _not_found(start_response: StartResponse, name: str) -> list[bytes]:
    body = json.dumps({"Type": "User", "Message": f"Function not found: {name}"}).encode()
    headers = {"X-Amzn-ErrorType": "ResourceNotFoundException"}
    return answer(start_response, "404 Not Found", body, headers)


def _token_mismatch(start_response: StartResponse) -> list[bytes]:
    kind = "com.amazonaws.dynamodb.v20120810#IdempotentParameterMismatchException"
    text = "The request uses the same client token as a previous, but non-identical request."
    return answer(start_response, "400 Bad Request", json.dumps({"__type": kind, "Message": text}).encode())
