"""The schedules that drive rules: one for each enabled rule, named after it."""

from __future__ import annotations

from datetime import datetime

from campaign_automation.clients.scheduler import Retries, Schedule, Scheduler
from campaign_automation.models.rules.rule import StoredRule
from campaign_automation.stores.rule_store import RuleKey

# A tick that could not be delivered for so long has a later one behind it.
_RETRIES = Retries(attempts=3, seconds=900)


class RuleSchedules:
    """The schedules of rules, one for each enabled rule, named after it."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler

    async def put(self, tenant: str, stored: StoredRule, start: datetime) -> None:
        """Create or update the rule's schedule. `start` is its first run.

        The scheduler counts a rate from `start` and refuses one in the past.
        """
        schedule = Schedule(
            stored.rule_id,
            stored.rule.schedule_expression,
            {"tenant": tenant, "rule_id": stored.rule_id},
            _RETRIES,
            time_zone=stored.rule.time_zone,
            start=start,
            end=stored.rule.expires,
            description=f"version {stored.version}",
        )
        await self._scheduler.put(schedule, replace=True)

    async def delete(self, name: str) -> None:
        """Delete the schedule; one that does not exist is a success."""
        await self._scheduler.delete(name)

    async def names(self) -> set[str]:
        """Return the names of all schedules in the group."""
        return await self._scheduler.names()

    async def is_driven(self) -> bool:
        """Return whether anything carries the rules' runs out."""
        return await self._scheduler.is_driven()

    async def key(self, name: str) -> RuleKey | None:
        """Return the key of the rule that a schedule drives; None when the schedule no longer exists."""
        tick = await self._scheduler.tick(name)
        return None if tick is None else RuleKey(tick["tenant"], tick["rule_id"])
