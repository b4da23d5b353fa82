"""The daily check of a test: analyse it, notify its user once when it may stop, end it when it is over."""

from __future__ import annotations

from campaign_automation.managers.ab_tests.ab_test_manager import made_campaign
from campaign_automation.managers.ab_tests.analysis import AbTestAnalyst
from campaign_automation.managers.ab_tests.ending import AbTestEnding
from campaign_automation.managers.ab_tests.report import InterimAnalysis
from campaign_automation.managers.ab_tests.wording import (
    CAMPAIGN_DELETED,
    DAYS_OVER,
    END_REASONS,
    TITLE_MAY_STOP,
)
from campaign_automation.managers.campaign_manager import CampaignManager
from campaign_automation.managers.changes.items import new_run
from campaign_automation.managers.shared.notices import Notices
from campaign_automation.models.ab_tests import AbTestChecked, AbTestTick, TestState
from campaign_automation.models.campaign import Campaign
from campaign_automation.stores.ab_test_store import AbTest, AbTestStore
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import CampaignAutomationError
from campaign_automation.utils.observability import internal_error, logger

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
        """Check the test; safe to run again, as a day has one look and a test one notice and one end.

        Raises the error that kept it from being analysed or ended, so that the scheduler asks again.
        """
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
        interim = await self._analyst.read(test, campaign)
        analysis = interim.analysis
        told = analysis.safe_to_stop and await self._tell(test, interim)
        return AbTestChecked(
            test_id=test.test_id,
            test_state=test.state,
            verdict=analysis.verdict,
            safe_to_stop=analysis.safe_to_stop,
            told=told,
        )

    async def _tell(self, test: AbTest, interim: InterimAnalysis) -> bool:
        notices = self._ending.notice(test, "safe", TITLE_MAY_STOP, interim.summary)
        if not await self._store.tell(test, clock.now(), notices):
            return False
        for notice in notices:
            await self._notices.deliver(notice.tenant, notice.notice_id)
        return True

    async def _end(self, test: AbTest, campaign: Campaign) -> AbTestChecked:
        """End the test, with its finding in the notice when it can be read; spending stops in any case."""
        state: TestState = "finished" if clock.now() >= test.ends_at else "cancelled"
        message, verdict = (DAYS_OVER if state == "finished" else CAMPAIGN_DELETED), None
        try:
            interim = await self._analyst.read(test, campaign)
            message, verdict = f"{message} {interim.summary}", interim.analysis.verdict
        except CampaignAutomationError as error:
            logger.warning("test not read at its end", test_id=test.test_id, reason=error.message)
        except Exception:  # of any kind: nothing may keep the campaign spending
            internal_error("test not read at its end", test_id=test.test_id)
        run = new_run(f"test:{test.test_id}", END_REASONS[state])
        await self._ending.stop(test, campaign, run, state, message=message)
        return AbTestChecked(test_id=test.test_id, test_state=state, verdict=verdict, told=True)
