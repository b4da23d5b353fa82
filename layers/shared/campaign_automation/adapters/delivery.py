"""Daily rows of delivery with the days of zeros that the platforms leave out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from campaign_automation.adapters.base import DailyInsight


class Parents(NamedTuple):
    """The parents of an object; an ad set names itself as `adset_id`."""

    campaign_id: str
    adset_id: str | None = None


def windows(since: date, until: date, days: int) -> Iterator[tuple[date, date]]:
    """Split the time from `since` to `until` into windows of at most `days`, which one report can hold."""
    while since <= until:
        last = min(since + timedelta(days=days - 1), until)
        yield since, last
        since = last + timedelta(days=1)


def fill_days(
    rows: Iterable[DailyInsight], ids: Mapping[str, Parents], since: date, until: date
) -> list[DailyInsight]:
    """Add rows of zeros to a complete report, one per object of `ids` and day of the window without a row.

    Rows are ordered by id and day; objects that are not in `ids` are kept as they are. `ids` maps each object
    to its parents. The window must hold only days on which the objects existed.
    """
    # Platforms leave out days without delivery.
    known = {(row.entity_id, row.day): row for row in rows}
    days = [since + timedelta(days=offset) for offset in range((until - since).days + 1)]
    zeros = {
        (item, day): _no_delivery(item, parents, day)
        for item, parents in ids.items()
        for day in days
        if (item, day) not in known
    }
    return [row for _, row in sorted((known | zeros).items())]


def _no_delivery(entity_id: str, parents: Parents, day: date) -> DailyInsight:
    return DailyInsight(
        entity_id=entity_id,
        campaign_id=parents.campaign_id,
        adset_id=parents.adset_id,
        day=day,
        spend=Decimal(0),
        impressions=0,
        clicks=0,
        conversions=Decimal(0),
        revenue=Decimal(0),
    )
