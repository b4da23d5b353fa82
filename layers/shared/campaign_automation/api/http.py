"""Between API Gateway and an action: the event becomes parameters and context, the answer a response."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from campaign_automation.actions import ACTIONS
from campaign_automation.capability import run_action
from campaign_automation.utils.error_handler import CODES, InvalidRequestError, envelope
from campaign_automation.utils.observability import logger
from campaign_automation.wiring import Wiring

# API Gateway closes after 29 s; the answer must be on its way before that.
LONGEST_WAIT_SECONDS = 25
_WAIT = re.compile(r"\bwait\s*=\s*(\d+)")


def context_of(event: Mapping[str, Any]) -> dict[str, Any]:
    """The caller's context. Who asks is what the authorizer verified, whatever the body says."""
    headers = _headers(event)
    request = event["requestContext"]
    context = {
        "user_id": request["authorizer"]["principalId"],
        "request_id": request["requestId"],
        "session_id": headers.get("x-session-id"),
        "idempotency_key": headers.get("idempotency-key"),
        "language": headers.get("content-language"),
        "wait_seconds": _wait_seconds(headers.get("prefer", "")),
    }
    return {name: value for name, value in context.items() if value is not None}


def query_of(event: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a GET: path and query, numbers as numbers."""
    query = {
        name: int(value) if value.isdecimal() else value
        for name, value in (event.get("queryStringParameters") or {}).items()
    }
    return query | (event.get("pathParameters") or {})


def preload(wiring: Wiring, *actions: str) -> None:
    """Loads what `actions` need while the function starts."""
    wiring.preload("idempotency", *dict.fromkeys(ACTIONS[action].part for action in actions))


async def answer(
    wiring: Wiring,
    action: str,
    event: Mapping[str, Any],
    *,
    read: Callable[[Mapping[str, Any]], dict[str, Any]],
    success: int = 200,
) -> dict[str, Any]:
    """The response of one action to an event whose parameters `read` takes out of it."""
    try:
        parameters = read(event)
    except InvalidRequestError as error:
        return failure(error, event)
    return response(await run_action(wiring, action, parameters, context_of(event)), success=success)


def body_of(event: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON body with exact numbers, and what the path names. Raises InvalidRequestError when the body is
    no JSON object."""
    try:
        body = json.loads(event.get("body") or "{}", parse_float=Decimal)
    except ValueError as error:
        raise InvalidRequestError(f"body: is not JSON ({error})", field="body") from None
    if not isinstance(body, dict):
        raise InvalidRequestError("body: should be a JSON object", field="body")
    body.pop("user_id", None)  # who asks is what the token says
    return body | (event.get("pathParameters") or {})


def response(answer: Mapping[str, Any], *, success: int = 200) -> dict[str, Any]:
    """The proxy response for an answer of the module."""
    headers = {"Content-Type": "application/json"}
    status = success
    if answer["status"] == "error":
        status = CODES[answer["error"]["code"]].http_status
        if retry_after := answer["error"]["details"].get("retry_after"):
            headers["Retry-After"] = str(retry_after)
    elif answer["status"] == "accepted":
        status = 202
        headers["Location"] = answer["status_url"]
    return {"statusCode": status, "headers": headers, "body": json.dumps(answer, ensure_ascii=False)}


def failure(error: Exception, event: Mapping[str, Any]) -> dict[str, Any]:
    """The response for an event that could not even be read."""
    if not isinstance(error, InvalidRequestError):
        logger.exception("event not handled")
    return response(envelope(error, event["requestContext"]["requestId"]))


def _wait_seconds(prefer: str) -> int | None:
    """How long the caller is ready to wait (RFC 7240: `wait=N`, or respond-async for not at all)."""
    if "respond-async" in prefer:
        return 0
    asked = _WAIT.search(prefer)
    return min(int(asked[1]), LONGEST_WAIT_SECONDS) if asked else None


def _headers(event: Mapping[str, Any]) -> dict[str, str]:
    return {name.lower(): value for name, value in (event.get("headers") or {}).items()}
