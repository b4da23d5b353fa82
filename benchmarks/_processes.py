"""CPU seconds and memory of a process and of all that it started, from /proc."""

from __future__ import annotations

import os
from collections import defaultdict
from contextlib import suppress

from tests.support.processes import PROC, descendants

_TICKS = os.sysconf("SC_CLK_TCK")
_TIMES = slice(11, 15)  # after the name: user and system, own and of ended children
_STACK = "campaign-automation-local-"


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of the process and its descendants, those that have ended included."""
    return sum(map(_cpu, descendants(pid)))


def cpu_by_kind(pid: int) -> dict[str, float]:
    """Return the CPU seconds of a local cloud by what its processes are: the cloud itself, which holds the
    gateway and AWS, the sandbox, the cache, and each function."""
    found: dict[str, float] = defaultdict(float)
    for item in descendants(pid):
        found[_kind(item, pid)] += _cpu(item)
    return dict(found)


def memory_mb(pid: int) -> float:
    """Return the memory of the process and its descendants; what they share counts once."""
    total = 0
    for item in descendants(pid):
        with suppress(OSError):  # it ended meanwhile
            lines = (PROC / str(item) / "smaps_rollup").read_text().splitlines()
            total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def _cpu(pid: int) -> float:
    with suppress(OSError):  # it ended meanwhile
        stat = (PROC / str(pid) / "stat").read_text().rpartition(") ")[2].split()
        return sum(map(int, stat[_TIMES])) / _TICKS
    return 0


def _kind(pid: int, cloud: int) -> str:
    if pid == cloud:
        return "gateway and AWS"
    with suppress(OSError):
        folder = next(
            (part for part in (PROC / str(pid) / "cwd").readlink().parts if part.startswith(_STACK)), None
        )
        if folder is not None:
            return folder.removeprefix(_STACK)
        command = (PROC / str(pid) / "cmdline").read_text()
        return "sandbox" if "local.sandbox" in command else "cache" if "valkey" in command else "others"
    return "others"
