"""Computations for other functions: {"operation", "payload" or "packed"} in, {"result"} or {"error"} out."""

from typing import Any

from campaign_automation.optimizers.operations import answer, preload
from campaign_automation.utils.observability import logger

preload()


@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return answer(event)
