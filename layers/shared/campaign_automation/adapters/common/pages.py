"""Bounds of lists in pages: a list that begins anew or never ends is an error, and is never cut."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from typing import Any

from campaign_automation.utils.error_handler import PlatformUnavailableError
from campaign_automation.utils.retry_strategy import ATTEMPT_TIMEOUT_SECONDS

MOST_PAGES = 500  # of 500 rows on Meta, 1,000 on TikTok, 10,000 on Google
# A caller gives an attempt no more; a thread that still reads pages would not notice that it gave up.
MOST_SECONDS = ATTEMPT_TIMEOUT_SECONDS


class Pages:
    """The pages of one list that were read so far."""

    def __init__(
        self, platform: str, operation: str, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._platform = platform
        self._operation = operation
        self._monotonic = monotonic
        self._started = monotonic()
        self._cursors: set[Hashable] = set()

    @property
    def turned(self) -> int:
        """Return the pages read after the first one."""
        return len(self._cursors)

    def turn_to(self, cursor: Hashable) -> None:
        """Count the page that follows at `cursor`.

        Raises PlatformUnavailableError for a cursor that came before, and beyond 500 pages or 30 seconds.
        """
        if cursor in self._cursors:
            raise self._error("comes back to a page that was read before")
        self._cursors.add(cursor)
        if len(self._cursors) >= MOST_PAGES:
            raise self._error(f"goes on after {MOST_PAGES} pages", retryable=False)
        if self._monotonic() - self._started > MOST_SECONDS:
            raise self._error(f"goes on after {MOST_SECONDS:.0f} seconds")

    def without_cursor(self) -> PlatformUnavailableError:
        """Return the error of a list that says it goes on, and not where."""
        return self._error("goes on, but does not say where")

    def _error(self, problem: str, **details: Any) -> PlatformUnavailableError:
        return PlatformUnavailableError(
            f"{self._platform}: the list ({self._operation}) {problem}",
            platform=self._platform,
            pages=len(self._cursors),
            **details,
        )
