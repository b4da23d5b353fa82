"""Outcomes of removals: a missing object counts as removed."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from campaign_automation.adapters.base import Outcome
from campaign_automation.utils.error_handler import CampaignAutomationError


def is_gone(error: Exception | None) -> bool:
    """Return whether the platform says that the object does not exist (code 5000)."""
    return isinstance(error, CampaignAutomationError) and error.code == "5000"


def with_gone_removed(outcomes: Iterable[Outcome], is_gone: Callable[[Outcome], bool]) -> list[Outcome]:
    """The outcomes of a removal, where an object that was gone already is a success."""
    return [item._replace(platform_id=item.tag, error=None) if is_gone(item) else item for item in outcomes]
