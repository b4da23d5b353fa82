"""CPU seconds of a process and of all that it started, from /proc."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PARENT, _USER, _SYSTEM, _ENDED_USER, _ENDED_SYSTEM = 1, 11, 12, 13, 14  # after the name in parentheses


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of the process and its descendants, those that have ended included."""
    stats = {int(path.name): stat for path in Path("/proc").glob("[0-9]*") if (stat := _stat(path))}
    family = _descendants(pid, {child: int(stat[_PARENT]) for child, stat in stats.items()})
    fields = (_USER, _SYSTEM, _ENDED_USER, _ENDED_SYSTEM)
    return sum(int(stats[item][field]) for item in family & stats.keys() for field in fields) / _TICKS


def _stat(path: Path) -> list[str]:
    with suppress(OSError):  # it ended meanwhile
        return (path / "stat").read_text().rpartition(") ")[2].split()
    return []


def _descendants(pid: int, parents: dict[int, int]) -> set[int]:
    family, found = {pid}, {pid}
    while found:
        found = {child for child, parent in parents.items() if parent in found} - family
        family |= found
    return family
