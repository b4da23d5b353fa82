"""POST /v1/campaigns/{campaign_id}/status: pauses, starts or deletes."""

from typing import Any

from campaign_automation.api.http import answer, body_of, preload
from campaign_automation.utils import event_loop
from campaign_automation.utils.observability import logger
from campaign_automation.wiring import Wiring

wiring = Wiring()
preload(wiring, "manage_campaign")


@logger.inject_lambda_context(correlation_id_path="requestContext.requestId", clear_state=True)
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return event_loop.run(answer(wiring, "manage_campaign", event, read=body_of))
