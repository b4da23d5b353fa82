"""The undo of a run: what its answer says when nothing was put back, and when it was only asked about."""

from __future__ import annotations

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
