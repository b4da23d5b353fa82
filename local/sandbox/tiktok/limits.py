"""The platform's rate limit: calls per minute, and five quiet minutes for whoever breaks it."""

from collections import defaultdict, deque
from datetime import datetime, timedelta

from local.sandbox.tiktok.errors import too_many_calls
from local.sandbox.tiktok.store import Account

WINDOW = timedelta(minutes=1)
QUIET = timedelta(minutes=5)


class RateMeter:
    """Counts calls per account on the virtual clock."""

    def __init__(self) -> None:
        self._calls: dict[str, deque[datetime]] = defaultdict(deque)
        self._blocked_since: dict[str, datetime] = {}

    def count(self, account: Account, now: datetime) -> None:
        """Counts one call. Raises TikTokError 40100 beyond the limit and until five minutes were quiet."""
        calls = self._calls[account.id]
        while calls and calls[0] <= now - WINDOW:
            calls.popleft()
        last_refused = self._blocked_since.get(account.id)
        is_blocked = last_refused is not None and now < last_refused + QUIET
        if is_blocked or len(calls) >= account.calls_per_minute:
            self._blocked_since[account.id] = now
            raise too_many_calls()
        calls.append(now)
