"""One event loop for the life of a function's process: connections kept open belong to their loop.

And threads for calls that wait for somebody else's answer, which would block it; and work beside other work.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, ParamSpec, TypeVar

from campaign_automation.utils.error_handler import without_secrets

P = ParamSpec("P")
T = TypeVar("T")

_HEAD_START_SECONDS = 0.1

_runner = asyncio.Runner()
# Python's own pool has six threads on two cores, so that texts of a model would hold up the platform's calls
# and both of them the table. A thread is started when it is first needed.
WAITING_THREADS = 64
_waiting = ThreadPoolExecutor(WAITING_THREADS, thread_name_prefix="waiting")


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run one invocation; the loop stays for the next one, and a raised error quotes no secret."""
    try:
        return _runner.run(coroutine)
    except Exception as error:
        raise without_secrets(error) from None


async def in_thread(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return the answer of a call that is made in a thread; for calls of platforms and models."""
    work = partial(contextvars.copy_context().run, call, *args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(_waiting, work)


async def beside(awaited: Coroutine[Any, Any, T], other: Coroutine[Any, Any, object]) -> T:
    """Return the outcome of `awaited`, with `other` done meanwhile.

    Both have ended when this returns or raises: a function that answered is frozen, with all it still does.
    The other begins a moment later, so that a request is on its way before it takes the processor.
    """
    is_over = asyncio.Event()

    async def later() -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(is_over.wait(), _HEAD_START_SECONDS)
        await other

    task = asyncio.create_task(later())
    try:
        return await awaited
    finally:
        is_over.set()
        await task
