"""The sentences about whole accounts."""

from __future__ import annotations

from decimal import Decimal

from campaign_automation.managers.changes.guards import Refusal
from campaign_automation.models.common import Level
from campaign_automation.utils.languages.plurals import counted

OURS_ALREADY = "ours_already: it is a campaign of yours here"
CREATED_HERE = "it was created here, so it cannot be released: pause it, or delete it with manage_campaign"
BUSY = "a change of this campaign is being made; ask again in a moment"
UNKNOWN_OBJECTIVE = "its objective is not one of this module: its conversions are counted as those of sales"


def missing(platform_id: str) -> str:
    """Return the error of a campaign that the account does not have."""
    return f"platform_campaign_ids: the account has no live campaign {platform_id}"


def other_tenants(platform_id: str) -> str:
    """Return the error of a campaign that another tenant has."""
    return f"platform_campaign_ids: {platform_id} belongs to another tenant, who has to release it first"


def imported(count: int, failed: int, left: int, *, dry_run: bool) -> str:
    """Return the message of an import."""
    parts = [f"{'would take in' if dry_run else 'took in'} {counted(count, 'campaign')}"]
    if failed:
        parts.append(f"{failed} could not be taken in, see failed")
    if left:
        parts.append(f"{left} not reached in time: send the same request again")
    return "; ".join(parts)


def released(name: str, *, dry_run: bool) -> str:
    """Return the message of a release."""
    return f"{name} {'would be' if dry_run else 'is'} forgotten here; on its platform nothing changes"


SHOWN = (
    "campaign_id: its platform shows the campaign, so its share of the cap follows what it may spend: pause"
    " it to give the share back"
)
OTHER_TENANT = "tenant: only a token with the role operator reaches campaigns of other tenants"


def commitment_released(amount: Decimal | None, currency: str, account: str, *, dry_run: bool) -> str:
    """Return the message of a share of the account's cap that was given back; None where it is not known."""
    if amount == 0:
        return f"nothing to do: the campaign counts for nothing in the cap of {account}"
    would = "would not count" if dry_run else "no longer counts"
    if amount is None:
        return f"the amount of the campaign cannot be read, and {would} in the cap of {account}"
    return f"the campaign {would} for {amount} {currency} a day in the cap of {account}"


def over_cap(refusal: Refusal) -> str:
    """Return the warning of an account whose campaigns may spend more than its cap, or that has none."""
    return f"raises are refused for now: {refusal.message}"


def without_daily_budget(count: int) -> str:
    """Return the limit of ad sets whose budgets are not daily."""
    have = "has" if count == 1 else "have"
    return f"{counted(count, 'ad set')} {have} no daily budget, so that only the status can be changed"


def lost(level: Level) -> str:
    """Return the limit of objects that the platform did not show, or without an id."""
    return f"the platform did not show all {level}s with their ids, and the others cannot be managed"


def unknown_spend(reason: str) -> str:
    """Return the warning of a report on today's spend that could not be read."""
    return f"today's spend is not known: {reason}"
