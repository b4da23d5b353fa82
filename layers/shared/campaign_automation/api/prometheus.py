"""GET /metrics: the scrape of Prometheus, for operators."""

from __future__ import annotations

from typing import Any

from campaign_automation.api.http import Event, Handler, caller_of, response
from campaign_automation.models.common import Role
from campaign_automation.settings import get_settings
from campaign_automation.utils import event_loop
from campaign_automation.utils.error_handler import (
    CampaignAutomationError,
    ForbiddenError,
    NotFoundError,
    envelope,
)
from campaign_automation.utils.languages import asked_by
from campaign_automation.utils.metrics.exposition import content_type, exposition
from campaign_automation.utils.observability import logger
from campaign_automation.wiring import Wiring


def scrape_handler() -> Handler:
    """Return the Lambda handler of the scrape."""
    parts = Wiring(get_settings())
    parts.preload()

    @logger.inject_lambda_context(correlation_id_path="requestContext.requestId", clear_state=True)
    def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        return event_loop.run(scrape(parts, event))

    return lambda_handler


async def scrape(parts: Wiring, event: Event) -> dict[str, Any]:
    """Return the proxy response with all counts, in the format that the scraper accepts."""
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    try:
        if Role.OPERATOR not in caller_of(event)["roles"]:
            raise ForbiddenError("metrics: need the role operator", role=str(Role.OPERATOR))
        if parts.metrics is None:
            raise NotFoundError("metrics: are not kept; the parameter PrometheusMetrics turns them on")
        form = content_type(headers.get("accept", ""))
        text = exposition(await parts.metrics.totals(), form)
    except CampaignAutomationError as error:
        return response(envelope(error, event["requestContext"]["requestId"]), 200, asked_by(headers))
    return {"statusCode": 200, "headers": {"Content-Type": form}, "body": text}
