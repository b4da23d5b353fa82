"""First-party numbers: what the shop itself counted for the ads."""

from datetime import date
from itertools import groupby
from typing import Any

from local.sandbox.core.records import DayRecord, Level, added_up
from local.sandbox.core.world import World

Json = dict[str, Any]


def report(world: World, user_id: int, level: Level, entity_id: str, first: date, last: date) -> list[Json]:
    """One entry per day with delivery, newest first; money as text in major units."""
    records = [
        record
        for platform in world.ad_platforms.values()
        for record in platform.records(user_id, level, entity_id)
        if first <= record.day <= last
    ]
    records.sort(key=_day, reverse=True)
    days = [list(members) for _, members in groupby(records, _day)]
    return [_metrics(entity_id, added_up(members, members[0])) for members in days]


def _day(record: DayRecord) -> date:
    return record.day


def _metrics(entity_id: str, total: DayRecord) -> Json:
    return {
        "timestamp": f"{total.day.isoformat()}T00:00:00Z",
        "entity_id": entity_id,
        "impressions": total.impressions,
        "clicks": total.clicks,
        "spend": str(total.spend),
        "conversions": total.conversions,
        "revenue": str(total.revenue),
    }
