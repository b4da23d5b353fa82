"""Daily for each test: {"tenant", "test_id", "scheduled_time"} in, what was seen and done out."""

from typing import Any

from campaign_automation.models.ab_tests import AbTestTick
from campaign_automation.utils import clock, event_loop
from campaign_automation.utils.observability import logger
from campaign_automation.utils.validation import parse
from campaign_automation.wiring import Wiring

wiring = Wiring(remote_statistics=True)
wiring.preload("ab_test_checks")


@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return event_loop.run(_check(parse(AbTestTick, event)))


async def _check(tick: AbTestTick) -> dict[str, Any]:
    await clock.synchronise(wiring.settings.clock_url)
    checked = await wiring.ab_test_checks.check(tick)
    return checked.model_dump(mode="json")
