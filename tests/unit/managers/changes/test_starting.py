"""A start of a campaign some of whose objects the platform shows in a form that cannot be read."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.builders import request_body
from tests.support.fake_adapter import FakeAdapter
from tests.support.one_tenant import OneTenant

ODD = {"status": "unknown", "unread": ["status"]}


@pytest.mark.parametrize("platform", ["meta", "tiktok", "google"])
@pytest.mark.parametrize("level", ["adset", "ad"])
def test_an_object_that_cannot_be_read_is_left_out_and_told(platform: str, level: str) -> None:
    house = OneTenant(FakeAdapter(platform))
    made = house.done("create_campaign", request_body(platform=platform, eu_political_advertising=False))
    odd = made[f"{level}s"][0]
    house.adapter.change(odd[f"platform_{level}_id"], **ODD)
    answer = start(house, made)
    assert (answer["status"], answer["failed"]) == ("partial", [])
    (skipped,) = answer["skipped"]
    assert skipped["id"] == odd[f"{level}_id"]
    assert "its status on the platform cannot be read" in skipped["reason"]
    assert answer["message"].endswith("1 other object was not changed, see skipped and failed")
    assert house.adapter.node(odd[f"platform_{level}_id"]).status == "unknown"
    # The person has been told, and insists.
    again = start(house, made)
    assert (again["status"], [item["id"] for item in again["changed"]]) == ("success", [odd[f"{level}_id"]])


def test_a_campaign_whose_own_status_cannot_be_read_is_not_started() -> None:
    house = OneTenant(FakeAdapter("tiktok"))
    made = house.done("create_campaign", request_body(platform="tiktok"))
    house.adapter.change(made["platform_campaign_id"], **ODD)
    error = start(house, made, succeeds=False)["error"]
    assert (error["code"], error["details"]["guard"]) == ("4005", "changed_by_other")
    assert "cannot be read" in error["message"]


@pytest.mark.parametrize("dry_run", [True, False])
def test_what_others_paused_or_added_is_left_out_and_told(dry_run: bool) -> None:
    house = OneTenant(FakeAdapter("meta"))
    elsewhere = house.adapter.elsewhere("Theirs", 20)
    before = house.adapter.add_by_hand(elsewhere, "stopped long ago", 10, status="paused")
    (taken,) = house.done("import_campaigns", {"platform_campaign_ids": [elsewhere]})["imported"]
    asked = {"campaign_id": taken["campaign_id"]}
    house.done("manage_campaign", {**asked, "action": "pause"})
    running = house.adapter.add_by_hand(elsewhere, "runs", 10)
    added = house.adapter.add_by_hand(elsewhere, "waits", 10, status="paused")
    answer = house.done("manage_campaign", {**asked, "action": "start", "dry_run": dry_run})
    told = {item["id"] for item in answer["skipped"] if item["reason"].startswith("paused_on_its_own")}
    assert {before, added} < told  # with their ads
    assert running not in told
    assert added in answer["warnings"][0]
    assert {house.adapter.node(item).status for item in (before, added)} == {"paused"}
    named = {"action": "start", "level": "adset", "entity_ids": [added]}
    assert house.done("manage_campaign", {**asked, **named})["warnings"] == []
    assert house.adapter.node(added).status == "active"


def start(house: OneTenant, made: dict[str, Any], *, succeeds: bool = True) -> dict[str, Any]:
    call = house.done if succeeds else house.ask
    return call("manage_campaign", {"campaign_id": made["campaign_id"], "action": "start"})
