"""The schedule that looks after a test: daily from its second day until it is over."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from campaign_automation.managers.schedules import Target
from campaign_automation.stores.ab_test_store import AbTest
from campaign_automation.utils.error_handler import CampaignAutomationError

# The check at the end must not be lost: it stops the spending.
_RETRIES = {"MaximumRetryAttempts": 5, "MaximumEventAgeInSeconds": 6 * 3600}
_DAY = timedelta(days=1)


class AbTestSchedules:
    """Raises CampaignAutomationError (4000) when the scheduler does not do what it is asked."""

    def __init__(self, group: str, target: Target, client: Callable[[], Any]) -> None:
        self._group = group
        self._target = target
        self._get_client = client

    async def put(self, test: AbTest) -> None:
        """Makes the test's schedule; one that is there already stays."""
        await self._asked(self._put, self._request(test))

    async def delete(self, test_id: str) -> None:
        """To have none is a success."""
        await self._asked(self._delete, test_id)

    def _put(self, request: dict[str, Any]) -> None:
        client = self._get_client()
        try:
            client.create_schedule(**request)
        except client.exceptions.ConflictException:
            return

    def _delete(self, name: str) -> None:
        client = self._get_client()
        try:
            client.delete_schedule(Name=name, GroupName=self._group)
        except client.exceptions.ResourceNotFoundException:
            return

    def _request(self, test: AbTest) -> dict[str, Any]:
        tick = {
            "tenant": test.tenant,
            "test_id": test.test_id,
            "scheduled_time": "<aws.scheduler.scheduled-time>",
        }
        return {
            "Name": test.test_id,
            "GroupName": self._group,
            "ScheduleExpression": "rate(1 day)",
            "StartDate": test.starts_at + _DAY,
            # The check at the very end is the one that ends the test; a day more lets one after it do so.
            "EndDate": test.ends_at + _DAY + timedelta(hours=1),
            "ActionAfterCompletion": "DELETE",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": {
                "Arn": self._target.function_arn,
                "RoleArn": self._target.role_arn,
                "Input": json.dumps(tick),
                "RetryPolicy": _RETRIES,
                "DeadLetterConfig": {"Arn": self._target.dead_letters_arn},
            },
        }

    async def _asked(self, call: Callable[[Any], None], argument: Any) -> None:
        """boto3 is synchronous: its calls run in a thread."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            await asyncio.to_thread(call, argument)
        except (BotoCoreError, ClientError) as error:
            raise CampaignAutomationError(
                f"the scheduler did not answer: {type(error).__name__}", code="4000"
            ) from error
