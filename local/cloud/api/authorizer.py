"""Lambda authorizers of both kinds: asks the function, keeps its policy for a while, evaluates it."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from local.cloud.api.gateway_responses import GatewayError
from local.cloud.stack.intrinsics import TemplateError
from local.cloud.workers.worker import Outcome

Invoke = Callable[[str, bytes], Outcome]
Policy = dict[str, Any]

DEFAULT_TTL_SECONDS = 300
INVOKE_ACTION = "execute-api:Invoke"
_SOURCE = re.compile(r"method\.request\.querystring\.(\w+)")


@dataclass(frozen=True)
class Authorizer:
    """One authorizer of an API, from its security scheme.

    A TOKEN one gets the `header`; a REQUEST one the whole request, where all its `queries` are there.
    """

    function: str
    header: str
    expression: str | None
    ttl_seconds: float
    queries: tuple[str, ...] = ()

    @classmethod
    def from_scheme(cls, scheme: Mapping[str, Any], function_of_uri: Callable[[str], str]) -> Authorizer:
        settings = scheme["x-amazon-apigateway-authorizer"]
        queries: list[str] = []
        if settings["type"] == "request":
            queries = _SOURCE.findall(settings.get("identitySource", ""))
        if settings["type"] != "token" and not queries:
            raise TemplateError("only TOKEN authorizers and REQUEST ones by query strings run here")
        return cls(
            function=function_of_uri(settings["authorizerUri"]),
            header=scheme["name"],
            expression=settings.get("identityValidationExpression"),
            ttl_seconds=float(settings.get("authorizerResultTtlInSeconds", DEFAULT_TTL_SECONDS)),
            queries=tuple(queries),
        )


class Authorizers:
    """Runs authorizers and caches their answers by token, for all methods of the API as AWS does."""

    def __init__(self, invoke: Invoke, clock: Callable[[], float] = time.monotonic) -> None:
        self._invoke = invoke
        self._clock = clock
        self._cache: dict[tuple[str, str], tuple[float, Policy]] = {}
        self._lock = threading.Lock()

    def authorize(
        self,
        authorizer: Authorizer,
        token: str | None,
        method_arn: str,
        request: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """The authorizer context for the integration. Raises GatewayError when the call may not pass.

        `token` is the caller's identity, `request` the event of a REQUEST authorizer.
        """
        if not token or (authorizer.expression and not re.fullmatch(authorizer.expression, token)):
            raise GatewayError("UNAUTHORIZED", "Unauthorized")
        event = request or {"type": "TOKEN", "methodArn": method_arn, "authorizationToken": token}
        policy = self._policy(authorizer, token, event)
        effect = evaluate(policy["policyDocument"], method_arn)
        if effect != "Allow":
            explicit = " with an explicit deny" if effect == "Deny" else ""
            message = f"User is not authorized to access this resource{explicit}"
            raise GatewayError("ACCESS_DENIED", message)
        context = {name: _text(value) for name, value in policy.get("context", {}).items()}
        return {"principalId": policy["principalId"], **context}

    def _policy(self, authorizer: Authorizer, token: str, event: Mapping[str, Any]) -> Policy:
        key = (authorizer.function, token)
        with self._lock:
            expires, policy = self._cache.get(key, (0.0, {}))
        if self._clock() < expires:
            return policy
        policy = self._ask(authorizer, event)
        with self._lock:
            self._cache[key] = (self._clock() + authorizer.ttl_seconds, policy)
        return policy

    def _ask(self, authorizer: Authorizer, event: Mapping[str, Any]) -> Policy:
        outcome = self._invoke(authorizer.function, json.dumps(event).encode())
        answer = json.loads(outcome.payload)
        if outcome.failed:
            if answer.get("errorMessage") == "Unauthorized":
                raise GatewayError("UNAUTHORIZED", "Unauthorized")
            raise GatewayError("AUTHORIZER_FAILURE", None)
        if not _is_valid(answer):
            raise GatewayError("AUTHORIZER_CONFIGURATION_ERROR", None)
        policy: Policy = answer
        return policy


def evaluate(document: Mapping[str, Any], method_arn: str) -> str | None:
    """Deny, Allow, or None when no statement speaks of this method."""
    effects = {
        statement["Effect"]
        for statement in _many(document["Statement"])
        if any(_matches(action, INVOKE_ACTION) for action in _many(statement["Action"]))
        and any(_matches(resource, method_arn) for resource in _many(statement["Resource"]))
    }
    return "Deny" if "Deny" in effects else "Allow" if "Allow" in effects else None


def _matches(pattern: str, value: str) -> bool:
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(expression, value, re.IGNORECASE) is not None


def _many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _is_valid(answer: Any) -> bool:
    """API Gateway wants a principal, a policy, and a context of plain values."""
    if not isinstance(answer, dict) or "principalId" not in answer:
        return False
    context = answer.get("context", {})
    plain = all(isinstance(value, str | int | float | bool) for value in context.values())
    return plain and "Statement" in answer.get("policyDocument", {})


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
