"""The undo of a run: what its answer says when nothing was put back, and when it was only asked about."""

from __future__ import annotations

from typing import Any

import pytest

from campaign_automation.adapters.base import Outcome
from campaign_automation.utils import retry_strategy
from campaign_automation.utils.error_handler import PlatformRateLimitError
from tests.support.builders import request_body
from tests.support.one_tenant import OneTenant


def test_an_undo_that_put_nothing_back_has_no_run_of_its_own() -> None:
    house = OneTenant()
    made = house.done("create_campaign", request_body(activate=True))
    asked = {"campaign_id": made["campaign_id"]}
    paused = house.done("manage_campaign", {**asked, "action": "pause"})
    undo = {**asked, "run_id": paused["run_id"]}
    would = house.done("undo_change", {**undo, "dry_run": True})
    assert (would["run_id"], len(would["restored"])) == (None, 1)
    done = house.done("undo_change", undo)
    assert done["run_id"] not in (None, paused["run_id"])
    again = house.done("undo_change", undo)
    assert (again["run_id"], again["restored"]) == (None, [])
    assert [item["id"] for item in again["not_restored"]] == [would["restored"][0]["id"]]


@pytest.mark.parametrize("hindrance", ["throttled", "switch"])
def test_what_passes_later_is_not_kept_under_the_key_of_an_undo(
    hindrance: str,
) -> None:
    async def at_once(_: float) -> None:
        return None

    async def throttled(*given: Any) -> list[Outcome]:
        return [
            Outcome(item, error=PlatformRateLimitError("slow down", platform="meta")) for item in given[2]
        ]

    house = OneTenant()
    asked = {"campaign_id": house.done("create_campaign", request_body(activate=True))["campaign_id"]}
    undo = {**asked, "run_id": house.done("manage_campaign", {**asked, "action": "pause"})["run_id"]}
    switch = {"scope": "deployment", "reason": "stop"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retry_strategy, "_sleep", at_once)
        if hindrance == "switch":
            house.done("set_kill_switch", {**switch, "is_on": True})
        else:
            patch.setattr(house.adapter, "set_status", throttled)
        first = house.done("undo_change", undo, idempotency_key="undo")
    house.done("set_kill_switch", {**switch, "is_on": False})
    again = house.done("undo_change", undo, idempotency_key="undo")
    assert (first["restored"], len(again["restored"]), again["replayed"]) == ([], 1, False)
    assert house.done("undo_change", undo, idempotency_key="undo")["replayed"]
