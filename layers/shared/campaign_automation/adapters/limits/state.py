"""The row of a platform's app or account: points used, and whether calls are held up.

One mechanism serves pauses that a platform asks for and breakers after faults: the row is closed until a
moment. After that a single call is let through as a probe, which opens the row or closes it again.
"""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ValidationError

from campaign_automation.adapters.limits.limit import Kind, Ledger
from campaign_automation.utils.clock import now_ms
from campaign_automation.utils.error_handler import (
    CODES,
    PlatformError,
    PlatformQuotaError,
    PlatformRateLimitError,
    PlatformUnavailableError,
)

FAULTS = 5  # unanswered calls in a row that open the breaker
FAULTS_WITHIN_MS = 60_000
FIRST_PAUSE, LONGEST_PAUSE = 5, 300  # seconds, doubled with each closing, where the platform names no wait
PROBE_MS = 15_000
READS_REST_MS = 60_000
LONGEST_WAIT_MS = 25 * 3_600_000  # of a platform; a row closed for longer was written by another clock
_THROTTLED: dict[str, type[PlatformError]] = {"1003": PlatformRateLimitError, "1005": PlatformQuotaError}


class State(BaseModel):
    """Moments are epoch milliseconds. `closings` counts how often the row was closed without being opened."""

    used: Ledger = []
    closed_until: int = 0
    code: str = ""
    closings: int = 0
    probe_until: int = 0
    faults: int = 0
    fault_at: int = 0
    reads_rest_until: int = 0

    @classmethod
    def read(cls, row: Any) -> Self:
        """Return the state of a row; a new one where it cannot be read, so that calls go on."""
        try:
            return cls.model_validate(row)
        except ValidationError:
            return cls()

    @property
    def is_suspect(self) -> bool:
        """Return whether an answer has something to clear."""
        return bool(self.faults) or (bool(self.closings) and now_ms() >= self.closed_until)

    def wait_ms(self, kind: Kind, now: int) -> int:
        """Return the milliseconds until a call of this kind may be tried; 0 for now."""
        until = max(self.closed_until, self.probe_until if self.closings else 0)
        if kind == "read":
            until = max(until, self.reads_rest_until)
        return until - now if 0 < until - now <= LONGEST_WAIT_MS else 0

    def close(self, code: str, wait_seconds: int | None, now: int) -> None:
        """Let nothing through for `wait_seconds`, or for longer each time where no wait is named."""
        until = now + (wait_seconds or min(FIRST_PAUSE * 2 ** min(self.closings, 6), LONGEST_PAUSE)) * 1000
        # Calls that were under way when the row was closed say nothing new, unless they know a longer wait.
        is_news = self.wait_ms("write", now) == 0 or self.probe_until > now
        if is_news:
            self.closings += 1
        if is_news or (wait_seconds and until > self.closed_until):
            self.code, self.closed_until, self.probe_until = code, until, 0

    def fault(self, now: int) -> None:
        """Count a call that was not answered; the fifth within a minute, or a failed probe, closes it."""
        self.faults = self.faults + 1 if now - self.fault_at <= FAULTS_WITHIN_MS else 1
        self.fault_at = now
        if self.closings or self.faults >= FAULTS:
            self.close("4002", None, now)

    def answered(self, now: int) -> None:
        """Open the row after an answer, unless the pause goes on: the call was under way before it then."""
        self.faults = 0
        if now >= self.closed_until:
            self.closings = self.closed_until = self.probe_until = 0

    def rest_reads(self, now: int) -> None:
        self.reads_rest_until = now + READS_REST_MS

    def refusal(self, platform: str, wait_ms: int) -> PlatformError:
        """Return the error for a call that is not sent."""
        seconds = max(-(-wait_ms // 1000), 1)
        if self.code == "4002" and self.closings:
            return PlatformUnavailableError(
                f"{platform} does not answer; the next try is due in {seconds} s",
                platform=platform,
                retry_after=seconds,
            )
        kind = _THROTTLED.get(self.code, PlatformRateLimitError)
        return kind(
            f"{platform} asked for a pause, which lasts {seconds} s more",
            platform=platform,
            retry_after=seconds,
            retryable=CODES[kind.code].retryable,
        )
