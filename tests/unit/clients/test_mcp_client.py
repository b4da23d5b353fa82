"""The Web Platform's client against servers of both kinds, scripted request by request."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from campaign_automation.clients.mcp_client import McpClient
from campaign_automation.utils.error_handler import CampaignAutomationError

Request = tuple[dict[str, str], dict[str, Any]]
Answer = tuple[int, dict[str, str], str]
JSON = {"Content-Type": "application/json"}


class Server:
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
                self.send_response(status)
                for name, value in answer_headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, format: str, *args: Any) -> None:
                """Silent."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}/mcp"
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture
def serve() -> Iterator[Callable[[Any], Server]]:
    servers: list[Server] = []

    def start(script: Any) -> Server:
        servers.append(Server(script))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def call(server: Server, times: int = 1, **arguments: Any) -> dict[str, Any]:
    client = McpClient(server.url, lambda: "t", timeout_seconds=1)

    async def run() -> dict[str, Any]:
        for _ in range(times):
            answer = await client.call_tool("create_campaign", arguments)
        return answer

    return asyncio.run(run())


def test_a_tenants_user_on_the_web_platform_goes_in_its_place(serve: Any) -> None:
    server = serve(lambda headers, body: result({"id": 1}))

    async def user_of(tenant: str) -> str:
        return {"acme": "user_9"}[tenant]

    client = McpClient(server.url, lambda: "t", timeout_seconds=1, user_of=user_of)
    asyncio.run(client.call_tool("create_campaign", {"user_id": "acme"}))
    ((_, body),) = server.requests
    assert body["params"]["arguments"]["user_id"] == 9


def result(value: Any) -> Answer:
    return 200, JSON, json.dumps({"jsonrpc": "2.0", "id": 1, "result": value})


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
        event = json.dumps(
            {"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": '{"id": 7}'}]}}
        )
        return 200, {"Content-Type": "text/event-stream"}, f"event: message\ndata: {event}\n\n"

    server = serve(script)
    assert call(server, times=2) == {"id": 7}
    methods = [body["method"] for _, body in server.requests]
    assert methods == ["tools/call", "initialize", "notifications/initialized", "tools/call", "tools/call"]


def test_the_customers_server_returns_bare_data(serve: Callable[[Any], Server]) -> None:
    assert call(serve(lambda headers, body: result({"id": 7, "status": "draft"}))) == {
        "id": 7,
        "status": "draft",
    }


def error(message: str, code: int = -32000, **data: Any) -> Answer:
    return (
        200,
        JSON,
        json.dumps({"jsonrpc": "2.0", "id": 1, "error": {"code": code, "message": message, "data": data}}),
    )


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
        (result({"content": [{"type": "text", "text": "it broke"}], "isError": True}), "3003"),
        ((401, JSON, "{}"), "3000"),
        ((502, {"Content-Type": "text/html"}, "<html>"), "3000"),
        ((200, JSON, "[1]"), "3000"),
    ],
)
def test_every_failure_has_its_code(serve: Callable[[Any], Server], answer: Answer, code: str) -> None:
    with pytest.raises(CampaignAutomationError) as failure:
        call(serve(lambda headers, body: answer))
    assert failure.value.code == code


def test_a_server_that_is_not_there_or_too_slow(serve: Callable[[Any], Server]) -> None:
    gate = threading.Event()

    def hang(headers: dict[str, str], body: dict[str, Any]) -> Answer:
        gate.wait(5)
        return result({})

    with pytest.raises(CampaignAutomationError) as slow:
        call(serve(hang))
    gate.set()
    assert slow.value.code == "3004"
    server = serve(hang)
    server.close()
    with pytest.raises(CampaignAutomationError) as gone:
        call(server)
    assert gone.value.code == "3000"


def test_a_write_is_never_sent_twice(serve: Callable[[Any], Server]) -> None:
    server = serve(lambda headers, body: (500, JSON, '{"jsonrpc": "2.0", "id": 1, "error": {}}'))
    with pytest.raises(CampaignAutomationError):
        call(server)
    assert len(server.requests) == 1
