"""One row of limits, as this process knows it: what it leased, and whether calls are held up."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any, Protocol

from campaign_automation.adapters.limits.limit import Block, CallLimit, Kind, is_current, next_block
from campaign_automation.adapters.limits.state import PROBE_MS, READS_REST_MS, State
from campaign_automation.utils.clock import now_ms
from campaign_automation.utils.error_handler import PlatformRateLimitError
from campaign_automation.utils.retry_strategy import drawn, pause, seconds_to_wait, waiting_for_turn

FRESH_SECONDS = 2.0
SILENT_MS, FIRST_CALLS = 60_000, 2
LONGEST_WAIT_SECONDS = 20.0  # of a caller without a deadline
CALL_SECONDS = 2.0  # of a deadline that are left to the call itself
CROWDED_SECONDS = 5  # to come back after, for a call that had no turn
_LONGEST_LEAD_MS = 1000
_TRIES = 20  # of a write that others keep overtaking
_STALE_SECONDS = 0.2  # a block is leased on a row that was read just now, so that the write seldom fails
_NOTHING = Block(0, 0, 0)
# The latest turn that its caller can wait for, in the event loop's time.
_turn_due: ContextVar[float] = ContextVar("turn_due")


class StateStore(Protocol):
    """The rows of limits. `save` returns False when another process was faster."""

    async def load(self, platform: str, scope: str) -> tuple[dict[str, Any], int]: ...

    async def save(self, platform: str, scope: str, state: dict[str, Any], version: int) -> bool: ...


class _Waiting:
    """A call that waits for `points` of a block."""

    def __init__(self, points: int) -> None:
        self.points = points
        self.block: Block | None = None


class Scope:
    """The limits of an app or of one account. `limit` is None where the platform counts no calls there."""

    def __init__(self, store: StateStore, platform: str, name: str, limit: CallLimit | None) -> None:
        self._store = store
        self._platform = platform
        self._name = name
        self._limit = limit
        self._state = State()
        self._version = 0
        self._read_at: int | None = None
        self._loads = 0
        self._block = _NOTHING
        self._left = 0
        self._leased_at = 0
        self._waiting: list[_Waiting] = []
        self._lead = 0  # milliseconds that the last lease took: the next block starts when it is there
        self._longer = 0  # and by which the next block is longer, as calls came too late for theirs
        self._answered_at = 0
        self._ahead = 0  # calls under way for whose answer others wait
        self._turn = asyncio.Event()
        self._locks: dict[asyncio.AbstractEventLoop, asyncio.Lock] = {}

    # --- before a call --------------------------------------------------------------------------------

    async def check(self, kind: Kind) -> bool:
        """Raise PlatformError while the row is closed.

        After that one call goes ahead, and two where this process had no answer for a minute; the others wait
        for theirs. Return whether this is such a call: its caller calls `release` at its end.
        """
        while True:
            await self._refresh(kind)
            wait = self._state.wait_ms(kind, now_ms())
            if wait and not self._ahead:
                raise self._state.refusal(self._platform, wait)
            most = self._most_ahead()
            if wait or (most is not None and self._ahead >= most):
                await self._turn.wait()
            elif most is None:
                return False
            elif await self._go():
                return True

    def _most_ahead(self) -> int | None:
        """Return the calls that may go before the others have their turn; None for any number."""
        if self._state.closings:
            return 1
        return FIRST_CALLS if abs(now_ms() - self._answered_at) > SILENT_MS else None

    async def _go(self) -> bool:
        """Count a call that goes ahead; after a pause it is the only one of all processes."""
        self._ahead += 1
        is_taken = False
        try:
            is_taken = not self._state.closings or await self._probe()
        finally:
            if not is_taken:
                self.release()
        return is_taken

    async def admit(self, kind: Kind, count: int) -> None:
        """Return when the call may be sent by the limit.

        Raises PlatformRateLimitError at once when that is later than the caller can wait.
        """
        if self._limit is None:
            return
        while True:
            block = await self._take(self._limit, kind, self._limit.points(kind, count))
            await _until(block.start)
            # A process that was held up must not send in a stretch whose calls are counted by later blocks.
            if now_ms() <= block.end:
                self._longer = self._longer * 9 // 10
                return
            # Nor may it lose one block after the other: the next lasts as long as this call needed.
            needed = now_ms() - block.start - int(self._limit.grain * 1000)
            self._longer = min(max(self._longer, needed), _LONGEST_LEAD_MS)

    async def _refresh(self, kind: Kind) -> None:
        """Read the row when what is known is old or says no: an operator or a probe may have opened it."""
        if self._age() > FRESH_SECONDS or self._state.closings or self._state.wait_ms(kind, now_ms()):
            loads = self._loads
            async with self._lock:
                if loads == self._loads:  # else another caller read it meanwhile
                    await self._load()

    async def _probe(self) -> bool:
        async with self._lock:
            if self._state.wait_ms("write", now_ms()):
                return False
            self._state.probe_until = now_ms() + PROBE_MS
            return await self._save()

    async def _take(self, limit: CallLimit, kind: Kind, points: int) -> Block:
        """Take `points` out of the leased block, or lease another one for all who wait here."""
        mine = _Waiting(points)
        self._waiting.append(mine)
        try:
            async with self._lock:
                if mine.block is None:
                    if points > self._left or not self._is_usable(limit):
                        await self._lease(limit, kind, points)
                    self._give(mine)
                block = mine.block or self._block
                self._in_time(limit, block)
                return block
        except BaseException:
            if mine.block is self._block:
                self._left += points  # others may use them
            raise
        finally:
            if mine in self._waiting:
                self._waiting.remove(mine)

    def _is_usable(self, limit: CallLimit) -> bool:
        now = now_ms()
        # A clock that was set back would have the block wait until it is there again.
        return now >= self._leased_at and is_current(self._block, limit, now)

    def _give(self, first: _Waiting) -> None:
        """Give the block to `first`, and to the others that wait as far as it goes.

        At once: on a busy machine a short block would be over before they had their turn at it.
        """
        for each in [first, *(other for other in self._waiting if other is not first)]:
            if each is not first and each.points > self._left:
                break
            # A call that is larger than the whole limit empties it.
            self._left = max(self._left - each.points, 0)
            each.block = self._block
            self._waiting.remove(each)

    async def _lease(self, limit: CallLimit, kind: Kind, points: int) -> None:
        debt = max(-self._left, 0)
        for turn in range(_TRIES):
            if turn or self._age() > _STALE_SECONDS:
                await self._load()
            waiting = sum(each.points for each in self._waiting)
            block, used = next_block(
                self._state.used,
                limit,
                kind,
                points + debt,
                waiting + debt,
                now_ms() + self._lead,
                self._longer,
            )
            self._in_time(limit, block)
            self._state.used = used
            saving = now_ms()
            if await self._save():
                self._lead = min(max(now_ms() - saving, 0), _LONGEST_LEAD_MS)
                self._block, self._left, self._leased_at = block, block.points - debt, saving
                return
            await pause(drawn(0, 0.01 * (turn + 1)))
        raise PlatformRateLimitError(
            f"{self._platform}: too many calls are waiting", platform=self._platform, retry_after=1
        )

    def _in_time(self, limit: CallLimit, block: Block) -> None:
        """Raise PlatformRateLimitError when the caller cannot wait until the block starts."""
        longest = _turn_due.get() - asyncio.get_running_loop().time()
        wait = (block.start - now_ms()) / 1000
        if wait > longest:
            raise PlatformRateLimitError(
                f"{self._platform} allows {limit.most} {limit.unit}; the next call is due in {wait:.0f} s",
                platform=self._platform,
                retry_after=math.ceil(wait),
            )

    def spend(self, points: int) -> None:
        """Count further points of a call that was admitted: the pages of a list."""
        self._left -= points

    # --- after a call ---------------------------------------------------------------------------------

    async def answered(self) -> None:
        self._answered_at = now_ms()
        if self._state.is_suspect:
            await self.change(lambda state: state.answered(now_ms()))

    async def rest_reads(self) -> None:
        if self._state.reads_rest_until - now_ms() < READS_REST_MS // 2:
            await self.change(lambda state: state.rest_reads(now_ms()))

    def release(self) -> None:
        """Let those go on that waited for a call which went ahead."""
        self._ahead = max(self._ahead - 1, 0)
        self._turn.set()
        self._turn = asyncio.Event()

    async def change(self, change: Callable[[State], None]) -> None:
        """Change the row by `change`, which is tried again on what others wrote meanwhile."""
        async with self._lock:
            for turn in range(_TRIES):
                change(self._state)
                if await self._save():
                    return
                await pause(drawn(0, 0.01 * (turn + 1)))
                await self._load()

    # --- the row --------------------------------------------------------------------------------------

    async def _load(self) -> None:
        row, self._version = await self._store.load(self._platform, self._name)
        self._state = State.read(row)
        self._read_at = now_ms()
        self._loads += 1

    async def _save(self) -> bool:
        row, self._read_at = self._state.model_dump(mode="json"), None  # until it is known to be stored
        if not await self._store.save(self._platform, self._name, row, self._version):
            return False
        self._version += 1
        self._read_at = now_ms()
        return True

    def _age(self) -> float:
        # Absolute: the module's clock can be set back.
        return float("inf") if self._read_at is None else abs(now_ms() - self._read_at) / 1000

    @property
    def _lock(self) -> asyncio.Lock:
        """The lock of the running event loop; a Lambda that is used again may run a new one."""
        loop = asyncio.get_running_loop()
        if loop not in self._locks:
            self._locks, self._ahead, self._turn = {loop: asyncio.Lock()}, 0, asyncio.Event()
        return self._locks[loop]


@asynccontextmanager
async def turn(platform: str) -> AsyncIterator[None]:
    """Wait inside for a turn as long as the caller can; the time of its attempt stands still meanwhile.

    Raises PlatformRateLimitError for a caller that had none: its call was not sent.
    """
    left = seconds_to_wait()
    longest = LONGEST_WAIT_SECONDS if left is None else max(left - CALL_SECONDS, 0)
    token = _turn_due.set(asyncio.get_running_loop().time() + longest)
    try:
        with waiting_for_turn():
            async with asyncio.timeout(longest + CALL_SECONDS):
                yield
    except TimeoutError as error:
        raise PlatformRateLimitError(
            f"{platform}: many calls wait for their turn", platform=platform, retry_after=CROWDED_SECONDS
        ) from error
    finally:
        _turn_due.reset(token)


async def _until(moment: int) -> None:
    if (wait := moment - now_ms()) > 0:
        await pause(wait / 1000)
