"""The Business API over HTTP."""

import hashlib
import json
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local.sandbox.core.faults import Kind
from local.sandbox.core.http import EscapedJSON, Files, exchange, read_form
from local.sandbox.tiktok.api import TikTok
from local.sandbox.tiktok.context import Call
from local.sandbox.tiktok.errors import TikTokError, wrong
from local.sandbox.tiktok.faulted import PARTLY_DONE, faulted, odd_answer
from local.sandbox.tiktok.params import Params

PREFIX = "/open_api/v1.3"


def tiktok_app(tiktok: TikTok) -> Starlette:
    """The HTTP face of `tiktok`, to be mounted anywhere."""

    async def endpoint(request: Request) -> Response:
        return await _serve(tiktok, request)

    return Starlette(routes=[Route(f"{PREFIX}/{{path:path}}", endpoint, methods=["GET", "POST"])])


async def _serve(tiktok: TikTok, request: Request) -> Response:
    call = await _read_call(request)

    async def act() -> Response:
        try:
            return _answer(tiktok, 0, "OK", tiktok.execute(call))
        except TikTokError as error:
            return _answer(tiktok, error.code, str(error))

    def fault_answer(kind: Kind) -> Response:
        error = faulted(kind)
        return _answer(tiktok, error.code, str(error), status=500 if kind == "http_500" else 200)

    async def twist(kind: Kind) -> Response:
        try:
            return _answer(tiktok, *odd_answer(tiktok, call, kind))
        except TikTokError as error:
            return _answer(tiktok, error.code, str(error))

    path = f"{PREFIX}/{call.path}/"
    operation = tiktok.operation(call)
    return await exchange(tiktok.world, tiktok.name, operation, call.method, path, act, fault_answer, twist)


def _answer(tiktok: TikTok, code: int, message: str, data: Any = None, status: int = 200) -> Response:
    """The envelope; a failure carries no data."""
    body: dict[str, Any] = {"code": code, "message": message, "request_id": _request_id(tiktok)}
    if code in (0, PARTLY_DONE):
        body["data"] = data
    return EscapedJSON(body, status)


def _request_id(tiktok: TikTok) -> str:
    now = tiktok.now()
    digest = hashlib.sha256(str(tiktok.next_answer()).encode()).hexdigest()
    return f"{now:%Y%m%d%H%M%S}{digest[:18].upper()}"


async def _read_call(request: Request) -> Call:
    path = request.path_params["path"].strip("/")
    token = request.headers.get("access-token", "")
    files: Files = {}
    problem: TikTokError | None = None
    values: dict[str, Any] = dict(request.query_params)
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        files = await read_form(request, values)
    elif request.method == "POST":
        values, problem = _json_body(await request.body())
    return Call(request.method, path, token, Params(values), files, problem)


def _json_body(raw: bytes) -> tuple[dict[str, Any], TikTokError | None]:
    try:
        body = json.loads(raw or b"{}")
    except ValueError:
        body = None
    return (body, None) if isinstance(body, dict) else ({}, wrong("The body must be a JSON object."))
