"""Tokens, tenants, versions and rate limits on Meta."""

import json

import pytest

from tests.sandbox.support import ACCOUNT, CAMPAIGN, Graph, Sandbox


@pytest.mark.parametrize(
    ("token", "code", "subcode"),
    [("", 104, None), ("made-up", 190, None), ("sandbox-meta-token-999", 190, 463)],
)
def test_bad_token_is_refused(graph: Graph, token: str, code: int, subcode: int | None) -> None:
    graph.token = token
    error = graph.refused("GET", ACCOUNT)
    assert (error["code"], error.get("error_subcode")) == (code, subcode)


def test_living_tokens_are_renewed_dead_ones_stay_dead(graph: Graph, sandbox: Sandbox) -> None:
    sandbox.advance(advance_days=61)
    assert graph.get(ACCOUNT)
    sandbox.patch_account(token_expired=True)
    sandbox.advance(advance_days=1)
    assert graph.refused("GET", ACCOUNT)["error_subcode"] == 463


def test_wrong_proof_is_refused(graph: Graph) -> None:
    assert graph.refused("GET", ACCOUNT, appsecret_proof="00")["code"] == 104


def test_other_users_things_stay_hidden(graph: Graph, campaign_id: str) -> None:
    graph.token = "sandbox-meta-token-456"
    account = graph.request("GET", ACCOUNT)
    campaign = graph.refused("GET", campaign_id)
    missing = graph.refused("GET", "120219999999999999")

    assert (account.status_code, account.json()["error"]["code"]) == (403, 200)
    assert (campaign["code"], campaign["error_subcode"], campaign["type"]) == (
        100,
        33,
        "GraphMethodException",
    )
    assert missing["message"] == campaign["message"].replace(campaign_id, "120219999999999999")


def test_user_texts_follow_the_language_but_codes_stay(graph: Graph) -> None:
    graph.token = "sandbox-meta-token-456"
    german = graph.refused("POST", "act_200000000000001/campaigns", **CAMPAIGN, daily_budget=1)
    assert german["error_subcode"] == 1885272
    assert german["error_user_title"] == "Ungültiger Parameter"


def test_only_living_versions_answer(graph: Graph, sandbox: Sandbox) -> None:
    old = sandbox.http.get(f"{sandbox.url}/meta/v24.0/{ACCOUNT}", params={"access_token": graph.token})
    assert old.json()["error"]["code"] == 2635
    assert graph.refused("GET", f"{ACCOUNT}/nonsense")["code"] == 2500


def test_every_answer_carries_a_trace(graph: Graph) -> None:
    first, second = graph.request("GET", ACCOUNT), graph.request("GET", ACCOUNT)
    assert first.headers["x-fb-trace-id"] != second.headers["x-fb-trace-id"]
    assert first.headers["x-fb-rev"]


def test_disabled_account_takes_no_changes(graph: Graph, sandbox: Sandbox, campaign_id: str) -> None:
    sandbox.patch_account(account_status=2, disable_reason=1)
    assert graph.refused("POST", f"{ACCOUNT}/campaigns", **CAMPAIGN)["code"] == 200
    shown = graph.get(campaign_id, fields="effective_status,issues_info")
    assert shown["effective_status"] == "WITH_ISSUES"
    assert shown["issues_info"][0]["level"] == "CAMPAIGN"


def test_usage_climbs_to_the_limit_and_recovers(graph: Graph, sandbox: Sandbox) -> None:
    sandbox.patch_account(rate_limit_calls=4)
    answers = [graph.request("GET", f"{ACCOUNT}/campaigns") for _ in range(5)]

    loads = [json.loads(answer.headers["x-app-usage"])["call_count"] for answer in answers]
    assert loads == [25, 50, 75, 100, 100]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 400]
    assert answers[-1].json()["error"]["code"] == 80004
    business = json.loads(answers[-1].headers["x-business-use-case-usage"])
    usage = next(iter(business.values()))[0]
    assert usage["type"] == "ads_management"
    assert usage["estimated_time_to_regain_access"] == 60

    sandbox.advance(advance_hours=1)
    assert graph.request("GET", f"{ACCOUNT}/campaigns").status_code == 200


def test_a_limit_may_come_with_the_apps_usage_alone(graph: Graph, sandbox: Sandbox) -> None:
    sandbox.fault("meta", "list_campaigns", "rate_limit_bare")
    answer = graph.request("GET", f"{ACCOUNT}/campaigns")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, 80004)
    assert "x-app-usage" in answer.headers
    assert "x-business-use-case-usage" not in answer.headers


def test_insights_have_their_own_limit_code(graph: Graph, sandbox: Sandbox) -> None:
    sandbox.patch_account(rate_limit_calls=0)
    assert graph.refused("GET", f"{ACCOUNT}/insights")["code"] == 80000


def test_usage_headers_stay_away_while_usage_is_low(graph: Graph) -> None:
    assert "x-app-usage" not in graph.request("GET", ACCOUNT).headers


def test_admin_adds_an_account(graph: Graph, sandbox: Sandbox) -> None:
    made = sandbox.admin("PUT", "/accounts/meta/act_7000", {"user_id": 789, "currency": "JPY"})
    graph.token = "sandbox-meta-token-789"
    assert graph.get("act_7000", fields="currency")["currency"] == "JPY"
    assert made["ad_account_id"] > 3000
