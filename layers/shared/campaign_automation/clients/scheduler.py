"""EventBridge schedules of ours: each calls one function with one tick, in one group per kind and stage."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

from campaign_automation.utils.error_handler import CampaignAutomationError

T = TypeVar("T")


class Target(NamedTuple):
    """Whom the schedules call, as which role, and where calls go that nobody took."""

    function_arn: str
    role_arn: str
    dead_letters_arn: str


class Schedules:
    """What all schedules have in common. Raises CampaignAutomationError (4000) when the scheduler does not do
    what it is asked."""

    def __init__(self, group: str, target: Target, client: Callable[[], Any]) -> None:
        self._group = group
        self._target = target
        self._get_client = client

    async def delete(self, name: str) -> None:
        """To have none is a success."""
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
        """The part of a request that says who is called with what; `tick` also gets the scheduled time."""
        return {
            "Name": name,
            "GroupName": self._group,
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": {
                "Arn": self._target.function_arn,
                "RoleArn": self._target.role_arn,
                "Input": json.dumps({**tick, "scheduled_time": "<aws.scheduler.scheduled-time>"}),
                "RetryPolicy": retries,
                "DeadLetterConfig": {"Arn": self._target.dead_letters_arn},
            },
        }

    async def _asked(self, call: Callable[..., T], *arguments: Any) -> T:
        """boto3 is synchronous: its calls run in a thread."""
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
    """How many schedules of `group` are enabled."""
    import boto3

    schedules = list_schedules(boto3.client("scheduler"), group)
    return sum(schedule["State"] == "ENABLED" for schedule in schedules)
