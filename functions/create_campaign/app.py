"""POST /v1/campaigns: start the creation and wait for its outcome as long as the caller does."""

from campaign_automation.api.http import handler

lambda_handler = handler("create_campaign")
