"""Proposals through the real template: the owner is told, opens the link, and approves from its page."""

from __future__ import annotations

import json
import re
import time
from typing import Any
from urllib.parse import urlparse

import httpx
import pytest

from campaign_automation.managers.notices.signed_links import LinkKeys, new_link, signed
from local.cloud import Cloud
from tests.support.api import Api
from tests.support.aws import client
from tests.support.builders import request_body
from tests.support.cuts import slow
from tests.support.sandbox import Sandbox


@pytest.fixture
def running(api: Api) -> dict[str, Any]:
    made = api.create(request_body(daily_budget=90))
    assert made.status_code == 201, made.text
    assert api.manage(made.json()["campaign_id"], "start").status_code == 200
    return dict(made.json())


def propose(api: Api, campaign_id: str, budget: float) -> str:
    answer = api.http.patch(
        f"/v1/campaigns/{campaign_id}",
        json={"daily_budget": budget, "mode": "propose"},
        headers={"Prefer": "wait=0"},  # a proposal waits for a person: nothing comes of asking again
    )
    assert answer.status_code == 202, answer.text
    return str(answer.json()["proposal_id"])


def link_of(cloud: Cloud, sandbox: Sandbox, proposal_id: str) -> str:
    """The link in the notice that the owner gets with the next sweep."""
    schedule = "schedules/OutboxFunctionEveryFiveMinutes/fire"
    httpx.post(f"{cloud.info['api_url']}/_local/{schedule}", timeout=600, verify=False).raise_for_status()
    for notice in sandbox.state("web_platform")["notifications"]:
        if proposal_id in str(notice.get("action_url")):
            return str(notice["action_url"])
    raise AssertionError("the owner was not told")


def shown(api: Api, proposal_id: str) -> dict[str, Any]:
    return dict(api.http.get(f"/v1/proposals/{proposal_id}").json()["proposal"])


def test_a_proposal_is_approved_from_the_link_that_its_owner_gets(
    cloud: Cloud, api: Api, sandbox: Sandbox, running: dict[str, Any]
) -> None:
    campaign_id = running["campaign_id"]
    proposal_id = propose(api, campaign_id, 120)
    url = link_of(cloud, sandbox, proposal_id)
    with httpx.Client(verify=False, timeout=600) as browser:
        page = browser.get(url)
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        (token,) = re.findall(r'action="\?token=([\w.-]+)"', page.text)
        place = url.partition("?")[0]
        assert browser.get(place).status_code == 401
        assert browser.get(f"{place}?token={token}").status_code == 401  # that one decides
        other = place.replace(proposal_id, propose(api, campaign_id, 105))
        assert browser.get(f"{other}?{urlparse(url).query}").status_code == 401
        assert api.http.get(urlparse(place).path).status_code == 401  # a JWT is no link
        form = {"decision": "approve"}
        done = browser.post(f"{place}?token={token}", data=form)
        assert (done.status_code, shown(api, proposal_id)["state"]) == (200, "verified"), done.text
        assert browser.post(f"{place}?token={token}", data=form).status_code == 409
    assert sum(item["daily_budget"] for item in api.status(campaign_id).json()["adsets"]) == 120
    view = shown(api, proposal_id)
    assert all(item["read_back"] and item["platform_request_id"] for item in view["receipts"]), view
    # A proposal for the earlier budgets is stale now.
    (left,) = api.http.get("/v1/proposals").json()["proposals"][-1:]
    page = httpx.get(link_of(cloud, sandbox, left["proposal_id"]), verify=False, timeout=600)
    (token,) = re.findall(r'action="\?token=([\w.-]+)"', page.text)
    refused = httpx.post(f"{other}?token={token}", data=form, verify=False, timeout=600)
    assert (refused.status_code, shown(api, left["proposal_id"])["state"]) == (422, "stale"), refused.text


@pytest.fixture
def keys(cloud: Cloud) -> LinkKeys:
    secret = client(cloud, "secretsmanager").get_secret_value(SecretId="campaign-automation/local/links")
    return LinkKeys(lambda is_fresh: dict(json.loads(secret["SecretString"])))


@slow
def test_a_link_that_is_over_opens_nothing(
    cloud: Cloud, api: Api, running: dict[str, Any], keys: LinkKeys
) -> None:
    proposal_id = propose(api, running["campaign_id"], 120)
    link = new_link("user_123", "user_123", f"proposals/{proposal_id}", "read")
    path = f"{cloud.info['api_url']}/v1/proposals/{proposal_id}/page"
    assert httpx.get(path, params={"token": signed(link, keys)}, verify=False, timeout=600).status_code == 200
    over = link._replace(expires=int(time.time()) - 1)
    page = httpx.get(path, params={"token": signed(over, keys)}, verify=False, timeout=600)
    assert (page.status_code, "This link is over" in page.text) == (401, True)


@slow
def test_a_proposal_that_nobody_decided_on_in_two_days_is_expired(
    cloud: Cloud, api: Api, sandbox: Sandbox, running: dict[str, Any], keys: LinkKeys
) -> None:
    proposal_id = propose(api, running["campaign_id"], 120)
    sandbox.advance(advance_hours=49)
    token = signed(new_link("user_123", "user_123", f"proposals/{proposal_id}", "decide"), keys)
    path = f"{cloud.info['api_url']}/v1/proposals/{proposal_id}/page"
    form = {"decision": "approve"}
    refused = httpx.post(path, params={"token": token}, data=form, verify=False, timeout=600)
    assert (refused.status_code, shown(api, proposal_id)["state"]) == (409, "expired"), refused.text
    assert sum(item["daily_budget"] for item in api.status(running["campaign_id"]).json()["adsets"]) == 90
