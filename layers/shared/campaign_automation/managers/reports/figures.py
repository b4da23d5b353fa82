"""The figures of a report: rows by object and day, their sums and ratios, and the totals of currencies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from campaign_automation.adapters.base import DailyInsight, ratio
from campaign_automation.managers.shared.first_party_revenue import Revenue
from campaign_automation.models.campaign import Campaign, ObjectEntry
from campaign_automation.models.common import Level, Platform
from campaign_automation.models.reports import (
    CurrencyTotal,
    PlatformClaim,
    ReportBlock,
    ReportFigures,
    ReportRow,
)

Values = Mapping[str, Any]
_COUNTED = ("spend", "impressions", "clicks", "conversions", "revenue")
_SUMMED = (*_COUNTED, "first_party_revenue")
UNKNOWN: Values = dict.fromkeys(_SUMMED)


def values_of(row: DailyInsight, revenue: Revenue) -> Values:
    """Return the figures of an object's day; first-party revenue where the shop told it."""
    return {name: getattr(row, name) for name in _COUNTED} | {"first_party_revenue": revenue.get(row.day)}


def added_up(parts: Sequence[Values]) -> Values:
    """Return the sums. An unknown part makes a sum unknown; of nothing there is no first-party revenue."""
    sums = {name: _sum(part[name] for part in parts) for name in _SUMMED}
    return sums if parts else {**sums, "first_party_revenue": None}


def with_ratios(values: Values) -> dict[str, Any]:
    """Return figures with their ratios; one whose divisor is 0 is unknown."""
    spend, clicks, impressions = values["spend"], values["clicks"], values["impressions"]
    conversions = values["conversions"]
    return {
        **values,
        "ctr": ratio(_times(100, clicks), impressions),
        "cpc": ratio(spend, clicks),
        "cpm": ratio(_times(1000, spend), impressions),
        "conversion_rate": ratio(_times(100, conversions), clicks),
        "cpa": ratio(spend, conversions),
        "roas": ratio(values["revenue"], spend),
        "first_party_roas": ratio(values["first_party_revenue"], spend),
    }


def rows_of(
    campaign: Campaign,
    level: Level,
    days: Sequence[DailyInsight],
    revenue: Mapping[str, Revenue],
    *,
    by_day: bool,
) -> list[ReportRow]:
    """Return the rows of a campaign's objects, by day or in total, in the order of days and ids.

    A campaign without delivery has a total of zeros; one that is deleted may only not be shown any more, so
    that its figures are unknown.
    """
    parts: dict[tuple[date | None, str], list[DailyInsight]] = {}
    for row in days:
        parts.setdefault((row.day if by_day else None, row.entity_id), []).append(row)
    known = {entry.platform_id: entry for entry in campaign.objects.values()}
    rows = [
        _row(campaign, level, day, members[0], known.get(item), added_up(_values(members, revenue)))
        for (day, item), members in sorted(parts.items(), key=lambda part: (str(part[0][0]), part[0][1]))
    ]
    if rows or by_day or level is not Level.CAMPAIGN:
        return rows
    values = UNKNOWN if is_unseen(campaign, days) else added_up([])
    return [_row(campaign, level, None, None, campaign.root, values)]


def is_unseen(campaign: Campaign, days: Sequence[DailyInsight]) -> bool:
    """Return whether a campaign's figures are unknown: platforms do not report all that is deleted."""
    return not days and is_deleted(campaign)


def is_deleted(campaign: Campaign) -> bool:
    return "deleted" in (campaign.state, campaign.root.status)


def total_of(
    campaigns: Iterable[tuple[Campaign, Sequence[DailyInsight]]], revenue: Mapping[str, Revenue]
) -> Values:
    """Return the sums over campaigns; an unseen one makes them unknown."""
    parts: list[Values] = []
    for campaign, days in campaigns:
        parts += [UNKNOWN] if is_unseen(campaign, days) else _values(days, revenue)
    return added_up(parts)


def currency_totals(blocks: Sequence[ReportBlock]) -> list[CurrencyTotal]:
    """Return the sums of each currency over platforms, with what each platform claims."""
    return [
        _currency_total(currency, [block for block in blocks if block.currency == currency])
        for currency in sorted({block.currency for block in blocks})
    ]


def _currency_total(currency: str, blocks: Sequence[ReportBlock]) -> CurrencyTotal:
    claims = [
        PlatformClaim(
            platform=platform,
            **with_ratios(added_up([_summed(item.total) for item in blocks if item.platform is platform])),
        )
        for platform in Platform
        if any(item.platform is platform for item in blocks)
    ]
    sums = added_up([_summed(claim) for claim in claims])
    return CurrencyTotal(
        currency=currency,
        spend=sums["spend"],
        impressions=sums["impressions"],
        clicks=sums["clicks"],
        claimed_conversions=sums["conversions"],
        claimed_revenue=sums["revenue"],
        first_party_revenue=sums["first_party_revenue"],
        claimed_by=claims,
    )


def _row(
    campaign: Campaign,
    level: Level,
    day: date | None,
    shown: DailyInsight | None,
    entry: ObjectEntry | None,
    values: Values,
) -> ReportRow:
    item = campaign.root_id if shown is None else shown.entity_id
    own_name = None if entry is None else entry.renamed or entry.name
    return ReportRow(
        day=day,
        campaign_id=campaign.campaign_id,
        platform_campaign_id=campaign.root_id,
        campaign_name=campaign.name,
        objective=campaign.objective,
        adset_id=item if level is Level.ADSET else shown and shown.adset_id,
        ad_id=item if level is Level.AD else None,
        name=campaign.name if level is Level.CAMPAIGN else own_name,
        **with_ratios(values),
    )


def _values(rows: Iterable[DailyInsight], revenue: Mapping[str, Revenue]) -> list[Values]:
    return [values_of(row, revenue.get(row.entity_id, {})) for row in rows]


def _summed(figures: ReportFigures) -> Values:
    return {name: getattr(figures, name) for name in _SUMMED}


def _sum(values: Iterable[Any]) -> Any:
    known = list(values)
    return None if any(value is None for value in known) else sum(known, Decimal(0))


def _times(factor: int, value: Any) -> Decimal | None:
    return None if value is None else factor * Decimal(value)
