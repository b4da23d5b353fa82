"""The words of the page of all ad accounts and the proposals that wait."""

from __future__ import annotations

WORDS: dict[str, str] = {
    "accounts.title": "Ad accounts",
    "accounts.about": "Accounts, campaigns, and what waits for a decision",
    "accounts.waiting": "Waiting for a decision",
    "accounts.none_waiting": "Nothing waits for a decision.",
    "accounts.no_role": "Deciding takes the role approver.",
    "accounts.expires": "Expires",
    "accounts.by": "Proposed by {person}: {reason}",
    "accounts.more_waiting": "More proposals wait than are shown here.",
    "accounts.heading": "Accounts",
    "accounts.table": "Ad accounts now",
    "accounts.used": "Used without asking",
    "accounts.cap": "Cap a day",
    "accounts.no_cap": "no cap",
    "accounts.committed": "Committed a day",
    "accounts.today": "Spent today",
    "accounts.token": "Token",
    "accounts.token_days": "{days} days left",
    "accounts.problem": "{account} cannot be used now: {words}",
    "accounts.campaigns": "Campaigns",
    "accounts.campaigns_table": "Campaigns with their last known figures",
    "accounts.more_campaigns": "More campaigns are there than are shown here.",
    "accounts.as_of": "Read at",
    "accounts.not_read": "not within a day",
    "accounts.no_currency": "(currency unknown)",
}
