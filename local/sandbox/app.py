"""The sandbox as one app: every platform under its own path, one world behind them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.routing import Mount

from local.sandbox.admin import Admin
from local.sandbox.core.world import World
from local.sandbox.gemini import Gemini, gemini_app
from local.sandbox.meta.graph import Graph
from local.sandbox.meta.server import meta_app
from local.sandbox.web_platform.server import WebPlatform
from local.sandbox.web_platform.store import WebPlatformStore


def build_app(base_url: str, seed: int) -> Starlette:
    """The app for a server reachable at `base_url` (scheme, host, port)."""
    world = World(base_url=base_url, seed=seed)
    meta, store, gemini = Graph(world), WebPlatformStore(world), Gemini(world)
    world.ad_platforms.update({"meta": meta})
    world.platforms.update({"web_platform": store, "gemini": gemini})
    world.reset()
    web_platform = WebPlatform(store)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with web_platform.running():
            yield

    mounts = [
        Mount("/meta", meta_app(meta)),
        Mount("/gemini", gemini_app(gemini)),
        Mount("/web_platform", web_platform.app),
        Mount("/admin", Admin(world, meta, store, gemini).app()),
    ]
    return Starlette(routes=mounts, lifespan=lifespan)
