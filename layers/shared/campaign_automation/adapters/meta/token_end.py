"""The end of a Meta access token, asked from Meta (`GET /debug_token`) where nobody wrote it down."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import httpx

from campaign_automation.adapters.meta import facts
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import CampaignAutomationError
from campaign_automation.utils.observability import logger
from campaign_automation.utils.tls import ssl_context

# An end is told two weeks ahead, so a day more or less does not matter; a failure is tried again sooner.
_KEPT, _KEPT_FAILURE = timedelta(days=1), timedelta(hours=1)
_TIMEOUT_SECONDS = 3
# No secret of the app or no right to it, no answer, or one of another shape.
_FAILURES = (
    CampaignAutomationError,
    httpx.HTTPError,
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)


class MetaTokenEnds:
    """Keeps what Meta said of each token for a day. `app` gives {"app_id", "app_secret"}, which the look-up
    needs; without them nothing is asked."""

    def __init__(self, app: Callable[[], Mapping[str, Any]], graph_url: str) -> None:
        self._app = app
        self._url = f"{graph_url}/{facts.API_VERSION}/debug_token"
        self._kept: dict[str, tuple[float, int | None]] = {}

    async def end(self, token: str) -> int | None:
        """Return the token's end in epoch seconds, or None when it has none or Meta did not say; a look-up
        that fails stops nothing."""
        key, now = hashlib.sha256(token.encode()).hexdigest(), clock.now().timestamp()
        until, found = self._kept.get(key, (0.0, None))
        if until <= now:
            kept = _KEPT
            try:
                found = _end(await self._ask(token))
            except _FAILURES as error:
                # Its text may name the address, and the address holds tokens.
                logger.info("token's end not read", platform=facts.PLATFORM, reason=type(error).__name__)
                kept = _KEPT_FAILURE
            self._kept[key] = (now + kept.total_seconds(), found)
        return found

    async def _ask(self, token: str) -> Any:
        app = self._app()
        if not app.get("app_id") or not app.get("app_secret"):
            return {}
        query = {"input_token": token, "access_token": f"{app['app_id']}|{app['app_secret']}"}
        async with httpx.AsyncClient(timeout=_TIMEOUT_SECONDS, verify=ssl_context()) as http:
            answer = await http.get(self._url, params=query)
        return answer.raise_for_status().json()["data"]


def _end(data: Any) -> int | None:
    """Return the earlier of the token's end and that of its access to data; 0 stands for no end."""
    told = (int(data.get(name) or 0) for name in ("expires_at", "data_access_expires_at"))
    return min((seconds for seconds in told if seconds > 0), default=None)
