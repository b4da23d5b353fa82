"""The schedules of a process without a scheduler: each run once, none lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from campaign_automation.clients.scheduler import Retries, Schedule
from campaign_automation.managers.shared.due_runs import DueRunner
from campaign_automation.stores.operations.schedules import DueRuns, TableScheduler
from campaign_automation.stores.table import Key, Update
from campaign_automation.utils import clock
from tests.support.memory_table import MemoryTable

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
GROUP = "rules"
Handler = Callable[[dict[str, str]], Awaitable[dict[str, Any]]]


class Time:
    def __init__(self) -> None:
        self.now = NOON

    def pass_by(self, **amount: float) -> None:
        self.now += timedelta(**amount)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    time = Time()
    monkeypatch.setattr(clock, "now", lambda: time.now)
    return time


class Bench:
    def __init__(self) -> None:
        self.table = MemoryTable()
        self.ran: list[dict[str, str]] = []
        self.failures = 0

    def put(self, name: str, expression: str, **more: Any) -> None:
        schedule = Schedule(name, expression, {"name": name}, Retries(3, 900), **more)
        asyncio.run(TableScheduler(self.table, GROUP).put(schedule, replace=True))

    async def handle(self, tick: dict[str, str]) -> dict[str, Any]:
        await asyncio.sleep(0)
        if self.failures:
            self.failures -= 1
            raise OSError("no answer")
        self.ran.append(tick)
        return {}

    def runner(self, handle: Handler | None = None) -> DueRunner:
        sweeps = TableScheduler(self.table, "sweeps")
        return DueRunner(DueRuns(self.table), sweeps, {GROUP: handle or self.handle}, {})

    def run(self) -> list[str]:
        return [f"{run.schedule} {run.status}" for run in asyncio.run(self.runner().run())]

    def names(self) -> list[str]:
        return sorted(tick["name"] for tick in self.ran)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_what_is_due_runs_once_and_is_due_again(bench: Bench, time: Time) -> None:
    bench.put("a", "rate(1 hour)")
    assert bench.run() == []
    time.pass_by(hours=1)
    assert (bench.run(), bench.run()) == (["a success"], [])
    time.pass_by(hours=1)
    assert bench.run() == ["a success"]
    assert [tick["scheduled_time"] for tick in bench.ran] == ["2026-03-01T13:00:00Z", "2026-03-01T14:00:00Z"]


@pytest.mark.parametrize("expression", ["rate(1 hour)", "cron(0 * * * ? *)"])
def test_missed_runs_are_one_for_the_last_of_their_times(bench: Bench, time: Time, expression: str) -> None:
    bench.put("a", expression)
    time.pass_by(days=3, minutes=20)
    assert bench.run() == ["a success"]
    assert bench.ran[0]["scheduled_time"] == "2026-03-04T12:00:00Z"
    assert bench.run() == []


def test_two_processes_share_what_is_due(bench: Bench, time: Time) -> None:
    names = [f"rule_{number}" for number in range(6)]
    for name in names:
        bench.put(name, "rate(1 hour)")
    time.pass_by(hours=1)

    async def both() -> list[int]:
        return [len(ran) for ran in await asyncio.gather(bench.runner().run(), bench.runner().run())]

    assert min(asyncio.run(both())) > 0
    assert bench.names() == names


def test_a_process_that_ends_leaves_the_others_what_it_had_not_begun(bench: Bench, time: Time) -> None:
    for name in ("a", "b", "c"):
        bench.put(name, "rate(1 hour)")
    time.pass_by(hours=1)

    async def ended() -> None:
        begun = asyncio.Event()

        async def for_ever(tick: dict[str, str]) -> dict[str, Any]:
            begun.set()
            await asyncio.Event().wait()
            return {}

        task = asyncio.create_task(bench.runner(for_ever).run())
        await begun.wait()
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(ended())
    assert len(bench.run()) == 3
    assert bench.names() == ["a", "b", "c"]


def test_a_failed_run_is_tried_again_for_the_same_time_also_late(bench: Bench, time: Time) -> None:
    bench.put("a", "rate(6 hours)")
    time.pass_by(hours=8)
    bench.failures = 2
    for minutes, expected in ((0, "error"), (1, "error"), (2, "success")):
        if minutes:
            assert bench.run() == []
        time.pass_by(minutes=minutes)
        assert bench.run() == [f"a {expected}"]
    assert [tick["scheduled_time"] for tick in bench.ran] == ["2026-03-01T18:00:00Z"]


def test_a_rule_is_given_up_until_its_next_time_and_the_end_of_a_test_never(bench: Bench, time: Time) -> None:
    bench.put("rule", "rate(6 hours)")
    bench.put("end", "at(2026-03-01T13:00:00)", deletes_itself=True)
    bench.failures = 1000
    time.pass_by(hours=7)
    for _ in range(30):
        bench.run()
        time.pass_by(minutes=61)
    bench.failures = 0
    bench.run()
    assert "end" in bench.names()
    assert asyncio.run(TableScheduler(bench.table, GROUP).names()) == {"rule"}


def test_a_row_that_cannot_be_read_stops_nobody(bench: Bench, time: Time) -> None:
    for name in ("a", "b"):
        bench.put(name, "rate(1 hour)")
    asyncio.run(bench.table.write(Update(Key(f"#schedules#{GROUP}", "a"), set={"schedule": '{"later": 1}'})))
    time.pass_by(hours=1)
    assert bench.run() == ["b success"]
