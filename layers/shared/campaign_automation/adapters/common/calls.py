"""Limits and counting of calls to a platform."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from campaign_automation.utils.error_handler import PlatformError
from campaign_automation.utils.observability import platform_call

# A little over 3 seconds, the first retransmission of a lost TCP packet. Source: the manual of `requests`.
CONNECT_SECONDS = 3.05


@contextmanager
def counted(platform: str, operation: str) -> Iterator[None]:
    """Count one call: "ok", or our code of the PlatformError that it raised."""
    try:
        yield
    except PlatformError as error:
        platform_call(platform, operation, error.code)
        raise
    platform_call(platform, operation, "ok")
