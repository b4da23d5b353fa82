"""The reading of a Web Platform's answers: JSON-RPC messages, tool results, and failures as typed errors."""

from __future__ import annotations

import math
import re
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from campaign_automation.utils.error_handler import (
    AccountError,
    CampaignAutomationError,
    NotFoundError,
    WebPlatformError,
    WebPlatformUnavailableError,
)
from campaign_automation.utils.validation import json_of, words_of

_TOOL_FAILED = -32000
_UNKNOWN_METHOD = -32601
_INVALID_PARAMETERS = -32602
_NO_CREDITS = "6011"
# The words that describe a refused argument; others in `data` are the server's own.
_FACTS = ("parameter", "expected", "allowed_values", "received")
_LONGEST_TEXT = 500
_LONGEST_WAIT_SECONDS = 86_400  # more than a day is a fault of the answer, not a wait


async def read_answer(answer: httpx.Response, request_id: int) -> dict[str, Any] | None:
    """Read an answer up to the JSON-RPC message that answers the request; None without one.

    A server may leave an event stream open behind it, with comments that keep the connection alive.
    """
    async for content in _contents(answer):
        try:
            found = json_of(content)
        except ValueError:
            continue
        for message in found if isinstance(found, list) else [found]:
            if _answers(message, request_id):
                return dict(message)
    return None


def message_of(answer: httpx.Response, message: dict[str, Any] | None) -> dict[str, Any]:
    """Return the message of an answer that was read.

    Raises WebPlatformError for a refused service token, WebPlatformUnavailableError for anything else that is
    no such message; `outcome_unknown` says that the server may have acted.
    """
    if answer.status_code in (401, 403):
        raise token_refused()
    if answer.status_code == 429:
        raise too_many_requests(retry_after(answer.headers))
    if answer.status_code >= 500:
        raise WebPlatformUnavailableError(
            f"the Web Platform answered HTTP {answer.status_code}",
            retry_after=retry_after(answer.headers),
            outcome_unknown=True,
        )
    if message is None:
        raise WebPlatformUnavailableError(
            f"the Web Platform answered HTTP {answer.status_code} without a JSON-RPC answer to the request",
            outcome_unknown=True,
        )
    return message


def token_refused() -> WebPlatformError:
    return WebPlatformError("the Web Platform refused the service token", code="3000", retryable=False)


def too_many_requests(seconds: int | None = None) -> WebPlatformUnavailableError:
    """Return the error of a request that was refused before it did anything, for being one too many."""
    return WebPlatformUnavailableError(
        "the Web Platform takes no more requests now", code="1003", retry_after=seconds
    )


def retry_after(headers: Mapping[str, str]) -> int | None:
    """Return the whole seconds of a Retry-After header, a number or a date; None for anything else."""
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,6}", value):
        return min(int(value), _LONGEST_WAIT_SECONDS)
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max(0, math.ceil((at - datetime.now(UTC)).total_seconds())), _LONGEST_WAIT_SECONDS)


async def _contents(answer: httpx.Response) -> AsyncIterator[bytes]:
    """Yield the body, or the data of each event of a stream; notifications may stand around the answer."""
    if not answer.headers.get("content-type", "").lower().startswith("text/event-stream"):
        yield await answer.aread()
        return
    data: list[bytes] = []
    async for line in _lines(answer):
        if line.startswith(b"data:"):
            data.append(line[5:].lstrip())
        elif not line and data:
            yield b"\n".join(data)
            data = []
    if data:
        yield b"\n".join(data)


async def _lines(answer: httpx.Response) -> AsyncIterator[bytes]:
    # As bytes: the lines of a text also end at characters that JSON holds as they are, such as U+2028.
    rest = b""
    async for part in answer.aiter_bytes():
        *whole, rest = (rest + part).splitlines(keepends=True) or [b""]
        if rest.endswith(b"\n"):
            whole, rest = [*whole, rest], b""
        for line in whole:
            yield line.rstrip(b"\r\n")
    yield rest.rstrip(b"\r\n")


def _answers(message: Any, request_id: int) -> bool:
    if not isinstance(message, dict) or not ("result" in message or "error" in message):
        return False
    # A server that could not read the request cannot name it either.
    is_unreadable = message.get("id") is None and message.get("error") is not None
    return is_unreadable or str(message.get("id")) == str(request_id)


def tool_data(name: str, message: dict[str, Any]) -> dict[str, Any]:
    """Return the data of a tool's answer. Raises the typed error of a failure."""
    if (error := message.get("error")) is not None:
        raise failure(name, error)
    result: Any = message.get("result")
    if not _is_standard(result):
        return result if isinstance(result, dict) else {"result": result}
    texts = (part.get("text") for part in result["content"])
    text = "".join(part for part in texts if isinstance(part, str))
    data = _structured(result, text)
    if result.get("isError"):
        raise _told(name, text, data)
    return data


def _is_standard(result: Any) -> bool:
    """Return whether a result has content parts; the customer's server returns the tool's bare data."""
    content = result.get("content") if isinstance(result, dict) else None
    return isinstance(content, list) and all(isinstance(part, dict) and "type" in part for part in content)


def _structured(result: dict[str, Any], text: str) -> dict[str, Any]:
    data = result.get("structuredContent")
    if data is None:
        try:
            data = json_of(text)
        except ValueError:
            data = {"text": text}
    # The official server wraps what is not an object as {"result": ...}.
    if isinstance(data, dict) and set(data) == {"result"} and isinstance(data["result"], dict):
        data = data["result"]
    return data if isinstance(data, dict) else {"result": data}


def _told(name: str, text: str, data: dict[str, Any]) -> CampaignAutomationError:
    """Return the error of a standard result that tells a failure, as a text or as an object."""
    message = data.get("error") if isinstance(data.get("error"), str) else text
    return failure(name, {"code": _TOOL_FAILED, "message": message, "data": data})


def failure(name: str, error: Any) -> CampaignAutomationError:
    """Return our error for a JSON-RPC error, which some servers shorten to its text."""
    if not isinstance(error, dict):
        error = {"code": _TOOL_FAILED, "message": error}
    # The customer's server reports every failure as -32000, so message and data decide.
    code = error.get("code")
    message = (words_of(error.get("message")) or "no reason given")[:_LONGEST_TEXT]
    data = error["data"] if isinstance(error.get("data"), dict) else {}
    if code == _UNKNOWN_METHOD or _names_no_tool(name, message):
        return WebPlatformError(f"the Web Platform has no tool {name}", code="3001", tool=name)
    is_short = str(code) == _NO_CREDITS or {"required", "available"} <= set(data)
    if is_short or _says(r"insufficient credit|not enough credit", message):
        known = {key: data.get(key) for key in ("required", "available")}
        return AccountError("not enough credits", code=_NO_CREDITS, **known)
    if _says(r"service token", message):
        return token_refused()
    if _says(r"rate limit|too many requests", message):
        return too_many_requests()
    if _says(r"\bnot found\b|does not exist", message):
        return NotFoundError(message, tool=name)
    facts = {key: data[key] for key in _FACTS if key in data}
    if code == _INVALID_PARAMETERS or "parameter" in facts:
        return WebPlatformError(f"{name}: {message}", code="3002", tool=name, **facts)
    return WebPlatformError(f"{name}: {message}", code="3003", tool=name, retryable=False)


def _names_no_tool(name: str, message: str) -> bool:
    """Return whether the tool itself is unknown; "not found" in a tool's own failure is about its objects."""
    tool = rf"tool:?\s+['\"`]?{re.escape(name)}['\"`]?"
    return _says(rf"\bunknown tool\b|\bno such tool\b|^tool not found|{tool} (?:is |was )?not found", message)


def _says(pattern: str, message: str) -> bool:
    return re.search(pattern, message, re.IGNORECASE) is not None
