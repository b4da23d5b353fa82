"""The Web Platform over HTTP: both dialects and the creatives' files."""

import importlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup, TaskStatus
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from local.sandbox.core.http import exchange
from local.sandbox.web_platform import mcp_customer
from local.sandbox.web_platform.files import file
from local.sandbox.web_platform.store import ASKED_AT, WebPlatformStore

_STANDARD = "local.sandbox.web_platform.mcp_standard"


class WebPlatform:
    """The HTTP app and the session managers that run while it serves."""

    def __init__(self, store: WebPlatformStore) -> None:
        self._store = store
        self._standard = {"/mcp": _Standard(store), "/mcp-json": _Standard(store, json_response=True)}
        self.app = Starlette(routes=self._routes())

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with anyio.create_task_group() as tasks:
            for endpoint in self._standard.values():
                endpoint.tasks = tasks
            yield
            tasks.cancel_scope.cancel()

    def _routes(self) -> list[Route]:
        standard = [Route(path, endpoint) for path, endpoint in self._standard.items()]
        customer = Route("/api/v1/mcp", self._customer, methods=["POST"])
        return [*standard, customer, Route("/files/{name}", self._file)]

    async def _file(self, request: Request) -> Response:
        """A creative's file, from servers that fail on their own."""
        name = request.path_params["name"]

        async def act() -> Response:
            return file(name)

        return await exchange(
            self._store.world, "files", "read_file", "GET", f"/files/{name}", act, lambda _: Response("", 503)
        )

    async def _customer(self, request: Request) -> Response:
        ASKED_AT.set(f"http://{request.headers['host']}")
        return await mcp_customer.serve(self._store, request)


class _Standard:
    """The standard dialect, which begins with its first request: importing the SDK is a third of what a
    sandbox takes to start, and few ask for it."""

    tasks: TaskGroup

    def __init__(self, store: WebPlatformStore, *, json_response: bool = False) -> None:
        self._store = store
        self._json_response = json_response
        self._endpoint: ASGIApp | None = None
        self._beginning = anyio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._beginning:
            endpoint = self._endpoint = self._endpoint or await self.tasks.start(self._run)
        await endpoint(scope, receive, send)

    async def _run(self, *, task_status: TaskStatus[ASGIApp]) -> None:
        # In a thread: the platforms go on answering meanwhile.
        standard = await anyio.to_thread.run_sync(importlib.import_module, _STANDARD)
        manager = standard.session_manager(self._store, json_response=self._json_response)
        async with manager.run():
            task_status.started(standard.StandardEndpoint(self._store, manager.handle_request))
            await anyio.sleep_forever()
