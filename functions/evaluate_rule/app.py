"""One tick of a rule, from its schedule: {"tenant", "rule_id", "scheduled_time"}."""

from typing import Any

from campaign_automation.tasks import evaluate_rule
from campaign_automation.utils import event_loop
from campaign_automation.utils.observability import logger
from campaign_automation.wiring import Wiring

wiring = Wiring()
wiring.preload("rule_evaluation")


@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return event_loop.run(evaluate_rule(wiring, event))
