"""The module on platforms in memory: a case takes a hundredth of a second."""

from __future__ import annotations

from collections import Counter
from typing import Any

from campaign_automation import CampaignAutomation, Limits
from campaign_automation.stores.table import Table
from tests.chaos.aborts import stop_at_write
from tests.chaos.house import House, Json, Perform
from tests.chaos.live import LEVELS, Live
from tests.chaos.platform import FaultyWebPlatform, MemoryPlatform, World
from tests.chaos.virtual import pass_seconds

PLATFORMS = ("meta", "tiktok", "google")
CAP = 10_000


class MemoryHouse(House):
    """Against platforms in memory, on virtual time."""

    def __init__(self, platform: str, cap: int = CAP) -> None:
        self.world = World()
        self.platforms = {name: MemoryPlatform(name, self.world) for name in PLATFORMS}
        self.web_platform = FaultyWebPlatform(self.world)
        self._cap = cap
        super().__init__(platform)

    def make_module(self, table: Table) -> CampaignAutomation:
        return CampaignAutomation(
            mcp_client=self.web_platform,
            adapters=self.platforms,
            table=table,
            limits=Limits(account_daily_budget={"USD": self._cap}, step_percent=50, day_percent=50),
            declarations={"special_ad_categories": ["NONE"], "eu_political_advertising": False},
        )

    def fault(self, platform: str, operation: str, **description: Any) -> None:
        self.world.faults.add({"platform": platform, "operation": operation, **description})

    def end_faults(self) -> bool:
        met = [item["seen"] >= item["nth"] for item in self.world.faults.listing()]
        self.world.faults.clear()
        return all(met)

    def act_late(self) -> None:
        self.world.act_late()

    def calls(self) -> Counter[tuple[str, str]]:
        return Counter(self.world.calls)

    def live(self) -> list[Live]:
        return self.live_on(self.platform)

    def live_on(self, platform: str) -> list[Live]:
        on = self.platforms[platform]
        return [
            Live(item.level, item.platform_id, item.tag, item.status, item.daily_budget)
            for item in on.alive()
            if item.level in LEVELS.values() and on.is_alive(item.campaign_id)
        ]

    def records(self) -> list[Json]:
        return self.web_platform.records

    async def abort(self, perform: Perform, nth: int, then: str) -> tuple[Json, bool]:
        return await stop_at_write(self, perform, nth, then)

    async def advance(self, *, days: int = 0, hours: int = 0, minutes: int = 0) -> None:
        pass_seconds(60 * (minutes + 60 * (hours + 24 * days)))
