"""Creations whose execution was stopped, through the real template: pause works, the next tick ends them."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from local.cloud import Cloud
from tests.support.api import PATIENCE_SECONDS, Api
from tests.support.aws import client, reconcile_campaigns, state_machine
from tests.support.builders import request_body
from tests.support.processes import kill_workers
from tests.support.sandbox import Sandbox

BODY = request_body(activate=True)


@pytest.fixture(autouse=True)
def only_ours(sandbox: Sandbox) -> None:
    """Campaigns of other tests, which the reconciler visits too, have none of our ids."""
    sandbox.skip_ids()


@pytest.mark.parametrize(
    "is_paused",
    [
        pytest.param(True, id="paused by its caller"),
        pytest.param(False, id="left alone", marks=pytest.mark.slow),
    ],
)
def test_a_start_whose_execution_was_stopped_ends_paused_and_its_key_answers(
    api: Api, sandbox: Sandbox, cloud: Cloud, is_paused: bool
) -> None:
    # The last write is carried out and not answered: the campaign spends, and nobody knows.
    sandbox.fault("meta", "update_campaign", "timeout_after", hang_seconds=15)
    key = f"stopped {is_paused}"
    campaign_id = api.create(BODY, key, Prefer="respond-async").json()["campaign_id"]
    until(lambda: [item["status"] for item in sandbox.live("meta", "campaigns")] == ["ACTIVE"])
    client(cloud, "stepfunctions").stop_execution(executionArn=execution(cloud, campaign_id))
    assert api.create(BODY, key, Prefer="wait=0").status_code == 202
    if is_paused:
        paused = api.manage(campaign_id, "pause").json()
        assert (paused["status"], paused["new_status"]) == ("success", "paused"), paused
        assert [item["status"] for item in sandbox.live("meta", "campaigns")] == ["PAUSED"]
    else:
        sandbox.advance(advance_hours=1)
    reconcile_campaigns(cloud)
    answer = api.create(BODY, key, Prefer="wait=0")
    assert answer.status_code == 201, answer.text
    assert (answer.status_code, answer.json()["campaign_status"]) == (201, "paused"), answer.text
    assert [item["status"] for item in sandbox.live("meta", "campaigns")] == ["PAUSED"]
    (known,) = sandbox.state("web_platform")["campaigns"].values()
    assert known["status"] == "paused"


@pytest.mark.slow
def test_a_step_whose_worker_was_killed_runs_again_and_makes_nothing_twice(
    api: Api, sandbox: Sandbox, cloud: Cloud
) -> None:
    sandbox.fault("meta", "create_campaign", "timeout_after", hang_seconds=60)
    campaign_id = api.create(request_body(), Prefer="respond-async").json()["campaign_id"]
    until(lambda: bool(sandbox.live("meta", "campaigns")))
    assert kill_workers(cloud.info["pid"], "MetaStepFunction")
    assert api.wait_until(campaign_id, "paused")["campaign"]["status"] == "paused"
    assert sandbox.left_behind("meta") == {"campaigns": 1, "adsets": 3, "creatives": 2, "ads": 6}


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def execution(cloud: Cloud, campaign_id: str) -> str:
    machine = state_machine(client(cloud, "stepfunctions"), "CreateCampaignStateMachine")
    return f"{machine.replace(':stateMachine:', ':execution:')}:{campaign_id}"
