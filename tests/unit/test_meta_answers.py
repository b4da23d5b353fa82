"""What Meta's rows and nodes say, read into our shapes."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from campaign_automation.adapters.base import DailyInsight, Parents, fill_days
from campaign_automation.adapters.meta import facts
from campaign_automation.adapters.meta.answers import insight_of_row
from campaign_automation.models.common import Level, Objective

ROW = {
    "campaign_id": "1",
    "adset_id": "2",
    "spend": "12.34",
    "impressions": "100",
    "clicks": "7",
    "date_start": "2026-11-03",
    "date_stop": "2026-11-03",
}


def _insight(actions: dict[str, str], values: dict[str, str], objective: str = "sales") -> DailyInsight:
    row: dict[str, Any] = {**ROW}
    for name, counts in (("actions", actions), ("action_values", values)):
        if counts:
            row[name] = [{"action_type": kind, "value": count} for kind, count in counts.items()]
    return insight_of_row(row, Level.ADSET, facts.GOALS[Objective(objective)].result_actions)


PIXEL = "offsite_conversion.fb_pixel_purchase"


@pytest.mark.parametrize(
    ("actions", "values", "expected"),
    [
        (
            {"link_click": "7", PIXEL: "3", "purchase": "4", "omni_purchase": "5"},
            {"purchase": "40", "omni_purchase": "50"},
            (5, 50),
        ),
        ({PIXEL: "3", "purchase": "4"}, {PIXEL: "30", "purchase": "40"}, (4, 40)),
        ({PIXEL: "3"}, {PIXEL: "30"}, (3, 30)),
        ({"link_click": "7"}, {}, (0, 0)),
        ({}, {}, (0, 0)),
        ({"omni_purchase": "5"}, {PIXEL: "30"}, (5, None)),
    ],
)
def test_overlapping_actions_are_counted_once(
    actions: dict[str, str], values: dict[str, str], expected: tuple[int, int | None]
) -> None:
    row = _insight(actions, values)
    assert (row.conversions, row.revenue) == expected


def test_the_objective_says_which_event_counts() -> None:
    actions = {"purchase": "4", "lead": "9", "offsite_conversion.fb_pixel_lead": "9"}
    assert _insight(actions, {}, "leads").conversions == 9
    assert _insight(actions, {}, "sales").conversions == 4


def test_what_the_row_leaves_out_is_unknown_or_nothing() -> None:
    row = insight_of_row({"campaign_id": "1", "date_start": "2026-11-03"}, Level.CAMPAIGN, ("purchase",))
    assert (row.entity_id, row.adset_id, row.day) == ("1", None, date(2026, 11, 3))
    assert (row.spend, row.impressions, row.clicks) == (None, None, None)
    assert (row.conversions, row.revenue) == (Decimal(0), Decimal(0))


def test_days_without_a_row_are_filled_with_zeros() -> None:
    row = _insight({"purchase": "4"}, {"purchase": "40"})
    ids = {"2": Parents("1", "2"), "3": Parents("1", "3")}
    filled = fill_days([row], ids, date(2026, 11, 2), date(2026, 11, 4))
    assert [(item.entity_id, item.day.day) for item in filled] == [
        ("2", 2), ("2", 3), ("2", 4), ("3", 2), ("3", 3), ("3", 4),
    ]  # fmt: skip
    assert filled[1] == row
    assert {item.spend for item in filled if item is not filled[1]} == {Decimal(0)}
    assert all(item.adset_id == item.entity_id for item in filled)
