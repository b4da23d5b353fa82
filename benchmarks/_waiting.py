"""The seconds in which this process waits for platforms, models and the Web Platform."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import requests.adapters


class Waiting:
    """`seconds` are those with at least one request under way, of all threads and tasks together.

    `requests` is the number of all that were sent.
    """

    def __init__(self, now: Callable[[], float] = time.perf_counter) -> None:
        self.seconds = 0.0
        self.requests = 0
        self._now = now
        self._under_way = 0
        self._since = 0.0
        self._lock = threading.Lock()

    @contextmanager
    def request(self) -> Iterator[None]:
        with self._lock:
            if not self._under_way:
                self._since = self._now()
            self._under_way += 1
            self.requests += 1
        try:
            yield
        finally:
            with self._lock:
                self._under_way -= 1
                if not self._under_way:
                    self.seconds += self._now() - self._since


@contextmanager
def watched() -> Iterator[Waiting]:
    """Watch the requests of this process that go through requests or httpx; those of AWS go through
    neither."""
    waiting = Waiting()
    send, handle = requests.adapters.HTTPAdapter.send, httpx.AsyncHTTPTransport.handle_async_request

    def sent(adapter: Any, *arguments: Any, **named: Any) -> Any:
        with waiting.request():
            return send(adapter, *arguments, **named)

    async def handled(transport: Any, request: httpx.Request) -> httpx.Response:
        with waiting.request():
            return await handle(transport, request)

    requests.adapters.HTTPAdapter.send = sent  # type: ignore[method-assign, assignment]
    httpx.AsyncHTTPTransport.handle_async_request = handled  # type: ignore[method-assign, assignment]
    try:
        yield waiting
    finally:
        requests.adapters.HTTPAdapter.send = send  # type: ignore[method-assign]
        httpx.AsyncHTTPTransport.handle_async_request = handle  # type: ignore[method-assign]
