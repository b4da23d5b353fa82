"""The standard MCP dialect, served by the official SDK: sessions of 2025-11-25 and stateless 2026-07-28."""

import json
from typing import Any

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from local.sandbox.core.faults import Kind
from local.sandbox.core.http import captured, exchange
from local.sandbox.seeds import SERVICE_TOKEN
from local.sandbox.web_platform.arguments import Json, ToolRefusal, input_schema
from local.sandbox.web_platform.mcp_customer import FAULT_MESSAGES, operation_of
from local.sandbox.web_platform.store import WebPlatformStore
from local.sandbox.web_platform.tools import TOOLS, Tool, call_tool

FAULT_STATUS: dict[Kind, int] = {"rate_limit": 429, "auth_expired": 401, "policy": 403, "http_500": 500}


def session_manager(store: WebPlatformStore, *, json_response: bool) -> StreamableHTTPSessionManager:
    """The SDK's server over the Web Platform's tools; answers as JSON or as an event stream."""

    async def list_tools(
        context: ServerRequestContext[Any], params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[_described(tool) for tool in TOOLS.values()])

    async def run_tool(
        context: ServerRequestContext[Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        return _tool_result(store, params.name, params.arguments or {})

    server = Server("web-platform", version="1.0.0", on_list_tools=list_tools, on_call_tool=run_tool)
    return StreamableHTTPSessionManager(server, json_response=json_response)


class StandardEndpoint:
    """Token check, faults and call log in front of the SDK's server."""

    def __init__(self, store: WebPlatformStore, server: ASGIApp) -> None:
        self._store = store
        self._server = server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        if request.headers.get("authorization") != f"Bearer {SERVICE_TOKEN}":
            response: Response = _unauthorised()
        elif request.method != "POST":
            # A GET keeps an event stream open, a DELETE ends a session: neither does any work.
            await self._server(scope, receive, send)
            return
        else:
            response = await self._post(request)
        await response(scope, receive, send)

    async def _post(self, request: Request) -> Response:
        body = await request.body()

        async def act() -> Response:
            return await captured(self._server, request.scope, body)

        operation = operation_of(_message(body))
        path = request.url.path
        return await exchange(self._store.world, "web_platform", operation, "POST", path, act, _fault_answer)


def _described(tool: Tool) -> types.Tool:
    return types.Tool(name=tool.name, description=tool.description, input_schema=input_schema(tool.arguments))


def _tool_result(store: WebPlatformStore, name: str, arguments: Json) -> types.CallToolResult:
    try:
        _refuse_unknown(name, arguments)
        data = call_tool(store, name, arguments)
    except ToolRefusal as refusal:
        if store.is_terse:
            text = types.TextContent(type="text", text=str(refusal))
            return types.CallToolResult(content=[text], is_error=True)
        return _result({"error": str(refusal), **refusal.data}, failed=True)
    return _result(data, failed=False)


def _refuse_unknown(name: str, arguments: Json) -> None:
    known = TOOLS[name].arguments.keys() if name in TOOLS else set()
    unknown = sorted(arguments.keys() - known)
    if name in TOOLS and unknown:
        raise ToolRefusal(f"Unknown parameter {unknown[0]}", {"parameter": unknown[0]})


def _result(data: Json, *, failed: bool) -> types.CallToolResult:
    text = types.TextContent(type="text", text=json.dumps(data))
    return types.CallToolResult(content=[text], structured_content=data, is_error=failed)


def _message(body: bytes) -> Json:
    try:
        message = json.loads(body)
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}


def _unauthorised() -> Response:
    return JSONResponse({"error": "invalid_token"}, 401, {"WWW-Authenticate": 'Bearer error="invalid_token"'})


def _fault_answer(kind: Kind) -> Response:
    if kind == "auth_expired":
        return _unauthorised()
    headers = {"Retry-After": "5"} if kind == "rate_limit" else {}
    message = FAULT_MESSAGES.get(kind, "Internal Server Error")
    return JSONResponse({"error": message}, FAULT_STATUS[kind], headers)
