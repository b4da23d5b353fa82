"""The copy of one creative, for the state machine: {"step": "write_copy", "creative_id", ...}."""

from typing import Any

from campaign_automation.tasks import run_task
from campaign_automation.utils import event_loop
from campaign_automation.utils.observability import logger
from campaign_automation.wiring import Wiring

wiring = Wiring()
wiring.preload("creation")
wiring.preload_text_model()


@logger.inject_lambda_context(correlation_id_path="request_id", clear_state=True)
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return event_loop.run(run_task(wiring, event))
