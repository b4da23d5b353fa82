"""The client of the Web Platform over MCP streamable HTTP: JSON-RPC 2.0, JSON or SSE, a bearer service token.

Two kinds of server answer (contract.md section 5.1): a standard one, revision 2026-07-28 (stateless) or
2025-11-25 (initialize first), and the customer's own, which returns a tool's bare data and reports every
failure as JSON-RPC error -32000. The official client costs over a second of import; this is the part we use.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import httpx

from campaign_automation.utils.error_handler import (
    AccountError,
    CampaignAutomationError,
    InvalidRequestError,
    NotFoundError,
    WebPlatformError,
    WebPlatformUnavailableError,
)
from campaign_automation.utils.retry_strategy import with_retries
from campaign_automation.utils.tls import ssl_context

STATELESS = "2026-07-28"
WITH_SESSION = "2025-11-25"
_CLIENT_INFO = {"name": "campaign-automation", "version": "1"}
_READS = re.compile(r"^(get|check)_")


class ToolCaller(Protocol):
    """The Web Platform's client, ours or any object with this method."""

    async def call_tool(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]: ...


class McpClient:
    """The client of one server: `call_tool(name, arguments)`. Reads are retried, writes never."""

    def __init__(
        self,
        url: str,
        token: Callable[[], str],
        *,
        timeout_seconds: float = 10,
        user_prefix: str = "user_",
        user_of: Callable[[str], Awaitable[str]] | None = None,
    ) -> None:
        self._url = url
        self._token = token
        self._timeout = timeout_seconds
        self._user_prefix = user_prefix
        self._user_of = user_of
        self._ids = itertools.count(1)
        self._session: dict[str, str] | None = None  # headers of an initialized session

    async def call_tool(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Call a tool and return its data.

        Raises WebPlatformError (3001 to 3003), WebPlatformUnavailableError (3000, 3004), NotFoundError, or
        AccountError when credits are short.
        """
        arguments = await self._with_platform_user(arguments)

        async def call() -> dict[str, Any]:
            return _tool_data(name, await self._call(name, arguments))

        if not _READS.match(name):
            return await call()
        return await with_retries(call, what=name, is_retryable=_may_ask_again)

    async def _with_platform_user(self, arguments: dict[str, Any]) -> dict[str, Any]:
        user = arguments.get("user_id")
        if not isinstance(user, str):
            return arguments
        if self._user_of is not None:
            user = await self._user_of(user)
        return {**arguments, "user_id": platform_user_id(user, self._user_prefix)}

    async def _call(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        params = {"name": name, "arguments": arguments}
        async with httpx.AsyncClient(timeout=self._timeout, verify=ssl_context()) as http:
            if self._session is None:
                answer = await self._post(http, "tools/call", _stateless(params), _stateless_headers(name))
                if answer.status_code not in (400, 404):
                    return self._message(answer)
                # An older server refuses the stateless call before it acts on it.
                self._session = await self._initialize(http)
            answer = await self._post(http, "tools/call", params, self._session)
            if answer.status_code == 404:  # the server has forgotten the session
                self._session = await self._initialize(http)
                answer = await self._post(http, "tools/call", params, self._session)
            return self._message(answer)

    async def _initialize(self, http: httpx.AsyncClient) -> dict[str, str]:
        params = {"protocolVersion": WITH_SESSION, "capabilities": {}, "clientInfo": _CLIENT_INFO}
        answer = await self._post(http, "initialize", params, {})
        result = self._message(answer).get("result", {})
        headers = {"MCP-Protocol-Version": result.get("protocolVersion", WITH_SESSION)}
        if session := answer.headers.get("mcp-session-id"):
            headers["Mcp-Session-Id"] = session
        await self._post(http, "notifications/initialized", None, headers)
        return headers

    async def _post(
        self, http: httpx.AsyncClient, method: str, params: dict[str, Any] | None, headers: dict[str, str]
    ) -> httpx.Response:
        body: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
        if params is not None:
            body |= {"id": next(self._ids), "params": params}
        headers = {
            "Authorization": f"Bearer {self._token()}",
            "Accept": "application/json, text/event-stream",
            **headers,
        }
        try:
            return await http.post(self._url, json=body, headers=headers)
        except httpx.TimeoutException as error:
            raise WebPlatformUnavailableError(
                f"the Web Platform did not answer within {self._timeout} s", code="3004"
            ) from error
        except httpx.HTTPError as error:
            raise WebPlatformUnavailableError(
                f"the Web Platform cannot be reached: {type(error).__name__}"
            ) from error

    def _message(self, answer: httpx.Response) -> dict[str, Any]:
        """Return the JSON-RPC answer; WebPlatformError or WebPlatformUnavailableError for anything else."""
        if answer.status_code in (401, 403):
            raise WebPlatformError("the Web Platform refused the service token", code="3000", retryable=False)
        try:
            message = _json_rpc(answer)
        except ValueError as error:
            raise WebPlatformUnavailableError(
                f"the Web Platform answered HTTP {answer.status_code} without a JSON-RPC message"
            ) from error
        if answer.status_code >= 500:
            raise WebPlatformUnavailableError(f"the Web Platform answered HTTP {answer.status_code}")
        return message


def platform_user_id(user_id: str, prefix: str) -> str | int:
    """Return the Web Platform's number of a tenant: "user_123" is 123 when the prefix is "user_".

    Two tenants must never share a number, so with a prefix set bare digits are refused.
    """
    if prefix and user_id.startswith(prefix) and user_id[len(prefix) :].isdecimal():
        return int(user_id[len(prefix) :])
    if user_id.isdecimal():
        if prefix:
            raise InvalidRequestError(f"user_id: should look like {prefix}123", field="user_id")
        return int(user_id)
    return user_id


def _stateless(params: dict[str, Any]) -> dict[str, Any]:
    prefix = "io.modelcontextprotocol"
    meta = {
        f"{prefix}/protocolVersion": STATELESS,
        f"{prefix}/clientInfo": _CLIENT_INFO,
        f"{prefix}/clientCapabilities": {},
    }
    return {**params, "_meta": meta}


def _stateless_headers(name: str) -> dict[str, str]:
    return {"MCP-Protocol-Version": STATELESS, "Mcp-Method": "tools/call", "Mcp-Name": name}


def _json_rpc(answer: httpx.Response) -> dict[str, Any]:
    text = answer.text
    if answer.headers.get("content-type", "").startswith("text/event-stream"):
        text = _last_event(text)
    message = json.loads(text)
    if not isinstance(message, dict) or not ("result" in message or "error" in message):
        raise ValueError("not a JSON-RPC answer")
    return message


def _last_event(text: str) -> str:
    """Return the data of the last event, which is the answer: notifications may come before it."""
    events = [block for block in re.split(r"\r?\n\r?\n", text) if "data:" in block]
    if not events:
        raise ValueError("no event")
    return "\n".join(line[5:].lstrip() for line in events[-1].splitlines() if line.startswith("data:"))


def _tool_data(name: str, message: dict[str, Any]) -> dict[str, Any]:
    if "error" in message:
        raise _failure(name, message["error"])
    result = message["result"]
    if not _is_standard(result):
        return result if isinstance(result, dict) else {"result": result}
    text = "".join(part.get("text", "") for part in result["content"])
    if result.get("isError"):
        raise _failure(name, {"code": -32000, "message": text})
    return _structured(result, text)


def _is_standard(result: Any) -> bool:
    """Return whether a result has content parts; the customer's server returns the tool's bare data."""
    content = result.get("content") if isinstance(result, dict) else None
    return isinstance(content, list) and all(isinstance(part, dict) and "type" in part for part in content)


def _structured(result: dict[str, Any], text: str) -> dict[str, Any]:
    data = result.get("structuredContent")
    if data is None:
        try:
            data = json.loads(text)
        except ValueError:
            data = {"text": text}
    # The official server wraps what is not an object as {"result": ...}.
    if isinstance(data, dict) and set(data) == {"result"} and isinstance(data["result"], dict):
        data = data["result"]
    return data if isinstance(data, dict) else {"result": data}


def _failure(name: str, error: dict[str, Any]) -> CampaignAutomationError:
    """Return our error for a JSON-RPC error."""
    # The customer's server reports every failure as -32000, so message and data decide.
    message = str(error.get("message", ""))
    data = error.get("data") if isinstance(error.get("data"), dict) else {}
    if error.get("code") == -32601 or re.search(r"(?i)unknown tool|tool .*not found", message):
        return WebPlatformError(f"the Web Platform has no tool {name}", code="3001", tool=name)
    if data and "required" in data and "available" in data:
        return AccountError(
            "not enough credits", code="6011", required=data["required"], available=data["available"]
        )
    if re.search(r"(?i)\bnot found\b|does not exist", message):
        return NotFoundError(message, tool=name)
    if error.get("code") == -32602 or (data and "parameter" in data):
        return WebPlatformError(f"{name}: {message}", code="3002", tool=name, **(data or {}))
    return WebPlatformError(f"{name}: {message}", code="3003", tool=name, retryable=False)


def _may_ask_again(error: CampaignAutomationError) -> bool:
    return isinstance(error, WebPlatformUnavailableError)
