"""Helpers for tests of the statistics of A/B tests."""

from __future__ import annotations

from campaign_automation.managers.ab_tests import wording
from campaign_automation.models.ab_analysis import Analysis


def sentences(found: Analysis, days_left: int | None = None) -> list[str]:
    """The recommendations as people read them, in their order."""
    return [wording.advice(item, found, days_left) for item in found.recommendations]
