"""JSON-RPC and the revisions of the Model Context Protocol: one request in, one answer out."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

# With a handshake (initialize), and since 2026-07-28 with the version in each request.
WITH_HANDSHAKE = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
STATELESS = ("2026-07-28",)
VERSIONS = (*WITH_HANDSHAKE, *STATELESS)

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
RESOURCE_NOT_FOUND = -32002
HEADER_MISMATCH = -32020
UNSUPPORTED_VERSION = -32022

_META = "io.modelcontextprotocol/"
_VERSION_HEADER = "mcp-protocol-version"
# The parameter that a stateless request repeats in its header Mcp-Name, by method.
_NAMED_BY = {"tools/call": "name", "resources/read": "uri"}
_ENCODED = ("=?base64?", "?=")


class ProtocolError(Exception):
    """A request that is none of the protocol; `code` is JSON-RPC's or the protocol's."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.data = data


@dataclass(frozen=True)
class Request:
    """One request of a client. Notifications have no id and get no answer."""

    method: str
    params: Json
    id: str | int | None
    is_notification: bool
    is_stateless: bool


def read(body: str, headers: Mapping[str, str]) -> Request:
    """Return the request in `body`; `headers` by their names in small letters. Raises ProtocolError."""
    message = _message(body)
    params = message.get("params", {})
    if not isinstance(params, dict):
        raise ProtocolError(INVALID_PARAMS, "params: should be an object")
    if not isinstance(params.get("_meta", {}), dict):
        raise ProtocolError(INVALID_PARAMS, "_meta: should be an object")
    version = headers.get(_VERSION_HEADER)
    if version is not None and version not in VERSIONS:
        raise ProtocolError(
            UNSUPPORTED_VERSION,
            f"protocol version {version[:32]} is not supported",
            {"supported": [*VERSIONS], "requested": version[:32]},
        )
    request = Request(
        message["method"], params, message.get("id"), "id" not in message, is_stateless=version in STATELESS
    )
    if request.is_stateless and not request.is_notification:
        _check_envelope(request, headers)
    return request


def id_of(body: str) -> str | int | None:
    """Return the id of a request that could not be read, as far as it has one."""
    try:
        found = _read(body)
    except ProtocolError:
        return None
    value = found.get("id") if isinstance(found, dict) else None
    return value if isinstance(value, str | int) and not isinstance(value, bool) else None


def _read(body: str) -> Any:
    """Return the JSON of a body. Raises ProtocolError, also for half a character, which no answer holds."""
    try:
        found = json.loads(body)
        json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise ProtocolError(PARSE_ERROR, "the body is not JSON that can be read") from None
    return found


def _message(body: str) -> Json:
    message = _read(body)
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        raise ProtocolError(INVALID_REQUEST, "the body should be one JSON-RPC 2.0 request or notification")
    if not isinstance(message.get("method"), str):
        raise ProtocolError(INVALID_REQUEST, "method: should be a text")
    if "id" in message and (not isinstance(message["id"], str | int) or isinstance(message["id"], bool)):
        raise ProtocolError(INVALID_REQUEST, "id: should be a text or an integer")
    return message


def _check_envelope(request: Request, headers: Mapping[str, str]) -> None:
    """Check that a stateless request says the same in its headers as in its body."""
    meta = request.params.get("_meta")
    needed = (f"{_META}protocolVersion", f"{_META}clientCapabilities")
    if not isinstance(meta, dict) or any(key not in meta for key in needed):
        raise ProtocolError(INVALID_PARAMS, f"_meta: should hold {' and '.join(needed)}")
    said = {_VERSION_HEADER: meta[needed[0]], "mcp-method": request.method}
    if request.method in _NAMED_BY:
        said["mcp-name"] = request.params.get(_NAMED_BY[request.method])
    for name, value in said.items():
        if _decoded(headers.get(name)) != value:
            raise ProtocolError(HEADER_MISMATCH, f"header {name} differs from the request")


def _decoded(value: str | None) -> str | None:
    """Return a header's value; one that is no plain ASCII travels in Base64."""
    begin, end = _ENCODED
    if value is None or not (value.startswith(begin) and value.endswith(end)):
        return value
    try:
        return base64.b64decode(value[len(begin) : -len(end)], validate=True).decode()
    except ValueError:
        return value


def result(request: Request, value: Json, server: Json, *, cacheable: bool = False) -> Json:
    """Return the answer with `value`, in the form of the request's revision."""
    if request.is_stateless:
        # A list depends on the caller's roles, so nobody else may be shown it.
        caching = {"ttlMs": 60_000, "cacheScope": "private"} if cacheable else {}
        value = {**value, **caching, "resultType": "complete", "_meta": {f"{_META}serverInfo": server}}
    return {"jsonrpc": "2.0", "id": request.id, "result": value}


def failure(request_id: str | int | None, error: ProtocolError) -> Json:
    """Return the answer that refuses a request."""
    data = {} if error.data is None else {"data": error.data}
    return {"jsonrpc": "2.0", "id": request_id, "error": {"code": error.code, "message": str(error), **data}}


def http_status(request: Request | None, error: ProtocolError) -> int:
    """Return the HTTP status of a refusal: of a request with a handshake it tells nothing."""
    if request is not None and not request.is_stateless:
        return 200
    return 404 if error.code == METHOD_NOT_FOUND else 400
