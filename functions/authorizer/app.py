"""The authorizer: it verifies the caller's JWT, whose claims name the tenant, the person and the roles; and
the tokens of links, each of which opens one resource."""

import time
from typing import Any

from campaign_automation.api.link_verifier import LinkVerifier, link_policy
from campaign_automation.api.token_verifier import TokenVerifier, policy
from campaign_automation.settings import get_settings
from campaign_automation.utils.observability import logger, raised_as_answer

verifier = TokenVerifier.from_settings(get_settings())
links = LinkVerifier.from_settings(get_settings())


@logger.inject_lambda_context(clear_state=True)
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    started_ms = time.time_ns() // 1_000_000
    if event.get("type") == "REQUEST":
        if (link := links.holder(event)) is not None:
            return link_policy(link, event["methodArn"])
    elif (caller := verifier.caller(event.get("authorizationToken", ""))) is not None:
        return policy(caller, event["methodArn"])
    raised_as_answer(started_ms)
    # API Gateway answers 401 to exactly this text.
    raise Exception("Unauthorized")
