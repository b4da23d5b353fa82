"""200 creations at once over 20 ad accounts, on platforms that enforce their documented limits of calls; and
10 at once on an account that its platform throttles."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import httpx

from campaign_automation import CampaignAutomation
from campaign_automation.settings import get_settings
from local.cloud import Cloud, start
from tests.support.limits import forget_limits

ALONE = True  # the platforms' limits alone take it minutes
ACCOUNTS = {"meta": 8, "tiktok": 6, "google": 6}
IDS = {"meta": "act_9000000000{:05}", "tiktok": "79000000000000{:05}", "google": "90000{:05}"}
EACH = 10  # creations on one account
PROCESSES = 4
LIMITS = {"meta": 9000, "tiktok": 10, "google": 15_000}
WINDOW = 4  # seconds; the shortest pause that a platform asks for here is 5
CALLER = {"user_id": "user_123", "deadline_seconds": 600}
MANY = 1_000_000  # calls a minute of one advertiser: here the app's limit counts


class Cache:
    """A cache in this process, with the methods that the module asks for."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}

    async def get(self, name: str) -> str | None:
        return self._values.get(name)

    async def set(self, name: str, value: str, *, ex: int, nx: bool = False) -> bool:
        if nx and name in self._values:
            return False
        self._values[name] = value
        return True

    async def delete(self, *names: str) -> None:
        for name in names:
            self._values.pop(name, None)


def run() -> str:
    """The creations that ended right, and the calls that platforms refused, with a cache and without."""
    with tempfile.TemporaryDirectory() as folder, start(folder) as cloud:
        os.environ.update(cloud.info["environment"] | {"CLOCK_URL": "", "PLATFORM_CALL_LIMITS": ""})
        os.environ["ACCOUNT_DAILY_BUDGET_CAPS"] = "USD:100000000"
        get_settings.cache_clear()
        lines = [_measure(cloud, cache) for cache in (None, Cache())]
        throttled = ", ".join(f"{name} {_throttled(cloud, name)}" for name in ACCOUNTS)
    return "\n".join(
        [
            f"without a cache: {lines[0]}",
            f"with a cache:    {lines[1]}",
            f"most calls to a throttled account in {WINDOW} s, {EACH} creations at once: {throttled}",
        ]
    )


@contextmanager
def _admin(cloud: Cloud) -> Iterator[httpx.Client]:
    """The sandbox's admin side; its platforms are as seeded."""
    with httpx.Client(base_url=cloud.info["sandbox"]["admin"], timeout=60, verify=False) as admin:
        admin.post("/reset", json={}).raise_for_status()
        forget_limits(cloud)  # an earlier run's calls and pauses are none of these platforms'
        yield admin


def _measure(cloud: Cloud, cache: Cache | None) -> str:
    with _admin(cloud) as admin:
        accounts = [
            (platform, _account(admin, platform, number))
            for platform, count in ACCOUNTS.items()
            for number in range(count)
        ]
        admin.put("/limits", json=LIMITS).raise_for_status()
        started = time.monotonic()
        answers = asyncio.run(_create_all(accounts, cache))
        return _line(answers, admin.get("/limits").json(), time.monotonic() - started)


def _throttled(cloud: Cloud, platform: str) -> int:
    """Return the most calls within WINDOW seconds that reach a platform which throttles all of them."""
    with _admin(cloud) as admin:
        account = platform, _account(admin, platform, 0)
        fault = {"platform": platform, "operation": "*", "kind": "rate_limit", "times": 0}
        admin.post("/faults", json=[fault]).raise_for_status()
        asyncio.run(_create_all([account], None, processes=1, deadline_seconds=5 * WINDOW))
        calls = admin.get("/calls", params={"platform": platform}).json()
    times = [datetime.fromisoformat(call["time"]) for call in calls]
    return max(sum(time <= other < time + timedelta(seconds=WINDOW) for other in times) for time in times)


async def _create_all(
    accounts: list[tuple[str, str]], cache: Cache | None, processes: int = PROCESSES, **context: Any
) -> list[str]:
    modules = [CampaignAutomation(redis_client=cache) for _ in range(processes)]
    wanted = [(*account, number) for number in range(EACH) for account in accounts]
    answers = await asyncio.gather(
        *(_create(modules[index % processes], *item, **context) for index, item in enumerate(wanted))
    )
    for module in modules:
        await module.aclose()
    return answers


def _account(admin: httpx.Client, platform: str, number: int) -> str:
    path = f"/accounts/{platform}/{IDS[platform].format(number)}"
    made = admin.put(path, json={"user_id": 123})
    made.raise_for_status()
    if platform == "tiktok":
        admin.put(path, json={"calls_per_minute": MANY}).raise_for_status()
    return str(made.json()["ad_account_id"])


async def _create(
    module: CampaignAutomation, platform: str, account: str, number: int, **context: Any
) -> str:
    body: dict[str, Any] = {
        "platform": platform,
        "objective": "traffic",
        "daily_budget": 1000,
        "creative_ids": ["1", "2"],
        "product_url": "https://shop.example/1",
        "name": f"{account} {number}",
        "ad_account_id": account,
    }
    caller = {**CALLER, **context, "idempotency_key": f"{time.time_ns()}-{account}-{number}"}
    answer = await module.execute("create_campaign", body, caller)
    return "created" if answer["status"] == "success" else str(answer["error"]["code"])


def _line(answers: list[str], limits: dict[str, Any], seconds: float) -> str:
    calls = limits["taken"].get
    refused = sum(limits["refused"].values())
    total = sum(limits["taken"].values()) + refused
    each = ", ".join(f"{name} {calls(name, 0)}" for name in ACCOUNTS)
    outcomes = ", ".join(f"{count} {name}" for name, count in Counter(answers).most_common())
    share = 100 * refused / max(total, 1)
    return f"{outcomes} in {seconds:.0f} s; calls: {each}; {refused} refused ({share:.2f} %)"
