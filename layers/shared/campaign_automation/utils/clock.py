"""The module's clock, which every decision reads.

In the local cloud, where days pass on command, a day of the module is a day of the platforms.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo

_offset = timedelta()


def now() -> datetime:
    return datetime.now(UTC) + _offset


def now_ms() -> int:
    """Return epoch milliseconds: an integer, which DynamoDB keeps exactly."""
    return int(now().timestamp() * 1000)


def now_us() -> int:
    """Return epoch microseconds, for an order of what one process writes within a millisecond."""
    return int(now().timestamp() * 1_000_000)


def in_ms(seconds: float | None) -> int | None:
    """Return the moment `seconds` from now in epoch milliseconds; None for an unknown wait."""
    return None if seconds is None else now_ms() + int(seconds * 1000)


def at_ms(moment: int) -> datetime:
    """Return the moment of epoch milliseconds."""
    return datetime.fromtimestamp(moment / 1000, UTC)


def day_of(moment: datetime, zone: ZoneInfo) -> date:
    """Return the calendar day of `moment` in `zone`."""
    return moment.astimezone(zone).date()


def iso_now() -> str:
    """Return the time in RFC 3339, UTC, to the second."""
    return iso(now())


def iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


async def synchronise(url: str | None) -> None:
    """Set the clock to the time at `url`, {"now": ISO 8601}; without a url to the machine's time.

    A file's url leads to {"ahead_seconds": seconds before the machine's time}.
    """
    global _offset
    if url is None:
        _offset = timedelta()
        return
    if url.startswith("file:"):
        _offset = _told_by(Path(unquote(urlsplit(url).path)))
        return
    import httpx

    from campaign_automation.utils.tls import ssl_context

    async with httpx.AsyncClient(timeout=5, verify=ssl_context()) as http:
        moment = datetime.fromisoformat((await http.get(url)).json()["now"])
    _offset = moment - datetime.now(UTC)


def _told_by(file: Path) -> timedelta:
    return timedelta(seconds=json.loads(file.read_text())["ahead_seconds"])
