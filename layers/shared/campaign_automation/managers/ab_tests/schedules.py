"""The schedules of a test: one at its end, always, and a daily one from its second day until it is over."""

from __future__ import annotations

from datetime import UTC, timedelta

from campaign_automation.clients.scheduler import Retries, Schedule, Scheduler
from campaign_automation.stores.ab_test_store import AbTest, AbTestStore
from campaign_automation.utils import clock
from campaign_automation.utils.observability import emit, internal_error

_DAY, _SOON = timedelta(days=1), timedelta(minutes=2)
_DAILY_RETRIES = Retries(attempts=5, seconds=6 * 3600)
# The end must not be lost: it stops the spending. After a day the platform's own end time does.
_END_RETRIES = Retries(attempts=185, seconds=24 * 3600)


class AbTestSchedules:
    """Schedules of running tests; they bear the tests' ids."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler

    async def put(self, test: AbTest) -> None:
        """Make the test's schedules, its end first; one that is there already stays."""
        await self._scheduler.put(_at_end(test), replace=False)
        if test.daily_checks and clock.now() < test.ends_at:
            await self._scheduler.put(_daily(test), replace=False)

    async def names(self) -> set[str]:
        """Return the names of all schedules in the group."""
        return await self._scheduler.names()

    async def is_driven(self) -> bool:
        """Return whether anything carries the checks of tests out."""
        return await self._scheduler.is_driven()

    async def delete(self, test_id: str) -> None:
        """Delete all schedules of the test; to have none is a success."""
        await self._scheduler.delete(test_id)
        await self._scheduler.delete(end_of(test_id))


class AbTestSchedulesRepair:
    """The schedules that running tests lack, after a loss of their group or a restored table."""

    def __init__(self, tests: AbTestStore, schedules: AbTestSchedules | None) -> None:
        self._tests = tests
        self._schedules = schedules

    async def repair(self) -> int:
        """Make the missing schedules of running tests, and return for how many tests."""
        if self._schedules is None:
            return 0
        there, made = await self._schedules.names(), 0
        for tenant, test_id in await self._tests.running():
            if end_of(test_id) in there:
                continue
            try:
                test = await self._tests.load(tenant, test_id)
            except (KeyError, ValueError):  # its row cannot be read: the others get their schedules
                internal_error("test not read", test_id=test_id)
                continue
            if test is not None and test.state == "running":
                await self._schedules.put(test)
                made += 1
        emit("ab_test_schedules_repaired_total", made)
        return made


def end_of(test_id: str) -> str:
    """Return the name of the schedule at the end of a test."""
    return f"{test_id}-end"


def _at_end(test: AbTest) -> Schedule:
    # Whole seconds, rounded up: a check before the end would not end the test. A lost schedule is made again
    # also when the end has passed meanwhile, and the scheduler runs nothing of the past.
    moment = max(test.ends_at + timedelta(seconds=1), clock.now() + _SOON)
    end = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return Schedule(end_of(test.test_id), f"at({end})", _tick(test), _END_RETRIES, deletes_itself=True)


def _daily(test: AbTest) -> Schedule:
    return Schedule(
        test.test_id,
        "rate(1 day)",
        _tick(test),
        _DAILY_RETRIES,
        start=max(test.starts_at + _DAY, clock.now() + _SOON),
        # A day more, so that one of these too may end the test.
        end=test.ends_at + _DAY + timedelta(hours=1),
        deletes_itself=True,
    )


def _tick(test: AbTest) -> dict[str, str]:
    return {"tenant": test.tenant, "test_id": test.test_id}
