"""Budgets before and after: the latest decisions on a campaign with the curves that they rest on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from campaign_automation.api.pages.kit.charts import chart
from campaign_automation.api.pages.kit.figures import bare, moment, number
from campaign_automation.api.pages.kit.frame import (
    Column,
    Markup,
    element,
    paragraph,
    section,
    subsection,
    table,
)
from campaign_automation.api.pages.kit.plot import Axes, Mark, Series
from campaign_automation.api.pages.trail import value_of
from campaign_automation.api.pages.wording import named, say
from campaign_automation.models.changes import AuditRecord
from campaign_automation.utils.languages.speaking import told

_MOST_RUNS = 3
_CURVE_POINTS = 12
_FIELD = "daily_budget"


def budget_changes(
    trail: Sequence[AuditRecord], names: Mapping[str, str], currency: str | None
) -> Iterator[Markup]:
    """Return the latest runs that changed budgets, the newest first, each with its curves."""
    runs: dict[str, list[AuditRecord]] = {}
    for record in reversed(trail):
        if record.operation == "set_budget" or "curve" in record.evidence:
            runs.setdefault(record.run_id, []).append(record)
    shown = [_run(run[::-1], names, currency) for run in list(runs.values())[:_MOST_RUNS]]
    yield section(say("budgets.heading"), *(shown or [paragraph(say("budgets.none"), kind="quiet")]))


def _run(run: Sequence[AuditRecord], names: Mapping[str, str], currency: str | None) -> Markup:
    first = run[0]
    columns = [
        Column(say("adset"), "long"),
        Column(say("budgets.before"), "number"),
        Column(say("budgets.after"), "number"),
        Column(say("budgets.why"), "long"),
        Column(say("budgets.outcome")),
    ]
    rows = (
        [
            names.get(item.entity_id, item.entity_id),
            _budget(item.before, currency),
            _budget(item.after, currency),
            told(str(item.evidence.get("explanation") or item.reason)),
            named("outcome", item.outcome),
        ]
        for item in run
    )
    curves = [_curve(item, names, currency) for item in run if item.evidence.get("curve")]
    return subsection(
        say("budgets.run", moment=moment(first.at), actor=first.actor, reason=told(first.reason)),
        table(say("budgets.table", currency=currency or say("unknown")), columns, rows),
        paragraph(say("budgets.curves" if curves else "budgets.no_curve"), kind="quiet"),
        element("div", *curves, class_="charts") if curves else None,
    )


def _budget(values: Mapping[str, Any] | None, currency: str | None) -> str | None:
    """Return the budget before or after; of a pause its status."""
    if values and (value := values.get(_FIELD)) is not None:
        return bare(value, currency)
    return value_of(values, currency)


def _curve(record: AuditRecord, names: Mapping[str, str], currency: str | None) -> Markup:
    """Return the fitted curve of an ad set, with its results at the budgets before and after."""
    curve = record.evidence["curve"]
    before, after = _number(record.before), _number(record.after)
    top = 1.3 * max(filter(None, (before, after)), default=curve["half"])
    points = [top * step / _CURVE_POINTS for step in range(_CURVE_POINTS + 1)]
    fitted = [Mark(x, curve["ceiling"] * x / (curve["half"] + x)) for x in points]
    metric = say("revenue" if curve.get("metric") == "value" else "conversions")
    title = say("budgets.curve", name=names.get(record.entity_id, record.entity_id), metric=metric)
    series = [
        Series(say("budgets.fitted"), fitted, has_dots=False),
        Series(say("budgets.at_before"), _at(curve, "before", before), "second", is_loose=True),
        Series(say("budgets.at_after"), _at(curve, "after", after), "third", is_loose=True),
    ]
    axes = Axes(y=number, x=number, x_name=f"{say('budgets.budget')} ({currency or say('unknown')})")
    return chart(title, say("budgets.curve_about"), series, axes)


def _at(curve: Mapping[str, Any], when: str, budget: float | None) -> list[Mark]:
    """Return the result at a budget with its range; records of earlier versions have no range."""
    if budget is None:
        return []
    low, high = curve.get(f"range_{when}") or (None, None)
    return [Mark(budget, curve[f"result_{when}"], low, high)]


def _number(values: Mapping[str, Any] | None) -> float | None:
    value = (values or {}).get(_FIELD)
    return None if value is None else float(value)
