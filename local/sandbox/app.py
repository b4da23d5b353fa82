"""The sandbox as one app: every platform under its own path, one world behind them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.routing import Mount

from local.sandbox.admin import Admin
from local.sandbox.core.world import World
from local.sandbox.gemini import Gemini, gemini_app
from local.sandbox.google.server import GoogleServer
from local.sandbox.google.service import GoogleAds
from local.sandbox.google_tokens import token_app
from local.sandbox.meta.graph import Graph
from local.sandbox.meta.server import meta_app
from local.sandbox.tiktok.api import TikTok
from local.sandbox.tiktok.server import tiktok_app
from local.sandbox.web_platform.server import WebPlatform
from local.sandbox.web_platform.store import WebPlatformStore


def build_app(base_url: str, seed: int) -> Starlette:
    """The app for a server reachable at `base_url` (scheme, host, port).

    Google's gRPC server listens on a port of its own, which `app.state.google_port` tells once it serves.
    """
    world = World(base_url=base_url, seed=seed)
    meta, store, gemini = Graph(world), WebPlatformStore(world), Gemini(world)
    google = GoogleAds(world)
    tiktok = TikTok(world)
    world.ad_platforms.update({"meta": meta, "tiktok": tiktok, "google": google})
    world.platforms.update({"web_platform": store, "gemini": gemini})
    world.reset()
    web_platform = WebPlatform(store)
    google_server = GoogleServer(world, google)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with web_platform.running():
            app.state.google_port = await google_server.start()
            yield
            await google_server.stop()

    mounts = [
        Mount("/meta", meta_app(meta)),
        Mount("/tiktok", tiktok_app(tiktok)),
        Mount("/google", token_app(world)),
        Mount("/gemini", gemini_app(gemini)),
        Mount("/web_platform", web_platform.app),
        Mount("/admin", Admin(world, store, gemini).app()),
    ]
    app = Starlette(routes=mounts, lifespan=lifespan)
    app.state.world = world
    return app
