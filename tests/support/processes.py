"""The processes below one."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROC = Path("/proc")


def descendants(pid: int) -> set[int]:
    """Every living process below `pid`, by the kernel's own list."""
    parents = {}
    for stat in PROC.glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
        except OSError:
            continue
        parents[int(stat.parent.name)] = int(text.rsplit(")", 1)[1].split()[1])
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def kill_workers(cloud_pid: int, function: str) -> int:
    """End the processes of one function of a local cloud without warning; return how many there were."""
    killed = 0
    for pid in descendants(cloud_pid):
        with suppress(OSError):
            if f"campaign-automation-local-{function}" in (PROC / str(pid) / "cwd").readlink().parts:
                os.kill(pid, signal.SIGKILL)
                killed += 1
    return killed
