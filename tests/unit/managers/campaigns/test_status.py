"""The status of a campaign: the figures of its day, and the budgets that count."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from campaign_automation.adapters.base import DailyInsight
from campaign_automation.utils import clock
from tests.support.builders import request_body
from tests.support.one_tenant import OneTenant


def status_of(house: OneTenant, created: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = house.done("get_campaign_status", {"campaign_id": created["campaign_id"]})
    return answer


def test_a_status_has_impressions_clicks_and_the_percentage_of_clicks() -> None:
    house = OneTenant()
    created = house.done("create_campaign", request_body())
    today = clock.day_of(clock.now(), clock.ZoneInfo(house.adapter.account.time_zone))
    root = created["platform_campaign_id"]
    house.adapter.daily = [
        DailyInsight(
            entity_id=root,
            campaign_id=root,
            adset_id=None,
            day=today,
            spend=Decimal(3),
            impressions=700,
            clicks=14,
            conversions=Decimal(0),
            revenue=Decimal(0),
        )
    ]
    status = status_of(house, created)
    campaign = status["campaign"]
    assert (campaign["impressions_today"], campaign["clicks_today"], campaign["ctr_today"]) == (700, 14, 2)
    assert campaign["day"] == str(today)
    assert campaign["created_at"] is not None
    # Without a row an object did not deliver: its ratio is undefined.
    adset = status["adsets"][0]
    assert (adset["impressions"], adset["clicks"], adset["ctr"]) == (0, 0, None)


def test_a_daily_budget_counts_what_runs_or_starts_with_the_campaign() -> None:
    house = OneTenant()
    created = house.done("create_campaign", request_body())
    first = status_of(house, created)["campaign"]
    assert (first["daily_budget"], first["paused_daily_budget"]) == (100, 0)

    house.done("manage_campaign", {"campaign_id": created["campaign_id"], "action": "start"})
    adset = created["adsets"][0]
    pause = {"action": "pause", "level": "adset", "entity_ids": [adset["adset_id"]]}
    house.done("manage_campaign", {"campaign_id": created["campaign_id"], **pause})
    then = status_of(house, created)["campaign"]
    own = adset["daily_budget"]
    assert (then["daily_budget"], then["paused_daily_budget"]) == (100 - own, own)

    house.done("manage_campaign", {"campaign_id": created["campaign_id"], "action": "pause"})
    paused = status_of(house, created)["campaign"]
    assert (paused["status"], paused["daily_budget"]) == ("paused", 100 - own)
