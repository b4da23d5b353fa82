"""Blocks of calls leased from a ledger never exceed the limit in any window."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from campaign_automation.adapters.limits.limit import SHARES, Block, CallLimit, Kind, Ledger, next_block

TIKTOK = CallLimit("app", 10, "calls", 1, 0.1, late=0.25)
NOW = 1_700_000_000_000
META = CallLimit("account", 60, "points", 300, 10, block=60, write=3)

Asked = tuple[int, Kind, int]  # milliseconds after the one before, class, calls

asked = st.lists(
    st.tuples(st.integers(0, 3000), st.sampled_from(["read", "write"]), st.integers(1, 4)), max_size=60
)


def leased(limit: CallLimit, requests: list[Asked]) -> list[Block]:
    ledger: Ledger = []
    blocks, now = [], 1_700_000_000_000
    for later, kind, count in requests:
        now += later
        block, ledger = next_block(ledger, limit, kind, limit.points(kind, count), 1, now)
        assert block.start >= now
        assert block.points >= min(limit.points(kind, count), limit.most * SHARES[kind])
        blocks.append(block)
    return blocks


@given(asked)
def test_no_window_holds_more_calls_than_the_limit_however_late_they_are_made(requests: list[Asked]) -> None:
    for limit in (TIKTOK, META):
        blocks = leased(limit, requests)
        most = limit.most * SHARES["write"]
        for last in blocks:
            # As bad as it can be: the earlier ones at the end of their time and long under way, the later
            # ones at its start and there at once.
            window = [
                item for item in blocks if item.end + limit.late * 1000 > last.start - limit.seconds * 1000
            ]
            used = sum(item.points for item in window if item.start <= last.start)
            assert used <= most


@given(asked)
def test_who_asks_first_is_served_first(requests: list[Asked]) -> None:
    assert all(earlier.start <= later.end for earlier, later in pairwise(leased(TIKTOK, requests)))


def test_reads_leave_room_for_writes() -> None:
    ledger: Ledger = []
    now = 1_700_000_000_000
    for _ in range(8):
        block, ledger = next_block(ledger, TIKTOK, "read", 1, 1, now)
        assert block.start == now
    assert next_block(ledger, TIKTOK, "read", 1, 1, now)[0].start > now
    assert next_block(ledger, TIKTOK, "write", 1, 1, now)[0].start == now


def test_a_call_larger_than_the_whole_limit_goes_when_nothing_else_does() -> None:
    now = 1_700_000_000_000
    block, ledger = next_block([], META, "write", 150, 150, now)
    assert (block.start, block.points) == (now, 54)
    assert next_block(ledger, META, "write", 3, 3, now)[0].start >= now + 300_000


def test_blocks_that_only_a_clock_set_back_explains_count_no_more() -> None:
    now = 1_700_000_000_000
    _, ledger = next_block([], TIKTOK, "write", 9, 9, now + 86_400_000)
    assert next_block(ledger, TIKTOK, "write", 9, 9, now)[0].start == now


def test_the_ledger_stays_short() -> None:
    google = CallLimit("app", 15_000, "operations", 86_400, 3_600, block=10)
    ledger: Ledger = []
    for minute in range(3000):
        now = 1_700_000_000_000 + minute * 60_000
        _, ledger = next_block(ledger, google, "write", 1, 1, now)
    assert len(ledger) <= 26


def test_blocks_of_a_clock_that_was_set_back_hold_nobody_up() -> None:
    day = CallLimit("app", 100, "operations a day", 86_400, 3_600)
    ahead: Ledger = [(NOW + hours * 3_600_000, 90) for hours in (3, 30, 200)]
    block, _ = next_block(ahead, day, "write", 1, 0, NOW)
    assert block.start == NOW
