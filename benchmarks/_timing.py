"""Times of calls, for benchmarks that compare them within one run."""

from __future__ import annotations

import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Any


async def median_ms(call: Callable[[], Awaitable[Any]], times: int) -> float:
    """Return the median time of a call in milliseconds, after one that warms up."""
    await call()
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        await call()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds) * 1000
