"""A rule's run over fifty ad accounts through its state machine in the local cloud, beside one function.

Each account has four campaigns made elsewhere, and the platform answers each request after 250 ms. Two groups
of accounts are looked at a time. The condition holds nowhere: the reading is measured.
"""

from __future__ import annotations

import tempfile
import time
from typing import Any

from benchmarks._processes import cpu_seconds
from benchmarks._report import Report
from campaign_automation.managers.rules.evaluation import FANNED_OUT
from local.cloud import Cloud, start
from tests.support.api import Api
from tests.support.aws import client
from tests.support.many_accounts_in_cloud import USER, ManyAccountsInCloud
from tests.support.sandbox import Sandbox

ALONE = True  # a cloud of its own, and minutes to fill it
ACCOUNTS, CAMPAIGNS, AT_ONCE = 50, 4, 2
LATENCY_MS = 250
CONDITION = {"metric": "spend", "operator": "greater_than", "value": 1_000_000_000, "time_range": "7d"}


def run() -> Report:
    parameters = {"RuleAccountsOfOneFunction": str(ACCOUNTS - 1), "RuleFunctionsAtOnce": str(AT_ONCE)}
    with (
        tempfile.TemporaryDirectory() as folder,
        start(folder, parameters=parameters) as cloud,
        Api(cloud.info["api_url"], cloud.info["tokens"][USER]) as api,
        Sandbox(cloud.info["sandbox"]["admin"]) as sandbox,
    ):
        house = ManyAccountsInCloud(cloud, api, sandbox)
        house.fill(ACCOUNTS, CAMPAIGNS)
        sandbox.late_by(meta=LATENCY_MS)
        spread = _measure(cloud, house)
        executions = house.executions(client(cloud, "stepfunctions"))
        cloud.deploy(RuleAccountsOfOneFunction=str(ACCOUNTS))
        whole = _measure(cloud, house)
    assert spread["note"] == FANNED_OUT
    assert whole["note"] != FANNED_OUT
    assert spread["evaluated"] == whole["evaluated"]
    lines = [
        f"{name:14} {found['seconds']:6.1f}s {found['cpu']:6.1f}s of CPU, {found['evaluated']} ad sets"
        for name, found in (("state machine", spread), ("one function", whole))
    ]
    lines.append(f"of {ACCOUNTS} accounts; executions: {executions}")
    return Report("\n".join(lines), {"seconds": spread["seconds"], "cpu_seconds": spread["cpu"]})


def _measure(cloud: Cloud, house: ManyAccountsInCloud) -> dict[str, Any]:
    rule_id = house.rule(condition=CONDITION, mode="observe")
    busy, began = cpu_seconds(cloud.process.pid), time.monotonic()
    answer, run = house.run(rule_id)
    seconds = time.monotonic() - began
    return {
        "seconds": seconds,
        "cpu": cpu_seconds(cloud.process.pid) - busy,
        "note": answer["note"],
        "evaluated": run["evaluated"],
    }
