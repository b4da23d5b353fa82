"""Whole accounts: find, list, take in and release campaigns; and the health of the module."""

from campaign_automation.api.http import handler
from campaign_automation.api.pages.account_overview import ACCOUNT_PAGES

lambda_handler = handler(
    "list_campaigns",
    "list_ab_tests",
    "list_accounts",
    "list_account_campaigns",
    "import_campaigns",
    "release_campaign",
    "get_health",
    "check_health",
    pages=ACCOUNT_PAGES,
)
