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
_attempt_ends: ContextVar[float | None] = ContextVar("attempt_ends", default=None)


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
    """Return the seconds until the caller's deadline, or until the attempt that goes on is cut, if sooner."""
    ends = [end for end in (_deadline.get(), _attempt_ends.get()) if end is not None]
    return min(ends) - time.monotonic() if ends else None


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
    `late`. The last error is raised with `attempts` and `elapsed` (seconds) in its details. `draw` gives a
    number between two others.
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
    ends = _attempt_ends.get() if seconds is None else time.monotonic() + seconds
    token = _attempt_ends.set(ends)
    try:
        async with asyncio.timeout(seconds):
            return await call()
    except TimeoutError as error:
        raise late() from error
    finally:
        _attempt_ends.reset(token)


def _longest_wait(error: CampaignAutomationError, own: float, waits_as_asked: bool) -> float:
    left = seconds_left()
    if left is None:
        return own
    return left if waits_as_asked and "retry_after" in error.details else min(own, left)


def _wait_seconds(error: CampaignAutomationError, attempt: int, draw: Draw) -> float:
    asked: float | None = error.details.get("retry_after")
    return asked if asked is not None else draw(0, 2**attempt)
