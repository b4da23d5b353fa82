"""Rules that there are: listed, shown, replaced, switched, deleted; and the templates for new ones."""

from typing import Any

from campaign_automation.api.http import answer, body_of, preload, query_of
from campaign_automation.utils import event_loop
from campaign_automation.utils.observability import logger
from campaign_automation.wiring import Wiring

ACTIONS = {
    ("GET", "/v1/rule-templates"): "list_rule_templates",
    ("GET", "/v1/rules"): "list_rules",
    ("GET", "/v1/rules/{rule_id}"): "get_rule",
    ("PUT", "/v1/rules/{rule_id}"): "update_rule",
    ("POST", "/v1/rules/{rule_id}/state"): "set_rule_state",
    ("DELETE", "/v1/rules/{rule_id}"): "delete_rule",
}

wiring = Wiring()
preload(wiring, *ACTIONS.values())


@logger.inject_lambda_context(correlation_id_path="requestContext.requestId", clear_state=True)
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    action = ACTIONS[event["httpMethod"], event["resource"]]
    read = body_of if event["httpMethod"] in ("POST", "PUT") else query_of
    return event_loop.run(answer(wiring, action, event, read=read))
