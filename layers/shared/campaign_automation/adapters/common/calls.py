"""Time limits of calls to a platform, and answers that are not the platform's own."""

from __future__ import annotations

import math
from typing import Any

from campaign_automation.adapters.common.refusals import outcome_unknown
from campaign_automation.utils.error_handler import PlatformError, PlatformRateLimitError

# A little over 3 seconds, the first retransmission of a lost TCP packet. Source: the manual of `requests`.
CONNECT_SECONDS = 3.05
# Platforms tell waits of seconds to hours; more than a day is a fault of the answer, not a wait.
LONGEST_WAIT_SECONDS = 86_400
TOO_MANY_REQUESTS = 429


def wait_seconds(value: Any, unit_seconds: int = 1) -> int | None:
    """Return a wait that a platform told as a number or as text, in whole seconds; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        seconds = float(value) * unit_seconds
    except (ValueError, OverflowError):
        return None
    if not math.isfinite(seconds) or seconds <= 0:
        return None
    return min(math.ceil(seconds), LONGEST_WAIT_SECONDS)


def without_usable_body(platform: str, status: int | None, retry_after: Any = None) -> PlatformError:
    """Return the error for an answer without the platform's own body, as a proxy gives it.

    A proxy that answers 429 has not handed the call on; of any other answer the outcome is unknown.
    """
    words = f"{platform}: HTTP {status} without a usable answer"
    if status == TOO_MANY_REQUESTS:
        return PlatformRateLimitError(words, platform=platform, retry_after=wait_seconds(retry_after))
    return outcome_unknown(platform, words)
