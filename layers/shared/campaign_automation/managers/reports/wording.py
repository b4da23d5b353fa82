"""The sentences about reports."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from campaign_automation.models.reports import MissingHistory
from campaign_automation.utils.languages.plurals import counted

FIRST_PARTY_LEFT_OUT = "first-party revenue is left out of reports on so many objects; ask for some campaigns"
FIRST_PARTY_NOT_READ = "first-party revenue is not available now: it is unknown here"
MIXED_OBJECTIVES = (
    "conversions of campaigns with different objectives are added up here: each counts its own event,"
    " as purchases or leads"
)


def too_many_rows(rows: int, most: int) -> str:
    """Return the error of a report that no answer holds."""
    return (
        f"level: {rows} rows are more than {most}; ask for fewer days or campaigns, a higher level, or totals"
    )


def pending(missing: Sequence[MissingHistory]) -> str:
    """Return the message of a report that waits for its history."""
    return f"the history of {counted(len(missing), 'ad account')} is being fetched; ask again in a minute"


def reported(campaigns: int, accounts: int, first: date, last: date) -> str:
    """Return the message of a report."""
    return f"{counted(campaigns, 'campaign')} of {counted(accounts, 'ad account')}, {first} to {last}"


def deleted(name: str, last: date | None) -> str:
    """Return the warning of a campaign that its platform may not report any more; `last` is known of it."""
    if last is None:
        return f"{name} is deleted and its platform shows no figures of it: they are unknown"
    return f"{name} is deleted: what it spent after {last} may be missing"
