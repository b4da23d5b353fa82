"""POST /v1/campaigns/{campaign_id}/budget-optimizations: decides on budgets and changes them."""

from typing import Any

from campaign_automation.api.http import answer, body_of, preload
from campaign_automation.utils import event_loop
from campaign_automation.utils.observability import logger
from campaign_automation.wiring import Wiring

wiring = Wiring(remote_statistics=True)
preload(wiring, "optimize_budget")


@logger.inject_lambda_context(correlation_id_path="requestContext.requestId", clear_state=True)
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return event_loop.run(answer(wiring, "optimize_budget", event, read=body_of))
