"""The retry policy: at most three more attempts, full jitter, the platform's own waiting time wins."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from random import SystemRandom
from typing import TypeVar

from campaign_automation.utils.error_handler import CampaignAutomationError
from campaign_automation.utils.observability import emit

T = TypeVar("T")

MAX_RETRIES = 3
MAX_TOTAL_SECONDS = 60.0
ATTEMPT_TIMEOUT_SECONDS = 30.0

Draw = Callable[[float, float], float]
# Drawn from the system: processes that start from one snapshot share the state of `random`, and with it
# their waits, just when full jitter has to keep them apart.
_draw: Draw = SystemRandom().uniform
_sleep = asyncio.sleep  # the one place where tests switch the waiting off

_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


class _Attempt:
    """The time of one attempt; it stands still while a call waits for its turn under our own limits.

    Without that a queue of our own would look like a platform that hangs. `turns` are the seconds that its
    calls may still wait.
    """

    def __init__(self, limit: asyncio.Timeout, seconds: float) -> None:
        self.turns = seconds
        self.is_over = False  # what it started may outlive it
        self._limit = limit
        self._waiting = 0
        self._left = seconds
        self._since = 0.0

    def stop(self) -> None:
        if not self._waiting and self._goes_on():
            self._since = asyncio.get_running_loop().time()
            self._left = (self._limit.when() or self._since) - self._since
            self._limit.reschedule(None)
        self._waiting += 1

    def go_on(self) -> None:
        self._waiting -= 1
        if not self._waiting and self._goes_on():
            now = asyncio.get_running_loop().time()
            self.turns -= now - self._since
            self._limit.reschedule(now + self._left)

    def _goes_on(self) -> bool:
        return not self.is_over and not self._limit.expired()


_attempt: ContextVar[_Attempt | None] = ContextVar("attempt", default=None)


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Bound the waits inside: none goes beyond `seconds` from now, nor beyond a deadline that stands."""
    left = seconds_left()
    token = _deadline.set(time.monotonic() + (seconds if left is None else min(seconds, left)))
    try:
        yield
    finally:
        _deadline.reset(token)


def seconds_left() -> float | None:
    """Return the seconds until the caller's deadline; None where there is none."""
    until = _deadline.get()
    return None if until is None else until - time.monotonic()


def seconds_to_wait() -> float | None:
    """Return the seconds that a call may wait for its turn, by the caller's deadline and by its attempt."""
    attempt = _attempt.get()
    turns = None if attempt is None else attempt.turns
    bounds = [left for left in (seconds_left(), turns) if left is not None]
    return min(bounds) if bounds else None


@contextmanager
def waiting_for_turn() -> Iterator[None]:
    """Let the attempt's time stand still: what is inside waits for our own limits and not for a platform."""
    if (attempt := _attempt.get()) is None:
        yield
        return
    attempt.stop()
    try:
        yield
    finally:
        attempt.go_on()


async def pause(seconds: float) -> None:
    """Wait; without waiting where tests have switched it off."""
    await _sleep(seconds)


def drawn(least: float, most: float) -> float:
    return _draw(least, most)


@asynccontextmanager
async def time_limit(seconds: float) -> AsyncIterator[None]:
    """Cut what is inside after `seconds` (TimeoutError), and begin no wait that would be cut."""
    with deadline(seconds):
        async with asyncio.timeout(seconds):
            yield


async def with_retries(
    call: Callable[[], Awaitable[T]],
    *,
    what: str,
    is_retryable: Callable[[CampaignAutomationError], bool] = lambda error: error.retryable,
    max_total_seconds: float = MAX_TOTAL_SECONDS,
    waits_as_asked: bool = False,
    attempt_seconds: float | None = None,
    late: Callable[[], CampaignAutomationError] = lambda: CampaignAutomationError(
        "no answer in time", code="4002"
    ),
    sleep: Callable[[float], Awaitable[None]] | None = None,
    draw: Draw = _draw,
) -> T:
    """Return the first success of `call`, retried after 0..1, 0..2 and 0..4 seconds.

    `what` names it in the metric. Only errors that `is_retryable` are retried, and only while the wait fits
    into `max_total_seconds` and before the caller's deadline; with `waits_as_asked` the deadline alone bounds
    a wait that the platform asks for. An attempt that takes `attempt_seconds` is cut, and counts as the error
    `late`; turns under our own limits are not counted, and may take as long again. The last error is raised
    with `attempts` and `elapsed` (seconds) in its details. `draw` gives a number between two others.
    """
    started = time.monotonic()
    for attempt in range(MAX_RETRIES + 1):
        try:
            return await _limited(call, attempt_seconds, late)
        except CampaignAutomationError as error:
            elapsed = time.monotonic() - started
            wait = _wait_seconds(error, attempt, draw)
            longest = _longest_wait(error, max_total_seconds - elapsed, waits_as_asked)
            if attempt == MAX_RETRIES or not is_retryable(error) or wait > longest:
                error.details.update(attempts=attempt + 1, elapsed=round(elapsed, 3))
                raise
            emit("retries_total", what=what)
            await (sleep or _sleep)(wait)
    raise AssertionError("unreachable")  # the loop either returns or raises


async def wait_as_asked(error: CampaignAutomationError) -> None:
    """Wait as long as the platform asked, for a caller that retries at times of its own."""
    await _sleep(error.details.get("retry_after", 0))


async def _limited(
    call: Callable[[], Awaitable[T]], seconds: float | None, late: Callable[[], CampaignAutomationError]
) -> T:
    if seconds is None:
        return await call()
    try:
        async with asyncio.timeout(seconds) as limit:
            attempt = _Attempt(limit, seconds)
            token = _attempt.set(attempt)
            try:
                return await call()
            finally:
                attempt.is_over = True
                _attempt.reset(token)
    except TimeoutError as error:
        raise late() from error


def _longest_wait(error: CampaignAutomationError, own: float, waits_as_asked: bool) -> float:
    left = seconds_left()
    if left is None:
        return own
    return left if waits_as_asked and "retry_after" in error.details else min(own, left)


def _wait_seconds(error: CampaignAutomationError, attempt: int, draw: Draw) -> float:
    asked: float | None = error.details.get("retry_after")
    return asked if asked is not None else draw(0, 2**attempt)
