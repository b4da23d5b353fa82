"""The same request on three platforms, through the real template."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from tests.support.api import Api
from tests.support.builders import request_body
from tests.support.cuts import cut, slow
from tests.support.sandbox import Sandbox

PLATFORMS = ("meta", "tiktok", "google")
WIDENED = ("tiktok", "google")
OBJECTIVES = ("sales", "traffic", "awareness", "leads", "engagement", "app_promotion")
TREES = {
    "meta": {"campaigns": 1, "adsets": 3, "creatives": 2, "ads": 6},
    "tiktok": {"campaigns": 1, "adsets": 3, "ads": 6},
    "google": {"campaigns": 1, "adsets": 3, "ads": 6},
}
# All reads included, once the files are uploaded and TikTok's account is known.
MOST_CALLS = {"meta": 10, "tiktok": 10, "google": 5}


@pytest.mark.parametrize("platform", cut(PLATFORMS, *WIDENED))  # Meta's is in test_create_campaign.py
def test_one_request_makes_the_equivalent_tree(api: Api, sandbox: Sandbox, platform: str) -> None:
    answer = api.create(request_body(platform=platform))
    assert answer.status_code == 201, answer.text
    body = answer.json()
    assert sandbox.left_behind(platform) == TREES[platform]
    shares = [Decimal(str(adset["daily_budget"])) for adset in body["adsets"]]
    assert (sum(shares), len(body["adsets"]), len(body["ads"])) == (100, 3, 6)
    status = api.status(body["campaign_id"]).json()
    assert status["status"] == "success", status
    assert status["campaign"]["daily_budget"] == 100
    assert {item["status"] for item in (*status["adsets"], *status["ads"])} == {"paused"}
    assert {ad["creative_id"] for ad in status["ads"]} == {"1", "2"}
    (campaign,) = sandbox.state("web_platform")["campaigns"].values()
    assert (campaign["platform"], campaign["targeting"]["campaign_id"]) == (platform, body["campaign_id"])


@pytest.mark.counts_calls
@pytest.mark.parametrize("platform", cut(PLATFORMS, "meta", "google"))  # TikTok's are counted by its contract
def test_the_platform_is_called_no_more_than_promised(api: Api, sandbox: Sandbox, platform: str) -> None:
    api.create(request_body(platform=platform))
    before = calls(sandbox, platform)
    assert api.create(request_body(platform=platform, name="Once more")).status_code == 201
    assert calls(sandbox, platform) - before <= MOST_CALLS[platform]


def calls(sandbox: Sandbox, platform: str) -> int:
    return sum(not call["batched"] for call in sandbox.calls(platform))


@pytest.mark.parametrize("objective", cut(OBJECTIVES, "app_promotion"))
@pytest.mark.parametrize("platform", cut(PLATFORMS, "google"))
def test_every_objective_is_made_or_refused_by_name(
    api: Api, sandbox: Sandbox, platform: str, objective: str
) -> None:
    answer = api.create(request_body(platform=platform, objective=objective, creative_ids=["1", "3"]))
    if objective == "app_promotion":  # none of the seeded accounts has an app
        error = answer.json()["error"]
        assert error["details"]["field"] in ("application_id", "app_id")
        assert "secret" in error["message"]
        assert sandbox.left_behind(platform) == {}
    else:
        assert answer.status_code == 201, answer.text
        assert sandbox.left_behind(platform) == TREES[platform]


@pytest.mark.parametrize("platform", cut(WIDENED, "google"))
@pytest.mark.parametrize("operation", cut(["create_campaign", "create_adset", "create_ad"], "create_adset"))
def test_whatever_is_refused_nothing_is_left_behind(
    api: Api, sandbox: Sandbox, platform: str, operation: str
) -> None:
    sandbox.fault(platform, operation, "policy", times=0)
    answer = api.create(request_body(platform=platform))
    assert answer.json()["error"]["details"]["state"] == "rolled_back"
    assert sandbox.left_behind(platform) == {}


@pytest.mark.parametrize("platform", WIDENED)
@pytest.mark.parametrize("operation", ["create_campaign", "create_adset", "create_ad"])
@pytest.mark.parametrize("kind", ["drop_after", "drop_connection", "http_500"])
@slow
def test_a_lost_answer_makes_no_duplicate(
    api: Api, sandbox: Sandbox, platform: str, operation: str, kind: str
) -> None:
    sandbox.fault(platform, operation, kind)
    answer = api.create(request_body(platform=platform, name=f"Lost {operation} {kind}"))
    assert answer.status_code == 201, answer.text
    assert sandbox.left_behind(platform) == TREES[platform]


@pytest.mark.parametrize("platform", WIDENED)
@slow
def test_activation_turns_on_the_whole_tree(api: Api, sandbox: Sandbox, platform: str) -> None:
    body = api.create(request_body(platform=platform, activate=True)).json()
    assert body["campaign_status"] == "active", body
    kinds = ("campaigns", "adsets", "ads")
    assert {item["status"] for kind in kinds for item in sandbox.live(platform, kind)} == {"ACTIVE"}


@slow
def test_ten_creations_at_once_all_come_out_right(api: Api, sandbox: Sandbox) -> None:
    for platform in PLATFORMS:  # warm functions, as in a service that is in use
        assert api.create(request_body(platform=platform, name="Warm")).status_code == 201
    sandbox.reset()
    wanted = [PLATFORMS[number % 3] for number in range(10)]

    def create(number: int) -> str:
        """As a careful caller does it: one key, asked again when that may help, then the status URL."""
        body = request_body(platform=wanted[number], name=f"Campaign {number}")
        for _ in range(5):
            answer = api.create(body, key=f"at once {number}", Prefer="respond-async").json()
            if answer["status"] != "error" or not answer["error"]["details"]["retryable"]:
                break
        status = api.wait_until(answer["campaign_id"], "paused")
        assert status["campaign"]["status"] == "paused", status
        return str(answer["campaign_id"])

    with ThreadPoolExecutor(10) as pool:
        assert len(set(pool.map(create, range(10)))) == 10
    for platform, count in Counter(wanted).items():
        whole = {kind: number * count for kind, number in TREES[platform].items()}
        assert sandbox.left_behind(platform) == whole


def test_an_account_of_another_platform_is_refused(api: Api, sandbox: Sandbox) -> None:
    error = api.create(request_body(platform="tiktok", ad_account_id="1001")).json()["error"]
    assert (error["code"], error["details"]["field"]) == ("1001", "ad_account_id")
    assert sandbox.calls("tiktok") == []


def test_google_refuses_what_its_campaigns_cannot_express(api: Api, sandbox: Sandbox) -> None:
    body = request_body(platform="google", split_by="country", target_countries=["US", "CA"])
    error = api.create(body).json()["error"]
    assert (error["code"], error["details"]["field"]) == ("1001", "split_by")
    assert sandbox.left_behind("google") == {}


def test_google_refuses_videos_where_ads_show_files(api: Api, sandbox: Sandbox) -> None:
    error = api.create(request_body(platform="google", objective="awareness")).json()["error"]
    assert (error["code"], error["details"]["field"]) == ("1001", "creative_ids")
    assert not any(call["operation"].startswith("create_") for call in sandbox.calls("google"))
