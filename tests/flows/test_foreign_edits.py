"""Settings made in Ads Manager that this module does not know: shown, left alone, and stopped on request."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from local.cloud import Cloud
from local.sandbox.unkind import NAME
from tests.flows.test_rules import Rules
from tests.support.api import Api
from tests.support.builders import request_body
from tests.support.module import delete_by_hand, edit_in_ads_manager, remove_images
from tests.support.sandbox import Sandbox

REGIONS = {"geo_locations": {"countries": ["US"], "zips": [{"key": "US:94304"}]}, "user_os": ["iOS"]}
CITIES = {
    "age_min": 18,
    "age_max": 65,
    "geo_locations": {"cities": [{"key": "2418779", "radius": 25, "distance_unit": "mile"}]},
}


@pytest.fixture
def rules(api: Api, cloud: Cloud, sandbox: Sandbox) -> Iterator[Rules]:
    client = Rules(api, cloud, sandbox)
    yield client
    for rule_id in list(client.made):
        client.delete(rule_id)


@pytest.fixture
def edited(api: Api, cloud: Cloud, sandbox: Sandbox) -> dict[str, Any]:
    """A running campaign whose first ad set somebody moved to a city."""
    created = dict(api.create(request_body()).json())
    assert api.manage(created["campaign_id"], "start").json()["status"] == "success"
    edit_in_ads_manager(cloud, created["adsets"][0]["platform_adset_id"], targeting=CITIES)
    return created


def test_the_campaign_is_seen_paused_and_deleted(api: Api, sandbox: Sandbox, edited: dict[str, Any]) -> None:
    check_the_ad_set_is_shown_with_an_issue(api, edited)
    check_objects_of_colleagues_are_shown_and_marked(api, edited)
    check_the_ad_set_and_its_ads_stop_by_their_ids(api, sandbox, edited, "pause", "PAUSED")
    for action, status in (("pause", "paused"), ("delete", "deleted")):
        check_the_campaign_stops(api, edited, action, status)


@pytest.mark.slow
@pytest.mark.parametrize(("action", "status"), [("pause", "paused"), ("delete", "deleted")])
def test_the_campaign_can_be_stopped(api: Api, edited: dict[str, Any], action: str, status: str) -> None:
    check_the_campaign_stops(api, edited, action, status)


@pytest.mark.slow
@pytest.mark.parametrize(("action", "status"), [("pause", "PAUSED"), ("delete", "DELETED")])
def test_the_ad_set_and_its_ads_can_be_stopped_by_their_ids(
    api: Api, sandbox: Sandbox, edited: dict[str, Any], action: str, status: str
) -> None:
    check_the_ad_set_and_its_ads_stop_by_their_ids(api, sandbox, edited, action, status)


def check_the_ad_set_is_shown_with_an_issue(api: Api, edited: dict[str, Any]) -> None:
    answer = api.status(edited["campaign_id"])
    assert answer.status_code == 200, answer.text
    shown = {item["adset_id"]: item for item in answer.json()["adsets"]}
    odd = shown.pop(edited["adsets"][0]["adset_id"])
    assert (odd["status"], odd["daily_budget"]) == ("active", edited["adsets"][0]["daily_budget"])
    (issue,) = odd["issues"]
    assert issue.startswith("targeting: ")
    assert [item["issues"] for item in shown.values()] == [[], []]


def check_the_campaign_stops(api: Api, edited: dict[str, Any], action: str, status: str) -> None:
    answer = api.manage(edited["campaign_id"], action, confirm=True)
    assert (answer.status_code, answer.json().get("new_status")) == (200, status), answer.text
    assert answer.json()["changed"][0]["after"] == status


def check_the_ad_set_and_its_ads_stop_by_their_ids(
    api: Api, sandbox: Sandbox, edited: dict[str, Any], action: str, status: str
) -> None:
    odd = edited["adsets"][0]
    ads = [item["ad_id"] for item in edited["ads"] if item["adset_id"] == odd["adset_id"]]
    for level, ids in (("ad", ads), ("adset", [odd["adset_id"]])):
        answer = api.manage(edited["campaign_id"], action, level=level, entity_ids=ids, confirm=True)
        assert (answer.status_code, answer.json().get("failed")) == (200, []), answer.text
    assert sandbox.state("meta")["adsets"][odd["platform_adset_id"]]["status"] == status


def check_objects_of_colleagues_are_shown_and_marked(api: Api, edited: dict[str, Any]) -> None:
    body = api.status(edited["campaign_id"], foreign=True).json()
    for level, ours in (("adsets", len(edited["adsets"])), ("ads", len(edited["ads"]))):
        assert [item["foreign"] for item in body[level]].count(False) == ours
        (foreign,) = [item for item in body[level] if item["foreign"]]
        assert (foreign["name"], foreign["status"]) == (f"{NAME} �", "paused")  # half an emoji is replaced
    assert body["adsets"][-1]["issues"][0].startswith("targeting: without ages")
    assert body["campaign"]["daily_budget"] == 100  # what is paused and not ours is no part of it


@pytest.mark.parametrize("platform", ["tiktok", "google"])
@pytest.mark.slow
def test_colleagues_on_other_platforms_do_not_hinder(api: Api, platform: str) -> None:
    created = api.create(request_body(platform=platform)).json()
    assert created["status"] == "success", created
    body = api.status(created["campaign_id"], foreign=True).json()
    (foreign,) = [item["name"] for item in body["adsets"] if item["foreign"]]
    assert foreign.startswith(NAME)
    assert body["campaign"]["daily_budget"] == 100
    for action in ("start", "pause", "delete"):
        answer = api.manage(created["campaign_id"], action, confirm=True).json()
        assert (answer["status"], answer["failed"]) == ("success", []), answer


@pytest.mark.slow
def test_an_edit_beside_the_countries_has_an_issue(api: Api, cloud: Cloud, edited: dict[str, Any]) -> None:
    odd = edited["adsets"][1]
    edit_in_ads_manager(cloud, odd["platform_adset_id"], targeting=REGIONS, name="Renamed by hand")
    shown = {item["adset_id"]: item for item in api.status(edited["campaign_id"]).json()["adsets"]}
    assert shown[odd["adset_id"]]["name"] == "Renamed by hand"
    (issue,) = shown[odd["adset_id"]]["issues"]
    assert "also by zips, user_os" in issue


@pytest.mark.slow
def test_a_refusal_on_one_placement_is_shown(api: Api, sandbox: Sandbox, edited: dict[str, Any]) -> None:
    ad = edited["ads"][0]
    sandbox.review("meta", ad["platform_ad_id"], outcome="disapproved", placement="facebook", policy="Claims")
    shown = {item["ad_id"]: item for item in api.status(edited["campaign_id"]).json()["ads"]}[ad["ad_id"]]
    assert shown["platform_status"] == "DISAPPROVED"
    assert shown["issues"] == ["Claims (facebook): The ad does not follow our policies."]


@pytest.mark.slow
def test_an_image_that_was_removed_from_the_library_is_shown(
    api: Api, cloud: Cloud, sandbox: Sandbox, edited: dict[str, Any]
) -> None:
    sandbox.advance(advance_hours=2)  # the review is over
    hashes = {item["hash"] for item in sandbox.state("meta")["images"].values()}
    remove_images(cloud, hashes)
    ads = api.status(edited["campaign_id"]).json()["ads"]
    odd = [item for item in ads if item["platform_status"] == "WITH_ISSUES"]
    assert odd
    assert {tuple(item["issues"]) for item in odd} == {("Image Not Found",)}


@pytest.mark.parametrize(
    ("account_status", "words"),
    [(2, "is disabled"), pytest.param(3, "unsettled balance", marks=pytest.mark.slow)],
)
def test_an_account_that_cannot_advertise_is_shown_and_pausing_is_still_tried(
    api: Api, sandbox: Sandbox, edited: dict[str, Any], account_status: int, words: str
) -> None:
    sandbox.patch_account("meta", "act_100000000000001", account_status=account_status)
    issues = api.status(edited["campaign_id"]).json()["campaign"]["issues"]
    assert any(words in issue for issue in issues), issues
    answer = api.manage(edited["campaign_id"], "pause")
    assert (answer.status_code, answer.json()["new_status"]) == (200, "paused"), answer.text


@pytest.mark.parametrize("platform", ["tiktok", "meta", "google"])
@pytest.mark.slow
def test_a_campaign_deleted_by_hand_is_shown_as_deleted(api: Api, cloud: Cloud, platform: str) -> None:
    created = api.create(request_body(platform=platform)).json()
    delete_by_hand(cloud, platform, created["platform_campaign_id"])
    answer = api.status(created["campaign_id"])
    assert (answer.status_code, answer.json()["campaign"]["status"]) == (200, "deleted"), answer.text
    paused = api.manage(created["campaign_id"], "pause")
    assert paused.status_code in (200, 409), paused.text


@pytest.mark.slow
def test_an_ad_set_archived_by_hand_is_shown_as_deleted(
    api: Api, cloud: Cloud, edited: dict[str, Any]
) -> None:
    odd = edited["adsets"][1]
    edit_in_ads_manager(cloud, odd["platform_adset_id"], status="ARCHIVED")
    shown = {item["adset_id"]: item for item in api.status(edited["campaign_id"]).json()["adsets"]}
    gone = shown[odd["adset_id"]]
    assert (gone["status"], gone["name"], len(gone["issues"])) == ("deleted", odd["name"], 1)


@pytest.mark.slow
def test_a_campaign_archived_by_hand_is_shown_as_deleted(
    api: Api, cloud: Cloud, edited: dict[str, Any]
) -> None:
    edit_in_ads_manager(cloud, edited["platform_campaign_id"], status="ARCHIVED")
    shown = api.status(edited["campaign_id"]).json()["campaign"]
    assert (shown["status"], shown["platform_status"]) == ("deleted", "ARCHIVED")


@pytest.mark.slow
def test_a_campaign_that_is_not_shown_is_not_taken_for_deleted(
    api: Api, sandbox: Sandbox, rules: Rules, edited: dict[str, Any]
) -> None:
    campaign_id, platform_id = edited["campaign_id"], edited["platform_campaign_id"]
    sandbox.hide(platform_id, writes=True)
    body = api.status(campaign_id).json()
    assert body["campaign"]["status"] == "not_visible"
    assert body["campaign"]["issues"][0].startswith("meta: Unsupported get request")
    assert "may still spend" in body["warnings"][0]
    for action in ("pause", "delete"):
        refused = api.manage(campaign_id, action, confirm=True)
        assert (refused.status_code, refused.json()["error"]["code"]) == (404, "5000"), refused.text
    sandbox.show_all()
    sandbox.hide(platform_id)
    paused = api.manage(campaign_id, "pause").json()
    assert (paused["status"], paused["new_status"], paused["confirmed"]) == ("success", "paused", False)
    assert sandbox.state("meta")["campaigns"][platform_id]["status"] == "PAUSED"
    sandbox.show_all()
    assert api.status(campaign_id).json()["campaign"]["status"] == "paused"


@pytest.mark.slow
def test_optimize_budget_leaves_it_out_and_says_why(
    api: Api, sandbox: Sandbox, edited: dict[str, Any]
) -> None:
    sandbox.advance(advance_days=4)
    answer = api.optimize(edited["campaign_id"], target_metric="cpa", dry_run=True)
    assert answer.status_code == 200, answer.text
    odd, *others = [item["adset_id"] for item in edited["adsets"]]
    assert {item["adset_id"] for item in answer.json()["optimizations"]} == set(others)
    assert any(odd in warning and "targeting" in warning for warning in answer.json()["warnings"])


def test_a_rule_over_two_campaigns_acts_on_the_healthy_ad_sets(
    api: Api, sandbox: Sandbox, rules: Rules, edited: dict[str, Any]
) -> None:
    healthy = rules.running(days=5)["campaign_id"]
    rule = rules.create([edited["campaign_id"], healthy], max_affected={"count": 10}).json()
    assert rule["status"] == "success", rule
    sandbox.advance(advance_hours=1)
    result = rules.fire(rule["rule_id"])["answer"]
    assert (result["outcome"], result["evaluated"], result["acted"]) == ("done", 6, 5), json.dumps(result)
    assert result["undecidable"] == [{"id": edited["adsets"][0]["adset_id"], "reason": "not_read: targeting"}]
    assert {item["status"] for item in api.status(healthy).json()["adsets"]} == {"paused"}
