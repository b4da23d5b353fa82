"""Batches that several callers share, of each at most one call at a time.

A batch of Meta may not hold two ad sets of one campaign. Those of many campaigns are changed at once, by a
caller for each campaign: their calls go together, and a caller alone sends its own singly.
Source: M-DOC "Batch Requests".
"""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Generic, TypeVar

from campaign_automation.adapters.base import Outcome

ItemT = TypeVar("ItemT")


class _Caller(Generic[ItemT]):
    """The calls of one caller that are still to be sent, and the outcomes of the others."""

    def __init__(self, items: Mapping[str, ItemT]) -> None:
        self.left = deque(items.items())
        self.outcomes: dict[str, Outcome] = {}
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        # The caller's deadline and the keys of its log hold for each batch that it leads.
        self.context = contextvars.copy_context()
        self._open = len(items)

    def take(self, outcome: Outcome) -> None:
        self.outcomes[outcome.tag] = outcome
        self._open -= 1
        if not self._open and not self.done.done():
            self.done.set_result(None)

    def fail(self, error: Exception) -> None:
        if not self.done.done():
            self.done.set_exception(error)


class CommonBatches(Generic[ItemT]):
    """The calls to one account; `send` sends a batch of at most `size`, and `at_once` are under way."""

    def __init__(
        self, send: Callable[[Mapping[str, ItemT]], Awaitable[list[Outcome]]], size: int, at_once: int
    ) -> None:
        self._send = send
        self._size = size
        self._at_once = at_once
        self._callers: deque[_Caller[ItemT]] = deque()
        self._under_way: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def send(self, items: Mapping[str, ItemT]) -> list[Outcome]:
        """Send the calls, by tag, and return their outcomes in order; tags differ between callers."""
        if not items:
            return []
        loop = asyncio.get_running_loop()
        if self._loop is not loop:  # what an earlier one left is not going on
            self._loop, self._callers, self._under_way = loop, deque(), set()
        caller = _Caller(items)
        self._callers.append(caller)
        self._fill()
        try:
            await caller.done
        finally:
            caller.left.clear()  # nothing is sent for a caller that was cut off
        return [caller.outcomes[tag] for tag in items]

    def _fill(self) -> None:
        while len(self._under_way) < self._at_once and (batch := self._next()):
            leader = next(iter(batch.values()))[0]
            work = self._carry_out(batch)
            task = asyncio.get_running_loop().create_task(work, context=leader.context.copy())
            self._under_way.add(task)
            task.add_done_callback(self._ended)

    def _next(self) -> dict[str, tuple[_Caller[ItemT], ItemT]]:
        """Return the next batch: a call of each caller, as many as it may hold."""
        batch: dict[str, tuple[_Caller[ItemT], ItemT]] = {}
        turns = min(len(self._callers), self._size)
        for _ in range(turns):
            caller = self._callers.popleft()
            if caller.left:
                tag, item = caller.left.popleft()
                batch[tag] = caller, item
                self._callers.append(caller)
        return batch

    async def _carry_out(self, batch: dict[str, tuple[_Caller[ItemT], ItemT]]) -> None:
        try:
            outcomes = await self._send({tag: item for tag, (_, item) in batch.items()})
        except asyncio.CancelledError:
            for caller, _ in batch.values():
                caller.done.cancel()
            raise
        except Exception as error:
            for caller, _ in batch.values():
                caller.fail(error)
            return
        for outcome in outcomes:
            batch[outcome.tag][0].take(outcome)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            self._fill()
