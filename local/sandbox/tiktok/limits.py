"""The platform's rate limit: calls per minute, and a block until five minutes were quiet."""

from datetime import datetime, timedelta

from local.sandbox.core.limits import RollingWindow
from local.sandbox.tiktok.errors import too_many_calls
from local.sandbox.tiktok.store import Account

QUIET = timedelta(minutes=5)


class RateMeter:
    """Counts calls per account on the virtual clock."""

    def __init__(self) -> None:
        self._window = RollingWindow(timedelta(minutes=1))
        self._blocked_since: dict[str, datetime] = {}

    def count(self, account: Account, now: datetime) -> None:
        """Count one call. Raises TikTokError 40100 beyond the limit and until five minutes were quiet."""
        calls = self._window.calls(account.id, now)
        last_refused = self._blocked_since.get(account.id)
        is_blocked = last_refused is not None and now < last_refused + QUIET
        if is_blocked or len(calls) >= account.calls_per_minute:
            self._blocked_since[account.id] = now
            raise too_many_calls()
        self._window.add(account.id, now)
