"""The Module API: CampaignAutomation(...).execute(action, parameters, context)."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from typing import Any

from campaign_automation.actions import ACTIONS
from campaign_automation.adapters.base import PlatformAdapter
from campaign_automation.clients.gemini_client import TextModel
from campaign_automation.clients.mcp_client import ToolCaller
from campaign_automation.models.common import Context
from campaign_automation.utils import clock
from campaign_automation.utils.cache_manager import RedisClient
from campaign_automation.utils.error_handler import (
    CampaignAutomationError,
    ForbiddenError,
    InvalidRequestError,
    envelope,
)
from campaign_automation.utils.observability import emit, logger
from campaign_automation.utils.validation import parse
from campaign_automation.wiring import Wiring


class CampaignAutomation:
    """The module for an embedding process. Every argument is optional and else built from the settings.

    `mcp_client`, `gemini_client` and `redis_client` may be any objects with the methods of contract.md
    section 5; `adapters` replaces platform adapters by name.
    """

    def __init__(
        self,
        mcp_client: ToolCaller | None = None,
        gemini_client: TextModel | None = None,
        redis_client: RedisClient | None = None,
        *,
        adapters: Mapping[str, PlatformAdapter] | None = None,
    ) -> None:
        self._wiring = Wiring(
            mcp_client=mcp_client,
            gemini_client=gemini_client,
            redis_client=redis_client,
            adapters=adapters,
        )

    async def execute(
        self, action: str, parameters: Mapping[str, Any], context: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return the action's result as JSON values, or the error envelope; it never raises."""
        return await run_action(self._wiring, action, parameters, context)

    async def aclose(self) -> None:
        """Close the connections that the module opened itself; clients handed in stay open."""
        await self._wiring.aclose()


async def run_action(
    wiring: Wiring, action: str, parameters: Any, context: Mapping[str, Any]
) -> dict[str, Any]:
    """Parse, run, count and answer one action."""
    request_id = str(context.get("request_id") or f"req_{uuid.uuid4().hex}")
    started = time.monotonic()
    try:
        answer = await _run(wiring, action, parameters, {**context, "request_id": request_id})
    except Exception as error:  # execute() promises an envelope, whatever fails
        answer = _failed(error, action, request_id)
    emit("campaign_automation_requests_total", action=_label(action), status=str(answer["status"]))
    seconds = time.monotonic() - started
    emit("campaign_automation_request_duration_seconds", seconds, action=_label(action))
    return answer


async def _run(wiring: Wiring, name: str, parameters: Any, context: Mapping[str, Any]) -> dict[str, Any]:
    if name not in ACTIONS:
        raise InvalidRequestError(f"action: {name} is not known", field="action", allowed=sorted(ACTIONS))
    action = ACTIONS[name]
    await clock.synchronise(wiring.settings.clock_url)
    caller = parse(Context, dict(context))
    if action.role not in caller.roles:
        raise ForbiddenError(f"{name}: needs the role {action.role}", field="action", role=action.role)
    result = await action.run(wiring, parse(action.request, parameters), caller)
    return result.model_dump(mode="json", by_alias=True)


def _failed(error: Exception, action: str, request_id: str) -> dict[str, Any]:
    if isinstance(error, CampaignAutomationError):
        logger.warning("action failed", action=action, code=error.code, reason=error.message)
    else:
        logger.exception("action failed unexpectedly", action=action)
    return envelope(error, request_id)


def _label(action: str) -> str:
    """Return the action's name as a metric dimension, "unknown" for a name that is no action."""
    # Each new value of a dimension would be a paid metric, and callers may send any name.
    return action if action in ACTIONS else "unknown"
