"""The next run of a rule, in UTC, and the reasons that keep it from acting at a moment."""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from campaign_automation.models.rules.rule import ActiveHours, CreateRule, StoredRule
from campaign_automation.models.rules.vocabulary import WEEKDAYS
from campaign_automation.models.schedule_expressions import Cron, Rate

_YEARS_AHEAD = 40  # every combination of day, month and weekday comes round within 40 years


def next_run(schedule: Rate | Cron, time_zone: str, after: datetime, anchor: datetime) -> datetime | None:
    """Return the first run later than `after`, in UTC; None when there is none.

    A rate counts from `anchor`. A cron expression names wall-clock times of the zone: a time that summer time
    skips never runs, one that it repeats runs once, the first time.
    Source: EventBridge Scheduler user guide, "Daylight savings time".
    """
    if isinstance(schedule, Rate):
        period = timedelta(minutes=schedule.minutes)
        periods = max((after - anchor) // period + 1, 1)
        return (anchor + periods * period).astimezone(UTC)
    zone = ZoneInfo(time_zone)
    # From the day before: in UTC and in the zone the same moment may fall on different days.
    for day in _days(schedule, after.astimezone(zone).date() - timedelta(days=1)):
        runs = (_in_utc(day, minutes, zone) for minutes in schedule.times)
        later = [run for run in runs if run is not None and run > after]
        if later:
            return min(later)
    return None


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


def _days(cron: Cron, first: date) -> Iterator[date]:
    for year in sorted(cron.years & set(range(first.year, first.year + _YEARS_AHEAD + 1))):
        for month in sorted(cron.months):
            for number in range(1, calendar.monthrange(year, month)[1] + 1):
                day = date(year, month, number)
                if day >= first and cron.runs_on(day):
                    yield day


def _in_utc(day: date, minutes: int, zone: ZoneInfo) -> datetime | None:
    """Return the moment of a wall-clock time, or None for one that summer time skips."""
    # fold=0: of a time that the end of summer time repeats this is the first.
    local = datetime(day.year, day.month, day.day, minutes // 60, minutes % 60, tzinfo=zone)
    moment = local.astimezone(UTC)
    # A skipped time comes back from UTC as another one.
    exists = moment.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None)
    return moment if exists else None
