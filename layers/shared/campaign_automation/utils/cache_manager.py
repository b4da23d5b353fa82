"""The cache, which may vanish at any moment: down is a miss and a metric, never a failed request."""

from __future__ import annotations

import asyncio
import importlib
import json
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from campaign_automation.utils.observability import emit, logger
from campaign_automation.utils.validation import json_of

T = TypeVar("T")

_REST_SECONDS = 10.0  # a cache that failed is not asked for this long: each try could cost its time limit
_ASK_SECONDS = 2.0  # of a client handed in; our own gives up after one
_FLIGHT_SECONDS = 25  # the longest that one reader may keep the others waiting
_POLL_SECONDS = 0.05


class RedisClient(Protocol):
    """The part of redis.asyncio that we use; any object with these methods will do."""

    async def get(self, name: str) -> Any: ...
    async def set(self, name: str, value: str, *, ex: int, nx: bool = False) -> Any: ...
    async def delete(self, *names: str) -> Any: ...


class CacheManager:
    """The cache of JSON values under `{stage}:{tenant}:{what}` keys, always with a time to live in seconds.

    Without a client every lookup is a miss. Nothing is decided on a cached value alone.
    """

    def __init__(self, client: RedisClient | None, stage: str) -> None:
        self._client = client
        self._stage = stage
        self._rests_until = 0.0
        self._flights: dict[str, asyncio.Task[Any]] = {}

    async def get_or_load(
        self, tenant: str, what: str, ttl_seconds: int, load: Callable[[], Awaitable[Any]]
    ) -> Any:
        """Return the cached value, or the result of `load`, which is then kept for `ttl_seconds`."""
        cached = await self.get(tenant, what)
        if cached is not None:
            return cached
        value = await load()
        await self.set(tenant, what, ttl_seconds, value)
        return value

    @property
    def is_on(self) -> bool:
        return self._client is not None

    async def is_up(self) -> bool:
        """Return whether the cache takes a value and gives it back."""
        await self.set("health", "ping", 60, True)
        return bool(await self.get("health", "ping"))

    async def get(self, tenant: str, what: str) -> Any:
        """Return the value, or None."""
        key = self._key(tenant, what)
        text = await self._ask("get", lambda client: client.get(key))
        try:
            value = None if text is None else json_of(text)
        except (ValueError, TypeError, AttributeError):  # another program's value, or no text at all
            value = None
        emit("cache_requests_total", result="miss" if value is None else "hit")
        return value

    async def set(self, tenant: str, what: str, ttl_seconds: int, value: Any) -> None:
        """Keep the value; one that JSON cannot hold, as a client handed in may answer, is not kept."""
        try:
            key, text = self._key(tenant, what), json.dumps(value)
        except (ValueError, TypeError, RecursionError) as error:
            logger.warning("value not cached", reason=str(error))
            return
        await self._ask("set", lambda client: client.set(key, text, ex=ttl_seconds))

    async def single_flight(
        self,
        tenant: str,
        what: str,
        look: Callable[[], Awaitable[T | None]],
        load: Callable[[], Awaitable[T]],
    ) -> T:
        """Return the result of `load`, called once for all simultaneous readers.

        They may be in this process and, while the cache is up, in any process. The other readers wait for
        the result that `look` then finds, for 25 seconds at most; then they call `load` themselves.
        """
        key = self._key(tenant, what)
        flight = self._flights.get(key)
        if flight is None:
            flight = asyncio.create_task(self._fly(f"{key}:flight", look, load))
            self._flights[key] = flight
            flight.add_done_callback(lambda _: self._flights.pop(key, None))
        # Shielded: a reader that gives up must not cancel the load for the others.
        result: T = await asyncio.shield(flight)
        return result

    async def _fly(
        self, lock: str, look: Callable[[], Awaitable[T | None]], load: Callable[[], Awaitable[T]]
    ) -> T:
        mine = uuid.uuid4().hex
        deadline = time.monotonic() + _FLIGHT_SECONDS
        while not await self._take(lock, mine):
            await asyncio.sleep(_POLL_SECONDS)
            if (found := await look()) is not None:
                return found
            if time.monotonic() > deadline:
                break
        try:
            # The reader before may have stored its result after our last look and before we had the lock.
            found = await look()
            return await load() if found is None else found
        finally:
            # Only our own lock: after 25 seconds it expires, and another reader may have taken it.
            if await self._ask("get", lambda client: client.get(lock)) in (mine, mine.encode()):
                await self._ask("delete", lambda client: client.delete(lock))

    async def _take(self, lock: str, mine: str) -> bool:
        """Take the lock and return whether this reader has it; without a cache every process has it."""
        taken = await self._ask(
            "set", lambda client: client.set(lock, mine, ex=_FLIGHT_SECONDS, nx=True), otherwise=True
        )
        return bool(taken)

    def _key(self, tenant: str, what: str) -> str:
        # Braces keep all keys of a tenant in one slot of a cluster.
        return f"{self._stage}:{{{tenant}}}:{what}"

    async def _ask(
        self, operation: str, ask: Callable[[RedisClient], Awaitable[Any]], otherwise: Any = None
    ) -> Any:
        if self._client is None or time.monotonic() < self._rests_until:
            return otherwise
        try:
            async with asyncio.timeout(_ASK_SECONDS):
                return await ask(self._client)
        except (Exception, asyncio.CancelledError) as error:  # a failure of the cache is only a miss
            # Clients with tasks of their own may let a cancellation out; the caller's own must stay one.
            task = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
                raise
            self._rests_until = time.monotonic() + _REST_SECONDS
            logger.warning("cache unavailable", operation=operation, reason=type(error).__name__)
            emit("cache_unavailable_total", operation=operation)
            return otherwise


def load_redis() -> Any:
    """Import the client: 0.2 s that functions without a cache need not pay."""
    return importlib.import_module("redis.asyncio")


def connect(
    url: str | None, cluster: bool, credentials: Callable[[], dict[str, Any]] | None = None
) -> RedisClient | None:
    """Return a redis.asyncio client for `url` (rediss:// for TLS), or None. Nothing is sent yet.

    `credentials` gives {"username", "password"} of a user of the cache, where it needs one.
    """
    if url is None:
        return None
    redis = load_redis()
    factory: Any = redis.RedisCluster if cluster else redis.Redis
    options: dict[str, Any] = {"socket_timeout": 1, "socket_connect_timeout": 1}
    if credentials is not None:
        options |= {name: credentials()[name] for name in ("username", "password")}
    client: RedisClient = factory.from_url(url, **options)
    return client
