"""CPU seconds of a process and of all that it started, from /proc."""

from __future__ import annotations

import os
from contextlib import suppress

from tests.support.processes import PROC, descendants

_TICKS = os.sysconf("SC_CLK_TCK")
_TIMES = slice(11, 15)  # after the name: user and system, own and of ended children


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of the process and its descendants, those that have ended included."""
    total = 0
    for item in descendants(pid):
        with suppress(OSError):  # it ended meanwhile
            stat = (PROC / str(item) / "stat").read_text().rpartition(") ")[2].split()
            total += sum(map(int, stat[_TIMES]))
    return total / _TICKS
