"""The sweep that looks again at decisions whose days are over, also where nobody decides again."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from campaign_automation.managers.campaign_manager import CampaignManager
from campaign_automation.managers.decisions.earlier_decisions import LOOKED_AT_DAYS, EarlierDecisions
from campaign_automation.managers.decisions.keeping import WINDOW_DAYS
from campaign_automation.managers.decisions.verdicts import Facts
from campaign_automation.managers.shared.insights import Insights
from campaign_automation.models.common import Level
from campaign_automation.optimizers.budgets.guard import measure_maturity
from campaign_automation.stores.audit_store import AuditStore
from campaign_automation.stores.operations.forecasts import DueDecision, ForecastStore, StoredForecast
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import CampaignAutomationError
from campaign_automation.utils.observability import emit, internal_error, logger

_MOST_DECISIONS = 200  # whose keys one sweep reads
_MOST_CAMPAIGNS = 20  # of one sweep; each costs a platform two or three reads
_DAY_MS = 24 * 3600_000
_LATER_MS = 6 * 3600_000  # a figure that is missing, or a platform that cannot be read
_ALL_DAYS = 90  # of figures: a campaign's look is older than its window and its attribution


class _Campaign(NamedTuple):
    tenant: str
    campaign_id: str


class LookingBack:
    def __init__(
        self,
        store: ForecastStore,
        campaigns: CampaignManager,
        insights: Insights,
        audit: AuditStore,
        earlier: EarlierDecisions,
    ) -> None:
        self._store = store
        self._campaigns = campaigns
        self._insights = insights
        self._audit = audit
        self._earlier = earlier

    async def sweep(self, until: float) -> int:
        """Look again at the decisions that are due, by campaign, and return the number of campaigns.

        None is begun after `until`, a time of the monotonic clock.
        """
        by_campaign: dict[_Campaign, list[DueDecision]] = {}
        for item in await self._store.due(_MOST_DECISIONS):
            by_campaign.setdefault(_Campaign(item.tenant, item.campaign_id), []).append(item)
        looked = 0
        for campaign, due in list(by_campaign.items())[:_MOST_CAMPAIGNS]:
            if time.monotonic() > until:
                break  # the next sweep goes on
            await self._look(campaign, due)
            looked += 1
        return looked

    async def _look(self, campaign: _Campaign, due: Sequence[DueDecision]) -> None:
        try:
            stored = await self._store.since(*campaign, int(due[0].sk[:13]))
            await self._judge(campaign, [item for item in stored if not item.in_trail])
        except CampaignAutomationError as error:
            logger.warning("not looked at again", campaign_id=campaign.campaign_id, reason=error.message)
        except Exception:  # of one campaign: the others are still to be looked at
            internal_error("not looked at again", campaign_id=campaign.campaign_id)
            emit("decisions_not_looked_at_total")
        # A decision with its verdict is due no more; a figure of the rest may still come.
        for one in due:
            await self._store.postpone(one, clock.now_ms() + _LATER_MS)

    async def _judge(self, campaign: _Campaign, waiting: Sequence[StoredForecast]) -> None:
        oldest = clock.now_ms() - LOOKED_AT_DAYS * _DAY_MS
        old = [item for item in waiting if item.forecast.decided_at < oldest]
        for item in old:
            if item.verdict is None:
                await self._earlier.give_up(item)
        trail = await self._audit.since(*campaign, min(i.forecast.decided_at for i in waiting) - _DAY_MS)
        given_up = await self._store.since(*campaign, waiting[0].forecast.decided_at) if old else []
        for item in given_up:
            await self._earlier.record(item, trail)
        recent = [item for item in waiting if item not in old]
        for level in {item.forecast.level for item in recent}:
            same = [item for item in recent if item.forecast.level is level]
            await self._judge_level(campaign, same, level)

    async def _judge_level(
        self, campaign: _Campaign, waiting: list[StoredForecast], level: Level | None
    ) -> None:
        loaded = await self._campaigns.load_created(*campaign)
        (read,) = await self._insights.read([loaded], _days_back(waiting), level=level)
        trail = await self._audit.since(*campaign, waiting[0].forecast.decided_at - _DAY_MS)
        window = max(item.forecast.attribution_days for item in waiting)
        await self._earlier.judge(waiting, Facts(read, trail), measure_maturity(read.snapshots, window))


def _days_back(waiting: Sequence[StoredForecast]) -> int:
    """Return how many days of figures the decisions need: their own, and the week before them."""
    oldest = min(item.forecast.decided_at for item in waiting)
    age = timedelta(milliseconds=clock.now_ms() - oldest).days
    return min(age + WINDOW_DAYS + 2, _ALL_DAYS)
