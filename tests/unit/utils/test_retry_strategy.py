"""At most three more tries, growing jittered waits, the platform's own waiting time first."""

import asyncio
import random
import re
from pathlib import Path
from typing import Any

import pytest

from campaign_automation.utils.error_handler import (
    CampaignAutomationError,
    InvalidRequestError,
    PlatformRateLimitError,
    PlatformUnavailableError,
)
from campaign_automation.utils.retry_strategy import with_retries

ROOT = Path(__file__).parents[3]


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
    error, waits = run(call, draw=lambda _, most: most)
    assert isinstance(error, PlatformUnavailableError)
    assert call.calls == error.details["attempts"] == 4
    assert waits == [1, 2, 4]
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


@pytest.mark.parametrize(("share", "expected"), [(0, [0, 0, 0]), (0.25, [0.25, 0.5, 1]), (1, [1, 2, 4])])
def test_each_wait_is_drawn_from_0_to_its_ceiling(share: float, expected: list[float]) -> None:
    def draw(least: float, most: float) -> float:
        return least + share * (most - least)

    _, waits = run(Flaky(*[unavailable()] * 3, "yes"), draw=draw)
    assert waits == expected


def test_processes_with_the_same_state_wait_differently() -> None:
    """A snapshot of a process clones what `random` has drawn so far, and with it what it draws next."""
    found = []
    for _ in range(2):
        random.seed(7)
        found.append(run(Flaky(*[unavailable()] * 3, "yes"))[1])
    assert found[0] != found[1]


def test_no_part_of_the_product_draws_from_a_state_that_snapshots_clone() -> None:
    every = (path for folder in ("layers", "functions") for path in (ROOT / folder).rglob("*.py"))
    # Libraries draw from it: after a restore this one module seeds it anew.
    sources = [path for path in every if path.name != "snapshots.py"]
    assert sources
    cloned = re.compile(
        r"^\s*(import random\b|from random import (?!SystemRandom\b)|from uuid import|.*uuid1\()", re.M
    )
    assert [str(path) for path in sources if cloned.search(path.read_text())] == []
