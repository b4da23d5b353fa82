"""The client of the Web Platform over MCP streamable HTTP: JSON-RPC 2.0, JSON or SSE, a bearer service token.

Two kinds of server answer (contract.md section 5.1): a standard one, revision 2026-07-28 (stateless) or
2025-11-25 (initialize first), and the customer's own, which returns a tool's bare data and reports every
failure as JSON-RPC error -32000. The official client costs over a second of import; this is the part we use.
"""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, NamedTuple, Protocol

import httpx

from campaign_automation.clients.mcp_answers import failure, message_of, read_answer, tool_data
from campaign_automation.utils.error_handler import (
    CampaignAutomationError,
    InvalidRequestError,
    WebPlatformUnavailableError,
)
from campaign_automation.utils.retry_strategy import with_retries
from campaign_automation.utils.tls import ssl_context

STATELESS = "2026-07-28"
WITH_SESSION = "2025-11-25"
_CLIENT_INFO = {"name": "campaign-automation", "version": "1"}
_READS = re.compile(r"^(get|check)_")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,17}")
_LOST = (400, 404)  # the statuses of servers that do not know the session, or need one
# Servers keep an unused connection for two seconds and more. A request on one that is being closed counts as
# unanswered, and a write without an answer is not sent again.
_IDLE_SECONDS = 1
_UNREACHABLE = "the Web Platform cannot be reached: {}"


class ToolCaller(Protocol):
    """The Web Platform's client, ours or any object with this method."""

    async def call_tool(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]: ...


class _Answer(NamedTuple):
    response: httpx.Response
    read: dict[str, Any] | None

    @property
    def status(self) -> int:
        return self.response.status_code

    def message(self) -> dict[str, Any]:
        return message_of(self.response, self.read)


class _Connections:
    """The connections to the server within one event loop, which closes them when it ends."""

    def __init__(self, timeout_seconds: float) -> None:
        self.loop = asyncio.get_running_loop()
        self.http = httpx.AsyncClient(
            timeout=timeout_seconds,
            verify=ssl_context(),
            limits=httpx.Limits(keepalive_expiry=_IDLE_SECONDS),
            # No cookie of one tenant's answer goes with another tenant's request.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        )
        self._held = _until_the_end(self.http)

    async def begin(self) -> None:
        await anext(self._held)

    async def aclose(self) -> None:
        await self._held.aclose()


async def _until_the_end(http: httpx.AsyncClient) -> AsyncGenerator[None, None]:
    """Close the connections when the generator is closed, as a loop that ends does with those begun in it."""
    try:
        yield
    finally:
        await http.aclose()


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
        self._connections: _Connections | None = None

    async def aclose(self) -> None:
        """Close the connections of the running event loop; a later call opens new ones."""
        kept, self._connections = self._connections, None
        if kept is not None and kept.loop is asyncio.get_running_loop():
            await kept.aclose()

    async def call_tool(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Call a tool and return its data.

        Raises WebPlatformError (3001 to 3003), WebPlatformUnavailableError (3000, 3004; 1003 with
        `retry_after`), NotFoundError, or AccountError when credits are short.
        """
        arguments = await self._with_platform_user(arguments)

        async def call() -> dict[str, Any]:
            return tool_data(name, await self._call(name, arguments))

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
        # Held until the answer: a call in another thread's loop takes its place in `self`.
        connections = await self._connected()
        http = connections.http
        if self._session is None:
            answer = await self._post(http, "tools/call", _stateless(params), _stateless_headers(name))
            if answer.status not in _LOST:
                return answer.message()
            # An older server refuses the stateless call before it acts on it.
            self._session = await self._initialize(http)
        answer = await self._post(http, "tools/call", params, self._session)
        if answer.status in _LOST:  # the server has forgotten the session
            self._session = await self._initialize(http)
            answer = await self._post(http, "tools/call", params, self._session)
        return answer.message()

    async def _connected(self) -> _Connections:
        """Return the connections of the running event loop."""
        kept = self._connections
        if kept is None or kept.loop is not asyncio.get_running_loop():
            kept = self._connections = _Connections(self._timeout)
            await kept.begin()
        return kept

    async def _initialize(self, http: httpx.AsyncClient) -> dict[str, str]:
        params = {"protocolVersion": WITH_SESSION, "capabilities": {}, "clientInfo": _CLIENT_INFO}
        answer = await self._post(http, "initialize", params, {})
        message = answer.message()
        if message.get("error") is not None:
            raise failure("initialize", message["error"])
        result = message.get("result")
        if not isinstance(result, dict):
            raise WebPlatformUnavailableError("the Web Platform answered initialize without a result")
        headers = {"MCP-Protocol-Version": str(result.get("protocolVersion") or WITH_SESSION)}
        if session := answer.response.headers.get("mcp-session-id"):
            headers["Mcp-Session-Id"] = session
        await self._post(http, "notifications/initialized", None, headers)
        return headers

    async def _post(
        self, http: httpx.AsyncClient, method: str, params: dict[str, Any] | None, headers: dict[str, str]
    ) -> _Answer:
        body: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
        number = next(self._ids)
        if params is not None:
            body |= {"id": number, "params": params}
        headers = {
            "Authorization": f"Bearer {self._token()}",
            "Accept": "application/json, text/event-stream",
            **headers,
        }
        try:
            # Of the whole answer: one that comes byte by byte ends no time-out between two of them.
            async with (
                asyncio.timeout(self._timeout),
                http.stream("POST", self._url, json=body, headers=headers) as response,
            ):
                return _Answer(response, await read_answer(response, number))
        except (httpx.TimeoutException, TimeoutError) as error:
            raise WebPlatformUnavailableError(
                f"the Web Platform did not answer within {self._timeout} s", code="3004", outcome_unknown=True
            ) from error
        except httpx.ConnectError as error:
            raise WebPlatformUnavailableError(_UNREACHABLE.format("ConnectError")) from error
        except httpx.HTTPError as error:
            raise WebPlatformUnavailableError(
                _UNREACHABLE.format(type(error).__name__), outcome_unknown=True
            ) from error


def platform_user_id(user_id: str, prefix: str) -> str | int:
    """Return the Web Platform's number of a tenant: "user_123" is 123 when the prefix is "user_".

    Two tenants must never share a number: only its one spelling is a number, another one is refused, and with
    a prefix set bare digits are refused too.
    """
    number = user_id.removeprefix(prefix)
    if _NUMBER.fullmatch(number) and (number != user_id or not prefix):
        return int(number)
    if (prefix and user_id.startswith(prefix)) or _reads_as_number(user_id):
        raise InvalidRequestError(f"user_id: should look like {prefix}123", field="user_id")
    return user_id


def _reads_as_number(text: str) -> bool:
    """Return whether a server that converts texts could take this one for a number, as " 0123" or "1_2"."""
    try:
        int(text)
    except ValueError:
        return False
    return True


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


def _may_ask_again(error: CampaignAutomationError) -> bool:
    return isinstance(error, WebPlatformUnavailableError)
