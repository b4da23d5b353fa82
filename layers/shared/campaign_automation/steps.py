"""The steps of a creation, for the state machine, and the Lambda handlers of whatever no caller asks for."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel

from campaign_automation.clients.gemini_client import as_answer
from campaign_automation.creation_parts import CreationParts
from campaign_automation.models.campaign import Campaign, Creation
from campaign_automation.settings import get_settings
from campaign_automation.stores.operations.metrics import counted
from campaign_automation.utils import clock, event_loop
from campaign_automation.utils.error_handler import (
    AiModelError,
    CampaignAutomationError,
    PlatformRateLimitError,
    error_body,
)
from campaign_automation.utils.observability import emit, logger, raised_as_answer
from campaign_automation.utils.retry_strategy import MAX_RETRIES, wait_as_asked

# The worker of a step died or ran out of time, on its last try too.
_WORKER_DIED = ("Runtime.ExitError", "Lambda.Unknown", "Sandbox.Timedout", "States.Timeout")

Event = Mapping[str, Any]
Handler = Callable[[dict[str, Any], Any], dict[str, Any]]
P = TypeVar("P", bound=CreationParts)
Run = Callable[[P, Event], Awaitable[dict[str, Any]]]


def step(run: Run[CreationParts]) -> Handler:
    """Return the Lambda handler of `run`, with the parts of creations alone."""
    parts = CreationParts(get_settings())
    return handler_of(run, parts, (Creation, Campaign), correlation_id="request_id")


def handler_of(
    run: Run[P], parts: P, models: Sequence[type[BaseModel]], *, correlation_id: str | None = None
) -> Handler:
    """Return the Lambda handler of `run`; `correlation_id` is the path of the id in its payload."""
    parts.preload(*models)

    @logger.inject_lambda_context(correlation_id_path=correlation_id, clear_state=True)
    def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        return event_loop.run(_run(run, parts, event))

    return lambda_handler


async def _run(run: Run[P], parts: P, event: Event) -> dict[str, Any]:
    await clock.synchronise(parts.settings.clock_url)
    async with counted(parts.metrics), parts.prompt_delivery.after():
        return await run(parts, event)


async def creation_step(parts: CreationParts, event: Event) -> dict[str, Any]:
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


async def creation_step_or_text(parts: CreationParts, event: Event) -> dict[str, Any]:
    """Carry out the step of a creation, or answer a {"prompt", "model"} of a function without text models."""
    if "prompt" not in event:
        return await creation_step(parts, event)
    try:
        if (model := parts.copy_model) is None:
            return {"error": "no text model is configured"}
        return dict(as_answer(await model.generate_content(event["prompt"], model=event["model"])))
    except AiModelError as error:
        return {"error": error.message}


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
