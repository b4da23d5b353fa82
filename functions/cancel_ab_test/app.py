"""POST /v1/ab-tests/{test_id}/cancellation: pause and end a test."""

from campaign_automation.api.http import handler

lambda_handler = handler("cancel_ab_test")
