"""The authorizer: it verifies the caller's JWT, whose claims name the tenant, the person and the roles."""

import time
from typing import Any

from campaign_automation.api.token_verifier import TokenVerifier, policy
from campaign_automation.settings import get_settings
from campaign_automation.utils.observability import logger, raised_as_answer

verifier = TokenVerifier.from_settings(get_settings())


@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    started_ms = time.time_ns() // 1_000_000
    caller = verifier.caller(event.get("authorizationToken", ""))
    if caller is None:
        # API Gateway answers 401 to exactly this text.
        raised_as_answer(started_ms)
        raise Exception("Unauthorized")
    return policy(caller, event["methodArn"])
