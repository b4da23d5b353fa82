"""Google's OAuth 2.0 token endpoint: an access token of an hour for a refresh token or a signed assertion."""

import base64
import json
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.sandbox.core.accounts import Binding
from local.sandbox.core.faults import Kind
from local.sandbox.core.http import exchange
from local.sandbox.core.world import World

CLIENT_ID = "sandbox-google-client"
CLIENT_SECRET = "sandbox-google-client-secret"
ROBOT = "sandbox@example.iam.gserviceaccount.com"
ASSERTION = "urn:ietf:params:oauth:grant-type:jwt-bearer"
SECONDS = 3599


def refresh_token(user_id: int) -> str:
    """The refresh token of the user's account bound last."""
    return f"sandbox-google-refresh-token-{user_id}"


def token_app(world: World) -> Starlette:
    async def endpoint(request: Request) -> Response:
        form = await request.form()
        asked = {name: str(value) for name, value in form.items()}

        async def act() -> Response:
            return _answer(world, asked)

        return await exchange(world, "google", "token", "POST", "/token", act, _faulted)

    return Starlette(routes=[Route("/token", endpoint, methods=["POST"])])


def _answer(world: World, asked: dict[str, str]) -> Response:
    grant = asked.get("grant_type")
    if grant == ASSERTION:
        binding = _of_robot(world, asked.get("assertion", ""))
    elif grant == "refresh_token":
        if (asked.get("client_id"), asked.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return _refused("invalid_client", "The OAuth client was not found.", status=401)
        binding = _of_refresh_token(world, asked.get("refresh_token", ""))
    else:
        return _refused("unsupported_grant_type", f"Invalid grant_type: {grant}")
    if binding is None or binding.expired(world.clock.now()):
        return _refused("invalid_grant", "Token has been expired or revoked.")
    issued = world.accounts.issue(binding, SECONDS, world.clock.now())
    return JSONResponse({"access_token": issued, "expires_in": SECONDS, "token_type": "Bearer"})


def _of_refresh_token(world: World, token: str) -> Binding | None:
    bound = [one for one in world.accounts.bindings if one.platform == "google" and not one.is_issued]
    return next((one for one in reversed(bound) if refresh_token(one.user_id) == token), None)


def _of_robot(world: World, assertion: str) -> Binding | None:
    """The account of user 123, for the one service account; signatures are not checked."""
    try:
        part = assertion.split(".")[1]
        claims: Any = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (IndexError, ValueError):
        return None
    if claims.get("iss") != ROBOT or "adwords" not in claims.get("scope", ""):
        return None
    return world.accounts.active(123, "google")


def _faulted(kind: Kind) -> Response:
    if kind == "auth_expired":
        return _refused("invalid_grant", "Token has been expired or revoked.")
    return _refused("internal_failure", "Backend error.", status=500)


def _refused(error: str, description: str, status: int = 400) -> Response:
    return JSONResponse({"error": error, "error_description": description}, status_code=status)
