"""Campaigns in the lists of accounts: each once, with what of them cannot be changed."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import Any

from campaign_automation.adapters.common.listings import found_campaigns
from campaign_automation.adapters.meta.answers import found as found_on_meta
from campaign_automation.adapters.tiktok.answers import found as found_on_tiktok
from campaign_automation.models.accounts import FoundCampaign

CENT = Decimal("0.01")


def on_meta(**changes: Any) -> dict[str, Any]:
    row = {"id": "1", "name": "Summer", "status": "ACTIVE", "effective_status": "ACTIVE"}
    return row | {"objective": "OUTCOME_SALES", "daily_budget": "8000"} | changes


def read(*rows: dict[str, Any]) -> list[FoundCampaign]:
    return found_campaigns(rows, partial(found_on_meta, step=CENT))


def test_a_campaign_on_two_pages_is_one_and_a_deleted_one_none() -> None:
    found = read(on_meta(), on_meta(id="2", status="DELETED"), on_meta(), on_meta(id="3", status="ARCHIVED"))
    assert [(item.platform_id, item.daily_budget) for item in found] == [("1", 80)]


def test_a_row_without_an_id_hides_no_other() -> None:
    assert [item.platform_id for item in read(on_meta(id=None), on_meta(id="2"))] == ["2"]


def test_older_and_unknown_objectives_are_told_apart() -> None:
    objectives = ("CONVERSIONS", "LINK_CLICKS", "VIDEO_VIEWS", None)
    found = read(*(on_meta(id=str(number), objective=name) for number, name in enumerate(objectives, 1)))
    assert [item.objective for item in found] == ["sales", "traffic", None, None]


def test_a_total_budget_is_a_limit_with_what_to_do_instead() -> None:
    (meta,) = read(on_meta(daily_budget="0", lifetime_budget="90000"))
    tiktok = found_on_tiktok(
        {
            "campaign_id": "7",
            "campaign_name": "Summer",
            "operation_status": "ENABLE",
            "objective_type": "WEB_CONVERSIONS",
            "budget_mode": "BUDGET_MODE_TOTAL",
            "budget": 500,
        },
        "manual",
    )
    for found in (meta, tiktok):
        assert found.daily_budget is None
        assert "total budget" in found.limits[0]
        assert found.objective == "sales"


def test_traffic_campaigns_of_tiktok_are_known_under_the_name_that_is_read_back() -> None:
    rows = (
        {"campaign_id": "7", "campaign_name": "A", "objective_type": word} for word in ("LANDING_PAGE", "X")
    )
    assert [found_on_tiktok(row, "manual").objective for row in rows] == ["traffic", None]


def test_what_cannot_be_read_is_a_limit() -> None:
    (found,) = read(on_meta(status="PAINTED"))
    assert (found.status, found.limits) == (
        "unknown",
        ["its status is set to something that this module does not know"],
    )
