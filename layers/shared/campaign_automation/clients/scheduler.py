"""The port of schedules, and its engine in EventBridge Scheduler; stores/operations/schedules.py is another.

A schedule hands its tick, with the time for which it is due, to what evaluates rules or checks tests. A tick
whose delivery fails is delivered again; one with the same time is the same tick.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol, TypeVar

from campaign_automation.utils.error_handler import CampaignAutomationError

T = TypeVar("T")


class Retries(NamedTuple):
    """The repeated deliveries of a failed tick, and the seconds after which it is given up."""

    attempts: int
    seconds: int


@dataclass(frozen=True)
class Schedule:
    """One schedule of a group.

    `expression` is rate(...), cron(...) in the wall-clock time of `time_zone`, or at(...) in UTC. A rate
    counts from `start`, its first run. `deletes_itself`: after its last run.
    """

    name: str
    expression: str
    tick: Mapping[str, str]
    retries: Retries
    time_zone: str = "UTC"
    start: datetime | None = None
    end: datetime | None = None
    deletes_itself: bool = False
    description: str = ""


class Scheduler(Protocol):
    """The schedules of one group; CampaignAutomationError when they cannot be reached."""

    async def put(self, schedule: Schedule, *, replace: bool) -> None:
        """Make the schedule; one of its name is replaced or stays."""
        ...

    async def delete(self, name: str) -> None:
        """Delete the schedule; one that does not exist is a success."""
        ...

    async def names(self) -> set[str]:
        """Return the names of all schedules in the group."""
        ...

    async def tick(self, name: str) -> dict[str, str] | None:
        """Return the tick of a schedule; None when it no longer exists."""
        ...

    async def is_driven(self) -> bool:
        """Return whether anything carries out the runs of the schedules."""
        ...


class Target(NamedTuple):
    """The function that schedules call, the role they call it in, and the queue of undelivered calls."""

    function_arn: str
    role_arn: str
    dead_letters_arn: str


class EventBridge:
    """The engine in EventBridge Scheduler: each schedule calls one function."""

    def __init__(self, group: str, target: Target, client: Callable[[], Any]) -> None:
        self._group = group
        self._target = target
        self._get_client = client

    @property
    def _client(self) -> Any:
        return self._get_client()

    async def put(self, schedule: Schedule, *, replace: bool) -> None:
        await _asked(self._put, self._request(schedule), replace)

    async def delete(self, name: str) -> None:
        await _asked(self._delete, name)

    async def names(self) -> set[str]:
        return await _asked(self._names)

    async def tick(self, name: str) -> dict[str, str] | None:
        return await _asked(self._tick, name)

    async def is_driven(self) -> bool:
        return True

    def _put(self, request: dict[str, Any], replace: bool) -> None:
        try:
            self._client.create_schedule(**request)
        except self._client.exceptions.ConflictException:  # it exists: the scheduler has no upsert
            if replace:
                self._client.update_schedule(**request)

    def _delete(self, name: str) -> None:
        try:
            self._client.delete_schedule(Name=name, GroupName=self._group)
        except self._client.exceptions.ResourceNotFoundException:
            return

    def _names(self) -> set[str]:
        return {schedule["Name"] for schedule in list_schedules(self._client, self._group)}

    def _tick(self, name: str) -> dict[str, str] | None:
        try:
            stored = self._client.get_schedule(Name=name, GroupName=self._group)
        except self._client.exceptions.ResourceNotFoundException:
            return None
        return dict(json.loads(stored["Target"]["Input"]))

    def _request(self, schedule: Schedule) -> dict[str, Any]:
        after = "DELETE" if schedule.deletes_itself else None
        optional = {
            "Description": schedule.description or None,
            "StartDate": schedule.start,
            "EndDate": schedule.end,
            "ActionAfterCompletion": after,
        }
        return {
            "Name": schedule.name,
            "GroupName": self._group,
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "ScheduleExpression": schedule.expression,
            "ScheduleExpressionTimezone": schedule.time_zone,
            "State": "ENABLED",
            "Target": self._target_of(schedule),
            **{name: value for name, value in optional.items() if value is not None},
        }

    def _target_of(self, schedule: Schedule) -> dict[str, Any]:
        attempts, seconds = schedule.retries
        return {
            "Arn": self._target.function_arn,
            "RoleArn": self._target.role_arn,
            # The scheduler replaces the placeholder; a repeated delivery carries the same time.
            "Input": json.dumps({**schedule.tick, "scheduled_time": "<aws.scheduler.scheduled-time>"}),
            "RetryPolicy": {"MaximumRetryAttempts": attempts, "MaximumEventAgeInSeconds": seconds},
            "DeadLetterConfig": {"Arn": self._target.dead_letters_arn},
        }


async def _asked(call: Callable[..., T], *arguments: Any) -> T:
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


def count_active_rules(client: Any, group: str) -> int:
    """Return the number of enabled schedules in `group`."""
    return sum(schedule["State"] == "ENABLED" for schedule in list_schedules(client, group))
