"""Verifies the caller's JWT; its `sub` is the tenant."""

from typing import Any

from campaign_automation.api.token_verifier import TokenVerifier, policy
from campaign_automation.settings import get_settings
from campaign_automation.utils.observability import logger

verifier = TokenVerifier.from_settings(get_settings())


@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    tenant = verifier.tenant_of(event.get("authorizationToken", ""))
    if tenant is None:
        # API Gateway answers 401 to exactly this text.
        raise Exception("Unauthorized")
    return policy(tenant, event["methodArn"])
