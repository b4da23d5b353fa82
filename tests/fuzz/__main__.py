"""`make fuzz`: hostile input to the HTTP door and the tasks; no 5xx, no code 1000, no undocumented status."""

from __future__ import annotations

import argparse
import sys
import time

from tests.chaos.workers import quiet
from tests.fuzz.door import Door, open_door
from tests.fuzz.inputs import documented, malformed, payloads


def fuzz(cases: int, seed: int) -> Door:
    """Send at least as many inputs: half about the document, a third malformed, the rest to tasks."""
    with quiet(), open_door(seed) as door:
        documented(door, cases // 2, seed)
        malformed(door, cases // 3, seed)
        payloads(door, cases - door.seen.total(), seed)
    return door


def main() -> int:
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    started = time.monotonic()
    door = fuzz(arguments.cases, arguments.seed)
    seconds = time.monotonic() - started
    for problem in door.problems[:50]:
        print(problem)
    print(
        f"{door.seen.total()} inputs in {seconds:.0f} seconds, {len(door.problems)} answered as none may be"
    )
    return int(bool(door.problems))


if __name__ == "__main__":
    sys.exit(main())
