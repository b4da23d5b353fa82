"""The gRPC server: GoogleAdsService with the vendor's messages, in the loop of the sandbox's HTTP server."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any

import grpc

from local.sandbox.core.faults import Fault, Kind
from local.sandbox.core.world import World
from local.sandbox.google.errors import FAILURE_KEY, Refusal, injected
from local.sandbox.google.messages import (
    Message,
    MutateRequest,
    MutateResponse,
    SearchRequest,
    SearchResponse,
    StreamRequest,
    StreamResponse,
)
from local.sandbox.google.odd_answers import odd_page, partly_done
from local.sandbox.google.service import (
    PAGE_ROWS,
    Caller,
    GoogleAds,
    mutate_operation,
    page_of,
    search_operation,
)

SERVICE = "google.ads.googleads.v26.services.GoogleAdsService"
MAX_MESSAGE_BYTES = 64 * 1024 * 1024
# Statuses without a failure, as a proxy or the client's own credentials give them.
WITHOUT_FAILURE: dict[Kind, tuple[grpc.StatusCode, str]] = {
    "auth_withdrawn": (
        grpc.StatusCode.UNAVAILABLE,
        "Getting metadata from plugin failed with error: ('invalid_grant: Token was revoked.',)",
    ),
    "denied_bare": (grpc.StatusCode.PERMISSION_DENIED, "The caller does not have permission"),
    "garbage": (grpc.StatusCode.UNAVAILABLE, "Received http2 header with status: 502"),
    "internal_bare": (grpc.StatusCode.INTERNAL, "Internal error encountered."),
}
Context = Any  # grpc.aio.ServicerContext; grpc carries no types


class GoogleServer:
    """Starts and stops inside the loop that serves it."""

    def __init__(self, world: World, google: GoogleAds) -> None:
        self._world = world
        self._google = google
        self._server: Any = None

    async def start(self) -> int:
        """Listens on a free port, and tells which."""
        options = [("grpc.max_receive_message_length", MAX_MESSAGE_BYTES), ("grpc.so_reuseport", 0)]
        self._server = grpc.aio.server(options=options)
        self._server.add_generic_rpc_handlers((self._handlers(),))
        port: int = self._server.add_insecure_port("127.0.0.1:0")
        await self._server.start()
        return port

    async def stop(self) -> None:
        await self._server.stop(grace=None)

    def _handlers(self) -> Any:
        methods = {
            "Mutate": grpc.unary_unary_rpc_method_handler(
                self._mutate, MutateRequest.FromString, MutateResponse.SerializeToString
            ),
            "Search": grpc.unary_unary_rpc_method_handler(
                self._search, SearchRequest.FromString, SearchResponse.SerializeToString
            ),
            "SearchStream": grpc.unary_stream_rpc_method_handler(
                self._stream, StreamRequest.FromString, StreamResponse.SerializeToString
            ),
        }
        return grpc.method_handlers_generic_handler(SERVICE, methods)

    async def _mutate(self, request: Message, context: Context) -> Message:
        caller = _caller(context)
        act = lambda: self._google.mutate(request, caller)  # noqa: E731
        twist = lambda _: partly_done(request, act)  # noqa: E731
        return await self._exchange(context, "Mutate", mutate_operation(request), act, twist)

    async def _search(self, request: Message, context: Context) -> Message:
        caller = _caller(context)

        def act() -> Message:
            rows = self._google.search(request.customer_id, request.query, caller)
            has_figures = "metrics." in request.query
            size = self._world.unkind.page_size(PAGE_ROWS, of_figures=has_figures)
            page, token = page_of(rows, request, size, self._world.unkind.overlap)
            return SearchResponse(results=page, next_page_token=token, total_results_count=len(rows))

        twist = lambda kind: odd_page(kind, request, act)  # noqa: E731
        return await self._exchange(context, "Search", search_operation(request.query), act, twist)

    async def _stream(self, request: Message, context: Context) -> AsyncIterator[Message]:
        caller = _caller(context)

        def act() -> Message:
            rows = self._google.search(request.customer_id, request.query, caller)
            return StreamResponse(results=rows, request_id=self._google.request_id())

        operation = search_operation(request.query)
        yield await self._exchange(context, "SearchStream", operation, act)

    async def _exchange(
        self,
        context: Context,
        method: str,
        operation: str,
        act: Callable[[], Message],
        twist: Callable[[Kind], Message] | None = None,
    ) -> Message:
        """The course of every call: log, latency, fault, work, answer."""
        call = self._world.calls.open("google", operation, "RPC", method)
        fault = self._world.faults.take("google", operation)
        await self._world.wait("google")
        try:
            if fault is not None and fault.is_twist and twist is not None:
                answer = twist(fault.kind)
            else:
                answer = act() if fault is None or fault.acts_first else None
                if fault is not None:
                    if fault.acts_late:
                        self._world.late.append(_later(act))
                    raise _Failing(fault)
        except _Failing as failing:
            status = None if failing.fault.unanswered_after is not None else 500
            call.close(status, failing.fault.kind)
            await self._fail(context, failing.fault)
        except Refusal as refusal:
            call.close(400, fault.kind if fault else None)
            await self._refuse(context, refusal)
        call.close(200, fault.kind if fault else None)
        context.set_trailing_metadata((("request-id", self._google.request_id()),))
        return answer

    async def _refuse(self, context: Context, refusal: Refusal) -> None:
        request_id = self._google.request_id()
        failure = refusal.failure(request_id).SerializeToString()
        trailer = ((FAILURE_KEY, failure), ("request-id", request_id))
        await context.abort(refusal.status, refusal.errors[0].message, trailer)

    async def _fail(self, context: Context, fault: Fault) -> None:
        """Abort the call: a lost connection, like a proxy's answer, is UNAVAILABLE without a failure."""
        if fault.unanswered_after is not None:
            await asyncio.sleep(fault.unanswered_after)
            await context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")
        if fault.kind in WITHOUT_FAILURE:
            await context.abort(*WITHOUT_FAILURE[fault.kind])
        await self._refuse(context, Refusal([injected(fault.kind)]))


class _Failing(Exception):
    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.kind)
        self.fault = fault


def _later(act: Callable[[], Message]) -> Callable[[], Awaitable[None]]:
    async def later() -> None:
        with suppress(Refusal):
            act()

    return later


def _caller(context: Context) -> Caller:
    metadata = {entry[0]: entry[1] for entry in context.invocation_metadata()}
    token = str(metadata.get("authorization", "")).removeprefix("Bearer ")
    return Caller(token, metadata.get("login-customer-id"))
