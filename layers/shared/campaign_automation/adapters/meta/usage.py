"""Meta's usage headers: the part of a limit that is used up, and the wait until it is free again.

Source: platforms.md section 2.7, after the vendor's page "Rate Limits".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from campaign_automation.adapters.common.calls import wait_seconds
from campaign_automation.utils.validation import json_of

_COUNTS = ("call_count", "total_cputime", "total_time")


class Usage(NamedTuple):
    """Percentages of the account's and the app's limit that are used up; 0 where nothing is told."""

    account: int
    app: int


def usage_of(headers: Mapping[str, str]) -> Usage | None:
    """Return what the headers (by lower-case name) tell, or None; they come only after enough calls."""
    account = _highest(_entries(headers))
    app = _highest([parsed(headers.get("x-app-usage", ""))])
    return Usage(account, app) if account or app else None


def regain_seconds(headers: Mapping[str, str]) -> int | None:
    """Return the longest waiting time in the usage header, in seconds; Meta gives it in minutes."""
    waits = [wait_seconds(entry.get("estimated_time_to_regain_access"), 60) for entry in _entries(headers)]
    return max((wait for wait in waits if wait), default=None)


def _entries(headers: Mapping[str, str]) -> list[dict[str, Any]]:
    usage = parsed(headers.get("x-business-use-case-usage", ""))
    lists = usage.values() if isinstance(usage, dict) else ()
    return [entry for item in lists if isinstance(item, list) for entry in item if isinstance(entry, dict)]


def _highest(entries: Iterable[Any]) -> int:
    counts = [entry.get(name) for entry in entries if isinstance(entry, dict) for name in _COUNTS]
    return max((wait_seconds(count) or 0 for count in counts), default=0)


def parsed(text: str) -> Any:
    """Return the value of JSON text, or None."""
    try:
        return json_of(text)
    except ValueError:
        return None
