"""get_campaign_status through the real template: cache, staleness, many at once, tokens near their end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import redis

from campaign_automation import CampaignAutomation
from local.cloud import Cloud
from tests.support.api import Api
from tests.support.builders import request_body
from tests.support.cuts import cut
from tests.support.module import Engine, environment, execute, warnings_of
from tests.support.sandbox import Sandbox

ACCOUNTS = {"meta": "act_100000000000001", "tiktok": "7000000000000000123", "google": "1230000003"}


@pytest.fixture
def campaign_id(api: Api) -> str:
    return str(api.create(request_body()).json()["campaign_id"])


@pytest.fixture
def server(cloud: Cloud) -> redis.Redis:
    return redis.Redis.from_url(cloud.info["redis_url"])


def test_a_second_look_comes_from_the_cache_which_decides_nothing(
    api: Api, sandbox: Sandbox, server: redis.Redis, campaign_id: str
) -> None:
    live = api.status(campaign_id).json()
    calls = len(sandbox.calls("meta"))
    again = api.status(campaign_id).json()
    assert (live["source"], again["source"]) == ("live", "cache")
    assert {**again, "source": "live"} == live
    assert len(sandbox.calls("meta")) == calls
    check_a_spoiled_cache(api, server, live, 7)
    check_a_flushed_cache(api, server, campaign_id)


@pytest.mark.slow
def test_after_five_minutes_it_is_read_anew(api: Api, sandbox: Sandbox, campaign_id: str) -> None:
    first = api.status(campaign_id).json()
    sandbox.advance(advance_hours=1)
    second = api.status(campaign_id).json()
    assert second["source"] == "live"
    assert second["as_of"] > first["as_of"]


@pytest.mark.parametrize("platform", cut(["meta", "tiktok", "google"], "meta"))
def test_when_the_platform_fails_the_last_answer_comes_with_its_age(
    api: Api, sandbox: Sandbox, platform: str
) -> None:
    campaign_id = api.create(request_body(platform=platform)).json()["campaign_id"]
    sandbox.fault(platform, "*", "auth_expired", times=0)
    check_there_is_no_last_answer(api.status(campaign_id), platform)
    sandbox.reset_faults()
    live = api.status(campaign_id).json()
    sandbox.advance(advance_hours=2)
    sandbox.fault(platform, "*", "auth_expired", times=0)
    stale = api.status(campaign_id).json()
    assert (stale["source"], stale["campaign"]) == ("stale", live["campaign"]), stale
    assert 7200 <= stale["age_seconds"] < 7300
    assert "6001" in stale["warnings"][0]


def check_there_is_no_last_answer(answer: httpx.Response, platform: str) -> None:
    """The failure is the answer then."""
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (422, "6001")
    assert error["details"]["action_url"] == f"https://web-platform.example/ad-accounts/{platform}"


@pytest.mark.slow
def test_many_at_once_cause_one_reading(api: Api, sandbox: Sandbox, campaign_id: str) -> None:
    api.status(campaign_id)  # a warm function
    sandbox.advance(advance_hours=1)
    before = sandbox.operations("meta")["read_campaign"]
    with ThreadPoolExecutor(12) as pool:
        sources = [item.json()["source"] for item in pool.map(lambda _: api.status(campaign_id), range(12))]
    assert sandbox.operations("meta")["read_campaign"] - before == 1, sources


def check_a_flushed_cache(api: Api, server: redis.Redis, campaign_id: str) -> None:
    """It may be flushed at any moment."""
    for action in ("start", "pause"):
        server.flushall()
        assert api.manage(campaign_id, action).json()["status"] == "success"
        server.flushall()
        shown: dict[str, Any] = api.status(campaign_id).json()
        assert (shown["source"], shown["campaign"]["status"]) == (
            "live",
            {"start": "active", "pause": "paused"}[action],
        )


@pytest.mark.slow
@pytest.mark.parametrize("wrong", [None, {"revision": 0, "answer": {"of": "another version"}}])
def test_what_somebody_writes_into_the_cache_decides_nothing(
    api: Api, server: redis.Redis, campaign_id: str, wrong: Any
) -> None:
    check_a_spoiled_cache(api, server, api.status(campaign_id).json(), wrong)


def check_a_spoiled_cache(api: Api, server: redis.Redis, live: dict[str, Any], wrong: Any) -> None:
    for key in server.scan_iter("*status*"):
        server.set(key, b"not json" if wrong is None else json.dumps(wrong))
    assert api.status(live["campaign"]["campaign_id"]).json()["campaign"] == live["campaign"]


@pytest.fixture
def settings(cloud: Cloud, engine: Engine) -> Iterator[None]:
    with environment(cloud, **engine, CACHE_URL=""):
        yield


@pytest.fixture
def made_id(settings: None) -> str:
    """A campaign that another process has made."""
    return str(execute(CampaignAutomation(), "create_campaign", request_body())["campaign_id"])


@pytest.fixture
def module(settings: None) -> CampaignAutomation:
    """A process of its own that has read no token yet, without a cache."""
    return CampaignAutomation()


def test_a_token_near_its_end_is_told(module: CampaignAutomation, sandbox: Sandbox, made_id: str) -> None:
    sandbox.patch_account("meta", ACCOUNTS["meta"], token_days=10)
    shown = execute(module, "get_campaign_status", {"campaign_id": made_id})
    assert shown["token"]["days_left"] == 10
    assert "expires in 10 days" in warnings_of(shown)[0]


@pytest.mark.slow
def test_a_token_far_from_its_end_is_no_warning(
    module: CampaignAutomation, sandbox: Sandbox, made_id: str
) -> None:
    sandbox.patch_account("meta", ACCOUNTS["meta"], token_days=15)
    shown = execute(module, "get_campaign_status", {"campaign_id": made_id})
    assert (shown["token"]["days_left"], warnings_of(shown)) == (15, [])


def test_a_token_renewed_meanwhile_is_taken_over_and_tried_once(
    module: CampaignAutomation, sandbox: Sandbox, made_id: str
) -> None:
    asked = {"campaign_id": made_id}
    assert execute(module, "get_campaign_status", asked)["source"] == "live"
    sandbox.patch_account("meta", ACCOUNTS["meta"], token="sandbox-meta-token-123-renewed")
    renewed = execute(module, "get_campaign_status", asked)
    assert (renewed["status"], renewed["source"]) == ("success", "live"), renewed
    assert execute(module, "manage_campaign", {**asked, "action": "start"})["status"] == "success"


def test_a_refused_token_is_asked_for_once_more_and_an_expired_account_once(
    module: CampaignAutomation, sandbox: Sandbox, made_id: str
) -> None:
    def reads_of_the_token() -> int:
        before = sandbox.operations("web_platform")["get_ad_account_token"]
        error = execute(module, "manage_campaign", {"campaign_id": made_id, "action": "start"})["error"]
        assert (error["code"], error["type"]) == ("6001", "AD_ACCOUNT_TOKEN_EXPIRED")
        assert error["details"]["action_url"] == "https://web-platform.example/ad-accounts/meta"
        return sandbox.operations("web_platform")["get_ad_account_token"] - before

    sandbox.fault("meta", "*", "auth_expired", times=0)
    assert reads_of_the_token() == 2
    sandbox.reset_faults()
    sandbox.patch_account("meta", ACCOUNTS["meta"], token_expired=True)
    module._parts().accounts.forget("user_123")
    assert reads_of_the_token() == 1  # the Web Platform itself says so


def test_a_creation_takes_over_a_token_renewed_meanwhile(
    module: CampaignAutomation, sandbox: Sandbox, made_id: str
) -> None:
    execute(module, "get_campaign_status", {"campaign_id": made_id})  # the token is kept now
    sandbox.patch_account("meta", ACCOUNTS["meta"], token="sandbox-meta-token-123-renewed")
    created = execute(module, "create_campaign", request_body(name="With the new token"))
    assert created["status"] == "success", created


def test_a_creation_with_a_dead_token_says_where_to_renew_it(
    module: CampaignAutomation, sandbox: Sandbox
) -> None:
    sandbox.patch_account("meta", ACCOUNTS["meta"], token_expired=True)
    error = execute(module, "create_campaign", request_body())["error"]
    assert error["code"] == "6001"
    assert error["details"]["action_url"] == "https://web-platform.example/ad-accounts/meta"
    assert sandbox.left_behind("meta") == {}
