"""The Module API: CampaignAutomation(...).execute(action, parameters, context)."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import cached_property, partial
from typing import Any

from pydantic import BaseModel

from campaign_automation.actions import ACTIONS
from campaign_automation.actions.action import Action
from campaign_automation.adapters.base import PlatformAdapter
from campaign_automation.clients.gemini_client import TextModel
from campaign_automation.clients.mcp_client import ToolCaller
from campaign_automation.embedding import Embedding, Limits, embed
from campaign_automation.managers.shared.accounts import GivenAccountSource
from campaign_automation.managers.shared.due_runs import DueRunner, Ran
from campaign_automation.models.common import Context
from campaign_automation.stores.operations.metrics import counted
from campaign_automation.stores.table import Table
from campaign_automation.tasks import due_runner
from campaign_automation.utils import clock, observability
from campaign_automation.utils.cache_manager import RedisClient
from campaign_automation.utils.error_handler import (
    CampaignAutomationError,
    ConfigurationError,
    ForbiddenError,
    InvalidRequestError,
    envelope,
)
from campaign_automation.utils.languages import ENGLISH, Language, known
from campaign_automation.utils.languages.speaking import answer_in
from campaign_automation.utils.metrics.exposition import OPENMETRICS, TEXT, exposition
from campaign_automation.utils.observability import count_internal_error, emit, internal_error, logger
from campaign_automation.utils.retry_strategy import deadline
from campaign_automation.utils.validation import is_whole, parse, plain
from campaign_automation.wiring import Wiring

_LONGEST_REQUEST_ID = 128
_SHORTEST_PAUSE_SECONDS = 1.0  # between two looks at what is due
_LONGEST_PAUSE_SECONDS = 30.0  # a schedule that another process makes is seen by then


class CampaignAutomation:
    """The module for an embedding process. Every argument is optional and else built from the settings.

    `mcp_client`, `gemini_client` and `redis_client` may be any objects with the methods of contract.md
    section 5.
    - `store`: "sqlite:///path" (one file; the default, in CAMPAIGN_AUTOMATION_HOME), "memory" or
      "dynamodb://table" (the default where TABLE_NAME is set).
    - `limits`: what may be spent and moved; without an account's cap nothing is started or raised.
    - `accounts`: ad accounts by user and platform, or a coroutine (user_id, platform) -> account, in the
      place of the Web Platform's: {"platform_account_id", "access_token", "token_expires_at"}.
    - `apps`: by platform what its secret would hold, as {"google": {"developer_token": "..."}}.
    - `declarations`: special_ad_categories and eu_political_advertising for requests without one.
    - `settings`: any of the settings by name, in the place of the environment's.
    - `adapters` replaces platform adapters by name, `table` the table of all stores.

    What is missing or wrong is told by the first answer, all of it at once.
    """

    def __init__(
        self,
        mcp_client: ToolCaller | None = None,
        gemini_client: TextModel | None = None,
        redis_client: RedisClient | None = None,
        *,
        store: str | None = None,
        limits: Limits | None = None,
        accounts: GivenAccountSource | None = None,
        apps: Mapping[str, Mapping[str, Any]] | None = None,
        declarations: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
        adapters: Mapping[str, PlatformAdapter] | None = None,
        table: Table | None = None,
    ) -> None:
        self._mcp_client = mcp_client
        self._gemini_client = gemini_client
        self._redis_client = redis_client
        self._adapters = adapters
        self._apps = apps
        self._embedding = Embedding(
            store=store,
            table=table,
            limits=limits,
            accounts=accounts,
            apps=apps,
            declarations=declarations,
            settings=settings,
            has_web_platform=mcp_client is not None,
        )
        self._wiring: Wiring | None = None
        self._notice: str | None = None

    async def execute(
        self, action: str, parameters: Mapping[str, Any], context: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return the action's result as JSON values, or the error envelope; it never raises.

        Its sentences are in the context's `language`.
        """
        return answer_in(await self._answer(action, parameters, context), _language(context))

    async def _answer(
        self, action: str, parameters: Mapping[str, Any], context: Mapping[str, Any]
    ) -> dict[str, Any]:
        try:
            parts = self._parts()
        except Exception as error:
            return _failed(error, action, _request_id(context))
        async with counted(parts.metrics):
            answer = await run_action(parts, action, parameters, context)
        if self._notice and isinstance(warnings := answer.get("warnings"), list):
            warnings.append(self._notice)
            self._notice = None  # once is enough
        return answer

    async def run_due(self) -> list[dict[str, Any]]:
        """Carry out what is due: ticks of rules, checks of tests, messages and repairs; return each run.

        However many processes call this, each run is carried out once. Raises ConfigurationError, and
        StoreError when the store cannot be read or written.
        """
        return [run._asdict() for run in await self._run_due()]

    @asynccontextmanager
    async def background(self) -> AsyncIterator[None]:
        """Carry out what is due, when it is due, as long as the block lasts. Raises ConfigurationError."""
        outbox = self._parts().outbox
        task = asyncio.create_task(self._run_due_forever())
        patience, outbox.patience = outbox.patience, 0.0
        try:
            yield
        finally:
            outbox.patience = patience
            await outbox.drain()
            task.cancel()
            await asyncio.wait([task])

    async def scrape(self, *, openmetrics: bool = False) -> str:
        """Return all counts for Prometheus, where the setting prometheus_metrics keeps them.

        Raises ConfigurationError.
        """
        metrics = self._parts().metrics
        if metrics is None:
            raise ConfigurationError("metrics: are not kept; the setting prometheus_metrics turns them on")
        return exposition(await metrics.totals(), OPENMETRICS if openmetrics else TEXT)

    async def _run_due_forever(self) -> None:
        while True:
            try:
                await self._run_due()
                pause = await self._due_runner.seconds_to_next(_LONGEST_PAUSE_SECONDS)
            except Exception:  # of any kind: a store that is away for a while comes back
                internal_error("due runs failed")
                pause = _LONGEST_PAUSE_SECONDS
            await asyncio.sleep(max(pause, _SHORTEST_PAUSE_SECONDS))

    async def _run_due(self) -> list[Ran]:
        await clock.synchronise(self._parts().settings.clock_url)
        await self._parts().outbox.drain()
        parts = self._parts()
        async with counted(parts.metrics), parts.prompt_delivery.after():
            return await self._due_runner.run()

    @cached_property
    def _due_runner(self) -> DueRunner:
        return due_runner(self._parts())

    def _parts(self) -> Wiring:
        """Return the parts, built at the first use. Raises ConfigurationError with all that is missing."""
        if self._wiring is None:
            embedded = embed(self._embedding)
            self._notice = embedded.notice
            self._wiring = Wiring(
                embedded.settings,
                mcp_client=self._mcp_client,
                gemini_client=self._gemini_client,
                redis_client=self._redis_client,
                adapters=self._adapters,
                table=embedded.table,
                accounts=embedded.accounts,
                apps=self._apps or ({} if embedded.settings.table_name is None else None),
                runs_due=True,
            )
        return self._wiring

    async def aclose(self) -> None:
        """Close the connections that the module opened itself; clients handed in stay open."""
        if self._wiring is not None:
            await self._wiring.aclose()


async def run_action(parts: Wiring, name: Any, parameters: Any, context: Any) -> dict[str, Any]:
    """Parse, run, count and answer one action. A repeated idempotency key repeats the answer given before."""
    started, request_id = time.monotonic(), _request_id(context)
    answering = observability.request_id.set(request_id)
    session = observability.session_id.set(None)
    try:
        action, request, caller = await _prepare(parts, name, parameters, context, request_id)
        observability.session_id.set(caller.session_id)
        claim = action.claim(caller, request)
        async with parts.prompt_delivery.after():
            with deadline(caller.deadline_seconds):
                refresh = action.refresh and partial(action.refresh, parts, caller)
                async with parts.idempotency.once(caller.user_id, claim, action.kept_answer, refresh) as once:
                    if once.answer is None:
                        once.answer = await action.perform(parts, request, caller)
        answer: dict[str, Any] = once.answer.model_dump(mode="json", by_alias=True)
    except Exception as error:
        answer = _failed(error, name, request_id)
    finally:
        observability.request_id.reset(answering)
        observability.session_id.reset(session)
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
    caller = parse(Context, {**context, "request_id": request_id, "asked_ms": clock.now_ms()})
    if not action.allows(caller.roles):
        raise ForbiddenError(f"{name}: needs the role {action.role}", field="action", role=str(action.role))
    if caller.web_platform_user is not None:
        # Functions that only read may not write; their callers' users are known to this process.
        await parts.tenants.remember(caller.user_id, caller.web_platform_user, store=action.changes)
    return action, parse(action.request, plain(parameters)), caller


def _request_id(context: Any) -> str:
    """Return the caller's request id where it is one, else a new one."""
    given = _given(context, "request_id")
    # Half of a character cannot be logged or sent on: such an id could not be found again.
    is_usable = isinstance(given, str) and 0 < len(given) <= _LONGEST_REQUEST_ID and is_whole(given)
    return str(given) if is_usable else f"req_{uuid.uuid4().hex}"


def _language(context: Any) -> Language:
    return known(_given(context, "language")) or ENGLISH


def _given(context: Any, name: str) -> Any:
    try:
        return context.get(name)
    except Exception:  # anything may be handed in as a context
        return None


def _failed(error: Exception, action: Any, request_id: str) -> dict[str, Any]:
    if isinstance(error, CampaignAutomationError):
        logger.warning("action failed", action=_label(action), code=error.code, reason=error.message)
        if error.code == CampaignAutomationError.code:  # an internal error of a step, say
            count_internal_error()
    else:
        internal_error("action failed unexpectedly", action=_label(action))
    return envelope(error, request_id)


def _label(action: Any) -> str:
    """Return the action's name as a metric dimension, "unknown" for a name that is no action."""
    # Each new value of a dimension would be a paid metric, and callers may send any name.
    return action if isinstance(action, str) and action in ACTIONS else "unknown"
