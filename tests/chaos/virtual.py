"""Virtual time and seeded chance: a process in which the same seed is the same history, to the last call."""

from __future__ import annotations

import asyncio
import random
import selectors
import time
import uuid
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest

from campaign_automation.settings import Settings
from campaign_automation.utils import clock

T = TypeVar("T")
START = datetime(2026, 11, 2, 15, tzinfo=UTC)


class _NoWaiting(selectors.SelectSelector):
    """Waits for nothing: the loop's time jumps to its next timer."""

    jump: Callable[[float], None]

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise RuntimeError("every task waits for something that never comes")
        if timeout > 0:
            self.jump(timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time passes only while everything waits, and by command."""

    def __init__(self) -> None:
        self._passed = 0.0
        selector = _NoWaiting()
        selector.jump = self.advance
        super().__init__(selector)

    def time(self) -> float:
        return self._passed

    def advance(self, seconds: float) -> None:
        self._passed += seconds

    def now(self) -> datetime:
        return START + timedelta(seconds=self._passed)


@contextmanager
def virtual_runner(seed: int) -> Iterator[asyncio.Runner]:
    """A runner of coroutines on virtual time; the chance in them is drawn from the seed."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, VirtualLoop)
        with _patched(loop, random.Random(f"chance {seed}")):
            yield runner


def run_virtually(main: Callable[[], Coroutine[Any, Any, T]], seed: int) -> T:
    """Run `main` to its end on virtual time."""
    with virtual_runner(seed) as runner:
        return runner.run(main())


def pass_seconds(seconds: float) -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    loop.advance(seconds)


@contextmanager
def _patched(loop: VirtualLoop, chance: random.Random) -> Iterator[None]:
    async def here(work: Callable[..., T], /, *args: Any, **kwargs: Any) -> T:
        return work(*args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        for name in Settings.model_fields:
            patch.delenv(name.upper(), raising=False)
        patch.setattr(clock, "now", loop.now)
        patch.setattr(time, "monotonic", loop.time)
        patch.setattr(time, "time", lambda: loop.now().timestamp())
        patch.setattr(asyncio, "to_thread", here)
        patch.setattr(uuid, "uuid4", lambda: uuid.UUID(int=chance.getrandbits(128), version=4))
        patch.setattr(random.SystemRandom, "random", lambda _: chance.random())
        yield
