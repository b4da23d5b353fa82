"""Every fifteen minutes: makes the schedules that rules lack, deletes those that drive none."""

from typing import Any

from campaign_automation.tasks import reconcile_rules
from campaign_automation.utils import event_loop
from campaign_automation.utils.observability import logger
from campaign_automation.wiring import Wiring

wiring = Wiring()
wiring.preload("rules")


@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, int]:
    return event_loop.run(reconcile_rules(wiring))
