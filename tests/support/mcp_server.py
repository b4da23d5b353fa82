"""The MCP endpoint over real HTTP, in front of the actions of one process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from campaign_automation.actions import ACTIONS
from campaign_automation.api.http import respond
from campaign_automation.api.mcp.endpoint import Endpoint
from campaign_automation.wiring import Wiring
from local.docs import TOOLS

Json = dict[str, Any]
_ROUTES = {(action.method, action.path): action for action in ACTIONS.values()}
ROLES_HEADER = "x-roles"  # stands in for the authorizer's verdict


class ActionsOfOneProcess:
    """The functions of all actions in one process; `calls` are the events they got."""

    def __init__(self, parts: Wiring, runner: asyncio.Runner) -> None:
        self._parts, self._runner = parts, runner
        self.calls: list[Json] = []

    def call(self, function: str, event: Json) -> Json:
        self.calls.append(event)
        action = _ROUTES[event["httpMethod"], event["resource"]]
        return self._runner.run(respond(self._parts, action, event))


@contextmanager
def mcp_server(functions: ActionsOfOneProcess, user: str) -> Iterator[str]:
    """Yield the address of the endpoint, called by `user` with the roles of a header."""
    endpoint = Endpoint(TOOLS, functions, "https://ads.example", "https://issuer.example/")
    # The runner's loop takes one request at a time.
    turn = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def _respond(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            event = {
                "httpMethod": self.command,
                "resource": self.path,
                "headers": dict(self.headers),
                "body": body or None,
                "requestContext": {
                    "requestId": "mcp-test",
                    "authorizer": {
                        "principalId": user,
                        "roles": self.headers.get(ROLES_HEADER, "viewer buyer approver operator"),
                    },
                },
            }
            with turn:
                answer = endpoint.respond(event)
            text = answer["body"].encode()
            self.send_response(answer["statusCode"])
            for name, value in {**answer["headers"], "Content-Length": str(len(text))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        do_POST = do_GET = do_DELETE = _respond

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
