"""When an EventBridge Scheduler expression is due. Times are aware; every function takes `now`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from campaign_automation.models.schedule_expressions import Rate, last_run, parse_expression

EXPRESSION = re.compile(r"(rate|cron|at)\((.*)\)")
RATE = re.compile(r"(\d+)\s+(minute|hour|day)s?")
CRON_FIELDS = 6  # the module takes five, too; EventBridge does not


@dataclass(frozen=True)
class Schedule:
    """One schedule, as the Scheduler API describes it."""

    name: str
    group: str
    arn: str
    expression: str
    timezone: str
    target: dict[str, Any]
    enabled: bool = True
    start: datetime | None = None
    end: datetime | None = None
    delete_after: bool = False

    @property
    def key(self) -> str:
        return f"{self.group}/{self.name}"

    @property
    def is_one_time(self) -> bool:
        return self.expression.startswith("at(")


def last_due(schedule: Schedule, created: datetime, now: datetime) -> datetime | None:
    """The latest time at or before `now` at which the schedule is due, None if there has been none.

    A rate is due at its start date (without one: when it was created) and every interval after that.
    A cron time that a clock change removes is skipped; one that occurs twice is due the first time.
    Source: EventBridge Scheduler user guide, "Schedule types".
    """
    match = EXPRESSION.fullmatch(schedule.expression)
    if match is None:
        raise ValueError(f"not a schedule expression: {schedule.expression}")
    limit = min(now, schedule.end) if schedule.end else now
    start = schedule.start or created
    kind, argument = match.groups()
    match kind:
        case "rate":
            due = _last_rate(argument, start, limit)
        case "cron":
            due = _last_cron(argument, schedule.timezone, limit)
        case _:
            due = _once(argument, ZoneInfo(schedule.timezone), limit)
    return due if due and (schedule.start is None or due >= schedule.start) else None


def _last_rate(argument: str, start: datetime, limit: datetime) -> datetime | None:
    match = RATE.fullmatch(argument)
    if match is None:
        raise ValueError(f"not a rate: {argument}")
    step = timedelta(**{match[2] + "s": int(match[1])})
    return start + (limit - start) // step * step if limit >= start else None


def _last_cron(argument: str, zone: str, limit: datetime) -> datetime | None:
    if len(argument.split()) != CRON_FIELDS:
        raise ValueError(f"not a schedule expression: cron({argument}) has no {CRON_FIELDS} fields")
    cron = parse_expression(f"cron({argument})")
    return None if isinstance(cron, Rate) else last_run(cron, zone, limit)


def _once(argument: str, zone: ZoneInfo, limit: datetime) -> datetime | None:
    due = datetime.fromisoformat(argument).replace(tzinfo=zone).astimezone(UTC)
    return due if due <= limit else None
