"""POST /mcp: the methods of the protocol, and what people need to find its authorization server."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from campaign_automation.api.mcp import protocol
from campaign_automation.api.mcp.catalogue import Catalogue, FunctionFailedError, Functions, caller_of
from campaign_automation.api.mcp.protocol import ProtocolError, Request
from campaign_automation.api.mcp.resources import Resources
from campaign_automation.utils import clock
from campaign_automation.utils.languages import asked_by
from campaign_automation.utils.languages.speaking import answer_in

Json = dict[str, Any]
METADATA_PATH = "/.well-known/oauth-protected-resource"
_HEADERS = {"Content-Type": "application/json"}
_INSTRUCTIONS = (
    "Creates, manages and optimises ad campaigns on Meta, TikTok and Google Ads. It spends real money: try a"
    " change with dry_run first, give a reason, and read warnings and failed of each answer. Amounts are in"
    " the account currency's major unit; null is unknown, never 0. An answer with status accepted goes on:"
    " ask get_campaign_status or get_proposal for its outcome."
)


class Endpoint:
    """The MCP server of one deployment: stateless, so that every request may reach another environment."""

    def __init__(self, tools: Path, functions: Functions, public_url: str = "", issuer: str = "") -> None:
        self._catalogue = Catalogue(tools, functions)
        self._resources = Resources(self._catalogue)
        self._public_url = public_url.rstrip("/")
        self._issuer = issuer
        self._server = {"name": "campaign-automation", "version": self._catalogue.version}
        self._methods: dict[str, Callable[[Request, Json], Json]] = {
            "initialize": self._initialize,
            "server/discover": self._discover,
            "ping": lambda request, caller: {},
            "tools/list": lambda request, caller: {"tools": self._catalogue.shown(caller["roles"])},
            "tools/call": self._call,
            "resources/list": lambda request, caller: self._resources.listed(caller),
            "resources/templates/list": lambda request, caller: self._resources.templates(),
            "resources/read": lambda request, caller: self._resources.read(request.params.get("uri"), caller),
        }

    def respond(self, event: Mapping[str, Any]) -> Json:
        """Return the proxy response to an event of API Gateway."""
        if event["resource"] == METADATA_PATH:
            return _response(200, self._metadata())
        if event["httpMethod"] != "POST":
            return {"statusCode": 405, "headers": {"Allow": "POST"}, "body": ""}
        body = event.get("body") or ""
        headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
        try:
            request = protocol.read(body, headers)
        except ProtocolError as error:
            failed = protocol.failure(protocol.id_of(body), error)
            return _response(protocol.http_status(None, error), failed)
        if request.is_notification:
            return {"statusCode": 202, "headers": {}, "body": ""}
        try:
            return _response(200, self._answer(request, caller_of(event)))
        except ProtocolError as error:
            return _response(protocol.http_status(request, error), protocol.failure(request.id, error))

    def _answer(self, request: Request, caller: Json) -> Json:
        method = self._methods.get(request.method)
        if method is None:
            raise ProtocolError(protocol.METHOD_NOT_FOUND, f"unknown method: {request.method[:64]}")
        # A list, a reading and the discovery may be kept for a while; what a tool answers never.
        cacheable = request.method.startswith(("server/", "resources/")) or request.method == "tools/list"
        return protocol.result(request, method(request, caller), self._server, cacheable=cacheable)

    def _initialize(self, request: Request, caller: Json) -> Json:
        asked = request.params.get("protocolVersion")
        version = asked if asked in protocol.WITH_HANDSHAKE else protocol.WITH_HANDSHAKE[-1]
        return {
            "protocolVersion": version,
            "capabilities": {"tools": {}, "resources": {}},
            "serverInfo": self._server,
            "instructions": _INSTRUCTIONS,
        }

    def _discover(self, request: Request, caller: Json) -> Json:
        return {
            "supportedVersions": [*protocol.VERSIONS],
            "capabilities": {"tools": {}, "resources": {}},
            "instructions": _INSTRUCTIONS,
        }

    def _call(self, request: Request, caller: Json) -> Json:
        """Return the result of a tool; a refusal of ours is one too, with `isError`."""
        key = (request.params.get("_meta") or {}).get("idempotencyKey") or caller["key"]
        name = request.params.get("name")
        try:
            answer = self._catalogue.call(name, request.params.get("arguments") or {}, caller, key)
        except FunctionFailedError:
            answer = answer_in(_no_answer(caller["context"]["requestId"]), asked_by(caller["headers"]))
        if "text" in answer and "status" not in answer:
            return {"content": [{"type": "text", "text": answer["text"]}]}
        text = json.dumps(answer, ensure_ascii=False)
        return {
            "content": [{"type": "text", "text": text}],
            "structuredContent": answer,
            "isError": answer["status"] == "error",
        }

    def _metadata(self) -> Json:
        """The description of RFC 9728: which server gives tokens for this resource."""
        servers = {"authorization_servers": [self._issuer]} if self._issuer else {}
        return {"resource": f"{self._public_url}/mcp", **servers, "bearer_methods_supported": ["header"]}


def _no_answer(request_id: str) -> Json:
    """Return the envelope for a function that gave none: what it did is unknown until somebody looks."""
    return {
        "status": "error",
        "error": {
            "code": "4000",
            "type": "MODULE_NOT_AVAILABLE",
            "message": "the action gave no answer; look at the status before asking again",
            "details": {"retryable": True},
            "timestamp": clock.now().isoformat(timespec="seconds").replace("+00:00", "Z"),
            "request_id": request_id,
        },
    }


def _response(status: int, body: Json) -> Json:
    return {"statusCode": status, "headers": _HEADERS, "body": json.dumps(body, ensure_ascii=False)}
