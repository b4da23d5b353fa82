"""Creations beside their critical path: the longest chain of calls of which each needs the one before.

The sandbox answers late, as platforms do; every call is recorded. `chain` is computed from those calls and
from what each cannot do without, so it is the least that any way of making them could take. `calls under way`
is the part of the wall in which at least one answer is waited for: the rest is our own work, and that of a
busy machine. `one by one` makes each object and each ad's text in a request of its own, in sequence.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks._chains import one_after_another, waits
from benchmarks._processes import cpu_seconds
from benchmarks._report import Report
from campaign_automation import CampaignAutomation
from campaign_automation.settings import get_settings
from local.cloud import Cloud, start
from tests.support.api import Api
from tests.support.aws import settle
from tests.support.builders import request_body
from tests.support.sandbox import Sandbox

LATENCY_MS = {"meta": 250, "tiktok": 300, "google": 400, "gemini": 1500, "web_platform": 50}
PLATFORMS = ("meta", "tiktok", "google")
ADSETS, CREATIVES = 3, 10
OBJECTS = {
    "create_campaign": 1,
    "create_adset": ADSETS,
    "create_creative": CREATIVES,
    "create_ad": ADSETS * CREATIVES,
    "generate_content": ADSETS * CREATIVES,
}
WARM, TIMES = 2, 3
CALLER = {"user_id": "user_123"}

Create = Callable[[dict[str, Any]], dict[str, Any]]


class Run(NamedTuple):
    """One creation: its seconds, those of all processes' CPU too, its requests and its tokens."""

    wall: float
    chain: float
    under_way: float
    cpu: float
    requests: int
    tokens: int
    sequential: float


def run() -> Report:
    """Medians of warm creations of 3 ad sets x 10 creatives, by the state machine and in process."""
    with tempfile.TemporaryDirectory() as folder, start(folder) as cloud:
        bench = _Bench(cloud)
        lines = [
            bench.line(where, platform, create)
            for where, opened in (("state machine", _over_http), ("in process", _in_process))
            for platform in PLATFORMS
            for create in [opened(bench, Path(folder))]
        ]
        bench.close()
    head = (
        f"{'':24} {'wall':>7} {'chain':>7} {'ratio':>6} {'under way':>14} {'CPU':>7} {'calls':>6}"
        f" {'tokens':>7} {'one by one':>11}"
    )
    load = f"the machine's load during the last minute: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    return Report("\n".join([head, *lines, load]), bench.figures)


class _Bench:
    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.figures: dict[str, float] = {}
        self._parts = ExitStack()
        self._sandbox = self._parts.enter_context(Sandbox(cloud.info["sandbox"]["admin"]))
        self.api = self._parts.enter_context(Api(cloud.info["api_url"], cloud.info["tokens"]["user_123"]))
        os.environ.update(cloud.info["environment"] | {"CLOCK_URL": "", "PLATFORM_CALL_LIMITS": ""})
        os.environ["ACCOUNT_DAILY_BUDGET_CAPS"] = "USD:100000000"
        get_settings.cache_clear()

    def close(self) -> None:
        self._parts.close()

    def line(self, where: str, platform: str, create: Create) -> str:
        """Return one row: medians, the ratio with them."""
        body = _body(platform)
        self._sandbox.late_by(**dict.fromkeys(LATENCY_MS, 0))
        for _ in range(WARM):
            create(body)
        self._sandbox.late_by(**LATENCY_MS)
        runs = [self._one(body, create) for _ in range(TIMES)]
        wall, chain, under_way = (_median(runs, name) for name in ("wall", "chain", "under_way"))
        names = {"wall": wall, "ratio": wall / chain, "under_way": under_way / chain}
        self.figures |= {f"{where}.{platform}.{name}": value for name, value in names.items()}
        return (
            f"{f'{where}, {platform}':24} {wall:6.2f}s {chain:6.2f}s {wall / chain:5.2f}x"
            f" {under_way:6.2f}s {under_way / chain:5.2f}x {_median(runs, 'cpu'):6.2f}s"
            f" {_median(runs, 'requests'):6.0f} {_median(runs, 'tokens'):7.0f}"
            f" {_median(runs, 'sequential'):10.1f}s"
        )

    def _one(self, body: dict[str, Any], create: Create) -> Run:
        before, tokens = len(self._sandbox.all_calls()), self._tokens()
        cpu, started = self._cpu(), time.perf_counter()
        create(body)
        wall, cpu = time.perf_counter() - started, self._cpu() - cpu
        settle(self.cloud)  # the Web Platform is told after the answer
        calls = self._sandbox.all_calls()[before:]
        found = waits(calls, LATENCY_MS)
        return Run(
            wall,
            found.chain,
            found.under_way,
            cpu,
            found.requests,
            self._tokens() - tokens,
            one_after_another(calls, OBJECTS, LATENCY_MS),
        )

    def _tokens(self) -> int:
        return int(self._sandbox.state("gemini")["tokens"])

    def _cpu(self) -> float:
        return cpu_seconds(self.cloud.process.pid) + time.process_time()


def _median(runs: list[Run], name: str) -> float:
    return float(statistics.median(getattr(run, name) for run in runs))


def _body(platform: str) -> dict[str, Any]:
    # Groups that every platform has, so that all make the same number of ad sets.
    ages = [[18, 24], [25, 34], [35, 44]]
    creatives = [str(number) for number in range(1, CREATIVES + 1)]
    return request_body(
        platform=platform, creative_ids=creatives, age_groups=ages, objective="traffic", daily_budget=300
    )


def _over_http(bench: _Bench, _: Path) -> Create:
    def create(body: dict[str, Any]) -> dict[str, Any]:
        answer = bench.api.create(body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    return create


def _in_process(bench: _Bench, folder: Path) -> Create:
    loop = asyncio.new_event_loop()
    module = CampaignAutomation(store=f"sqlite:///{folder / uuid.uuid4().hex}.db")

    def create(body: dict[str, Any]) -> dict[str, Any]:
        caller = {**CALLER, "idempotency_key": uuid.uuid4().hex}
        answer = loop.run_until_complete(module.execute("create_campaign", body, caller))
        assert answer["status"] == "success", answer
        return answer

    return create
