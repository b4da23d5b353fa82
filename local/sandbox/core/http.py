"""The course of every HTTP call: log, latency, fault, work, answer; and connections that are cut."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from local.sandbox.core.faults import Fault, Kind
from local.sandbox.core.world import World

DROP = "sandbox.drop"

Act = Callable[[], Awaitable[Response]]
FaultAnswer = Callable[[Kind], Response]
Twist = Callable[[Kind], Awaitable[Response]]
Files = dict[str, tuple[str, bytes]]  # by field: the file's name and content


class DroppableProtocol(H11Protocol):
    """Hands each request, under the scope key DROP, a way to cut its own TCP connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        served = self.app

        async def with_drop(scope: Scope, receive: Receive, send: Send) -> None:
            scope[DROP] = self.transport.abort
            await served(scope, receive, send)

        self.app = with_drop


class EscapedJSON(JSONResponse):
    """JSON in ASCII, as Meta and TikTok write it: so it carries even half a character."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode()


class NoAnswer(Response):
    """Says nothing until the client leaves or `hang_seconds` are over, then closes the connection."""

    def __init__(self, hang_seconds: float) -> None:
        super().__init__()
        self._hang_seconds = hang_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(_client_gone(receive), self._hang_seconds)
        scope[DROP]()
        await _client_gone(receive)


async def _client_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def bad_gateway() -> Response:
    """The answer of a proxy in front of a platform: HTML, not the platform's JSON."""
    return HTMLResponse("<html><body><h1>502 Bad Gateway</h1></body></html>", status_code=502)


async def exchange(
    world: World,
    platform: str,
    operation: str,
    method: str,
    path: str,
    act: Act,
    fault_answer: FaultAnswer,
    twist: Twist | None = None,
) -> Response:
    """Answers one call: `act` does the work, `fault_answer` words a failure as the platform would, `twist`
    does the work and answers oddly."""
    call = world.calls.open(platform, operation, method, path)
    fault = world.faults.take(platform, operation)
    await world.wait(platform)
    if fault is not None and fault.acts_late:
        world.late.append(act)
    response = await (act() if fault is None else _fail(fault, act, fault_answer, twist))
    status = None if isinstance(response, NoAnswer) else response.status_code
    call.close(status, fault.kind if fault else None)
    return response


async def _fail(fault: Fault, act: Act, fault_answer: FaultAnswer, twist: Twist | None) -> Response:
    if fault.is_twist:
        return await (act() if twist is None else twist(fault.kind))
    if fault.acts_first:
        await act()
    if fault.unanswered_after is not None:
        return NoAnswer(fault.unanswered_after)
    if fault.kind == "raw":
        return Response(fault.body, fault.status, fault.headers, media_type="application/json")
    return bad_gateway() if fault.kind == "garbage" else fault_answer(fault.kind)


async def read_form(request: Request, values: dict[str, Any]) -> Files:
    """Read a multipart body: its fields go into `values`, its files are returned."""
    files: Files = {}
    async with request.form() as form:
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                files[name] = (value.filename or name, await value.read())
            else:
                values[name] = value
    return files


async def captured(app: ASGIApp, scope: Scope, body: bytes) -> Response:
    """Runs `app` on a request whose body was already read, and holds its whole answer back."""
    sent: list[Message] = []
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        if pending:
            return pending.pop()
        return await asyncio.Future()  # the client is still there, it just has nothing more to say

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    response = Response(b"".join(m.get("body", b"") for m in sent[1:]), sent[0]["status"])
    response.raw_headers = list(sent[0]["headers"])
    return response
