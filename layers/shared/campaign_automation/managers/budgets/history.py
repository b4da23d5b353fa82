"""The history of one budget in the audit trail: today's start, the last change, days of rest. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from campaign_automation.models.campaign import Campaign
from campaign_automation.models.changes import AuditRecord
from campaign_automation.models.common import Level
from campaign_automation.utils.clock import day_of


class BudgetHistory(NamedTuple):
    """Days are the account's. `start_budget` was in force when today began, None where it still is;
    `rest_days` are those on which the object was not active from beginning to end; `evidence_since` is the
    day from which on its ads are as they are now."""

    start_budget: Decimal | None
    last_changed: date | None
    rest_days: frozenset[date]
    evidence_since: date | None
    budget: Decimal | None = None
    changes: Sequence[tuple[date, Decimal | None, Decimal | None]] = ()

    def budget_on(self, day: date) -> Decimal | None:
        """Return the least budget in force on a day; None where it is not known."""
        todays = [value for at, *values in self.changes if at == day for value in values]
        if todays:
            return None if None in todays else min(value for value in todays if value is not None)
        return next((before for at, before, _ in self.changes if at > day), self.budget)


def history_of(
    campaign: Campaign,
    level: Level,
    tag: str,
    trail: Sequence[AuditRecord],
    zone: ZoneInfo,
    today: date,
    budget: Decimal | None = None,
) -> BudgetHistory:
    """Read the history from a trail, oldest record first; `budget` is the one in force now."""
    # A refused change did not happen; one with an unknown outcome may have, so it counts.
    happened = [record for record in trail if record.outcome != "failed" and record.operation != "create"]
    created = campaign.first_day(zone)
    budgets = [item for item in happened if item.operation == "set_budget" and item.entity_id == tag]
    todays = [item for item in budgets if _day(item, zone) == today and item.before]
    start = (todays[0].before or {}).get("daily_budget") if todays else None
    adset_tag = None if level is Level.CAMPAIGN else tag
    return BudgetHistory(
        start_budget=None if start is None else Decimal(start),
        last_changed=max((_day(item, zone) for item in budgets), default=None),
        rest_days=frozenset(
            day
            for owner in {tag, campaign.tag}
            for day in _rest_days(
                _statuses(happened, owner, zone), created, today, _ran_before(happened, owner)
            )
        ),
        budget=budget,
        changes=[(_day(item, zone), _amount(item.before), _amount(item.after)) for item in budgets],
        evidence_since=max(
            [
                *([created] if created else []),
                *(_day(item, zone) for item in happened if campaign.has_ad(item.entity_id, adset_tag)),
            ],
            default=None,
        ),
    )


def _day(record: AuditRecord, zone: ZoneInfo) -> date:
    return day_of(datetime.fromisoformat(record.at), zone)


def _amount(values: dict[str, Any] | None) -> Decimal | None:
    amount = (values or {}).get("daily_budget")
    return None if amount is None else Decimal(str(amount))


def _statuses(records: Iterable[AuditRecord], tag: str, zone: ZoneInfo) -> list[tuple[date, str]]:
    return [
        (_day(record, zone), str((record.after or {}).get("status")))
        for record in records
        if record.operation == "set_status" and record.entity_id == tag
    ]


def _ran_before(records: Iterable[AuditRecord], tag: str) -> bool:
    """Return whether the object was active when it was first changed here, as one made elsewhere may be."""
    own = (item for item in records if item.operation == "set_status" and item.entity_id == tag)
    first = next(own, None)
    return first is not None and (first.before or {}).get("status") == "active"


def _rest_days(
    changes: Sequence[tuple[date, str]], created: date | None, today: date, ran_before: bool
) -> set[date]:
    """Return the days of rest, from the creation on, which makes everything paused.

    Where that is not known, nothing is said of the days before the first change.
    """
    # An ad set that was started with its campaign left no change of its own in the trail.
    resting: date | None = created if changes and not ran_before else None
    days = {created} if created else set()
    for day, status in changes:
        if status != "active":
            resting = resting or day
        else:
            days |= _span(resting or day, day)
            resting = None
    return days | _span(resting, today) if resting else days


def _span(first: date, last: date) -> set[date]:
    return {first + timedelta(days=offset) for offset in range((last - first).days + 1)}
