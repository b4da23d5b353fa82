"""The sentences about campaigns: answers, warnings, differences of the read-back, notices to a person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from campaign_automation.models.campaign import ObjectEntry
from campaign_automation.models.common import AgeGroup
from campaign_automation.utils.languages.plurals import counted

CREATING = "the campaign is being created"
AS_LAST_SEEN = "the platform could not be read now, so the campaign is shown as it was last seen here"
INTERNAL_ERROR = "an internal error while the campaign was being created"
START_REASON = "asked for with the creation"
STOPPED = "the creation was stopped"
INTERRUPTED = "the creation was interrupted; ask again"
SETTLE_REASON = "the outcome of an earlier change was open"
STOP_REASON = "its creation was stopped"
NOT_VISIBLE = (
    "the platform does not show the campaign: it may be deleted, or the account's token may have lost its"
    " permission; it may still spend, so it counts for the account's cap; pausing and deleting are still sent"
)
GONE = "the platform does not show it any more: it was deleted or archived there"
NOT_READ = "the platform did not show it now, as it did not show all of its like: it may run"
STARTS_STOPPED = "its start was stopped, so the campaign is paused"


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


LANGUAGE_IS_THE_COPYS = (
    "language: also decides the language of the ads' copy, in this version only; give copy_language for the"
    " ads"
)


def unused_target_warning(target: str, strategy: str) -> str:
    """Return the warning of a target that the bids do not aim at."""
    return (
        f"bid_strategy: {strategy}, so {target} is used by optimisations and rules and not for bidding;"
        f" give bid_strategy {target} to bid for it"
    )


def claim_warning(field: str, claims: Sequence[str]) -> str:
    """Return the warning of a caller's own text with claims or figures that the product does not state."""
    told = ", ".join(repr(claim) for claim in claims)
    verb = "is" if len(claims) == 1 else "are"
    return f"{field}: {told} {verb} not stated by the product; the platform's review may refuse it"


def style_warning(field: str, rule: str) -> str:
    """Return the warning of a caller's own text that breaks an editorial rule."""
    return f"{field}: {rule}; the platform's review may refuse it"


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
        "message": f"{campaign_id}: {remain} on {platform}. Removing goes on, and ends as soon as {platform}"
        " can be reached; you may also remove them there.",
    }


def second_copy_notice(campaign_id: str, platform: str, copy: ObjectEntry) -> dict[str, Any]:
    """Return the arguments of create_notification for a second copy of an object that may not be ours."""
    return {
        "notification_type": "urgent",
        "category": "system",
        "title": "A second copy of a campaign was paused",
        "message": f"{campaign_id}: {platform} has a second {copy.level} named {copy.name}"
        f" ({copy.platform_id}); it is paused. Please remove it there if nobody uses it.",
    }


def unknown_tag_notice(platform: str, platform_id: str, name: str) -> dict[str, Any]:
    """Return the arguments of create_notification for a campaign under a tag that was not made here."""
    return {
        "notification_type": "important",
        "category": "system",
        "title": "A campaign with a tag of this module is not known here",
        "message": f"{platform} has the campaign {name} ({platform_id}), which was not created here; it is"
        " left as it is. Please look whether it is somebody's copy.",
    }


def unknown_campaign_notice(campaign_id: str, platform: str) -> dict[str, Any]:
    """Return the arguments of create_notification for a campaign that its platform no longer knows."""
    return {
        "notification_type": "urgent",
        "category": "system",
        "title": "A campaign is not known to its platform any more",
        "message": f"{campaign_id}: {NOT_VISIBLE}. The stop or start that was due is tried once more and then"
        f" given up. Please look on {platform}.",
    }
