"""The customer's own MCP dialect: plain JSON, no session, bare data, every failure as HTTP 200."""

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from local.sandbox.core.faults import Kind
from local.sandbox.core.http import exchange
from local.sandbox.seeds import SERVICE_TOKEN
from local.sandbox.web_platform.arguments import Json, ToolRefusal, input_schema
from local.sandbox.web_platform.store import WebPlatformStore
from local.sandbox.web_platform.tools import TOOLS, call_tool

PROTOCOL_VERSION = "2024-11-05"
TOOL_FAILED = -32000
UNKNOWN_METHOD = -32601


async def serve(store: WebPlatformStore, request: Request) -> Response:
    """Answers one JSON-RPC message."""
    message = _parsed(await request.body())
    operation = operation_of(message)

    async def act() -> Response:
        if request.headers.get("authorization") != f"Bearer {SERVICE_TOKEN}":
            return _error(message, TOOL_FAILED, "Invalid or missing service token")
        return _answer(store, message)

    def fault_answer(kind: Kind) -> Response:
        if kind == "http_500":
            return JSONResponse({"detail": "Internal Server Error"}, 500)
        answer = _error(message, TOOL_FAILED, FAULT_MESSAGES[kind])
        if kind == "rate_limit":
            answer.status_code = 429
            answer.headers["Retry-After"] = "5"
        return answer

    path = request.url.path
    return await exchange(store.world, "web_platform", operation, request.method, path, act, fault_answer)


FAULT_MESSAGES: dict[Kind, str] = {
    "rate_limit": "Rate limit exceeded, try again later",
    "auth_expired": "Service token expired",
    "policy": "This action is not allowed by the platform's policy",
}


def operation_of(message: Json) -> str:
    """The tool's name, or "mcp" for the protocol itself."""
    params = message.get("params")
    if message.get("method") == "tools/call" and isinstance(params, dict):
        return str(params.get("name", "mcp"))
    return "mcp"


def _parsed(body: bytes) -> Json:
    try:
        message = json.loads(body)
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}


def _answer(store: WebPlatformStore, message: Json) -> Response:
    method, params = message.get("method"), message.get("params") or {}
    if method == "tools/call":
        return _tool_answer(store, message, params)
    if method == "initialize":
        return _result(message, _INTRODUCTION)
    if method == "tools/list":
        return _result(message, {"tools": _catalogue()})
    if method in ("ping", "notifications/initialized"):
        return _result(message, {})
    return _error(message, UNKNOWN_METHOD, f"Method not found: {method}")


def _tool_answer(store: WebPlatformStore, message: Json, params: Json) -> Response:
    try:
        data = call_tool(store, str(params.get("name")), params.get("arguments") or {})
    except ToolRefusal as refusal:
        return _error(message, TOOL_FAILED, str(refusal), None if store.is_terse else refusal.data)
    return _result(message, data)


def _catalogue() -> list[Json]:
    return [
        {"name": t.name, "description": t.description, "inputSchema": input_schema(t.arguments)}
        for t in TOOLS.values()
    ]


_INTRODUCTION: Json = {
    "protocolVersion": PROTOCOL_VERSION,
    "capabilities": {"tools": {}},
    "serverInfo": {"name": "web-platform", "version": "1.0.0"},
}


def _result(message: Json, result: Json) -> Response:
    return JSONResponse({"jsonrpc": "2.0", "id": message.get("id"), "result": result})


def _error(message: Json, code: int, text: str, data: Any = None) -> Response:
    error: Json = {"code": code, "message": text}
    if data:
        error["data"] = data
    return JSONResponse({"jsonrpc": "2.0", "id": message.get("id"), "error": error})
