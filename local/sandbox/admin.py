"""The admin API: tests and demos set the stage here."""

import json
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local.sandbox.core.world import AdPlatform, World
from local.sandbox.gemini import Gemini
from local.sandbox.web_platform.store import WebPlatformStore

Json = dict[str, Any]
Answer = Json | list[Any]
Action = Callable[[Request, Any], Answer | Awaitable[Answer]]


class Admin:
    """Every action takes the request and its JSON body; LookupError is 404, ValueError 400."""

    def __init__(self, world: World, web_platform: WebPlatformStore, gemini: Gemini) -> None:
        self._world = world
        self._web_platform = web_platform
        self._gemini = gemini

    def app(self) -> Starlette:
        routes: dict[tuple[str, str], Action] = {
            ("POST", "/reset"): self.reset,
            ("POST", "/skipped-ids"): self.skip_ids,
            ("GET", "/state"): self.state,
            ("GET", "/market"): self.market,
            ("GET", "/clock"): self.clock,
            ("POST", "/clock"): self.advance,
            ("POST", "/latency"): self.latency,
            ("PUT", "/unkind"): self.unkind,
            ("GET", "/limits"): self.limits,
            ("PUT", "/limits"): self.set_limits,
            ("PUT", "/hidden/{id}"): self.hide,
            ("DELETE", "/hidden"): self.show,
            ("GET", "/faults"): self.faults,
            ("POST", "/faults"): self.set_faults,
            ("POST", "/late"): self.late,
            ("GET", "/calls"): self.calls,
            ("PUT", "/accounts/{platform}/{id}"): self.account,
            ("POST", "/elsewhere/{platform}/{id}"): self.elsewhere,
            ("PUT", "/reviews/{platform}/{id}"): self.review,
            ("PUT", "/creatives/{id}"): self.creative,
            ("PUT", "/credits/{id}"): self.credit,
            ("PUT", "/web_platform"): self.manners,
            ("PUT", "/gemini"): self.behaviour,
        }
        return Starlette(
            routes=[Route(path, _endpoint(action), methods=[verb]) for (verb, path), action in routes.items()]
        )

    def skip_ids(self, _: Request, body: Any) -> Json:
        """Ids begin anew with a reset; a cloud that still knows objects of before needs others."""
        for platform in self._world.ad_platforms.values():
            platform.skip_ids()
        return {}

    def reset(self, _: Request, body: Any) -> Json:
        sent = body or {}
        now = datetime.fromisoformat(sent["now"]) if "now" in sent else None
        if now is not None and now.tzinfo is None:
            raise ValueError("now needs a UTC offset")
        self._world.reset(sent.get("seed"), now)
        return {"seed": self._world.seed, "now": self._world.clock.now().isoformat()}

    def state(self, _: Request, __: Any) -> Json:
        return self._world.state()

    def market(self, _: Request, __: Any) -> Json:
        """The curve behind each ad set, by platform: what the module has to find out from its figures."""
        return {name: platform.market() for name, platform in self._world.ad_platforms.items()}

    def clock(self, _: Request, __: Any) -> Json:
        return {"now": self._world.clock.now().isoformat()}

    def advance(self, _: Request, body: Any) -> Json:
        unknown = body.keys() - {"advance_days", "advance_hours"}
        if unknown:
            raise ValueError(f"unknown fields: {sorted(unknown)}")
        step = timedelta(days=body.get("advance_days", 0), hours=body.get("advance_hours", 0))
        return {"now": self._world.advance(step).isoformat()}

    def latency(self, _: Request, body: Any) -> Json:
        self._world.latency_ms.update({str(name): float(ms) for name, ms in body.items()})
        return dict(self._world.latency_ms)

    def unkind(self, _: Request, body: Any) -> Json:
        """{"seed": a number, or null}: answers with colleagues' objects, missing fields and small pages."""
        if not isinstance(body["seed"], int | None):
            raise ValueError("seed must be a number or null")
        self._world.unkind.seed = body["seed"]
        return {"seed": self._world.unkind.seed}

    def limits(self, _: Request, __: Any) -> Json:
        return self._world.quotas.listing()

    def set_limits(self, _: Request, body: Any) -> Json:
        """{"tiktok": 10, "meta": 9000, "google": 15000}: what a platform takes from here on."""
        self._world.quotas.set(body)
        return self._world.quotas.listing()

    def hide(self, request: Request, body: Any) -> Json:
        """{"writes": true or false}: a campaign that its platform does not show; true refuses its changes."""
        hidden = self._world.hidden
        hidden.hide(request.path_params["id"], writes=bool(body["writes"]))
        return {"hidden": sorted(hidden.campaigns), "closed": sorted(hidden.closed)}

    def show(self, _: Request, __: Any) -> Json:
        self._world.hidden.clear()
        return {"hidden": [], "closed": []}

    def faults(self, _: Request, __: Any) -> list[Any]:
        return self._world.faults.listing()

    def set_faults(self, _: Request, body: Any) -> list[Any]:
        if not isinstance(body, list):
            raise ValueError("a list of faults is expected")
        if not body:
            self._world.faults.clear()
        for raw in body:
            self._world.faults.add(raw)
        return self._world.faults.listing()

    async def late(self, _: Request, __: Any) -> Json:
        return {"acted": await self._world.act_late()}

    def calls(self, request: Request, _: Any) -> list[Any]:
        return self._world.calls.listing(request.query_params.get("platform"))

    def account(self, request: Request, body: Any) -> Json:
        return self._ad_platform(request).patch_account(request.path_params["id"], body)

    def elsewhere(self, request: Request, body: Any) -> list[Any]:
        """{"count": 20, "seed"?}: puts campaigns made elsewhere into the account."""
        platform, seed = self._ad_platform(request), body.get("seed", self._world.seed)
        return platform.add_elsewhere(request.path_params["id"], int(body["count"]), int(seed))

    def review(self, request: Request, body: Any) -> Json:
        return self._ad_platform(request).set_review(request.path_params["id"], body)

    def _ad_platform(self, request: Request) -> AdPlatform:
        platform = self._world.ad_platforms.get(request.path_params["platform"])
        if platform is None:
            raise LookupError(f"no ad platform {request.path_params['platform']}")
        return platform

    def creative(self, request: Request, body: Any) -> Json:
        return self._web_platform.patch_creative(int(request.path_params["id"]), body)

    def credit(self, request: Request, body: Any) -> Json:
        user_id = int(request.path_params["id"])
        self._web_platform.credits[user_id] = float(body["balance"])
        return {"user_id": user_id, "balance": self._web_platform.credits[user_id]}

    def manners(self, _: Request, body: Any) -> Json:
        """Whether the Web Platform tells failures in texts only."""
        self._web_platform.is_terse = bool(body["is_terse"])
        return {"is_terse": self._web_platform.is_terse}

    def behaviour(self, _: Request, body: Any) -> Json:
        return self._gemini.set_behaviour(body)


def _endpoint(action: Action) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            raw = await request.body()
            answer = action(request, json.loads(raw) if raw else None)
            return _answer(await answer if isinstance(answer, Awaitable) else answer)
        except LookupError as error:
            return _answer({"error": str(error)}, 404)
        except (ValueError, AttributeError, TypeError) as error:
            return _answer({"error": str(error)}, 400)

    return endpoint


def _answer(body: Any, status: int = 200) -> Response:
    return Response(json.dumps(body, default=str), status, media_type="application/json")
