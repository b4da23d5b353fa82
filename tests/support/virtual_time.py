"""An event loop in which nobody waits: sleeping moves the module's clock ahead instead."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest

from campaign_automation.utils import clock

T = TypeVar("T")


class _Selector:
    """A selector that never waits; the time that it would have waited passes at once."""

    def __init__(self, loop: VirtualLoop, selector: Any) -> None:
        self._loop = loop
        self._selector = selector

    def select(self, timeout: float | None = None) -> Any:
        if ready := self._selector.select(0):
            return ready
        if timeout is None:
            raise RuntimeError("everything waits, and nothing will come")
        self._loop.pass_time(timeout)
        return []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._selector, name)


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        super().__init__()
        self._passed = 0.0
        self._selector: Any = _Selector(self, self._selector)

    def time(self) -> float:
        return self._passed

    def pass_time(self, seconds: float) -> None:
        self._passed += seconds
        clock._offset += timedelta(seconds=seconds)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end; hours of sleeping take no time, and a busy machine adds none."""
    before, started = clock._offset, datetime.now(UTC)
    try:
        with pytest.MonkeyPatch.context() as patch, asyncio.Runner(loop_factory=VirtualLoop) as runner:
            patch.setattr(clock, "now", lambda: started + clock._offset)
            return runner.run(work)
    finally:
        clock._offset = before
