"""Automation rules through the real template: schedules that fire, one action a tick, what is told of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import httpx
import pytest

from local.cloud import Cloud
from tests.support.api import Api
from tests.support.builders import request_body
from tests.support.sandbox import Sandbox

GROUP = "rules"
# Every ad set that spends at all earns less than this.
STOP_LOSS: dict[str, Any] = {
    "rule_name": "stop-loss",
    "condition": {
        "all": [
            {"metric": "spend", "operator": "greater_than", "value": 1, "time_range": "3d"},
            {"metric": "roas", "operator": "less_than", "value": 1000, "time_range": "3d"},
        ]
    },
    "action": {"type": "pause_adset"},
    "schedule": "rate(15 minutes)",
}


class Rules:
    """The rules of one user; those made here are deleted at the end, so that no later clock fires them."""

    def __init__(self, api: Api, cloud: Cloud) -> None:
        self.http = api.http
        self.cloud = cloud
        self.made: set[str] = set()

    def create(self, campaigns: list[str] | str, **changes: Any) -> httpx.Response:
        key = {"Idempotency-Key": changes.pop("key")} if "key" in changes else {}
        scope = {"campaign_ids": campaigns} if isinstance(campaigns, list) else campaigns
        answer = self.http.post("/v1/rules", json={**STOP_LOSS, "applies_to": scope, **changes}, headers=key)
        return self._noted(answer)

    def _noted(self, answer: httpx.Response) -> httpx.Response:
        if answer.status_code == 201:
            self.made.add(answer.json()["rule_id"])
        return answer

    def from_template(self, template: str, campaigns: list[str], **body: Any) -> httpx.Response:
        body = {"applies_to": {"campaign_ids": campaigns}, **body}
        return self._noted(self.http.post(f"/v1/rule-templates/{template}/rules", json=body))

    def get(self, rule_id: str) -> dict[str, Any]:
        return dict(self.http.get(f"/v1/rules/{rule_id}").json())

    def state(self, rule_id: str, action: str, **body: Any) -> httpx.Response:
        return self.http.post(f"/v1/rules/{rule_id}/state", json={"action": action, **body})

    def delete(self, rule_id: str) -> httpx.Response:
        self.made.discard(rule_id)
        return self.http.delete(f"/v1/rules/{rule_id}")

    def fire(self, rule_id: str) -> dict[str, Any]:
        return self._local(f"schedules/{rule_id}/fire")

    def tick(self) -> list[dict[str, Any]]:
        return list(self._local("tick")["fired"])

    def reconcile(self) -> dict[str, Any]:
        return dict(self._local("schedules/ReconcileRulesFunctionEveryFifteenMinutes/fire")["answer"])

    def _local(self, verb: str) -> dict[str, Any]:
        answer = httpx.post(f"{self.cloud.info['api_url']}/_local/{verb}", json={}, timeout=120)
        return dict(answer.json())

    def metrics(self) -> dict[str, dict[str, float]]:
        url = f"{self.cloud.info['api_url']}/_local/metrics"
        return dict(httpx.get(url, timeout=30).json()["CampaignAutomation"])

    @property
    def scheduler(self) -> Any:
        return boto3.client(
            "scheduler",
            endpoint_url=self.cloud.info["aws_endpoint"],
            region_name="us-east-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",
        )

    def schedules(self) -> dict[str, dict[str, Any]]:
        return {item["Name"]: item for item in self.scheduler.list_schedules()["Schedules"]}


@pytest.fixture
def rules(api: Api, cloud: Cloud) -> Iterator[Rules]:
    client = Rules(api, cloud)
    yield client
    for rule_id in list(client.made):
        client.delete(rule_id)


def running(api: Api, sandbox: Sandbox, platform: str = "meta", days: int = 5, **changes: Any) -> dict[str, Any]:
    """A campaign that has been running for some days."""
    created = api.create(request_body(platform=platform, **changes)).json()
    assert api.manage(created["campaign_id"], "start").json()["status"] == "success"
    sandbox.advance(advance_days=days)
    return dict(created)


def statuses(api: Api, campaign_id: str) -> list[str]:
    return sorted(item["status"] for item in api.status(campaign_id).json()["adsets"])


@pytest.mark.parametrize("platform", ["meta", "tiktok", "google"])
def test_a_rule_acts_when_its_time_comes_and_tells_what_it_did(
    api: Api, sandbox: Sandbox, rules: Rules, platform: str
) -> None:
    campaign_id = running(api, sandbox, platform)["campaign_id"]
    rules.tick()
    answer = rules.create([campaign_id]).json()
    assert (answer["status"], answer["state"], answer["schedule"]) == ("success", "enabled", "rate(15 minutes)")
    assert answer["backtest"]["as_known_now"]["firings"], answer
    sandbox.advance(advance_hours=1)
    (fired,) = [item for item in rules.tick() if item["schedule"] == answer["rule_id"]]
    result = fired["answer"]
    assert (result["outcome"], result["evaluated"], result["acted"]) == ("done", 3, 3), json.dumps(result)
    assert statuses(api, campaign_id) == ["paused"] * 3
    record = api.audit(campaign_id)[-1]
    assert record["actor"] == f"rule:{answer['rule_id']}"
    assert "stop-loss" in record["reason"]
    assert "roas" in record["reason"]
    assert {figure["metric"] for figure in record["evidence"]["figures"]} == {"spend", "roas"}
    (notice,) = sandbox.state("web_platform")["notifications"]
    assert (notice["category"], notice["message"]) == ("ad_paused", result["notification"])
    shown = rules.get(answer["rule_id"])
    assert shown["runs"][0]["acted"] == 3
    assert shown["last_run"] == result["scheduled_time"]
