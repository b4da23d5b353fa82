"""One tenant with running campaigns on platforms in memory, for what is decided on their budgets."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from campaign_automation.adapters.base import DailyInsight
from campaign_automation.capability import run_action
from campaign_automation.managers.changes.guards import Limits
from campaign_automation.models.budgets import BudgetOptimized, OptimizeBudget
from campaign_automation.models.campaign import Creation
from campaign_automation.models.common import Context, Level
from campaign_automation.settings import Settings
from campaign_automation.utils import clock
from campaign_automation.utils.validation import parse
from campaign_automation.wiring import Wiring
from tests.support.builders import request_body
from tests.support.fake_adapter import FakeAdapter
from tests.support.memory_table import MemoryTable
from tests.support.parts import gate_with
from tests.support.web_platform import MemoryWebPlatform

PLATFORMS = ("meta", "tiktok", "google")
CALLER = Context(user_id="u")
LIMITS = Limits(Decimal(50), Decimal(50), {"USD": Decimal(10_000), "EUR": Decimal(10_000)}, False)


class WebPlatform(MemoryWebPlatform):
    """With first-party reports, where `revenue` names any: by platform id and day."""

    def __init__(self) -> None:
        super().__init__()
        self.revenue: dict[str, dict[date, Any]] | None = None

    def _read(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if name != "get_reports":
            return super()._read(name, arguments)
        assert self.revenue is not None, "there is no such tool"
        days = self.revenue.get(arguments["entity_id"], {})
        return {
            "metrics": [{"timestamp": f"{day}T00:00:00Z", "revenue": value} for day, value in days.items()]
        }


class House:
    """One tenant with running campaigns, nine days old, on platforms in memory."""

    def __init__(self, table: MemoryTable | None = None, settings: Settings | None = None) -> None:
        self.adapters = {platform: FakeAdapter(platform) for platform in PLATFORMS}
        self.web_platform = WebPlatform()
        table = table or MemoryTable()
        self.wiring = Wiring(settings, mcp_client=self.web_platform, adapters=self.adapters, table=table)
        self.limit(LIMITS)
        self.creations: dict[str, Creation] = {}

    def limit(self, limits: Limits) -> None:
        wiring = self.wiring
        wiring.__dict__["gate"] = gate_with(wiring, limits)
        wiring.__dict__.pop("budgets", None)

    def start(self, platform: str, **changes: Any) -> Creation:
        """A campaign of 300 a day over three ad sets, running since nine days ago."""
        self.adapters[platform].forget()
        usual = {"daily_budget": 300, "platform": platform, "target_cpa": 10, "target_roas": 2}
        body = request_body(**(usual | changes))
        answer = asyncio.run(run_action(self.wiring, "create_campaign", body, {"user_id": "u"}))
        assert answer["status"] == "success", answer
        creation = self.load(answer["campaign_id"])
        adapter = self.adapters[platform]
        for entry in creation.objects.values():
            changes = {"status": "active"}
            if platform == "google" and entry.level is not Level.AD:
                changes["daily_budget"] = Decimal(300) if entry.level is Level.CAMPAIGN else None  # type: ignore[assignment]
            adapter.change(entry.platform_id or "", **changes)
        self.creations[platform] = creation
        return creation

    def load(self, campaign_id: str) -> Creation:
        creation = asyncio.run(self.wiring.store.load("u", campaign_id))
        assert creation is not None
        return creation

    @property
    def today(self) -> date:
        return clock.now().astimezone(ZoneInfo("America/New_York")).date()

    def units(self, platform: str) -> list[str]:
        """Platform ids of what has a budget."""
        creation = self.creations[platform]
        level = Level.CAMPAIGN if platform == "google" else Level.ADSET
        return [entry.platform_id or "" for entry in creation.objects.values() if entry.level is level]

    def deliver(self, platform: str, unit: str, days: int = 7, **numbers: Any) -> None:
        """The last `days` full days of a unit, all alike, 100 spent a day unless told."""
        creation = self.creations[platform]
        assert creation.plan is not None
        campaign = creation.objects[creation.plan.tag].platform_id or ""
        adapter = self.adapters[platform]
        adapter.daily = [row for row in adapter.daily if row.entity_id != unit]
        for age in range(1, days + 1):
            values = {"spend": 100, "impressions": 1000, "clicks": 50, "conversions": 10, "revenue": 300}
            row = {
                "entity_id": unit,
                "campaign_id": campaign,
                "adset_id": None if platform == "google" else unit,
                "day": self.today - timedelta(days=age),
            }
            adapter.daily.append(DailyInsight.model_validate(row | values | numbers))

    def optimize(self, platform: str = "meta", **body: Any) -> BudgetOptimized:
        """By the written rules, with freed money left, unless something else is asked for."""
        asked = {
            "campaign_id": self.creations[platform].campaign_id,
            "optimization_strategy": "rules",
            "freed_money": "leave",
            **body,
        }
        request = parse(OptimizeBudget, asked)
        return asyncio.run(self.wiring.budgets.optimize(request, CALLER))

    def budget(self, unit: str, platform: str = "meta") -> Decimal:
        return Decimal(self.adapters[platform].node(unit).daily_budget)


def pass_days(days: int) -> None:
    clock._offset += timedelta(days=days)


def shifting(house: House) -> tuple[str, str, list[str]]:
    """An ad set that an allocation lowers, one that it raises, and all three."""
    poor, middle, rich = units = house.units("meta")
    for unit, count in ((poor, 4), (middle, 20), (rich, 60)):
        house.deliver("meta", unit, 9, conversions=count, revenue=count * 30)
    return poor, rich, units
