"""The tools: each action as `make docs` described it, and the call of its function."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from campaign_automation.api.mcp.protocol import INVALID_PARAMS, ProtocolError

Json = dict[str, Any]
# The roles of an authorizer's answer of before there were roles.
_USUAL_ROLES = "viewer buyer"
# A creation that takes longer goes on; API Gateway closes after 29 s.
_WAIT = "wait=20"
_KEY = "idempotency-key"
_KEPT = ("x-session-id", "accept-language", "content-language")


class Functions(Protocol):
    """The functions of the actions."""

    def call(self, function: str, event: Json) -> Json:
        """Return the proxy response of a function, by its folder's name, to an event."""
        ...


@dataclass(frozen=True)
class Tool:
    """One action: `shown` is what tools/list tells of it."""

    name: str
    method: str
    path: str
    path_names: list[str]
    has_body: bool
    role: str
    function: str
    shown: Json

    def is_for(self, roles: Iterable[str]) -> bool:
        """Return whether a caller with `roles` may call; every role may read."""
        given = set(roles)
        return self.role in given or (self.role == "viewer" and bool(given))

    def event(self, arguments: Json, caller: Json, key: str | None) -> Json:
        """Return the event that API Gateway would hand to the action's function for this call."""
        path = {name: str(arguments[name]) for name in self.path_names if name in arguments}
        rest = {name: value for name, value in arguments.items() if name not in self.path_names}
        if missing := [name for name in self.path_names if not path.get(name)]:
            raise ProtocolError(INVALID_PARAMS, f"{missing[0]}: is required")
        address = self.path
        for name, value in path.items():
            address = address.replace(f"{{{name}}}", quote(value, safe=""))
        return {
            "httpMethod": self.method,
            "resource": self.path,
            "path": address,
            "pathParameters": path or None,
            "queryStringParameters": None if self.has_body else _query(rest) or None,
            "headers": {"Prefer": _WAIT, **({"Idempotency-Key": key} if key else {}), **caller["headers"]},
            "body": json.dumps(rest) if self.has_body else None,
            "requestContext": caller["context"],
            "isBase64Encoded": False,
        }


def _query(arguments: Json) -> dict[str, str]:
    """Return the arguments as a query carries them: lists with commas, nothing for null."""
    return {
        name: ",".join(map(str, value))
        if isinstance(value, list)
        else json.dumps(value)
        if isinstance(value, bool)
        else str(value)
        for name, value in arguments.items()
        if value is not None
    }


class Catalogue:
    """All tools by name."""

    def __init__(self, path: Path, functions: Functions) -> None:
        found = json.loads(path.read_text(encoding="utf-8"))
        self.version: str = found["version"]
        self._tools = {item["name"]: Tool(**item) for item in found["tools"]}
        self._functions = functions

    def shown(self, roles: Iterable[str]) -> list[Json]:
        """Return the tools that a caller with `roles` may call."""
        given = list(roles)
        return [tool.shown for tool in self._tools.values() if tool.is_for(given)]

    def call(self, name: object, arguments: object, caller: Json, key: str | None = None) -> Json:
        """Return the answer of an action: its own JSON, an error's envelope included, or {"text": ...}."""
        tool = self._tools.get(name) if isinstance(name, str) else None
        if tool is None:
            raise ProtocolError(INVALID_PARAMS, f"unknown tool: {str(name)[:64]}")
        if not isinstance(arguments, dict):
            raise ProtocolError(INVALID_PARAMS, "arguments: should be an object")
        answer = self._functions.call(tool.function, tool.event(arguments, caller, key))
        kind = answer.get("headers", {}).get("Content-Type", "")
        found: Json = json.loads(answer["body"]) if "json" in kind else {"text": answer["body"]}
        return found


def caller_of(event: Mapping[str, Any]) -> Json:
    """Return who calls, as the authorizer verified them, for the event of the action's function."""
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    kept = {name: headers[name] for name in _KEPT if name in headers}
    context = event["requestContext"]
    shown = {"requestId": context["requestId"], "authorizer": context["authorizer"]}
    roles = str(context["authorizer"].get("roles", _USUAL_ROLES)).split()
    return {"headers": kept, "context": shown, "roles": roles, "key": headers.get(_KEY)}


Invoke = Callable[..., Any]


class LambdaFunctions:
    """Functions by their aliases; `client` is a boto3 client for Lambda.

    `arns` are name=arn pairs with commas between them, as the template writes them.
    """

    def __init__(self, arns: str, client: Any) -> None:
        self._arns = dict(pair.split("=", 1) for pair in arns.split(",") if pair)
        self._client = client

    def call(self, function: str, event: Json) -> Json:
        answered = self._client.invoke(FunctionName=self._arns[function], Payload=json.dumps(event).encode())
        answer: Json = json.loads(answered["Payload"].read())
        if "FunctionError" in answered:
            raise FunctionFailedError(function)
        return answer


class FunctionFailedError(Exception):
    """A function that ended without an answer: it crashed or ran out of time."""
