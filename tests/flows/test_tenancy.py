"""Whose data it is: another tenant's id is an unknown id, and no secret leaves the house."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
import pytest

from campaign_automation.actions import ACTIONS
from campaign_automation.actions.action import Action
from local.cloud import Cloud
from tests.support.api import Api
from tests.support.builders import request_body
from tests.support.cuts import slow
from tests.support.sandbox import Sandbox
from tests.support.secrets import assert_no_secret, log_of

UNKNOWN = "cmp_00000000000000000000"
BODIES: dict[str, dict[str, Any]] = {
    "manage_campaign": {"action": "pause"},
    "undo_change": {"run_id": "run_1"},
    "update_campaign": {"daily_budget": 50},
    "add_ads": {"creative_ids": ["1"]},
    "replace_copy": {"texts": [{"ad_id": "1", "headline": "Mine"}]},
}
UNKNOWN_TEST = "abt_00000000000000000000"
WITH_TEST = [route for route in ACTIONS.values() if "{test_id}" in route.path]
WITH_CAMPAIGN = [route for route in ACTIONS.values() if "{campaign_id}" in route.path]


def ask(client: Api, route: Action, campaign_id: str) -> httpx.Response:
    path = re.sub(r"\{\w+\}", campaign_id, route.path)
    if route.method == "GET":
        return client.http.get(path)
    return client.http.request(route.method, path, json=BODIES.get(route.name, {}))


def comparable(answer: httpx.Response, asked: str) -> tuple[int, str]:
    body = answer.json()
    for name in ("timestamp", "request_id"):
        assert body["error"].pop(name)
    return answer.status_code, json.dumps(body, sort_keys=True).replace(asked, "<id>")


def test_another_tenants_campaign_answers_like_an_unknown_one_on_every_route(
    api: Api, other_api: Api, sandbox: Sandbox
) -> None:
    created = api.create(request_body()).json()
    before = len(sandbox.calls("meta"))
    for route in WITH_CAMPAIGN:
        unknown = comparable(ask(other_api, route, UNKNOWN), UNKNOWN)
        assert unknown[0] == 404, route
        for theirs in (created["campaign_id"], created["platform_campaign_id"]):
            assert comparable(ask(other_api, route, theirs), theirs) == unknown, route
    # The same work is done for both, so their times tell nothing either: no platform was asked.
    assert len(sandbox.calls("meta")) == before


def test_another_tenants_test_answers_like_an_unknown_one_on_every_route(
    api: Api, other_api: Api, sandbox: Sandbox
) -> None:
    body = {"test_name": "T", "creative_ids": ["1", "2"], "daily_budget": 100, "daily_checks": False}
    theirs = api.http.post("/v1/ab-tests", json=body).json()["test_id"]
    before = len(sandbox.calls("meta"))
    for route in WITH_TEST:
        unknown = comparable(ask(other_api, route, UNKNOWN_TEST), UNKNOWN_TEST)
        assert unknown[0] == 404, route
        assert comparable(ask(other_api, route, theirs), theirs) == unknown, route
    assert len(sandbox.calls("meta")) == before


def test_another_tenants_account_and_creatives_are_unknown(other_api: Api, sandbox: Sandbox) -> None:
    foreign = other_api.create(request_body(creative_ids=["101"], ad_account_id="1001")).json()["error"]
    assert (foreign["code"], foreign["type"]) == ("6000", "AD_ACCOUNT_NOT_BOUND")
    creative = other_api.create(request_body(creative_ids=["1"])).json()["error"]
    assert creative["code"] == "5000"
    assert sandbox.left_behind("meta") == {}


def test_a_user_id_in_the_body_changes_nothing(api: Api, other_api: Api, sandbox: Sandbox) -> None:
    created = other_api.create(request_body(creative_ids=["101"], user_id="user_123"))
    assert created.status_code == 201, created.text
    campaign_id = created.json()["campaign_id"]
    assert other_api.status(campaign_id).status_code == 200
    assert api.status(campaign_id).status_code == 404


@pytest.mark.parametrize(
    "header", [{}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic eA=="}]
)
def test_without_a_token_there_are_only_document_and_health(cloud: Cloud, header: dict[str, str]) -> None:
    with httpx.Client(base_url=cloud.info["api_url"], headers=header, timeout=600) as client:
        for route in ACTIONS.values():
            if route.name == "get_health":
                continue
            answer = client.request(route.method, re.sub(r"\{\w+\}", UNKNOWN, route.path), json={})
            assert (answer.status_code, answer.json()["error"]["code"]) == (401, "1002"), route
        assert client.get("/v1/openapi.json").status_code == 200
        assert client.get("/v1/health").json()["status"] == "success"


@slow
def test_no_token_is_in_a_log_an_answer_or_the_trail(cloud: Cloud, api: Api, sandbox: Sandbox) -> None:
    answers: list[str] = []
    for platform in ("meta", "tiktok", "google"):
        created = api.create(request_body(platform=platform))
        campaign_id = created.json()["campaign_id"]
        for kind in ("auth_expired", "garbage"):
            sandbox.fault(platform, "update_campaign", kind)
            answers.append(api.manage(campaign_id, "start").text)
            sandbox.reset_faults()
        sandbox.fault(platform, "create_campaign", "auth_expired")
        answers += [created.text, api.create(request_body(platform=platform, name="Refused")).text]
        answers += [api.status(campaign_id).text, json.dumps(api.audit(campaign_id))]
        sandbox.reset_faults()
    logs = log_of(cloud)
    assert "platform_step" in logs or "step done" in logs  # it is the functions' log that we look through
    assert_no_secret(cloud, *answers, logs)
