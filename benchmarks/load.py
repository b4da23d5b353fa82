"""Mixed actions at once through the API of the local cloud: 10, 50 and 200 callers.

Each caller asks one action after another, until all have asked enough together. Of ten actions two create a
campaign, four read a status, two list campaigns, one plans budgets and one pauses a campaign.
"""

from __future__ import annotations

import asyncio
import itertools
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

import httpx

from benchmarks._processes import cpu_by_kind, memory_mb
from benchmarks._report import Report
from benchmarks.warm_overhead import percentile
from local.cloud import Cloud, start
from tests.support.api import Api
from tests.support.aws import settle
from tests.support.builders import request_body
from tests.support.sandbox import Sandbox

ALONE = True  # it takes the whole machine, and minutes
CALLERS = (10, 50, 200)
ACTIONS = 100  # of a round, at least one of each caller
CAMPAIGNS = 5  # that stand already and are read
PATIENCE_SECONDS = 300
MIX = ("create", "status", "status", "list", "optimize", "status", "create", "list", "pause", "status")
SAMPLED_SECONDS = 1.0


class Asked(NamedTuple):
    """One action: its name, its seconds, and the HTTP status or the error's code."""

    name: str
    seconds: float
    outcome: str


def run() -> Report:
    """Throughput and latencies by number of callers, errors by code, campaigns made twice, CPU and memory."""
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder, start(folder) as cloud:
        standing = _campaigns(cloud)
        lines = [line for callers in CALLERS for line in _round(cloud, callers, standing, figures)]
    head = f"{'':14} {'actions':>8} {'a second':>9} {'p50':>7} {'p95':>7} {'p99':>7}  outcomes"
    return Report("\n".join([head, *lines]), figures)


def _campaigns(cloud: Cloud) -> list[str]:
    with Api(cloud.info["api_url"], cloud.info["tokens"]["user_123"]) as api:
        answers = [api.create(request_body(name=f"Standing {number}")) for number in range(CAMPAIGNS)]
        made = [str(answer.json()["campaign_id"]) for answer in answers]
        for campaign_id in made:
            api.status(campaign_id)
    return made


def _round(cloud: Cloud, callers: int, standing: list[str], figures: dict[str, float]) -> Iterable[str]:
    before = cpu_by_kind(cloud.process.pid)
    with Memory(cloud.process.pid) as memory:
        started = time.perf_counter()
        asked = asyncio.run(_ask_all(cloud, callers, standing))
        wall = time.perf_counter() - started
        settle(cloud)
    spent = {name: cpu - before.get(name, 0) for name, cpu in cpu_by_kind(cloud.process.pid).items()}
    twice = _made_twice(cloud)
    own = {"throughput": len(asked) / wall, "memory_mb": memory.peak, "twice": float(twice)}
    figures |= {f"{callers}.{name}": value for name, value in own.items()}
    for name in (None, "create", "status"):
        line, found = _line(callers, name, asked, wall)
        figures |= {f"{callers}.{key}": value for key, value in found.items()}
        yield line
    top = sorted(spent.items(), key=lambda item: -item[1])[:6]
    cpu = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in top)
    yield f"{'':14} CPU: {cpu}; peak memory {memory.peak:.0f} MB; {twice} campaigns made twice"


def _line(callers: int, name: str | None, asked: list[Asked], wall: float) -> tuple[str, dict[str, float]]:
    chosen = [item for item in asked if name in (None, item.name)]
    seconds = [item.seconds for item in chosen]
    shares = {f"p{share}": percentile(seconds, share) for share in (50, 95, 99)}
    outcomes = ", ".join(f"{count} x {code}" for code, count in outcomes_of(chosen).items())
    title = f"{callers} callers" if name is None else f"  {name}"
    cells = " ".join(f"{value:6.2f}s" for value in shares.values())
    figures = {f"{name or 'all'}.{share}": value for share, value in shares.items()}
    return f"{title:14} {len(chosen):8} {len(chosen) / wall:9.2f} {cells}  {outcomes}", figures


def outcomes_of(asked: Iterable[Asked]) -> Mapping[str, int]:
    """Return how often each outcome was answered, the most frequent first."""
    return dict(Counter(item.outcome for item in asked).most_common())


async def _ask_all(cloud: Cloud, callers: int, standing: list[str]) -> list[Asked]:
    turns, asked = itertools.count(), list[Asked]()
    total = max(ACTIONS, callers)
    headers = {"Authorization": f"Bearer {cloud.info['tokens']['user_123']}"}
    limits = httpx.Limits(max_connections=callers)
    async with httpx.AsyncClient(
        base_url=cloud.info["api_url"], headers=headers, timeout=PATIENCE_SECONDS, limits=limits, verify=False
    ) as http:

        async def caller() -> None:
            while (turn := next(turns)) < total:
                asked.append(await _timed(MIX[turn % len(MIX)], _ask(http, turn, standing)))

        await asyncio.gather(*(caller() for _ in range(callers)))
    return asked


async def _timed(name: str, ask: Callable[[], Awaitable[httpx.Response]]) -> Asked:
    started = time.perf_counter()
    try:
        answer = await ask()
    except httpx.HTTPError as error:
        return Asked(name, time.perf_counter() - started, type(error).__name__)
    return Asked(name, time.perf_counter() - started, outcome_of(answer.status_code, answer.json()))


def outcome_of(status: int, body: Mapping[str, Any]) -> str:
    """Return the HTTP status, with our code of an error."""
    code = body.get("error", {}).get("code") if isinstance(body.get("error"), dict) else None
    return f"{status}" if code is None else f"{status} {code}"


def _ask(http: httpx.AsyncClient, turn: int, standing: list[str]) -> Callable[[], Awaitable[httpx.Response]]:
    name, campaign = MIX[turn % len(MIX)], standing[turn % len(standing)]
    path = f"/v1/campaigns/{campaign}"

    async def ask() -> httpx.Response:
        match name:
            case "create":
                key = {"Idempotency-Key": uuid.uuid4().hex, "Prefer": "wait=28"}
                body = request_body(name=f"Load {uuid.uuid4().hex}")
                return await http.post("/v1/campaigns", json=body, headers=key)
            case "status":
                return await http.get(path)
            case "list":
                return await http.get("/v1/campaigns")
            case "optimize":
                return await http.post(f"{path}/budget-optimizations", json={"dry_run": True})
            case _:
                return await http.post(f"{path}/status", json={"action": "pause"})

    return ask


def _made_twice(cloud: Cloud) -> int:
    """Return the campaigns that the platform has beyond one of each name."""
    with Sandbox(cloud.info["sandbox"]["admin"]) as sandbox:
        # Each was asked for under a name of its own, behind which the module writes a tag.
        names = Counter(item["name"].rpartition(" ")[0] for item in sandbox.live("meta", "campaigns"))
    return sum(count - 1 for count in names.values())


class Memory:
    """The largest memory in MB that a process and its descendants hold while the block lasts."""

    def __init__(self, pid: int) -> None:
        self.peak = 0.0
        self._pid = pid
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(SAMPLED_SECONDS):
            with suppress(OSError):
                self.peak = max(self.peak, memory_mb(self._pid))
