"""The documented limits of platforms, and the arithmetic of calls in a rolling window.

Calls are leased in blocks. An entry of the ledger is the last moment at which a block may be used, with its
points; a block is used within `grain` seconds before it, and its calls arrive up to `late` seconds after it.
So any stretch of `seconds` sees at most the blocks of `seconds + late + grain` in the ledger, and never more
than the limit.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Kind = Literal["read", "write"]
Ledger = list[tuple[int, int]]  # the last moment of a block in epoch milliseconds, and its points

# The parts of a limit that each class of calls may use up. Reads leave room for writes, and both leave a
# tenth to pauses, which ask nobody.
SHARES: dict[Kind, float] = {"read": 0.8, "write": 0.9}


# Nobody waits longer for a block: functions end before, and in process a caller's deadline is shorter.
LONGEST_QUEUE_SECONDS = 3_600


class CallLimit(NamedTuple):
    """At most `most` points in any `seconds`, counted for the app or for each account.

    `unit` names a point. A call costs `read` points, a write `write` for each object. A leased block holds up
    to `block` points, as long as most of the limit is free. Platforms count calls when they arrive: `late` is
    how many seconds one may be under way longer than another.
    """

    scope: Literal["app", "account"]
    most: int
    unit: str
    seconds: float
    grain: float
    block: int = 1
    read: int = 1
    write: int = 1
    late: float = 0

    @property
    def counts_ms(self) -> int:
        """Milliseconds for which a block counts after its end."""
        return int((self.seconds + self.late) * 1000)

    def points(self, kind: Kind, count: int) -> int:
        return count * (self.read if kind == "read" else self.write)


class Block(NamedTuple):
    """Points that may be used from `start` to `end`, in epoch milliseconds."""

    start: int
    end: int
    points: int


def next_block(
    ledger: Ledger, limit: CallLimit, kind: Kind, points: int, waiting: int, now: int, longer: int = 0
) -> tuple[Block, Ledger]:
    """Return the earliest block of at least `points` and the ledger with it; it serves all that are `waiting`
    as far as they fit, and calls to come while most of the limit is free. It lasts `longer` milliseconds more
    for a process that is seldom in time."""
    most = max(int(limit.most * SHARES[kind]), 1)
    points = min(points, most)  # what is more than the whole limit goes when nothing else does
    entries = _plausible(ledger, limit, now)
    start = _earliest(entries, limit, most - points, now)
    entries = _counting(entries, limit, start)
    free = most - sum(used for _, used in entries)
    size = max(points, min(waiting, free), min(limit.block, free // 20))
    if entries and entries[-1][0] >= start + longer:
        end, used = entries.pop()
        return Block(start, end, size), [*entries, (end, used + size)]
    end = start + int(limit.grain * 1000) + longer
    return Block(start, end, size), [*entries, (end, size)]


def _earliest(entries: Ledger, limit: CallLimit, room: int, now: int) -> int:
    """Return the first moment at which the points in the window before it are at most `room`."""
    # Blocks are given in order: who asks later is served later.
    start = max(now, entries[-1][0] - int(limit.grain * 1000)) if entries else now
    left = _counting(entries, limit, start)
    while sum(points for _, points in left) > room:
        start = max(start, left[0][0] + limit.counts_ms)
        left = left[1:]
    return start


def _counting(entries: Ledger, limit: CallLimit, start: int) -> Ledger:
    return [entry for entry in entries if entry[0] > start - limit.counts_ms]


def is_current(block: Block, limit: CallLimit, now: int) -> bool:
    """Return whether the block may still be used, now or soon."""
    return now <= block.end <= _farthest(limit, now)


def _plausible(ledger: Ledger, limit: CallLimit, now: int) -> Ledger:
    return [entry for entry in ledger if entry[0] <= _farthest(limit, now)]


def _farthest(limit: CallLimit, now: int) -> int:
    """Return the moment beyond which a block is only explained by a clock that was set back."""
    return now + int((min(10 * limit.seconds, LONGEST_QUEUE_SECONDS) + limit.grain + 60) * 1000)
