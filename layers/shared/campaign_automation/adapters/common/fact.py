"""Platform facts that may change: a value, its source and, where it is known, its last day."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

WARNING_DAYS = 45  # before the last day of a fact
_READ = date(2026, 11, 22)


class Fact(NamedTuple):
    """One fact; `sunset` is the last day on which it holds.

    With a `successor` the code switches to it by itself afterwards. `unverified` facts rest on third parties
    or on the lifetime of earlier versions.
    """

    platform: str
    what: str
    value: str
    source: str
    read_on: date = _READ
    sunset: date | None = None
    successor: str | None = None
    unverified: bool = False
