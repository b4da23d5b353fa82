"""POST /v1/campaigns/{campaign_id}/undo: takes a change back."""

from campaign_automation.api.http import handler

lambda_handler = handler("undo_change")
