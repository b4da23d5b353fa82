"""Platform facts that end on a known day, and the warnings about them.

45 days before the last day of a fact without a successor a test fails, and answers carry a warning.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

from campaign_automation.adapters.common.fact import WARNING_DAYS, Fact
from campaign_automation.adapters.registry import PLATFORMS

FACTS = tuple(fact for entry in PLATFORMS.values() for fact in entry.facts)


def ending(day: date, facts: Iterable[Fact] = FACTS) -> list[Fact]:
    """The facts that end within 45 days of `day`, or have ended."""
    limit = day + timedelta(days=WARNING_DAYS)
    return [fact for fact in facts if fact.sunset is not None and fact.sunset <= limit]


def sunset_warnings(platform: str, day: date) -> list[str]:
    """Warnings for answers given on `day`.

    A fact with a successor is left to its adapter, since it does not concern every request.
    """
    return [
        f"{platform}: {fact.what} {fact.value} may end on {fact.sunset}; an update of this module is due"
        for fact in ending(day)
        if fact.platform == platform and fact.successor is None
    ]
