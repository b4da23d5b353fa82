"""GET /v1/campaigns/{campaign_id}/audit: the audit trail of a campaign."""

from campaign_automation.api.http import handler

lambda_handler = handler("get_audit")
