"""Looks of the write gate: ads are read for changes that are about ads, and for no others."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from campaign_automation.adapters.tree import Depth
from campaign_automation.models.common import Level
from campaign_automation.utils.error_handler import PlatformUnavailableError
from tests.support.builders import request_body
from tests.support.fake_adapter import FakeAdapter
from tests.support.one_tenant import OneTenant

_LEVELS = (Level.CAMPAIGN, Level.ADSET, Level.AD)


class Watched(FakeAdapter):
    """Notes how much each look asks for; those after the first `reads_left` fail."""

    looks: list[Depth]
    reads_left = 1_000

    async def read_tree(self, *target: Any, depth: Depth = "whole") -> Any:
        self.looks.append(depth)
        self.reads_left -= 1
        if self.reads_left < 0:
            raise PlatformUnavailableError("down", platform=self.platform, retryable=False)
        return await super().read_tree(*target, depth=depth)


@pytest.fixture(params=["meta", "tiktok", "google"])
def adapter(request: pytest.FixtureRequest) -> Watched:
    watched = Watched(request.param)
    watched.looks = []
    return watched


@pytest.fixture
def house(adapter: Watched) -> OneTenant:
    return OneTenant(adapter)


@pytest.fixture
def made(house: OneTenant, adapter: Watched) -> dict[str, Any]:
    body = request_body(platform=adapter.platform, eu_political_advertising=False, activate=True)
    answer = house.done("create_campaign", body)
    adapter.looks.clear()
    return answer


def pause(house: OneTenant, made: dict[str, Any], level: str = "campaign") -> dict[str, Any]:
    named = {} if level == "campaign" else {"entity_ids": [made[f"{level}s"][0][f"{level}_id"]]}
    asked = {"campaign_id": made["campaign_id"], "action": "pause", "level": level, **named}
    return house.done("manage_campaign", asked)


@pytest.mark.parametrize(("level", "depth"), [("campaign", "adsets"), ("adset", "adsets"), ("ad", "ads")])
def test_only_a_change_of_ads_reads_them(
    house: OneTenant, adapter: Watched, made: dict[str, Any], level: str, depth: Depth
) -> None:
    answer = pause(house, made, level)
    assert (answer["status"], answer["skipped"], answer["failed"]) == ("success", [], [])
    assert adapter.looks == [depth, depth]


def test_a_start_notes_the_ads_that_ran_already_as_they_are(
    house: OneTenant, adapter: Watched, made: dict[str, Any]
) -> None:
    pause(house, made)
    adapter.looks.clear()
    house.done("manage_campaign", {"campaign_id": made["campaign_id"], "action": "start"})
    campaign = asyncio.run(house.wiring.store.campaign("u", made["campaign_id"]))
    assert campaign is not None
    assert {entry.status for entry in campaign.objects.values() if entry.level in _LEVELS} == {"active"}
    assert adapter.looks == ["ads", "ads"]


def test_a_change_of_an_ad_that_nobody_read_back_is_settled_by_any_next_one(
    house: OneTenant, adapter: Watched, made: dict[str, Any]
) -> None:
    adapter.reads_left = 1
    pause(house, made, "ad")
    assert outcomes(house, made) == ["unknown"]
    adapter.reads_left = 1_000
    adapter.looks.clear()
    pause(house, made)
    assert adapter.looks == ["adsets", "ads", "adsets"]
    assert outcomes(house, made) == ["applied", "applied"]


def outcomes(house: OneTenant, made: dict[str, Any]) -> list[str]:
    """The outcomes of pauses, as the trail tells them."""
    records = house.done("get_audit", {"campaign_id": made["campaign_id"]})["records"]
    return [item["outcome"] for item in records if item["after"] == {"status": "paused"}]
