"""The store of notices to a user that belong to no campaign, pending until each channel has taken them.

| pk                   | sk            | holds                                    |
|----------------------|---------------|------------------------------------------|
| <tenant>#notice#<id> | outbox#000001 | the notice, and its waiting channels     |
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from pydantic import Field

from campaign_automation.models.common import Record
from campaign_automation.models.notices import Channel
from campaign_automation.models.notices.events import NoticeData
from campaign_automation.stores.lease import DELIVERY, machine_now
from campaign_automation.stores.operations.events import NewEvent, write_with_events
from campaign_automation.stores.operations.webhooks import WebhookEvent, event_puts
from campaign_automation.stores.table import Absent, AllOf, Condition, Equals, Key, Put, Row, Table, Update
from campaign_automation.utils.clock import now_ms

_KEPT = timedelta(days=30)
_ROW = "outbox#000001"


class Notice(Record):
    """A notice to a user: the arguments of the Web Platform's create_notification, and waiting channels.

    After too many `refusals` it is quarantined, as an OutboxEntry is. `since` is in epoch milliseconds.
    `only` are the channels that it is for, where it is not for all of its tenant's.
    """

    tenant: str
    notice_id: str
    arguments: dict[str, Any]
    waiting: list[Channel]
    only: list[Channel] | None = None
    refusals: int = 0
    error: str | None = None
    is_quarantined: bool = False
    since: int = Field(default_factory=now_ms)


class NoticeStore:
    def __init__(self, table: Table) -> None:
        self._table = table

    async def load(self, tenant: str, notice_id: str) -> Notice | None:
        row = await self._table.get(_key(tenant, notice_id))
        return None if row is None else Notice.model_validate_json(row["notice"])

    async def add(self, notice: Notice, events: Iterable[NewEvent] = ()) -> bool:
        """Store a new notice with events. Return False when there is one with its id."""
        return await write_with_events(self._table, notice_puts([notice], when=Absent()), events)

    async def claim(self, notice: Notice, seconds: int) -> bool:
        """Take the lease of delivering a waiting notice. Return whether this process has it now."""
        token = uuid.uuid4().hex
        claim = Update(
            _key(notice.tenant, notice.notice_id),
            set=DELIVERY.taken(token, seconds),
            when=AllOf(Equals("outbox", "pending"), DELIVERY.free_for(token)),
        )
        return await self._table.try_write(claim)

    async def save(self, notice: Notice) -> None:
        """Replace the notice, which ends its lease too."""
        await self._table.write(Put(notice_row(notice)))


def notice_puts(notices: Iterable[Notice], when: Condition | None = None) -> list[Put]:
    """Return the rows of notices: those for people, and the events for their tenants' webhooks."""
    items = list(notices)
    events = [
        WebhookEvent(item.tenant, item.notice_id, NoticeData.type, item.since, _told(item))
        for item in items
        if item.only is None or "webhook" in item.only
    ]
    return [
        *(Put(notice_row(item), when=when) for item in items),
        *event_puts(events),
    ]


def _told(notice: Notice) -> dict[str, Any]:
    """Return the fields of a notice that its schema names: the link to a page is for its owner alone."""
    return {name: value for name, value in notice.arguments.items() if name in NoticeData.model_fields}


def notice_row(notice: Notice) -> Row:
    key = _key(notice.tenant, notice.notice_id)
    row = {**key._asdict(), "notice": notice.model_dump_json()}
    if notice.waiting:
        # Only waiting notices carry the key of the outbox's index.
        state = "quarantined" if notice.is_quarantined else "pending"
        return {**row, "outbox": state, "due": notice.since}
    return {**row, "expires_at": machine_now() + _KEPT // timedelta(seconds=1)}


def _key(tenant: str, notice_id: str) -> Key:
    return Key(f"{tenant}#notice#{notice_id}", _ROW)
