"""The Module API: CampaignAutomation(...).execute(action, parameters, context)."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from campaign_automation.actions import ACTIONS
from campaign_automation.actions.action import Action
from campaign_automation.adapters.base import PlatformAdapter
from campaign_automation.clients.gemini_client import TextModel
from campaign_automation.clients.mcp_client import ToolCaller
from campaign_automation.models.common import Context
from campaign_automation.stores.table import Table
from campaign_automation.utils import clock
from campaign_automation.utils.cache_manager import RedisClient
from campaign_automation.utils.error_handler import (
    CampaignAutomationError,
    ForbiddenError,
    InvalidRequestError,
    envelope,
)
from campaign_automation.utils.observability import emit, logger
from campaign_automation.utils.retry_strategy import deadline
from campaign_automation.utils.validation import parse
from campaign_automation.wiring import Wiring

_LONGEST_REQUEST_ID = 128


class CampaignAutomation:
    """The module for an embedding process. Every argument is optional and else built from the settings.

    `mcp_client`, `gemini_client` and `redis_client` may be any objects with the methods of contract.md
    section 5; `adapters` replaces platform adapters by name, `table` the table of all stores.
    """

    def __init__(
        self,
        mcp_client: ToolCaller | None = None,
        gemini_client: TextModel | None = None,
        redis_client: RedisClient | None = None,
        *,
        adapters: Mapping[str, PlatformAdapter] | None = None,
        table: Table | None = None,
    ) -> None:
        self._wiring = Wiring(
            mcp_client=mcp_client,
            gemini_client=gemini_client,
            redis_client=redis_client,
            adapters=adapters,
            table=table,
        )

    async def execute(
        self, action: str, parameters: Mapping[str, Any], context: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return the action's result as JSON values, or the error envelope; it never raises."""
        return await run_action(self._wiring, action, parameters, context)

    async def aclose(self) -> None:
        """Close the connections that the module opened itself; clients handed in stay open."""
        await self._wiring.aclose()


async def run_action(parts: Wiring, name: Any, parameters: Any, context: Any) -> dict[str, Any]:
    """Parse, run, count and answer one action. A repeated idempotency key repeats the answer given before."""
    started, request_id = time.monotonic(), _request_id(context)
    try:
        action, request, caller = await _prepare(parts, name, parameters, context, request_id)
        claim = action.claim(caller, request)
        with deadline(caller.deadline_seconds):
            async with parts.idempotency.once(caller.user_id, claim, action.answer) as once:
                if once.answer is None:
                    once.answer = await action.perform(parts, request, caller)
        answer: dict[str, Any] = once.answer.model_dump(mode="json", by_alias=True)
    except Exception as error:
        answer = _failed(error, name, request_id)
    emit("campaign_automation_requests_total", action=_label(name), status=str(answer["status"]))
    seconds = time.monotonic() - started
    emit("campaign_automation_request_duration_seconds", seconds, action=_label(name))
    return answer


async def _prepare(
    parts: Wiring, name: Any, parameters: Any, context: Any, request_id: str
) -> tuple[Action, BaseModel, Context]:
    """Return the action, its parsed request and the caller. Raises InvalidRequestError, ForbiddenError."""
    if not isinstance(name, str) or name not in ACTIONS:
        raise InvalidRequestError(
            f"action: {str(name)[:80]} is not known", field="action", allowed=sorted(ACTIONS)
        )
    if not isinstance(context, Mapping):
        raise InvalidRequestError("context: should be an object with user_id", field="context")
    action = ACTIONS[name]
    await clock.synchronise(parts.settings.clock_url)
    caller = parse(Context, {**context, "request_id": request_id})
    if not action.allows(caller.roles):
        raise ForbiddenError(f"{name}: needs the role {action.role}", field="action", role=str(action.role))
    if caller.web_platform_user is not None:
        # Functions that only read may not write; their callers' users are known to this process.
        await parts.tenants.remember(caller.user_id, caller.web_platform_user, store=action.changes)
    return action, parse(action.request, parameters), caller


def _request_id(context: Any) -> str:
    """Return the caller's request id where it is one, else a new one."""
    try:
        given = context.get("request_id")
    except Exception:  # anything may be handed in as a context
        given = None
    is_usable = isinstance(given, str) and 0 < len(given) <= _LONGEST_REQUEST_ID
    return str(given) if is_usable else f"req_{uuid.uuid4().hex}"


def _failed(error: Exception, action: Any, request_id: str) -> dict[str, Any]:
    if isinstance(error, CampaignAutomationError):
        logger.warning("action failed", action=_label(action), code=error.code, reason=error.message)
    else:
        logger.exception("action failed unexpectedly", action=_label(action))
    return envelope(error, request_id)


def _label(action: Any) -> str:
    """Return the action's name as a metric dimension, "unknown" for a name that is no action."""
    # Each new value of a dimension would be a paid metric, and callers may send any name.
    return action if isinstance(action, str) and action in ACTIONS else "unknown"
