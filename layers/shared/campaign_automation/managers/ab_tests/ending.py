"""The end of a test: its campaign, the platform's split, its state and its schedules, in this order.

Every step may be tried again, so an end that broke off halfway is completed by the next check.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from campaign_automation.managers.ab_tests.schedules import AbTestSchedules
from campaign_automation.managers.ab_tests.wording import TITLE_ENDED
from campaign_automation.managers.campaigns.planning import split_tag
from campaign_automation.managers.changes.gate import WriteGate
from campaign_automation.managers.changes.items import ChangeResult, DesiredChange, Run
from campaign_automation.managers.notices.events import event
from campaign_automation.managers.shared.notices import Notices
from campaign_automation.models.ab_tests import TestState
from campaign_automation.models.campaign import Campaign
from campaign_automation.models.common import Level
from campaign_automation.models.notices.events import TestEnded
from campaign_automation.stores.ab_test_store import AbTest, AbTestStore
from campaign_automation.stores.notice_store import Notice
from campaign_automation.stores.operations.events import NewEvent
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import CampaignAutomationError, GuardRefusedError
from campaign_automation.utils.observability import emit, logger


class AbTestEnding:
    def __init__(
        self, store: AbTestStore, gate: WriteGate, schedules: AbTestSchedules | None, notices: Notices
    ) -> None:
        self._store = store
        self._gate = gate
        self._schedules = schedules
        self._notices = notices

    async def stop(
        self,
        test: AbTest,
        campaign: Campaign,
        run: Run,
        state: TestState,
        *,
        message: str = "",
        dry_run: bool = False,
    ) -> list[ChangeResult]:
        """Pause the whole campaign, then end the rest. Raises the error that kept it from being paused."""
        wanted = [DesiredChange(Level.CAMPAIGN, campaign.tag, "status", "paused")]
        items = await self._gate.apply(campaign, wanted, run, dry_run=dry_run)
        if not dry_run:
            raise_unless_done(items)
            await self.end_split(campaign, run)
            await self.close(test, state, run, message)
        return items

    async def end_split(self, campaign: Campaign, run: Run) -> None:
        """End the platform's own split test, if there is one that was not ended before."""
        tag = split_tag(campaign.campaign_id)
        if campaign.platform_id(tag):
            await self._gate.end_split(campaign, tag, run)

    async def close(self, test: AbTest, state: TestState, run: Run, message: str = "") -> None:
        """End the test itself: its state, with the notice to its user and its event, and its schedules."""
        notices = self.notice(test, "ended", TITLE_ENDED, message) if message else []
        now = clock.now()
        events = [_ended(test, state, now, run, message)]
        if await self._store.end(test, state, now, run.reason, notices, events):
            emit("ab_tests_ended_total", state=state)
        await self.unschedule(test.test_id)
        for notice in notices:
            await self._notices.deliver(notice.tenant, notice.notice_id)

    async def forget(self, test: AbTest) -> None:
        """End a test whose campaign was taken back or never made."""
        await self._store.end(test, "cancelled", clock.now(), "its campaign could not be created")
        await self.unschedule(test.test_id)

    async def unschedule(self, test_id: str) -> None:
        """Delete the schedules; one that outlives its test only asks again, and that check deletes it."""
        if self._schedules is None:
            return
        try:
            await self._schedules.delete(test_id)
        except CampaignAutomationError as error:
            logger.warning("schedule not deleted", test_id=test_id, reason=error.message)

    def notice(self, test: AbTest, what: str, title: str, message: str) -> list[Notice]:
        arguments: dict[str, Any] = {
            "notification_type": "important",
            "category": "optimization_suggestion",
            "title": title,
            "message": message,
            "extra_data": {"test_id": test.test_id, "campaign_id": test.campaign_id},
        }
        return self._notices.notice(test.tenant, f"{test.test_id}-{what}", arguments)


def _ended(test: AbTest, state: TestState, at: datetime, run: Run, message: str) -> NewEvent:
    data = TestEnded(test_id=test.test_id, state=state, reason=run.reason, ended_at=at, message=message)
    ids = {"campaign_id": test.campaign_id, "correlation_id": run.run_id}
    return event(test.tenant, f"ended-{test.test_id}", data, run.actor, **ids)


def raise_unless_done(items: Sequence[ChangeResult]) -> None:
    """Raise the error of a change that was not made: the test has not ended then."""
    for item in items:
        if item.result == "failed" and item.error:
            raise item.error
        if item.result == "skipped" and not item.reason.startswith("deleted"):
            raise GuardRefusedError(item.reason, guard=item.reason.partition(":")[0])
