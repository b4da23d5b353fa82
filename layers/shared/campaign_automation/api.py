"""Between API Gateway and an action: the event becomes parameters and context, the answer a response."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from campaign_automation.utils.error_handler import CODES, InvalidRequestError, envelope
from campaign_automation.utils.observability import logger

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


def body_of(event: Mapping[str, Any]) -> Any:
    """The JSON body with exact numbers. Raises InvalidRequestError when it is no JSON object."""
    try:
        body = json.loads(event.get("body") or "{}", parse_float=Decimal)
    except ValueError as error:
        raise InvalidRequestError(f"body: is not JSON ({error})", field="body") from None
    if not isinstance(body, dict):
        raise InvalidRequestError("body: should be a JSON object", field="body")
    return body


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
