"""The sample a test needs before it starts: from the account's own history, or from a given rate."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from campaign_automation.adapters.base import DailyInsight
from campaign_automation.managers.ab_tests import wording
from campaign_automation.managers.shared.accounts import AccountDirectory
from campaign_automation.managers.shared.insights import Insights
from campaign_automation.managers.shared.statistics import Statistics
from campaign_automation.models.ab_analysis import TestPlan, TestPlanRequest
from campaign_automation.models.ab_tests import MIN_CONVERSIONS, CreateAbTest, RequiredSample
from campaign_automation.models.campaign import Campaign
from campaign_automation.models.common import Level
from campaign_automation.stores.campaign_store import CampaignStore
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import CampaignAutomationError, GuardRefusedError
from campaign_automation.utils.observability import logger

HISTORY_DAYS = 42
YOUNG_DAYS = 7  # their conversions are not all known yet
_MOST_CAMPAIGNS = 20
_LONGEST_SECONDS = 6.0  # a campaign answers within the gateway's 29


class History(NamedTuple):
    """Recent totals of the account's campaigns of one objective."""

    impressions: int
    clicks: int
    conversions: Decimal
    spend: Decimal


class AbTestSizing:
    def __init__(
        self, store: CampaignStore, accounts: AccountDirectory, insights: Insights, statistics: Statistics
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._insights = insights
        self._statistics = statistics

    @property
    def has_statistics(self) -> bool:
        return self._statistics.is_installed

    async def required_sample(self, request: CreateAbTest, tenant: str) -> RequiredSample:
        """Return the sample; unknown numbers are None, and no reason to refuse.

        Raises GuardRefusedError for a test that cannot finish within its days, unless `force` is given.
        """
        history = await self._history(request, tenant)
        rate = _rate(request, history)
        if rate is None:
            return _unknown(request)
        traffic = _daily_impressions(request, history)
        plan = await self._plan(request, rate, traffic)
        sample = _sample(request, rate, traffic, plan)
        if sample.can_finish is False and not request.force:
            raise GuardRefusedError(
                wording.too_short(sample),
                guard="test_too_short",
                field="test_duration_days",
                required_days=sample.days_needed,
                planned_days=sample.planned_days,
                required_sample=sample.model_dump(mode="json"),
            )
        return sample

    async def _plan(self, request: CreateAbTest, rate: float, traffic: float | None) -> TestPlan:
        asked = TestPlanRequest(
            variants=request.variants,
            baseline_rate=rate,
            minimum_detectable_effect=float(request.minimum_detectable_effect),
            visitors_per_arm_per_day=[traffic or 0.0],
            planned_days=request.test_duration_days,
            mode=request.mode,
            min_conversions=MIN_CONVERSIONS,
        )
        answer = await self._statistics.compute("plan_ab_test", asked.model_dump(mode="json"))
        return TestPlan.model_validate(answer)

    async def _history(self, request: CreateAbTest, tenant: str) -> History | None:
        """Return the history; None without one, or when it cannot be read now, which refuses no test."""
        account = await self._accounts.choose(tenant, request.platform, request.ad_account_id)
        try:
            async with asyncio.timeout(_LONGEST_SECONDS):
                campaigns = await self._earlier(request, tenant, account)
                rows = await self._insights.delivered(campaigns, HISTORY_DAYS, Level.ADSET)
        except (CampaignAutomationError, TimeoutError) as error:
            logger.warning("history not read", reason=f"{type(error).__name__}: {error}")
            return None
        return _sum(_matured(rows))

    async def _earlier(self, request: CreateAbTest, tenant: str, account: str) -> list[Campaign]:
        listed = [
            item.campaign_id
            for item in await self._store.campaigns(tenant)
            if item.platform == request.platform and item.account == account
        ]
        loaded = await asyncio.gather(*(self._store.campaign(tenant, item) for item in listed))
        fitting = [item for item in loaded if item and item.objective == request.objective]
        # The youngest are most like the new test; one of unknown age counts as the oldest.
        return sorted(fitting, key=lambda item: item.created_at or 0)[-_MOST_CAMPAIGNS:]


def _matured(rows: Sequence[DailyInsight]) -> list[DailyInsight]:
    """Return the days whose conversions are all known; the youngest too when there are no others."""
    # With young days the rate looks smaller and the test longer, never the other way round.
    youngest = clock.now().date() - timedelta(days=YOUNG_DAYS)
    old = [row for row in rows if row.day < youngest]
    return old if any(row.impressions for row in old) else list(rows)


def _sum(rows: Iterable[DailyInsight]) -> History | None:
    known = [
        History(row.impressions, row.clicks, row.conversions, row.spend)
        for row in rows
        if row.impressions is not None
        and row.clicks is not None
        and row.conversions is not None
        and row.spend is not None
    ]
    if not any(item.impressions for item in known):
        return None
    return History(*(sum(values) for values in zip(*known, strict=True)))


def _rate(request: CreateAbTest, history: History | None) -> float | None:
    """Return the rate as a fraction of impressions; None when it is unknown."""
    if request.baseline_rate is not None:
        return float(request.baseline_rate) / 100
    if history is None:
        return None
    hits = history.clicks if request.metric == "ctr" else history.conversions
    rate = float(hits) / history.impressions
    return rate if 0 < rate < 1 else None


def _daily_impressions(request: CreateAbTest, history: History | None) -> float | None:
    """Return the impressions that one variant's budget buys at the account's prices."""
    if history is None or not history.spend:
        return None
    return history.impressions / float(history.spend) * float(request.daily_budget) / request.variants


def _unknown(request: CreateAbTest) -> RequiredSample:
    return RequiredSample(
        source="unknown",
        minimum_detectable_effect=request.minimum_detectable_effect,
        planned_days=request.test_duration_days,
        message=wording.without_rate(),
    )


def _sample(request: CreateAbTest, rate: float, traffic: float | None, plan: TestPlan) -> RequiredSample:
    values: dict[str, Any] = {
        "source": "given" if request.baseline_rate is not None else "account_history",
        "baseline_rate": Decimal(f"{100 * rate:.6g}"),
        "minimum_detectable_effect": request.minimum_detectable_effect,
        "impressions_per_variant": plan.visitors_per_arm,
        "planned_conversions": plan.planned_conversions,
        "planned_days": request.test_duration_days,
    }
    if traffic is None:
        return RequiredSample(**values, message=wording.without_traffic(plan))
    return RequiredSample(
        **values,
        impressions_per_variant_per_day=math.floor(traffic),
        days_needed=plan.days,
        can_finish=plan.can_finish,
        power_at_end=plan.power_at_end,
        detectable_effect=plan.detectable_effect,
        message=wording.planned(plan),
    )
