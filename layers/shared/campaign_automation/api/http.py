"""The HTTP door: events of API Gateway become actions, answers become responses."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from typing import Any

from campaign_automation.actions import ACTIONS
from campaign_automation.actions.action import Action
from campaign_automation.capability import run_action
from campaign_automation.models.common import LONGEST_WAIT_SECONDS
from campaign_automation.settings import get_settings
from campaign_automation.stores.operations.metrics import counted
from campaign_automation.utils import clock, event_loop
from campaign_automation.utils.error_handler import CODES, InvalidRequestError, envelope
from campaign_automation.utils.languages import ENGLISH, Language, asked_by, reader
from campaign_automation.utils.languages.speaking import answer_in
from campaign_automation.utils.observability import logger
from campaign_automation.wiring import Wiring

Event = Mapping[str, Any]
Handler = Callable[[dict[str, Any], Any], dict[str, Any]]
Page = Callable[[Wiring, Event], Awaitable[dict[str, Any]]]

CSV, HTML, JSON = "text/csv", "text/html", "application/json"
_CSV_HEADERS = {
    "Content-Type": f"{CSV}; charset=utf-8",
    "Content-Disposition": 'attachment; filename="report.csv"',
}
_NOBODY: Mapping[str, Any] = {"principalId": "nobody", "roles": "viewer"}
_WEIGHT = re.compile(r";\s*q\s*=\s*([01](?:\.\d{1,3})?)\s*;")
_WAIT = re.compile(r"\bwait\s*=\s*([0-9]{1,9})")


def handler(*names: str, pages: Mapping[tuple[str, str], Page] = {}) -> Handler:
    """Return the Lambda handler of the actions `names`; their SDKs are loaded while it starts.

    `pages` are the routes, by method and path, that answer people with HTML: routes of their own, and those
    of actions where the caller asks for HTML.
    """
    routes = {(ACTIONS[name].method, ACTIONS[name].path): ACTIONS[name] for name in names}
    parts = Wiring(get_settings())
    parts.preload(*(model for action in routes.values() for model in action.models))

    @logger.inject_lambda_context(correlation_id_path="requestContext.requestId", clear_state=True)
    def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        route = event["httpMethod"], event["resource"]
        if route in pages and (route not in routes or asks_for_html(event)):
            return event_loop.run(_show(parts, pages[route], event))
        return event_loop.run(respond(parts, routes[route], event))

    return lambda_handler


def asks_for_html(event: Event) -> bool:
    """Return whether the Accept header likes HTML best, as browsers' do; of equals the first counts."""
    best, highest = JSON, 0.0
    for part in _headers(event).get("accept", "").lower().split(","):
        kind, _, rest = part.partition(";")
        weight = _WEIGHT.search(f";{rest};")
        liking = float(weight[1]) if weight else 1.0
        if kind.strip() in (HTML, JSON) and liking > highest:
            best, highest = kind.strip(), liking
    return best == HTML


async def _show(parts: Wiring, page: Page, event: Event) -> dict[str, Any]:
    reader.set(asked_by(_headers(event)))  # of this task alone
    await clock.synchronise(parts.settings.clock_url)
    async with counted(parts.metrics), parts.prompt_delivery.after():
        return await page(parts, event)


async def respond(parts: Wiring, action: Action, event: Event) -> dict[str, Any]:
    """Return the proxy response of `action` to `event`, its sentences in the language that is asked for."""
    language = asked_by(_headers(event))
    try:
        parameters = _body(event) if action.has_body else query_of(event, action)
    except InvalidRequestError as error:
        return response(envelope(error, event["requestContext"]["requestId"]), action.success, language)
    parameters |= event.get("pathParameters") or {}
    async with counted(parts.metrics):
        answer = await run_action(parts, action.name, parameters, caller_of(event))
    return response(answer, action.success, language)


def caller_of(event: Event) -> dict[str, Any]:
    """Return the caller's context: tenant, person and roles as the authorizer verified them."""
    headers = _headers(event)
    # Public routes have no authorizer.
    verified = event["requestContext"].get("authorizer") or _NOBODY
    context = {
        "user_id": verified["principalId"],
        "person": verified.get("person"),
        "web_platform_user": verified.get("web_platform_user"),
        "roles": _roles(verified),
        "request_id": event["requestContext"]["requestId"],
        "session_id": headers.get("x-session-id"),
        "idempotency_key": headers.get("idempotency-key"),
        "language": headers.get("content-language"),
        "wait_seconds": _wait_seconds(headers.get("prefer", "")),
        "deadline_seconds": LONGEST_WAIT_SECONDS,
    }
    return {name: value for name, value in context.items() if value is not None}


def _roles(verified: Mapping[str, Any]) -> list[str]:
    """Return the caller's roles; the usual ones for an authorizer's answer of before there were roles."""
    return str(verified.get("roles", "viewer buyer")).split()


def query_of(event: Event, action: Action | None = None) -> dict[str, Any]:
    """Return the query's parameters; the models read numbers from their text.

    Where an action has formats, a caller may name one by the Accept header too.
    """
    given = dict(event.get("queryStringParameters") or {})
    if action and "format" in action.query_names and CSV in _headers(event).get("accept", ""):
        given.setdefault("format", "csv")
    return given


def _headers(event: Event) -> dict[str, str]:
    # API Gateway hands header names on as the client wrote them.
    return {name.lower(): value for name, value in (event.get("headers") or {}).items()}


def _body(event: Event) -> dict[str, Any]:
    """Return the JSON body with exact numbers. Raises InvalidRequestError when it is no JSON object."""
    if not event.get("body"):
        raise InvalidRequestError("body: should be a JSON object; {} where nothing is given", field="body")
    try:
        body = json.loads(event["body"], parse_float=Decimal)
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise InvalidRequestError(f"body: is not JSON that can be read ({error})", field="body") from None
    if not isinstance(body, dict):
        raise InvalidRequestError("body: should be a JSON object", field="body")
    body.pop("user_id", None)  # the token alone names the caller
    return body


def response(answer: dict[str, Any], success: int, language: Language = ENGLISH) -> dict[str, Any]:
    """Return the proxy response with `answer`; `success` is its status unless it says otherwise."""
    answer = answer_in(answer, language)
    if answer.get("csv") is not None:
        return {"statusCode": success, "headers": _CSV_HEADERS, "body": answer["csv"]}
    headers = {"Content-Type": JSON}
    if language != ENGLISH:
        headers["Content-Language"] = language
    status = success
    if answer["status"] == "error":
        status = CODES[answer["error"]["code"]].http_status
        if retry_after := answer["error"]["details"].get("retry_after"):
            headers["Retry-After"] = str(retry_after)
    elif answer["status"] == "accepted":
        status = 202
        headers["Location"] = answer["status_url"]
    return {"statusCode": status, "headers": headers, "body": json.dumps(answer, ensure_ascii=False)}


def _wait_seconds(prefer: str) -> int | None:
    """Return the seconds that the caller is ready to wait (RFC 7240: `wait=N`; 0 for respond-async)."""
    if "respond-async" in prefer:
        return 0
    asked = _WAIT.search(prefer)
    return min(int(asked[1]), LONGEST_WAIT_SECONDS) if asked else None
