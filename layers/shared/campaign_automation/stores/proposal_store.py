"""The store of proposals: one row each, whose state moves one way.

| pk                 | sk        | holds                                                             |
|--------------------|-----------|-------------------------------------------------------------------|
| <tenant>#proposals | prop_<id> | the proposal, its state, and the lease of the process that works   |

Ids begin with their time, so a page is in the order of asking. A proposal that has not ended carries the key
of the outbox's index: at `due` it expires, or is carried on with.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from campaign_automation.models.proposals import Proposal
from campaign_automation.stores.lease import Lease, machine_now
from campaign_automation.stores.notice_store import Notice, notice_puts
from campaign_automation.stores.operations.events import NewEvent, write_with_events
from campaign_automation.stores.table import Absent, AllOf, Condition, Equals, Key, Put, Row, Table, Update
from campaign_automation.utils import clock

_INDEX_KEY = "proposal"
_PREFIX = "prop_"
_KEPT = timedelta(days=90)  # after the end
_WORK = Lease(holder="held_by", until="held_until")


class ProposalKey(NamedTuple):
    tenant: str
    proposal_id: str


class ProposalStore:
    def __init__(self, table: Table) -> None:
        self._table = table

    async def create(
        self, proposal: Proposal, notices: Iterable[Notice] = (), events: Iterable[NewEvent] = ()
    ) -> bool:
        """Store a new proposal with its notices and events, all or nothing. Return False when there is one of
        its id."""
        due = _ms(proposal.expires_at)
        row = {**_key(proposal.tenant, proposal.proposal_id)._asdict(), **_values(proposal, due)}
        told = notice_puts(notices, when=Absent())
        return await write_with_events(self._table, [Put(row, when=Absent()), *told], events)

    async def load(self, tenant: str, proposal_id: str) -> Proposal | None:
        """Return the proposal, or None for an id that this tenant does not have."""
        row = await self._table.get(_key(tenant, proposal_id))
        return None if row is None else _proposal(row)

    async def page(self, tenant: str, after: str, limit: int) -> list[Proposal]:
        """Return at most `limit` proposals behind the id `after`, oldest first."""
        since = f"{after}~" if after else ""
        rows = await self._table.query(f"{tenant}#proposals", since=since, prefix=_PREFIX, limit=limit)
        return [_proposal(row) for row in rows]

    async def due(self, limit: int) -> list[ProposalKey]:
        """Return the proposals of all tenants that expire or are to be carried on with, the longest due
        first."""
        rows = await self._table.indexed(_INDEX_KEY, limit=limit)
        due = [row for row in rows if row["due"] <= clock.now_ms()]
        return [ProposalKey(row["pk"].removesuffix("#proposals"), row["sk"]) for row in due]

    async def decide(self, before: Proposal, after: Proposal, due: int | None) -> bool:
        """Move a proposal on. Return False when it is not in its state of before any more."""
        return await self._table.try_write(_update(after, due, Equals("state", before.state)))

    async def begin(self, proposal: Proposal, token: str, seconds: int) -> bool:
        """Take the lease of carrying an approved proposal out; False when another process has it."""
        key = _key(proposal.tenant, proposal.proposal_id)
        free = AllOf(Equals("state", proposal.state), _WORK.free_for(token))
        return await self._table.try_write(Update(key, set=_WORK.taken(token, seconds), when=free))

    async def keep(self, proposal: Proposal, token: str, due: int | None, *, is_left: bool) -> bool:
        """Store how far it is carried out; `is_left` gives the lease back. False when it was taken over."""
        gone = _WORK.attributes if is_left else ()
        return await self._table.try_write(_update(proposal, due, _WORK.held_by(token), gone))

    async def use_link(self, tenant: str, proposal_id: str, token_id: str) -> bool:
        """Note that a link to decide was used. Return False for one that was used before."""
        used = f"used#{token_id}"
        update = Update(_key(tenant, proposal_id), set={used: machine_now()}, when=Absent(used))
        return await self._table.try_write(update)

    async def leave(self, proposal: Proposal, token: str) -> None:
        """Give the lease back and nothing else."""
        key = _key(proposal.tenant, proposal.proposal_id)
        await self._table.try_write(Update(key, remove=_WORK.attributes, when=_WORK.held_by(token)))


def _update(proposal: Proposal, due: int | None, when: Condition, gone: Iterable[str] = ()) -> Update:
    removed = [*gone, *(("outbox", "due") if due is None else ())]
    values = {name: value for name, value in _values(proposal, due).items() if value is not None}
    return Update(_key(proposal.tenant, proposal.proposal_id), set=values, remove=removed, when=when)


def _values(proposal: Proposal, due: int | None) -> dict[str, Any]:
    ended = machine_now() + _KEPT // timedelta(seconds=1) if proposal.is_ended else None
    return {
        "state": proposal.state,
        "packed": zlib.compress(proposal.model_dump_json(by_alias=False).encode()),
        "outbox": None if due is None else _INDEX_KEY,
        "due": due,
        "expires_at": ended,
    }


def _proposal(row: Row) -> Proposal:
    return Proposal.model_validate_json(zlib.decompress(row["packed"]))


def _key(tenant: str, proposal_id: str) -> Key:
    return Key(f"{tenant}#proposals", proposal_id)


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
