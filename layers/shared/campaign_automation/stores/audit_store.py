"""The store of the audit trail: append-only, one partition per campaign, up to three rows for each write.

| pk                       | sk             | holds                                               |
|--------------------------|----------------|-----------------------------------------------------|
| <tenant>#audit#<campaign> | <audit_id>#0  | the change, written before it is sent               |
|                          | <audit_id>#1   | the change with its outcome                         |
|                          | <audit_id>#2   | the same, with what became of the decision          |
| <tenant>#open#<campaign> | <audit_id>     | the change, until its outcome is stored             |
| <tenant>#trail#<day>     | <audit_id>     | the latest of the first two, for some months        |

The first row without the second is an unknown outcome. Ids begin with the time, so a partition is in order.
A trail grows for years, so what is open in it is found without reading it. The changes of all campaigns of a
day (UTC) stand together for whoever looks for one, and requests lead to them (operations/requests.py).
"""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from campaign_automation.models.changes import AuditRecord
from campaign_automation.stores.campaign_rows import partition
from campaign_automation.stores.lease import machine_now
from campaign_automation.stores.operations.requests import KEPT_SECONDS, request_puts
from campaign_automation.stores.table import (
    Absent,
    AnyOf,
    Delete,
    Equals,
    Key,
    Operation,
    Put,
    Row,
    Table,
    Update,
    in_groups,
)
from campaign_automation.utils.clock import at_ms, now_ms

_TIME_DIGITS = 12
_SAFETY_MS = 60_000
_PIECE = 300  # records that are in memory at once while a run is looked for


def audit_ids(from_ms: int | None = None) -> Iterator[str]:
    """Return ids that sort in the order in which they are taken, from `from_ms` or now (epoch ms)."""
    # Numbered, so that the records of one run keep their order within one millisecond.
    stem = f"{from_ms or now_ms():013d}-{uuid.uuid4().hex[:8]}"
    return (f"{stem}-{number:04d}" for number in itertools.count())


def new_run_id() -> str:
    """Return the id of a run that begins now, by which its records are found in a long trail."""
    return f"run_{now_ms():012x}_{uuid.uuid4().hex[:12]}"


def _begun(run_id: str) -> int:
    """Return a moment (epoch milliseconds) before the first record of a run; 0 for an id without a time."""
    _, _, rest = run_id.partition("_")
    time, _, more = rest.partition("_")
    is_timed = len(time) == _TIME_DIGITS == len(more) and set(time) <= set("0123456789abcdef")
    return max(int(time, 16) - _SAFETY_MS, 0) if is_timed else 0


def id_at(at_ms: int) -> str:
    """Return the smallest id of a moment (epoch milliseconds), for reading from there on."""
    return f"{at_ms:013d}"


def time_of(audit_id: str) -> int:
    """Return the moment (epoch milliseconds) at which an id was given."""
    return int(audit_id[:13])


class AuditStore:
    def __init__(self, table: Table) -> None:
        self._table = table

    async def intend(self, records: Sequence[AuditRecord], under: Operation | None = None) -> bool:
        """Store the records of changes that are about to be sent, and `under` in the last write of them.

        Return False when the condition of that one does not hold, or when one of the records stands already:
        the records alone are stored then.
        """
        # The open row first: a group of writes may end between the two, and nothing is sent before both.
        written = [(record, record.model_dump_json()) for record in records]
        rows = ((Put(_open_row(*item)), Put(_row(*item, "0"), when=Absent())) for item in written)
        found = [Put(_trail_row(*item, is_open=True), when=Absent()) for item in written]
        operations = [*itertools.chain.from_iterable(rows), *found, *_requests(records)]
        if under is None:
            await self._append(operations)
            return True
        # In the last one: what its condition tells is as old as the earlier ones take.
        *earlier, last = in_groups([*operations, under])
        await self._append(itertools.chain.from_iterable(earlier))
        if await self._table.try_write(*last):
            return True
        await self._append(last[:-1])
        return False

    async def conclude(self, records: Sequence[AuditRecord], after: Iterable[Operation] = ()) -> None:
        """Store records with their outcomes, none before the operations `after` which they come.

        Those that were concluded before stay as they were.
        """
        written = [(record, record.model_dump_json()) for record in records]
        # Each beside the end of its intent: of a group of writes that fails the records stay open.
        rows = itertools.chain.from_iterable(_concluded(*item) for item in written)
        is_first = AnyOf(Absent(), Equals("is_open", True))
        found = [Put(_trail_row(*item), when=is_first) for item in written]
        await self._append([*after, *rows, *found, *_requests(records)])

    async def look_again(self, records: Sequence[AuditRecord]) -> None:
        """Store applied records with what became of their decision. The first such record stays."""
        written = ((record, record.model_dump_json()) for record in records)
        rows: list[Operation] = [Put(_row(*item, "2"), when=Absent()) for item in written]
        # A digest counts while its campaign's row is unchanged, so the row changes with the trail.
        campaigns = dict.fromkeys(
            Key(partition(item.tenant, item.campaign_id), "campaign") for item in records
        )
        await self._append([*rows, *map(Update, campaigns)])

    async def _append(self, operations: Iterable[Operation]) -> None:
        for group in in_groups(operations):
            if not await self._table.try_write(*group):
                # One of them stands already; the others are still to be written.
                for operation in group:
                    await self._table.try_write(operation)

    async def page(
        self, tenant: str, campaign_id: str, *, after: str = "", limit: int | None = None
    ) -> list[AuditRecord]:
        """Return at most `limit` records in order, later than the id `after`."""
        # "~" sorts behind all rows of that id.
        since = f"{after}~" if after else ""
        # A record has three rows at most, so that many rows hold `limit` whole records.
        most = None if limit is None else 3 * limit
        rows = await self._table.query(_pk(tenant, campaign_id), since=since, limit=most)
        return _merged(rows)[:limit]

    async def of_run(self, tenant: str, campaign_id: str, run_id: str) -> list[AuditRecord]:
        """Return the records of a run and the later ones of the objects that it changed, in order.

        The trail before the run is not read, unless an older version named the run.
        """
        found: list[AuditRecord] = []
        entities: set[str] = set()
        after = id_at(_begun(run_id))
        while piece := await self.page(tenant, campaign_id, after=after, limit=_PIECE):
            for record in piece:
                entities |= {record.entity_id} if record.run_id == run_id else set()
                found += [record] if record.entity_id in entities else []
            after = piece[-1].audit_id
        return found

    async def of_day(self, tenant: str, day: date, *, since: str, limit: int) -> list[AuditRecord]:
        """Return at most `limit` changes of all campaigns of a tenant on a day (UTC), from an id on."""
        rows = await self._table.query(_trail_pk(tenant, day), since=since, limit=limit)
        return [AuditRecord.model_validate_json(row["record"]) for row in rows]

    async def since(self, tenant: str, campaign_id: str, at_ms: int) -> list[AuditRecord]:
        return _merged(await self._table.query(_pk(tenant, campaign_id), since=id_at(at_ms)))

    async def recent(
        self, tenant: str, campaign_id: str, at_ms: int, *, open_since: int
    ) -> list[AuditRecord]:
        """Return the records since `at_ms`, and before those the changes without an outcome since
        `open_since`, in order."""
        later, rows = await asyncio.gather(
            self.since(tenant, campaign_id, at_ms),
            self._table.query(_open_pk(tenant, campaign_id), since=id_at(open_since)),
        )
        earlier = [AuditRecord.model_validate_json(row["record"]) for row in rows if row["sk"] < id_at(at_ms)]
        return earlier + later


def _merged(rows: Iterable[Row]) -> list[AuditRecord]:
    """Keep one record per id: its latest row."""
    latest = {row["sk"].rpartition("#")[0]: row["record"] for row in rows}
    return [AuditRecord.model_validate_json(record) for record in latest.values()]


def _row(record: AuditRecord, text: str, number: str) -> dict[str, str]:
    return {
        "pk": _pk(record.tenant, record.campaign_id),
        "sk": f"{record.audit_id}#{number}",
        "record": text,
    }


def _concluded(record: AuditRecord, text: str) -> Iterator[Operation]:
    """Return the writes of a record's outcome and, after it, of the end of its intent."""
    yield Put(_row(record, text, "1"), when=Absent())
    if record.operation != "create":  # those have no intent here: the journal of their creation holds it
        yield Delete(_open_key(record))


def _trail_row(record: AuditRecord, text: str, *, is_open: bool | None = None) -> Row:
    return {
        "pk": _trail_pk(record.tenant, at_ms(time_of(record.audit_id)).date()),
        "sk": record.audit_id,
        "record": text,
        "is_open": is_open,
        "expires_at": machine_now() + KEPT_SECONDS,
    }


def _requests(records: Sequence[AuditRecord]) -> list[Operation]:
    puts = [
        put
        for record in records
        for put in request_puts(
            record.tenant, record.campaign_id, (record.request_id, record.platform_request_id)
        )
    ]
    return list({put.key: put for put in puts}.values())  # the changes of one request share a row


def _trail_pk(tenant: str, day: date) -> str:
    return f"{tenant}#trail#{day.isoformat()}"


def _open_row(record: AuditRecord, text: str) -> dict[str, str]:
    return {**_open_key(record)._asdict(), "record": text}


def _open_key(record: AuditRecord) -> Key:
    return Key(_open_pk(record.tenant, record.campaign_id), record.audit_id)


def _open_pk(tenant: str, campaign_id: str) -> str:
    return f"{tenant}#open#{campaign_id}"


def _pk(tenant: str, campaign_id: str) -> str:
    return f"{tenant}#audit#{campaign_id}"
