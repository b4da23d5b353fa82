"""Typed events: written with the state that they report, and numbered in the sequence of their campaign.

| pk                  | sk                     | holds                                             |
|---------------------|------------------------|---------------------------------------------------|
| <tenant>#sequences  | <campaign's id>, or -  | the number and the moment of its latest event     |

The events themselves wait in the rows of webhooks.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from campaign_automation.models.notices.events import EventData
from campaign_automation.stores.operations.webhooks import WebhookEvent, event_puts
from campaign_automation.stores.table import Absent, Equals, Key, Operation, Put, Row, Table
from campaign_automation.utils.clock import now_ms
from campaign_automation.utils.error_handler import StoreError

_NO_CAMPAIGN = "-"
_TRIES = 8


class NewEvent(NamedTuple):
    """An event that is still to get its number; one without a campaign is in the tenant's own sequence."""

    tenant: str
    event_id: str
    data: EventData
    actor: str
    correlation_id: str
    session_id: str | None = None
    campaign_id: str | None = None

    @property
    def sequence_key(self) -> Key:
        return Key(f"{self.tenant}#sequences", self.campaign_id or _NO_CAMPAIGN)


async def write_with_events(
    table: Table, operations: Sequence[Operation], events: Iterable[NewEvent]
) -> bool:
    """Write operations together with events, all or nothing; return whether the conditions held.

    Raises StoreError while other processes take the numbers again and again.
    """
    new = list(events)
    if not new:
        return await table.try_write(*operations)
    keys = list(dict.fromkeys(event.sequence_key for event in new))
    rows = await _rows(table, keys)
    for _ in range(_TRIES):
        if await table.try_write(*operations, *_numbered(new, rows)):
            return True
        later = await _rows(table, keys)
        if later == rows:
            return False  # no number was taken, so it was a condition of the operations
        rows = later
    raise StoreError("the numbers of events changed hands too often; ask again")


async def _rows(table: Table, keys: Iterable[Key]) -> dict[Key, Row | None]:
    return {key: await table.get(key) for key in keys}


def _numbered(events: Iterable[NewEvent], rows: dict[Key, Row | None]) -> list[Operation]:
    """Return the rows of events, and those that hold the numbers they took."""
    latest = {key: (int(row["number"]), int(row["at_ms"])) if row else (0, 0) for key, row in rows.items()}
    numbered = []
    for event in events:
        number, before = latest[event.sequence_key]
        # Rows are sent in the order of their moments, and clocks of two machines differ.
        at_ms = max(now_ms(), before + 1)
        latest[event.sequence_key] = number + 1, at_ms
        numbered.append(_waiting(event, number + 1, at_ms))
    taken = [
        Put(
            {**key._asdict(), "number": number, "at_ms": at_ms},
            when=Equals("number", row["number"]) if (row := rows[key]) else Absent(),
        )
        for key, (number, at_ms) in latest.items()
    ]
    return [*taken, *event_puts(numbered)]


def _waiting(event: NewEvent, number: int, at_ms: int) -> WebhookEvent:
    about = {
        "campaign_id": event.campaign_id,
        "sequence": number,
        "actor": event.actor,
        "session_id": event.session_id,
        "correlation_id": event.correlation_id,
    }
    data = event.data.model_dump(mode="json", by_alias=True)
    return WebhookEvent(event.tenant, event.event_id, event.data.type, at_ms, data, about)
