"""Answers of a campaign's creation, kept for the read that follows it, and the ids of Smart+ objects."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from campaign_automation.adapters.common.reading import id_or_none
from campaign_automation.adapters.tiktok import facts

FRESH_SECONDS = 60.0
_REMEMBERED_IDS = 10_000


@dataclass
class Echo:
    """A campaign as its creation was answered; with `expected_ads` ads it is whole."""

    family: facts.Family
    campaign: facts.Params
    expected_ads: int
    ads: list[facts.Params] = field(default_factory=list)
    made_at: float = field(default_factory=time.monotonic)

    @property
    def is_fresh(self) -> bool:
        return time.monotonic() - self.made_at < FRESH_SECONDS

    @property
    def is_whole(self) -> bool:
        """Return whether TikTok answered with every ad, and with the fields that a read would give."""
        ad_id = "smart_plus_ad_id" if self.family == "smart_plus" else "ad_id"
        has_ids = all(id_or_none(item, ad_id) for item in self.ads)
        is_complete = all(map(_tells_enough, [self.campaign, *self.ads]))
        return len(self.ads) == self.expected_ads and has_ids and is_complete


def _tells_enough(item: facts.Params) -> bool:
    return bool(item.get("operation_status") and item.get("secondary_status"))


class Echoes:
    """Echoes by campaign, each used once within a minute: they spare calls of the read after a creation.

    An ad that was found instead of created is missing here: then the echo is not whole, and not used.
    """

    def __init__(self) -> None:
        self._echoes: dict[str, Echo] = {}
        self._smart_plus_ids: set[str] = set()

    def campaign(self, campaign_id: str, family: facts.Family, data: facts.Params, expected_ads: int) -> None:
        """Keep the answer of a campaign's creation."""
        self._echoes = {key: echo for key, echo in self._echoes.items() if echo.is_fresh}
        self._echoes[campaign_id] = Echo(family, data, expected_ads)

    def ad(self, campaign_id: str, data: facts.Params) -> None:
        """Add the answer of an ad's creation to its campaign's echo."""
        if campaign_id in self._echoes:
            self._echoes[campaign_id].ads.append(data)

    def spoil(self, campaign_id: str) -> None:
        """Drop the echo after a failed ad, of which a second copy may exist beside those answered."""
        self._echoes.pop(campaign_id, None)

    def take(self, campaign_id: str) -> Echo | None:
        """Return the echo once, when it is whole and fresh."""
        echo = self._echoes.pop(campaign_id, None)
        return echo if echo is not None and echo.is_fresh and echo.is_whole else None

    def forget(self) -> None:
        """Drop every echo, since a change may have made it wrong."""
        self._echoes.clear()

    def remember_smart_plus(self, ids: Iterable[str]) -> None:
        """Keep the ids of objects that are known to be Smart+."""
        if len(self._smart_plus_ids) > _REMEMBERED_IDS:
            self._smart_plus_ids.clear()
        self._smart_plus_ids.update(ids)

    def is_smart_plus(self, platform_id: str) -> bool:
        """Return whether the object is known to be Smart+; others may be of either family."""
        return platform_id in self._smart_plus_ids

    def likely_families(self, ids: Sequence[str], families: list[facts.Family]) -> list[facts.Family]:
        """Return `families` with the one of these objects first, as far as it is known."""
        is_smart_plus = self.is_smart_plus(ids[0])
        return sorted(families, key=lambda family: (family == "smart_plus") != is_smart_plus)
