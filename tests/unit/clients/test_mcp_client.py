"""The Web Platform's client against servers of both kinds, scripted request by request."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from campaign_automation.clients.mcp_answers import retry_after
from campaign_automation.clients.mcp_client import McpClient
from campaign_automation.utils import retry_strategy
from campaign_automation.utils.error_handler import CampaignAutomationError

Request = tuple[dict[str, str], dict[str, Any]]
Answer = tuple[int, dict[str, str], str]
JSON = {"Content-Type": "application/json"}
STREAM = {"Content-Type": "text/event-stream"}
OPEN = "X-Stays-Open"  # the server goes on with what keeps the connection alive
PATIENCE_SECONDS = 60  # on a machine that is busy with other things
KEEP_ALIVE = b" \n"
ASKED = '"the id of the request"'


class _Listening:
    """A server of HTTP in a thread of this process, on a free port."""

    def _listen(self, handler: type[BaseHTTPRequestHandler]) -> None:
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}/mcp"
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


class Server(_Listening):
    """Answers what `script` says and remembers what it was asked."""

    def __init__(self, script: Callable[[dict[str, str], dict[str, Any]], Answer]) -> None:
        self.requests: list[Request] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                headers = {name.lower(): value for name, value in self.headers.items()}
                server.requests.append((headers, body))
                status, answer_headers, text = script(headers, body)
                text = text.replace(ASKED, json.dumps(body.get("id")))
                self.send_response(status)
                for name, value in answer_headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text.encode())
                for _ in range(100 if OPEN in answer_headers else 0):
                    time.sleep(0.05)
                    self.wfile.write(KEEP_ALIVE)

            def handle(self) -> None:
                with suppress(ConnectionError):  # a client that has its answer goes away
                    super().handle()

            def log_message(self, format: str, *args: Any) -> None:
                """Silent."""

        self._listen(Handler)


@pytest.fixture
def serve() -> Iterator[Callable[[Any], Server]]:
    servers: list[Server] = []

    def start(script: Any) -> Server:
        servers.append(Server(script))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def call(
    server: Server | LastingServer, times: int = 1, seconds: float = PATIENCE_SECONDS, **arguments: Any
) -> dict[str, Any]:
    client = McpClient(server.url, lambda: "t", timeout_seconds=seconds)

    async def run() -> dict[str, Any]:
        for _ in range(times):
            answer = await client.call_tool("create_campaign", arguments)
        return answer

    return asyncio.run(run())


def test_a_tenants_user_on_the_web_platform_goes_in_its_place(serve: Any) -> None:
    server = serve(lambda headers, body: result({"id": 1}))

    async def user_of(tenant: str) -> str:
        return {"acme": "user_9"}[tenant]

    client = McpClient(server.url, lambda: "t", timeout_seconds=PATIENCE_SECONDS, user_of=user_of)
    asyncio.run(client.call_tool("create_campaign", {"user_id": "acme"}))
    ((_, body),) = server.requests
    assert body["params"]["arguments"]["user_id"] == 9


def result(value: Any) -> Answer:
    return 200, JSON, json.dumps({"jsonrpc": "2.0", "id": json.loads(ASKED), "result": value})


def test_the_stateless_revision_needs_one_request(serve: Callable[[Any], Server]) -> None:
    server = serve(lambda headers, body: result({"content": [], "structuredContent": {"id": 7}}))
    assert call(server, user_id="user_5") == {"id": 7}
    ((headers, body),) = server.requests
    assert headers["authorization"] == "Bearer t"
    assert (headers["mcp-protocol-version"], headers["mcp-name"]) == ("2026-07-28", "create_campaign")
    assert body["params"]["arguments"] == {"user_id": 5}


def test_an_older_server_is_initialized_once_and_remembered(serve: Callable[[Any], Server]) -> None:
    def script(headers: dict[str, str], body: dict[str, Any]) -> Answer:
        if body["method"] == "initialize":
            status, _, text = result({"protocolVersion": "2025-11-25"})
            return status, {**JSON, "Mcp-Session-Id": "s1"}, text
        if body["method"] == "notifications/initialized":
            return 202, {}, ""
        if headers.get("mcp-session-id") != "s1":
            return 400, JSON, '{"error": "no session"}'
        _, _, event = result({"content": [{"type": "text", "text": '{"id": 7}'}]})
        return 200, STREAM, f"event: message\ndata: {event}\n\n"

    server = serve(script)
    assert call(server, times=2) == {"id": 7}
    methods = [body["method"] for _, body in server.requests]
    assert methods == ["tools/call", "initialize", "notifications/initialized", "tools/call", "tools/call"]


def test_the_customers_server_returns_bare_data(serve: Callable[[Any], Server]) -> None:
    assert call(serve(lambda headers, body: result({"id": 7, "status": "draft"}))) == {
        "id": 7,
        "status": "draft",
    }


def error(text: str, number: int = -32000, **data: Any) -> Answer:
    return plain(json.dumps({"code": number, "message": text, "data": data}))


def plain(error: str) -> Answer:
    return 200, JSON, f'{{"jsonrpc": "2.0", "id": {ASKED}, "error": {error}}}'


def failed(text: str) -> Answer:
    return result({"content": [{"type": "text", "text": text}], "isError": True})


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (error("Creative not found"), "5000"),
        (error("Unknown tool: fly"), "3001"),
        (error("x", -32601), "3001"),
        (error("bad value", parameter="budget", expected="number"), "3002"),
        (error("bad", -32602), "3002"),
        (error("no credits", error_code="6011", required=5, available=1), "6011"),
        (error("it broke"), "3003"),
        (error("tool not found", -32601), "3001"),
        (error("Tool create_campaign not found"), "3001"),
        (error("Tool create_campaign failed: creative 7 not found"), "5000"),
        (error("Error executing tool create_campaign: Creative not found"), "5000"),
        (error("x", **{"code": 1, "name": "n", "tool": "t", "parameter": "budget"}), "3002"),
        (error("Insufficient credit"), "6011"),
        (error("Invalid or missing service token"), "3000"),
        (plain('"creative 7 not found"'), "5000"),
        (plain('"it broke"'), "3003"),
        (plain("[]"), "3003"),
        (failed("it broke"), "3003"),
        (failed('{"error": "Creative 7 not found", "parameter": "creative_ids"}'), "5000"),
        (failed('{"error": "Parameter budget is invalid", "parameter": "budget"}'), "3002"),
        ((401, JSON, "{}"), "3000"),
        ((502, {"Content-Type": "text/html"}, "<html>"), "3000"),
        ((200, JSON, "[1]"), "3000"),
    ],
)
def test_every_failure_has_its_code(serve: Callable[[Any], Server], answer: Answer, code: str) -> None:
    with pytest.raises(CampaignAutomationError) as failure:
        call(serve(lambda headers, body: answer))
    assert failure.value.code == code


def test_the_facts_of_a_refused_argument_are_told_and_no_other_words(serve: Callable[[Any], Server]) -> None:
    data = {"parameter": "budget", "expected": "number", "code": 5, "tool": "x", "message": "m"}
    with pytest.raises(CampaignAutomationError) as failure:
        call(serve(lambda headers, body: error("bad", **data)))
    assert failure.value.details == {"tool": "create_campaign", "parameter": "budget", "expected": "number"}


def test_a_server_that_is_not_there_or_too_slow(serve: Callable[[Any], Server]) -> None:
    gate = threading.Event()

    def hang(headers: dict[str, str], body: dict[str, Any]) -> Answer:
        gate.wait(PATIENCE_SECONDS)
        return result({})

    with pytest.raises(CampaignAutomationError) as slow:
        call(serve(hang), seconds=0.5)
    gate.set()
    assert slow.value.code == "3004"
    server = serve(hang)
    server.close()
    with pytest.raises(CampaignAutomationError) as gone:
        call(server)
    assert gone.value.code == "3000"


def test_a_write_is_never_sent_twice(serve: Callable[[Any], Server]) -> None:
    server = serve(
        lambda headers, body: (500, JSON, '{"jsonrpc": "2.0", "id": json.loads(ASKED), "error": {}}')
    )
    with pytest.raises(CampaignAutomationError):
        call(server)
    assert len(server.requests) == 1


NOTE = 'event: message\ndata: {"jsonrpc": "2.0", "method": "notifications/message", "params": {}}\n\n'


def test_notifications_may_come_before_the_answer_and_after_it(serve: Callable[[Any], Server]) -> None:
    answer = f"event: message\r\nid: 7\r\ndata: {result({'id': 7})[2]}\r\n\r\n"
    other = 'data: {"jsonrpc": "2.0", "id": "another", "result": {"id": 8}}\n\n'
    stream = f": keep-alive\n\n{NOTE}{other}{answer}{NOTE}data: \n\n"
    assert call(serve(lambda headers, body: (200, STREAM, stream))) == {"id": 7}


@pytest.mark.parametrize("named", [STREAM, {"Content-Type": "Text/Event-Stream; charset=utf-8"}])
def test_characters_that_end_lines_of_a_text_stand_in_an_answer(serve: Any, named: dict[str, str]) -> None:
    name = "one\u2028two\u2029three\x85four"
    answer = result({"name": "NAME"})[2].replace("NAME", name)
    server = serve(lambda headers, body: (200, named, f"data: {answer}\n\n"))
    assert call(server) == {"name": name}


def test_a_byte_order_mark_is_no_part_of_an_answer(serve: Any) -> None:
    status, headers, text = result({"id": 7})
    assert call(serve(lambda _, body: (status, headers, f"\ufeff{text}"))) == {"id": 7}


def test_a_stream_that_stays_open_behind_the_answer_is_left(serve: Any) -> None:
    answer = f"data: {result({'id': 7})[2]}\n\n"
    # It stays open for five seconds.
    assert call(serve(lambda headers, body: (200, {**STREAM, OPEN: "1"}, answer)), seconds=4) == {"id": 7}


@pytest.mark.parametrize("named", [JSON, STREAM])
def test_an_answer_that_never_ends_is_cut(serve: Any, named: dict[str, str]) -> None:
    server = serve(lambda headers, body: (200, {**named, OPEN: "1"}, '{"jsonrpc": "2.0",\n'))
    with pytest.raises(CampaignAutomationError) as failure:
        call(server, seconds=1)
    assert (failure.value.code, failure.value.details["outcome_unknown"]) == ("3004", True)


@pytest.mark.parametrize("headers", [JSON, STREAM])
def test_the_answer_to_another_request_is_none(
    serve: Callable[[Any], Server], headers: dict[str, str]
) -> None:
    text = '{"jsonrpc": "2.0", "id": 99, "result": {"id": 7}}'
    server = serve(lambda _, body: (200, headers, f"data: {text}\n\n" if headers is STREAM else text))
    with pytest.raises(CampaignAutomationError) as failure:
        call(server)
    assert (failure.value.code, failure.value.details["outcome_unknown"]) == ("3000", True)


def test_an_answer_in_a_batch_is_found(serve: Callable[[Any], Server]) -> None:
    batch = f'[{{"jsonrpc": "2.0", "method": "n"}}, {result({"id": 7})[2]}]'
    assert call(serve(lambda headers, body: (200, JSON, batch))) == {"id": 7}


@pytest.mark.parametrize("text", ["", "<html>", result({"id": 7})[2], error("Rate limit exceeded")[2]])
def test_too_many_requests_are_told_with_the_wait(serve: Callable[[Any], Server], text: str) -> None:
    server = serve(lambda headers, body: (429, {**JSON, "Retry-After": "17"}, text))
    with pytest.raises(CampaignAutomationError) as failure:
        call(server)
    assert (failure.value.code, failure.value.details["retry_after"]) == ("1003", 17)
    assert failure.value.retryable
    assert "outcome_unknown" not in failure.value.details
    assert len(server.requests) == 1


def test_a_read_waits_as_long_as_it_is_asked_to(
    serve: Callable[[Any], Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(retry_strategy, "_sleep", sleep)
    answers = iter([(429, {"Retry-After": "17"}, ""), (429, {"Retry-After": "never"}, ""), result({"id": 7})])
    server = serve(lambda headers, body: next(answers))
    client = McpClient(server.url, lambda: "t", timeout_seconds=PATIENCE_SECONDS)
    assert asyncio.run(client.call_tool("get_creative", {})) == {"id": 7}
    assert waits[0] == 17
    assert waits[1] <= 2


def test_a_wait_until_a_date_is_understood() -> None:
    at = datetime.now(UTC) + timedelta(seconds=30)
    seconds = retry_after({"retry-after": format_datetime(at, usegmt=True)})
    assert seconds is not None
    assert 28 <= seconds <= 31
    assert retry_after({"retry-after": "Fri, 01 Jan 2100 00:00:00 GMT"}) == retry_after(
        {"retry-after": "999999"}
    )
    assert retry_after({"retry-after": "999999"}) == 86_400
    assert retry_after({"retry-after": "soon"}) is retry_after({}) is None
    assert retry_after({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0


@pytest.mark.parametrize("lost", [400, 404])
def test_a_lost_session_is_opened_again(serve: Callable[[Any], Server], lost: int) -> None:
    sessions: list[str] = []

    def script(headers: dict[str, str], body: dict[str, Any]) -> Answer:
        if body["method"] == "initialize":
            sessions.append(f"s{len(sessions)}")
            status, _, text = result({"protocolVersion": "2025-11-25"})
            return status, {**JSON, "Mcp-Session-Id": sessions[-1]}, text
        if body["method"] == "notifications/initialized":
            return 202, {}, ""
        if "mcp-session-id" not in headers:
            return 400, JSON, "{}"
        if headers["mcp-session-id"] == "s0" and len(sessions) == 1 and len(calls) == 1:
            return lost, JSON, "{}"
        calls.append(headers["mcp-session-id"])
        return result({"id": 7})

    calls: list[str] = []
    assert call(serve(script), times=2) == {"id": 7}
    assert calls == ["s0", "s1"]


@pytest.mark.parametrize("answer", [result(None), result("x"), plain('"no"'), plain("null")])
def test_an_initialize_without_a_result_is_told(serve: Callable[[Any], Server], answer: Answer) -> None:
    server = serve(lambda headers, body: answer if body["method"] == "initialize" else (400, JSON, "{}"))
    with pytest.raises(CampaignAutomationError) as failure:
        call(server)
    assert failure.value.code in ("3000", "3003")


class LastingServer(_Listening):
    """Keeps its connections open, notes the client's port of each request, and sets a cookie."""

    def __init__(self) -> None:
        self.ports: list[int] = []
        self.cookies: list[str | None] = []
        self.closes_silently = False
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                server.ports.append(self.client_address[1])
                server.cookies.append(self.headers["Cookie"])
                text = json.dumps({"jsonrpc": "2.0", "id": body["id"], "result": {"id": 7}})
                self.send_response(200)
                for name, value in {**JSON, "Content-Length": str(len(text)), "Set-Cookie": "a=1"}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text.encode())
                self.close_connection = server.closes_silently

            def log_message(self, format: str, *args: Any) -> None:
                """Silent."""

        self._listen(Handler)


@pytest.fixture
def lasting() -> Iterator[LastingServer]:
    server = LastingServer()
    yield server
    server.close()


def test_calls_share_a_connection_and_no_cookie(lasting: LastingServer) -> None:
    call(lasting, times=3)
    assert len(set(lasting.ports)) == 1
    assert lasting.cookies == [None] * 3


def test_each_event_loop_has_connections_of_its_own(lasting: LastingServer) -> None:
    client = McpClient(lasting.url, lambda: "t", timeout_seconds=PATIENCE_SECONDS)
    for _ in range(2):
        assert asyncio.run(client.call_tool("create_campaign", {})) == {"id": 7}
    assert len(set(lasting.ports)) == 2


def test_a_client_that_was_closed_connects_anew(lasting: LastingServer) -> None:
    client = McpClient(lasting.url, lambda: "t", timeout_seconds=PATIENCE_SECONDS)

    async def run() -> None:
        for _ in range(2):
            await client.call_tool("create_campaign", {})
            await client.aclose()

    asyncio.run(run())
    asyncio.run(client.aclose())
    assert len(set(lasting.ports)) == 2


def test_a_call_after_the_server_closed_its_connection_opens_another(lasting: LastingServer) -> None:
    lasting.closes_silently = True
    client = McpClient(lasting.url, lambda: "t", timeout_seconds=PATIENCE_SECONDS)

    async def run() -> None:
        await client.call_tool("create_campaign", {})
        pool: Any = client._connections.http._transport._pool  # type: ignore[union-attr,attr-defined]
        while not all(item.has_expired() for item in pool.connections):  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # until the end of the connection has arrived
        assert await client.call_tool("create_campaign", {}) == {"id": 7}

    asyncio.run(run())
    assert len(set(lasting.ports)) == 2
