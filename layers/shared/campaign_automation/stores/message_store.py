"""The messages of campaigns to the Web Platform, in the partition of their campaign, and those of notices.

Messages that wait are found by the table's index, whatever campaign or notice they belong to.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from campaign_automation.models.campaign import OutboxEntry
from campaign_automation.stores.campaign_rows import (
    MESSAGES,
    TO_CONFIRM,
    Mailbox,
    Named,
    Pending,
    campaign_key,
    message_of,
    messages_of,
    outbox_row,
    partition,
    pending_of,
    released,
)
from campaign_automation.stores.lease import DELIVERY
from campaign_automation.stores.notice_store import Notice
from campaign_automation.stores.table import Equals, Key, Put, Table, Update, Value, in_groups
from campaign_automation.utils.clock import now_ms


class MessageStore:
    """The rows of messages; of a campaign nothing else is read."""

    def __init__(self, table: Table) -> None:
        self._table = table

    async def mailbox(self, tenant: str, campaign_id: str) -> Mailbox:
        rows = await self._table.query(partition(tenant, campaign_id), prefix=MESSAGES)
        return Mailbox(tenant, campaign_id, messages_of(rows))

    async def save_messages(self, campaign: Named, entries: Iterable[OutboxEntry]) -> None:
        """Replace messages that were taken, or are to be sent again from now on."""
        await self._table.write_in_groups(Put(outbox_row(campaign, entry)) for entry in entries)

    async def claim_delivery(self, campaign: Named, seconds: int) -> str | None:
        """Take the lease of sending the campaign's messages. Return its token, None if another sends."""
        token = uuid.uuid4().hex
        taken = DELIVERY.taken(token, seconds)
        claim = Update(campaign_key(campaign), set=taken, when=DELIVERY.free_for(token))
        return token if await self._table.try_write(claim) else None

    async def release_delivery(self, campaign: Named, token: str, taken: Iterable[OutboxEntry] = ()) -> None:
        """Replace messages that were `taken`, and give the lease back unless another process has it."""
        puts = [Put(outbox_row(campaign, entry)) for entry in taken]
        key, attributes = campaign_key(campaign), DELIVERY.attributes
        release = Update(key, remove=attributes, when=DELIVERY.held_by(token))
        for group in in_groups([*puts, release]):
            if not await self._table.try_write(*group):
                await self._table.write(*(item for item in group if item is not release))

    async def keep_unsent(self, campaign: Named, entry: OutboxEntry) -> None:
        """Replace a message that was not taken; it keeps the time since which it waits."""
        row = outbox_row(campaign, entry)
        changed = {"entry": row["entry"], "outbox": row["outbox"]}
        await self._table.write(Update(Key(row["pk"], row["sk"]), set=changed))

    async def pending(self, limit: int) -> list[Pending]:
        """Return the messages of all tenants that wait for their acknowledgement: those that wait longest, at
        most `limit`, and where there are more the latest ones, as many."""
        oldest = await self._waiting("pending", limit)
        if len(oldest) < limit:
            return oldest
        # Else old messages that nobody takes, of one tenant even, would keep all later ones from being sent.
        latest = await self._waiting("pending", limit, last_first=True)
        return list(dict.fromkeys([*oldest, *reversed(latest)]))

    async def to_confirm(self, limit: int) -> list[Pending]:
        """Return the updates without an answer after which it is time to tell the state again."""
        return [item for item in await self._waiting(TO_CONFIRM, limit) if item.since <= now_ms()]

    async def quarantined(self, limit: int) -> list[Pending]:
        """Return the messages of all tenants that are sent no more, the oldest first, at most `limit`."""
        return await self._waiting("quarantined", limit)

    async def quarantine(self, item: Pending) -> None:
        """Send a message no more whose row, or whose campaign, cannot be read."""
        await self._table.try_write(Update(item.key, set={"outbox": "quarantined"}))

    async def release(self, item: Pending) -> bool:
        """Let a quarantined message be sent again. Return False when it is not quarantined any more."""
        row = await self._table.get(item.key) or {}
        changed: dict[str, Value] = {"outbox": "pending", "due": now_ms(), **released(row)}
        held = Equals("outbox", "quarantined")
        return await self._table.try_write(Update(item.key, set=changed, when=held))

    async def message(self, item: Pending) -> OutboxEntry | Notice | None:
        """Return the message itself, or None when its row is gone or cannot be read."""
        row = await self._table.get(item.key)
        try:
            return None if row is None else message_of(row)
        except ValueError:
            return None

    async def _waiting(self, value: str, limit: int, *, last_first: bool = False) -> list[Pending]:
        rows = await self._table.indexed(value, limit=limit, last_first=last_first)
        return [item for item in map(pending_of, rows) if item is not None]
