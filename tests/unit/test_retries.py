"""At most three more tries, growing jittered waits, the platform's own waiting time first."""

import asyncio
from typing import Any

import pytest

from campaign_automation.utils.error_handler import (
    CampaignAutomationError,
    InvalidRequestError,
    PlatformRateLimitError,
    PlatformUnavailableError,
)
from campaign_automation.utils.retry_strategy import with_retries


class Flaky:
    def __init__(self, *outcomes: Any) -> None:
        self.outcomes = list(outcomes)
        self.calls = 0

    async def __call__(self) -> str:
        self.calls += 1
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return str(outcome)


def run(call: Flaky, **options: Any) -> tuple[str | CampaignAutomationError, list[float]]:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    try:
        return asyncio.run(with_retries(call, what="test", sleep=sleep, **options)), waits
    except CampaignAutomationError as error:
        return error, waits


def unavailable(**details: Any) -> CampaignAutomationError:
    return PlatformUnavailableError("down", platform="meta", **details)


def test_the_first_success_ends_it() -> None:
    call = Flaky(unavailable(), unavailable(), "yes")
    result, waits = run(call)
    assert (result, call.calls, len(waits)) == ("yes", 3, 2)


def test_after_the_third_retry_the_last_error_comes_with_its_attempts() -> None:
    call = Flaky(*(unavailable() for _ in range(9)))
    error, waits = run(call)
    assert isinstance(error, PlatformUnavailableError)
    assert call.calls == error.details["attempts"] == 4
    assert all(0 <= wait <= ceiling for wait, ceiling in zip(waits, (1, 2, 4), strict=True))
    assert "elapsed" in error.details


def test_what_asking_again_cannot_help_is_not_asked_again() -> None:
    call = Flaky(InvalidRequestError("no"))
    _, waits = run(call)
    assert (call.calls, waits) == (1, [])


def test_the_platforms_waiting_time_wins() -> None:
    call = Flaky(PlatformRateLimitError("slow", platform="meta", retry_after=7), "yes")
    assert run(call) == ("yes", [7])


def test_a_wait_that_does_not_fit_ends_it_at_once() -> None:
    call = Flaky(PlatformRateLimitError("slow", platform="meta", retry_after=3600), "yes")
    error, waits = run(call)
    assert isinstance(error, PlatformRateLimitError)
    assert waits == []


@pytest.mark.parametrize("attempts", [1, 2, 3, 4])
def test_jitter_stays_under_its_ceiling(attempts: int) -> None:
    for _ in range(50):
        _, waits = run(Flaky(*[unavailable()] * (attempts - 1), "yes"))
        assert all(wait <= 2**index for index, wait in enumerate(waits))
