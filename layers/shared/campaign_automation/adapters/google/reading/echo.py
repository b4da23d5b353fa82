"""Answers of a campaign's creation, kept for the read that follows it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from campaign_automation.adapters.google.options import criteria
from campaign_automation.adapters.google.options.keywords import echoed
from campaign_automation.models.common import AgeGroup

_FRESH_SECONDS = 300
_MOST = 200


@dataclass
class Echo:
    """A campaign's budget and criteria as Google answered that it stored them."""

    daily_budget: Decimal
    countries: list[str]
    ages: dict[str, AgeGroup] = field(default_factory=dict)
    keywords: dict[str, list[Any]] = field(default_factory=dict)
    since: float = field(default_factory=time.monotonic)

    @property
    def stored(self) -> criteria.Stored:
        # An echo is kept only of campaigns without other criteria.
        words = self.keywords or None
        return criteria.Stored(
            self.daily_budget, self.countries, self.ages, keywords=words, negative_keywords=()
        )

    def is_fresh(self) -> bool:
        return time.monotonic() - self.since < _FRESH_SECONDS


class Echoes:
    """Echoes by campaign, each used once: they stand in for the queries on budget and criteria."""

    def __init__(self) -> None:
        self._echoes: dict[str, Echo] = {}

    def campaign(self, campaign_id: str, response: Any) -> None:
        """Keep the answer of a campaign's creation, if it tells budget and countries."""
        stored = criteria.echoed_campaign(response)
        if stored:
            self._echoes[campaign_id] = Echo(*stored)
        while len(self._echoes) > _MOST:
            del self._echoes[next(iter(self._echoes))]

    def ad_groups(self, campaign_id: str, response: Any, ids: Sequence[str]) -> None:
        """Add the ages of new ad groups, if the answer of their creation tells them."""
        echo = self._echoes.get(campaign_id)
        if echo:
            echo.ages |= criteria.echoed_ages(response, ids) or {}

    def keywords(self, campaign_id: str, response: Any) -> None:
        """Add the keywords of new ads, as the answer of their creation tells them."""
        if echo := self._echoes.get(campaign_id):
            echo.keywords |= echoed(response)

    def take(self, campaign_id: str) -> Echo | None:
        """Return the echo once, while it is fresh."""
        echo = self._echoes.pop(campaign_id, None)
        return echo if echo and echo.is_fresh() else None

    def forget(self, campaign_id: str) -> None:
        """Drop the echo of a changed campaign."""
        self._echoes.pop(campaign_id, None)
