"""Decisions as they are kept when carried out, to be looked at again when their days are over. Pure."""

from __future__ import annotations

import math
from datetime import datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from campaign_automation.models.budget_problem import Estimate
from campaign_automation.models.budgets import DecisionKind, ForecastMetric
from campaign_automation.models.campaign import Campaign
from campaign_automation.models.common import Level
from campaign_automation.stores.operations.forecasts import Forecast, ForecastUnit
from campaign_automation.utils import clock
from campaign_automation.utils.clock import at_ms, day_of

WINDOW_DAYS = 7  # a whole week, so that weekdays even out


def unpredicted(
    campaign: Campaign,
    run_id: str,
    kind: DecisionKind,
    attribution_days: int,
    decided_at: int | None = None,
) -> Forecast:
    """Return a decision that nothing is predicted of; what the whole campaign then brings is looked at.

    `decided_at` (epoch milliseconds) is that of the run when it may be repeated, so that it is kept once.
    """
    account, decided_at = campaign.account, decided_at or clock.now_ms()
    zone = ZoneInfo(account.time_zone)
    first = day_of(at_ms(decided_at), zone) + timedelta(days=1)
    last = first + timedelta(days=WINDOW_DAYS - 1)
    complete = datetime.combine(last + timedelta(days=attribution_days + 1), time(0), tzinfo=zone)
    return Forecast(
        kind=kind,
        tenant=campaign.tenant,
        campaign_id=campaign.campaign_id,
        account=account_key(campaign),
        run_id=run_id,
        decided_at=decided_at,
        metric="conversions",
        currency=account.currency,
        first_day=first,
        last_day=last,
        level=Level.CAMPAIGN,
        counts=False,
        attribution_days=attribution_days,
        due_at=int(complete.timestamp() * 1000),
    )


def winner_of_test(
    bare: Forecast,
    adset: str,
    *,
    rate: float,
    per_day: float,
    days: int,
    dispersion: float,
    rate_of: Literal["impressions", "clicks"],
    metric: ForecastMetric,
) -> Forecast:
    """Return the forecast that a test's winner goes on converting as it did: `rate` of `per_day` chances.

    Its error is the binomial one of the test's days and of each day to come, times the dispersion measured.
    """
    day_sd = math.sqrt(dispersion * rate * (1 - rate) / per_day)
    predicted = Estimate(mean=100 * rate, model_sd=100 * day_sd / math.sqrt(days), day_sd=100 * day_sd)
    more = {"metric": metric, "rate_of": rate_of, "level": Level.ADSET, "predicted": predicted}
    return bare.model_copy(update={**more, "units": [ForecastUnit(tag=adset)]})


def account_key(campaign: Campaign) -> str:
    return f"{campaign.platform}:{campaign.account.platform_account_id}"
