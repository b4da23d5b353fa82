"""The audit trail: append-only, one partition per campaign, each write told twice.

| pk                       | sk             | holds                                               |
|--------------------------|----------------|-----------------------------------------------------|
| <tenant>#audit#<campaign> | <audit_id>#0   | what is about to be sent, written before it is sent |
|                          | <audit_id>#1   | what came of it                                     |

The first half without the second is an unknown outcome. Ids begin with the time, so a partition is in order.
"""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterable, Iterator, Sequence

from campaign_automation.models.changes import AuditRecord
from campaign_automation.stores.table import TRANSACTION, TableStore, offloaded
from campaign_automation.utils.clock import now_ms


def audit_ids(at_ms: int | None = None) -> Iterator[str]:
    """Ids in the order in which they are taken."""
    stem = f"{at_ms or now_ms():013d}-{uuid.uuid4().hex[:8]}"
    return (f"{stem}-{number:04d}" for number in itertools.count())


def id_at(at_ms: int) -> str:
    """The smallest id of that moment, for reading from there on."""
    return f"{at_ms:013d}"


class AuditStore(TableStore):
    @offloaded
    def intend(self, records: Sequence[AuditRecord]) -> None:
        """Before the write is sent."""
        self._append(records, "0")

    @offloaded
    def conclude(self, records: Sequence[AuditRecord]) -> None:
        """After it: the record with its outcome. What was concluded before stays as it was."""
        self._append(records, "1")

    def _append(self, records: Sequence[AuditRecord], half: str) -> None:
        for start in range(0, len(records), TRANSACTION):
            rows = [_row(record, half) for record in records[start : start + TRANSACTION]]
            if not self._transact([self._put_action(row, only_new=True) for row in rows]):
                for row in rows:
                    self._put_new(row)

    @offloaded
    def page(
        self, tenant: str, campaign_id: str, *, after: str = "", limit: int | None = None
    ) -> list[AuditRecord]:
        """At most `limit` records in order, later than the id `after`."""
        # "~" sorts behind both halves of that id.
        since = f"{after}~" if after else ""
        rows = self._query(_pk(tenant, campaign_id), since=since)
        records = (AuditRecord.model_validate_json(row["record"]) for row in rows)
        return list(itertools.islice(_merged(records), limit))

    @offloaded
    def since(self, tenant: str, campaign_id: str, at_ms: int) -> list[AuditRecord]:
        rows = self._query(_pk(tenant, campaign_id), since=id_at(at_ms))
        return list(_merged(AuditRecord.model_validate_json(row["record"]) for row in rows))


def _merged(records: Iterable[AuditRecord]) -> Iterator[AuditRecord]:
    """One record per id: its later half."""
    for _, halves in itertools.groupby(records, key=lambda record: record.audit_id):
        *_, last = halves
        yield last


def _row(record: AuditRecord, half: str) -> dict[str, str]:
    return {
        "pk": _pk(record.tenant, record.campaign_id),
        "sk": f"{record.audit_id}#{half}",
        "record": record.model_dump_json(),
    }


def _pk(tenant: str, campaign_id: str) -> str:
    return f"{tenant}#audit#{campaign_id}"
