"""The Web Platform down, slow, answering nonsense or nothing: it learns everything once, in order."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from local.cloud import Cloud
from tests.support.api import Api
from tests.support.aws import settle
from tests.support.builders import request_body
from tests.support.cuts import cut
from tests.support.sandbox import Sandbox

WRITES = ("create_campaign", "update_campaign", "delete_campaign")
KINDS = ("http_500", "drop_connection", "drop_after", "garbage")


def sweep(cloud: Cloud) -> dict[str, Any]:
    """Do as the schedule does every five minutes; nothing else sends meanwhile."""
    settle(cloud)
    schedule = f"{cloud.info['api_url']}/_local/schedules/OutboxFunctionEveryFiveMinutes/fire"
    answer = httpx.post(schedule, timeout=600).json()
    assert not answer["failed"], answer
    return dict(answer["answer"])


@pytest.fixture
def waiting_before(cloud: Cloud, sandbox: Sandbox) -> int:
    """Messages of earlier tests that nobody can take any more, and that are quarantined sooner or later; the
    Web Platform is as seeded afterwards."""
    left = int(sweep(cloud)["after"])
    sandbox.reset()
    return left


@pytest.mark.parametrize("platform", cut(["meta", "tiktok", "google"]))
def test_whatever_went_wrong_it_knows_everything_once_and_in_order(
    api: Api, sandbox: Sandbox, cloud: Cloud, waiting_before: int, platform: str
) -> None:
    campaigns = {}
    for kind in KINDS:
        for tool in WRITES:
            sandbox.fault("web_platform", tool, kind, times=0)
        created = api.create(request_body(platform=platform, name=f"Web Platform {kind}")).json()
        campaigns[kind] = created["campaign_id"]
        for action in ("start", "pause"):
            assert api.manage(created["campaign_id"], action).json()["status"] == "success"
        sandbox.reset_faults()
    sandbox.advance(advance_hours=1)  # an unanswered create may be carried out for a while
    assert sweep(cloud)["after"] <= waiting_before
    known = sandbox.state("web_platform")["campaigns"].values()
    told = {item["targeting"]["campaign_id"]: item["status"] for item in known}
    assert len(told) == len(known) == len(KINDS)
    assert told == dict.fromkeys(campaigns.values(), "paused")


@pytest.mark.slow
def test_nobody_waits_for_a_web_platform_that_hangs_and_it_learns_everything_later(
    api: Api, sandbox: Sandbox, cloud: Cloud, waiting_before: int
) -> None:
    # Its list is read before a record is made, and read again after each time-out: longer than callers wait.
    for tool in ("get_campaigns", "update_campaign"):
        sandbox.fault("web_platform", tool, "timeout_before", hang_seconds=15, times=0)
    created = api.create(request_body(activate=True))
    assert (created.status_code, created.json()["campaign_status"]) == (201, "active"), created.text
    paused = api.manage(created.json()["campaign_id"], "pause")
    assert (paused.status_code, paused.json()["status"]) == (200, "success"), paused.text
    sandbox.reset_faults()
    assert sweep(cloud)["after"] <= waiting_before
    (known,) = sandbox.state("web_platform")["campaigns"].values()
    assert known["status"] == "paused"


@pytest.mark.slow
def test_depth_and_age_are_told(api: Api, sandbox: Sandbox, cloud: Cloud, waiting_before: int) -> None:
    sandbox.fault("web_platform", "create_campaign", "http_500", times=0)
    api.create(request_body())
    sandbox.advance(advance_hours=2)
    answer = sweep(cloud)
    assert answer["before"] == waiting_before + 2
    assert answer["after"] >= 2
    metrics = httpx.get(f"{cloud.info['api_url']}/_local/metrics", timeout=600).json()["CampaignAutomation"]
    assert sum(metrics["outbox_age_seconds"].values()) >= 7200
    assert sum(metrics["outbox_depth"].values()) >= 1
    sandbox.reset_faults()
    sandbox.advance(advance_hours=1)
    assert sweep(cloud)["after"] <= waiting_before
