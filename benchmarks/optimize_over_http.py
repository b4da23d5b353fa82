"""optimize_budget through the API of the local cloud: a campaign of 3 ad sets that has run for nine days."""

from __future__ import annotations

import statistics
import tempfile
import time
from typing import Any

from benchmarks._report import Report
from local.cloud import Cloud, start
from tests.support.api import Api
from tests.support.builders import request_body
from tests.support.sandbox import Sandbox

TIMES = 7
# Targets that every ad set surpasses, so that each call has three budgets to raise.
RAISE = {"target_metric": "roas", "guard": False}


def run() -> Report:
    """Seconds on Meta's sandbox: the first call, with all functions cold, and medians of warm ones."""
    with tempfile.TemporaryDirectory() as folder, start(folder) as cloud:
        return _measure(cloud)


def _measure(cloud: Cloud) -> Report:
    with (
        Sandbox(cloud.info["sandbox"]["admin"]) as sandbox,
        Api(cloud.info["api_url"], cloud.info["tokens"]["user_123"]) as api,
    ):
        campaigns = [_running(api) for _ in range(TIMES)]
        sandbox.advance(advance_days=9)
        figures = {
            "dry run, cold": _seconds(api, campaigns[0], dry_run=True),
            "dry run": statistics.median(_seconds(api, item, dry_run=True) for item in campaigns),
            "carried out": statistics.median(_seconds(api, item) for item in campaigns),
        }
    rows = [f"{name:20} {seconds:6.2f} s" for name, seconds in figures.items()]
    text = "\n".join(["3 ad sets, three raises", *rows])
    return Report(
        text, {name.replace(",", "").replace(" ", "_"): seconds for name, seconds in figures.items()}
    )


def _running(api: Api) -> str:
    created = api.create(request_body(daily_budget=300, target_roas=0.1, activate=True))
    assert created.status_code == 201, created.text
    return str(created.json()["campaign_id"])


def _seconds(api: Api, campaign_id: str, **more: Any) -> float:
    started = time.perf_counter()
    answer = api.optimize(campaign_id, **RAISE, **more)
    seconds = time.perf_counter() - started
    assert answer.status_code == 200, answer.text
    assert {item["action"] for item in answer.json()["optimizations"]} == {"increase_budget"}, answer.text
    return seconds
