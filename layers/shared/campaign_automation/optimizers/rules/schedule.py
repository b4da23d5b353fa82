"""The next run of a rule, in UTC, and the reasons that keep it from acting at a moment."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from campaign_automation.models.rules.rule import ActiveHours, CreateRule, StoredRule
from campaign_automation.models.rules.vocabulary import WEEKDAYS
from campaign_automation.models.schedule_expressions import next_run


def next_run_of(stored: StoredRule, after: datetime) -> datetime | None:
    """Return the rule's next run, or None when it has expired by then."""
    run = next_run(stored.rule.parsed_schedule, stored.rule.time_zone, after, stored.anchor)
    expires = stored.rule.expires
    return None if run is None or (expires is not None and run >= expires) else run


def reason_not_now(rule: CreateRule, now: datetime) -> str | None:
    """Return the code of the reason not to act at `now`, or None.

    The codes are expired, blackout_date and outside_active_hours.
    """
    local = now.astimezone(ZoneInfo(rule.time_zone))
    if rule.expires is not None and now >= rule.expires:
        return "expired"
    if local.date() in rule.blackout_dates:
        return "blackout_date"
    if rule.active_hours is not None and not _within(rule.active_hours, local):
        return "outside_active_hours"
    return None


def _within(hours: ActiveHours, local: datetime) -> bool:
    moment, overnight = local.time(), hours.end <= hours.start
    if overnight:
        inside = moment >= hours.start or moment < hours.end
        # The part past midnight belongs to the day on which the span began.
        began = local - timedelta(days=1) if moment < hours.start else local
    else:
        inside, began = hours.start <= moment < hours.end, local
    return inside and WEEKDAYS[began.weekday()] in hours.days
