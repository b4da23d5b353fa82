"""The collection of daily figures: each account's last days once a day, and the history a report misses."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from campaign_automation.adapters.base import DailyInsight
from campaign_automation.managers.campaign_manager import load_all
from campaign_automation.managers.reports.coverage import Span, by_objective, collected_from
from campaign_automation.managers.shared.insights import Insights, grouped
from campaign_automation.models.campaign import Campaign
from campaign_automation.models.common import Level
from campaign_automation.models.reports import CollectionJob
from campaign_automation.stores.campaign_store import CampaignStore
from campaign_automation.stores.operations.daily_figures import (
    DailyFigureStore,
    FigureBlock,
    block_end,
    block_start,
    blocks_of,
)
from campaign_automation.stores.operations.tags import TagStore
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import CampaignAutomationError
from campaign_automation.utils.observability import emit, internal_error, logger

COLLECTING_SECONDS = 600  # longer than the function that collects may run
LEVELS = (Level.CAMPAIGN, Level.ADSET, Level.AD)
_DAY_MS = 24 * 3600_000
_AGAIN_MS = 3600_000  # after a failure


class Collector:
    def __init__(
        self, figures: DailyFigureStore, campaigns: CampaignStore, tags: TagStore, insights: Insights
    ) -> None:
        self._figures = figures
        self._campaigns = campaigns
        self._tags = tags
        self._insights = insights

    async def sweep(self, until: float) -> dict[str, int]:
        """Collect the accounts that are due; each is due once a day. Return how many were, and failed.

        None is begun after `until`, a time of the monotonic clock: the next sweep goes on.
        """
        collected, failed = 0, 0
        for key in await self._tags.accounts():
            for tenant, ids in _by_tenant(await self._tags.owners(key)).items():
                if time.monotonic() > until:
                    return {"collected": collected, "failed": failed}
                done = await self._daily(tenant, key.partition("#")[2], ids)
                collected += done is True
                failed += done is False
        return {"collected": collected, "failed": failed}

    async def fetch(self, job: CollectionJob) -> bool:
        """Collect the history that a report misses. Return False, with the failure noted, when it failed."""
        campaigns = load_all(self._campaigns, job.tenant, job.campaign_ids)
        name = history_name(job)
        failure = await self._failure(campaigns, [Level(job.level)], Span(job.first_day, job.last_day))
        await self._figures.end(job.tenant, name, 0, failure)
        return failure is None

    async def _daily(self, tenant: str, account: str, ids: Iterable[str]) -> bool | None:
        """Collect the last days of an account; None when it is not due, or another process is at it."""
        name = f"{account}#daily"
        if (await self._figures.collection(tenant, name)).next_at > clock.now_ms():
            return None
        if await self._figures.begin(tenant, name, COLLECTING_SECONDS) is None:
            return None
        failure = await self._failure(load_all(self._campaigns, tenant, ids), LEVELS)
        again = _DAY_MS if failure is None else _AGAIN_MS
        await self._figures.end(tenant, name, clock.now_ms() + again, failure)
        return failure is None

    async def _failure(
        self, campaigns: Awaitable[Sequence[Campaign]], levels: Sequence[Level], span: Span | None = None
    ) -> str | None:
        """Collect campaigns of one account, and return the reason why not, if any."""
        try:
            for group in by_objective(await campaigns):
                for level in levels:
                    await self._collect(group, level, span)
        except CampaignAutomationError as error:
            emit("insights_not_collected_total")
            logger.warning("insights not collected", code=error.code, reason=error.message)
            return f"{error.code}: {error.message}"
        except Exception:  # of one account: the others are still to be collected
            internal_error("insights not collected")
            return "1000: an internal error while its figures were collected"
        return None

    async def _collect(self, group: Sequence[Campaign], level: Level, span: Span | None) -> None:
        """Read whole blocks, up to yesterday at most, and store them by campaign."""
        read_at = clock.now()
        today = clock.day_of(read_at, ZoneInfo(group[0].account.time_zone))
        first, last = span or Span(collected_from(today), today)
        first, last = block_start(first), min(block_end(last), today - timedelta(days=1))
        rows = grouped(await self._insights.between(group, level, first, last), lambda row: row.campaign_id)
        for campaign in group:
            mine = rows.get(campaign.root_id, [])
            for start in blocks_of(first, last):
                block = FigureBlock(start, min(block_end(start), last), read_at, _within(mine, start))
                await self._figures.replace(campaign.tenant, campaign.campaign_id, level, block)


def history_name(job: CollectionJob) -> str:
    """Return the name of a history's collection: one at a time of an account's level."""
    return f"{job.platform}:{job.account}#{job.level}"


def _by_tenant(owners: Iterable[tuple[str, str]]) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}
    for tenant, campaign_id in sorted(owners):
        found.setdefault(tenant, []).append(campaign_id)
    return found


def _within(rows: Iterable[DailyInsight], start: date) -> list[DailyInsight]:
    return [row for row in rows if start <= row.day <= block_end(start)]
