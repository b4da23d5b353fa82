"""The schedules of a test: one at its end, always, and a daily one from its second day until it is over."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import Any

from campaign_automation.clients.scheduler import Schedules
from campaign_automation.stores.ab_test_store import AbTest

_DAY = timedelta(days=1)
_DAILY_RETRIES = {"MaximumRetryAttempts": 5, "MaximumEventAgeInSeconds": 6 * 3600}
# The end must not be lost: it stops the spending. After a day the platform's own end time does.
_END_RETRIES = {"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 24 * 3600}


class AbTestSchedules(Schedules):
    """Schedules of running tests; they bear the tests' ids."""

    async def put(self, test: AbTest, *, daily: bool) -> None:
        """Make the test's schedules, its end first; one that is there already stays."""
        await self._asked(self._put, self._at_end(test))
        if daily:
            await self._asked(self._put, self._daily(test))

    async def delete(self, name: str) -> None:
        """Delete all schedules of the test `name`; to have none is a success."""
        await super().delete(name)
        await super().delete(end_of(name))

    def _put(self, request: dict[str, Any]) -> None:
        try:
            self._client.create_schedule(**request)
        except self._client.exceptions.ConflictException:
            return

    def _at_end(self, test: AbTest) -> dict[str, Any]:
        # Whole seconds, rounded up: a check before the end would not end the test.
        end = (test.ends_at.astimezone(UTC) + timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%S")
        return self._common(end_of(test.test_id), _tick(test), _END_RETRIES) | {
            "ScheduleExpression": f"at({end})",
            "ActionAfterCompletion": "DELETE",
        }

    def _daily(self, test: AbTest) -> dict[str, Any]:
        return self._common(test.test_id, _tick(test), _DAILY_RETRIES) | {
            "ScheduleExpression": "rate(1 day)",
            "StartDate": test.starts_at + _DAY,
            # A day more, so that one of these too may end the test.
            "EndDate": test.ends_at + _DAY + timedelta(hours=1),
            "ActionAfterCompletion": "DELETE",
        }


def end_of(test_id: str) -> str:
    """Return the name of the schedule at the end of a test."""
    return f"{test_id}-end"


def _tick(test: AbTest) -> dict[str, str]:
    return {"tenant": test.tenant, "test_id": test.test_id}
