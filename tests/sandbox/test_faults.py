"""Every kind of failure, as a client sees it on the wire."""

import time
from collections.abc import Callable
from typing import NamedTuple

import httpx
import pytest
import requests
from facebook_business.adobjects.adaccount import AdAccount
from google.api_core import exceptions

from tests.sandbox.google_client import FAILURE_KEY, GoogleClient, tree
from tests.sandbox.support import ACCOUNT, CAMPAIGN, Graph, Sandbox
from tests.support.tiktok import TikTokApi, campaign_body

HANG = 0.3
NEVER = 3600  # the client would give up, with another exception


def _campaigns(sandbox: Sandbox) -> int:
    return len(sandbox.state()["meta"]["campaigns"])


class Creating(NamedTuple):
    """The creation of a campaign, and the exceptions by which its client tells a lost answer."""

    campaign: Callable[[], object]
    lost: tuple[type[Exception], ...]


@pytest.fixture
def creating(graph: Graph, sandbox: Sandbox, google: GoogleClient) -> dict[str, Creating]:
    tiktok = TikTokApi(sandbox.url, sandbox.http)
    closed = (httpx.RemoteProtocolError, httpx.ReadError)
    return {
        "meta": Creating(lambda: graph.request("POST", f"{ACCOUNT}/campaigns", **CAMPAIGN), closed),
        "tiktok": Creating(lambda: tiktok.request("POST", "campaign/create", **campaign_body()), closed),
        "google": Creating(lambda: google.mutate(*tree()), (exceptions.ServiceUnavailable,)),
    }


@pytest.mark.parametrize("platform", ["meta", "tiktok", "google"])
@pytest.mark.parametrize(
    ("kind", "acted", "slow"),
    [
        ("timeout_before", False, True),
        ("timeout_after", True, True),
        ("drop_connection", False, False),
        ("drop_after", True, False),
    ],
)
def test_lost_answer_closes_the_connection(
    creating: dict[str, Creating], sandbox: Sandbox, platform: str, kind: str, acted: bool, slow: bool
) -> None:
    sandbox.fault(platform, "create_campaign", kind, hang_seconds=HANG if slow else NEVER)
    started = time.monotonic()
    with pytest.raises(creating[platform].lost) as lost:
        creating[platform].campaign()

    assert time.monotonic() - started >= HANG or not slow
    assert len(sandbox.state()[platform]["campaigns"]) == acted
    call = sandbox.calls(platform)[-1]
    assert (call["operation"], call["status"], call["outcome"]) == ("create_campaign", None, f"fault:{kind}")
    if isinstance(lost.value, exceptions.ServiceUnavailable):
        assert FAILURE_KEY not in dict(lost.value.errors[0].trailing_metadata())


@pytest.mark.parametrize("platform", ["meta", "tiktok", "google"])
def test_a_late_success_acts_when_it_is_told_to(
    creating: dict[str, Creating], sandbox: Sandbox, platform: str
) -> None:
    sandbox.fault(platform, "create_campaign", "late_success", hang_seconds=0)
    with pytest.raises(creating[platform].lost):
        creating[platform].campaign()
    assert len(sandbox.state()[platform]["campaigns"]) == 0
    assert sandbox.admin("POST", "/late") == {"acted": 1}
    assert len(sandbox.state()[platform]["campaigns"]) == 1
    assert sandbox.admin("POST", "/late") == {"acted": 0}


def test_client_may_give_up_on_a_hanging_call(sandbox: Sandbox, account: AdAccount) -> None:
    sandbox.fault("meta", "create_campaign", "timeout_after")
    account.get_api_assured()._session.timeout = (3, HANG)

    with pytest.raises(requests.exceptions.ReadTimeout):
        account.create_campaign(params=CAMPAIGN)

    assert _campaigns(sandbox) == 1
    assert len(list(account.get_campaigns())) == 1


def test_sdk_sees_a_dropped_connection(sandbox: Sandbox, account: AdAccount) -> None:
    sandbox.fault("meta", "create_campaign", "drop_after")
    with pytest.raises(requests.exceptions.ConnectionError):
        account.create_campaign(params=CAMPAIGN)
    assert _campaigns(sandbox) == 1


@pytest.mark.parametrize(
    ("kind", "status", "code", "subcode"),
    [
        ("http_500", 500, 1, 99),
        ("rate_limit", 400, 80004, 2446079),
        ("auth_expired", 400, 190, 463),
        ("policy", 400, 368, 1404082),
    ],
)
def test_meta_words_its_failures(
    graph: Graph, sandbox: Sandbox, kind: str, status: int, code: int, subcode: int
) -> None:
    sandbox.fault("meta", "create_campaign", kind)
    answer = graph.request("POST", f"{ACCOUNT}/campaigns", **CAMPAIGN)
    error = answer.json()["error"]

    assert (answer.status_code, error["code"], error["error_subcode"]) == (status, code, subcode)
    assert error["fbtrace_id"] == answer.headers["x-fb-trace-id"]
    assert _campaigns(sandbox) == 0


def test_garbage_is_html_which_the_sdk_takes_for_success(sandbox: Sandbox, account: AdAccount) -> None:
    sandbox.fault("meta", "read_account", "garbage")
    answer = account.get_api_assured().call("GET", (ACCOUNT,))
    assert answer.status() == 502
    assert answer.is_success()
    assert "<html>" in answer.json()


def test_nth_and_times_choose_the_calls(graph: Graph, sandbox: Sandbox) -> None:
    sandbox.fault("meta", "read_account", "http_500", nth=2, times=2)
    statuses = [graph.request("GET", ACCOUNT).status_code for _ in range(5)]
    assert statuses == [200, 500, 500, 200, 200]


def test_star_matches_everything_until_cleared(graph: Graph, sandbox: Sandbox) -> None:
    sandbox.fault("meta", "*", "http_500", times=0)
    assert graph.request("GET", ACCOUNT).status_code == 500
    assert graph.request("POST", f"{ACCOUNT}/campaigns", **CAMPAIGN).status_code == 500
    sandbox.admin("POST", "/faults", [])
    assert graph.request("GET", ACCOUNT).status_code == 200


@pytest.mark.parametrize("wrong", [{"kind": "explode"}, {"kind": "garbage", "when": 3}, "garbage"])
def test_wrong_fault_is_refused(sandbox: Sandbox, wrong: object) -> None:
    answer = sandbox.http.post(f"{sandbox.url}/admin/faults", json=[wrong])
    assert answer.status_code == 400


def test_latency_delays_one_platform(graph: Graph, sandbox: Sandbox) -> None:
    sandbox.admin("POST", "/latency", {"meta": HANG * 1000, "tiktok": NEVER * 1000})
    started = time.monotonic()
    graph.get(ACCOUNT)
    sandbox.state()
    assert time.monotonic() - started >= HANG


def test_call_log_names_calls_and_hides_tokens(graph: Graph, sandbox: Sandbox) -> None:
    graph.get(ACCOUNT)
    graph.refused("POST", f"{ACCOUNT}/campaigns", name="x")
    first, second = sandbox.calls("meta")

    assert (first["operation"], first["status"], first["outcome"]) == ("read_account", 200, "ok")
    assert (second["operation"], second["method"], second["outcome"]) == (
        "create_campaign",
        "POST",
        "refused",
    )
    assert second["path"] == f"/v26.0/{ACCOUNT}/campaigns"
    assert graph.token not in str(sandbox.calls("meta"))
    assert sandbox.calls("gemini") == []


def test_reset_brings_the_seeds_back(graph: Graph, sandbox: Sandbox, campaign_id: str) -> None:
    sandbox.fault("meta", "*", "http_500", times=0)
    sandbox.patch_account(currency="JPY")
    sandbox.admin("POST", "/reset", {"seed": 2})

    assert graph.get(ACCOUNT, fields="currency")["currency"] == "USD"
    assert graph.get(f"{ACCOUNT}/campaigns")["data"] == []
    assert sandbox.state()["seed"] == 2
    sandbox.admin("POST", "/reset", {"seed": 1})
