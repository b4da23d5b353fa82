"""What the API's port serves beside the API: the key set, and the verbs under /_local/."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from local.cloud.api.gateway import Gateway
from local.cloud.backing import SandboxClock
from local.cloud.identity import LIFETIME_SECONDS, Identity
from local.cloud.moto_aws.seams import running_executions
from local.cloud.stack.intrinsics import TemplateError
from local.cloud.telemetry import Telemetry
from local.cloud.ticker import Ticker, UnknownScheduleError
from local.cloud.usage import Usage
from local.console.guard import is_console, is_of_another_site

JWKS_PATH = "/.well-known/jwks.json"


class LocalVerbs:
    """Answers its own paths and hands every other request to `api`."""

    def __init__(
        self,
        api: Gateway,
        identity: Identity,
        telemetry: Telemetry,
        ticker: Ticker,
        clock: SandboxClock,
        usage: Usage,
        deploy: Callable[[dict[str, Any]], dict[str, str]],
        console: Callable[[Request], Response],
    ) -> None:
        self._console = console
        self._api = api
        self._identity = identity
        self._telemetry = telemetry
        self._ticker = ticker
        self._clock = clock
        self._usage = usage
        self._deploy_again = deploy
        self._map = Map(
            [
                Rule(JWKS_PATH, methods=["GET"], endpoint=self._jwks),
                Rule("/_local/background", methods=["GET"], endpoint=self._background),
                Rule("/_local/deploy", methods=["POST"], endpoint=self._deploy),
                Rule("/_local/logs", methods=["GET"], endpoint=self._logs),
                Rule("/_local/metrics", methods=["GET"], endpoint=self._metrics),
                Rule("/_local/tick", methods=["POST"], endpoint=self._tick),
                Rule("/_local/usage", methods=["GET"], endpoint=self._counts),
                Rule("/_local/tokens", methods=["POST"], endpoint=self._token),
                Rule("/_local/schedules/<path:name>/fire", methods=["POST"], endpoint=self._fire),
            ]
        )

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if is_console(environ):
            return self._console(Request(environ))(environ, start_response)
        if not environ["PATH_INFO"].startswith(("/_local/", JWKS_PATH)):
            return self._api(environ, start_response)
        return self._answer(environ)(environ, start_response)

    def _answer(self, environ: dict[str, Any]) -> Response:
        if is_of_another_site(Request(environ)):
            return _json(403, {"message": "pages of other sites may not ask this"})
        try:
            verb, arguments = self._map.bind_to_environ(environ).match()
            return _json(200, verb(Request(environ), **arguments))
        except HTTPException as error:
            return _json(error.code or 500, {"message": error.description})
        except UnknownScheduleError as error:
            return _json(404, {"message": f"no schedule named {error}"})
        except TemplateError as error:
            return _json(400, {"message": str(error)})

    def _jwks(self, request: Request) -> Any:
        return self._identity.jwks()

    def _background(self, request: Request) -> Any:
        """The executions of state machines, and the invocations that go on without a caller."""
        executions = running_executions()  # first: a creation hands its messages over before it ends
        return {"running": executions + self._api.unawaited}

    def _deploy(self, request: Request) -> Any:
        """{"template"?: path, "parameters"?: {name: value}}: update the stack; answers its parameters."""
        return self._deploy_again(_body(request))

    def _logs(self, request: Request) -> Any:
        return self._telemetry.logs(request.args.get("correlation_id"))

    def _metrics(self, request: Request) -> Any:
        return self._telemetry.metrics()

    def _counts(self, request: Request) -> Any:
        """The calls to AWS and their request units since the start, and the bytes that functions logged."""
        return {**self._usage.counted(), "log_bytes": self._telemetry.logged_bytes()}

    def _tick(self, request: Request) -> Any:
        """By the sandbox's clock, or by {"now": "2026-12-01T12:00:00Z"}."""
        given = _body(request).get("now")
        now = datetime.fromisoformat(given) if given else self._clock.now()
        firings = self._ticker.tick(self._clock.adopt(now))
        return {"fired": [firing.as_dict() for firing in firings]}

    def _fire(self, request: Request, name: str) -> Any:
        return self._ticker.fire(name, self._clock.now()).as_dict()

    def _token(self, request: Request) -> Any:
        """{"user_id": "user_789", "lifetime_seconds": -60, "claims": {}} for users, ages and claims that
        cloud.json lacks."""
        body = _body(request)
        return {
            "token": self._identity.token(
                body["user_id"], body.get("lifetime_seconds", LIFETIME_SECONDS), **body.get("claims", {})
            )
        }


def _body(request: Request) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(request.get_data() or b"{}")
    return body


def _json(status: int, content: Any) -> Response:
    return Response(json.dumps(content), status, content_type="application/json")
