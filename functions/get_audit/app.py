"""The audit trail: of a campaign, across campaigns, and behind a request."""

from campaign_automation.api.http import handler

lambda_handler = handler("get_audit", "search_audit", "find_request")
