"""Days and times as Chinese readers write them.

babel was weighed: ten megabytes of a layer for two forms of dates. Both languages write numbers alike.
"""

from __future__ import annotations

import re
from datetime import date, datetime

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})")


def said(text: str) -> str:
    """Return a day or a time, as RFC 3339 writes it, in Chinese; any other text as it is."""
    try:
        if _DAY.fullmatch(text):
            return day_of(date.fromisoformat(text))
        if _MOMENT.fullmatch(text):
            return time_of(datetime.fromisoformat(text))
    except ValueError:  # a 31st of February
        return text
    return text


def day_of(day: date) -> str:
    return f"{day.year}年{day.month}月{day.day}日"


def time_of(moment: datetime) -> str:
    """Return a time to the minute with its zone, to the second where it has any."""
    clock = moment.strftime("%H:%M:%S" if moment.second else "%H:%M")
    offset = moment.strftime("%z")
    zone = "UTC" if offset in ("+0000", "") else f"UTC{offset[:3]}:{offset[3:]}"
    return f"{day_of(moment.date())} {clock} {zone}"
