"""Commitments of campaigns under an account's cap, and those that a run that died leaves behind."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from campaign_automation.adapters.base import Access, SplitOrder
from campaign_automation.managers.changes.items import new_run
from campaign_automation.models.campaign import Campaign
from campaign_automation.models.common import AdAccount, Level
from campaign_automation.utils import retry_strategy
from campaign_automation.utils.error_handler import PlatformUnavailableError
from tests.support.builders import request_body
from tests.support.fake_adapter import FakeAdapter
from tests.support.one_tenant import OneTenant
from tests.support.parts import campaign_of

CAP = Decimal(150)


@pytest.fixture
def house() -> OneTenant:
    return OneTenant(ACCOUNT_DAILY_BUDGET_CAPS=f"USD:{CAP}")


def create(house: OneTenant, name: str) -> Campaign:
    made = house.done("create_campaign", request_body(name=name, daily_budget=90))
    return campaign_of(house.wiring, made["campaign_id"])


def raise_to(house: OneTenant, campaign: Campaign, amount: int) -> str | None:
    """Return the code of the refusal."""
    refusal = house.run(lambda: house.wiring.commitments.raise_to(campaign, Decimal(amount)))
    return refusal and str(refusal.code)


def standing(house: OneTenant, campaign: Campaign) -> Decimal:
    amount: Decimal = house.run(lambda: house.wiring.commitments.standing(campaign))
    return amount


def test_a_raise_is_committed_before_anything_is_sent(house: OneTenant) -> None:
    campaign = create(house, "A")
    assert (raise_to(house, campaign, 100), standing(house, campaign)) == (None, 100)
    assert (raise_to(house, campaign, 100), standing(house, campaign)) == (None, 100)


def test_a_refused_raise_commits_what_it_did_before(house: OneTenant) -> None:
    first, second = create(house, "A"), create(house, "B")
    assert raise_to(house, first, 100) is None
    for before in (0, 50):
        assert (raise_to(house, second, 51), standing(house, second)) == ("account_cap", before)
        assert (raise_to(house, second, 50), standing(house, second)) == (None, 50)


def test_of_two_raises_at_once_each_sees_the_other(house: OneTenant) -> None:
    campaigns = [create(house, name) for name in "AB"]
    raises = [house.wiring.commitments.raise_to(campaign, Decimal(100)) for campaign in campaigns]

    async def at_once() -> list[Any]:
        return await asyncio.gather(*raises)

    assert any(house.run(at_once))
    assert sum(standing(house, campaign) for campaign in campaigns) <= CAP


def test_what_is_followed_and_released_is_what_stands(house: OneTenant) -> None:
    campaign, commitments = create(house, "A"), house.wiring.commitments

    def follow(amount: Decimal) -> None:
        new = house.run(lambda: commitments.new(campaign, amount))
        house.run(lambda: house.wiring._table.write(new))
        assert house.run(lambda: commitments.new(campaign, amount)) is None

    for amount in (Decimal(400), Decimal(20), Decimal(0)):  # whatever the cap: others have set it
        follow(amount)
        assert standing(house, campaign) == amount
    follow(Decimal(70))
    house.run(lambda: commitments.release("u", campaign.account, campaign.campaign_id))
    assert standing(house, campaign) == 0


class Splitting(FakeAdapter):
    """A platform that stops the ad sets of a split test with it, and whose answer to that is lost."""

    def __init__(self) -> None:
        super().__init__("tiktok")
        self.in_split: list[str] = []

    async def create_split(self, access: Access, account: AdAccount, order: SplitOrder) -> str | None:
        self.in_split = list(order.adset_ids)
        return order.name

    async def end_split(self, access: Access, account: AdAccount, split_id: str) -> None:
        await super().end_split(access, account, split_id)
        for item in self.in_split:
            self.change(item, status="paused")
        raise PlatformUnavailableError("lost", platform=self.platform, outcome_unknown=True)


def test_ad_sets_that_stopped_with_their_split_are_nobody_elses_doing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def at_once(_: float) -> None:
        return None

    monkeypatch.setattr(retry_strategy, "_sleep", at_once)
    house = OneTenant(Splitting())
    asked = {"test_name": "T", "platform": "tiktok", "creative_ids": ["1", "2"], "daily_budget": 100}
    made = house.done("create_ab_test", {**asked, "force": True})
    campaign = campaign_of(house.wiring, made["campaign_id"])
    (split,) = campaign.made(Level.SPLIT)
    with pytest.raises(PlatformUnavailableError):
        house.run(lambda: house.wiring.gate.end_split(campaign, split.tag, new_run("user:u", "enough")))
    adsets = [item.tag for item in campaign.made(Level.ADSET)]
    start = {"action": "start", "level": "adset", "entity_ids": adsets}
    answer = house.done("manage_campaign", {"campaign_id": made["campaign_id"], **start})
    assert {item["id"] for item in answer["changed"]} == set(adsets)
    assert {item["status"] for item in house.status(made["campaign_id"])["adsets"]} == {"active"}
