"""Tokens, tenants, envelopes, faults and rate limits on TikTok."""

import pytest

from tests.sandbox.support import Sandbox
from tests.support.tiktok import ADVERTISER, IDENTITY, PIXEL, TOKEN, TikTokApi, campaign_body


def _patch(sandbox: Sandbox, **changes: object) -> None:
    sandbox.admin("PUT", f"/accounts/tiktok/{ADVERTISER}", changes)


@pytest.mark.parametrize(("token", "code"), [("", 40104), ("made-up", 40105)])
def test_bad_token_is_refused_with_http_200(api: TikTokApi, token: str, code: int) -> None:
    api.token = token
    envelope = api.refused("GET", "campaign/get")
    assert envelope["code"] == code
    assert envelope["request_id"]


def test_an_expired_token_says_so(api: TikTokApi, sandbox: Sandbox) -> None:
    _patch(sandbox, token_expired=True)
    assert api.refused("GET", "campaign/get")["code"] == 40102


def test_another_users_advertiser_is_forbidden(api: TikTokApi) -> None:
    api.advertiser = "7000000000000000456"
    assert api.refused("GET", "campaign/get")["code"] == 40001


def test_another_users_objects_do_not_exist(api: TikTokApi) -> None:
    campaign_id = api.post("campaign/create", **campaign_body())["campaign_id"]
    other = TikTokApi(api.url, api.http, "sandbox-tiktok-token-456", "7000000000000000456")
    body = {"campaign_ids": [campaign_id], "operation_status": "DELETE"}
    assert other.refused("POST", "campaign/status/update", **body)["code"] == 40007
    assert other.get("campaign/get")["list"] == []


def test_the_seeded_account_is_described(api: TikTokApi) -> None:
    fields = ["currency", "display_timezone", "status"]
    info = api.get("advertiser/info", advertiser_ids=[ADVERTISER], fields=fields)
    assert info == {
        "list": [{"currency": "USD", "display_timezone": "America/New_York", "status": "STATUS_ENABLE"}]
    }
    assert [item["identity_id"] for item in api.get("identity/get")["identity_list"]] == [IDENTITY]
    assert [item["pixel_id"] for item in api.get("pixel/list")["pixels"]] == [PIXEL]


def test_unknown_endpoint_and_unknown_field_are_refused(api: TikTokApi) -> None:
    assert api.refused("GET", "campaign/copy")["code"] == 40006
    assert "colour" in api.refused("POST", "campaign/create", **campaign_body(colour="red"))["message"]
    answer = api.http.post(
        f"{api.url}/tiktok/open_api/v1.3/campaign/create/", content="{", headers={"Access-Token": TOKEN}
    )
    assert answer.json()["code"] == 40002


def test_breaking_the_limit_blocks_until_five_minutes_were_quiet(api: TikTokApi, sandbox: Sandbox) -> None:
    _patch(sandbox, calls_per_minute=2)
    api.get("campaign/get")
    api.get("campaign/get")
    assert api.refused("GET", "campaign/get")["code"] == 40100
    sandbox.advance(advance_hours=4 / 60)
    assert api.refused("GET", "campaign/get")["code"] == 40100  # asking again starts the wait anew
    sandbox.advance(advance_hours=4 / 60)
    assert api.refused("GET", "campaign/get")["code"] == 40100
    sandbox.advance(advance_hours=5.1 / 60)
    assert api.get("campaign/get")["list"] == []


def test_a_limited_account_reads_but_does_not_write(api: TikTokApi, sandbox: Sandbox) -> None:
    _patch(sandbox, status="STATUS_LIMIT")
    assert api.get("campaign/get")["list"] == []
    assert api.refused("POST", "campaign/create", **campaign_body())["code"] == 40301


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("http_500", 500, 50000),
        ("rate_limit", 200, 40100),
        ("auth_expired", 200, 40102),
        ("policy", 200, 40904),
    ],
)
def test_failures_in_the_platforms_words(
    api: TikTokApi, sandbox: Sandbox, kind: str, status: int, code: int
) -> None:
    sandbox.fault("tiktok", "create_campaign", kind)
    answer = api.request("POST", "campaign/create", **campaign_body())
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert sandbox.state()["tiktok"]["campaigns"] == {}


def test_operations_are_logged_by_name(api: TikTokApi, sandbox: Sandbox) -> None:
    campaign_id = api.post("campaign/create", **campaign_body())["campaign_id"]
    api.get("campaign/get")
    api.get("campaign/get", filtering={"campaign_ids": [campaign_id]})
    api.get("adgroup/get")
    for status in ("ENABLE", "DELETE"):
        api.post("campaign/status/update", campaign_ids=[campaign_id], operation_status=status)
    logged = [call["operation"] for call in sandbox.calls("tiktok")]
    assert logged == [
        "create_campaign",
        "list_campaigns",
        "read_campaign",
        "list_adsets",
        "update_campaign",
        "delete_campaign",
    ]


def test_the_admin_makes_new_accounts(sandbox: Sandbox, api: TikTokApi) -> None:
    changes = {"user_id": 777, "currency": "JPY"}
    made = sandbox.admin("PUT", "/accounts/tiktok/7000000000000000777", changes)
    assert made["id"] == "7000000000000000777"
    api.token, api.advertiser = "sandbox-tiktok-token-777", "7000000000000000777"
    assert api.get("advertiser/info", advertiser_ids=[api.advertiser])["list"][0]["currency"] == "JPY"
