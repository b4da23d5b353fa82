"""Deadlines, attempts that are cut, and turns under limits of our own, on a clock that the tests move."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from campaign_automation.utils import retry_strategy
from campaign_automation.utils.error_handler import (
    CampaignAutomationError,
    PlatformRateLimitError,
    PlatformUnavailableError,
)
from campaign_automation.utils.retry_strategy import (
    deadline,
    drawn,
    pause,
    seconds_left,
    seconds_to_wait,
    time_limit,
    wait_as_asked,
    waiting_for_turn,
    with_retries,
)
from tests.support import virtual_time


class Machine:
    """The machine's clock, and the waits that moved it."""

    def __init__(self) -> None:
        self.now = 100.0
        self.waits: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    found = Machine()
    monkeypatch.setattr(retry_strategy, "time", SimpleNamespace(monotonic=lambda: found.now))
    monkeypatch.setattr(retry_strategy, "_sleep", found.sleep)
    return found


def limited(seconds: float) -> PlatformRateLimitError:
    return PlatformRateLimitError("slow", platform="meta", retry_after=seconds)


def tried(*outcomes: Any, **options: Any) -> str | CampaignAutomationError:
    left = list(outcomes)

    async def call() -> str:
        outcome = left.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return str(outcome)

    try:
        return asyncio.run(with_retries(call, what="test", draw=lambda _, most: most, **options))
    except CampaignAutomationError as error:
        return error


# --- deadlines ----------------------------------------------------------------------------------------------


def test_an_inner_deadline_never_outlives_the_outer_one(machine: Machine) -> None:
    assert (seconds_left(), seconds_to_wait()) == (None, None)
    with deadline(10):
        with deadline(30):
            assert seconds_left() == 10
        with deadline(4):
            assert seconds_left() == 4
        machine.now += 3
        assert (seconds_left(), seconds_to_wait()) == (7, 7)
    assert seconds_left() is None


def test_no_wait_goes_beyond_what_all_tries_may_take(machine: Machine) -> None:
    down = PlatformUnavailableError("down", platform="meta")
    error = tried(*[down] * 4, max_total_seconds=6.5)
    assert error is down
    assert machine.waits == [1, 2]  # the third would end after seven seconds
    assert (error.details["attempts"], error.details["elapsed"]) == (3, 3)
    assert tried(*[down] * 3, "yes", max_total_seconds=7) == "yes"


def test_no_wait_goes_beyond_the_deadline(machine: Machine) -> None:
    with deadline(6):
        assert isinstance(tried(limited(7), "yes"), PlatformRateLimitError)
        assert tried(limited(6), "yes") == "yes"


@pytest.mark.parametrize(("as_asked", "waits"), [(True, [7.0]), (False, [])])
def test_the_deadline_alone_bounds_a_wait_that_is_asked_for(
    machine: Machine, as_asked: bool, waits: list[float]
) -> None:
    with deadline(8):
        tried(limited(7), "yes", max_total_seconds=1, waits_as_asked=as_asked)
    assert machine.waits == waits


def test_a_wait_of_our_own_is_bounded_though_asked_ones_are_not(machine: Machine) -> None:
    with deadline(8):
        error = tried(
            PlatformUnavailableError("down", platform="meta"), max_total_seconds=0.5, waits_as_asked=True
        )
    assert isinstance(error, PlatformUnavailableError)
    assert tried(limited(7), max_total_seconds=1, waits_as_asked=True) is not None
    assert machine.waits == []  # without a deadline nothing else bounds it


def test_what_is_retried_is_for_the_caller_to_say(machine: Machine) -> None:
    down = PlatformUnavailableError("down", platform="meta")
    assert tried(down, "yes", is_retryable=lambda _: False) is down


def test_waits_are_as_long_as_asked(machine: Machine) -> None:
    asyncio.run(wait_as_asked(limited(7)))
    asyncio.run(wait_as_asked(PlatformUnavailableError("down", platform="meta")))
    asyncio.run(pause(3))
    assert machine.waits == [7, 0, 3]
    assert 2 <= drawn(2, 3) <= 3


# --- attempts ----------------------------------------------------------------------------------------------


def attempted(call: Callable[[], Awaitable[Any]], seconds: float = 5) -> Any:
    """Return what one attempt came to; without its time it would wait for hours."""

    async def work() -> Any:
        try:
            return await with_retries(
                call, what="test", attempt_seconds=seconds, is_retryable=lambda _: False
            )
        except CampaignAutomationError as error:
            return error

    return virtual_time.run(work())


@pytest.mark.parametrize(("seconds", "is_cut"), [(4.9, False), (5.1, True)])
def test_an_attempt_that_takes_too_long_is_cut(seconds: float, is_cut: bool) -> None:
    async def call() -> str:
        await asyncio.sleep(seconds)
        return "yes"

    answer = attempted(call)
    assert (answer != "yes") == is_cut
    if is_cut:
        assert (answer.code, answer.message) == ("4002", "no answer in time")


@pytest.mark.parametrize(("before", "after", "is_cut"), [(2, 2, False), (3, 3, True), (0, 4.9, False)])
def test_the_time_of_an_attempt_stands_still_while_it_waits_for_its_turn(
    before: float, after: float, is_cut: bool
) -> None:
    async def call() -> str:
        await asyncio.sleep(before)
        with waiting_for_turn():
            await asyncio.sleep(100)
        await asyncio.sleep(after)
        return "yes"

    assert (attempted(call) != "yes") == is_cut


def test_the_time_goes_on_when_the_last_of_two_calls_has_its_turn() -> None:
    async def turn(seconds: float) -> None:
        with waiting_for_turn():
            await asyncio.sleep(seconds)

    async def call() -> float | None:
        await asyncio.gather(turn(10), turn(20))
        await asyncio.sleep(4)
        return seconds_to_wait()

    assert attempted(call) == 5 - 20


def test_a_call_may_wait_for_its_turn_as_long_as_its_attempt_may_take() -> None:
    async def call() -> list[float | None]:
        first = seconds_to_wait()
        await asyncio.sleep(1)
        with waiting_for_turn():
            await asyncio.sleep(2)
        with deadline(1):
            bounded = seconds_to_wait()
        return [first, seconds_to_wait(), bounded]

    assert attempted(call) == [5, 3, 1]


def test_what_an_attempt_left_behind_waits_without_it() -> None:
    left: list[asyncio.Task[None]] = []

    async def outlives() -> None:
        with waiting_for_turn():
            await asyncio.sleep(60)

    async def call() -> str:
        left.append(asyncio.create_task(outlives()))
        await asyncio.sleep(0)
        return "yes"

    async def work() -> str:
        answer = await with_retries(call, what="test", attempt_seconds=5)
        await left[0]
        await asyncio.sleep(60)
        return answer

    assert virtual_time.run(work()) == "yes"


def test_outside_an_attempt_a_turn_is_just_waited_for() -> None:
    with waiting_for_turn():
        assert seconds_to_wait() is None


def test_a_time_limit_cuts_what_is_inside_and_bounds_its_waits() -> None:
    async def work() -> None:
        async with time_limit(3):
            assert seconds_left() == 3
            await asyncio.sleep(4)

    with pytest.raises(TimeoutError):
        virtual_time.run(work())
