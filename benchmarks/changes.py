"""Changes of many objects beside the longest chain of calls that need each other, on Meta's sandbox.

The module runs in this process on its embedded store. The sandbox answers late and refuses a batch with two
ad sets of one campaign. A campaign is looked at, changed and looked at again; its ad sets' budgets are
changed four at a time, so that the chain of 20 has five rounds. An import reads the account, its list page by
page, and the campaigns in batches, four at a time.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from decimal import Decimal
from math import ceil
from pathlib import Path
from typing import Any

from benchmarks._chains import Calls, under_way
from benchmarks._report import Report
from campaign_automation import CampaignAutomation
from campaign_automation.adapters.meta.facts import BATCH_LIMIT
from campaign_automation.adapters.meta.wire import CONCURRENT_CALLS
from campaign_automation.managers.changes.items import DesiredChange, new_run
from campaign_automation.models.campaign import Campaign
from campaign_automation.models.common import Level
from campaign_automation.settings import get_settings
from campaign_automation.utils.snapshots import keep_loaded
from local.cloud import start
from tests.support.builders import request_body
from tests.support.sandbox import Sandbox

SECONDS = 0.25
LATENCY_MS = {"meta": SECONDS * 1000}
CAMPAIGNS, ADSETS = 50, 20
ACCOUNT, FOREIGN = "act_100000000000001", 1_000
USER = "user_123"
CALLER = {"user_id": USER, "deadline_seconds": 600}
COUNTRIES = "US CA GB AU NZ IE SG JP ZA MX BR CL CO PE KR TH MY PH ID IN IL AE SA NO CH".split()
AGES = [[18, 24], [25, 34], [35, 49], [50, 65]]


def run() -> Report:
    """Seconds, the chain and their ratio: a pause of one large campaign, and budgets of many campaigns."""
    with tempfile.TemporaryDirectory() as folder, start(folder) as cloud:
        os.environ.update(cloud.info["environment"] | {"CLOCK_URL": "", "PLATFORM_CALL_LIMITS": "meta:0"})
        os.environ["ACCOUNT_DAILY_BUDGET_CAPS"] = "USD:100000000"
        get_settings.cache_clear()
        with Sandbox(cloud.info["sandbox"]["admin"]) as sandbox:
            store = f"sqlite:///{Path(folder) / 'store.db'}"
            return asyncio.run(_Bench(sandbox, CampaignAutomation(store=store)).all())


class _Bench:
    def __init__(self, sandbox: Sandbox, module: CampaignAutomation) -> None:
        self._sandbox = sandbox
        self._module = module
        self._lines: list[str] = []
        self._figures: dict[str, float] = {}

    async def all(self) -> Report:
        self._sandbox.patch_account("meta", ACCOUNT, rate_limit_calls=100_000)  # as a large account has them
        large = await self._create(daily_budget=2000, activate=True, **_cells(len(COUNTRIES)))
        keep_loaded()  # as each function does after its start
        await self._measure("pause", "pause of 301 objects", lambda _: 3, lambda: self._pause(large))
        loaded = [await self._load(campaign) for campaign in await self._create_many()]
        title = "1,000 budgets in 50 campaigns"
        await self._measure("budgets", title, lambda _: budgets_rounds(), lambda: self._raise(loaded))
        self._sandbox.elsewhere("meta", ACCOUNT, FOREIGN)
        await self._measure("import", "import of 1,000 campaigns", import_rounds, self._import)
        await self._module.aclose()
        head = f"{'':32} {'wall':>7} {'chain':>7} {'ratio':>6} {'under way':>14} {'CPU':>7} {'requests':>9}"
        return Report("\n".join([head, *self._lines]), self._figures)

    async def _measure(
        self, name: str, title: str, rounds: Callable[[Calls], int], work: Callable[[], Awaitable[None]]
    ) -> None:
        self._sandbox.late_by(**LATENCY_MS)
        before, cpu, started = len(self._sandbox.all_calls()), time.process_time(), time.perf_counter()
        await work()
        wall, cpu = time.perf_counter() - started, time.process_time() - cpu
        calls = [call for call in self._sandbox.all_calls()[before:] if call["platform"] == "meta"]
        chain = rounds(calls) * SECONDS
        waited, requests = under_way(calls, LATENCY_MS), sum(not call["batch"] for call in calls)
        self._sandbox.late_by(meta=0)
        self._lines.append(
            f"{title:32} {wall:6.2f}s {chain:6.2f}s {wall / chain:5.2f}x"
            f" {waited:6.2f}s {waited / chain:5.2f}x {cpu:6.2f}s {requests:9}"
        )
        self._figures |= {f"{name}.wall": wall, f"{name}.ratio": wall / chain}
        self._figures[f"{name}.under_way"] = waited / chain

    async def _create(self, **body: Any) -> str:
        return str((await self._ask("create_campaign", request_body(**body)))["campaign_id"])

    async def _create_many(self) -> list[str]:
        some = asyncio.Semaphore(5)

        async def one() -> str:
            async with some:
                return await self._create(daily_budget=400, **_cells(ADSETS // 4))

        return await asyncio.gather(*(one() for _ in range(CAMPAIGNS)))

    async def _pause(self, campaign_id: str) -> None:
        await self._ask("manage_campaign", {"campaign_id": campaign_id, "action": "pause"})

    async def _load(self, campaign_id: str) -> Campaign:
        return await self._module._parts().campaigns.load_created(USER, campaign_id)

    async def _raise(self, campaigns: list[Campaign]) -> None:
        gate = self._module._parts().gate

        async def change(campaign: Campaign) -> None:
            wanted = [
                DesiredChange(Level.ADSET, entry.tag, "daily_budget", Decimal(22))
                for entry in campaign.made(Level.ADSET)
            ]
            items = await gate.apply(campaign, wanted, new_run(USER, "bench"))
            assert [item.result for item in items] == ["changed"] * ADSETS, items

        await asyncio.gather(*map(change, campaigns))

    async def _import(self) -> None:
        answer = await self._ask("import_campaigns", {"all": True})
        assert answer["status"] == "success", answer["message"]
        # Some of them are archived, which no list shows.
        assert len(answer["imported"]) > FOREIGN // 2, answer["message"]
        assert (answer["failed"], answer["left"]) == ([], 0), answer["message"]

    async def _ask(self, action: str, parameters: dict[str, Any]) -> dict[str, Any]:
        caller = {**CALLER, "idempotency_key": uuid.uuid4().hex}
        answer = await self._module.execute(action, parameters, caller)
        assert answer["status"] != "error", answer
        return answer


def budgets_rounds() -> int:
    """Return the rounds of calls: a look, the ad sets of a campaign a few at a time, and a look again."""
    return 2 + ceil(ADSETS / CONCURRENT_CALLS)


def import_rounds(calls: Calls) -> int:
    """Return the rounds of an import: the account, the pages of its list, and batches a few at a time."""
    asked = Counter(call["operation"] for call in calls)
    return 1 + asked["list_campaigns"] + ceil(asked["read_campaign"] / BATCH_LIMIT / CONCURRENT_CALLS)


def _cells(countries: int) -> dict[str, Any]:
    return {
        "objective": "traffic",
        "target_countries": COUNTRIES[:countries],
        "split_by": "country_age",
        "age_groups": AGES,
    }
