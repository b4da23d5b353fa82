"""The Module API: CampaignAutomation(...).execute(action, parameters, context)."""

from __future__ import annotations

import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel

from campaign_automation.adapters.base import PlatformAdapter
from campaign_automation.managers.ab_test_manager import patient
from campaign_automation.managers.accounts import ToolCaller
from campaign_automation.managers.copywriter import TextModel
from campaign_automation.managers.idempotency import DERIVED_SECONDS, derived_key
from campaign_automation.models import Context, CreateCampaign, GetCampaignStatus
from campaign_automation.models.ab_tests import (
    AbTestAnalysis,
    AbTestCancelled,
    AnalyzeAbTest,
    CancelAbTest,
    CreateAbTest,
)
from campaign_automation.models.budget import BudgetOptimized, OptimizeBudget
from campaign_automation.models.management import (
    CampaignManaged,
    ChangeUndone,
    GetAudit,
    ManageCampaign,
    UndoChange,
)
from campaign_automation.models.rules import (
    CreateRule,
    ListRules,
    ListRuleTemplates,
    RuleCreated,
    RuleFromTemplate,
    RuleReference,
    RuleStateChanged,
    SetRuleState,
    UpdateRule,
)
from campaign_automation.utils import clock
from campaign_automation.utils.cache_manager import RedisClient
from campaign_automation.utils.error_handler import (
    CampaignAutomationError,
    InvalidRequestError,
    envelope,
)
from campaign_automation.utils.observability import emit, logger
from campaign_automation.utils.validation import parse
from campaign_automation.wiring import Wiring

M = TypeVar("M", bound=BaseModel)


class Action(NamedTuple):
    """What an action takes and who does it."""

    parameters: type[BaseModel]
    run: Callable[[Wiring, Any, Context], Awaitable[BaseModel]]


async def _create_campaign(wiring: Wiring, spec: CreateCampaign, context: Context) -> BaseModel:
    opened = await wiring.campaigns.open_creation(spec, context)
    await wiring.runner.run(opened, context)
    return await wiring.campaigns.outcome(context.user_id, opened.campaign_id)


async def _get_campaign_status(wiring: Wiring, request: GetCampaignStatus, context: Context) -> BaseModel:
    return await wiring.status.status(request, context)


async def _manage_campaign(wiring: Wiring, request: ManageCampaign, context: Context) -> BaseModel:
    return await _once(wiring, "manage_campaign", request, context, CampaignManaged, wiring.control.manage)


async def _optimize_budget(wiring: Wiring, request: OptimizeBudget, context: Context) -> BaseModel:
    return await _once(wiring, "optimize_budget", request, context, BudgetOptimized, wiring.budgets.optimize)


async def _create_ab_test(wiring: Wiring, request: CreateAbTest, context: Context) -> BaseModel:
    opened = await wiring.ab_tests.open(request, context)
    await wiring.runner.run(opened.opened, patient(context))
    return await wiring.ab_tests.outcome(opened)


async def _analyze_ab_test(wiring: Wiring, request: AnalyzeAbTest, context: Context) -> BaseModel:
    analyze = wiring.ab_test_analyst.analyze
    return await _once(wiring, "analyze_ab_test", request, context, AbTestAnalysis, analyze)


async def _cancel_ab_test(wiring: Wiring, request: CancelAbTest, context: Context) -> BaseModel:
    return await _once(wiring, "cancel_ab_test", request, context, AbTestCancelled, wiring.ab_tests.cancel)


async def _create_rule(wiring: Wiring, request: CreateRule, context: Context) -> BaseModel:
    return await _create_once(wiring, "create_rule", request, context, RuleCreated, wiring.rules.create)


async def _create_rule_from_template(
    wiring: Wiring, request: RuleFromTemplate, context: Context
) -> BaseModel:
    create = wiring.rules.create_from_template
    return await _create_once(wiring, "create_rule_from_template", request, context, RuleCreated, create)


async def _update_rule(wiring: Wiring, request: UpdateRule, context: Context) -> BaseModel:
    return await _once(wiring, "update_rule", request, context, RuleCreated, wiring.rules.update)


async def _set_rule_state(wiring: Wiring, request: SetRuleState, context: Context) -> BaseModel:
    return await _once(wiring, "set_rule_state", request, context, RuleStateChanged, wiring.rules.set_state)


async def _delete_rule(wiring: Wiring, request: RuleReference, context: Context) -> BaseModel:
    return await _once(wiring, "delete_rule", request, context, RuleStateChanged, wiring.rules.delete)


async def _get_rule(wiring: Wiring, request: RuleReference, context: Context) -> BaseModel:
    return await wiring.rules.get(request, context)


async def _list_rules(wiring: Wiring, request: ListRules, context: Context) -> BaseModel:
    return await wiring.rules.list_rules(request, context)


async def _list_rule_templates(wiring: Wiring, request: ListRuleTemplates, context: Context) -> BaseModel:
    return await wiring.rules.templates()


async def _undo_change(wiring: Wiring, request: UndoChange, context: Context) -> BaseModel:
    return await _once(wiring, "undo_change", request, context, ChangeUndone, wiring.history.undo)


async def _get_audit(wiring: Wiring, request: GetAudit, context: Context) -> BaseModel:
    return await wiring.history.trail(request, context)


async def _once(
    wiring: Wiring,
    action: str,
    request: Any,
    context: Context,
    kind: type[M],
    run: Callable[[Any, Context], Awaitable[M]],
) -> M:
    """A dry run claims no key: a caller plans, and then does it under the same one."""
    if getattr(request, "dry_run", False):
        return await run(request, context)
    return await wiring.idempotency.once(context, action, request, kind, lambda: run(request, context))


async def _create_once(
    wiring: Wiring,
    action: str,
    request: Any,
    context: Context,
    kind: type[M],
    run: Callable[[Any, Context], Awaitable[M]],
) -> M:
    """A create without a key has one derived from what it asks, good for a quarter of an hour."""
    if request.dry_run or context.idempotency_key is not None:
        return await _once(wiring, action, request, context, kind, run)
    keyed = context.model_copy(update={"idempotency_key": derived_key(context, action, request)})
    return await wiring.idempotency.once(
        keyed, action, request, kind, lambda: run(request, context), seconds=DERIVED_SECONDS
    )


ACTIONS: dict[str, Action] = {
    "create_campaign": Action(CreateCampaign, _create_campaign),
    "get_campaign_status": Action(GetCampaignStatus, _get_campaign_status),
    "manage_campaign": Action(ManageCampaign, _manage_campaign),
    "optimize_budget": Action(OptimizeBudget, _optimize_budget),
    "get_audit": Action(GetAudit, _get_audit),
    "undo_change": Action(UndoChange, _undo_change),
    "create_ab_test": Action(CreateAbTest, _create_ab_test),
    "analyze_ab_test": Action(AnalyzeAbTest, _analyze_ab_test),
    "cancel_ab_test": Action(CancelAbTest, _cancel_ab_test),
    "create_rule": Action(CreateRule, _create_rule),
    "create_rule_from_template": Action(RuleFromTemplate, _create_rule_from_template),
    "list_rule_templates": Action(ListRuleTemplates, _list_rule_templates),
    "list_rules": Action(ListRules, _list_rules),
    "get_rule": Action(RuleReference, _get_rule),
    "update_rule": Action(UpdateRule, _update_rule),
    "set_rule_state": Action(SetRuleState, _set_rule_state),
    "delete_rule": Action(RuleReference, _delete_rule),
}


class CampaignAutomation:
    """Every argument is optional: what is not given is built from the settings.

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
        """The action's result as JSON values, or the error envelope; never raises for an expected failure."""
        return await run_action(self._wiring, action, parameters, context)

    async def aclose(self) -> None:
        """Closes the connections that the module opened itself; clients handed in stay open."""
        await self._wiring.aclose()


async def run_action(
    wiring: Wiring, action: str, parameters: Any, context: Mapping[str, Any]
) -> dict[str, Any]:
    """Parses, runs, counts and answers one action."""
    request_id = str(context.get("request_id") or f"req_{uuid.uuid4().hex}")
    started = time.monotonic()
    try:
        answer = await _run(wiring, action, parameters, {**context, "request_id": request_id})
    except Exception as error:
        answer = _failed(error, action, request_id)
    emit("campaign_automation_requests_total", action=_label(action), status=str(answer["status"]))
    seconds = time.monotonic() - started
    emit("campaign_automation_request_duration_seconds", seconds, action=_label(action))
    return answer


async def _run(wiring: Wiring, action: str, parameters: Any, context: Mapping[str, Any]) -> dict[str, Any]:
    entry = ACTIONS.get(action)
    if entry is None:
        raise InvalidRequestError(f"action: {action} is not known", field="action", allowed=sorted(ACTIONS))
    await clock.synchronise(wiring.settings.clock_url)
    caller = parse(Context, dict(context))
    request = parse(entry.parameters, parameters)
    result = await entry.run(wiring, request, caller)
    return result.model_dump(mode="json", by_alias=True)


def _failed(error: Exception, action: str, request_id: str) -> dict[str, Any]:
    if isinstance(error, CampaignAutomationError):
        logger.warning("action failed", action=action, code=error.code, reason=error.message)
    else:
        logger.exception("action failed unexpectedly", action=action)
    return envelope(error, request_id)


def _label(action: str) -> str:
    """Only known names become metric dimensions: each new one would be a paid metric."""
    return action if action in ACTIONS else "unknown"
