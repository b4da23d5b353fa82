"""What Meta's rows and nodes say, read into our shapes."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from campaign_automation.adapters.base import DailyInsight
from campaign_automation.adapters.delivery import Parents, fill_days
from campaign_automation.adapters.meta import facts
from campaign_automation.adapters.meta.answers import ad_node, adset_node, campaign_node, insight_of_row
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
    assert filled
    assert all(item.adset_id == item.entity_id for item in filled)


ADSET: dict[str, Any] = {
    "id": "3",
    "name": "Runners",
    "status": "ACTIVE",
    "effective_status": "ACTIVE",
    "daily_budget": "2500",
    "bid_strategy": "LOWEST_COST_WITHOUT_CAP",
    "targeting": {"age_min": 18, "age_max": 35, "geo_locations": {"countries": ["US"]}},
}


@pytest.mark.parametrize(
    ("targeting", "understood", "problem"),
    [
        (
            {"age_min": 18, "age_max": 65, "geo_locations": {"neighborhoods": [{"key": "2418779"}]}},
            (18, 65, []),
            "without countries; also by neighborhoods",
        ),
        (
            {
                "age_min": 18,
                "age_max": 65,
                "geo_locations": {"countries": ["US"]},
                "excluded_geo_locations": {"zips": [{"key": "US:94304"}]},
            },
            (18, 65, ["US"]),
            "also by excluded zips",
        ),
        (
            {
                "age_min": 18,
                "age_max": 65,
                "genders": [1],
                "geo_locations": {"countries": ["US"], "zips": [{}]},
            },
            (18, 65, ["US"]),
            "also by zips",
        ),
        ({"geo_locations": {"countries": ["US"]}}, (None, None, ["US"]), "without ages"),
        (
            {"age_min": 18, "age_max": 65, "geo_locations": {"countries": None}},
            (18, 65, []),
            "without countries",
        ),
        (
            {"age_range": [18, 30], "geo_locations": {"countries": ["US"]}},
            (None, None, ["US"]),
            "without ages; also by age_range",
        ),
        (
            {
                "age_min": 18,
                "age_max": 65,
                "geo_locations": {"countries": ["US"]},
                "targeting_automation": {"advantage_audience": 1},
            },
            (18, 65, ["US"]),
            "also by advantage_audience",
        ),
        ({}, (None, None, []), "without ages and countries"),
    ],
)
def test_targeting_carries_what_is_understood_and_says_that_there_is_more(
    targeting: Any, understood: tuple[Any, ...], problem: str
) -> None:
    node = adset_node({**ADSET, "targeting": targeting}, Decimal("0.01"))
    assert (node.status, node.daily_budget, node.bid_strategy) == ("active", Decimal(25), "lowest_cost")
    assert node.targeting is not None
    assert (node.targeting.age_min, node.targeting.age_max, node.targeting.countries) == understood
    assert node.unread == ["targeting"]
    assert node.issues == [f"targeting: {problem}, which this module does not know"]


@pytest.mark.parametrize("targeting", ["everybody", 7, {"age_min": "many"}, {"geo_locations": ["US"]}])
def test_targeting_of_another_kind_hides_nothing_else(targeting: Any) -> None:
    node = adset_node({**ADSET, "targeting": targeting}, Decimal("0.01"))
    assert (node.status, node.daily_budget, node.targeting) == ("active", Decimal(25), None)
    assert "targeting" in node.unread
    assert any(issue.startswith("targeting: ") for issue in node.issues)


def test_known_targeting_has_no_issue() -> None:
    node = adset_node(ADSET, Decimal("0.01"))
    assert (node.unread, node.issues) == ([], [])
    assert node.targeting is not None
    assert node.targeting.countries == ["US"]


@pytest.mark.parametrize("kind", ["campaign", "adset", "ad"])
def test_an_id_and_a_status_are_enough_to_stop_an_object(kind: str) -> None:
    bare: dict[str, Any] = {"id": "3", "status": "ACTIVE", "daily_budget": "much", "issues_info": 7}
    node = {
        "campaign": lambda: campaign_node(bare, Decimal("0.01")),
        "adset": lambda: adset_node(bare, Decimal("0.01")),
        "ad": lambda: ad_node({**bare, "creative": 5}),
    }[kind]()
    assert (node.platform_id, node.status) == ("3", "active")
    assert node.unread


@pytest.mark.parametrize(
    ("targeting", "placements"),
    [
        ({}, "automatic"),
        ({"device_platforms": ["mobile", "desktop"]}, "automatic"),
        (
            {"device_platforms": None, "targeting_automation": {"individual_setting": {"device": 1}}},
            "automatic",
        ),
        ({"device_platforms": ["mobile"]}, "selected"),
        ({"publisher_platforms": ["facebook"]}, "selected"),
        ({"facebook_positions": ["feed"]}, "selected"),
    ],
)
def test_devices_that_meta_widens_select_nothing(targeting: dict[str, Any], placements: str) -> None:
    stored = {"age_min": 18, "age_max": 65, "geo_locations": {"countries": ["US"]}} | targeting
    node = adset_node({"id": "1", "targeting": stored}, Decimal("0.01"))
    assert node.placements == placements
