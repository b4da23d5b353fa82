"""What a test's schedule does every day: looks, tells its user once when it may stop, ends it in the end."""

from __future__ import annotations

from campaign_automation.managers.ab_tests.ab_test_manager import made_campaign
from campaign_automation.managers.ab_tests.analysis import AbTestAnalyst
from campaign_automation.managers.ab_tests.ending import AbTestEnding
from campaign_automation.managers.ab_tests.report import Reading, summary
from campaign_automation.managers.campaign_manager import CampaignManager
from campaign_automation.managers.changes.items import new_run
from campaign_automation.managers.shared.notices import Notices
from campaign_automation.models.ab_tests import AbTestChecked, AbTestTick
from campaign_automation.models.campaign import Campaign
from campaign_automation.stores.ab_test_store import AbTest, AbTestStore
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import CampaignAutomationError
from campaign_automation.utils.observability import logger

_NEVER_BEGAN = ("rolled_back", "planned")


class AbTestChecks:
    def __init__(
        self,
        store: AbTestStore,
        campaigns: CampaignManager,
        analyst: AbTestAnalyst,
        ending: AbTestEnding,
        notices: Notices,
    ) -> None:
        self._store = store
        self._campaigns = campaigns
        self._analyst = analyst
        self._ending = ending
        self._notices = notices

    async def check(self, tick: AbTestTick) -> AbTestChecked:
        """Safe to run again: a day has one look, a user is told once, a test ends once. Raises what kept a
        test from being looked at or ended, so that the scheduler asks again."""
        test = await self._store.load(tick.tenant, tick.test_id)
        if test is None or test.state != "running":
            await self._ending.unschedule(tick.test_id)
            return AbTestChecked(test_id=tick.test_id, test_state=test.state if test else "unknown")
        creation = await self._campaigns.load(test.tenant, test.campaign_id)
        if creation.state in _NEVER_BEGAN:
            await self._ending.forget(test)
            return AbTestChecked(test_id=test.test_id, test_state="cancelled")
        campaign = made_campaign(creation)
        if clock.now() >= test.ends_at or campaign.state == "deleted":
            return await self._end(test, campaign)
        return await self._look(test, campaign)

    async def _look(self, test: AbTest, campaign: Campaign) -> AbTestChecked:
        reading = await self._analyst.read(test, campaign)
        analysis = reading.analysis
        told = analysis.safe_to_stop and await self._tell(test, reading)
        return AbTestChecked(
            test_id=test.test_id,
            test_state=test.state,
            verdict=analysis.verdict,
            safe_to_stop=analysis.safe_to_stop,
            told=told,
        )

    async def _tell(self, test: AbTest, reading: Reading) -> bool:
        notices = self._ending.notice(test, "safe", "An A/B test may stop", summary(reading))
        if not await self._store.tell(test, clock.now(), notices):
            return False
        for notice in notices:
            await self._notices.deliver(notice.tenant, notice.notice_id)
        return True

    async def _end(self, test: AbTest, campaign: Campaign) -> AbTestChecked:
        """What it found is told when it can be read; the money stops all the same."""
        words, verdict = "Its days are over; its campaign is paused.", None
        try:
            reading = await self._analyst.read(test, campaign)
            words, verdict = f"{words} {summary(reading)}", reading.analysis.verdict
        except CampaignAutomationError as error:
            logger.warning("test not read at its end", test_id=test.test_id, reason=error.message)
        run = new_run(f"test:{test.test_id}", "the test's days are over")
        await self._ending.stop(test, campaign, run, "finished", words=words)
        return AbTestChecked(test_id=test.test_id, test_state="finished", verdict=verdict, told=True)
