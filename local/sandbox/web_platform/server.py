"""The Web Platform over HTTP: both dialects and the creatives' files."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local.sandbox.core.http import exchange
from local.sandbox.web_platform import mcp_customer
from local.sandbox.web_platform.files import file
from local.sandbox.web_platform.mcp_standard import StandardEndpoint, session_manager
from local.sandbox.web_platform.store import ASKED_AT, WebPlatformStore


class WebPlatform:
    """The HTTP app and the session managers that must run while it serves."""

    def __init__(self, store: WebPlatformStore) -> None:
        self._store = store
        self._managers = {
            "/mcp": session_manager(store, json_response=False),
            "/mcp-json": session_manager(store, json_response=True),
        }
        self.app = Starlette(routes=self._routes())

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for manager in self._managers.values():
                await stack.enter_async_context(manager.run())
            yield

    def _routes(self) -> list[Route]:
        standard = [
            Route(path, StandardEndpoint(self._store, manager.handle_request))
            for path, manager in self._managers.items()
        ]
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
