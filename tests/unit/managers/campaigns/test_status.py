"""The status of a campaign: the figures of its day, and the budgets that count."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from campaign_automation.adapters.base import Access, DailyInsight
from campaign_automation.adapters.google import checks as google
from campaign_automation.adapters.meta import requests as meta
from campaign_automation.adapters.tiktok import checks as tiktok
from campaign_automation.managers.campaigns import wording
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import PlatformAuthError
from tests.support.builders import request_body
from tests.support.fake_adapter import FakeAdapter
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
    house.done("update_campaign", {"campaign_id": created["campaign_id"], "daily_budget": 110})
    changed = status_of(house, created)["campaign"]
    assert (changed["daily_budget"], changed["paused_daily_budget"]) == (110, 0)
    house.done("update_campaign", {"campaign_id": created["campaign_id"], "daily_budget": 100})

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


def test_an_ad_set_and_an_ad_that_somebody_deleted_are_shown_as_deleted() -> None:
    house = OneTenant()
    created = house.done("create_campaign", request_body())
    house.done("manage_campaign", {"campaign_id": created["campaign_id"], "action": "start"})
    adset, ad = created["adsets"][0], created["ads"][-1]
    own = [item for item in created["ads"] if item["adset_id"] == adset["adset_id"]]
    for platform_id in (adset["platform_adset_id"], *(item["platform_ad_id"] for item in (*own, ad))):
        house.adapter.delete(platform_id)

    status = status_of(house, created)
    shown = {item["adset_id"]: item for item in status["adsets"]} | {
        item["ad_id"]: item for item in status["ads"]
    }
    gone = {item["adset_id"] for item in [adset]} | {item["ad_id"] for item in (*own, ad)}
    assert shown.keys() == {item["adset_id"] for item in created["adsets"]} | {
        item["ad_id"] for item in created["ads"]
    }
    assert {tag for tag, item in shown.items() if item["status"] == "deleted"} == gone
    assert {(*shown[tag]["issues"], shown[tag]["foreign"]) for tag in gone} == {(wording.GONE, False)}
    assert shown[own[0]["ad_id"]]["adset_id"] == adset["adset_id"]
    assert status["campaign"]["daily_budget"] == 100 - adset["daily_budget"]


def test_an_ad_that_was_deleted_from_here_is_not_told_again() -> None:
    house = OneTenant()
    created = house.done("create_campaign", request_body())
    ad = created["ads"][0]
    removal = {"action": "delete", "level": "ad", "entity_ids": [ad["ad_id"]], "confirm": True}
    house.done("manage_campaign", {"campaign_id": created["campaign_id"], **removal})
    assert ad["ad_id"] not in {item["ad_id"] for item in status_of(house, created)["ads"]}


class Blocked(FakeAdapter):
    """A platform that takes no ads from the account, for the reason that `refuse` raises."""

    def __init__(self, platform: str, refuse: Callable[[], None]) -> None:
        super().__init__(platform)
        self.refuse: Callable[[], None] = lambda: None
        self._refusal = refuse

    def block(self) -> None:
        self.refuse = self._refusal

    async def check_account(self, access: Access) -> None:
        self.refuse()


@pytest.mark.parametrize(
    ("platform", "refuse", "words"),
    [
        ("meta", lambda: meta.refuse_blocked({"account_status": 2}), "is disabled"),
        ("meta", lambda: meta.refuse_blocked({"account_status": 3}), "unsettled balance"),
        ("tiktok", lambda: tiktok.refuse_blocked({"status": "STATUS_DISABLE"}), "is disabled"),
        ("tiktok", lambda: tiktok.refuse_blocked({"status": "STATUS_LIMIT"}), "is limited"),
        ("google", lambda: google.refuse_blocked("SUSPENDED"), "is suspended"),
        ("google", lambda: google.refuse_blocked("CANCELED"), "is cancelled"),
    ],
)
@pytest.mark.parametrize("is_read", [True, False])
def test_a_blocked_account_is_shown_with_its_reason_and_a_pause_is_sent(
    platform: str, refuse: Callable[[], None], words: str, is_read: bool
) -> None:
    house = OneTenant(adapter := Blocked(platform, refuse))
    created = house.done("create_campaign", request_body(platform=platform))
    named = {"campaign_id": created["campaign_id"]}
    house.done("manage_campaign", {**named, "action": "start"})
    adapter.block()
    (issue,) = status_of(house, created)["campaign"]["issues"]
    assert issue.startswith(f"{platform}: the ad account ")
    assert words in issue
    if not is_read:
        adapter.read_fails_with = PlatformAuthError(f"{platform}: closed", platform=platform, code="1004")
    paused = house.done("manage_campaign", {**named, "action": "pause"})
    assert (paused["new_status"], paused["confirmed"]) == ("paused", is_read)
    assert adapter.node(created["platform_campaign_id"]).status == "paused"


def test_ages_that_overlap_are_a_warning_of_the_creation() -> None:
    created = OneTenant().done("create_campaign", request_body(age_groups=[[18, 35], [30, 50]]))
    assert any("18-35 and 30-50 overlap" in text for text in created["warnings"])
