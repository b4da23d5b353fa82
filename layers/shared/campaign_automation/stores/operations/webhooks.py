"""The store of a tenant's notification settings, and of the events that wait for its webhook.

| pk                     | sk                         | holds                                               |
|------------------------|----------------------------|-----------------------------------------------------|
| <tenant>#notifications | settings                   | channels, address, secrets, digest; what it fails at |
| <tenant>#webhook       | event#<milliseconds>#<id>  | an event that is still to be sent                   |

Events are written with the state they report, sent in the order of their keys, and removed once they are
taken: by the webhook and, typed ones (events.py), by the event bus, each in its own time. Secrets are kept
here, in a table that is encrypted: they prove who sends, and open nothing.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import Any, NamedTuple

from campaign_automation.models.notices import NotificationSettings
from campaign_automation.stores.lease import Lease, machine_now
from campaign_automation.stores.table import Delete, Key, Put, Row, Table, Update, in_groups
from campaign_automation.utils.clock import now_ms

KEPT = timedelta(days=30)  # an event that no webhook took by then is gone
_WAITING = "webhooks"  # under this key the outbox's index holds the events
_DIGESTS = "digests"  # and under this one the tenants that want a digest
_SENDING = Lease(holder="sent_by", until="sent_until")
BUS, WEBHOOK = "bus", "webhook"  # who takes events
_SETTINGS = "settings"
_EVENT = "event#"
_NEWS: ContextVar[set[str] | None] = ContextVar("news", default=None)


class WebhookEvent(NamedTuple):
    """Something to tell a tenant's webhook: its id, kind, moment (epoch milliseconds) and JSON values.

    A typed one is `about` a campaign, with its sequence and actor, and goes to the event bus too. `taken`:
    who has it already.
    """

    tenant: str
    event_id: str
    kind: str
    at_ms: int
    data: dict[str, Any]
    about: dict[str, Any] = {}
    taken: frozenset[str] = frozenset()

    def taken_by(self, taker: str) -> WebhookEvent:
        return self._replace(taken=self.taken | {taker})

    @property
    def key(self) -> Key:
        return Key(f"{self.tenant}#webhook", f"{_EVENT}{self.at_ms:013d}#{self.event_id}")


class Failing(NamedTuple):
    """A webhook that takes nothing now: since when (epoch milliseconds), and its last answer."""

    since: int
    error: str


class StoredSettings(NamedTuple):
    settings: NotificationSettings
    failing: Failing | None


class WebhookStore:
    def __init__(self, table: Table) -> None:
        self._table = table

    # --- settings ---------------------------------------------------------------------------------------

    async def settings(self, tenant: str) -> StoredSettings:
        """Return the settings; the usual ones of a tenant that made none."""
        row = await self._table.get(_settings_key(tenant)) or {}
        stored = row.get("settings")
        settings = (
            NotificationSettings() if stored is None else NotificationSettings.model_validate_json(stored)
        )
        failing = Failing(int(row["failing_since"]), row["error"]) if "failing_since" in row else None
        return StoredSettings(settings, failing)

    async def save(self, tenant: str, settings: NotificationSettings, digest_at: int | None) -> None:
        """Store settings, and when the next digest is due (epoch milliseconds)."""
        values = {"settings": settings.model_dump_json(), **_due(digest_at)}
        gone = ("failing_since", "error")  # a new address begins anew
        await self._table.write(Update(_settings_key(tenant), set=values, remove=gone, makes_row=True))

    async def digests_due(self, limit: int) -> list[str]:
        """Return the tenants whose digest is due, the longest due first."""
        rows = await self._table.indexed(_DIGESTS, limit=limit)
        return [row["pk"].partition("#")[0] for row in rows if row["due"] <= now_ms()]

    async def next_digest(self, tenant: str, at_ms: int) -> None:
        await self._table.write(Update(_settings_key(tenant), set=_due(at_ms)))

    # --- events -----------------------------------------------------------------------------------------

    async def waiting(self, limit: int) -> list[str]:
        """Return the tenants with events to be sent, the longest waiting first.

        Of more than `limit` events those of the middle are not read: so many wait for one that takes none.
        """
        rows = await self._table.indexed(_WAITING, limit=limit)
        if len(rows) == limit:
            rows += await self._table.indexed(_WAITING, limit=limit, last_first=True)
        return list(dict.fromkeys(row["pk"].partition("#")[0] for row in rows))

    async def events(self, tenant: str) -> list[WebhookEvent]:
        """Return all events of a tenant that wait, in their order."""
        rows = await self._table.query(f"{tenant}#webhook", prefix=_EVENT)
        return [_event(tenant, row) for row in rows]

    async def taken(self, events: Iterable[WebhookEvent], taker: str) -> None:
        """Note who has taken events that somebody else may still wait for."""
        noted = (Update(event.key, set={f"taken_{taker}": True}) for event in events)
        await self._table.write_in_groups(noted)

    async def drop(self, events: Sequence[WebhookEvent]) -> None:
        """Remove events that nobody waits for."""
        await self._table.write_in_groups(Delete(event.key) for event in events)

    async def begin_sending(self, tenant: str, seconds: int) -> str | None:
        """Take the lease of sending, for the order of the events. Return its token, None if it is taken."""
        token = uuid.uuid4().hex
        claim = Update(
            _settings_key(tenant),
            set=_SENDING.taken(token, seconds),
            when=_SENDING.free_for(token),
            makes_row=True,
        )
        return token if await self._table.try_write(claim) else None

    async def end_sending(
        self,
        tenant: str,
        token: str,
        failing: Failing | None,
        gone: Iterable[WebhookEvent] = (),
        *,
        is_read: bool,
    ) -> None:
        """Give the lease back, note what the webhook fails at, and remove events that nobody waits for.

        Unless the settings were read (`is_read`), what was noted before stays.
        """
        noted: dict[str, Any] = {"failing_since": None, "error": None} if is_read else {}
        if failing is not None:
            noted = {"failing_since": failing.since, "error": failing.error}
        attributes, held = _SENDING.attributes, _SENDING.held_by(token)
        end = Update(_settings_key(tenant), set=noted, remove=attributes, when=held)
        for group in in_groups([*(Delete(event.key) for event in gone), end]):
            if not await self._table.try_write(*group):
                await self._table.write(*(item for item in group if item is not end))


@contextmanager
def news() -> Iterator[set[str]]:
    """Collect the tenants for whom events are written within the block."""
    tenants: set[str] = set()
    token = _NEWS.set(tenants)
    try:
        yield tenants
    finally:
        _NEWS.reset(token)


def told(tenant: str) -> None:
    """Note that what was written for a tenant so far is being sent."""
    if (tenants := _NEWS.get()) is not None:
        tenants.discard(tenant)


def event_puts(events: Iterable[WebhookEvent]) -> list[Put]:
    """Return the rows of events, and note that their tenants have news."""
    items = list(events)
    if (tenants := _NEWS.get()) is not None:
        tenants.update(event.tenant for event in items)
    return [Put(_row(event)) for event in items]


def _row(event: WebhookEvent) -> Row:
    stored = {"kind": event.kind, "data": event.data, **({"about": event.about} if event.about else {})}
    return {
        **event.key._asdict(),
        "event": json.dumps(stored, ensure_ascii=False),
        "outbox": _WAITING,
        "due": event.at_ms,
        "expires_at": machine_now() + KEPT // timedelta(seconds=1),
    }


def _event(tenant: str, row: Row) -> WebhookEvent:
    stored = json.loads(row["event"])
    _, at_ms, event_id = row["sk"].split("#", 2)
    taken = frozenset(name.removeprefix("taken_") for name in row if name.startswith("taken_"))
    about = stored.get("about", {})
    return WebhookEvent(tenant, event_id, stored["kind"], int(at_ms), stored["data"], about, taken)


def _due(digest_at: int | None) -> dict[str, Any]:
    return {"outbox": None if digest_at is None else _DIGESTS, "due": digest_at}


def _settings_key(tenant: str) -> Key:
    return Key(f"{tenant}#notifications", _SETTINGS)
