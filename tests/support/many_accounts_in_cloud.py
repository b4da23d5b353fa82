"""A rule over many ad accounts of one user in a local cloud, whose runs go through the state machine."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import httpx

from local.cloud import Cloud
from tests.support.api import PATIENCE_SECONDS, Api
from tests.support.aws import settle, state_machine
from tests.support.sandbox import Sandbox

USER = "user_123"
RULE = {
    "rule_name": "Costly",
    "action": {"type": "pause_adset"},
    "schedule": "rate(15 minutes)",
    "applies_to": {"all": True},
    "max_affected": {"share": 1},
    "confirm": True,
}


class ManyAccountsInCloud:
    def __init__(self, cloud: Cloud, api: Api, sandbox: Sandbox) -> None:
        self.cloud = cloud
        self.api = api
        self.sandbox = sandbox

    def fill(self, accounts: int, campaigns: int) -> None:
        """Make accounts on Meta with campaigns made elsewhere, and take these in."""
        for place in range(accounts):
            name = f"act_9{place:014d}"
            self.sandbox.patch_account("meta", name, user_id=int(USER.removeprefix("user_")))
            self.sandbox.elsewhere("meta", name, campaigns, seed=place + 1)
        told = self.sandbox.state("web_platform")["ad_accounts"]
        numbers = [item["number"] for item in told if item["platform_account_id"].startswith("act_9")]
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(self._take_in, numbers))

    def _take_in(self, number: int) -> None:
        body = {"all": True, "ad_account_id": str(number)}
        answer = self.api.http.post("/v1/campaign-imports", json=body)
        assert answer.status_code == httpx.codes.OK, answer.text

    def rule(self, **changes: Any) -> str:
        answer = self.api.http.post("/v1/rules", json={**RULE, **changes})
        assert answer.status_code == httpx.codes.CREATED, answer.text
        return str(answer.json()["rule_id"])

    def run(self, rule_id: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Fire the rule's schedule; return the first answer, and the run that is stored."""
        url = f"{self.cloud.info['api_url']}/_local/schedules/{rule_id}/fire"
        answer = httpx.post(url, json={}, timeout=PATIENCE_SECONDS, verify=False).json()["answer"]
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            if runs := self.api.http.get(f"/v1/rules/{rule_id}").json()["runs"]:
                settle(self.cloud)
                return answer, runs[0]
            time.sleep(0.05)
        raise TimeoutError(rule_id)

    def executions(self, client: Any) -> list[dict[str, Any]]:
        """The executions of the machine, with their seconds."""
        arn = state_machine(client, "-evaluate-rule")
        return [
            {"status": item["status"], "seconds": _seconds(item["startDate"], item["stopDate"])}
            for item in client.list_executions(stateMachineArn=arn)["executions"]
        ]


def _seconds(start: datetime, stop: datetime) -> float:
    return (stop - start).total_seconds()
