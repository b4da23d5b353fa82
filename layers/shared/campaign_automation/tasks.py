"""What no API calls: steps of the state machine, ticks of rules. Payloads in, answers or typed errors out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import CampaignAutomationError, error_body
from campaign_automation.utils.observability import emit, logger
from campaign_automation.utils.validation import parse
from campaign_automation.wiring import Wiring


async def run_task(wiring: Wiring, event: Mapping[str, Any]) -> dict[str, Any]:
    """Runs the step that the payload names. An expected error leaves with its class name, which the state
    machine matches, and its envelope as the text, which Undo reads."""
    arguments = {name: event[name] for name in ("creative_id",) if name in event}
    if "failure" in event:
        arguments["failure"] = failure_body(event["failure"])
    if retries := int(event.get("retries", 0)):
        emit("retries_total", what=event["step"])
    await clock.synchronise(wiring.settings.clock_url)
    try:
        return await wiring.creation.run_step(
            event["step"], event["tenant"], event["campaign_id"], **arguments
        )
    except CampaignAutomationError as error:
        logger.warning("step failed", step=event["step"], code=error.code, reason=error.message)
        error.details["attempts"] = retries + 1
        error.args = (json.dumps(error_body(error)),)
        raise


async def evaluate_rule(wiring: Wiring, event: Mapping[str, Any]) -> dict[str, Any]:
    """One tick of a rule, as its schedule hands it over."""
    from campaign_automation.models.rules import RuleTick

    await clock.synchronise(wiring.settings.clock_url)
    result = await wiring.rule_evaluation.evaluate(parse(RuleTick, dict(event)))
    return result.model_dump(mode="json")


async def reconcile_rules(wiring: Wiring) -> dict[str, int]:
    """How many schedules were made and deleted, and how many rules are overdue."""
    await clock.synchronise(wiring.settings.clock_url)
    return (await wiring.rules.reconcile())._asdict()


def failure_body(failure: Mapping[str, Any]) -> dict[str, Any]:
    """The envelope's error of a caught failure, {"Error", "Cause"}. A step that crashed or ran out of time
    left none; what it sent is in the journal."""
    try:
        body = json.loads(json.loads(failure["Cause"])["errorMessage"])
        if {"code", "message", "details"} <= set(body):
            return dict(body)
    except (ValueError, KeyError, TypeError):
        pass
    reason = failure.get("Error", "unknown")
    if reason in ("States.Timeout", "Sandbox.Timedout"):
        return error_body(
            CampaignAutomationError("a step did not finish in time", code="4002", retryable=True)
        )
    logger.error("step crashed", error=reason)
    return error_body(CampaignAutomationError("an internal error while the campaign was being created"))
