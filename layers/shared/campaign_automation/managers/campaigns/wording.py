"""The sentences about campaigns: answers, warnings, differences of the read-back, notices to a person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from campaign_automation.models.common import AgeGroup
from campaign_automation.utils.plurals import counted

CREATING = "the campaign is being created"
INTERNAL_ERROR = "an internal error while the campaign was being created"
START_REASON = "asked for with the creation"


def created_message(adsets: int, ads: int, *, dry_run: bool) -> str:
    """Return the message of create_campaign by the numbers of ad sets and ads."""
    objects = f"{counted(adsets, 'ad set')} and {counted(ads, 'ad')}"
    return f"would create {objects}" if dry_run else f"created {objects}; please confirm the copy"


def overlap_warning(first: AgeGroup, second: AgeGroup) -> str:
    """Return the warning of two ad sets that reach the same people."""
    low, high = max(first[0], second[0]), min(first[1], second[1])
    ages = f"aged {low}" if low == high else f"aged {low} to {high}"
    return (
        f"age_groups: {_years(first)} and {_years(second)} overlap: people {ages} are in both ad sets, which"
        " bid against each other for them"
    )


def _years(group: AgeGroup) -> str:
    return f"{group[0]}-{group[1]}"


def split_refused_warning(reason: str) -> str:
    """Return the warning of a test that runs without the platform's own split test."""
    return f"the platform's own split test was refused: {reason}"


def stale_warning(message: str, code: str, age_seconds: int) -> str:
    """Return the warning of an old answer that stands in for the platform's, which failed."""
    return f"{message} ({code}); this answer is {age_seconds} s old"


def unknown_figures_warning(reason: str) -> str:
    """Return the warning of a status without figures."""
    return f"figures are unknown: {reason}"


def drift_error(platform: str, differences: Sequence[str]) -> str:
    """Return the error of a creation that the platform stored with serious differences."""
    return f"{platform} did not store the campaign as asked: {'; '.join(differences)}"


def differs(subject: str, stored: object, asked: object) -> str:
    """Return the sentence of one difference: `subject` is stored one way and was asked another way."""
    return f"{subject} {stored} instead of {asked}"


def unfinished_undo_notice(campaign_id: str, platform: str, left: int) -> dict[str, Any]:
    """Return the arguments of create_notification for a failed creation that left `left` objects behind."""
    remain = f"{counted(left, 'object')} {'remains' if left == 1 else 'remain'}"
    return {
        "notification_type": "urgent",
        "category": "system",
        "title": "A failed campaign could not be removed",
        "message": f"{campaign_id}: {remain} on {platform}; please remove them there.",
    }
