"""The module on its embedded store, beside the same calls on the local cloud's DynamoDB."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path
from typing import Any

from benchmarks._timing import median_ms
from campaign_automation import CampaignAutomation
from campaign_automation.settings import get_settings
from campaign_automation.stores.engines.sqlite import SqliteTable
from campaign_automation.stores.table import Key, Put, Update
from local.cloud import Cloud, start

TIMES, OPENINGS, WRITERS, WRITES = 50, 20, 10, 50
BODY = {"objective": "sales", "daily_budget": 100, "creative_ids": ["1", "2"]}
CALLER = {"user_id": "user_123"}
COUNTER = Key("counter", "x")


def run() -> str:
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
    return "\n".join(
        [
            f"{'':28} {'embedded':>11} {'DynamoDB':>11}",
            *rows,
            f"opening the store {opened:.1f} ms",
            f"{WRITERS} writers at once counted {counted} of {WRITERS * WRITES}",
        ]
    )


async def _measure(cloud: Cloud, store: str | None) -> dict[str, float]:
    module = CampaignAutomation(store=store)

    async def call(action: str, **parameters: Any) -> dict[str, Any]:
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
    }
    await module.aclose()
    return figures


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
