"""The calls that the reference shows, and a client that is generated from it, against the local cloud."""

from __future__ import annotations

import importlib
import itertools
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from campaign_automation.actions import ACTIONS
from campaign_automation.actions.action import Action
from campaign_automation.api.reference.words import examples
from local import cloud as local_cloud
from local.cloud import Cloud
from local.docs import OPENAPI
from local.reference import samples
from tests.support.api import PATIENCE_SECONDS, Api
from tests.support.builders import request_body
from tests.support.sandbox import Sandbox

# A deployment of its own, with roles, and a process for each call.
pytestmark = pytest.mark.slow
ROLES = ["viewer", "buyer", "approver", "operator"]
# The ids of the examples, each with the kind of thing that it names.
_ID = re.compile(r"\b(cmp|abt|rule|run|req|prop|ca)[_-][0-9a-z]{10,}\b")
# Only what its platform does not show any more gives its share of a cap back.
REFUSED = {"release_commitment"}
META_ACCOUNT = "act_100000000000001"
_NUMBERS = itertools.count()
_STATUS = re.compile(r"^\d{3}(?= )|\d{3}$")
Json = dict[str, Any]


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    folder = tmp_path_factory.mktemp("cloud")
    with local_cloud.start(folder, parameters={"JwtRolesClaim": "roles"}) as running:
        with Sandbox(running.info["sandbox"]["admin"]) as sandbox:
            sandbox.reset()
            sandbox.elsewhere("meta", META_ACCOUNT, 1)
        yield running


@pytest.fixture
def api(deployed: Cloud) -> Iterator[Api]:
    with Api(deployed.info["api_url"], deployed.token("user_123", roles=ROLES)) as client:
        yield client


@pytest.mark.parametrize("language", ["curl", "python"])
def test_each_call_of_the_reference_is_answered(deployed: Cloud, api: Api, language: str) -> None:
    environment = {
        **os.environ,
        "URL": deployed.info["api_url"],
        "TOKEN": deployed.token("user_123", roles=ROLES),
    }
    known = _things_that_exist(api)
    refused = {}
    for name, example in examples().items():
        # A proposal is decided once, and of what the platform shows then.
        if name in ("approve_proposal", "reject_proposal"):
            known["prop"] = _proposal(api, known["cmp"])
        asked = json.loads(_with(known, json.dumps(example)))
        if name == "release_campaign":
            asked["campaign_id"] = known["imported"]
        status, text = _run(language, ACTIONS[name], asked, environment)
        if status not in ACTIONS[name].answers and name not in REFUSED:
            refused[name] = (status, text)
        elif name == "set_kill_switch":
            api.http.post(ACTIONS[name].path, json={**asked, "is_on": False}).raise_for_status()
    assert refused == {}, json.dumps(refused, indent=1)


def _things_that_exist(api: Api) -> dict[str, str]:
    """Return an id of each kind that the examples name."""
    made = api.create(request_body(daily_budget=100)).json()
    campaign_id = made["campaign_id"]
    test = api.http.post("/v1/ab-tests", json=examples()["create_ab_test"]).json()
    rule = api.http.post("/v1/rules", json=examples()["create_rule"]).json()
    raised = api.http.patch(f"/v1/campaigns/{campaign_id}", json={"daily_budget": 110}).json()
    # One of them may be ours since the calls in another language.
    api.http.post("/v1/campaign-imports", json={"platform": "meta", "all": True}).raise_for_status()
    listed = api.http.get("/v1/campaigns", params={"limit": 100}).json()["campaigns"]
    imported = next(item for item in listed if item["origin"] == "imported")
    audit = api.audit(campaign_id)
    return {
        "cmp": campaign_id,
        "imported": imported["campaign_id"],
        "ca": made["ads"][0]["ad_id"],
        "abt": test["test_id"],
        "rule": rule["rule_id"],
        "run": raised["run_id"],
        "req": audit[-1]["request_id"],
        "prop": _proposal(api, campaign_id),
    }


def _proposal(api: Api, campaign_id: str) -> str:
    # Another target each time: where nothing would change there is no proposal.
    asked = {"target_roas": 4 + next(_NUMBERS), "mode": "propose"}
    made = api.http.patch(f"/v1/campaigns/{campaign_id}", json=asked, headers={"Prefer": "wait=20"})
    proposal_id: str = made.json()["proposal_id"]
    return proposal_id


def _with(known: dict[str, str], example: str) -> str:
    return _ID.sub(lambda found: known[found[1]], example)


def _run(language: str, action: Action, asked: Json, environment: dict[str, str]) -> tuple[int, str]:
    """Return the HTTP status and the answer of the sample as it is run by a shell or by Python."""
    if language == "curl":
        command = ["sh", "-c", samples.curl(action, asked) + " -w '\n%{http_code}'"]
    else:
        command = [sys.executable, "-c", samples.python(action, asked)]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )
    status = _STATUS.search(done.stdout.strip())
    return int(status[0]) if status else 0, done.stdout + done.stderr


def test_a_generated_client_creates_reads_and_pauses_a_campaign_and_makes_a_rule(
    deployed: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = Path(sys.executable).parent
    path = f"{tools}{os.pathsep}{os.environ['PATH']}"
    target = ("--output-path", tmp_path / "generated_client", "--meta", "none", "--fail-on-warning")
    subprocess.run(
        [tools / "openapi-python-client", "generate", "--path", OPENAPI, *target],
        env={**os.environ, "PATH": path},
        check=True,
        capture_output=True,
    )
    monkeypatch.syspath_prepend(tmp_path)
    generated = importlib.import_module("generated_client")
    token = deployed.token("user_123", roles=ROLES)
    with generated.AuthenticatedClient(
        base_url=deployed.info["api_url"], token=token, timeout=PATIENCE_SECONDS
    ) as client:

        def call(name: str, *path: str, body: Json | None = None) -> Any:
            subject = ACTIONS[name].perform.__module__.rpartition(".")[2]
            module = importlib.import_module(f"generated_client.api.{subject}.{name}")
            given = {}
            if body is not None:
                request = ACTIONS[name].request.__name__
                given["body"] = getattr(generated.models, request).from_dict(body)
            return module.sync(*path, client=client, **given)

        made = call("create_campaign", body={**request_body(name="By a generated client")})
        assert isinstance(made, generated.models.CampaignCreated)
        shown = call("get_campaign_status", made.campaign_id)
        assert shown.campaign.campaign_id == made.campaign_id
        paused = call("manage_campaign", made.campaign_id, body={"action": "pause"})
        assert paused.new_status == "paused"
        rule = call("create_rule", body={**examples()["create_rule"], "rule_name": "by a client"})
        assert isinstance(rule, generated.models.RuleCreated)
        assert rule.rule.rule_name == "by a client"
