"""Time and memory of actions as an account grows from one ad set to ten thousand.

Platform, Web Platform and table are in memory: seconds are the processor's, of the module itself. A status
and an optimisation are of one campaign with all ad sets; an import, a tick of a rule and a report are of all
campaigns of the account, with twenty ad sets each. Exponents are the slopes between the two largest sizes: 1
grows as the account does, n log n is 1.11 there. Memory and calls of functions are counted up to a thousand:
that takes longer. Calls are the same on every machine; time also grows with what no longer fits its caches.

A rule over fifty accounts then waits for a platform that takes 250 ms for each request.
"""

from __future__ import annotations

import asyncio
import cProfile
import gc
import math
import time
import tracemalloc
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from benchmarks._report import Report
from campaign_automation.adapters.base import Access, DailyInsight
from campaign_automation.adapters.tree import AdNode, AdSetNode, CampaignNode, Depth, Tree, Trees
from campaign_automation.managers.rules.evaluation import READ_SECONDS
from campaign_automation.tasks import evaluate_rule
from campaign_automation.utils import clock
from tests.support.fake_adapter import FakeAdapter
from tests.support.many_accounts import EveryAccount, ManyAccounts
from tests.support.one_tenant import OneTenant

SIZES = (1, 10, 100, 1_000, 10_000)
TRACED = SIZES[:-1]
EACH = 20  # ad sets of a campaign, where there are many campaigns
DAYS = 7
TRIES = 3  # of which the quickest counts; of the largest size there is one
RULE = {
    "rule_name": "Costly",
    "condition": {"metric": "spend", "operator": "greater_than", "value": 1_000_000, "time_range": "7d"},
    "action": {"type": "pause_adset"},
    "applies_to": {"all": True},
    "mode": "observe",
    "confirm": True,
}
MB = 1024 * 1024
ACCOUNTS = 50
OF_ACCOUNT = 5  # campaigns
LATENCY = 0.25  # seconds of a request to the platform

Ask = Callable[[], Awaitable[Any]]
Measure = Callable[[Ask], Awaitable[float]]


def run() -> Report:
    """Seconds and peak memory by action and number of ad sets, with exponents."""
    seconds: dict[str, dict[int, float]] = defaultdict(dict)
    peaks: dict[str, dict[int, float]] = defaultdict(dict)
    calls: dict[str, dict[int, float]] = defaultdict(dict)
    for size in SIZES:
        for _ in range(1 if size == SIZES[-1] else TRIES):
            for name, value in asyncio.run(_measure(size, _seconds)).items():
                seconds[name][size] = min(value, seconds[name].get(size, math.inf))
    for size in TRACED:
        for found, measure in ((peaks, _peak), (calls, _calls)):
            for name, value in asyncio.run(_measure(size, measure)).items():
                found[name][size] = value
    heads = "".join(f"{size:>9,}" for size in (*SIZES, *TRACED))
    lines, figures = [f"{'ad sets':20}{heads}  exponents of time, calls and memory"], dict[str, float]()
    for name, times in seconds.items():
        cells = "".join(f"{times[size]:8.3f}s" for size in SIZES)
        cells += "".join(f"{peaks[name][size]:7.1f}MB" for size in TRACED)
        slopes = [exponent(values[name]) for values in (seconds, calls, peaks)]
        lines.append(f"{name:20}{cells}  {slopes[0]:.2f} {slopes[1]:.2f} {slopes[2]:.2f}")
        figures |= {f"{name}.seconds": times[SIZES[-1]], f"{name}.mb": peaks[name][TRACED[-1]]}
        figures |= {f"{name}.exponent": slopes[0], f"{name}.memory_exponent": slopes[2]}
        figures[f"{name}.calls_exponent"] = slopes[1]
    wall, busy = asyncio.run(_many_accounts())
    most = int(READ_SECONDS * ACCOUNTS / wall)
    lines.append(
        f"a rule over {ACCOUNTS} accounts of {OF_ACCOUNT * EACH} ad sets: {wall:.2f}s, {busy:.2f}s of them"
        f" the processor's; {READ_SECONDS:.0f}s are enough for {most} accounts"
    )
    figures |= {"accounts.seconds": wall, "accounts.cpu_seconds": busy}
    return Report("\n".join(lines), figures)


def exponent(values: Mapping[int, float]) -> float:
    """Return the power of the size with which a value grows between the two largest sizes."""
    *_, before, last = sorted(values)
    return math.log(values[last] / values[before]) / math.log(last / before)


async def _measure(size: int, measure: Measure) -> dict[str, float]:
    """Return what each action took."""
    many, whole = _house([min(EACH, size)] * math.ceil(size / EACH)), _house([size])
    days = {"from": str(_today() - timedelta(days=DAYS - 1)), "to": str(_today())}
    found = {"import": await measure(lambda: _done(many, "import_campaigns", all=True))}
    rule = await _done(many, "create_rule", **RULE)
    tick = {"tenant": "u", "rule_id": rule["rule_id"], "scheduled_time": clock.iso(clock.now())}
    found["tick of a rule"] = await measure(lambda: _ticked(many, tick, size))
    found["report"] = await measure(lambda: _done(many, "get_report", level="campaign", by="total", **days))
    (campaign,) = (await _done(whole, "import_campaigns", all=True))["imported"]
    named = {"campaign_id": campaign["campaign_id"]}
    found["status"] = await measure(lambda: _done(whole, "get_campaign_status", **named))
    plan = {"optimization_strategy": "rules", "target_metric": "roas", "dry_run": True}
    found["optimize_budget"] = await measure(lambda: _done(whole, "optimize_budget", **named, **plan))
    return found


async def _seconds(ask: Ask) -> float:
    gc.collect()
    gc.freeze()  # the platform and the table are elsewhere in earnest, and collected by nobody here
    try:
        started = time.process_time()  # nothing here waits for anybody
        await ask()
        return time.process_time() - started
    finally:
        gc.unfreeze()


async def _peak(ask: Ask) -> float:
    gc.collect()
    tracemalloc.start()
    try:
        await ask()
        return tracemalloc.get_traced_memory()[1] / MB
    finally:
        tracemalloc.stop()


async def _calls(ask: Ask) -> float:
    profile = cProfile.Profile()
    profile.enable()
    try:
        await ask()
    finally:
        profile.disable()
    return float(sum(entry.callcount for entry in profile.getstats()))


async def _many_accounts() -> tuple[float, float]:
    """Return the seconds of a tick of a rule over many accounts, and those of the processor."""
    adapter = Accounts()
    adapter.fill([EACH] * ACCOUNTS * OF_ACCOUNT)
    house = OneTenant(adapter, web_platform=EveryAccount(), ACCOUNT_DAILY_BUDGET_CAPS="USD:100000000")
    for number in range(ACCOUNTS):
        await _done(house, "import_campaigns", all=True, ad_account_id=str(number + 1))
    rule = await _done(house, "create_rule", **RULE)
    tick = {"tenant": "u", "rule_id": rule["rule_id"], "scheduled_time": clock.iso(clock.now())}
    started = time.perf_counter(), time.process_time()
    await _ticked(house, tick, EACH * ACCOUNTS * OF_ACCOUNT)
    return time.perf_counter() - started[0], time.process_time() - started[1]


async def _done(house: OneTenant, action: str, /, **parameters: Any) -> dict[str, Any]:
    answer = await house.ask_async(action, parameters)
    assert answer["status"] == "success", answer
    return answer


async def _ticked(house: OneTenant, tick: dict[str, Any], adsets: int) -> None:
    answer = await evaluate_rule(house.wiring, tick)
    assert (answer["outcome"], answer["evaluated"]) == ("observed", adsets), answer["note"]


class Account(FakeAdapter):
    """The platform in memory, which finds a campaign's objects and days without a search."""

    def __init__(self) -> None:
        super().__init__("meta")
        self._trees: dict[str, Tree] = {}
        self._days: dict[str, list[DailyInsight]] = {}

    def fill(self, campaigns: Sequence[int]) -> None:
        """Make running campaigns of so many ad sets, with a week of delivery."""
        made_at = clock.now() - timedelta(days=2 * DAYS)
        for number, adsets in enumerate(campaigns):
            self.elsewhere(f"Campaign {number}", *[30] * adsets, created_at=made_at)
        objects: dict[str, list[Any]] = defaultdict(list)
        for platform_id, campaign_id in self._campaigns.items():
            objects[campaign_id].append(self._nodes[platform_id])
        for campaign_id, nodes in objects.items():
            adsets_of = [node for node in nodes if isinstance(node, AdSetNode)]
            ads = [node for node in nodes if isinstance(node, AdNode)]
            self._trees[campaign_id] = Tree(campaign=self._nodes[campaign_id], adsets=adsets_of, ads=ads)
            self._days[campaign_id] = [row for node in adsets_of for row in _delivered(campaign_id, node)]
        self._nodes = {key: node for key, node in self._nodes.items() if isinstance(node, CampaignNode)}

    async def read_tree(
        self, access: Access, campaign_id: str, currency: str, *, depth: Depth = "whole"
    ) -> Tree:
        return self._trees[campaign_id]

    async def read_daily(
        self,
        access: Access,
        level: Any,
        campaign_ids: Sequence[str],
        since: date,
        until: date,
        objective: str,
    ) -> list[DailyInsight]:
        rows = (row for item in campaign_ids for row in self._days[item])
        return [row for row in rows if since <= row.day <= until]


class Accounts(Account, ManyAccounts):
    """The platform with campaigns in many accounts, which answers after a while."""

    def fill(self, campaigns: Sequence[int]) -> None:
        super().fill(campaigns)
        self.homes = {root: f"act_{1 + place % ACCOUNTS}" for place, root in enumerate(self._trees)}

    async def read_trees(self, access: Access, campaign_ids: Sequence[str], currency: str) -> Trees:
        await asyncio.sleep(LATENCY)
        return await super().read_trees(access, campaign_ids, currency)

    async def read_daily(
        self,
        access: Access,
        level: Any,
        campaign_ids: Sequence[str],
        since: date,
        until: date,
        objective: str,
    ) -> list[DailyInsight]:
        await asyncio.sleep(LATENCY)
        return await super().read_daily(access, level, campaign_ids, since, until, objective)


def _house(campaigns: Sequence[int]) -> OneTenant:
    account = Account()
    account.fill(campaigns)
    return OneTenant(account, ACCOUNT_DAILY_BUDGET_CAPS="USD:100000000")


def _today() -> date:
    return clock.now().date()


def _delivered(campaign_id: str, node: AdSetNode) -> list[DailyInsight]:
    return [
        DailyInsight(
            entity_id=node.platform_id,
            campaign_id=campaign_id,
            adset_id=node.platform_id,
            day=_today() - timedelta(days=age),
            spend=Decimal(30),
            impressions=1000,
            clicks=50,
            conversions=Decimal(5),
            revenue=Decimal(90),
        )
        for age in range(DAYS + 2)
    ]
