"""The account as it was known on past mornings, as far as reports of those mornings were kept. Pure.

Reports are kept by campaign, so each object is taken to have missed the same share of conversions as its
campaign.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from campaign_automation.managers.rules.account_snapshot import AccountSnapshot
from campaign_automation.managers.shared.insights import SNAPSHOT_DAYS
from campaign_automation.models.budget_problem import MaturitySnapshot
from campaign_automation.optimizers.rules.data import Day, Entity, Snapshot

Counts = dict[date, list[float | None]]  # conversions of a day by its age


def known_then(account: AccountSnapshot) -> dict[date, Snapshot]:
    """Return the account as reported on the morning after each day that every campaign has a report of."""
    reports = {campaign: _counts(kept) for campaign, kept in account.reports.items()}
    days = [_reported(counts) for counts in reports.values()]
    return {
        day: _morning(account.snapshot, reports, day)
        for day in sorted(set.intersection(*days) if days else [])
    }


def _counts(kept: Sequence[MaturitySnapshot]) -> Counts:
    return {snapshot.day: snapshot.counts for snapshot in kept}


def _reported(counts: Counts) -> set[date]:
    """Return the days of which a report of the next morning (age 0) was kept."""
    return {day for day, by_age in counts.items() if by_age and by_age[0] is not None}


def _morning(history: Snapshot, reports: Mapping[str, Counts], day: date) -> Snapshot:
    midnight = datetime.combine(day + timedelta(days=1), time(0), tzinfo=ZoneInfo(history.time_zone))
    entities = [_entity(entity, reports.get(entity.campaign_id, {}), day) for entity in history.entities]
    return replace(history, entities=[item for item in entities if item.days], now=midnight.astimezone(UTC))


def _entity(entity: Entity, counts: Counts, day: date) -> Entity:
    return replace(entity, days=[_day(record, counts, day) for record in entity.days if record.day <= day])


def _day(record: Day, counts: Counts, day: date) -> Day:
    age = (day - record.day).days
    if age > SNAPSHOT_DAYS:  # by then all conversions had arrived
        return record
    share = _share(counts.get(record.day, []), age)
    return record._replace(
        conversions=_times(record.conversions, share), revenue=_times(record.revenue, share)
    )


def _share(by_age: Sequence[float | None], age: int) -> float | None:
    """Return the share of today's count that was known at that age; None when there was no report."""
    then = by_age[age] if age < len(by_age) else None
    latest = next((count for count in reversed(by_age) if count is not None), None)
    if then is None or latest is None:
        return None
    return then / latest if latest else 1.0  # of no conversions, all were known


def _times(amount: float | None, share: float | None) -> float | None:
    return None if amount is None or share is None else amount * share
