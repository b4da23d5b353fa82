"""Outcomes of several changes in one request: missing objects count as removed, open ones are looked up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from typing import NamedTuple

from campaign_automation.adapters.base import Outcome, failed
from campaign_automation.adapters.common.refusals import outcome_unknown
from campaign_automation.utils.error_handler import (
    CampaignAutomationError,
    PlatformError,
    PlatformUnavailableError,
)


class Looked(NamedTuple):
    """The ids that the platform shows as they were asked to be, and those of which it told nothing readable:
    these stay unknown, all others were not done."""

    done: Collection[str]
    unread: Collection[str] = ()


Look = Callable[[Sequence[str]], Awaitable[Looked]]


def is_gone(error: Exception | None) -> bool:
    """Return whether the platform says that the object does not exist or cannot be seen (code 5000)."""
    return isinstance(error, CampaignAutomationError) and error.code == "5000"


def with_gone_removed(outcomes: Iterable[Outcome], is_gone: Callable[[Outcome], bool]) -> list[Outcome]:
    """The outcomes of a removal, where an object that was gone already is a success."""
    return [item._replace(platform_id=item.tag, error=None) if is_gone(item) else item for item in outcomes]


def left_open(platform: str, tag: str, reason: PlatformError) -> Outcome:
    """The unknown outcome of one object where the platform did a part and did not say which; `reason` is the
    failure that it told of the other part."""
    # Without the reason's own code: it may be another object's.
    request_id = reason.details.get("platform_request_id")
    words = f"{platform}: a part was not done, and which is not told: {reason.message}"
    error = outcome_unknown(platform, words, platform_request_id=request_id)
    error.__cause__ = reason
    return failed(tag, error)


async def looked_up(outcomes: Sequence[Outcome], look: Look) -> list[Outcome]:
    """Decide the outcomes that were left open by what the platform shows: done, or failed.

    Several that were not done are failures in passing: the reason that was told may be of one of them only.
    """
    reasons = {item.tag: item.error.__cause__ for item in outcomes if item.error}
    open_ones = {tag: reason for tag, reason in reasons.items() if isinstance(reason, PlatformError)}
    if not open_ones:
        return list(outcomes)
    try:
        looked = await look(list(open_ones))
    except PlatformError:
        return list(outcomes)  # they stay unknown
    known = {tag: reason for tag, reason in open_ones.items() if tag not in looked.unread}
    not_done = {tag: reason for tag, reason in known.items() if tag not in looked.done}
    errors = not_done if len(not_done) == 1 else {tag: _in_passing(error) for tag, error in not_done.items()}
    return [
        item
        if item.tag not in known
        else failed(item.tag, errors[item.tag])
        if item.tag in errors
        else Outcome(item.tag, item.tag, request_id=item.request_id)
        for item in outcomes
    ]


def _in_passing(reason: PlatformError) -> PlatformError:
    return PlatformUnavailableError(
        f"{reason.message} (told without naming an object: this one was not done)",
        platform=reason.details["platform"],
        platform_request_id=reason.details.get("platform_request_id"),
    )
