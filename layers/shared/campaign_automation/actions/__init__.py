"""The actions that callers may ask for, by name."""

from campaign_automation.actions import (
    ab_tests,
    accounts,
    budgets,
    campaigns,
    changes,
    messages,
    notices,
    operations,
    proposals,
    reports,
    rules,
)
from campaign_automation.actions.action import ACTIONS

__all__ = [
    "ACTIONS",
    "ab_tests",
    "accounts",
    "budgets",
    "campaigns",
    "changes",
    "messages",
    "notices",
    "operations",
    "proposals",
    "reports",
    "rules",
]
