"""POST /v1/ab-tests: size a test, start its creation and wait for it as long as the caller does."""

from campaign_automation.api.http import handler

lambda_handler = handler("create_ab_test")
