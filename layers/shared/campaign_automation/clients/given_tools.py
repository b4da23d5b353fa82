"""The Web Platform's client as an embedding process hands it in: any exception, a hang or a wrong answer
becomes one of our typed errors."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from campaign_automation.clients.mcp_answers import failure, retry_after, too_many_requests, tool_data
from campaign_automation.clients.mcp_client import ToolCaller
from campaign_automation.utils.error_handler import (
    CODES,
    CampaignAutomationError,
    WebPlatformError,
    WebPlatformUnavailableError,
)
from campaign_automation.utils.retry_strategy import ATTEMPT_TIMEOUT_SECONDS
from campaign_automation.utils.validation import whole, words_of

TOO_MANY_REQUESTS = 429
_OURS = tuple(code for code in CODES if code.startswith("300"))


class GivenTools:
    """The client handed in. It is asked once; whoever asks for a read may repeat it."""

    def __init__(self, client: ToolCaller, seconds: float = ATTEMPT_TIMEOUT_SECONDS) -> None:
        self._client = client
        self._seconds = seconds

    async def call_tool(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return the tool's data. Raises CampaignAutomationError and nothing else."""
        try:
            async with asyncio.timeout(self._seconds):
                answer = await self._client.call_tool(name, arguments)
        except CampaignAutomationError:
            raise
        except TimeoutError as error:
            raise not_answered(name) from error
        except Exception as error:
            raise _translated(name, error) from error
        except asyncio.CancelledError as error:
            # Clients with task groups of their own cancel the caller when their session dies.
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise
            raise WebPlatformUnavailableError(
                f"{name}: the Web Platform's client gave up", outcome_unknown=True
            ) from error
        if not isinstance(answer, Mapping):
            raise WebPlatformError(f"{name}: the client answered no object", code="3003", retryable=False)
        try:
            result = whole(answer)
        except ValueError as error:
            raise WebPlatformError(f"{name}: the answer {error}", code="3003", retryable=False) from error
        return tool_data(name, {"result": result})


def _translated(name: str, error: Exception) -> CampaignAutomationError:
    try:
        return from_exception(name, error)
    except Exception:  # an exception whose own attributes raise
        return WebPlatformError(f"{name}: the client failed: {type(error).__name__}", code="3003")


def from_exception(name: str, error: Exception) -> CampaignAutomationError:
    """Return our error for an exception of a client.

    | exception | error |
    |---|---|
    | `ConnectionError`, other `OSError`s, an HTTP library's transport error | 3000 |
    | `TimeoutError`, an HTTP library's time-out (`ReadTimeout`, `ServerTimeoutError`) | 3004 |
    | one whose `response` has the status 429 | 1003, with its Retry-After |
    | one with `code` 3000 to 3004 | that code |
    | one with another `code`, or `error` with one | as a JSON-RPC error: 3001, 3002, 5000, 6011, else 3003 |
    | any other | 3003 |
    """
    response = getattr(error, "response", None)
    if getattr(response, "status_code", None) == TOO_MANY_REQUESTS:
        return too_many_requests(retry_after(getattr(response, "headers", None) or {}))
    if _is_timeout(error):
        return not_answered(name)
    if isinstance(error, ConnectionRefusedError):
        return WebPlatformUnavailableError(f"{name}: the Web Platform cannot be reached")
    if isinstance(error, OSError) or _is_transport(error):
        return WebPlatformUnavailableError(
            f"{name}: the Web Platform cannot be reached: {type(error).__name__}", outcome_unknown=True
        )
    told = getattr(error, "error", error)  # the official SDK keeps code and data on a part of the exception
    code, text = getattr(told, "code", None), words_of(getattr(told, "message", None)) or whole(str(error))
    if str(code) in _OURS:
        kind = WebPlatformUnavailableError if str(code) in ("3000", "3004") else WebPlatformError
        return kind(f"{name}: {text}", code=str(code))
    data = whole(getattr(told, "data", None))
    return failure(name, {"code": code, "message": text or type(error).__name__, "data": data})


def not_answered(name: str) -> WebPlatformUnavailableError:
    return WebPlatformUnavailableError(
        f"{name}: the Web Platform did not answer in time", code="3004", outcome_unknown=True
    )


def _is_timeout(error: Exception) -> bool:
    names = {base.__name__ for base in type(error).__mro__}
    return bool(names & {"TimeoutException", "Timeout", "ServerTimeoutError"})


def _is_transport(error: Exception) -> bool:
    """Return whether an HTTP library's own base class, which is no OSError, reports a connection."""
    names = {base.__name__ for base in type(error).__mro__}
    return bool(names & {"TransportError", "ClientConnectionError", "ClosedResourceError", "EndOfStream"})
