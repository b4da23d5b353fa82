"""GET /v1/campaigns/{campaign_id}/audit: what was done to a campaign, by whom and why."""

from typing import Any

from campaign_automation.api.http import answer, preload, query_of
from campaign_automation.utils import event_loop
from campaign_automation.utils.observability import logger
from campaign_automation.wiring import Wiring

wiring = Wiring()
preload(wiring, "get_audit")


@logger.inject_lambda_context(correlation_id_path="requestContext.requestId", clear_state=True)
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return event_loop.run(answer(wiring, "get_audit", event, read=query_of))
