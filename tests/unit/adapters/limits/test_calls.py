"""Many processes share the limits of a platform through one row, on virtual time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from datetime import timedelta
from random import Random

import pytest

from campaign_automation.adapters.limits import scope
from campaign_automation.adapters.limits.calls import Calls
from campaign_automation.adapters.limits.limit import CallLimit, Kind
from campaign_automation.adapters.meta.facts import LIMIT as META
from campaign_automation.adapters.tiktok.facts import LIMIT as TIKTOK
from campaign_automation.stores.operations.call_limits import CallLimitStore
from campaign_automation.stores.table import Key, Operation, Put, Row
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import (
    CampaignAutomationError,
    PlatformError,
    PlatformQuotaError,
    PlatformRateLimitError,
    PlatformUnavailableError,
    StoreError,
)
from campaign_automation.utils.retry_strategy import deadline, with_retries
from campaign_automation.utils.urgency import stopping_spend
from local.sandbox.core.limits import Quotas
from tests.support import virtual_time
from tests.support.memory_table import MemoryTable


class CountingTable(MemoryTable):
    """Counts its reads and writes, and fails when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.did: Counter[str] = Counter()
        self.fails = False

    async def _get(self, key: Key) -> Row | None:
        self._count("read")
        return await super()._get(key)

    async def _write(self, operations: Sequence[Operation]) -> None:
        self._count("write")
        await super()._write(operations)

    def _count(self, what: str) -> None:
        if self.fails:
            raise StoreError("the table does not answer")
        self.did[what] += 1


class SlowTable(CountingTable):
    """A table that takes longer than a block of TikTok's lasts, as on a busy machine."""

    async def _get(self, key: Key) -> Row | None:
        await asyncio.sleep(0.15)
        return await super()._get(key)

    async def _write(self, operations: Sequence[Operation]) -> None:
        await asyncio.sleep(0.15)
        await super()._write(operations)


class Platform:
    """A platform with a limit of its own, as the sandbox enforces it; `answers` come first."""

    def __init__(self, name: str = "tiktok", **most: int) -> None:
        self.name = name
        self.quotas = Quotas()
        self.quotas.set(most)
        self.answers: list[PlatformError] = []
        self.always: PlatformError | None = None
        self.called: list[float] = []
        self.taken = 0

    async def call(
        self, calls: Calls, account: str = "a", kind: Kind = "read", transit: float = 0.02
    ) -> None:
        async with calls.made(account, "some_call", kind):
            await asyncio.sleep(transit)
            self.called.append(clock.now_ms() / 1000)
            if self.always is not None:
                raise self.always
            if self.answers:
                raise self.answers.pop(0)
            if not self.quotas.takes(self.name, "app", clock.now()):
                raise PlatformRateLimitError("QPS", platform=self.name, retry_after=1, rate_scope="app")
            self.taken += 1

    def since(self, start: float, seconds: float) -> int:
        """Return the calls within `seconds` from `start` on."""
        return sum(start <= at < start + seconds for at in self.called)


Lag = Callable[[], float]


def processes(
    count: int, limit: CallLimit | None, name: str = "tiktok", table: MemoryTable | None = None
) -> list[Calls]:
    table = table or CountingTable()
    return [Calls(name, limit, CallLimitStore(table)) for _ in range(count)]


def throttled(seconds: int | None = 600) -> PlatformRateLimitError:
    return PlatformRateLimitError("slow down", platform="meta", retry_after=seconds)


def silent() -> PlatformUnavailableError:
    return PlatformUnavailableError("no answer in time", platform="meta", outcome_unknown=True)


async def refused(platform: Platform, calls: Calls, account: str = "a") -> PlatformError:
    with pytest.raises(PlatformError) as failure:
        await platform.call(calls, account)
    return failure.value


async def patient(platform: Platform, calls: Calls, random: Random, lag: Lag = lambda: 0) -> None:
    """Call, and come back when a refusal says so. A call is under way for `lag` seconds more."""
    while True:
        try:
            return await platform.call(calls, transit=random.uniform(0.01, 0.08) + lag())
        except PlatformRateLimitError as error:
            await asyncio.sleep(error.details["retry_after"])


# --- the budget -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 20])
def test_processes_that_all_call_at_once_stay_within_the_limit(count: int) -> None:
    platform = Platform(tiktok=10)
    random = Random(count)
    calls = processes(count, TIKTOK)

    async def all_at_once() -> float:
        started = clock.now()
        await asyncio.gather(*(patient(platform, calls[n % count], random) for n in range(600)))
        return (clock.now() - started).total_seconds()

    seconds = virtual_time.run(all_at_once())
    assert platform.taken == 600
    assert platform.quotas.listing()["refused"].get("tiktok", 0) <= 6
    assert seconds < 1.7 * 60  # of the 60 seconds that 600 calls need at the full limit


@pytest.mark.parametrize("seed", range(3))
def test_calls_that_arrive_late_do_not_meet_the_next_block_at_the_platform(seed: int) -> None:
    platform = Platform(tiktok=10)
    random = Random(seed)
    calls = processes(4, TIKTOK)
    lags: dict[int, float] = {}

    def lag() -> float:  # what holds one call up holds up all of that moment
        return lags.setdefault(clock.now_ms() // 400, random.uniform(-0.3, 0.3))

    async def all_at_once() -> None:
        callers = (patient(platform, calls[n % 4], random, lambda: max(lag(), 0)) for n in range(600))
        await asyncio.gather(*callers)

    virtual_time.run(all_at_once())
    assert platform.taken == 600
    assert platform.quotas.listing()["refused"].get("tiktok", 0) <= 2


def test_a_leased_block_is_one_write_and_a_call_under_it_none() -> None:
    table = CountingTable()
    (calls,) = processes(1, META, "meta", table)

    async def calls_in_a_row() -> None:
        platform = Platform("meta")
        for _ in range(60):
            await platform.call(calls)

    virtual_time.run(calls_in_a_row())
    assert table.did["write"] == 1
    assert table.did["read"] <= 3


def test_one_block_serves_all_that_wait() -> None:
    table = CountingTable()
    (calls,) = processes(1, TIKTOK, "tiktok", table)

    async def at_once() -> None:
        platform = Platform(tiktok=10)
        await asyncio.gather(*(platform.call(calls, transit=0) for _ in range(80)))

    virtual_time.run(at_once())
    assert table.did["write"] <= 12


def test_a_call_that_would_wait_too_long_is_refused_at_once_with_its_wait() -> None:
    platform = Platform(tiktok=10)
    (calls,) = processes(1, TIKTOK)

    async def hurried() -> PlatformError:
        waiting = [asyncio.ensure_future(platform.call(calls, kind="write")) for _ in range(100)]
        await asyncio.sleep(0.01)
        before = clock.now_ms()
        with deadline(5):
            error = await refused(platform, calls)
        assert clock.now_ms() - before < 1000
        await asyncio.gather(*waiting)
        return error

    error = virtual_time.run(hurried())
    assert (error.code, error.retryable) == ("1003", True)
    assert 5 < error.details["retry_after"] < 20


def test_a_slow_table_leaves_most_of_the_limit_to_use() -> None:
    platform = Platform(tiktok=10)
    calls = processes(4, TIKTOK, table=SlowTable())

    async def at_once() -> float:
        started = clock.now()
        await asyncio.gather(*(patient(platform, calls[n % 4], Random(n)) for n in range(240)))
        return (clock.now() - started).total_seconds()

    seconds = virtual_time.run(at_once())
    assert platform.taken == 240
    assert platform.quotas.listing()["refused"].get("tiktok", 0) <= 2
    assert seconds < 2 * 24  # of the 24 seconds that 240 calls need at the full limit


class HeldUpTable(CountingTable):
    """A table whose process gets no processor for a while, now and then, after a lease is stored."""

    def __init__(self, random: Random) -> None:
        super().__init__()
        self._random = random

    async def _write(self, operations: Sequence[Operation]) -> None:
        await super()._write(operations)
        if self._random.random() < 0.5:
            await asyncio.sleep(self._random.uniform(0.3, 1.5))


@pytest.mark.parametrize("seed", range(4))
def test_a_process_that_is_held_up_behind_its_lease_sends_nothing_late(seed: int) -> None:
    platform = Platform(tiktok=10)
    random = Random(seed)
    calls = processes(4, TIKTOK, table=HeldUpTable(random))

    async def at_once() -> None:
        await asyncio.gather(*(patient(platform, calls[n % 4], random) for n in range(240)))

    virtual_time.run(at_once())
    assert platform.taken == 240
    assert platform.quotas.listing()["refused"].get("tiktok", 0) <= 2


def test_a_process_that_always_wakes_too_late_for_its_block_leases_longer_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    platform = Platform(tiktok=10)
    calls = processes(2, TIKTOK)

    async def starved(seconds: float) -> None:
        await asyncio.sleep(seconds + 0.3)

    async def at_once() -> float:
        started = clock.now()
        await asyncio.gather(*(patient(platform, calls[n % 2], Random(n)) for n in range(120)))
        return (clock.now() - started).total_seconds()

    monkeypatch.setattr(scope, "pause", starved)
    seconds = virtual_time.run(at_once())
    assert platform.taken == 120
    assert platform.quotas.listing()["refused"].get("tiktok", 0) <= 1
    assert seconds < 4 * 12  # of the 12 seconds that 120 calls need at the full limit


# --- the time of an attempt -------------------------------------------------------------------------------


async def in_attempts(work: Callable[[], Awaitable[None]], seconds: float) -> None:
    await with_retries(work, what="step", attempt_seconds=seconds, is_retryable=lambda error: False)


def test_waiting_for_a_turn_is_no_time_of_the_attempt() -> None:
    platform = Platform(tiktok=10)
    calls = processes(2, TIKTOK)

    async def steps() -> float:
        async def step(number: int) -> None:
            for _ in range(3):  # each behind the calls of all the others
                await platform.call(calls[number % 2], kind="write", transit=2.5)

        await asyncio.gather(*(platform.call(each) for each in calls))
        started = clock.now()
        await asyncio.gather(*(in_attempts(lambda n=n: step(n), 20) for n in range(50)))  # type: ignore[misc]
        return (clock.now() - started).total_seconds()

    assert virtual_time.run(steps()) > 20
    assert platform.taken == 152


def test_a_call_that_has_no_turn_in_time_is_told_to_come_back() -> None:
    platform = Platform("meta")
    (calls,) = processes(1, META, "meta")

    async def behind() -> tuple[PlatformError, float]:
        ahead = [asyncio.ensure_future(platform.call(calls, transit=600)) for _ in range(2)]
        await asyncio.sleep(0.1)
        started = clock.now()
        with pytest.raises(PlatformError) as failure:
            await in_attempts(lambda: platform.call(calls), 30)
        for each in ahead:
            each.cancel()
        await asyncio.gather(*ahead, return_exceptions=True)
        return failure.value, (clock.now() - started).total_seconds()

    error, waited = virtual_time.run(behind())
    assert (error.code, error.retryable, error.details["retry_after"]) == ("1003", True, 5)
    assert "outcome_unknown" not in error.details  # it was not sent
    assert 30 <= waited < 31
    assert platform.called == []


def test_the_turns_of_one_attempt_share_its_time() -> None:
    platform = Platform(tiktok=10)
    (calls,) = processes(1, TIKTOK)
    had_turns = 0

    async def crowded() -> PlatformRateLimitError:
        loop, others = asyncio.get_running_loop(), list[asyncio.Task[None]]()

        async def step() -> None:
            nonlocal had_turns
            for _ in range(2):
                for _ in range(100):
                    work = platform.call(calls, kind="write")
                    others.append(loop.create_task(work, context=Context()))
                await asyncio.sleep(0.01)
                await platform.call(calls, kind="write")
                had_turns += 1

        with pytest.raises(PlatformRateLimitError) as failure:
            await in_attempts(step, 20)
        await asyncio.gather(*others, return_exceptions=True)
        return failure.value

    error = virtual_time.run(crowded())
    assert had_turns == 1  # for the second one too little was left
    assert error.retryable
    assert error.details["retry_after"] > 0


def test_an_attempt_is_cut_after_its_own_time() -> None:
    platform = Platform(tiktok=10)
    (calls,) = processes(1, TIKTOK)

    async def hanging() -> float:
        others = [asyncio.ensure_future(platform.call(calls, kind="write")) for _ in range(40)]
        await asyncio.sleep(0.01)
        started = clock.now()
        with pytest.raises(CampaignAutomationError) as failure:
            await in_attempts(lambda: platform.call(calls, transit=600), 8)
        assert failure.value.code == "4002"
        await asyncio.gather(*others)
        return (clock.now() - started).total_seconds()

    assert 8 + 5 < virtual_time.run(hanging()) < 8 + 8


# --- pauses that a platform asks for ----------------------------------------------------------------------


def test_a_throttled_account_gets_two_calls_at_most_until_its_pause_is_over() -> None:
    platform = Platform("meta")
    calls = processes(4, META, "meta")

    async def insist() -> list[int]:
        windows = []
        for _ in range(3):
            platform.always = throttled(600)
            start = clock.now_ms() / 1000
            for turn in range(40):
                error = await refused(platform, calls[turn % 4])
                assert error.code == "1003"
                assert 0 < error.details["retry_after"] <= 600
                await asyncio.sleep(14)
            windows.append(platform.since(start, 600))
            await asyncio.sleep(600 - 40 * 14 + 1)
        platform.always = None
        await asyncio.gather(*(platform.call(calls[0]) for _ in range(5)))
        return windows

    assert max(virtual_time.run(insist())) <= 2
    assert platform.taken == 5


def test_after_a_pause_one_call_goes_ahead_of_all_others() -> None:
    platform = Platform("meta")
    calls = processes(2, META, "meta")

    async def once_over() -> tuple[int, list[object]]:
        platform.always = throttled(60)
        await refused(platform, calls[0])
        await asyncio.sleep(61)
        before = len(platform.called)
        answers = await asyncio.gather(
            *(platform.call(calls[n % 2]) for n in range(10)), return_exceptions=True
        )
        return len(platform.called) - before, list(answers)

    sent, answers = virtual_time.run(once_over())
    assert sent == 1
    assert all(isinstance(answer, PlatformRateLimitError) for answer in answers)


def test_a_throttling_without_a_wait_is_paused_longer_each_time() -> None:
    platform = Platform("meta")
    (calls,) = processes(1, META, "meta")

    async def pauses() -> list[int]:
        platform.always = throttled(None)
        told = []
        for _ in range(8):
            await refused(platform, calls)
            error = await refused(platform, calls)
            told.append(error.details["retry_after"])
            await asyncio.sleep(told[-1] + 1)
        return told

    assert virtual_time.run(pauses()) == [5, 10, 20, 40, 80, 160, 300, 300]


def test_a_quota_of_the_day_stays_what_it_is() -> None:
    platform = Platform("google")
    calls = processes(2, None, "google")

    async def used_up() -> PlatformError:
        platform.always = PlatformQuotaError("day", platform="google", retry_after=40_591, rate_scope="app")
        await refused(platform, calls[0], "a")
        return await refused(platform, calls[1], "b")

    error = virtual_time.run(used_up())
    assert (error.code, error.retryable, len(platform.called)) == ("1005", False, 1)


def test_other_accounts_go_on_while_one_is_throttled() -> None:
    platform = Platform("meta")
    (calls,) = processes(1, META, "meta")

    async def one() -> None:
        platform.answers = [throttled()]
        await refused(platform, calls, "a")
        await platform.call(calls, "b")

    virtual_time.run(one())
    assert platform.taken == 1


def test_reads_rest_when_the_platform_says_that_most_is_used() -> None:
    platform = Platform("meta")
    calls = processes(2, META, "meta")

    async def busy() -> None:
        await platform.call(calls[1])
        await calls[0].saw_usage("a", 95)
        await asyncio.sleep(6)
        for each in calls:
            assert (await refused(platform, each)).details["retry_after"] <= 60
            await platform.call(each, kind="write")
        await asyncio.sleep(60)
        await platform.call(calls[1])

    virtual_time.run(busy())


# --- the breaker ------------------------------------------------------------------------------------------


def test_five_calls_without_an_answer_open_the_breaker_for_all_processes() -> None:
    platform = Platform("meta")
    calls = processes(3, META, "meta")

    async def outage() -> tuple[int, PlatformError]:
        platform.always = silent()
        for turn in range(30):
            await refused(platform, calls[turn % 3])
        sent, error = len(platform.called), await refused(platform, calls[2])
        await asyncio.sleep(error.details["retry_after"] + 1)
        await refused(platform, calls[1])  # the probe fails
        await refused(platform, calls[0])
        assert len(platform.called) == sent + 1
        platform.always = None
        await asyncio.sleep(11)
        for each in calls:
            await platform.call(each)
        return sent, error

    sent, error = virtual_time.run(outage())
    assert 5 <= sent <= 7  # the two other processes may make one call more before they know
    assert (error.code, error.retryable) == ("4002", True)
    assert "outcome_unknown" not in error.details  # it was not sent
    assert platform.taken == 3


def test_single_faults_open_nothing() -> None:
    platform = Platform("meta")
    (calls,) = processes(1, META, "meta")

    async def now_and_then() -> None:
        for _ in range(20):
            platform.answers = [silent()]
            await refused(platform, calls)
            await platform.call(calls)

    virtual_time.run(now_and_then())
    assert len(platform.called) == 40


def test_a_call_that_hung_until_it_was_cut_counts_as_not_answered() -> None:
    platform = Platform("meta")
    (calls,) = processes(1, META, "meta")

    async def hang() -> None:
        for _ in range(5):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(15):
                    await platform.call(calls, transit=100)
        assert (await refused(platform, calls)).code == "4002"

    virtual_time.run(hang())


# --- what stops spend -------------------------------------------------------------------------------------


def test_what_stops_spend_is_sent_at_once_whatever_stands_against_it() -> None:
    platform = Platform("tiktok")
    table = CountingTable()
    (calls,) = processes(1, TIKTOK, table=table)

    async def pause() -> float:
        before = clock.now_ms()
        with stopping_spend():
            await asyncio.gather(platform.call(calls, transit=0), platform.call(calls, transit=0))
        return (clock.now_ms() - before) / 1000

    async def against_all() -> None:
        queue = [asyncio.ensure_future(platform.call(calls, transit=0)) for _ in range(90)]
        await asyncio.sleep(0.01)
        assert await pause() < 0.5  # not behind ten seconds of reads
        await asyncio.gather(*queue)
        platform.answers = [throttled()]
        await refused(platform, calls)
        assert await pause() < 0.5
        assert isinstance(await refused(platform, calls), PlatformRateLimitError)
        table.fails = True
        assert await pause() < 0.5

    virtual_time.run(against_all())


def test_without_its_row_nothing_is_held_up() -> None:
    platform = Platform("meta")
    table = CountingTable()
    table.fails = True
    (calls,) = processes(1, META, "meta", table)

    async def without_row() -> None:
        await platform.call(calls)
        platform.answers = [throttled()]
        assert (await refused(platform, calls)).message == "slow down"
        await calls.saw_usage("a", 99)

    virtual_time.run(without_row())


@pytest.mark.parametrize("content", [{}, {"state": "no idea"}, {"state": '{"closings": "many"}'}])
def test_a_row_that_cannot_be_read_is_written_anew(content: Row) -> None:
    platform, table = Platform("meta"), CountingTable()
    calls, other = processes(2, META, "meta", table)

    async def spoiled() -> None:
        for name in ("a", "app"):
            await table.write(Put({"pk": "limits#meta", "sk": name, "row_version": 3, **content}))
        await platform.call(calls)
        platform.answers = [throttled()]
        await refused(platform, calls)
        assert (await refused(platform, other)).details["retry_after"] == 600

    virtual_time.run(spoiled())


def test_a_clock_that_is_set_back_holds_nothing_up_for_longer_than_a_day() -> None:
    platform = Platform("meta")
    (calls,) = processes(1, META, "meta")

    async def back() -> None:
        clock._offset += timedelta(days=30)
        await asyncio.gather(*(platform.call(calls, kind="write") for _ in range(30)))
        platform.answers = [throttled()]
        await refused(platform, calls)
        clock._offset -= timedelta(days=30)
        await platform.call(calls)

    virtual_time.run(back())


def test_a_block_that_was_leased_by_a_later_clock_is_not_waited_for() -> None:
    platform, table = Platform("meta"), CountingTable()
    (calls,) = processes(1, META, "meta", table)

    async def back() -> float:
        await asyncio.sleep(100)
        await platform.call(calls)
        table.clear()
        clock._offset -= timedelta(seconds=90)
        before = clock.now_ms()
        await platform.call(calls)
        return (clock.now_ms() - before) / 1000

    assert virtual_time.run(back()) < 1
