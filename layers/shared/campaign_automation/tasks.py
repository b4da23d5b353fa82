"""The tasks that no caller asks for: ticks of schedules, and sweeps; steps of creations are in steps.py."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from pydantic import BaseModel

from campaign_automation.clients.scheduler import count_active_rules
from campaign_automation.managers.shared import due_runs
from campaign_automation.managers.shared.due_runs import DueRunner
from campaign_automation.models.ab_tests import AbTestChecked, AbTestTick
from campaign_automation.models.campaign import Campaign, Creation
from campaign_automation.models.reports import CollectionJob
from campaign_automation.models.rules.answers import RuleEvaluated
from campaign_automation.models.rules.rule import GatheredTick, LookTick, RuleTick
from campaign_automation.settings import get_settings
from campaign_automation.steps import Event, Handler, handler_of
from campaign_automation.stores.ab_test_store import AbTest, TestLook
from campaign_automation.stores.digest_store import Digest
from campaign_automation.stores.rule_store import RuleHead
from campaign_automation.utils.observability import emit
from campaign_automation.utils.validation import parse
from campaign_automation.wiring import Wiring

# A visit that begins by then ends in the function's 110 seconds; looking back can wait for the next sweep.
_RECONCILE_SECONDS = 75
# Of an account, the figures of all its campaigns are read in less than the two minutes that are left then.
_COLLECT_SECONDS = 480

Task = Callable[[Wiring, Event], Awaitable[dict[str, Any]]]


def task(run: Task) -> Handler:
    """Return the Lambda handler of `run`."""
    return handler_of(run, Wiring(get_settings()), (Creation, Campaign, *MODELS.get(run, ())))


async def evaluate_rule(parts: Wiring, event: Event) -> dict[str, Any]:
    """Carry out one tick of a rule, as its schedule sends it.

    Of a tick over many accounts the state machine sends parts: a "group" to look at, and then the "looks".
    """
    if "group" in event:
        return (await parts.rule_evaluation.look(parse(LookTick, dict(event)))).model_dump()
    if "looks" in event:
        gathered = await parts.rule_evaluation.gather(parse(GatheredTick, dict(event)))
        # States hand on limited data; the run itself is stored.
        return gathered.model_dump(include={"outcome", "note", "evaluated", "acted", "looked_at"})
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
    evaluate_rule: (RuleTick, LookTick, GatheredTick, RuleHead, RuleEvaluated, Digest),
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
