"""`make newcomer`: runs README's commands as somebody does who has just cloned it, and tells the seconds.

The last line of standard output is one JSON object. The exit code is 1 when a command fails, or when the
first campaign takes longer than five minutes, set-up included.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from local.cloud.backing import free_port
from tests.newcomer import Step, steps
from tests.support.doc_blocks import ROOT

LIMIT_SECONDS = 300
PORT_IN_README = "8080"
# Lines by which a newcomer sees that something is there.
CAMPAIGN, READY = "read back from the platform", "ready: API"
_STOP_SECONDS = 60
# Variables that this run of make and its environment would hand on.
_OURS = ("MAKE", "MFLAGS", "VIRTUAL_ENV", "PYTHON")


class Newcomer:
    """A clone and a HOME of their own; what is typed there, and when the first campaign was seen."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._clone, self._stack = folder / "clone", stack
        (folder / "home").mkdir()
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
        self._environment = {**kept, "HOME": str(folder / "home"), "PYTHONUNBUFFERED": "1"}
        self._port = str(free_port())
        self._started = time.monotonic()
        self.first_campaign: float | None = None
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(self._clone)], check=True)

    def seconds(self) -> float:
        return time.monotonic() - self._started

    def type(self, step: Step) -> bool:
        """Run a command and return whether it went well; one that stays is ready then."""
        command = step.command.replace(PORT_IN_README, self._port)
        process = subprocess.Popen(
            ["sh", "-e", "-c", command],
            cwd=self._clone,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        if step.stays:
            self._stack.callback(_stop, process)
            return self._read(process, READY)
        self._read(process, None)
        return process.wait() == 0

    def _read(self, process: subprocess.Popen[str], awaited: str | None) -> bool:
        """Show what it prints, to its end or to the awaited line; return whether that line came."""
        assert process.stdout
        for line in process.stdout:
            print(f"    {line.rstrip()}"[:160], file=sys.stderr)
            if CAMPAIGN in line and self.first_campaign is None:
                self.first_campaign = self.seconds()
            if awaited is not None and awaited in line:
                return True
        return False


def _stop(process: subprocess.Popen[str]) -> None:
    os.killpg(process.pid, signal.SIGTERM)
    process.wait(_STOP_SECONDS)


def main() -> int:
    """Type README's commands and return the exit code."""
    taken = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="newcomer-")))
        newcomer = Newcomer(folder, stack)
        for step in steps((ROOT / "README.md").read_text()):
            before, name = newcomer.seconds(), step.command.splitlines()[-1][:60]
            print(f"$ {name}", file=sys.stderr)
            went_well = newcomer.type(step)
            taken[name] = round(newcomer.seconds() - before, 1)
            print(f"{taken[name]:7.1f} s  {'ok' if went_well else 'FAILED'}  {name}")
            if not went_well:
                return 1
        return _told(newcomer.first_campaign, taken)


def _told(first: float | None, taken: dict[str, float]) -> int:
    shown = "none was seen" if first is None else f"{first:.1f} s, set-up included"
    print(f"first campaign: {shown} (at most {LIMIT_SECONDS} s)")
    print(json.dumps({"first_campaign_seconds": first and round(first, 1), "steps": taken}), flush=True)
    return 0 if first is not None and first <= LIMIT_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
