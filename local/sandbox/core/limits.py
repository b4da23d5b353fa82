"""Calls in a rolling window, which the platforms' rate limits count, and the documented limits themselves."""

from collections import Counter, defaultdict, deque
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any


class RollingWindow:
    """Calls by account within the last `length`, on the virtual clock."""

    def __init__(self, length: timedelta) -> None:
        self.length = length
        self._calls: dict[str, deque[datetime]] = defaultdict(deque)

    def calls(self, account_id: str, now: datetime) -> deque[datetime]:
        """The account's calls that still count, oldest first."""
        calls = self._calls[account_id]
        while calls and calls[0] <= now - self.length:
            calls.popleft()
        return calls

    def add(self, account_id: str, now: datetime) -> None:
        self._calls[account_id].append(now)


class Quotas:
    """The documented limits, each enforced once it is set: TikTok's calls a second of the app, Meta's score
    of an account in 300 seconds (a read 1, a write 3), Google's operations of the app in 24 hours."""

    WINDOWS = {"tiktok": timedelta(seconds=1), "meta": timedelta(seconds=300), "google": timedelta(days=1)}

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self._most: dict[str, int] = {}
        self._used: dict[tuple[str, str], deque[tuple[datetime, int]]] = defaultdict(deque)
        self._taken: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()

    def set(self, most: Mapping[str, Any]) -> None:
        """Set the limit of each platform named; null ends it. Raises ValueError for an unknown platform."""
        if unknown := most.keys() - self.WINDOWS.keys():
            raise ValueError(f"unknown platforms: {sorted(unknown)}")
        self.clear()
        self._most = {name: int(value) for name, value in most.items() if value is not None}

    def takes(self, platform: str, whose: str, now: datetime, points: int = 1) -> bool:
        """Count a call, and return whether it is within the limit; a refused one uses nothing up."""
        used = self._used[platform, whose]
        while used and used[0][0] <= now - self.WINDOWS[platform]:
            used.popleft()
        is_taken = platform not in self._most or (
            sum(earlier for _, earlier in used) + points <= self._most[platform]
        )
        (self._taken if is_taken else self._refused)[platform] += 1
        if is_taken and platform in self._most:
            used.append((now, points))
        return is_taken

    def listing(self) -> dict[str, Any]:
        return {"limits": self._most, "taken": dict(self._taken), "refused": dict(self._refused)}
