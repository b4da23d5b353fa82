"""POST /v1/rules, and POST /v1/rule-templates/{template}/rules for a ready-made one."""

from typing import Any

from campaign_automation.api.http import answer, body_of, preload
from campaign_automation.utils import event_loop
from campaign_automation.utils.observability import logger
from campaign_automation.wiring import Wiring

ACTIONS = {
    "/v1/rules": "create_rule",
    "/v1/rule-templates/{template}/rules": "create_rule_from_template",
}

wiring = Wiring()
preload(wiring, *ACTIONS.values())


@logger.inject_lambda_context(correlation_id_path="requestContext.requestId", clear_state=True)
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return event_loop.run(answer(wiring, ACTIONS[event["resource"]], event, read=body_of, success=201))
