"""A second deployment of the real template: its code and its parameters reach the callers."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from campaign_automation.managers.shared.notices import REFUSALS
from local import cloud as local_cloud
from local.cloud import Cloud
from local.cloud.workers.worker import TIME_LIMITS
from tests.support.api import Api
from tests.support.aws import client, settle
from tests.support.builders import request_body
from tests.support.sandbox import UNKIND_SEED, Sandbox

ROOT = Path(__file__).parents[2]
RELEASE = "another release"


# A deployment of its own takes half a minute to start.
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what is deployed, to be changed."""
    folder = tmp_path_factory.mktemp("bundle")
    for name in ("functions", "layers", "statemachines"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "template.yaml", folder)
    return folder


@pytest.fixture(scope="module")
def own_cloud(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(TIME_LIMITS, "20")
        running = local_cloud.start(tmp_path_factory.mktemp("cloud"), template=bundle / "template.yaml")
    with running, Sandbox(running.info["sandbox"]["admin"]) as sandbox:
        sandbox.unkind(UNKIND_SEED)
        yield running


def test_new_code_and_the_kill_switch_reach_those_who_call(own_cloud: Cloud, bundle: Path) -> None:
    with Api(own_cloud.info["api_url"], own_cloud.info["tokens"]["user_123"]) as api:
        assert api.create(request_body(platform="google")).status_code == 201
        assert api.http.get("/v1/health").json()["version"] != RELEASE
        module = bundle / "layers" / "shared" / "campaign_automation" / "settings.py"
        begin = "def module_version() -> str:\n"
        module.write_text(module.read_text().replace(begin, f'{begin}    return "{RELEASE}"\n'))
        own_cloud.deploy(KillSwitch="true")
        assert api.http.get("/v1/health").json()["version"] == RELEASE
        refused = api.create(request_body(platform="google", name="Too late")).json()["error"]
    assert (refused["code"], refused["details"]["guard"]) == ("4005", "kill_switch")


def test_where_roles_come_from_a_claim_a_token_without_it_may_do_nothing(own_cloud: Cloud) -> None:
    own_cloud.deploy(JwtRolesClaim="roles")
    # Another token: the gateway keeps an authorizer's answer for five minutes.
    with Api(own_cloud.info["api_url"], own_cloud.token("user_456")) as api:
        for answer in (api.http.get("/v1/rules"), api.create(request_body())):
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "1004"), answer.text


def test_switches_caps_and_stops_are_for_operators(own_cloud: Cloud) -> None:
    own_cloud.deploy(JwtRolesClaim="roles", KillSwitch="false")
    url = own_cloud.info["api_url"]
    with (
        Api(url, own_cloud.token("user_123", roles=["buyer"])) as buyer,
        Api(url, own_cloud.token("operator_1", roles=["operator"])) as operator,
    ):
        switch = {"scope": "tenant", "tenant": "user_123", "is_on": True, "reason": "an incident"}
        cap = {"name": "USD", "daily_budget": 400, "reason": "a smaller week"}
        stop = {"scope": "tenant", "tenant": "user_123", "reason": "an incident"}
        release = {"campaign_id": "cmp_1", "reason": "it spends nothing"}
        for path, refused in (
            ("kill-switches", switch),
            ("account-caps", cap),
            ("commitment-releases", release),
            ("stops", stop),
        ):
            assert buyer.http.post(f"/v1/{path}", json=refused).status_code == 403
        assert buyer.http.get("/v1/limits").status_code == 403
        campaign_id = buyer.create(request_body(platform="google", name="Switched")).json()["campaign_id"]
        assert buyer.manage(campaign_id, "start").json()["new_status"] == "active"
        assert operator.http.post("/v1/kill-switches", json=switch).json()["is_on"] is True
        assert operator.http.post("/v1/account-caps", json=cap).json()["daily_budget"] == 400
        release |= {"campaign_id": campaign_id, "tenant": "user_123"}
        shown = operator.http.post("/v1/commitment-releases", json=release)
        assert (shown.status_code, shown.json()["error"]["code"]) == (409, "5004"), shown.text
        limits = operator.http.get("/v1/limits").json()
        assert [(item["scope"], item["is_on"]) for item in limits["switches"]] == [("tenant:user_123", True)]
        assert [(item["name"], item["daily_budget"]) for item in limits["caps"]] == [("USD", 400)]
        # A stop of spend passes the switch.
        stopped = operator.http.post("/v1/stops", json=stop).json()
        assert (stopped["paused"], stopped["failed"], stopped["left"]) == ([campaign_id], [], 0), stopped
        again = buyer.manage(campaign_id, "start").json()
        assert again["error"]["details"]["guard"] == "kill_switch", again
        operator.http.post("/v1/kill-switches", json={**switch, "is_on": False})
        trail = buyer.http.get(f"/v1/campaigns/{campaign_id}/audit").json()["records"]
        assert any("operator_1" in item["actor"] and item["after"] == {"status": "paused"} for item in trail)


def test_a_proposal_is_approved_by_another_person_of_the_tenant(own_cloud: Cloud) -> None:
    claims = {"JwtRolesClaim": "roles", "JwtTenantClaim": "tenant", "JwtWebPlatformUserClaim": "tenant"}
    own_cloud.deploy(**claims, KillSwitch="false", ApproveOwnProposals="false")
    url, tenant = own_cloud.info["api_url"], {"tenant": "user_123"}
    with (
        Api(url, own_cloud.token("ann", roles=["buyer", "approver"], **tenant)) as ann,
        Api(url, own_cloud.token("bob", roles=["approver"], **tenant)) as bob,
        Api(url, own_cloud.token("eve", roles=["approver"], tenant="user_456")) as eve,
    ):
        ann.http.headers["Prefer"] = "wait=20"  # a proposal waits for a person: nothing comes of asking again
        body = {**request_body(platform="meta", name="Asked"), "mode": "propose"}
        made = ann.http.post("/v1/campaigns", json=body)
        assert (made.status_code, made.json()["status"]) == (202, "accepted"), made.text
        asked = {"proposal_ids": [made.json()["proposal_id"]]}
        assert made.headers["Location"] == f"/v1/proposals/{made.json()['proposal_id']}"
        assert ann.http.post("/v1/proposal-approvals", json=asked).status_code == 403  # her own
        assert eve.http.post("/v1/proposal-approvals", json=asked).status_code == 404
        done = bob.http.post("/v1/proposal-approvals", json=asked)
        assert done.status_code == 200, done.text
        (view,) = done.json()["proposals"]
        assert (view["state"], view["decided_by"]) == ("verified", "user:bob"), view
        (campaign_id,) = view["campaign_ids"]
        ids = {item["id"]: item["platform_id"] for item in view["receipts"]}
        shown = ann.status(campaign_id).json()
        assert {item["adset_id"] for item in shown["adsets"]} <= set(ids)
        budget = {"daily_budget": 120, "mode": "propose"}
        made = ann.http.patch(f"/v1/campaigns/{campaign_id}", json=budget).json()
        asked = {"proposal_ids": [made["proposal_id"]]}
        (view,) = bob.http.post("/v1/proposal-approvals", json=asked).json()["proposals"]
        assert view["state"] == "verified", view
        assert all(item["platform_request_id"] for item in view["receipts"]), view
        assert sum(item["daily_budget"] for item in ann.status(campaign_id).json()["adsets"]) == 120


def test_messages_that_were_refused_are_for_operators(own_cloud: Cloud) -> None:
    own_cloud.deploy(JwtRolesClaim="roles", KillSwitch="false")
    url, admin = own_cloud.info["api_url"], own_cloud.info["sandbox"]["admin"]
    with (
        Api(url, own_cloud.token("user_123", roles=["buyer"])) as buyer,
        Api(url, own_cloud.token("user_789", roles=["operator"])) as operator,
        Sandbox(admin) as sandbox,
    ):
        sandbox.fault("web_platform", "create_campaign", "policy", times=0)
        campaign_id = buyer.create(request_body(platform="google", name="Refused")).json()["campaign_id"]
        assert buyer.http.get("/v1/quarantined-messages").status_code == 403
        for _ in range(REFUSALS):
            httpx.post(f"{url}/_local/schedules/OutboxFunctionEveryFiveMinutes/fire", timeout=600)
        held = operator.http.get("/v1/quarantined-messages").json()["messages"]
        assert {(item["tenant"], item["item_id"]) for item in held} == {("user_123", campaign_id)}
        sandbox.reset_faults()
        again = operator.http.post("/v1/quarantined-messages/resends", json={"item_ids": [campaign_id]})
        assert again.json()["item_ids"] == [campaign_id], again.text
        httpx.post(f"{url}/_local/schedules/OutboxFunctionEveryFiveMinutes/fire", timeout=600)
        assert operator.http.get("/v1/quarantined-messages").json()["messages"] == []
        record = list(sandbox.state("web_platform")["campaigns"].values())[-1]
        assert (record["targeting"]["campaign_id"], record["status"]) == (campaign_id, "paused")


def test_a_call_that_failed_is_kept_and_an_operator_has_it_made_again(own_cloud: Cloud) -> None:
    own_cloud.deploy(JwtRolesClaim="roles", KillSwitch="false")
    rule_id = f"rule_{uuid.uuid4().hex[:12]}"  # nobody's, so that its tick fails each time
    tick = {"tenant": "user_123", "rule_id": rule_id, "scheduled_time": "2026-11-28T06:00:00Z"}
    name = "campaign-automation-local-EvaluateRuleFunction"
    client(own_cloud, "lambda").invoke(
        FunctionName=f"{name}:live", InvocationType="Event", Payload=json.dumps(tick).encode()
    )
    settle(own_cloud)
    url = own_cloud.info["api_url"]
    with (
        Api(url, own_cloud.token("user_123", roles=["buyer"])) as buyer,
        Api(url, own_cloud.token("user_789", roles=["operator"])) as operator,
    ):
        assert buyer.http.get("/v1/dead-letters").status_code == 403

        def kept() -> dict[str, Any]:
            answer = operator.http.get("/v1/dead-letters", params={"limit": 100})
            assert answer.status_code == 200, answer.text
            (letter,) = [item for item in answer.json()["letters"] if item["item_id"] == rule_id]
            return dict(letter)

        first = kept()
        assert (first["function"], first["tenant"], first["error"][:13]) == (
            name,
            "user_123",
            "NotFoundError",
        )
        chosen, key = {"letter_ids": [first["letter_id"]]}, {"Idempotency-Key": uuid.uuid4().hex}
        for is_replayed in (False, True):
            answer = operator.http.post("/v1/dead-letters/redrives", json=chosen, headers=key).json()
            assert (answer["letter_ids"], answer["failed"]) == (chosen["letter_ids"], []), answer
            assert answer["replayed"] == is_replayed
        settle(own_cloud)
        # The function was called once more: of its second failure there is one letter, and the first is gone.
        assert kept()["letter_id"] != first["letter_id"]
