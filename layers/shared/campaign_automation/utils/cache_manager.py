"""A cache that may vanish at any moment: down is a miss and a metric, never a failed request."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from campaign_automation.utils.observability import emit, logger


class RedisClient(Protocol):
    """The part of redis.asyncio that we use; any object with these methods will do."""

    async def get(self, name: str) -> Any: ...
    async def setex(self, name: str, time: int, value: str) -> Any: ...


class CacheManager:
    """JSON values under `{stage}:{tenant}:{what}` keys, always with a time to live in seconds.

    Without a client every look-up is a miss. Nothing is decided on what stands here alone.
    """

    def __init__(self, client: RedisClient | None, stage: str) -> None:
        self._client = client
        self._stage = stage

    async def get_or_load(
        self, tenant: str, what: str, ttl_seconds: int, load: Callable[[], Awaitable[Any]]
    ) -> Any:
        """The cached value, or what `load` gives, which is then kept for `ttl_seconds`."""
        key = f"{self._stage}:{tenant}:{what}"
        cached = await self._get(key)
        if cached is not None:
            return cached
        value = await load()
        await self._set(key, ttl_seconds, value)
        return value

    async def _get(self, key: str) -> Any:
        if self._client is None:
            return None
        try:
            text = await self._client.get(key)
            value = None if text is None else json.loads(text)
        except Exception as error:  # whatever a cache does wrong, it is only a miss
            _unavailable("get", error)
            return None
        emit("cache_requests_total", result="miss" if value is None else "hit")
        return value

    async def _set(self, key: str, ttl_seconds: int, value: Any) -> None:
        if self._client is None:
            return
        try:
            await self._client.setex(key, ttl_seconds, json.dumps(value))
        except Exception as error:  # see _get
            _unavailable("set", error)


def _unavailable(operation: str, error: Exception) -> None:
    logger.warning("cache unavailable", operation=operation, reason=type(error).__name__)
    emit("cache_unavailable_total", operation=operation)


def connect(url: str | None, cluster: bool) -> RedisClient | None:
    """A redis.asyncio client for `url` (rediss:// for TLS), or None. Nothing is sent yet."""
    if url is None:
        return None
    from redis import asyncio as redis  # 0.2 s of import that cacheless functions need not pay

    factory: Any = redis.RedisCluster if cluster else redis.Redis
    client: RedisClient = factory.from_url(url, socket_timeout=1, socket_connect_timeout=1)
    return client
