"""The longest look-back window of an account's conversion actions, kept for an hour as it hardly changes."""

from __future__ import annotations

import time

from campaign_automation.adapters.base import Access
from campaign_automation.adapters.google import queries
from campaign_automation.adapters.google.wire import GoogleWire
from campaign_automation.utils.error_handler import PlatformError
from campaign_automation.utils.observability import logger

_KEPT_SECONDS = 3600.0


class Lookbacks:
    def __init__(self, wire: GoogleWire) -> None:
        self._wire = wire
        self._known: dict[str, tuple[float, int | None]] = {}

    async def of(self, access: Access) -> int | None:
        """Return the days, None where there is no conversion action or Google cannot be asked now."""
        account = access.platform_account_id
        read_at, days = self._known.get(account, (0.0, None))
        if account not in self._known or time.monotonic() - read_at > _KEPT_SECONDS:
            try:
                days = await self._read(access)
            except PlatformError as error:  # what it is for has a default; the campaign itself was read
                logger.warning("look-back windows not read", reason=error.message)
                return None
            self._known[account] = (time.monotonic(), days)
        return days

    async def _read(self, access: Access) -> int | None:
        rows = await self._wire.search(access, "read_account", queries.LOOKBACKS)
        actions = [row.conversion_action for row in rows]
        # A field that Google leaves out is 0 in its messages: no window at all.
        days = [
            int(max(item.click_through_lookback_window_days, item.view_through_lookback_window_days))
            for item in actions
        ]
        return max(days, default=0) or None
