"""Pause, start, delete, undo and the audit trail, through the real template on three platforms."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from campaign_automation.models.common import Level
from local.cloud import Cloud
from tests.support.api import Api
from tests.support.builders import request_body
from tests.support.cuts import cut
from tests.support.module import change_by_hand
from tests.support.sandbox import Sandbox

PLATFORMS = ("meta", "tiktok", "google")
LEVELS = {"campaigns": "campaign", "adsets": "adset", "ads": "ad"}


# What depends on a platform is tested on all of them, what is ours alone on one.
on_every_platform = pytest.mark.parametrize("platform", cut(PLATFORMS, "tiktok"))


@pytest.fixture
def platform() -> str:
    return "meta"


@pytest.fixture
def created(api: Api, platform: str) -> dict[str, Any]:
    answer = api.create(request_body(platform=platform))
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def statuses(sandbox: Sandbox, platform: str, kind: str) -> set[str]:
    return {item["status"] for item in sandbox.state(platform)[kind].values()}


@on_every_platform
def test_start_turns_on_children_first_and_pause_holds_the_campaign(
    api: Api, sandbox: Sandbox, created: dict[str, Any], platform: str
) -> None:
    campaign_id = created["campaign_id"]
    started = api.manage(campaign_id, "start").json()
    assert (started["status"], started["new_status"]) == ("success", "active"), started
    assert [item["level"] for item in started["changed"]] == ["ad"] * 6 + ["adset"] * 3 + ["campaign"]
    assert {statuses(sandbox, platform, kind).pop() for kind in LEVELS} == {"ACTIVE"}
    paused = api.manage(campaign_id, "pause", reason="stock is out").json()
    assert [(item["level"], item["before"], item["after"]) for item in paused["changed"]] == [
        ("campaign", "active", "paused")
    ]
    # Our own write shows at once, although the status before it is cached.
    assert api.status(campaign_id).json()["campaign"]["status"] == "paused"
    (known,) = sandbox.state("web_platform")["campaigns"].values()
    assert known["status"] == "paused"


@on_every_platform
@pytest.mark.slow
def test_what_was_paused_on_its_own_is_not_started_with_its_campaign(
    api: Api, sandbox: Sandbox, created: dict[str, Any], platform: str
) -> None:
    campaign_id, adset = created["campaign_id"], created["adsets"][0]
    api.manage(campaign_id, "start")
    one = api.manage(campaign_id, "pause", level="adset", entity_ids=[adset["platform_adset_id"]]).json()
    assert [item["id"] for item in one["changed"]] == [adset["adset_id"]]
    api.manage(campaign_id, "pause")
    again = api.manage(campaign_id, "start").json()
    assert [item["level"] for item in again["changed"]] == ["campaign"]
    live = {item["adset_id"]: item["status"] for item in api.status(campaign_id).json()["adsets"]}
    assert live.pop(adset["adset_id"]) == "paused"
    assert set(live.values()) == {"active"}
    (known,) = sandbox.state("web_platform")["campaigns"].values()
    assert known["targeting"]["adsets"][adset["adset_id"]]["status"] == "paused"


@on_every_platform
def test_deleting_needs_a_confirmation_and_can_be_asked_twice(
    api: Api, sandbox: Sandbox, created: dict[str, Any], platform: str
) -> None:
    campaign_id = created["campaign_id"]
    refused = api.manage(campaign_id, "delete")
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "1001")
    assert "confirm" in refused.json()["error"]["message"]
    assert sandbox.left_behind(platform)["campaigns"] == 1
    assert api.manage(campaign_id, "delete", confirm=True).json()["new_status"] == "deleted"
    assert "campaigns" not in sandbox.left_behind(platform)
    again = api.manage(campaign_id, "delete", confirm=True).json()
    assert (again["status"], again["changed"]) == ("success", []), again
    assert again["skipped"][0]["reason"] == "already_deleted"
    (known,) = sandbox.state("web_platform")["campaigns"].values()
    assert known["deleted"]
    assert api.manage(campaign_id, "start").status_code == 409
    assert api.status(campaign_id).json()["campaign"]["status"] == "deleted"


@pytest.mark.slow
def test_already_so_is_a_success_that_says_so_and_sends_nothing(
    api: Api, sandbox: Sandbox, created: dict[str, Any], platform: str
) -> None:
    before = writes(sandbox, platform)
    answer = api.manage(created["campaign_id"], "pause").json()
    assert (answer["changed"], answer["skipped"][0]["reason"]) == ([], "already_paused")
    assert writes(sandbox, platform) == before


def writes(sandbox: Sandbox, platform: str) -> int:
    return sum(
        not call["operation"].startswith(("read", "list", "search", "get", "report"))
        for call in sandbox.calls(platform)
    )


def test_what_changes_nothing_sends_nothing_and_a_key_makes_a_change_happen_once(
    api: Api, sandbox: Sandbox, created: dict[str, Any], platform: str
) -> None:
    check_a_dry_run_shows_before_and_after_and_sends_nothing(api, sandbox, created, platform)
    check_unknown_objects_are_refused_by_name_before_anything_is_sent(api, sandbox, created, platform)
    check_a_key_makes_a_change_happen_once(api, created)


def check_a_dry_run_shows_before_and_after_and_sends_nothing(
    api: Api, sandbox: Sandbox, created: dict[str, Any], platform: str
) -> None:
    before = writes(sandbox, platform)
    answer = api.manage(created["campaign_id"], "start", dry_run=True).json()
    assert {(item["before"], item["after"]) for item in answer["changed"]} == {("paused", "active")}
    assert answer["run_id"] is None
    assert writes(sandbox, platform) == before
    assert {item["operation"] for item in api.audit(created["campaign_id"])} == {"create"}


@pytest.mark.parametrize(
    ("platform", "kind"),
    [
        ("meta", "drop_after"),
        ("meta", "http_500"),
        ("tiktok", "drop_connection"),
        ("google", "drop_after"),
    ],
)
@pytest.mark.slow
def test_a_lost_answer_is_resolved_by_looking(
    api: Api, sandbox: Sandbox, created: dict[str, Any], platform: str, kind: str
) -> None:
    sandbox.fault(platform, "update_campaign", kind)
    answer = api.manage(created["campaign_id"], "start").json()
    assert (answer["status"], answer["failed"]) == ("success", []), answer
    assert statuses(sandbox, platform, "campaigns") == {"ACTIVE"}
    trail = [item for item in api.audit(created["campaign_id"]) if item["operation"] == "set_status"]
    assert {item["outcome"] for item in trail} == {"applied"}


@on_every_platform
@pytest.mark.slow
def test_a_start_is_undone_and_the_undo_is_undone(
    api: Api, sandbox: Sandbox, created: dict[str, Any], platform: str
) -> None:
    campaign_id = created["campaign_id"]
    started = api.manage(campaign_id, "start").json()
    undone = api.undo(campaign_id, started["run_id"]).json()
    assert (len(undone["restored"]), undone["not_restored"]) == (10, []), undone
    assert undone["restored"][0]["level"] == "campaign"  # spending stops first
    assert {statuses(sandbox, platform, kind).pop() for kind in LEVELS} == {"PAUSED"}
    redone = api.undo(campaign_id, undone["run_id"]).json()
    assert len(redone["restored"]) == 10
    assert {statuses(sandbox, platform, kind).pop() for kind in LEVELS} == {"ACTIVE"}


@pytest.mark.slow
def test_undo_names_what_it_cannot_restore(api: Api, created: dict[str, Any], platform: str) -> None:
    campaign_id, ad = created["campaign_id"], created["ads"][0]["ad_id"]
    creation = api.audit(campaign_id)[0]["run_id"]
    assert "use manage_campaign" in api.undo(campaign_id, creation).json()["not_restored"][0]["reason"]
    gone = api.manage(campaign_id, "delete", level="ad", entity_ids=[ad], confirm=True).json()
    answer = api.undo(campaign_id, gone["run_id"]).json()
    assert answer["not_restored"][0]["reason"].startswith("deleted:")
    first = api.manage(campaign_id, "start").json()
    api.manage(campaign_id, "pause")
    answer = api.undo(campaign_id, first["run_id"]).json()
    left = {item["id"]: item["reason"] for item in answer["not_restored"]}
    assert any(reason.startswith("changed_since:") for reason in left.values())
    assert api.undo(campaign_id, "run_unknown").status_code == 404


@on_every_platform
@pytest.mark.slow
def test_replaying_the_trail_gives_the_platforms_state(
    api: Api, sandbox: Sandbox, created: dict[str, Any], platform: str
) -> None:
    campaign_id = created["campaign_id"]
    api.manage(campaign_id, "start")
    api.manage(campaign_id, "pause", level="adset", entity_ids=[created["adsets"][1]["adset_id"]])
    api.manage(campaign_id, "delete", level="ad", entity_ids=[created["ads"][5]["ad_id"]], confirm=True)
    replayed = {
        (item["level"], item["platform_id"]): item["status"].upper()
        for item in replay(api.audit(campaign_id)).values()
        if item["status"] != "deleted" and item["level"] != "creative"
    }
    shown = {
        (level, str(item["id"])): item["status"]
        for kind, level in LEVELS.items()
        for item in sandbox.live(platform, kind)
    }
    if platform == "google":  # resource names there, ids here
        replayed = {
            (level, platform_id.rpartition("~")[2]): s for (level, platform_id), s in replayed.items()
        }
        shown = {(level, platform_id.rpartition("~")[2]): s for (level, platform_id), s in shown.items()}
    assert replayed == shown


def replay(records: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    state: dict[str, dict[str, Any]] = {}
    for record in records:
        if record["outcome"] == "applied":
            known = state.setdefault(record["entity_id"], {"level": record["level"]})
            known |= {"platform_id": record["platform_id"], **record["after"]}
    return state


@pytest.mark.slow
def test_every_record_tells_who_why_and_what(api: Api, created: dict[str, Any], platform: str) -> None:
    campaign_id = created["campaign_id"]
    api.manage(campaign_id, "start", reason="the season begins")
    api.manage(campaign_id, "delete", confirm=True, reason="the season ends")
    trail = api.audit(campaign_id)
    assert {item["actor"] for item in trail} == {"user:user_123"}
    start = next(item for item in trail if item["level"] == "campaign" and item["operation"] == "set_status")
    assert (start["reason"], start["before"], start["after"], start["read_back"]) == (
        "the season begins",
        {"status": "paused"},
        {"status": "active"},
        {"status": "active"},
    )
    assert not start["sensitive"]
    assert [item["sensitive"] for item in trail if item["operation"] == "remove"] == [True]
    assert [item["audit_id"] for item in trail] == sorted(item["audit_id"] for item in trail)


def check_a_key_makes_a_change_happen_once(api: Api, created: dict[str, Any]) -> None:
    first = api.manage(created["campaign_id"], "start", key=f"once {created['campaign_id']}")
    again = api.manage(created["campaign_id"], "start", key=f"once {created['campaign_id']}")
    assert {**first.json(), "replayed": True} == again.json()
    other = api.manage(created["campaign_id"], "pause", key=f"once {created['campaign_id']}")
    assert (other.status_code, other.json()["error"]["code"]) == (409, "5004")


@on_every_platform
@pytest.mark.slow
def test_what_somebody_else_changed_is_not_started_over_their_head(
    api: Api, cloud: Cloud, created: dict[str, Any], platform: str
) -> None:
    campaign_id = created["campaign_id"]
    adset = created["adsets"][0]
    api.manage(campaign_id, "start")
    change_by_hand(cloud, platform, Level.ADSET, adset["platform_adset_id"], "paused")
    answer = api.manage(campaign_id, "start", level="adset", entity_ids=[adset["adset_id"]])
    assert answer.status_code == 422, answer.text
    assert answer.json()["error"]["details"]["guard"] == "changed_by_other"
    assert api.manage(campaign_id, "start", level="adset", entity_ids=[adset["adset_id"]]).status_code == 200


def check_unknown_objects_are_refused_by_name_before_anything_is_sent(
    api: Api, sandbox: Sandbox, created: dict[str, Any], platform: str
) -> None:
    before = writes(sandbox, platform)
    body = {"level": "adset", "entity_ids": [created["adsets"][0]["adset_id"], "nobody"]}
    error = api.manage(created["campaign_id"], "start", **body).json()["error"]
    assert (error["code"], error["details"]["field"]) == ("5000", "entity_ids")
    assert writes(sandbox, platform) == before


def test_a_pause_until_a_moment_ends_by_a_schedule_of_its_own(
    api: Api, cloud: Cloud, sandbox: Sandbox, created: dict[str, Any]
) -> None:
    campaign_id = created["campaign_id"]
    api.manage(campaign_id, "start")
    until = (sandbox.now() + timedelta(hours=3)).isoformat()
    assert api.manage(campaign_id, "pause", until=until).json()["status"] == "success"
    assert statuses(sandbox, "meta", "campaigns") == {"PAUSED"}
    sandbox.advance(advance_hours=4)
    # The cloud's own ticker may have been first, and be under way.
    cloud.tick()
    assert api.wait_until(campaign_id, "active")["campaign"]["status"] == "active"
    assert statuses(sandbox, "meta", "campaigns") == {"ACTIVE"}
