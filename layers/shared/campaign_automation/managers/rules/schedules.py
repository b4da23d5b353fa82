"""The schedules that drive rules: one for each enabled rule, named after it."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from campaign_automation.clients.scheduler import Schedules, list_schedules
from campaign_automation.models.rules.rule import StoredRule
from campaign_automation.stores.rule_store import RuleKey

# A tick that could not be delivered for so long has a later one behind it.
_RETRIES = {"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 900}


class RuleSchedules(Schedules):
    """The schedules of rules in EventBridge Scheduler, one for each enabled rule, named after it."""

    async def put(self, tenant: str, rule: StoredRule, start: datetime) -> None:
        """Create or update the rule's schedule. `start` is its first run.

        The scheduler counts a rate from `start` and refuses one in the past.
        """
        await self._asked(self._put, self._request(tenant, rule, start))

    async def names(self) -> set[str]:
        """Return the names of all schedules in the group."""
        return await self._asked(self._names)

    async def key(self, name: str) -> RuleKey | None:
        """Return the key of the rule that a schedule drives; None when the schedule no longer exists."""
        return await self._asked(self._key, name)

    def _names(self) -> set[str]:
        return {schedule["Name"] for schedule in list_schedules(self._client, self._group)}

    def _put(self, request: dict[str, Any]) -> None:
        try:
            self._client.create_schedule(**request)
        except self._client.exceptions.ConflictException:  # it exists: the scheduler has no upsert
            self._client.update_schedule(**request)

    def _key(self, name: str) -> RuleKey | None:
        try:
            stored = self._client.get_schedule(Name=name, GroupName=self._group)
        except self._client.exceptions.ResourceNotFoundException:
            return None
        tick = json.loads(stored["Target"]["Input"])
        return RuleKey(tick["tenant"], tick["rule_id"])

    def _request(self, tenant: str, stored: StoredRule, start: datetime) -> dict[str, Any]:
        rule = stored.rule
        request = self._common(stored.rule_id, {"tenant": tenant, "rule_id": stored.rule_id}, _RETRIES) | {
            "Description": f"version {stored.version}",
            "ScheduleExpression": rule.schedule_expression,
            "ScheduleExpressionTimezone": rule.time_zone,
            "StartDate": start,
            "State": "ENABLED",
        }
        return request if rule.expires is None else request | {"EndDate": rule.expires}
