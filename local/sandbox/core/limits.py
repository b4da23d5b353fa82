"""Calls in a rolling window, which the platforms' rate limits count."""

from collections import defaultdict, deque
from datetime import datetime, timedelta


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
