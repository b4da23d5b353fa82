"""The module on its embedded store, beside the same calls on the local cloud's DynamoDB."""

from __future__ import annotations

import asyncio
import itertools
import os
import tempfile
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks._report import Report
from benchmarks._timing import median_ms
from campaign_automation import CampaignAutomation
from campaign_automation.settings import get_settings
from campaign_automation.stores.engines.sqlite import SqliteTable
from campaign_automation.stores.table import Key, Put, Update
from campaign_automation.tasks import evaluate_rule
from campaign_automation.utils import clock
from local.cloud import Cloud, start

TIMES, OPENINGS, WRITERS, WRITES = 50, 20, 10, 50
BODY = {"objective": "sales", "daily_budget": 100, "creative_ids": ["1", "2"]}
# 25 countries x 4 age groups, one ad in each.
MANY_CELLS = {
    "daily_budget": 2000,
    "creative_ids": ["1"],
    "split_by": "country_age",
    "target_countries": "US CA GB DE FR ES IT NL BE AT CH SE NO DK FI IE PT PL CZ GR AU NZ JP SG ZA".split(),
    "age_groups": [[18, 24], [25, 34], [35, 49], [50, 65]],
}
CAMPAIGNS, TICKS, ADSETS = 10, 3, 1000
RULE = {
    "rule_name": "Costly",
    "condition": {"metric": "spend", "operator": "greater_than", "value": 1, "time_range": "7d"},
    "action": {"type": "pause_adset"},
    "applies_to": {"all": True},
    "mode": "observe",
    "confirm": True,
}
CALLER = {"user_id": "user_123"}
COUNTER = Key("counter", "x")


def run() -> Report:
    """Medians in milliseconds on Meta's sandbox, the embedded store beside DynamoDB; and the store alone."""
    with tempfile.TemporaryDirectory() as folder, start(folder) as cloud:
        os.environ.update(cloud.info["environment"] | {"CLOCK_URL": ""})
        get_settings.cache_clear()
        path = Path(folder) / "store.db"
        embedded = asyncio.run(_measure(cloud, f"sqlite:///{path}"))
        dynamodb = asyncio.run(_measure(cloud, None))
        rows = [
            f"{name:28} {own:8.1f} ms {dynamodb[name]:8.1f} ms {own / dynamodb[name]:6.2f} x"
            for name, own in embedded.items()
        ]
        opened = _opening(path)
        counted = asyncio.run(_writers(path))
    text = "\n".join(
        [
            f"{'':28} {'embedded':>11} {'DynamoDB':>11}",
            *rows,
            f"opening the store {opened:.1f} ms",
            f"{WRITERS} writers at once counted {counted} of {WRITERS * WRITES}",
        ]
    )
    figures = {f"{name}.embedded": ms for name, ms in embedded.items()}
    return Report(text, figures | {f"{name}.dynamodb": ms for name, ms in dynamodb.items()})


async def _measure(cloud: Cloud, store: str | None) -> dict[str, float]:
    module = CampaignAutomation(store=store)

    async def call(action: str, /, **parameters: Any) -> dict[str, Any]:
        answer = await module.execute(action, parameters, CALLER)
        assert answer["status"] == "success", answer
        return answer

    created = await call("create_campaign", **BODY)
    figures = {
        "status from the cache": await median_ms(
            lambda: call("get_campaign_status", campaign_id=created["campaign_id"]), TIMES
        ),
        "dry run of a creation": await median_ms(
            lambda: call("create_campaign", **BODY, dry_run=True), TIMES
        ),
        "list of rules": await median_ms(lambda: call("list_rules"), TIMES),
        "rule tick, 1,000 ad sets": await _tick_ms(module, call),
    }
    await module.aclose()
    return figures


async def _tick_ms(module: CampaignAutomation, call: Callable[..., Awaitable[dict[str, Any]]]) -> float:
    """Return the time of a tick of a rule on campaigns with 1,000 ad sets together, read from the sandbox."""
    for number in range(CAMPAIGNS):
        await call("create_campaign", **{**BODY, **MANY_CELLS, "name": f"Cells {number}"})
    rule = await call("create_rule", **RULE)
    ticks = itertools.count(1)

    async def tick() -> None:
        at = clock.now() + timedelta(hours=next(ticks))
        event = {"tenant": CALLER["user_id"], "rule_id": rule["rule_id"], "scheduled_time": clock.iso(at)}
        answer = await evaluate_rule(module._parts(), event)
        assert answer["outcome"] == "observed", answer["note"]
        assert answer["evaluated"] >= ADSETS, answer["evaluated"]

    return await median_ms(tick, TICKS)


def _opening(path: Path) -> float:
    async def opened() -> None:
        table = SqliteTable(path)
        await table.get(COUNTER)
        table.close()

    return asyncio.run(median_ms(opened, OPENINGS))


async def _writers(path: Path) -> int:
    """Return the number that writers at once, each with a connection of its own, count together."""
    await SqliteTable(path).write(Put({**COUNTER._asdict(), "count": 0}))

    async def count() -> None:
        table = SqliteTable(path)
        for _ in range(WRITES):
            await table.write(Update(COUNTER, add={"count": 1}))

    await asyncio.gather(*(count() for _ in range(WRITERS)))
    row = await SqliteTable(path).get(COUNTER)
    return 0 if row is None else int(row["count"])
