"""The schedules that drive rules: one for each enabled rule, named after it, in one group per stage."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from campaign_automation.models.rules import StoredRule
from campaign_automation.stores.rule_store import RuleKey
from campaign_automation.utils.error_handler import CampaignAutomationError

T = TypeVar("T")

# A tick that could not be delivered for so long has a later one behind it.
_RETRIES = {"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 900}


class Target(NamedTuple):
    """Whom the schedules call, as which role, and where calls go that nobody took."""

    function_arn: str
    role_arn: str
    dead_letters_arn: str


class RuleSchedules:
    """Raises CampaignAutomationError (4000) when the scheduler does not do what it is asked."""

    def __init__(self, group: str, target: Target, client: Callable[[], Any]) -> None:
        self._group = group
        self._target = target
        self._get_client = client

    async def put(self, tenant: str, rule: StoredRule, start: datetime) -> None:
        """Makes the rule's schedule, or makes the one there is what it should be. `start` is the first run:
        the scheduler counts a rate from there, and refuses a start in the past."""
        await self._asked(self._put, self._request(tenant, rule, start))

    async def delete(self, rule_id: str) -> None:
        """To have none is a success."""
        await self._asked(self._delete, rule_id)

    async def names(self) -> set[str]:
        """Of all schedules there are."""
        return await self._asked(self._names)

    async def key(self, name: str) -> RuleKey | None:
        """Whose rule a schedule drives; None when it is gone."""
        return await self._asked(self._key, name)

    @property
    def _client(self) -> Any:
        return self._get_client()

    def _names(self) -> set[str]:
        return {schedule["Name"] for schedule in list_schedules(self._client, self._group)}

    def _put(self, request: dict[str, Any]) -> None:
        try:
            self._client.create_schedule(**request)
        except self._client.exceptions.ConflictException:
            self._client.update_schedule(**request)

    def _delete(self, name: str) -> None:
        try:
            self._client.delete_schedule(Name=name, GroupName=self._group)
        except self._client.exceptions.ResourceNotFoundException:
            return

    def _key(self, name: str) -> RuleKey | None:
        try:
            stored = self._client.get_schedule(Name=name, GroupName=self._group)
        except self._client.exceptions.ResourceNotFoundException:
            return None
        tick = json.loads(stored["Target"]["Input"])
        return RuleKey(tick["tenant"], tick["rule_id"])

    def _request(self, tenant: str, stored: StoredRule, start: datetime) -> dict[str, Any]:
        rule = stored.rule
        tick = {
            "tenant": tenant,
            "rule_id": stored.rule_id,
            "scheduled_time": "<aws.scheduler.scheduled-time>",
        }
        request: dict[str, Any] = {
            "Name": stored.rule_id,
            "GroupName": self._group,
            "Description": f"version {stored.version}",
            "ScheduleExpression": rule.schedule_expression,
            "ScheduleExpressionTimezone": rule.time_zone,
            "StartDate": start,
            "State": "ENABLED",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": {
                "Arn": self._target.function_arn,
                "RoleArn": self._target.role_arn,
                "Input": json.dumps(tick),
                "RetryPolicy": _RETRIES,
                "DeadLetterConfig": {"Arn": self._target.dead_letters_arn},
            },
        }
        return request if rule.expires is None else request | {"EndDate": rule.expires}

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
