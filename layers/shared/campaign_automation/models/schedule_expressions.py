"""The schedule expressions of EventBridge Scheduler: rate(6 hours), cron(0 9 ? * MON-FRI *); and their runs.

Source: Amazon EventBridge Scheduler user guide, "Schedule types".
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from campaign_automation.utils.languages.plurals import counted

MIN_MINUTES = 15  # between two runs of a rule
_UNITS = {"minute": 1, "hour": 60, "day": 1440}
_RATE = re.compile(r"rate\(\s*(\d{1,6})\s+(minute|hour|day)s?\s*\)")
_CRON = re.compile(r"cron\(([^()]*)\)")
_PART = re.compile(r"(\*|(\w+)(?:-(\w+))?)(?:/(\d+))?")
_MONTHS = {
    name: number for number, name in enumerate("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split(), 1)
}
_WEEKDAYS = {name: number for number, name in enumerate("SUN MON TUE WED THU FRI SAT".split(), 1)}
YEARS = (1970, 2199)  # the range of EventBridge's year field
# Frequent schedules have many runs in a day, rare ones few in years.
_LOOK_BACKS = (1, 32, 367, 40 * 366)
_YEARS_AHEAD = 40  # every combination of day, month and weekday comes round within 40 years

DayRule = Callable[[date], bool]


@dataclass(frozen=True)
class Rate:
    """A run every `minutes` minutes, counted from the creation of the schedule."""

    minutes: int

    def __str__(self) -> str:
        unit = next(unit for unit in ("day", "hour", "minute") if self.minutes % _UNITS[unit] == 0)
        count = self.minutes // _UNITS[unit]
        return f"rate({count} {unit}{'' if count == 1 else 's'})"


@dataclass(frozen=True)
class Cron:
    """Runs at wall-clock times, as minutes after midnight, on the days that `runs_on` accepts."""

    text: str
    times: tuple[int, ...]
    months: frozenset[int]
    years: frozenset[int]
    day_rules: tuple[DayRule, ...]

    def __str__(self) -> str:
        return self.text

    def runs_on(self, day: date) -> bool:
        return (
            day.month in self.months and day.year in self.years and any(rule(day) for rule in self.day_rules)
        )


def parse_schedule(text: str) -> Rate | Cron:
    """Parse the schedule of a rule, with at least 15 minutes between two runs.

    Raises ValueError saying what is wrong with it.
    """
    schedule = parse_expression(text)
    shortest = schedule.minutes if isinstance(schedule, Rate) else _shortest_pause(schedule.times)
    if shortest < MIN_MINUTES:
        raise ValueError(f"runs {counted(shortest, 'minute')} apart; the minimum is {MIN_MINUTES} minutes")
    return schedule


def parse_expression(text: str) -> Rate | Cron:
    """Parse a rate or cron expression.

    A cron expression has the six fields of EventBridge (minutes, hours, day of month, month, day of week,
    year), or five without the year. Raises ValueError saying what is wrong with it.
    """
    if found := _RATE.fullmatch(text.strip()):
        return Rate(int(found[1]) * _UNITS[found[2]])
    if found := _CRON.fullmatch(text.strip()):
        return _cron(found[1].upper().split())
    raise ValueError("should be rate(6 hours) or cron(0 9 ? * MON-FRI *)")


def _shortest_pause(times: tuple[int, ...]) -> int:
    """Return the shortest pause in minutes, also between the last time of a day and the first of the next."""
    return min(after - before for before, after in zip(times, [*times[1:], times[0] + 1440], strict=True))


def _cron(fields: list[str]) -> Cron:
    if len(fields) == 5:
        fields = _with_year(fields)
    if len(fields) != 6:
        raise ValueError(f"cron takes six fields, found {len(fields)}: minutes hours day month weekday year")
    minutes, hours, month_day, months, week_day, years = fields
    if (month_day == "?") == (week_day == "?"):
        raise ValueError("exactly one of day of month and day of week is ?")
    return Cron(
        text=f"cron({' '.join(fields)})",
        times=tuple(
            hour * 60 + minute
            for hour in _numbers("hours", hours, 0, 23)
            for minute in _numbers("minutes", minutes, 0, 59)
        ),
        months=frozenset(_numbers("month", months, 1, 12, _MONTHS)),
        years=frozenset(_numbers("year", years, *YEARS)),
        day_rules=_month_days(month_day) if week_day == "?" else _week_days(week_day),
    )


def _with_year(fields: list[str]) -> list[str]:
    """Return the six fields of a short, Unix-style expression."""
    # Unix counts Sunday as 0 and AWS as 1, so a short expression has to name its weekdays.
    if re.search(r"(?<![#\w])\d", fields[4]):
        raise ValueError("without a year, write weekdays as names: MON-FRI")
    month_day, week_day = fields[2], fields[4]
    # EventBridge wants exactly one ? among the two days; Unix has no ? and writes * for both.
    if week_day == "*":
        week_day = "*" if month_day == "?" else "?"
    elif month_day == "*":
        month_day = "?"
    return [*fields[:2], month_day, fields[3], week_day, "*"]


def _numbers(
    name: str, text: str, low: int, high: int, aliases: dict[str, int] | None = None
) -> tuple[int, ...]:
    values: set[int] = set()
    for part in text.split(","):
        found = _PART.fullmatch(part)
        if not found:
            raise ValueError(f"{name}: cannot read {part!r}")
        first = low if found[1] == "*" else _number(name, found[2], low, high, aliases or {})
        # As in cron, 5/10 runs from 5 to the end of the range.
        if found[3]:
            last = _number(name, found[3], low, high, aliases or {})
        else:
            last = high if found[1] == "*" or found[4] else first
        if first > last or found[4] == "0":
            raise ValueError(f"{name}: {part!r} names nothing")
        values.update(range(first, last + 1, int(found[4] or 1)))
    return tuple(sorted(values))


def _number(name: str, text: str, low: int, high: int, aliases: dict[str, int]) -> int:
    value = aliases.get(text, int(text) if text.isascii() and text.isdigit() else -1)
    if not low <= value <= high:
        raise ValueError(f"{name}: {text!r} is not between {low} and {high}")
    return value


def _month_days(text: str) -> tuple[DayRule, ...]:
    return tuple(_month_day(part) for part in text.split(","))


def _month_day(part: str) -> DayRule:
    if part == "L":
        return lambda day: day.day == _length(day)
    if found := re.fullmatch(r"(\d+)W", part):
        wanted = _number("day of month", found[1], 1, 31, {})
        return lambda day: wanted <= _length(day) and day == _nearest_weekday(day, wanted)
    numbers = _numbers("day of month", part, 1, 31)
    return lambda day: day.day in numbers


def _week_days(text: str) -> tuple[DayRule, ...]:
    return tuple(_week_day(part) for part in text.split(","))


def _week_day(part: str) -> DayRule:
    if part == "L":
        raise ValueError(
            "day of week: L alone is the last day of the week; write SAT, or 7L for a month's last"
        )
    if found := re.fullmatch(r"(\w+)L", part):
        last = _number("day of week", found[1], 1, 7, _WEEKDAYS)
        return lambda day: _aws_weekday(day) == last and day.day + 7 > _length(day)
    if found := re.fullmatch(r"(\w+)#([1-5])", part):
        nth, which = _number("day of week", found[1], 1, 7, _WEEKDAYS), int(found[2])
        return lambda day: _aws_weekday(day) == nth and (day.day + 6) // 7 == which
    numbers = _numbers("day of week", part, 1, 7, _WEEKDAYS)
    return lambda day: _aws_weekday(day) in numbers


def _aws_weekday(day: date) -> int:
    return day.isoweekday() % 7 + 1  # Sunday is 1


def _length(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1]


def _nearest_weekday(day: date, number: int) -> date:
    """Return the Monday to Friday nearest to the `number`-th of the month of `day`, within that month."""
    wanted = day.replace(day=number)
    shift = {5: -1, 6: 1}.get(wanted.weekday(), 0)
    if (wanted + timedelta(days=shift)).month != day.month:
        shift = 2 if shift < 0 else -2
    return wanted + timedelta(days=shift)


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


def last_run(cron: Cron, time_zone: str, until: datetime) -> datetime | None:
    """Return the last run up to `until`, in UTC; None when there was none in the last 40 years."""
    for days in _LOOK_BACKS:
        run = next_run(cron, time_zone, until - timedelta(days=days), until)
        found = None
        while run is not None and run <= until:
            found, run = run, next_run(cron, time_zone, run, until)
        if found is not None:
            return found
    return None


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
