"""POST /v1/campaigns: starts the creation and waits for its outcome as long as the caller does."""

from typing import Any

from campaign_automation.api.http import answer, body_of, preload
from campaign_automation.utils import event_loop
from campaign_automation.utils.observability import logger
from campaign_automation.wiring import Wiring

wiring = Wiring(use_workflow=True)
preload(wiring, "create_campaign")


@logger.inject_lambda_context(correlation_id_path="requestContext.requestId", clear_state=True)
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return event_loop.run(answer(wiring, "create_campaign", event, read=body_of, success=201))
