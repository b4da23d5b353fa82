"""GET /v1/openapi.json: the API's document, generated from the models."""

import json
from typing import Any

from campaign_automation.api.openapi import document

_BODY = json.dumps(document())


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": _BODY}
