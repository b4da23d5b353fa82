"""TikTok's synchronous reports by day: their parameters and their rows.

Source: platforms.md section 3.6, after "Run a synchronous report" and "Basic reports".
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from campaign_automation.adapters.base import DailyInsight
from campaign_automation.adapters.tiktok import facts
from campaign_automation.models.common import Level

DAYS_PER_REPORT = 30  # with days as a dimension
_DAY = "stat_time_day"


class ReportOrder(NamedTuple):
    """One report: the objects of one level in some campaigns, day by day."""

    level: Level
    dimension: str
    campaign_ids: Sequence[str]
    since: date
    until: date
    goal: facts.Goal


def dimension_of(level: Level, family: str) -> str:
    """The report's name of the objects' ids; Smart+ ads have an id of their own."""
    return "ad_id_v2" if (level, family) == (Level.AD, "smart_plus") else f"{facts.NOUNS[level]}_id"


def windows(since: date, until: date) -> Iterator[tuple[date, date]]:
    """Split the days into windows that one report can hold."""
    while since <= until:
        last = min(since + timedelta(days=DAYS_PER_REPORT - 1), until)
        yield since, last
        since = last + timedelta(days=1)


def report_params(order: ReportOrder) -> facts.Params:
    """Parameters of report/integrated/get/."""
    # A report has one id among its dimensions, so the ids of parents are asked for as metrics.
    noun = facts.NOUNS[order.level]
    parents = {Level.CAMPAIGN: [], Level.ADSET: ["campaign_id"], Level.AD: ["campaign_id", "adgroup_id"]}
    metrics = ["spend", "impressions", "clicks", order.goal.counts, order.goal.values]
    return {
        "report_type": "BASIC",
        "data_level": f"AUCTION_{noun.upper()}",
        "dimensions": [order.dimension, _DAY],
        "metrics": [*parents[order.level], *(name for name in metrics if name)],
        "start_date": order.since.isoformat(),
        "end_date": order.until.isoformat(),
        "filtering": [
            {
                "field_name": "campaign_ids",
                "filter_type": "IN",
                "filter_value": json.dumps(list(order.campaign_ids)),
            }
        ],
    }


def insight_of_row(row: Mapping[str, Any], order: ReportOrder) -> DailyInsight:
    """Return one row of a report, money in the account's currency; "-" and null become None."""
    # Ids may come as numbers.
    metrics, entity_id = row["metrics"], str(row["dimensions"][order.dimension])
    is_campaign = order.level is Level.CAMPAIGN
    parent = None if is_campaign else str(metrics.get("adgroup_id") or entity_id)
    impressions, clicks = _decimal(metrics.get("impressions")), _decimal(metrics.get("clicks"))
    return DailyInsight(
        entity_id=entity_id,
        campaign_id=entity_id if is_campaign else str(metrics["campaign_id"]),
        adset_id=parent,
        day=date.fromisoformat(row["dimensions"][_DAY][:10]),
        spend=_decimal(metrics.get("spend")),
        impressions=None if impressions is None else int(impressions),
        clicks=None if clicks is None else int(clicks),
        conversions=_decimal(metrics.get(order.goal.counts)),
        revenue=_decimal(metrics.get(order.goal.values)) if order.goal.values else None,
    )


def _decimal(value: Any) -> Decimal | None:
    try:
        return None if value is None else Decimal(str(value))
    except InvalidOperation:
        return None
