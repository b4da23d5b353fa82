"""The spend and the daily budgets of campaigns, read for their pacing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from campaign_automation.adapters.registry import PLATFORMS
from campaign_automation.managers.changes.gate import WriteGate
from campaign_automation.managers.pacing import wording
from campaign_automation.managers.reports.reporting import Reports
from campaign_automation.models.campaign import Campaign
from campaign_automation.models.common import Context, Level
from campaign_automation.models.reports import GetReport, ReportPending
from campaign_automation.optimizers.budgets.pacing import PACE_DAYS, Month, PacedCampaign
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import CampaignAutomationError

Spend = dict[str, dict[date, Decimal]]


class Read(NamedTuple):
    """Campaigns as they are now, in the order that was given; `today` is the day of their budget."""

    today: date
    paced: list[PacedCampaign]


class _State(NamedTuple):
    """The amount that a campaign may spend a day, 0 while it is off, and its end."""

    daily_budget: Decimal
    ends_at: datetime | None


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
        spend, states = await asyncio.gather(
            self._spend(tenant, campaigns, since, today),
            asyncio.gather(*map(self._state, campaigns)),
        )
        paced = [
            _paced(campaign, state, spend.get(campaign.campaign_id, {}))
            for campaign, state in zip(campaigns, states, strict=True)
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

    async def _state(self, campaign: Campaign) -> _State:
        if campaign.state == "deleted":
            return _State(Decimal(0), None)
        view = await self._gate.look(campaign)
        if view.tree is None:
            raise view.unseen or _unknown(wording.NOT_SHOWN)
        amount = view.daily_spend()
        tags = [campaign.tag, *(entry.tag for entry in campaign.made(Level.ADSET))]
        is_on = [view.live(tag, "status") == "active" for tag in tags]
        if amount == 0 and is_on[0] and any(is_on[1:]):
            raise _unknown(wording.no_daily_budget(campaign.campaign_id))
        return _State(amount, view.tree.campaign.ends_at)


def _paced(campaign: Campaign, state: _State, spent: dict[date, Decimal]) -> PacedCampaign:
    zone = ZoneInfo(campaign.account.time_zone)
    today = clock.day_of(clock.now(), zone)
    created = campaign.first_day(zone)
    # Of one that was taken in it is not known since when it runs.
    age = PACE_DAYS if campaign.is_adopted or created is None else (today - created).days
    return PacedCampaign(
        campaign.campaign_id,
        state.daily_budget,
        PLATFORMS[campaign.platform].spend,
        spent,
        today,
        campaign.account.budget_step,
        pace_days=max(0, min(PACE_DAYS, age)),
        ends_on=date.max if state.ends_at is None else clock.day_of(state.ends_at, zone),
    )


def _unknown(reason: str) -> CampaignAutomationError:
    return CampaignAutomationError(reason, code="4000", retryable=True)
