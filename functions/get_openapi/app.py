"""The API's reference, which `make docs` writes beside this module: for programs, people and models.

GET /v1/openapi.json, GET /v1/events.json with the schema of events, GET /v1/docs, and
GET /v1/tools?format=gemini with the declarations of functions.
"""

import json
from pathlib import Path
from typing import Any

_JSON, _HTML = "application/json", "text/html; charset=utf-8"
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'",
}
_FILES = {
    "/v1/openapi.json": ("openapi.json", _JSON),
    "/v1/events.json": ("events.json", _JSON),
    "/v1/docs": ("docs.html", _HTML),
    "/v1/tools": ("gemini.json", _JSON),
}
_SERVED = {
    route: (kind, Path(__file__).with_name(name).read_text(encoding="utf-8"))
    for route, (name, kind) in _FILES.items()
}
_FORMATS = ("gemini",)


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    route = event["resource"]
    if route == "/v1/tools" and (event.get("queryStringParameters") or {}).get("format") not in _FORMATS:
        return _answer(400, _JSON, _refusal(event["requestContext"]["requestId"]))
    return _answer(200, *_SERVED[route])


def _answer(status: int, kind: str, body: str) -> dict[str, Any]:
    return {"statusCode": status, "headers": {"Content-Type": kind, **_HEADERS}, "body": body}


def _refusal(request_id: str) -> str:
    error = {
        "code": "1001",
        "type": "INVALID_REQUEST",
        "message": f"format: should be {' or '.join(_FORMATS)}",
        "details": {"field": "format", "allowed": _FORMATS, "retryable": False},
        "timestamp": None,
        "request_id": request_id,
    }
    return json.dumps({"status": "error", "error": error})
