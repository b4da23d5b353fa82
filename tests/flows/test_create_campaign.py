"""create_campaign through the real template: route, authorizer, Lambda, state machine, steps, sandbox."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from local.cloud import Cloud
from tests.support.api import Api
from tests.support.aws import client, reconcile_campaigns, settle
from tests.support.builders import request_body
from tests.support.cuts import cut, slow
from tests.support.sandbox import Sandbox

EVENTS = Path(__file__).parents[2] / "events"
WHOLE_TREE = {"campaigns": 1, "adsets": 3, "creatives": 2, "ads": 6}


def test_a_campaign_is_created_paused_with_its_whole_tree(api: Api, sandbox: Sandbox) -> None:
    before = counters(api)
    answer = api.create(request_body(name="Autumn"))
    assert answer.status_code == 201
    body = answer.json()
    assert body["status"] == "success"
    assert body["campaign_status"] == "paused"
    assert body["warnings"] == ["meta: age 65 includes everybody older"]
    assert [adset["daily_budget"] for adset in body["adsets"]] == [33.34, 33.33, 33.33]
    assert all(ad["copy"] and ad["headline"] and ad["description"] for ad in body["ads"])
    assert sandbox.left_behind("meta") == WHOLE_TREE
    adsets = sandbox.live("meta", "adsets")
    assert sum(adset["daily_budget"] for adset in adsets) == 10_000
    statuses = {
        item["status"] for kind in ("campaigns", "adsets", "ads") for item in sandbox.live("meta", kind)
    }
    assert statuses == {"PAUSED"}
    check_the_web_platform(sandbox, body)
    check_the_status(api, body)
    check_the_metrics(before, counters(api))


def check_the_web_platform(sandbox: Sandbox, body: dict[str, Any]) -> None:
    (campaign,) = sandbox.state("web_platform")["campaigns"].values()
    assert campaign["targeting"]["campaign_id"] == body["campaign_id"]
    assert campaign["targeting"]["platform_campaign_id"] == body["platform_campaign_id"]
    assert (campaign["budget"], campaign["creative_ids"], campaign["user_id"]) == (100, [1, 2], 123)


def check_the_status(api: Api, body: dict[str, Any]) -> None:
    """It shows three levels by our id and by the platform's."""
    for campaign_id in (body["campaign_id"], body["platform_campaign_id"]):
        status = api.status(campaign_id)
        assert status.status_code == 200
        tree = status.json()
        assert tree["campaign"]["campaign_id"] == body["campaign_id"]
        assert tree["campaign"]["daily_budget"] == 100
        assert {adset["adset_id"] for adset in tree["adsets"]} == {
            item["adset_id"] for item in body["adsets"]
        }
        assert {ad["ad_id"] for ad in tree["ads"]} == {item["ad_id"] for item in body["ads"]}
        assert tree["source"] in ("live", "cache")


def check_the_metrics(before: dict[str, dict[str, float]], after: dict[str, dict[str, float]]) -> None:
    requests = "campaign_automation_requests_total"
    gained = {key: count - before.get(requests, {}).get(key, 0) for key, count in after[requests].items()}
    assert sum(count for key, count in gained.items() if "action=create_campaign" in key) == 1, gained
    assert any("operation=create_adset" in key for key in after["platform_api_calls_total"])
    assert after["campaign_automation_request_duration_seconds"]


def counters(api: Api) -> dict[str, dict[str, float]]:
    return dict(api.http.get("/_local/metrics").json().get("CampaignAutomation", {}))


def test_activation_turns_on_ads_then_adsets_then_the_campaign(api: Api, sandbox: Sandbox) -> None:
    body = api.create(request_body(activate=True)).json()
    assert body["campaign_status"] == "active"
    updates = [call["operation"] for call in sandbox.calls("meta") if call["operation"].startswith("update_")]
    assert updates == ["update_ad"] * 6 + ["update_adset"] * 3 + ["update_campaign"]
    assert {item["status"] for item in sandbox.live("meta", "ads")} == {"ACTIVE"}
    (campaign,) = sandbox.state("web_platform")["campaigns"].values()
    assert campaign["status"] == "active"


def test_a_dry_run_shows_every_object_and_writes_nothing(api: Api, sandbox: Sandbox) -> None:
    body = api.create(request_body(dry_run=True)).json()
    assert body["state"] == "planned"
    assert [change["level"] for change in body["changes"]] == ["campaign"] + ["adset"] * 3 + ["ad"] * 6
    assert all(change["before"] is None for change in body["changes"])
    assert sandbox.left_behind("meta") == {}
    assert set(sandbox.operations("meta")) == {"read_account"}
    assert sandbox.state("web_platform")["campaigns"] == {}


def test_a_caller_that_does_not_wait_is_told_where_to_ask(api: Api, sandbox: Sandbox) -> None:
    answer = api.create(request_body(), Prefer="respond-async")
    assert answer.status_code == 202
    body = answer.json()
    assert answer.headers["location"] == body["status_url"] == f"/v1/campaigns/{body['campaign_id']}"
    assert api.wait_until(body["campaign_id"], "paused")["campaign"]["status"] == "paused"
    assert sandbox.left_behind("meta") == WHOLE_TREE


@pytest.mark.slow
def test_inline_creatives_need_no_web_platform_lookup(api: Api, sandbox: Sandbox, cloud: Cloud) -> None:
    files = f"{cloud.info['sandbox']['web_platform']}/files"
    creative = {
        "creative_id": "mine",
        "file_url": f"{files}/creative_1.png",
        "file_type": "image",
        "name": "Trail shoe",
        "product_url": "https://shop.example/p/1",
    }
    body = request_body(creatives=[creative])
    del body["creative_ids"]
    assert api.create(body).status_code == 201
    assert "get_creative" not in sandbox.operations("web_platform")


# --- the same key ------------------------------------------------------------------------------------


def test_the_same_key_gives_the_same_campaign_and_takes_no_other_body(api: Api, sandbox: Sandbox) -> None:
    first = api.create(request_body(), key="k1")
    before, calls = sandbox.state("meta"), sandbox.operations("meta")
    second = api.create(request_body(), key="k1")
    once, again = first.json(), second.json()
    repeats, *warnings = again["warnings"]
    assert repeats.startswith("this repeats an earlier answer")
    assert (second.status_code, {**again, "warnings": warnings}) == (201, {**once, "replayed": True})
    refused = api.create(request_body(daily_budget=200), key="k1")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "5004")
    # The repeated one is looked at, for the state of now; nothing is sent.
    asked = sandbox.operations("meta") - calls
    assert all(name.startswith(("read_", "list_")) for name in asked), asked
    after = sandbox.state("meta")
    assert all(after[kind] == before[kind] for kind in ("campaigns", "adsets", "ads"))
    assert sandbox.left_behind("meta") == WHOLE_TREE


@pytest.mark.slow
def test_two_users_may_use_the_same_key(api: Api, other_api: Api) -> None:
    assert api.create(request_body(), key="k3").status_code == 201
    answer = other_api.create(request_body(creative_ids=["101"]), key="k3")
    assert answer.status_code == 201


@pytest.mark.slow
def test_without_a_key_the_same_request_is_not_carried_out_twice(api: Api, sandbox: Sandbox) -> None:
    body = request_body(name="No key given")
    first, second = (api.create(body, key="").json() for _ in range(2))
    assert first["campaign_id"] == second["campaign_id"]
    assert sandbox.left_behind("meta") == WHOLE_TREE


@pytest.mark.slow
def test_after_a_rollback_the_key_is_free_again(api: Api, sandbox: Sandbox) -> None:
    sandbox.fault("meta", "create_ad", "policy")
    assert api.create(request_body(), key="k4").status_code == 422
    assert api.create(request_body(), key="k4").status_code == 201
    assert sandbox.left_behind("meta") == WHOLE_TREE


# --- failures: nothing stays behind ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "nth"),
    [
        ("read_campaign", 1),
        ("read_account", 1),
        ("create_adset", 2),
        ("create_campaign", 1),
        ("upload_image", 1),
        ("create_creative", 2),
        ("create_ad", 4),
    ],
)
@pytest.mark.slow
def test_whatever_step_is_refused_nothing_is_left_behind(
    api: Api, sandbox: Sandbox, operation: str, nth: int
) -> None:
    sandbox.fault("meta", operation, "policy", nth=nth, times=0)
    answer = api.create(request_body(name=f"Refused at {operation}"))
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (422, "6005")
    assert error["details"]["state"] == "rolled_back"
    assert error["details"]["platform_request_id"]
    assert sandbox.left_behind("meta") == {}
    assert sandbox.state("web_platform")["campaigns"] == {}


def test_a_refused_activation_takes_everything_back(api: Api, sandbox: Sandbox) -> None:
    sandbox.fault("meta", "update_adset", "policy")
    answer = api.create(request_body(activate=True))
    assert answer.status_code == 422
    assert sandbox.left_behind("meta") == {}
    assert all(item["deleted"] for item in sandbox.state("web_platform")["campaigns"].values())


@pytest.mark.slow
def test_a_platform_that_stays_down_is_an_error_after_the_retries(api: Api, sandbox: Sandbox) -> None:
    sandbox.fault("meta", "create_campaign", "http_500", times=4)
    answer = api.create(request_body())
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (502, "4002")
    assert error["details"]["attempts"] == 4
    assert sandbox.left_behind("meta") == {}


@pytest.mark.slow
def test_a_short_fault_is_retried_and_the_campaign_is_made(api: Api, sandbox: Sandbox) -> None:
    sandbox.fault("meta", "create_campaign", "http_500", times=2)
    assert api.create(request_body()).status_code == 201
    assert sandbox.left_behind("meta") == WHOLE_TREE


@pytest.mark.slow
def test_a_throttled_call_is_retried_or_undone_when_the_pause_is_over(
    api: Api, sandbox: Sandbox, cloud: Cloud
) -> None:
    sandbox.fault("meta", "create_adset", "rate_limit")
    answer = api.create(request_body())
    if answer.status_code == 429:  # the platform asked for a longer wait than a creation can take
        assert answer.json()["error"]["details"]["retry_after"] > 60
        sandbox.advance(advance_hours=1)
        reconcile_campaigns(cloud)
        assert sandbox.left_behind("meta") == {}
    else:
        assert sandbox.left_behind("meta") == WHOLE_TREE


@pytest.mark.slow
def test_an_expired_token_says_so(api: Api, sandbox: Sandbox) -> None:
    sandbox.fault("meta", "create_campaign", "auth_expired", times=0)
    answer = api.create(request_body())
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "6001")
    assert sandbox.left_behind("meta") == {}


# --- lost answers: no duplicate ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "operation",
    cut(
        ["create_campaign", "create_adset", "create_creative", "create_ad", "batch", "upload_video"],
        "create_campaign",
    ),
)
@pytest.mark.parametrize("kind", cut(["drop_after", "timeout_after", "garbage"], "drop_after"))
def test_a_lost_answer_makes_no_duplicate(api: Api, sandbox: Sandbox, operation: str, kind: str) -> None:
    sandbox.fault("meta", operation, kind, hang_seconds=0.2)
    answer = api.create(request_body(name=f"Lost {operation} {kind}"))
    assert answer.status_code == 201
    assert sandbox.left_behind("meta") == WHOLE_TREE


@pytest.mark.parametrize("operation", cut(["create_adset", "batch"], "batch"))
@pytest.mark.slow
def test_a_request_that_never_arrived_is_sent_again(api: Api, sandbox: Sandbox, operation: str) -> None:
    sandbox.fault("meta", operation, "drop_connection")
    assert api.create(request_body()).status_code == 201
    assert sandbox.left_behind("meta") == WHOLE_TREE


@pytest.mark.slow
def test_what_cannot_be_taken_back_is_told_to_a_person(api: Api, sandbox: Sandbox) -> None:
    sandbox.fault("meta", "create_ad", "policy", times=0)
    sandbox.fault("meta", "delete_campaign", "policy", times=0)
    answer = api.create(request_body(), Prefer="wait=25")
    body = answer.json()
    if answer.status_code == 202:
        body = api.wait_until(body["campaign_id"], "needs_reconciliation")
        assert body["campaign"]["status"] == "needs_reconciliation"
    else:
        assert body["error"]["details"]["state"] == "needs_reconciliation"
        assert body["error"]["details"]["left_behind"]
    assert sandbox.left_behind("meta") == {"campaigns": 1}
    told = sandbox.state("web_platform")["notifications"]
    assert [item["notification_type"] for item in told if item["category"] != "token_expired"] == ["urgent"]


# --- around the platform -----------------------------------------------------------------------------


@pytest.mark.slow
def test_without_gemini_the_template_writes_and_says_so(api: Api, sandbox: Sandbox) -> None:
    sandbox.fault("gemini", "generate_content", "http_500", times=0)
    body = api.create(request_body()).json()
    assert {ad["copy_source"] for ad in body["ads"]} == {"template"}


@pytest.mark.parametrize(
    "behaviour", cut(["too_long", "invented_price", "not_json", "blocked"], "invented_price")
)
@pytest.mark.slow
def test_bad_copy_is_not_used(api: Api, sandbox: Sandbox, behaviour: str) -> None:
    sandbox.gemini(behaviour)
    body = api.create(request_body(name=f"Copy {behaviour}")).json()
    assert {ad["copy_source"] for ad in body["ads"]} == {"template"}
    assert all(len(ad["copy"]) <= 125 and len(ad["headline"]) <= 40 for ad in body["ads"])


def test_the_web_platform_down_at_the_end_loses_nothing(api: Api, sandbox: Sandbox, cloud: Cloud) -> None:
    others = invoke(cloud, "OutboxFunction", b"{}")["after"]  # of earlier tests, which nobody can take
    sandbox.reset()
    sandbox.fault("web_platform", "create_campaign", "http_500", times=0)
    body = api.create(request_body(activate=True)).json()
    assert body["campaign_status"] == "active"
    assert sandbox.state("web_platform")["campaigns"] == {}
    first = invoke(cloud, "OutboxFunction", b"{}")
    assert first["before"] == others + 2
    assert first["after"] >= 2  # still down; nothing is skipped
    sandbox.reset_faults()
    sandbox.advance(advance_hours=1)  # an unanswered create may be carried out for a while
    # Those of earlier tests may be quarantined meanwhile.
    assert invoke(cloud, "OutboxFunction", b"{}")["after"] <= others
    (campaign,) = sandbox.state("web_platform")["campaigns"].values()
    assert campaign["targeting"]["campaign_id"] == body["campaign_id"]
    assert campaign["status"] == "active"
    assert api.http.get("/_local/metrics").json()["CampaignAutomation"]["campaign_automation_active_rules"]


# --- what bad input gets -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "status", "code", "field"),
    [
        ({"creative_ids": ["1", "9999"]}, 404, "5000", "creative_ids"),
        pytest.param({"creative_ids": ["101"]}, 404, "5000", "creative_ids", marks=slow),
        pytest.param({"target_countries": ["XX"]}, 400, "1001", "target_countries.0", marks=slow),
        pytest.param({"daily_budget": 2}, 400, "1001", "daily_budget", marks=slow),
        pytest.param({"daily_budget": 100.001}, 400, "1001", "daily_budget", marks=slow),
        ({"budget": 5}, 400, "1001", "budget"),
        pytest.param(
            {"special_ad_categories": ["POLITICS"]}, 400, "1001", "special_ad_categories", marks=slow
        ),
        pytest.param({"special_ad_categories": ["HOUSING"]}, 400, "1001", "age_groups", marks=slow),
        ({"ad_account_id": "2001"}, 422, "6000", "ad_account_id"),
    ],
)
def test_bad_input_is_named_and_nothing_is_created(
    api: Api, sandbox: Sandbox, change: dict[str, Any], status: int, code: str, field: str
) -> None:
    answer = api.create(request_body(**change))
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["details"]["field"]) == (status, code, field)
    assert sandbox.left_behind("meta") == {}
    assert not any(call["operation"].startswith("create_") for call in sandbox.calls("meta"))


def test_a_body_that_is_no_object_is_refused(api: Api) -> None:
    answer = api.http.post("/v1/campaigns", content="[1]", headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "1001")


def test_missing_pixel_is_refused_with_what_to_configure(api: Api, sandbox: Sandbox) -> None:
    sandbox.patch_account("meta", "act_100000000000001", pixels=[])
    error = api.create(request_body()).json()["error"]
    assert error["details"]["field"] == "pixel_id"
    assert "Meta secret" in error["message"]
    assert sandbox.left_behind("meta") == {}


def test_an_unpaid_account_is_refused(api: Api, sandbox: Sandbox) -> None:
    sandbox.patch_account("meta", "act_100000000000001", account_status=3)
    error = api.create(request_body()).json()["error"]
    assert error["code"] == "6002"


# --- who may see what --------------------------------------------------------------------------------


@pytest.mark.slow
def test_another_users_campaign_answers_like_an_unknown_one(api: Api, other_api: Api) -> None:
    body = api.create(request_body()).json()
    for campaign_id in (body["campaign_id"], body["platform_campaign_id"]):
        theirs = other_api.status(campaign_id)
        unknown = other_api.status("cmp_unknown")
        assert theirs.status_code == unknown.status_code == 404
        assert theirs.json()["error"]["code"] == unknown.json()["error"]["code"] == "5000"
        assert theirs.json()["error"]["details"] == unknown.json()["error"]["details"]


@pytest.mark.parametrize("token", [None, "", "nonsense", "expired"])
def test_without_a_valid_token_nobody_gets_in(cloud: Cloud, sandbox: Sandbox, token: str | None) -> None:
    given = cloud.token("user_123", -60) if token == "expired" else token
    with Api(cloud.info["api_url"], given) as api:
        answer = api.create(request_body())
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "1002")
    assert sandbox.calls("meta") == []


def test_an_unknown_route_has_the_envelope_too(api: Api) -> None:
    answer = api.http.get("/v1/nothing")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "5000")


# --- what the engineer on call sees ------------------------------------------------------------------


def test_one_correlation_id_runs_from_the_api_through_every_step(api: Api, cloud: Cloud) -> None:
    answer = api.create(request_body(name="Followed"))
    failed = api.create(request_body(creative_ids=["9999"]))
    request_id = failed.json()["error"]["request_id"]
    lines = api.http.get("/_local/logs", params={"correlation_id": request_id}).json()
    assert {line["function_name"].rsplit("-", 1)[-1] for line in lines} == {
        "CreateCampaignFunction",
        "MetaStepFunction",
    }
    assert answer.status_code == 201


def test_no_token_stands_in_any_log_line(api: Api, cloud: Cloud, sandbox: Sandbox) -> None:
    sandbox.fault("meta", "create_campaign", "drop_connection", times=0)
    api.create(request_body(name="Logged"))
    text = api.http.get("/_local/logs").text
    for secret in ("sandbox-meta-token", "sandbox-service-token", "sandbox-gemini-key", "app-secret"):
        assert secret not in text
    assert cloud.info["tokens"]["user_123"] not in text


# --- the function alone, as `sam local invoke` runs it -----------------------------------------------


def test_the_sample_event_creates_a_campaign(cloud: Cloud, sandbox: Sandbox) -> None:
    event = (EVENTS / "create_campaign.json").read_bytes()
    answer = invoke(cloud, "CreateCampaignFunction", event)
    assert answer["statusCode"] == 201
    assert json.loads(answer["body"])["status"] == "success"
    assert sandbox.left_behind("meta") == WHOLE_TREE


@pytest.mark.parametrize(
    ("function", "event", "status"),
    [("GetCampaignStatusFunction", "get_campaign_status", 404), ("GetOpenapiFunction", "get_openapi", 200)],
)
def test_the_other_sample_events_are_answered(cloud: Cloud, function: str, event: str, status: int) -> None:
    assert invoke(cloud, function, (EVENTS / f"{event}.json").read_bytes())["statusCode"] == status


@pytest.mark.parametrize(
    ("function", "event", "error"),
    [
        ("MetaStepFunction", "platform_step", "NotFoundError"),
        ("WriteCopyFunction", "write_copy", "NotFoundError"),
        ("AuthorizerFunction", "authorizer", "Exception"),
    ],
)
def test_the_sample_events_of_tasks_fail_by_their_name(
    cloud: Cloud, function: str, event: str, error: str
) -> None:
    assert invoke(cloud, function, (EVENTS / f"{event}.json").read_bytes())["errorType"] == error


def invoke(cloud: Cloud, function: str, event: bytes) -> dict[str, Any]:
    settle(cloud)
    name = f"campaign-automation-local-{function}:live"
    answer = client(cloud, "lambda").invoke(FunctionName=name, Payload=event)
    return dict(json.loads(answer["Payload"].read()))
