"""POST /v1/ab-tests/{test_id}/analyses: what a test says by now, and on request doing it."""

from campaign_automation.api.http import handler

lambda_handler = handler("analyze_ab_test")
