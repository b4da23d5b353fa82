"""First-party numbers: what the shop itself counted for the ads."""

from datetime import date
from typing import Any

from local.sandbox.core.world import World
from local.sandbox.meta.graph import Graph
from local.sandbox.meta.store import DayRecord

Json = dict[str, Any]


def report(world: World, user_id: int, level: str, entity_id: str, first: date, last: date) -> list[Json]:
    """One entry per day with delivery, newest first; money as text in major units."""
    graph = world.platforms["meta"]
    assert isinstance(graph, Graph)
    records = [
        record
        for record in graph.store.records.values()
        if getattr(record, f"{level}_id") == entity_id
        and first <= record.day <= last
        and graph.store.accounts[record.account_id].binding.user_id == user_id
    ]
    days = sorted({record.day for record in records}, reverse=True)
    return [_metrics(entity_id, day, [r for r in records if r.day == day]) for day in days]


def _metrics(entity_id: str, day: date, records: list[DayRecord]) -> Json:
    return {
        "timestamp": f"{day.isoformat()}T00:00:00Z",
        "entity_id": entity_id,
        "impressions": sum(record.impressions for record in records),
        "clicks": sum(record.clicks for record in records),
        "spend": str(sum(record.spend for record in records)),
        "conversions": sum(record.conversions for record in records),
        "revenue": str(sum(record.revenue for record in records)),
    }
