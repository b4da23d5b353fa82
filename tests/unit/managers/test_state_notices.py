"""States that a person has to end are told when they begin, and not on each call."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from campaign_automation.capability import run_action
from campaign_automation.managers.changes.guards import Limits
from campaign_automation.managers.changes.items import DesiredChange, new_run
from campaign_automation.models.common import Level
from campaign_automation.settings import parse_settings
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import PlatformAuthError
from campaign_automation.wiring import Wiring
from tests.support.builders import request_body
from tests.support.fake_adapter import FakeAdapter
from tests.support.memory_table import MemoryTable
from tests.support.parts import campaign_of, gate_with
from tests.support.web_platform import MemoryWebPlatform

SETTINGS = {
    "TABLE_NAME": "Table",
    "KILL_SWITCH": "false",
    "MAX_BUDGET_STEP_PERCENT": "50",
    "MAX_BUDGET_DAY_PERCENT": "50",
    "ACCOUNT_DAILY_BUDGET_CAPS": "USD:1000",
    "SPECIAL_AD_CATEGORIES": "NONE",
    "ACCOUNT_CONNECT_URL": "https://shop.example/connect/{platform}",
}
LIMITS = Limits(Decimal(50), Decimal(50), {"USD": Decimal(100)}, False)


class House:
    """A tenant's campaign; each call is made by another process over the same table."""

    def __init__(self) -> None:
        self.platform = FakeAdapter("meta")
        self.web_platform = MemoryWebPlatform()
        self._table = MemoryTable()
        made = self.ask("create_campaign", **request_body(daily_budget=90))
        assert made["status"] == "success", made
        self.campaign_id = made["campaign_id"]

    def wiring(self) -> Wiring:
        adapters = {"meta": self.platform}
        settings = parse_settings(SETTINGS)
        return Wiring(settings, mcp_client=self.web_platform, adapters=adapters, table=self._table)

    def ask(self, action: str, **parameters: Any) -> dict[str, Any]:
        return asyncio.run(run_action(self.wiring(), action, parameters, {"user_id": "u"}))

    def status(self) -> dict[str, Any]:
        return self.ask("get_campaign_status", campaign_id=self.campaign_id)

    def told(self) -> list[dict[str, Any]]:
        """The notices that the next sweep sends, and those sent before."""
        asyncio.run(self.wiring().outbox.sweep())
        return self.web_platform.notifications

    def ads(self) -> list[str]:
        campaign = campaign_of(self.wiring(), self.campaign_id)
        return [entry.platform_id or "" for entry in campaign.made(Level.AD)]


@pytest.fixture
def house() -> House:
    return House()


def test_a_token_that_is_refused_for_good_is_told_once(house: House) -> None:
    house.platform.fail_with = PlatformAuthError("meta: expired", platform="meta")
    for _ in range(3):
        assert house.status()["error"]["code"] == "6001"
    (notice,) = house.told()
    assert (notice["category"], notice["notification_type"]) == ("token_expired", "urgent")
    assert notice["action_url"] == "https://shop.example/connect/meta"


@pytest.mark.parametrize(("days", "told"), [(15, []), (13, ["13 days"]), (2, ["2 days"]), (-1, [])])
def test_a_token_that_ends_soon_is_told_ahead_once(house: House, days: int, told: list[str]) -> None:
    house.web_platform.token_ends = clock.now() + timedelta(days=days, hours=1)
    for _ in range(3):
        house.status()
    notices = house.told()
    assert [notice["title"].partition(" ends in ")[2] for notice in notices] == told
    for notice in notices:
        assert (notice["category"], notice["notification_type"]) == ("token_expired", "important")
        assert notice["action_url"] == "https://shop.example/connect/meta"


def test_a_token_that_was_told_of_is_told_of_again_in_its_last_days_and_a_new_one_too(house: House) -> None:
    ends = clock.now() + timedelta(days=10, hours=1)
    for _ in range(2):
        house.web_platform.token_ends = ends
        house.status()
    assert len(house.told()) == 1
    house.web_platform.token_ends = clock.now() + timedelta(days=1, hours=1)
    house.status()
    assert len(house.told()) == 2


def test_a_token_without_a_permission_is_no_expired_one(house: House) -> None:
    house.platform.fail_with = PlatformAuthError("meta: no", platform="meta", code="1004")
    house.status()
    assert house.told() == []


def test_refused_ads_are_told_when_they_are_refused(house: House) -> None:
    first, second, third = house.ads()[:3]
    house.platform.change(third, platform_status="PENDING_REVIEW")
    house.status()
    assert house.told() == []
    house.platform.change(first, platform_status="DISAPPROVED", issues=["Claims: not allowed"])
    for _ in range(2):
        house.status()
    (notice,) = house.told()
    assert notice["category"] == "ad_rejected"
    assert notice["title"].startswith("1 ad of ")
    assert "Claims: not allowed" in notice["message"]
    house.platform.change(second, platform_status="AD_STATUS_AUDIT_DENY")
    for _ in range(2):
        house.status()
    assert [item["title"].split()[0] for item in house.told()] == ["1", "2"]


@pytest.mark.parametrize("is_automatic", [True, False])
def test_a_cap_that_holds_a_rule_back_is_told_once_a_day(house: House, is_automatic: bool) -> None:
    wiring = house.wiring()
    campaign = campaign_of(wiring, house.campaign_id)
    start = [DesiredChange(entry.level, entry.tag, "status", "active") for entry in campaign.start_order()]
    asyncio.run(gate_with(wiring, LIMITS).apply(campaign, start, new_run("user:u", "start")))
    adset = campaign.made(Level.ADSET)[0].tag
    evidence = {adset: {"figures": []}} if is_automatic else {}
    for amount in ("44", "45"):
        wanted = [DesiredChange(Level.ADSET, adset, "daily_budget", Decimal(amount))]
        other = house.wiring()
        run = new_run("rule:r" if is_automatic else "user:u", "raise", evidence)
        (item,) = asyncio.run(
            gate_with(other, LIMITS).apply(campaign_of(other, house.campaign_id), wanted, run)
        )
        assert item.reason.startswith("account_cap")
    notices = house.told()
    assert [item["category"] for item in notices] == (["budget_exhausted"] if is_automatic else [])
