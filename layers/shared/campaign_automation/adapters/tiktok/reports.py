"""TikTok's synchronous reports by day: their parameters and their rows.

Source: platforms.md section 3.6, after "Run a synchronous report" and "Basic reports".
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from campaign_automation.adapters.base import DailyInsight
from campaign_automation.adapters.common.reading import count_of, fields_of, figure_of, id_of
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
    """Return one row of a report, money in the account's currency; "-", null and NaN become None.

    Raises an error of UNREADABLE for a row of an unknown object or day: to leave it out would show a day
    without delivery.
    """
    metrics, entity_id = fields_of(row["metrics"]), id_of(row["dimensions"][order.dimension])
    goal = order.goal
    return DailyInsight(
        entity_id=entity_id,
        campaign_id=entity_id if order.level is Level.CAMPAIGN else id_of(metrics["campaign_id"]),
        adset_id=_adset_of(order.level, entity_id, metrics),
        day=date.fromisoformat(row["dimensions"][_DAY][:10]),
        spend=figure_of(metrics.get("spend")),
        impressions=count_of(metrics.get("impressions")),
        clicks=count_of(metrics.get("clicks")),
        conversions=figure_of(metrics.get(goal.counts)),
        revenue=figure_of(metrics.get(goal.values)) if goal.values else None,
    )


def _adset_of(level: Level, entity_id: str, metrics: Mapping[str, Any]) -> str | None:
    if level is Level.CAMPAIGN:
        return None
    return entity_id if level is Level.ADSET else id_of(metrics["adgroup_id"])
