"""The time that each action takes beside waiting for others: platforms, models and the Web Platform.

The module runs in this process, warm, on its embedded store and on the local cloud's DynamoDB, which counts
as its own. Requests are subtracted from the first that is under way to the last.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable, Sequence
from math import ceil
from pathlib import Path
from typing import Any

from benchmarks._report import Report
from benchmarks._waiting import Waiting, watched
from campaign_automation import CampaignAutomation
from campaign_automation.settings import get_settings
from local.cloud import start
from tests.support.sandbox import Sandbox

WARM, TIMES = 3, 50
ACCOUNT = "act_100000000000001"
CALLER = {"user_id": "user_123"}
BODY = {"objective": "sales", "daily_budget": 100, "creative_ids": ["1", "2"]}
RULE = {
    "rule_name": "Costly",
    "condition": {"metric": "spend", "operator": "greater_than", "value": 1, "time_range": "7d"},
    "action": {"type": "pause_adset"},
    "applies_to": {"all": True},
    "confirm": True,
}

Call = Callable[[], Awaitable[None]]


def run() -> Report:
    """Milliseconds by action on Meta's sandbox: the median and the 99th percentile of fifty calls."""
    with tempfile.TemporaryDirectory() as folder, start(folder) as cloud:
        os.environ.update(cloud.info["environment"] | {"CLOCK_URL": ""})
        os.environ["ACCOUNT_DAILY_BUDGET_CAPS"] = "USD:100000000"
        get_settings.cache_clear()
        with Sandbox(cloud.info["sandbox"]["admin"]) as sandbox:
            sandbox.patch_account("meta", ACCOUNT, rate_limit_calls=100_000)  # thousands of calls an hour
        stores = {"embedded": f"sqlite:///{Path(folder) / 'store.db'}", "dynamodb": None}
        found = {name: asyncio.run(_measure(store)) for name, store in stores.items()}
    lines = [f"{'':32} {'embedded p50':>13} {'p99':>8} {'DynamoDB p50':>13} {'p99':>8}"]
    figures: dict[str, float] = {}
    for action in found["embedded"]:
        cells = []
        for store, times in found.items():
            for name, share in (("p50", 50), ("p99", 99)):
                figures[f"{action}.{store}.{name}"] = value = percentile(times[action], share)
                cells.append(value)
        lines.append(f"{action:32} {cells[0]:10.1f} ms {cells[1]:8.1f} {cells[2]:10.1f} ms {cells[3]:8.1f}")
    return Report("\n".join(lines), figures)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that `share` percent of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, ceil(len(ordered) * share / 100) - 1)]


async def _measure(store: str | None) -> dict[str, list[float]]:
    module = CampaignAutomation(store=store)
    with watched() as waiting:
        actions = await _Actions(module).all()
        found = {name: [ms async for ms in _times(call, waiting)] for name, call in actions}
    await module.aclose()
    return found


async def _times(call: Call, waiting: Waiting) -> Any:
    for turn in range(WARM + TIMES):
        before, started = waiting.seconds, time.perf_counter()
        await call()
        seconds = time.perf_counter() - started - (waiting.seconds - before)
        if turn >= WARM:
            yield seconds * 1000


class _Actions:
    """The calls that are measured, on one campaign of 3 ad sets and 6 ads."""

    def __init__(self, module: CampaignAutomation) -> None:
        self._module = module

    async def all(self) -> Iterable[tuple[str, Call]]:
        campaign = str((await self._ask("create_campaign", **BODY, activate=True))["campaign_id"])
        await self._ask("create_rule", **RULE)
        turns = itertools.cycle(("pause", "start"))

        async def status() -> None:
            await self._ask("get_campaign_status", campaign_id=campaign)

        async def live() -> None:
            # A kept null is a miss.
            await self._module._parts().cache.set("user_123", f"status:{campaign}", 60, None)
            await status()

        async def change() -> None:
            await self._ask("manage_campaign", campaign_id=campaign, action=next(turns))

        def plain(action: str, /, **parameters: Any) -> Call:
            async def call() -> None:
                await self._ask(action, **parameters)

            return call

        return [
            ("status from the cache", status),
            ("status, live", live),
            ("list_campaigns", plain("list_campaigns")),
            ("list_rules", plain("list_rules")),
            ("get_audit", plain("get_audit", campaign_id=campaign)),
            ("pause and start", change),
            ("optimize_budget, dry run", plain("optimize_budget", campaign_id=campaign, dry_run=True)),
            ("create_rule", plain("create_rule", **RULE)),
            ("create_campaign, dry run", plain("create_campaign", **BODY, dry_run=True)),
            ("create_campaign", plain("create_campaign", **BODY)),
        ]

    async def _ask(self, action: str, /, **parameters: Any) -> dict[str, Any]:
        caller = {**CALLER, "idempotency_key": uuid.uuid4().hex}
        answer = await self._module.execute(action, parameters, caller)
        assert answer["status"] in ("success", "partial"), answer
        return answer
