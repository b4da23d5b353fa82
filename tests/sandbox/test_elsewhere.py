"""Campaigns made elsewhere: the same for the same seed, of every kind, with delivery behind them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.sandbox.core.world import World
from local.sandbox.elsewhere.plan import HISTORY_DAYS, planned
from local.sandbox.google.service import GoogleAds
from local.sandbox.meta.graph import Graph
from local.sandbox.tiktok.api import TikTok

NOW = datetime(2026, 11, 2, 15, tzinfo=UTC)
ACCOUNTS = {"meta": "act_100000000000001", "tiktok": "7000000000000000123", "google": "1230000003"}
MAKERS = {"meta": Graph, "tiktok": TikTok, "google": GoogleAds}


def platform_of(name: str) -> Any:
    world = World("https://sandbox.example")
    world.clock.reset(NOW)
    platform = MAKERS[name](world)
    world.ad_platforms[name] = platform  # type: ignore[assignment]
    return platform


@pytest.mark.parametrize("name", MAKERS)
def test_the_same_seed_makes_the_same_campaigns_and_another_seed_others(name: str) -> None:
    def state(seed: int) -> tuple[Any, Any]:
        platform = platform_of(name)
        made = platform.add_elsewhere(ACCOUNTS[name], 8, seed)
        return made, platform.state()["records"]

    assert state(7) == state(7)
    assert state(7) != state(8)


@pytest.mark.parametrize("name", MAKERS)
def test_days_of_delivery_stand_behind_those_that_run_and_behind_no_other_object(name: str) -> None:
    platform = platform_of(name)
    first = platform.add_elsewhere(ACCOUNTS[name], 8, 1)
    before = platform.state()["records"]
    platform.add_elsewhere(ACCOUNTS[name], 3, 2)
    assert platform.state()["records"][: len(before)] == before
    delivered = {record["campaign_id"] for record in before if record["spend"] > 0}
    # A total budget is spread by the platform, over days that are its own affair.
    running = {item["id"] for item in first if item["state"] == "active" and item["budget"] != "total"}
    stopped = {item["id"] for item in first if item["state"] != "active"}
    assert running <= delivered
    assert not stopped & delivered
    days = {record["day"] for record in before}
    assert min(days) >= (NOW - timedelta(days=HISTORY_DAYS + 1)).date()
    assert len(days) >= HISTORY_DAYS


def test_an_account_of_twenty_has_every_kind() -> None:
    plans = list(planned(20, 1))
    assert {plan.budget for plan in plans} == {"adset", "campaign", "shared", "total"}
    assert {plan.state for plan in plans} == {"active", "paused", "archived"}
    assert {plan.place for plan in plans} == {"country", "region", "city"}
    assert {plan.ages for plan in plans} == {"all", "adults", "none", "unknown"}
    assert {plan.objective for plan in plans} == {"sales", "traffic", "leads", "unknown"}
    assert len({plan.name for plan in plans}) == 20


def test_an_unknown_account_is_refused() -> None:
    with pytest.raises(LookupError):
        platform_of("meta").add_elsewhere("act_1", 3, 1)
