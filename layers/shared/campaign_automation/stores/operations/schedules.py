"""The schedules of a process that runs without a scheduler: rows of the table, due at their next run.

| pk                 | sk     | holds                                                                        |
|--------------------|--------|------------------------------------------------------------------------------|
| #schedules#<group> | <name> | the schedule; `scheduled`, the time of its next run; `due`, when to try that |
| #schedules         | driver | when a process last carried out what was due                                 |

The same expressions, zones and retries as in EventBridge. Runs that were missed while nobody looked are one
run, for the last of their times. Rows with a run to come are in the index, under `outbox` = "schedules".
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from campaign_automation.clients.scheduler import Retries, Schedule
from campaign_automation.models.schedule_expressions import Rate, last_run, next_run, parse_expression
from campaign_automation.stores.lease import Lease
from campaign_automation.stores.table import (
    AllOf,
    Delete,
    Equals,
    Key,
    Operation,
    Put,
    Row,
    Table,
    Update,
    Value,
)
from campaign_automation.utils import clock
from campaign_automation.utils.observability import internal_error

RUN_SECONDS = 900  # of the lease of one run; a process that dies keeps it that long

_PREFIX = "#schedules#"  # no tenant's name is empty, so no row of a tenant begins like this
_INDEX = "schedules"
_RUN = Lease(holder="run_by", until="run_until")
_PAGE = 25  # rows of the index that one search for a due run reads, besides those seen
_MOMENT = timedelta(microseconds=1)
_MILLISECOND = timedelta(milliseconds=1)
_SILENCE = timedelta(hours=1)  # after which nobody carries out due runs any more
_DRIVER = Key("#schedules", "driver")
_PAUSES = (60, 3600)  # seconds before a failed run is tried again: the first pause, doubled up to the last


class DueRun(NamedTuple):
    """One run that has become due, claimed by `holder`."""

    group: str
    schedule: Schedule
    created: datetime
    scheduled_time: datetime
    failures: int
    first_try: datetime
    holder: str

    @property
    def tick(self) -> dict[str, str]:
        return {**self.schedule.tick, "scheduled_time": clock.iso(self.scheduled_time)}

    @property
    def key(self) -> Key:
        return _key(self.group, self.schedule.name)


class TableScheduler:
    """The engine of schedules in the table: one group of them."""

    def __init__(self, table: Table, group: str) -> None:
        self._table = table
        self._group = group

    async def put(self, schedule: Schedule, *, replace: bool) -> None:
        """Make the schedule; one of its name is replaced or stays."""
        if not replace and await self._table.get(_key(self._group, schedule.name)):
            return
        now = clock.now()
        await self._table.write(Put(_row(self._group, schedule, now)))

    async def delete(self, name: str) -> None:
        """Delete the schedule; one that does not exist is a success."""
        await self._table.write(Delete(_key(self._group, name)))

    async def names(self) -> set[str]:
        """Return the names of all schedules in the group."""
        return {row["sk"] for row in await self._table.query(_PREFIX + self._group)}

    async def is_driven(self) -> bool:
        """Return whether a process carried out due runs within the last hour."""
        row = await self._table.get(_DRIVER)
        return row is not None and clock.now_ms() - int(row["at"]) < _SILENCE // _MILLISECOND

    async def tick(self, name: str) -> dict[str, str] | None:
        """Return the tick of a schedule; None when it no longer exists."""
        row = await self._table.get(_key(self._group, name))
        return None if row is None else dict(_schedule(row).tick)


class DueRuns:
    """The runs of all groups that are due, each given to one process at a time."""

    def __init__(self, table: Table) -> None:
        self._table = table

    async def note_driver(self) -> None:
        """Note that a process carries out due runs."""
        await self._table.write(Put({**_DRIVER._asdict(), "at": clock.now_ms()}))

    async def next_due(self) -> datetime | None:
        """Return the moment at which the next run is due; None when none is to come."""
        rows = await self._table.indexed(_INDEX, limit=1)
        return clock.at_ms(int(rows[0]["due"])) if rows else None

    async def claim(self, seen: set[Key]) -> DueRun | None:
        """Take the lease of one run that is due now and that no other process has; None when there is none.

        One at a time, directly before it is carried out: other processes take the others meanwhile. Runs of
        the schedules in `seen` are passed by; those that were looked at are added to it.
        """
        now = clock.now_ms()
        for found in await self._table.indexed(_INDEX, limit=len(seen) + _PAGE):
            key = Key(found["pk"], found["sk"])
            if int(found["due"]) > now:
                return None
            if key in seen:
                continue
            seen.add(key)
            if run := await self._claim(key):
                return run
        return None

    async def release(self, run: DueRun) -> None:
        """Give back the lease of a run that was not carried out."""
        when = _RUN.held_by(run.holder)
        await self._table.try_write(Update(run.key, remove=_RUN.attributes, when=when))

    async def _claim(self, key: Key) -> DueRun | None:
        row = await self._table.get(key)
        if row is None or "due" not in row or int(row["due"]) > clock.now_ms():
            return None  # another process has just run it: the index is a moment behind
        if (stored := _readable(row)) is None:
            return None
        schedule, first = stored
        holder = uuid.uuid4().hex
        free = AllOf(Equals("due", row["due"]), _RUN.free_for(holder))
        if not await self._table.try_write(Update(key, set=_RUN.taken(holder, RUN_SECONDS), when=free)):
            return None
        failures = int(row.get("failures", 0))
        # A run that failed is tried again for the time it was for; later ones may have passed meanwhile.
        scheduled = first if failures else _last_run(schedule, first, clock.now())
        created = clock.at_ms(int(row["created"]))
        group, tried = key.pk.removeprefix(_PREFIX), row.get("tried")
        first_try = clock.now() if tried is None else clock.at_ms(int(tried))
        return DueRun(group, schedule, created, scheduled, failures, first_try, holder)

    async def done(self, run: DueRun) -> None:
        """Note that the run is over, done or given up, and when the next is due."""
        await self._table.try_write(self._after(run))

    async def failed(self, run: DueRun) -> bool:
        """Note a failed try. Return whether there will be another one; else the run is given up.

        Counted from the first try: nobody may have looked for days. What happens only once, as the end of a
        test, is never given up.
        """
        attempts, seconds = run.schedule.retries
        is_late = clock.now() - run.first_try > timedelta(seconds=seconds)
        if (run.failures >= attempts or is_late) and not _is_once(run.schedule):
            await self.done(run)
            return False
        first, longest = _PAUSES
        pause = min(first * 2 ** min(run.failures, 10), longest)
        again = {
            "tried": int(run.first_try.timestamp() * 1000),
            "due": clock.now_ms() + pause * 1000,
            "scheduled": int(run.scheduled_time.timestamp() * 1000),
            "failures": run.failures + 1,
        }
        when = _RUN.held_by(run.holder)
        await self._table.try_write(Update(run.key, set=again, remove=_RUN.attributes, when=when))
        return True

    def _after(self, run: DueRun) -> Operation:
        # A schedule that was replaced meanwhile has no holder, and stays as it is.
        when, following = _RUN.held_by(run.holder), _next_run(run.schedule, run.scheduled_time)
        if following is None and run.schedule.deletes_itself:
            return Delete(run.key, when=when)
        attributes = _due_at(following)
        gone = [*_RUN.attributes, "failures", "tried", *({"outbox", "due", "scheduled"} - attributes.keys())]
        return Update(run.key, set=attributes, remove=gone, when=when)


def _row(group: str, schedule: Schedule, now: datetime) -> Row:
    created = int(now.timestamp() * 1000)
    text = json.dumps(asdict(schedule), default=clock.iso)
    return {
        **_key(group, schedule.name)._asdict(),
        "schedule": text,
        "created": created,
        **_due_at(_first_run(schedule, now)),
    }


def _schedule(row: Row) -> Schedule:
    stored = json.loads(row["schedule"])
    times = {name: datetime.fromisoformat(stored[name]) for name in ("start", "end") if stored[name]}
    return Schedule(**{**stored, **times, "retries": Retries(*stored["retries"])})


def _readable(row: Row) -> tuple[Schedule, datetime] | None:
    """Return the schedule and the time of its run; None, logged, of a row that this version cannot read."""
    try:
        return _schedule(row), clock.at_ms(int(row["scheduled"]))
    except (KeyError, TypeError, ValueError):
        internal_error("schedule not read", schedule=row["sk"])
        return None


def _is_once(schedule: Schedule) -> bool:
    return schedule.expression.startswith("at(")


def _due_at(moment: datetime | None) -> Mapping[str, Value]:
    if moment is None:
        return {}
    due = int(moment.timestamp() * 1000)
    return {"outbox": _INDEX, "due": due, "scheduled": due}


def _first_run(schedule: Schedule, created: datetime) -> datetime | None:
    if _is_once(schedule):
        moment = schedule.expression.removeprefix("at(").removesuffix(")")
        return datetime.fromisoformat(moment).replace(tzinfo=UTC)
    if isinstance(parse_expression(schedule.expression), Rate):
        return _next_run(schedule, created) if schedule.start is None else schedule.start.astimezone(UTC)
    # A cron time at the very start is a run too.
    return _next_run(schedule, (schedule.start or created) - _MOMENT)


def _next_run(schedule: Schedule, after: datetime) -> datetime | None:
    """Return the first run after `after`, itself a run or the moment from which a rate counts."""
    if _is_once(schedule):
        return None
    run = next_run(parse_expression(schedule.expression), schedule.time_zone, after, anchor=after)
    return None if run is None or (schedule.end is not None and run > schedule.end) else run


def _last_run(schedule: Schedule, first: datetime, now: datetime) -> datetime:
    """Return the last run up to `now`; `first` is one."""
    if _is_once(schedule):
        return first
    until = now if schedule.end is None else min(now, schedule.end)
    expression = parse_expression(schedule.expression)
    if isinstance(expression, Rate):
        period = timedelta(minutes=expression.minutes)
        return first + max((until - first) // period, 0) * period
    return max(first, last_run(expression, schedule.time_zone, until) or first)


def _key(group: str, name: str) -> Key:
    return Key(_PREFIX + group, name)
