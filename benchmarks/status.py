"""get_campaign_status inside the handler: from the cache, and live beside one round trip to the platform."""

from __future__ import annotations

import asyncio
import os
import tempfile

from benchmarks._report import Report
from benchmarks._timing import median_ms
from campaign_automation.adapters.base import read_figures
from campaign_automation.capability import run_action
from campaign_automation.settings import get_settings
from campaign_automation.utils import clock
from campaign_automation.wiring import Wiring
from local.cloud import Cloud, start

CACHED, LIVE = 200, 20
BODY = {"objective": "sales", "daily_budget": 100, "creative_ids": ["1", "2"]}
CALLER = {"user_id": "user_123"}


def run() -> Report:
    """Medians in milliseconds for a campaign of 3 ad sets and 6 ads on Meta's sandbox."""
    with tempfile.TemporaryDirectory() as folder, start(folder) as cloud:
        return asyncio.run(_measure(cloud))


async def _measure(cloud: Cloud) -> Report:
    os.environ.update(cloud.info["environment"] | {"CLOCK_URL": ""})
    get_settings.cache_clear()
    wiring = Wiring()
    created = await run_action(wiring, "create_campaign", BODY, CALLER)
    asked = {"campaign_id": created["campaign_id"]}

    async def status() -> None:
        answer = await run_action(wiring, "get_campaign_status", asked, CALLER)
        assert answer["status"] == "success", answer

    async def live() -> None:
        # A kept null is a miss.
        await wiring.cache.set("user_123", f"status:{created['campaign_id']}", 60, None)
        await status()

    access = await wiring.accounts.access("user_123", "meta", "1001")
    adapter = wiring.adapters["meta"]

    async def round_trip() -> None:
        await read_figures(adapter, access, created["platform_campaign_id"], clock.now().date(), "sales")

    figures = {
        "from the cache": await median_ms(status, CACHED),
        "live": await median_ms(live, LIVE),
        "the three reports alone, in parallel": await median_ms(round_trip, LIVE),
    }
    await wiring.aclose()
    cached = figures["from the cache"]
    rows = [f"{name:40} {ms:8.1f} ms {ms / cached:8.1f} x" for name, ms in figures.items()]
    text = "\n".join(["get_campaign_status, median inside the handler", *rows])
    return Report(text, figures)
