"""One A/B test: show it, analyse it and, on request, apply its recommendation; and its page."""

from campaign_automation.api.http import handler
from campaign_automation.api.pages.ab_test_report import TEST_PAGES

lambda_handler = handler("analyze_ab_test", "get_ab_test", pages=TEST_PAGES)
