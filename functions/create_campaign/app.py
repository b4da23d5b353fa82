"""POST /v1/campaigns: starts the creation and waits for its outcome as long as the caller does."""

from typing import Any

from campaign_automation.api import body_of, context_of, failure, response
from campaign_automation.capability import run_action
from campaign_automation.utils import event_loop
from campaign_automation.utils.error_handler import InvalidRequestError
from campaign_automation.utils.observability import logger
from campaign_automation.wiring import Wiring

wiring = Wiring(use_workflow=True)


@logger.inject_lambda_context(correlation_id_path="requestContext.requestId", clear_state=True)
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return event_loop.run(_answer(event))


async def _answer(event: dict[str, Any]) -> dict[str, Any]:
    try:
        parameters = body_of(event)
    except InvalidRequestError as error:
        return failure(error, event)
    return response(await run_action(wiring, "create_campaign", parameters, context_of(event)), success=201)
