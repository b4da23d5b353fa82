"""The history of a report: what is stored of it, and the fetching of what is missing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from campaign_automation.clients.functions.background import BackgroundFunction
from campaign_automation.managers.reports.blocks import account_id
from campaign_automation.managers.reports.collecting import COLLECTING_SECONDS, Collector, history_name
from campaign_automation.managers.reports.coverage import AccountScope, first_missing
from campaign_automation.managers.reports.reading import AccountFigures, Blocks
from campaign_automation.models.common import Level
from campaign_automation.models.reports import CollectionJob, MissingHistory
from campaign_automation.stores.operations.daily_figures import DailyFigureStore
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import CampaignAutomationError

_FAILED_MS = 60_000  # so long a history that could not be read is not asked for again


class History:
    def __init__(
        self,
        store: DailyFigureStore,
        figures: AccountFigures,
        collector: Collector,
        function: BackgroundFunction | None,
    ) -> None:
        """Take the function that fetches what is missing; without one it is fetched before the answer."""
        self._store = store
        self._figures = figures
        self._collector = collector
        self._function = function

    async def whole(self, scope: AccountScope, level: Level) -> dict[str, Blocks] | MissingHistory:
        """Return the stored blocks by campaign, or what is being fetched. Raises the last failure of that."""
        stored = await self._figures.stored(scope, level)
        lacking = _lacking(scope, stored)
        if not lacking:
            return stored
        job = CollectionJob(
            tenant=scope.tenant,
            platform=scope.platform,
            account=scope.account.platform_account_id,
            level=level,
            campaign_ids=sorted(lacking),
            first_day=min(lacking.values()),
            last_day=scope.stored.last,
        )
        if self._function is not None:
            return await self._fetched_later(scope, job, self._function)
        await self._collector.fetch(job)
        await self._raise_failure(job)
        return await self._figures.stored(scope, level)

    async def _fetched_later(
        self, scope: AccountScope, job: CollectionJob, function: BackgroundFunction
    ) -> MissingHistory:
        """Have the history fetched, unless it is being fetched already."""
        await self._raise_failure(job)
        if await self._store.begin(job.tenant, history_name(job), COLLECTING_SECONDS) is not None:
            is_taken = await function.hand_over(job.model_dump(mode="json"))
            if not is_taken:  # the next request tries again
                await self._store.end(job.tenant, history_name(job), 0)
        return MissingHistory(
            platform=scope.platform,
            ad_account_id=account_id(scope),
            first_day=job.first_day,
            last_day=job.last_day,
        )

    async def _raise_failure(self, job: CollectionJob) -> None:
        """Raise the error of a fetch that has just failed: asking at once again would not help."""
        state = await self._store.collection(job.tenant, history_name(job))
        if state.failure is not None and clock.now_ms() < state.failed_at + _FAILED_MS:
            code, _, message = state.failure.partition(": ")
            raise CampaignAutomationError(message, code=code)


def _lacking(scope: AccountScope, stored: Mapping[str, Blocks]) -> dict[str, date]:
    """Return the campaigns that lack days, with the first day of each that is missing."""
    now, zone = clock.now(), scope.account.time_zone
    found = {
        item.campaign_id: first_missing(stored[item.campaign_id], scope.of(item, scope.stored), now, zone)
        for item in scope.campaigns
    }
    return {campaign_id: day for campaign_id, day in found.items() if day is not None}
