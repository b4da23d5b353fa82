"""The tasks that no caller asks for: steps of the state machine, ticks of schedules, sweeps."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from pydantic import BaseModel

from campaign_automation.clients.gemini_client import as_answer
from campaign_automation.clients.scheduler import count_active_rules
from campaign_automation.managers.shared import due_runs
from campaign_automation.managers.shared.due_runs import DueRunner
from campaign_automation.models.ab_tests import AbTestChecked, AbTestTick
from campaign_automation.models.campaign import Campaign, Creation
from campaign_automation.models.reports import CollectionJob
from campaign_automation.models.rules.answers import RuleEvaluated
from campaign_automation.models.rules.rule import RuleTick
from campaign_automation.settings import get_settings
from campaign_automation.stores.ab_test_store import AbTest, TestLook
from campaign_automation.stores.operations.metrics import counted
from campaign_automation.stores.rule_store import RuleHead
from campaign_automation.utils import clock, event_loop
from campaign_automation.utils.error_handler import (
    AiModelError,
    CampaignAutomationError,
    PlatformRateLimitError,
    error_body,
)
from campaign_automation.utils.observability import emit, logger, raised_as_answer
from campaign_automation.utils.retry_strategy import MAX_RETRIES, wait_as_asked
from campaign_automation.utils.validation import parse
from campaign_automation.wiring import Wiring

# The worker of a step died or ran out of time, on its last try too.
_WORKER_DIED = ("Runtime.ExitError", "Lambda.Unknown", "Sandbox.Timedout", "States.Timeout")

# A visit that begins by then ends in the function's 110 seconds; looking back can wait for the next sweep.
_RECONCILE_SECONDS = 75
# Of an account, the figures of all its campaigns are read in less than the two minutes that are left then.
_COLLECT_SECONDS = 480

Event = Mapping[str, Any]
Task = Callable[[Wiring, Event], Awaitable[dict[str, Any]]]


def task(run: Task, *, correlation_id: str | None = None) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """Return the Lambda handler of `run`; `correlation_id` is the path of the id in its payload."""
    parts = Wiring(get_settings())
    parts.preload(Creation, Campaign, *MODELS.get(run, ()))

    @logger.inject_lambda_context(correlation_id_path=correlation_id, clear_state=True)
    def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        return event_loop.run(_run(run, parts, event))

    return lambda_handler


async def _run(run: Task, parts: Wiring, event: Event) -> dict[str, Any]:
    await clock.synchronise(parts.settings.clock_url)
    async with counted(parts.metrics), parts.prompt_delivery.after():
        return await run(parts, event)


async def creation_step(parts: Wiring, event: Event) -> dict[str, Any]:
    """Run the step of a creation that the payload names.

    An expected error is raised under its class name, which the state machine matches, with its envelope as
    the text, which Undo reads.
    """
    started_ms = time.time_ns() // 1_000_000  # the machine's time, as of Lambda's own metrics
    arguments = {name: event[name] for name in ("creative_id",) if name in event}
    if "failure" in event:
        arguments["failure"] = failure_body(event["failure"])
    parts.outbox.tells_later = True  # in a state of its own, after whatever releases the caller
    # The state machine retries on its own; each retry carries its number.
    if retries := int(event.get("retries", 0)):
        emit("retries_total", what=event["step"])
    try:
        return await parts.creation.run_step(
            event["step"], event["tenant"], event["campaign_id"], **arguments
        )
    except CampaignAutomationError as error:
        logger.warning("step failed", step=event["step"], code=error.code, reason=error.message)
        error.details["attempts"] = retries + 1
        if isinstance(error, PlatformRateLimitError) and retries < MAX_RETRIES:
            # A state machine's own waits are fixed; the step ends when the platform takes it again.
            await wait_as_asked(error)
        if error.code != CampaignAutomationError.code:
            raised_as_answer(started_ms)
        error.args = (json.dumps(error_body(error)),)
        raise


async def creation_step_or_text(parts: Wiring, event: Event) -> dict[str, Any]:
    """Carry out the step of a creation, or answer a {"prompt", "model"} of a function without text models."""
    if "prompt" not in event:
        return await creation_step(parts, event)
    try:
        if (model := parts.copy_model) is None:
            return {"error": "no text model is configured"}
        return dict(as_answer(await model.generate_content(event["prompt"], model=event["model"])))
    except AiModelError as error:
        return {"error": error.message}


async def evaluate_rule(parts: Wiring, event: Event) -> dict[str, Any]:
    """Carry out one tick of a rule, as its schedule sends it."""
    result = await parts.rule_evaluation.evaluate(parse(RuleTick, dict(event)))
    return result.model_dump(mode="json")


async def reconcile_rules(parts: Wiring, event: Event) -> dict[str, Any]:
    """Make the missing schedules of rules and tests, delete orphaned ones, and count the overdue rules."""
    reconciled = await parts.rules.reconcile()
    return {**reconciled._asdict(), "tests": await parts.ab_test_repair.repair()}


async def reconcile_campaigns(parts: Wiring, event: Event) -> dict[str, Any]:
    """End the creations that nothing carries on, settle what nobody answered for, search for orphans, carry
    on with approved proposals, and look again at decisions whose days are over.

    A {"tenant", "campaign_id"}, of a pause's schedule or an operator's, has that campaign alone visited.
    """
    if "campaign_id" in event:
        return {"outcome": await parts.reconciler.visit(event["tenant"], event["campaign_id"])}
    until = time.monotonic() + _RECONCILE_SECONDS
    visits = await parts.reconciler.sweep()
    searched = await parts.orphans.sweep()
    proposals = await parts.proposal_execution.sweep(until)
    looked_back = await parts.looking_back.sweep(until)
    return {**visits, "searched": searched, "proposals": proposals, "looked_back": looked_back}


async def check_ab_test(parts: Wiring, event: Event) -> dict[str, Any]:
    """Analyse a running test once, and end it when its days are over."""
    checked = await parts.ab_test_checks.check(parse(AbTestTick, dict(event)))
    return checked.model_dump(mode="json")


async def sweep_outbox(parts: Wiring, event: Event) -> dict[str, Any]:
    """Send the Web Platform and webhooks what they have not taken yet, and count the active rules.

    A change's {"tenant", "campaign_id"} sends the messages of that campaign alone and the tenant's events,
    {"tenant"} its events alone. An operator's {"retell_since": "<time>"} first queues what was told since
    then once more.
    """
    if "tenant" in event:
        return await _tell_tenant(parts, event)
    told = {}
    if since := event.get("retell_since"):
        told = await parts.retelling.since(int(datetime.fromisoformat(since).timestamp() * 1000))
    if group := parts.settings.rule_schedule_group:
        emit("campaign_automation_active_rules", count_active_rules(parts.scheduler, group))
    sent, messages = await asyncio.gather(parts.webhooks.sweep(), parts.outbox.sweep())
    return {**told, **messages, **sent}


async def _tell_tenant(parts: Wiring, event: Event) -> dict[str, Any]:
    events = parts.webhooks.deliver_safely(event["tenant"])
    if "campaign_id" not in event:
        return {"events": await events}
    failure, sent = await asyncio.gather(parts.outbox.deliver(event["tenant"], event["campaign_id"]), events)
    return {"told": failure is None, "events": sent}


async def collect_insights(parts: Wiring, event: Event) -> dict[str, Any]:
    """Send digests, look at monthly budgets and collect the daily figures of accounts, each when due, or
    fetch the history that a report misses."""
    if "campaign_ids" in event:
        return {"fetched": await parts.collector.fetch(parse(CollectionJob, dict(event)))}
    until = time.monotonic() + _COLLECT_SECONDS
    digests = await parts.digests.sweep(until)
    budgets = await parts.monthly_budgets.sweep(until)
    return {"digests": digests, "monthly_budgets": budgets, **await parts.collector.sweep(until)}


SWEEPS: Mapping[str, tuple[str, Task]] = {
    "collect_insights": ("rate(1 hour)", collect_insights),
    "outbox": ("rate(5 minutes)", sweep_outbox),
    "reconcile_campaigns": ("rate(2 minutes)", reconcile_campaigns),
    "reconcile_rules": ("rate(15 minutes)", reconcile_rules),
}


# Inputs and answers of tasks beside campaigns.
MODELS: Mapping[Task, Sequence[type[BaseModel]]] = {
    evaluate_rule: (RuleTick, RuleHead, RuleEvaluated),
    check_ab_test: (AbTestTick, AbTest, TestLook, AbTestChecked),
    reconcile_rules: (RuleHead, AbTest),
}


def due_runner(parts: Wiring) -> DueRunner:
    """Return what carries out the schedules of a process without a scheduler."""

    async def sweep(tick: Event) -> dict[str, Any]:
        _, run = SWEEPS[tick["sweep"]]
        return await run(parts, tick)

    handlers: dict[str, due_runs.Handler] = {
        due_runs.RULES: partial(evaluate_rule, parts),
        due_runs.AB_TESTS: partial(check_ab_test, parts),
        due_runs.PAUSES: partial(reconcile_campaigns, parts),
        due_runs.SWEEPS: sweep,
    }
    return parts.due_runner(handlers, {name: rate for name, (rate, _) in SWEEPS.items()})


def failure_body(failure: Mapping[str, Any]) -> dict[str, Any]:
    """Return the envelope's error of a caught failure, {"Error", "Cause"}, or one that stands in for it.

    A step that was killed or ran out of time left none; the objects that it sent are in the journal.
    """
    try:
        body = json.loads(json.loads(failure["Cause"])["errorMessage"])
        if {"code", "message", "details"} <= set(body):
            return dict(body)
    except (ValueError, KeyError, TypeError):
        pass
    reason = failure.get("Error", "unknown")
    if reason in _WORKER_DIED:
        return error_body(
            CampaignAutomationError("a step of the creation did not finish; ask again", code="4000")
        )
    logger.error("step crashed", error=reason)
    return error_body(CampaignAutomationError("an internal error while the campaign was being created"))
