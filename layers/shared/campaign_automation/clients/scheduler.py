"""The schedules in EventBridge: each calls one function with one tick, in one group per kind and stage."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

from campaign_automation.utils.error_handler import CampaignAutomationError

T = TypeVar("T")


class Target(NamedTuple):
    """The function that schedules call, the role they call it in, and the queue of undelivered calls."""

    function_arn: str
    role_arn: str
    dead_letters_arn: str


class Schedules:
    """The base of all schedules; CampaignAutomationError (4000) when the scheduler refuses or fails."""

    def __init__(self, group: str, target: Target, client: Callable[[], Any]) -> None:
        self._group = group
        self._target = target
        self._get_client = client

    async def delete(self, name: str) -> None:
        """Delete the schedule; one that does not exist is a success."""
        await self._asked(self._delete, name)

    def _delete(self, name: str) -> None:
        try:
            self._client.delete_schedule(Name=name, GroupName=self._group)
        except self._client.exceptions.ResourceNotFoundException:
            return

    @property
    def _client(self) -> Any:
        return self._get_client()

    def _common(self, name: str, tick: dict[str, str], retries: dict[str, int]) -> dict[str, Any]:
        """Return the target of a request: the function, and `tick` with the scheduled time as its input."""
        return {
            "Name": name,
            "GroupName": self._group,
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": {
                "Arn": self._target.function_arn,
                "RoleArn": self._target.role_arn,
                # The scheduler replaces the placeholder; a repeated delivery carries the same time.
                "Input": json.dumps({**tick, "scheduled_time": "<aws.scheduler.scheduled-time>"}),
                "RetryPolicy": retries,
                "DeadLetterConfig": {"Arn": self._target.dead_letters_arn},
            },
        }

    async def _asked(self, call: Callable[..., T], *arguments: Any) -> T:
        """Run a call of boto3, which is synchronous, in a thread."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return await asyncio.to_thread(call, *arguments)
        except (BotoCoreError, ClientError) as error:
            raise CampaignAutomationError(
                f"the scheduler did not answer: {type(error).__name__}", code="4000"
            ) from error


def list_schedules(client: Any, group: str) -> Iterator[dict[str, Any]]:
    for page in client.get_paginator("list_schedules").paginate(GroupName=group):
        yield from page["Schedules"]


def count_active_rules(group: str) -> int:
    """Return the number of enabled schedules in `group`."""
    import boto3

    schedules = list_schedules(boto3.client("scheduler"), group)
    return sum(schedule["State"] == "ENABLED" for schedule in schedules)
