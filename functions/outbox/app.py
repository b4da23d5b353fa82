"""Every five minutes: tells the Web Platform what it has not acknowledged yet, and counts the rules."""

from typing import Any

from campaign_automation.clients.scheduler import count_active_rules
from campaign_automation.utils import clock, event_loop
from campaign_automation.utils.observability import emit, logger
from campaign_automation.wiring import Wiring

wiring = Wiring()
wiring.preload("outbox")


@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, int]:
    if wiring.settings.rule_schedule_group:
        rules = count_active_rules(wiring.settings.rule_schedule_group)
        emit("campaign_automation_active_rules", rules)
    return event_loop.run(_sweep())


async def _sweep() -> dict[str, int]:
    await clock.synchronise(wiring.settings.clock_url)
    return await wiring.outbox.sweep()
