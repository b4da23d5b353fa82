"""The store of rules: versions that never change, one head for each rule, one lease for each of its ticks.

| pk                 | sk                | holds                                                      |
|--------------------|-------------------|------------------------------------------------------------|
| <tenant>#rules     | <rule_id>         | head: the version in force, its state, its last run        |
| <tenant>#rule#<id> | version#<n>       | one version                                                |
|                    | tick#<time>#v<n>  | the lease of the tick's evaluation; then its result        |
|                    | told              | the last notification of each object, for the cooldown     |

A head that is enabled carries the key of the sparse index, so every tenant's rules can be compared with the
schedules that drive them.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from pydantic import AwareDatetime

from campaign_automation.models.common import Record
from campaign_automation.models.rules.answers import RuleEvaluated
from campaign_automation.models.rules.rule import CreateRule, StoredRule
from campaign_automation.stores.lease import Lease, machine_now
from campaign_automation.stores.notice_store import Notice, notice_puts
from campaign_automation.stores.operations.events import NewEvent, write_with_events
from campaign_automation.stores.table import (
    Absent,
    AllOf,
    Condition,
    Delete,
    Equals,
    Key,
    Operation,
    Put,
    Row,
    Table,
    Update,
)
from campaign_automation.utils import clock

RuleState = Literal["enabled", "disabled", "needs_review", "deleted"]

KEPT_DAYS = 90
_INDEX_KEY = "rule"
_MOST_LISTED = 500  # objects of a run that are kept by name: a row has a limit of 400 KB
_VERSION_DIGITS = 6
_MOST_EVENTS = 40  # of one transaction, where each may take a number of its own campaign
_TICK = Lease(holder="token", until="held_until")


class RuleHead(Record):
    """The rule in force. `scheduled` is the version that its schedule was made for, 0 without one.

    `next_account` is the first account that the last run had no time for; None where it had for all.
    """

    tenant: str
    rule_id: str
    version: int
    state: RuleState
    rule: CreateRule
    anchor: AwareDatetime
    changed_at: AwareDatetime
    scheduled: int = 0
    last_run: AwareDatetime | None = None
    next_account: str | None = None

    @property
    def stored(self) -> StoredRule:
        return StoredRule(
            rule_id=self.rule_id, version=self.version, rule=self.rule, anchor=self.anchor, state=self.state
        )


class Tick(NamedTuple):
    """One evaluation that is due: of this head's version, for this time; `token` names its process."""

    head: RuleHead
    scheduled_time: datetime
    token: str

    @property
    def key(self) -> str:
        return f"tick#{clock.iso(self.scheduled_time)}#v{self.head.version}"


class Standing(NamedTuple):
    """An earlier evaluation of the tick; `result` is None while it still goes on."""

    result: RuleEvaluated | None


class RuleKey(NamedTuple):
    tenant: str
    rule_id: str


class RuleStore:
    def __init__(self, table: Table) -> None:
        self._table = table

    # --- rules -----------------------------------------------------------------------------------------

    async def create(self, head: RuleHead) -> bool:
        """Store a new rule. Return False for one that exists already, which stays as it is."""
        row = {**_head_key(head.tenant, head.rule_id)._asdict(), **_values(head), "tenant": head.tenant}
        row |= {"rule_id": head.rule_id, "scheduled": 0, **_indexed(head.state)}
        return await self._table.try_write(_new_version(head), Put(row, when=Absent()))

    async def add_version(self, head: RuleHead) -> bool:
        """Replace the version before `head`'s. Return False when that is not the one in force any more."""
        before = Equals("version", head.version - 1)
        return await self._table.try_write(_new_version(head), _update(head, _values(head), before))

    async def set_state(self, head: RuleHead, state: RuleState, at: datetime) -> bool:
        """Change the state. Return False when the rule was changed meanwhile."""
        return await self._table.try_write(_state_update(head, state, at))

    async def mark_scheduled(self, head: RuleHead, version: int) -> None:
        await self._table.write(_update(head, {"scheduled": version}))

    async def head(self, tenant: str, rule_id: str) -> RuleHead | None:
        """Return the rule's head, or None for an id that this tenant does not have."""
        row = await self._table.get(_head_key(tenant, rule_id))
        return None if row is None else _head(row)

    async def heads(self, tenant: str) -> list[RuleHead]:
        """Return all rules of the tenant that are not deleted, by id."""
        heads = [_head(row) for row in await self._table.query(f"{tenant}#rules")]
        return [head for head in heads if head.state != "deleted"]

    async def enabled(self) -> list[RuleKey]:
        """Return the enabled rules of all tenants, as the index shows them a moment later."""
        rows = await self._table.indexed(_INDEX_KEY)
        return [RuleKey(row["pk"].removesuffix("#rules"), row["sk"]) for row in rows]

    # --- ticks -----------------------------------------------------------------------------------------

    async def claim(self, tick: Tick, seconds: int) -> Standing | None:
        """Take the tick's lease for `seconds`. Return the earlier evaluation, if there is one.

        A lease whose time is over belonged to a process that died, and is taken over.
        """
        row = {
            **_tick_key(tick)._asdict(),
            **_TICK.taken(tick.token, seconds),
            "expires_at": machine_now() + timedelta(days=KEPT_DAYS) // timedelta(seconds=1),
        }
        claim = Put(row, when=AllOf(Absent("packed"), _TICK.free_for(tick.token)))
        if await self._table.try_write(claim):
            return None
        standing = await self._table.get(_tick_key(tick)) or {}
        return Standing(_unpacked(standing) if "packed" in standing else None)

    async def release(self, tick: Tick) -> None:
        """Give the tick back undone, so that it can be delivered again."""
        await self._table.try_write(Delete(_tick_key(tick), when=_held(tick)))

    async def finish(
        self,
        tick: Tick,
        result: RuleEvaluated,
        notified_at: Mapping[str, datetime] | None = None,
        notices: Iterable[Notice] = (),
        events: Sequence[NewEvent] = (),
    ) -> bool:
        """Store the result of the tick, the notified objects, the notices and the events, all or nothing.

        A result that asks for a review stops the rule too. Return False when another process took the tick
        over.
        """
        # More campaigns than one transaction takes: their events come first, and again under the same ids
        # should the process die before the last.
        *earlier, events = [events[at : at + _MOST_EVENTS] for at in range(0, len(events) or 1, _MOST_EVENTS)]
        for some in earlier:
            if not await write_with_events(self._table, [Update(_tick_key(tick), when=_held(tick))], some):
                return False
        operations, run = _finish(tick, result, notified_at, notices), _run_values(tick, result)
        if result.outcome == "needs_review":
            stop = _state_update(tick.head, "needs_review", clock.now(), run)
            if await write_with_events(self._table, [stop, *operations], events):
                return True
            # A person changed the rule meanwhile: that change stands, and the run is recorded all the same.
        return await write_with_events(self._table, [_update(tick.head, run), *operations], events)

    async def notified_at(self, head: RuleHead) -> dict[str, datetime]:
        """Return the rule's last notification of each object, in observe mode of its last decision on it."""
        row = await self._table.get(Key(_pk(head), "told"))
        moments = json.loads(zlib.decompress(row["packed"])) if row else {}
        return {entity: datetime.fromisoformat(moment) for entity, moment in moments.items()}

    async def runs(self, head: RuleHead, since: datetime) -> list[RuleEvaluated]:
        """Return the results of the ticks from `since` on, the oldest first."""
        rows = await self._table.query(_pk(head), since=f"tick#{clock.iso(since)}", prefix="tick#")
        return [_unpacked(row) for row in rows if "packed" in row]


# --- operations --------------------------------------------------------------------------------------------


def _new_version(head: RuleHead) -> Put:
    sort_key = f"version#{head.version:0{_VERSION_DIGITS}d}"
    return Put({"pk": _pk(head), "sk": sort_key, **_values(head)}, when=Absent())


def _state_update(
    head: RuleHead, state: RuleState, at: datetime, run: Mapping[str, Any] | None = None
) -> Update:
    values = {"state": state, "changed_at": clock.iso(at), **_indexed(state), **(run or {})}
    unchanged = AllOf(Equals("version", head.version), Equals("state", head.state))
    return _update(head, values, unchanged, remove=() if state == "enabled" else ("outbox", "due"))


def _update(
    head: RuleHead,
    values: Mapping[str, Any],
    when: Condition | None = None,
    remove: tuple[str, ...] = (),
) -> Update:
    return Update(_head_key(head.tenant, head.rule_id), set=values, when=when, remove=remove)


def _finish(
    tick: Tick, result: RuleEvaluated, notified_at: Mapping[str, datetime] | None, notices: Iterable[Notice]
) -> list[Operation]:
    operations: list[Operation] = [Update(_tick_key(tick), set={"packed": _packed(result)}, when=_held(tick))]
    if notified_at is not None:
        moments = {entity: moment.isoformat() for entity, moment in notified_at.items()}
        packed = zlib.compress(json.dumps(moments).encode())
        operations.append(Put({"pk": _pk(tick.head), "sk": "told", "packed": packed}))
    return operations + notice_puts(notices, when=Absent())


def _run_values(tick: Tick, result: RuleEvaluated) -> dict[str, Any]:
    """Return what the head says of a run: its time, and the account that the next one begins with."""
    values: dict[str, Any] = {"last_run": clock.iso(tick.scheduled_time)}
    if result.outcome == "not_now":
        return values  # no account was read, so the next run begins where this one would have
    return {**values, "next_account": result.left[0] if result.left else None}


def _held(tick: Tick) -> Condition:
    return AllOf(_TICK.held_by(tick.token), Absent("packed"))


# --- keys and values ---------------------------------------------------------------------------------------


def _pk(head: RuleHead) -> str:
    return f"{head.tenant}#rule#{head.rule_id}"


def _head_key(tenant: str, rule_id: str) -> Key:
    return Key(f"{tenant}#rules", rule_id)


def _tick_key(tick: Tick) -> Key:
    return Key(_pk(tick.head), tick.key)


def _values(head: RuleHead) -> dict[str, Any]:
    return {
        "version": head.version,
        "state": head.state,
        "rule": head.rule.model_dump_json(),
        "anchor": clock.iso(head.anchor),
        "changed_at": clock.iso(head.changed_at),
    }


def _indexed(state: RuleState) -> dict[str, Any]:
    return {"outbox": _INDEX_KEY, "due": clock.now_ms()} if state == "enabled" else {}


def _head(row: Row) -> RuleHead:
    return RuleHead.model_validate(row | {"rule": _rule(row["rule"])})


@lru_cache(maxsize=1000)
def _rule(text: str) -> CreateRule:
    """Read a rule; a new one is compared with all others of its tenant, and a version never changes."""
    return CreateRule.model_validate_json(text)


def _packed(result: RuleEvaluated) -> bytes:
    lists = {
        name: getattr(result, name)[:_MOST_LISTED] for name in ("scope", "skipped", "undecidable", "left")
    }
    return zlib.compress(result.model_copy(update=lists).model_dump_json().encode())


def _unpacked(row: Row) -> RuleEvaluated:
    return RuleEvaluated.model_validate_json(zlib.decompress(row["packed"]))
