"""GET /v1/campaigns/{campaign_id}: a campaign as it is on its platform now."""

from typing import Any

from campaign_automation.api.http import answer, preload, query_of
from campaign_automation.utils import event_loop
from campaign_automation.utils.observability import logger
from campaign_automation.wiring import Wiring

wiring = Wiring()
preload(wiring, "get_campaign_status")


@logger.inject_lambda_context(correlation_id_path="requestContext.requestId", clear_state=True)
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return event_loop.run(answer(wiring, "get_campaign_status", event, read=query_of))
