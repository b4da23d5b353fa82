"""The schedule that looks after a test: daily from its second day until it is over."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from campaign_automation.clients.scheduler import Schedules
from campaign_automation.stores.ab_test_store import AbTest

# The check at the end must not be lost: it stops the spending.
_RETRIES = {"MaximumRetryAttempts": 5, "MaximumEventAgeInSeconds": 6 * 3600}
_DAY = timedelta(days=1)


class AbTestSchedules(Schedules):
    """One for each running test, named after it."""

    async def put(self, test: AbTest) -> None:
        """Makes the test's schedule; one that is there already stays."""
        await self._asked(self._put, self._request(test))

    def _put(self, request: dict[str, Any]) -> None:
        try:
            self._client.create_schedule(**request)
        except self._client.exceptions.ConflictException:
            return

    def _request(self, test: AbTest) -> dict[str, Any]:
        return self._common(test.test_id, {"tenant": test.tenant, "test_id": test.test_id}, _RETRIES) | {
            "ScheduleExpression": "rate(1 day)",
            "StartDate": test.starts_at + _DAY,
            # The check at the very end is the one that ends the test; a day more lets one after it do so.
            "EndDate": test.ends_at + _DAY + timedelta(hours=1),
            "ActionAfterCompletion": "DELETE",
        }
