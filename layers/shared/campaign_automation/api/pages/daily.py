"""Figures of a report by day and by campaign: sums that an unknown part makes unknown, charts and tables."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import TypeAlias, TypeVar

from campaign_automation.api.pages.kit.charts import chart
from campaign_automation.api.pages.kit.figures import bare, number
from campaign_automation.api.pages.kit.frame import Column, Markup, element, joined, table
from campaign_automation.api.pages.kit.plot import Axes, Look, Mark, Series
from campaign_automation.api.pages.wording import say
from campaign_automation.models.reports import ReportBlock, ReportRow

Name = TypeVar("Name", bound=Hashable)
Sums: TypeAlias = dict[str, Decimal | None]
Days: TypeAlias = Mapping[date, Sums | None]  # None: no delivery was reported
_SUMMED = ("spend", "revenue", "first_party_revenue", "conversions", "impressions", "clicks")
_FIGURES = ("spend", "revenue", "roas", "shop_revenue", "conversions", "cpa", "impressions", "clicks")


def by_day(block: ReportBlock) -> Days:
    """Return the sums of each day from the first one with delivery on."""
    found = _sums((row.day, row) for row in block.rows if row.day is not None)
    if not found:
        return {}
    first = min(found)
    span = (first + timedelta(days=past) for past in range((block.last_day - first).days + 1))
    return {each: found.get(each) for each in span}


def _sums(rows: Iterable[tuple[Name, ReportRow]]) -> dict[Name, Sums]:
    found: dict[Name, Sums] = {}
    for name, row in rows:
        found[name] = _added(found.get(name) or dict.fromkeys(_SUMMED, Decimal(0)), row)
    return found


def _added(sums: Sums, row: ReportRow) -> Sums:
    """Return sums with one row more; an unknown figure makes its sum unknown."""
    parts = {name: (sums[name], getattr(row, name)) for name in _SUMMED}
    return {
        name: None if before is None or value is None else before + Decimal(value)
        for name, (before, value) in parts.items()
    }


def _ratio(sums: Sums | None, over: str, under: str) -> Decimal | None:
    above, below = (sums[over], sums[under]) if sums else (None, None)
    return None if above is None or not below else above / below


# --- charts ------------------------------------------------------------------------------------------------


def charts(days: Days, currency: str) -> Markup:
    """Return the charts of spend and revenue, and of ROAS, by day."""
    money = Axes(
        y=number,
        names=[each.isoformat() for each in days],
        ticks=[each.isoformat()[5:] for each in days],
        x_name=say("day"),
    )
    roas = _marks(_ratio(sums, "revenue", "spend") for sums in days.values())
    return element(
        "div",
        chart(
            say("report.money", currency=currency),
            say("report.money_about"),
            [_line(days, "spend", "first"), _line(days, "revenue", "second")],
            money,
        ),
        chart(say("report.roas"), say("report.roas_about"), [Series(say("roas"), roas, "third")], money),
        class_="charts",
    )


def _line(days: Days, figure: str, look: Look) -> Series:
    return Series(say(figure), _marks(sums[figure] if sums else None for sums in days.values()), look)


def _marks(values: Iterable[Decimal | None]) -> list[Mark]:
    return [Mark(at, None if value is None else float(value)) for at, value in enumerate(values)]


# --- tables ------------------------------------------------------------------------------------------------


def days_table(days: Days, currency: str) -> Markup:
    rows = ([each, *_cells(sums, currency)] for each, sums in days.items())
    shown = table(say("report.days", currency=currency), _columns("day"), rows)
    return joined(element("h3", say("report.by_day")), shown)


def campaigns_table(block: ReportBlock) -> Markup:
    names = {row.campaign_id: row.campaign_name for row in block.rows}
    sums = _sums((row.campaign_id, row) for row in block.rows)
    rows = ([names[name], *_cells(found, block.currency)] for name, found in sums.items())
    return table(say("report.by_campaign", currency=block.currency), _columns("campaign"), rows)


def _columns(first: str) -> list[Column]:
    return [
        Column(say(first), "moment" if first == "day" else "long"),
        *(Column(say(key), "number") for key in _FIGURES),
    ]


def _cells(sums: Sums | None, currency: str) -> list[str | None]:
    if sums is None:
        return [say("no_delivery"), *([say("no_figure")] * (len(_FIGURES) - 1))]
    return [
        bare(sums["spend"], currency),
        bare(sums["revenue"], currency),
        number(_ratio(sums, "revenue", "spend")),
        bare(sums["first_party_revenue"], currency),
        number(sums["conversions"]),
        bare(_ratio(sums, "spend", "conversions"), currency),
        number(sums["impressions"], 0),
        number(sums["clicks"], 0),
    ]
