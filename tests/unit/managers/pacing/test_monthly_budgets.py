"""Monthly budgets on platforms in memory: shown, told of once, and landed on by proposals."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from campaign_automation.models.reports import DailyInsight
from campaign_automation.tasks import collect_insights
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import PlatformRejectedError
from tests.support.builders import request_body
from tests.support.one_tenant import OneTenant

MADE = datetime(2026, 5, 20, 12, tzinfo=UTC)


class House(OneTenant):
    """A tenant with one running campaign of 100 a day, on the 16th of a month of 30 days."""

    def __init__(self) -> None:
        super().__init__()
        self.now = MADE
        self.campaign: dict[str, Any] = {}

    @property
    def campaign_id(self) -> str:
        return str(self.campaign["campaign_id"])

    def spends(self, amount: str, today: str = "0") -> None:
        """Let the campaign have spent an amount on each day since it was made."""
        days = (self.now - MADE).days
        item = self.campaign["platform_campaign_id"]
        self.adapter.daily = [
            DailyInsight(
                entity_id=item,
                campaign_id=item,
                adset_id=None,
                day=self.now.date() - timedelta(days=age),
                spend=Decimal(amount if age else today),
                impressions=1,
                clicks=1,
                conversions=Decimal(0),
                revenue=None,
            )
            for age in range(days)
        ]

    def budget(self, amount: float | None, **more: Any) -> dict[str, Any]:
        ids = {"campaign_ids": [self.campaign_id]} if amount else {}
        return self.ask("set_monthly_budget", {"name": "june", "amount": amount, **ids, **more})

    def pacing(self) -> dict[str, Any]:
        (shown,) = self.done("get_pacing", {})["budgets"]
        return dict(shown)

    def sweep(self, **later: int) -> None:
        self.now += timedelta(**later)
        asyncio.run(collect_insights(self.wiring, {}))

    def proposals(self) -> list[dict[str, Any]]:
        return list(self.done("list_proposals", {})["proposals"])

    def told(self) -> list[str]:
        return [item["title"] for item in self.web_platform.notifications if "monthly" in item["title"]]


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> House:
    house = House()
    monkeypatch.setattr(clock, "now", lambda: house.now)
    house.campaign = house.done("create_campaign", request_body(activate=True))
    house.now = datetime(2026, 6, 16, 10, tzinfo=UTC)
    return house


def test_the_month_is_shown_with_its_edges_and_what_lands_on_it(house: House) -> None:
    house.spends("90.005", today="40")
    assert house.budget(3000)["status"] == "success"
    pacing = house.pacing()
    spent = 1390.075
    assert (pacing["month"], pacing["days_left"], pacing["spent"]) == ("2026-06", 15, spent)
    assert pacing["expected"] == spent + 60 + 14 * 100
    assert pacing["low"] == pytest.approx(spent + 50 + 14 * 90, abs=0.1)
    assert pacing["high"] > pacing["expected"]
    assert (pacing["state"], pacing["remaining"]) == ("on_track", 3000 - spent)
    (campaign,) = pacing["campaigns"]
    assert campaign["landing_daily_budget"] == 109.99  # 15 days of it and 1350.075 are just below 3000
    assert pacing["message"].startswith("june: 1390.08 of 3000.00 USD spent, 15 days left with today")


def test_a_budget_that_will_not_hold_is_told_once_and_landed_on_by_a_proposal(house: House) -> None:
    house.spends("100")
    house.budget(2400)
    house.sweep()
    assert house.pacing()["state"] == "overshoots"
    assert house.told() == ["The monthly budget june will not hold"]
    (proposal,) = house.proposals()
    assert proposal["proposed_by"] == "monthly_budget:june"
    for _ in range(3):
        house.sweep(hours=7)  # the proposal waits
    assert (len(house.told()), [item["proposal_id"] for item in house.proposals()]) == (
        1,
        [proposal["proposal_id"]],
    )
    decided = house.done("approve_proposal", {"proposal_ids": [proposal["proposal_id"]]})
    assert [item["state"] for item in decided["proposals"]] == ["verified"]
    assert house.pacing()["campaigns"][0]["daily_budget"] == pytest.approx(60, abs=0.05)


def test_a_budget_that_is_used_up_proposes_a_pause(house: House) -> None:
    house.spends("100")
    house.budget(1200)
    house.sweep()
    assert house.told() == ["The monthly budget june is used up"]
    (proposal,) = house.proposals()
    house.done("approve_proposal", {"proposal_ids": [proposal["proposal_id"]]})
    assert house.status(house.campaign_id)["campaign"]["status"] == "paused"
    assert house.pacing()["state"] == "on_track"


def test_what_cannot_be_read_is_unknown_and_proposes_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.spends("100")
    house.budget(1200)

    async def down(*_: Any) -> list[DailyInsight]:
        raise PlatformRejectedError("no permission", platform="meta", code="1004")

    with monkeypatch.context() as patch:
        patch.setattr(house.adapter, "read_daily", down)
        house.sweep()
        pacing = house.pacing()
    assert (pacing["state"], pacing["spent"], pacing["campaigns"]) == ("unknown", None, [])
    assert "no permission" in pacing["problem"]
    assert (house.told(), house.proposals()) == ([], [])
    house.sweep(hours=2)
    assert house.told() == ["The monthly budget june is used up"]


def test_a_campaign_that_ends_in_the_month_spends_nothing_after_its_end(house: House) -> None:
    house.spends("100")
    house.budget(2400)
    root = house.campaign["platform_campaign_id"]
    house.adapter.change(root, ends_at=datetime(2026, 6, 18, 12, tzinfo=UTC))
    assert house.pacing()["expected"] == 1500 + 3 * 100


def test_a_campaign_without_a_daily_budget_is_not_paced_on_a_guess(house: House) -> None:
    house.budget(2400)
    for adset in house.campaign["adsets"]:
        house.adapter.change(adset["platform_adset_id"], daily_budget=None)
    pacing = house.pacing()
    assert (pacing["state"], pacing["expected"]) == ("unknown", None)
    assert "runs without a daily budget" in pacing["problem"]


def test_a_deleted_campaign_has_spent_what_it_spent(house: House) -> None:
    house.spends("100")
    house.budget(2400)
    house.done("manage_campaign", {"campaign_id": house.campaign_id, "action": "delete", "confirm": True})
    pacing = house.pacing()
    assert (pacing["spent"], pacing["high"], pacing["state"]) == (1500, 1500, "on_track")


def test_an_alarm_alone_proposes_nothing_and_a_new_month_begins_anew(house: House) -> None:
    house.spends("100")
    house.budget(2400, mode="alarm")
    house.sweep()
    assert (len(house.told()), house.proposals()) == (1, [])
    house.now = datetime(2026, 7, 1, 10, tzinfo=UTC)
    house.spends("60")
    pacing = house.pacing()
    assert (pacing["month"], pacing["spent"], pacing["days_left"]) == ("2026-07", 0, 31)
    house.sweep()
    assert len(house.told()) == 1


def test_budgets_of_others_unknown_names_and_a_campaign_under_two_are_refused(house: House) -> None:
    house.spends("100")
    house.budget(2400)
    two = house.ask("set_monthly_budget", {"name": "b", "amount": 5, "campaign_ids": [house.campaign_id]})
    assert "under the monthly budget june" in two["error"]["message"]
    assert house.budget(None)["message"] == "the monthly budget was removed"
    assert house.budget(None)["error"]["code"] == "5000"
    assert house.done("get_pacing", {})["budgets"] == []
    other = {"name": "c", "amount": 5, "campaign_ids": ["cmp_00000000000000000000"]}
    assert house.ask("set_monthly_budget", other)["error"]["code"] == "5000"
