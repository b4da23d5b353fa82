"""Whole accounts: find, list, take in and release campaigns; and the health of the module."""

from campaign_automation.api.http import handler

lambda_handler = handler(
    "list_campaigns",
    "list_ab_tests",
    "get_ab_test",
    "list_accounts",
    "list_account_campaigns",
    "import_campaigns",
    "release_campaign",
    "get_health",
    "check_health",
)
