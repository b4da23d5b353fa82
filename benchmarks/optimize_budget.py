"""The whole of optimize_budget on 1,000 ad sets of one account: reports, plan, write gate, read back.

Platform and table are in memory, so this is what the module itself takes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from benchmarks._report import Report
from campaign_automation.adapters.base import Access, DailyInsight
from campaign_automation.adapters.tree import AdSetNode, CampaignNode
from campaign_automation.managers.budgets.budget_manager import BudgetManager
from campaign_automation.managers.budgets.summary import Narrator
from campaign_automation.managers.changes.commitments import Commitments
from campaign_automation.managers.changes.gate import WriteGate
from campaign_automation.managers.changes.guards import Limits
from campaign_automation.managers.decisions.earlier_decisions import EarlierDecisions
from campaign_automation.managers.shared.first_party_revenue import FirstPartyRevenue
from campaign_automation.managers.shared.insights import Insights
from campaign_automation.managers.shared.outbox import Outbox
from campaign_automation.managers.shared.platform_access import Platforms
from campaign_automation.managers.shared.statistics import InProcessStatistics
from campaign_automation.models.budgets import BudgetOptimized, OptimizeBudget
from campaign_automation.models.campaign import Campaign, Creation, ObjectEntry
from campaign_automation.models.campaigns import AdSetPlan, CampaignPlan, CreateCampaign
from campaign_automation.models.common import Context, Level, Targeting
from campaign_automation.stores.operations.forecasts import ForecastStore
from campaign_automation.utils import clock
from tests.support.builders import account, request_body
from tests.support.fake_adapter import FakeAdapter
from tests.support.memory_table import MemoryTable

ADSETS = 1000
DAYS = 60
BUDGET = Decimal(100)
CALLER = Context(user_id="u")


def run() -> Report:
    """Seconds of a dry run by the rules and by curves, and of carrying the second one out."""
    manager, creation = make_house()
    lines, figures = [f"{ADSETS} ad sets x {DAYS} days, nothing of it on a wire"], dict[str, float]()
    for name, body in (
        ("rules, dry run", {"dry_run": True}),
        ("allocate, dry run", {"dry_run": True, "optimization_strategy": "allocate"}),
        ("allocate, carried out", {"optimization_strategy": "allocate"}),
    ):
        request = OptimizeBudget.model_validate(
            {"campaign_id": creation.campaign_id, "target_metric": "cpa", **body}
        )
        started = time.perf_counter()
        answer: BudgetOptimized = asyncio.run(manager.optimize(request, CALLER))
        seconds = time.perf_counter() - started
        lines.append(f"{name:<24} {seconds:6.2f} s   {answer.message}")
        figures[f"{name}.seconds"] = seconds
    return Report("\n".join(lines), figures)


class Memory:
    """What the manager asks of campaigns and of the three stores, without a table."""

    def __init__(self, creation: Creation) -> None:
        self._creation = creation
        self._rows: list[Any] = []

    async def load(self, *_: Any) -> Creation:
        return self._creation.model_copy(deep=False)

    async def load_created(self, *_: Any) -> Campaign | None:
        return self._creation.campaign()

    campaign = load_created

    async def begin_run(self, *_: Any, **__: Any) -> None:
        return None

    async def renew_run(self, *_: Any, **__: Any) -> bool:
        return True

    async def end_run(self, *_: Any, seen: Sequence[ObjectEntry] = (), **__: Any) -> bool:
        return True

    async def committed(self, *_: Any) -> dict[str, Decimal]:
        return {}

    async def commit(self, *_: Any) -> None:
        return None

    async def intend(self, records: Sequence[Any]) -> None:
        self._rows += [record.model_dump_json() for record in records]

    conclude = intend

    async def since(self, *_: Any) -> Any:
        return []

    async def recent(self, *_: Any, **__: Any) -> Any:
        return []

    async def keep(self, *_: Any) -> bool:
        return True


class NoReports(Memory):
    async def since(self, *_: Any) -> dict[date, dict[date, Decimal]]:
        return {}


class Accounts:
    async def access(self, *_: Any) -> Access:
        return Access.model_validate({"platform_account_id": "act_1", "token": "t"})

    def forget(self, user_id: str) -> None:
        """Nothing is kept."""


class NoSwitches:
    async def refusal(self, *_: str) -> None:
        return None

    async def check(self, *_: str) -> None:
        """No switch is on."""

    async def cap(self, *_: str) -> None:
        return None


def make_house() -> tuple[BudgetManager, Creation]:
    adapter, creation = FakeAdapter("meta"), make_creation()
    fill(adapter, creation)
    adapters: Mapping[str, Any] = {"meta": adapter}
    memory: Any = Memory(creation)
    reports: Any = NoReports(creation)
    accounts: Any = Accounts()
    limits = Limits(Decimal(50), Decimal(50), {"USD": Decimal(10**9)}, is_stopped=False)
    platforms = Platforms(accounts, adapters)
    switches: Any = NoSwitches()
    commitments = Commitments(memory, limits, switches)
    gate = WriteGate(memory, memory, platforms, Outbox(memory, None), commitments, limits, switches)
    insights = Insights(reports, platforms, FirstPartyRevenue(None))
    # The campaign is no A/B test, so nobody asks for one.
    narrator = Narrator(None, ())
    earlier = EarlierDecisions(ForecastStore(MemoryTable()), memory)
    manager = BudgetManager(memory, insights, memory, InProcessStatistics(), gate, narrator, memory, earlier)
    return manager, creation


def make_creation() -> Creation:
    target = Targeting(age_min=18, age_max=65, countries=["US"])
    adsets = [
        AdSetPlan(tag=f"s{n}", name=f"s{n}", daily_budget=BUDGET, targeting=target) for n in range(ADSETS)
    ]
    spec = CreateCampaign.model_validate(request_body(target_cpa=10, daily_budget=ADSETS * BUDGET))
    plan = CampaignPlan.model_validate(
        {"tag": "c", "name": "c", "objective": "sales", "audience": "broad", "special_ad_categories": []}
        | {"adsets": adsets, "creatives": [], "ads": []}
    )
    levels = {"c": Level.CAMPAIGN} | {adset.tag: Level.ADSET for adset in adsets}
    entry = {"state": "created", "status": "active"}
    return Creation(
        tenant="u",
        campaign_id="cmp_1",
        state="created",
        spec=spec,
        context=CALLER,
        account=account(),
        plan=plan,
        created_at=int((datetime.now(UTC) - timedelta(days=90)).timestamp() * 1000),
        updated_at=0,
        objects={
            tag: ObjectEntry.model_validate(
                entry | {"level": level, "tag": tag, "name": tag, "platform_id": tag}
            )
            for tag, level in levels.items()
        },
    )


def fill(adapter: FakeAdapter, creation: Creation) -> None:
    """Every ad set runs and has its own rate of conversions."""
    assert creation.plan is not None
    common = {"status": "active", "platform_status": "ACTIVE"}
    adapter._nodes["c"] = CampaignNode.model_validate(common | {"platform_id": "c", "name": "c"})
    rng, today = Random(1), clock.now().date()
    for adset in creation.plan.adsets:
        adapter._nodes[adset.tag] = AdSetNode.model_validate(
            common | adset.model_dump(exclude={"tag"}) | {"platform_id": adset.tag}
        )
        rate = rng.uniform(2, 20)
        for age in range(1, DAYS + 1):
            count = max(0, round(rng.gauss(rate, rate**0.5)))
            adapter.daily.append(
                DailyInsight(
                    entity_id=adset.tag,
                    campaign_id="c",
                    adset_id=adset.tag,
                    day=today - timedelta(days=age),
                    spend=Decimal(rng.randint(9000, 11000)) / 100,
                    impressions=1000,
                    clicks=50,
                    conversions=Decimal(count),
                    revenue=Decimal(30 * count),
                )
            )
