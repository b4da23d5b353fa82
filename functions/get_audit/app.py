"""GET /v1/campaigns/{campaign_id}/audit: what was done to a campaign, by whom and why."""

from campaign_automation.api.http import handler

lambda_handler = handler("get_audit")
