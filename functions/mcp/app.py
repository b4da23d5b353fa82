"""POST /mcp: every action as a tool of the Model Context Protocol, each carried out by its own function."""

import os
from pathlib import Path
from typing import Any

import boto3

from campaign_automation.api.mcp.catalogue import LambdaFunctions
from campaign_automation.api.mcp.endpoint import Endpoint
from campaign_automation.utils.observability import logger

_client = boto3.client("lambda", endpoint_url=os.environ.get("AWS_ENDPOINT_URL") or None)
_endpoint = Endpoint(
    Path(__file__).with_name("tools.json"),
    LambdaFunctions(os.environ.get("ACTION_FUNCTIONS", ""), _client),
    os.environ.get("PUBLIC_URL", ""),
    os.environ.get("JWT_ISSUER", ""),
)


@logger.inject_lambda_context(correlation_id_path="requestContext.requestId", clear_state=True)
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return _endpoint.respond(event)
