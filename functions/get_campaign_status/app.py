"""GET /v1/campaigns/{campaign_id}: a campaign as it is on its platform now."""

from campaign_automation.api.http import handler

lambda_handler = handler("get_campaign_status")
