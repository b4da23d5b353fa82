"""Rows with fields of every odd form: all of a row at once and field by field say the same."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign_automation.adapters.common.reading import Readers, read_fields
from campaign_automation.adapters.meta import answers as meta
from campaign_automation.adapters.tiktok import answers as tiktok

ODD: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from([None, True, 0, -1, 10**400, 1e308, float("nan"), "", "12", "1e999", "\ud83d", "é", "x"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["id", "type", "x"]), inner),
    max_leaves=4,
)
GOOD: dict[str, Any] = {
    "id": "7",
    "name": "N",
    "status": "ACTIVE",
    "effective_status": "ACTIVE",
    "daily_budget": "5000",
    "bid_strategy": "COST_CAP",
    "bid_amount": 100,
    "targeting": {"age_min": 18, "age_max": 65, "geo_locations": {"countries": ["DE"]}, "genders": [1]},
    "attribution_spec": [{"event_type": "CLICK_THROUGH", "window_days": 7}],
    "creative": {"url_tags": "a=b", "object_story_spec": {"page_id": "4", "link_data": {"message": "m"}}},
    "adset_id": "8",
    "adgroup_id": "8",
    "campaign_name": "N",
    "adgroup_name": "N",
    "ad_name": "N",
    "operation_status": "ENABLE",
    "secondary_status": "ADGROUP_STATUS_DELIVERY_OK",
    "budget": 50.0,
    "budget_mode": "BUDGET_MODE_DAY",
    "location_ids": ["2921044"],
    "age_groups": ["AGE_18_24"],
    "placement_type": "PLACEMENT_TYPE_NORMAL",
    "placements": ["PLACEMENT_TIKTOK"],
    "bid_type": "BID_TYPE_NO_BID",
    "create_time": "2026-11-20 10:00:00",
    "schedule_start_time": "2026-11-20 10:00:00",
    "landing_page_url": "https://shop.example/?a=b",
}
STEP = Decimal("0.01")
LEVELS = {
    "meta campaign": (meta._CAMPAIGN, (STEP, "COST_CAP", [GOOD])),
    "meta ad set": (meta._ADSET, (STEP,)),
    "meta ad": (meta._AD, ()),
    "tiktok campaign": (tiktok._CAMPAIGN, ()),
    "tiktok ad set": (tiktok._ADSET, ()),
    "tiktok ad": (tiktok._AD, ()),
}


@pytest.mark.parametrize("level", LEVELS)
@given(
    odd=st.dictionaries(st.sampled_from(sorted(GOOD)), ODD, max_size=3),
    gone=st.sets(st.sampled_from(sorted(GOOD)), max_size=2),
)
def test_a_field_that_cannot_be_read_costs_itself_alone(
    level: str, odd: dict[str, Any], gone: set[str]
) -> None:
    readers: Readers
    readers, more = LEVELS[level]
    row = {name: value for name, value in {**GOOD, **odd}.items() if name not in gone}, *more
    read = read_fields("7", readers, *row)
    alone = {name: read_fields("7", {name: reader}, *row) for name, reader in readers.items()}
    assert read["unread"] == [name for name, fields in alone.items() if fields["unread"]]
    for name in readers.keys() - {"issues", *read["unread"]}:
        assert repr(read[name]) == repr(alone[name][name])
    own = [] if "issues" in read["unread"] else alone["issues"]["issues"]
    assert read["issues"] == own + [
        f"{name}: set to something that this module does not know" for name in read["unread"]
    ]
