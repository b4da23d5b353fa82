"""The attribution windows that platforms answer, in days."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from campaign_automation.adapters.meta import answers as meta
from campaign_automation.adapters.tiktok import answers as tiktok


@pytest.mark.parametrize(
    ("spec", "days"),
    [
        ([{"event_type": "CLICK_THROUGH", "window_days": 1}], 1),
        ([{"event_type": "CLICK_THROUGH", "window_days": 7}, {"event_type": "VIEW_THROUGH"}], 7),
        ([], None),
        (None, None),
    ],
)
def test_meta_tells_a_window_for_each_event(spec: Any, days: int | None) -> None:
    item = {"id": "1", "name": "a", "status": "ACTIVE", "effective_status": "ACTIVE", "targeting": {}}
    assert meta.adset_node({**item, "attribution_spec": spec}, Decimal("0.01")).attribution_days == days


@pytest.mark.parametrize(
    ("click", "view", "days"),
    [("TWENTY_EIGHT_DAYS", "ONE_DAY", 28), ("OFF", "SEVEN_DAYS", 7), ("SOME_DAYS", None, None)],
)
def test_tiktok_tells_them_in_words(click: str, view: str | None, days: int | None) -> None:
    item = {"adgroup_id": "1", "adgroup_name": "a", "operation_status": "ENABLE", "budget": 50}
    told = {"click_attribution_window": click, "view_attribution_window": view}
    assert tiktok.adset_node({**item, **told}, "manual").attribution_days == days
