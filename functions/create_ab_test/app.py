"""POST /v1/ab-tests: sizes a test, starts its creation and waits for it as long as the caller does."""

from campaign_automation.api.http import handler

lambda_handler = handler("create_ab_test")
