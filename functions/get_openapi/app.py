"""GET /v1/openapi.json and /v1/events.json: the documents of the API and of its events, from the models."""

import json
from typing import Any

from campaign_automation.api import event_schema, openapi

_BODIES = {
    "/v1/openapi.json": json.dumps(openapi.document()),
    "/v1/events.json": json.dumps(event_schema.document()),
}


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    body = _BODIES[event["resource"]]
    return {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": body}
