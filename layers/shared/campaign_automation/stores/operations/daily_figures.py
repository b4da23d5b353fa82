"""The store of daily figures as the platforms reported them, and of when each ad account is collected.

| pk                             | sk                       | holds                                          |
|--------------------------------|--------------------------|------------------------------------------------|
| <tenant>#figures#<campaign id> | <level>#<first day>#<n>  | the objects' figures of 28 days, in n parts    |
| <tenant>#collections           | <platform>:<account>#<x> | the next time, the lease, the last failure     |

The days of a block are always those of one reading, from its first day on, so that a restated day takes the
place of what was known of it. `x` is `daily`, or the level of a history that a report asked for.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any, NamedTuple

from campaign_automation.models.common import Level
from campaign_automation.models.reports import DailyInsight
from campaign_automation.stores.lease import Lease, machine_now
from campaign_automation.stores.table import Key, Put, Row, Table, Update, Value
from campaign_automation.utils.clock import at_ms, now_ms

BLOCK_DAYS = 28
KEPT_DAYS = 800  # after the block's last day: two years, and what a report compares them with
_MOST_DAYS_A_ROW = 2000  # days of objects, of at most some hundred bytes each
_COLLECTING = Lease(holder="collected_by", until="collected_until")
_FIGURES = ("spend", "impressions", "clicks", "conversions", "revenue")


def block_start(day: date) -> date:
    """Return the first day of the block that holds `day`; all campaigns have the same blocks."""
    return date.fromordinal(day.toordinal() // BLOCK_DAYS * BLOCK_DAYS)


def block_end(day: date) -> date:
    return block_start(day) + timedelta(days=BLOCK_DAYS - 1)


def blocks_of(first: date, last: date) -> Iterator[date]:
    """Yield the first days of the blocks that hold the days from `first` to `last`."""
    start = block_start(first)
    while start <= last:
        yield start
        start += timedelta(days=BLOCK_DAYS)


class FigureBlock(NamedTuple):
    """The figures of a campaign's objects from `first` to `last`, all read at `read_at`.

    A day without a row brought nothing, as far as the platform shows its object.
    """

    first: date
    last: date
    read_at: datetime
    rows: list[DailyInsight]


class Collection(NamedTuple):
    """The state of an account's collection: `next_at` (epoch milliseconds), and the last failure."""

    next_at: int
    failure: str | None
    failed_at: int


class DailyFigureStore:
    def __init__(self, table: Table) -> None:
        self._table = table

    async def read(
        self, tenant: str, campaign_id: str, level: Level, first: date, last: date
    ) -> dict[date, FigureBlock]:
        """Return the blocks that hold days from `first` to `last`, by their first day."""
        pk = _pk(tenant, campaign_id)
        rows = await self._table.query(pk, prefix=f"{level}#", since=f"{level}#{block_start(first)}")
        wanted = [row for row in rows if date.fromisoformat(row["sk"].split("#")[1]) <= last]
        found = (_block(list(parts)) for _, parts in groupby(wanted, lambda row: row["sk"].split("#")[1]))
        return {block.first: block for block in found if block is not None}

    async def replace(self, tenant: str, campaign_id: str, level: Level, block: FigureBlock) -> None:
        """Store what was read of a block in the place of what was known of it.

        An object that the platform does not show any more keeps its days: a deleted one did spend.
        """
        known = (await self.read(tenant, campaign_id, level, block.first, block.first)).get(block.first)
        shown = {row.entity_id for row in block.rows}
        kept = [row for row in known.rows if row.entity_id not in shown] if known else []
        whole = block._replace(rows=[*block.rows, *kept])
        await self._table.write_in_groups(Put(row) for row in _rows(_pk(tenant, campaign_id), level, whole))

    # --- collections ------------------------------------------------------------------------------------

    async def collection(self, tenant: str, name: str) -> Collection:
        row = await self._table.get(_collection_key(tenant, name)) or {}
        return Collection(int(row.get("next_at", 0)), row.get("failure"), int(row.get("failed_at", 0)))

    async def begin(self, tenant: str, name: str, seconds: int) -> str | None:
        """Take the lease of a collection. Return its token, None while another has it."""
        token = uuid.uuid4().hex
        values = _COLLECTING.taken(token, seconds) | _lifetime()
        claim = Update(
            _collection_key(tenant, name), set=values, when=_COLLECTING.free_for(token), makes_row=True
        )
        return token if await self._table.try_write(claim) else None

    async def end(self, tenant: str, name: str, next_at: int, failure: str | None = None) -> None:
        """Give the lease back, and note when the collection is due again and what it failed at."""
        failed_at = None if failure is None else now_ms()
        values: dict[str, Value] = {"next_at": next_at, "failure": failure, "failed_at": failed_at}
        gone = _COLLECTING.attributes
        await self._table.write(
            Update(_collection_key(tenant, name), set=values | _lifetime(), remove=gone, makes_row=True)
        )


def _rows(pk: str, level: Level, block: FigureBlock) -> Iterator[Row]:
    """Yield the rows of a block; all carry the time of the reading, which tells parts of another one."""
    parts = list(_parts(block.rows)) or [[]]
    expires_at = machine_now() + KEPT_DAYS * 24 * 3600
    for number, rows in enumerate(parts):
        yield {
            "pk": pk,
            "sk": f"{level}#{block.first}#{number:03d}",
            "last_day": str(block.last),
            "read_at": int(block.read_at.timestamp() * 1000),
            "parts": len(parts),
            "figures": json.dumps([_stored(row) for row in rows], separators=(",", ":")),
            "expires_at": expires_at,
        }


def _parts(rows: Sequence[DailyInsight]) -> Iterator[Sequence[DailyInsight]]:
    for start in range(0, len(rows), _MOST_DAYS_A_ROW):
        yield rows[start : start + _MOST_DAYS_A_ROW]


def _block(rows: Sequence[Row]) -> FigureBlock | None:
    """Put the parts of a block together; None while another reading takes its place."""
    first, parts = rows[0], int(rows[0]["parts"])
    current = [row for row in rows if row["read_at"] == first["read_at"]]
    if len(current) != parts:
        return None
    return FigureBlock(
        date.fromisoformat(first["sk"].split("#")[1]),
        date.fromisoformat(first["last_day"]),
        at_ms(int(first["read_at"])),
        [_insight(stored) for row in current for stored in json.loads(row["figures"])],
    )


def _stored(row: DailyInsight) -> list[Any]:
    values = (getattr(row, name) for name in _FIGURES)
    # Amounts as text: they are exact, and JSON's numbers are not.
    figures = [None if value is None else str(value) for value in values]
    return [row.entity_id, row.campaign_id, row.adset_id, str(row.day), *figures]


def _insight(stored: Iterable[Any]) -> DailyInsight:
    entity_id, campaign_id, adset_id, day, *figures = stored
    amounts = [None if value is None else Decimal(value) for value in figures]
    values: dict[str, Any] = dict(zip(_FIGURES, amounts, strict=True))
    return DailyInsight(
        entity_id=entity_id, campaign_id=campaign_id, adset_id=adset_id, day=date.fromisoformat(day), **values
    )


def _lifetime() -> dict[str, Value]:
    return {"expires_at": machine_now() + KEPT_DAYS * 24 * 3600}


def _pk(tenant: str, campaign_id: str) -> str:
    return f"{tenant}#figures#{campaign_id}"


def _collection_key(tenant: str, name: str) -> Key:
    return Key(f"{tenant}#collections", name)
