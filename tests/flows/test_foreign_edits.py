"""Settings made in Ads Manager that this module does not know: shown, left alone, and stopped on request."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from local.cloud import Cloud
from tests.flows.test_rules import Rules
from tests.support.api import Api
from tests.support.builders import request_body
from tests.support.module import edit_in_ads_manager
from tests.support.sandbox import Sandbox

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


def test_the_ad_set_is_shown_with_an_issue(api: Api, edited: dict[str, Any]) -> None:
    answer = api.status(edited["campaign_id"])
    assert answer.status_code == 200, answer.text
    shown = {item["adset_id"]: item for item in answer.json()["adsets"]}
    odd = shown.pop(edited["adsets"][0]["adset_id"])
    assert (odd["status"], odd["daily_budget"]) == ("active", edited["adsets"][0]["daily_budget"])
    (issue,) = odd["issues"]
    assert issue.startswith("targeting: ")
    assert [item["issues"] for item in shown.values()] == [[], []]


@pytest.mark.parametrize(("action", "status"), [("pause", "paused"), ("delete", "deleted")])
def test_the_campaign_can_be_stopped(api: Api, edited: dict[str, Any], action: str, status: str) -> None:
    answer = api.manage(edited["campaign_id"], action, confirm=True)
    assert (answer.status_code, answer.json().get("new_status")) == (200, status), answer.text
    assert answer.json()["changed"][0]["after"] == status


@pytest.mark.parametrize(("action", "status"), [("pause", "PAUSED"), ("delete", "DELETED")])
def test_the_ad_set_and_its_ads_can_be_stopped_by_their_ids(
    api: Api, sandbox: Sandbox, edited: dict[str, Any], action: str, status: str
) -> None:
    odd = edited["adsets"][0]
    ads = [item["ad_id"] for item in edited["ads"] if item["adset_id"] == odd["adset_id"]]
    for level, ids in (("ad", ads), ("adset", [odd["adset_id"]])):
        answer = api.manage(edited["campaign_id"], action, level=level, entity_ids=ids, confirm=True)
        assert (answer.status_code, answer.json().get("failed")) == (200, []), answer.text
    assert sandbox.state("meta")["adsets"][odd["platform_adset_id"]]["status"] == status


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
