"""The time that each action takes beside waiting for others: platforms, models and the Web Platform.

The module runs in this process, warm, on its embedded store and on the local cloud's DynamoDB, which counts
as its own. Requests are subtracted from the first that is under way to the last. `CPU` is the processor's
time of this process, which says more than the clock on a busy machine; it holds the sending and reading of
requests too.

The second table has what an action calls: reads and writes of the store, and requests to others. `alone` is
what those of its store, and its requests' clients, take by themselves, of the processor: no code of ours
could make the action cheaper than that without calling less.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import statistics
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

from facebook_business.api import FacebookAdsApi
from facebook_business.session import FacebookSession

from benchmarks._report import Report
from benchmarks._waiting import Waiting, watched
from campaign_automation import CampaignAutomation
from campaign_automation.settings import get_settings
from campaign_automation.stores.table import Key, Put, Table
from campaign_automation.utils.snapshots import keep_loaded
from local.cloud import start
from tests.support.sandbox import Sandbox

WARM, TIMES = 3, 50
_NAMES = {"embedded": "embedded", "dynamodb": "DynamoDB"}
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


class Turn(NamedTuple):
    """One call of an action: its milliseconds, and what it called."""

    wall: float
    cpu: float
    reads: int
    writes: int
    requests: int


class Alone(NamedTuple):
    """The processor's milliseconds of one read and one write of a store, and of one request by Meta's SDK."""

    read: float
    write: float
    request: float

    def of(self, turn: Turn) -> float:
        return turn.reads * self.read + turn.writes * self.write + turn.requests * self.request


class Measured(NamedTuple):
    actions: Mapping[str, Sequence[Turn]]
    alone: Alone


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
    figures: dict[str, float] = {}
    for store, measured in found.items():
        for action, turns in measured.actions.items():
            figures |= {f"{action}.{store}.{name}": value for name, value in _figures(turns).items()}
            figures[f"{action}.{store}.alone"] = measured.alone.of(_usual(turns))
    return Report("\n".join([*_times_table(found, figures), "", *_calls_table(found, figures)]), figures)


def _figures(turns: Sequence[Turn]) -> dict[str, float]:
    walls = [turn.wall for turn in turns]
    cpu = statistics.median(turn.cpu for turn in turns)
    return {"p50": percentile(walls, 50), "p99": percentile(walls, 99), "cpu": cpu}


def _usual(turns: Sequence[Turn]) -> Turn:
    return Turn(*(statistics.median(values) for values in zip(*turns, strict=True)))


def _times_table(found: Mapping[str, Measured], figures: Mapping[str, float]) -> Iterator[str]:
    yield f"{'milliseconds':28}" + "".join(
        f"{_NAMES[store] + ' p50':>14}{'p99':>8}{'CPU':>8}" for store in found
    )
    for action in found["embedded"].actions:
        cells = [[figures[f"{action}.{store}.{name}"] for name in ("p50", "p99", "cpu")] for store in found]
        yield f"{action:28}" + "".join(f"{p50:14.1f}{p99:8.1f}{cpu:8.1f}" for p50, p99, cpu in cells)


def _calls_table(found: Mapping[str, Measured], figures: Mapping[str, float]) -> Iterator[str]:
    yield f"{'':28}{'reads':>7}{'writes':>8}{'requests':>10}" + "".join(
        f"{_NAMES[store] + ' alone':>16}{'CPU':>8}" for store in found
    )
    for action, turns in found["embedded"].actions.items():
        usual = _usual(turns)
        cells = [[figures[f"{action}.{store}.{name}"] for name in ("alone", "cpu")] for store in found]
        yield f"{action:28}{usual.reads:7.0f}{usual.writes:8.0f}{usual.requests:10.0f}" + "".join(
            f"{alone:16.1f}{cpu:8.1f}" for alone, cpu in cells
        )
    for store, measured in found.items():
        read, write, request = measured.alone
        yield f"alone, {_NAMES[store]}: a read {read:.2f}, a write {write:.2f}, a request {request:.2f}"


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that `share` percent of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, ceil(len(ordered) * share / 100) - 1)]


async def _measure(store: str | None) -> Measured:
    module = CampaignAutomation(store=store)
    with watched() as waiting, _counted() as calls:
        actions = await _Actions(module).all()
        keep_loaded()  # as each function does after its start
        found = {name: [turn async for turn in _turns(call, waiting, calls)] for name, call in actions}
    alone = await _alone(module)
    await module.aclose()
    return Measured(found, alone)


async def _turns(call: Call, waiting: Waiting, calls: list[str]) -> Any:
    for turn in range(WARM + TIMES):
        calls.clear()
        before, requests = waiting.seconds, waiting.requests
        started, cpu = time.perf_counter(), time.process_time()
        await call()
        cpu, seconds = time.process_time() - cpu, time.perf_counter() - started
        wall = (seconds - (waiting.seconds - before)) * 1000
        writes = calls.count("write")
        if turn >= WARM:
            yield Turn(wall, cpu * 1000, len(calls) - writes, writes, waiting.requests - requests)


@contextmanager
def _counted() -> Iterator[list[str]]:
    """Note each call of the store by its name."""
    calls: list[str] = []
    originals = {name: getattr(Table, name) for name in ("get", "query", "indexed", "write")}

    def noting(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*arguments: Any, **named: Any) -> Any:
            calls.append(name)
            return original(*arguments, **named)

        return noted

    for name, original in originals.items():
        setattr(Table, name, noting(name, original))
    try:
        yield calls
    finally:
        for name, original in originals.items():
            setattr(Table, name, original)


async def _alone(module: CampaignAutomation) -> Alone:
    table = module._parts()._table
    row = {"pk": "benchmark", "sk": "row", "text": "x" * 500}
    accounts, user = module._parts().accounts, CALLER["user_id"]
    access = await accounts.access(user, "meta", await accounts.choose(user, "meta", None))
    session = FacebookSession(access_token=access.token.get_secret_value())
    session.GRAPH = module._parts().settings.meta_graph_url
    api = FacebookAdsApi(session)

    async def write() -> None:
        await table.write(Put(row))

    async def read() -> None:
        await table.get(Key("benchmark", "row"))

    async def request() -> None:
        await asyncio.to_thread(api.call, "GET", (ACCOUNT, ""), params={"fields": "id"})

    return Alone(write=await _cpu(write), read=await _cpu(read), request=await _cpu(request))


async def _cpu(call: Call) -> float:
    times = []
    for _ in range(WARM + TIMES):
        started = time.process_time()
        await call()
        times.append((time.process_time() - started) * 1000)
    return statistics.median(times[WARM:])


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
