"""POST /v1/ab-tests/{test_id}/analyses: analyse a test and, on request, apply its recommendation."""

from campaign_automation.api.http import handler

lambda_handler = handler("analyze_ab_test")
