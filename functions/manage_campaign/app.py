"""POST /v1/campaigns/{campaign_id}/status: pauses, starts or deletes."""

from campaign_automation.api.http import handler

lambda_handler = handler("manage_campaign")
