"""The part of redis.asyncio that the module uses, in memory."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any


class MemoryCache:
    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    async def get(self, name: str) -> Any:
        return self.values.get(name)

    async def set(self, name: str, value: str, *, ex: int, nx: bool = False) -> Any:
        if nx and name in self.values:
            return None
        self.values[name] = value
        return True

    async def delete(self, *names: str) -> Any:
        for name in names:
            self.values.pop(name, None)

    def age(self, seconds: int) -> None:
        """Every kept answer of a status becomes that much older."""
        for name, text in self.values.items():
            kept = json.loads(text)
            if isinstance(kept, dict) and "answer" in kept:
                read = datetime.fromisoformat(kept["answer"]["as_of"]) - timedelta(seconds=seconds)
                kept["answer"]["as_of"] = read.isoformat()
                self.values[name] = json.dumps(kept)
