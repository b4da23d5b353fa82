"""Outcomes of several changes in one request: missing objects count as removed, open ones are looked up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence

from campaign_automation.adapters.base import Outcome, failed
from campaign_automation.adapters.common.refusals import outcome_unknown
from campaign_automation.utils.error_handler import CampaignAutomationError, PlatformError

# Returns those of the ids that the platform shows as they were asked to be.
Look = Callable[[Sequence[str]], Awaitable[Collection[str]]]


def is_gone(error: Exception | None) -> bool:
    """Return whether the platform says that the object does not exist (code 5000)."""
    return isinstance(error, CampaignAutomationError) and error.code == "5000"


def with_gone_removed(outcomes: Iterable[Outcome], is_gone: Callable[[Outcome], bool]) -> list[Outcome]:
    """The outcomes of a removal, where an object that was gone already is a success."""
    return [item._replace(platform_id=item.tag, error=None) if is_gone(item) else item for item in outcomes]


def left_open(platform: str, tag: str, reason: PlatformError) -> Outcome:
    """The unknown outcome of one object where the platform did a part and did not say which; `reason` is the
    failure that it told of the other part."""
    facts = {name: reason.details.get(name) for name in ("platform_code", "platform_request_id")}
    error = outcome_unknown(
        platform, f"{platform}: a part was not done, and which is not told: {reason.message}", **facts
    )
    error.__cause__ = reason
    return failed(tag, error)


async def looked_up(outcomes: Sequence[Outcome], look: Look) -> list[Outcome]:
    """Decide the outcomes that were left open by what the platform shows: done, or failed with the reason."""
    reasons = {item.tag: item.error.__cause__ for item in outcomes if item.error}
    is_open = {tag for tag, reason in reasons.items() if isinstance(reason, PlatformError)}
    if not is_open:
        return list(outcomes)
    try:
        done = await look([item.tag for item in outcomes if item.tag in is_open])
    except PlatformError:
        return list(outcomes)  # they stay unknown
    return [_decided(item, done) if item.tag in is_open else item for item in outcomes]


def _decided(outcome: Outcome, done: Collection[str]) -> Outcome:
    if outcome.tag in done:
        return outcome._replace(platform_id=outcome.tag, error=None)
    reason = outcome.error.__cause__ if outcome.error else None
    return failed(outcome.tag, reason) if isinstance(reason, PlatformError) else outcome
