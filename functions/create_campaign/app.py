"""POST /v1/campaigns: starts the creation and waits for its outcome as long as the caller does."""

from campaign_automation.api.http import handler

lambda_handler = handler("create_campaign")
