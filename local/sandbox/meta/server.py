"""The Graph API over HTTP."""

import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local.sandbox.core.faults import Kind
from local.sandbox.core.http import EscapedJSON, Files, exchange, read_form
from local.sandbox.meta.batch import Batch
from local.sandbox.meta.errors import GraphError, unknown_path
from local.sandbox.meta.faulted import faulted_reply, odd_pages
from local.sandbox.meta.graph import Graph, GraphCall, GraphReply
from local.sandbox.meta.params import Params

# Versions of the Marketing API with the moment of their end, where one is announced; v24.0 has ended.
VERSIONS: dict[str, datetime | None] = {
    "v25.0": datetime(2027, 2, 23, tzinfo=UTC),
    "v26.0": None,
    "v27.0": None,
}
LATEST = "v27.0"
_VERSIONED = re.compile(r"^(v\d+\.\d+)(?:/|$)(.*)")


def meta_app(graph: Graph) -> Starlette:
    """The HTTP face of `graph`, to be mounted anywhere."""

    async def endpoint(request: Request) -> Response:
        return await _serve(graph, request)

    methods = ["GET", "POST", "DELETE", "PUT", "PATCH"]
    return Starlette(routes=[Route("/{path:path}", endpoint, methods=methods)])


async def _serve(graph: Graph, request: Request) -> Response:
    version, path = _split_version(request.path_params["path"])
    call = await _read_call(request, path, version)
    operation = graph.operation(call)

    async def act() -> Response:
        return _response(graph, _reply(graph, call), version)

    def fault_answer(kind: Kind) -> Response:
        return _response(graph, faulted_reply(graph, kind, operation), version)

    async def twist(kind: Kind) -> Response:
        return _response(graph, odd_pages(graph, call, kind), version)

    shown_path = f"/{version}/{path}" if version else f"/{path}"
    return await exchange(graph.world, "meta", operation, call.method, shown_path, act, fault_answer, twist)


def _reply(graph: Graph, call: GraphCall) -> GraphReply:
    try:
        _check_version(call.version, graph.now())
        if call.path:
            return graph.execute(call)
        return _batch_reply(graph, call)
    except GraphError as error:
        return graph.refusal(error)


def _batch_reply(graph: Graph, call: GraphCall) -> GraphReply:
    if call.method != "POST" or "batch" not in call.params:
        raise unknown_path("")
    graph.authenticate(call.params)
    return GraphReply(200, Batch(graph, call.params, call.files).run(call.params.json("batch")))


def _check_version(version: str | None, now: datetime) -> None:
    if version is None:
        return
    ends = VERSIONS.get(version)
    if version not in VERSIONS or (ends is not None and now >= ends):
        raise GraphError(
            f"(#2635) You are calling a deprecated version of the Ads API. Please update to the latest "
            f"version: {LATEST}.",
            2635,
        )


def _split_version(path: str) -> tuple[str | None, str]:
    match = _VERSIONED.match(path)
    version, rest = match.groups() if match else (None, path)
    return version, rest.strip("/")


async def _read_call(request: Request, path: str, version: str | None) -> GraphCall:
    """Query and body form one set of parameters; files come from multipart bodies."""
    values: dict[str, Any] = dict(request.query_params)
    files: Files = {}
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        files = await read_form(request, values)
    else:
        body = (await request.body()).decode(errors="replace")
        values |= dict(parse_qsl(body, keep_blank_values=True))
    return GraphCall(values.pop("method", request.method).upper(), path, Params(values), files, version)


def _response(graph: Graph, reply: GraphReply, version: str | None) -> Response:
    trace: Any = reply.body["error"]["fbtrace_id"] if _refused(reply) else graph.trace_id()
    headers = {"x-fb-trace-id": trace, "x-fb-rev": "1027000000", "facebook-api-version": version or LATEST}
    return EscapedJSON(reply.body, reply.status, headers | reply.headers)


def _refused(reply: GraphReply) -> bool:
    return isinstance(reply.body, dict) and "error" in reply.body
