"""POST /v1/campaigns/{campaign_id}/status: pause, start or delete a campaign or parts of it."""

from campaign_automation.api.http import handler

lambda_handler = handler("manage_campaign")
