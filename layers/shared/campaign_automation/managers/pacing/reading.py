"""The spend and the daily budgets of campaigns, read for their pacing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from campaign_automation.adapters.registry import PLATFORMS
from campaign_automation.managers.changes.gate import WriteGate
from campaign_automation.managers.pacing import wording
from campaign_automation.managers.reports.reporting import Reports
from campaign_automation.models.campaign import Campaign
from campaign_automation.models.common import Context
from campaign_automation.models.reports import GetReport, ReportPending
from campaign_automation.optimizers.budgets.pacing import PACE_DAYS, Month, PacedCampaign
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import CampaignAutomationError

Spend = dict[str, dict[date, Decimal]]


class Read(NamedTuple):
    """Campaigns as they are now, in the order that was given; `today` is the day of their budget."""

    today: date
    paced: list[PacedCampaign]


class SpendReader:
    def __init__(self, reports: Reports, gate: WriteGate) -> None:
        self._reports = reports
        self._gate = gate

    async def read(self, tenant: str, campaigns: Sequence[Campaign], month: Month, today: date) -> Read:
        """Return the campaigns with their spend since a week before the month.

        Raises CampaignAutomationError (4000) for history that is still being fetched and spend that is not
        known, the platform's error for what cannot be read.
        """
        since = month.first - timedelta(days=PACE_DAYS)
        spend, budgets = await asyncio.gather(
            self._spend(tenant, campaigns, since, today),
            asyncio.gather(*map(self._daily_budget, campaigns)),
        )
        paced = [
            _paced(campaign, budget, spend.get(campaign.campaign_id, {}))
            for campaign, budget in zip(campaigns, budgets, strict=True)
        ]
        return Read(today, paced)

    async def _spend(self, tenant: str, campaigns: Sequence[Campaign], first: date, today: date) -> Spend:
        ids = [item.campaign_id for item in campaigns]
        # A day more, for accounts in whose zone it has begun already; days to come are left out.
        last = today + timedelta(days=1)
        asked = GetReport.model_validate({"from": first, "to": last, "campaigns": ids})
        report = await self._reports.report(asked, Context(user_id=tenant))
        if isinstance(report, ReportPending):
            raise _unknown(wording.NOT_READY)
        spend: Spend = {}
        for block in report.blocks:
            if block.problem is not None:
                raise _unknown(block.problem)
            for row in block.rows:
                if row.spend is None or row.day is None:
                    raise _unknown(wording.UNKNOWN_SPEND)
                spend.setdefault(row.campaign_id, {})[row.day] = row.spend
        return spend

    async def _daily_budget(self, campaign: Campaign) -> Decimal:
        if campaign.state == "deleted":
            return Decimal(0)
        view = await self._gate.look(campaign)
        if view.unseen is not None:
            raise view.unseen
        return view.daily_spend()


def _paced(campaign: Campaign, daily_budget: Decimal, spent: dict[date, Decimal]) -> PacedCampaign:
    zone = ZoneInfo(campaign.account.time_zone)
    today = clock.day_of(clock.now(), zone)
    created = campaign.first_day(zone)
    # Of one that was taken in it is not known since when it runs.
    age = PACE_DAYS if campaign.is_adopted or created is None else (today - created).days
    return PacedCampaign(
        campaign.campaign_id,
        daily_budget,
        PLATFORMS[campaign.platform].spend,
        spent,
        today,
        campaign.account.budget_step,
        max(0, min(PACE_DAYS, age)),
    )


def _unknown(reason: str) -> CampaignAutomationError:
    return CampaignAutomationError(reason, code="4000", retryable=True)
