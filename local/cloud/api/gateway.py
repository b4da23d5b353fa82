"""API Gateway: routes, authorizes and validates a request, asks the function, sends its answer."""

from __future__ import annotations

import base64
import binascii
import json
import time
import uuid
from collections.abc import Iterable
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from werkzeug.wrappers import Request, Response

from local.cloud.api.authorizer import Authorizer, Authorizers
from local.cloud.api.gateway_responses import GatewayError, GatewayResponses
from local.cloud.api.routes import Route, RouteTable
from local.cloud.aws import ACCOUNT, REGION
from local.cloud.stack.resources import RestApi
from local.cloud.workers.runtime import Runtime
from local.cloud.workers.worker import Outcome, stretched

INTEGRATION_SECONDS = 29.0
LARGEST_BODY = 10 * 1024 * 1024
# Of a request, what a REQUEST authorizer is told.
_TOLD = (
    *("resource", "path", "httpMethod", "headers", "multiValueHeaders", "queryStringParameters"),
    *("multiValueQueryStringParameters", "pathParameters", "stageVariables", "requestContext"),
)


@dataclass
class Call:
    """One request on its way through the gateway."""

    request: Request
    api: RestApi
    body: bytes
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    arrived: float = field(default_factory=time.time)
    route: Route | None = None
    path_parameters: dict[str, str] = field(default_factory=dict)
    authorizer: dict[str, Any] = field(default_factory=dict)

    @property
    def method_arn(self) -> str:
        where = f"{self.api.api_id}/{self.api.stage}/{self.request.method}"
        return f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{where}{self.request.path}"


class Gateway:
    """The WSGI application in front of one API. Answers to errors are gateway responses, as on AWS."""

    def __init__(self, api: RestApi, runtime: Runtime, timeout: float = INTEGRATION_SECONDS) -> None:
        self._api = api
        self._runtime = runtime
        self._timeout = stretched(timeout)
        self._routes = RouteTable(api)
        self._authorizers = Authorizers(runtime.invoke)
        self._responses = GatewayResponses(api.body.get("x-amazon-apigateway-gateway-responses", {}))

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = Request(environ)
        call = Call(request, self._api, request.get_data())
        try:
            response = self._answer(call)
        except GatewayError as error:
            response = self._responses.render(error, context_variables(call))
        response.headers["x-amzn-RequestId"] = call.request_id
        return response(environ, start_response)

    @property
    def unawaited(self) -> int:
        """The number of invocations that go on without a caller."""
        return self._runtime.unawaited

    def _answer(self, call: Call) -> Response:
        if len(call.body) > LARGEST_BODY:
            raise GatewayError("REQUEST_TOO_LARGE", "Request size exceeded 10485760 bytes")
        route, call.path_parameters = self._routes.find(call.request.method, call.request.path)
        call.route = route
        if route.authorizer:
            call.authorizer = self._authorize(route.authorizer, call)
        route.check_parameters(call.request.args, call.request.headers)
        # Models apply to JSON only, which is also what a body without a type is taken for.
        if (call.request.mimetype or "application/json") == "application/json":
            route.check_body(_json_body(call.body))
        return integration_response(self._ask(route.function, proxy_event(call)))

    def _authorize(self, authorizer: Authorizer, call: Call) -> dict[str, Any]:
        if not authorizer.queries:
            token = call.request.headers.get(authorizer.header)
            return self._authorizers.authorize(authorizer, token, call.method_arn)
        given = [call.request.args.get(name, "") for name in authorizer.queries]
        identity = ",".join(given) if all(given) else None
        whole = proxy_event(call)
        event = {"type": "REQUEST", "methodArn": call.method_arn, **{name: whole[name] for name in _TOLD}}
        return self._authorizers.authorize(authorizer, identity, call.method_arn, event)

    def _ask(self, function: str, event: dict[str, Any]) -> Outcome:
        future = self._runtime.submit(function, json.dumps(event).encode())
        try:
            return future.result(self._timeout)
        except FutureTimeoutError:  # the function itself goes on running
            raise GatewayError("INTEGRATION_TIMEOUT", "Endpoint request timed out") from None


def proxy_event(call: Call) -> dict[str, Any]:
    """The event of a Lambda proxy integration, payload version 1.0."""
    assert call.route
    headers = _forwarded_headers(call)
    query = call.request.args
    text, is_base64 = _event_body(call.body)
    return {
        "resource": call.route.path,
        "path": call.request.path,
        "httpMethod": call.request.method,
        "headers": {name: values[-1] for name, values in headers.items()},
        "multiValueHeaders": headers,
        "queryStringParameters": {name: query.getlist(name)[-1] for name in query} or None,
        "multiValueQueryStringParameters": {name: query.getlist(name) for name in query} or None,
        "pathParameters": call.path_parameters or None,
        "stageVariables": None,
        "requestContext": _request_context(call),
        "body": text,
        "isBase64Encoded": is_base64,
    }


def integration_response(outcome: Outcome) -> Response:
    """The function's answer as HTTP. Raises GatewayError (502) for an error or a malformed answer."""
    malformed = GatewayError("DEFAULT_5XX", "Internal server error")
    try:
        answer = json.loads(outcome.payload)
    except ValueError:
        raise malformed from None
    known = {"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"}
    if outcome.failed or not isinstance(answer, dict) or not set(answer) <= known:
        raise malformed
    try:
        return _http_response(answer)
    except (KeyError, TypeError, ValueError, AttributeError, binascii.Error):
        raise malformed from None


def context_variables(call: Call) -> dict[str, Any]:
    """$context variables by their dotted names, as far as they are known for this call."""
    context = _request_context(call)
    names = ("accountId", "apiId", "httpMethod", "path", "protocol", "requestId", "requestTime", "stage")
    return {
        **{name: context[name] for name in names},
        "extendedRequestId": context["extendedRequestId"],
        "requestTimeEpoch": context["requestTimeEpoch"],
        "resourcePath": context["resourcePath"],
        **{f"identity.{name}": value for name, value in context["identity"].items() if value},
        **{f"authorizer.{name}": value for name, value in call.authorizer.items()},
    }


def _request_context(call: Call) -> dict[str, Any]:
    arrived = datetime.fromtimestamp(call.arrived, UTC)
    context = {
        "accountId": ACCOUNT,
        "apiId": call.api.api_id,
        "domainName": call.request.host,
        "domainPrefix": call.api.api_id,
        "extendedRequestId": call.request_id.replace("-", "")[:15] + "=",
        "httpMethod": call.request.method,
        "identity": _identity(call.request),
        "path": f"/{call.api.stage}{call.request.path}",
        "protocol": call.request.environ.get("SERVER_PROTOCOL", "HTTP/1.1"),
        "requestId": call.request_id,
        "requestTime": arrived.strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "requestTimeEpoch": int(call.arrived * 1000),
        "resourceId": "local",
        "resourcePath": call.route.path if call.route else call.request.path,
        "stage": call.api.stage,
    }
    return {**context, "authorizer": call.authorizer} if call.authorizer else context


def _identity(request: Request) -> dict[str, str | None]:
    unused = ("accessKey", "accountId", "caller", "cognitoIdentityId", "user", "userArn")
    return {
        **dict.fromkeys(unused),
        "sourceIp": request.remote_addr or "127.0.0.1",
        "userAgent": request.user_agent.string or None,
    }


def _forwarded_headers(call: Call) -> dict[str, list[str]]:
    headers: dict[str, list[str]] = {}
    for name, value in call.request.headers:
        if name not in ("Connection", "Content-Length"):
            headers.setdefault(name, []).append(value)
    trace = f"Root=1-{int(call.arrived):08x}-{call.request_id.replace('-', '')[:24]}"
    _, _, port = call.request.host.partition(":")
    return {
        **headers,
        "X-Amzn-Trace-Id": [trace],
        "X-Forwarded-For": [call.request.remote_addr or "127.0.0.1"],
        "X-Forwarded-Port": [port or "80"],
        "X-Forwarded-Proto": [call.request.scheme],
    }


def _event_body(body: bytes) -> tuple[str | None, bool]:
    if not body:
        return None, False
    try:
        return body.decode(), False
    except UnicodeDecodeError:
        return base64.b64encode(body).decode(), True


def _json_body(body: bytes) -> Any:
    try:
        return json.loads(body) if body else None
    except (ValueError, RecursionError):
        return body.decode(errors="replace")


def _http_response(answer: dict[str, Any]) -> Response:
    body = answer.get("body") or ""
    if not isinstance(body, str):
        raise TypeError("body must be a string")
    content = base64.b64decode(body, validate=True) if answer.get("isBase64Encoded") else body.encode()
    response = Response(content, int(answer["statusCode"]), content_type="application/json")
    for name, value in (answer.get("headers") or {}).items():
        response.headers[name] = str(value)
    for name, values in (answer.get("multiValueHeaders") or {}).items():
        response.headers.setlist(name, [str(value) for value in values])
    return response
