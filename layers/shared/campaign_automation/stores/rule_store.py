"""Rules in the table: versions that never change, one head for each rule, one claim for each of its ticks.

| pk                 | sk                | holds                                                      |
|--------------------|-------------------|------------------------------------------------------------|
| <tenant>#rules     | <rule_id>         | head: the version in force, its state, its last run        |
| <tenant>#rule#<id> | version#<n>       | one version                                                |
|                    | tick#<time>#v<n>  | who evaluates that tick and until when; then what came out |
|                    | told              | when each object was last told of, for the cooldown        |

A head that is enabled carries the key of the sparse index, so every tenant's rules can be compared with the
schedules that drive them.
"""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

from pydantic import AwareDatetime, BaseModel

from campaign_automation.models.rules.answers import RuleEvaluated
from campaign_automation.models.rules.rule import CreateRule, StoredRule
from campaign_automation.stores.notice_store import Notice, notice_row
from campaign_automation.stores.table import TableStore, offloaded, plain, serialized
from campaign_automation.utils import clock

RuleState = Literal["enabled", "disabled", "needs_review", "deleted"]

KEPT_DAYS = 90
_INDEX_KEY = "rule"
_MOST_LISTED = 500  # objects of a run that are kept by name: a row has a limit of 400 KB
_VERSION_DIGITS = 6


class RuleHead(BaseModel):
    """The rule as it stands. `scheduled` is the version that its schedule was made for, 0 without one."""

    tenant: str
    rule_id: str
    version: int
    state: RuleState
    rule: CreateRule
    anchor: AwareDatetime
    changed_at: AwareDatetime
    scheduled: int = 0
    last_run: AwareDatetime | None = None

    @property
    def stored(self) -> StoredRule:
        return StoredRule(
            rule_id=self.rule_id, version=self.version, rule=self.rule, anchor=self.anchor, state=self.state
        )


class Tick(NamedTuple):
    """One evaluation that is due: of this head's version, for this time; `token` names who does it."""

    head: RuleHead
    scheduled_time: datetime
    token: str

    @property
    def key(self) -> str:
        return f"tick#{clock.iso(self.scheduled_time)}#v{self.head.version}"


class Standing(NamedTuple):
    """Who came before at a tick; `result` is None while it is still evaluated."""

    result: RuleEvaluated | None


class RuleKey(NamedTuple):
    tenant: str
    rule_id: str


class RuleStore(TableStore):
    # --- rules -----------------------------------------------------------------------------------------

    @offloaded
    def create(self, head: RuleHead) -> bool:
        """Whether the rule is new; one that exists already stays as it is."""
        row = {**_head_key(head.tenant, head.rule_id), **_values(head), "tenant": head.tenant}
        row |= {"rule_id": head.rule_id, "scheduled": 0, **_indexed(head.state)}
        return self._transact([self._version(head), self._put_action(row, only_new=True)])

    @offloaded
    def add_version(self, head: RuleHead) -> bool:
        """Replaces the version before `head`'s; False when that is not the one in force any more."""
        update = self._update(head, _values(head), "version = :before")
        update["ExpressionAttributeValues"] |= serialized({":before": head.version - 1})
        return self._transact([self._version(head), {"Update": update}])

    @offloaded
    def set_state(self, head: RuleHead, state: RuleState, at: datetime) -> bool:
        """False when the rule was changed meanwhile."""
        return self._transact([{"Update": self._state_update(head, state, at)}])

    @offloaded
    def mark_scheduled(self, head: RuleHead, version: int) -> None:
        self._client.update_item(**self._update(head, {"scheduled": version}, "attribute_exists(pk)"))

    @offloaded
    def head(self, tenant: str, rule_id: str) -> RuleHead | None:
        """None for an id that this tenant does not have."""
        row = self._get(**_head_key(tenant, rule_id))
        return None if row is None else _head(row)

    @offloaded
    def heads(self, tenant: str) -> list[RuleHead]:
        """All rules of the tenant that are not deleted, by id."""
        heads = (_head(row) for row in self._query(f"{tenant}#rules"))
        return [head for head in heads if head.state != "deleted"]

    @offloaded
    def enabled(self) -> list[RuleKey]:
        """The enabled rules of all tenants, as the index shows them a moment later."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            IndexName="outbox",
            KeyConditionExpression="outbox = :rule",
            ExpressionAttributeValues=serialized({":rule": _INDEX_KEY}),
        )
        rows = (plain(item) for page in pages for item in page["Items"])
        return [RuleKey(row["pk"].removesuffix("#rules"), row["sk"]) for row in rows]

    # --- ticks -----------------------------------------------------------------------------------------

    @offloaded
    def claim(self, tick: Tick, seconds: int) -> Standing | None:
        """None when the tick is now ours for `seconds`, else who holds it or what came of it. A claim whose
        time is over belonged to a process that died, and is taken over."""
        now = int(time.time())  # a claim lasts in the time of machines
        row = {
            **_tick_key(tick),
            "token": tick.token,
            "held_until": now + seconds,
            "expires_at": now + timedelta(days=KEPT_DAYS) // timedelta(seconds=1),
        }
        try:
            self._client.put_item(
                TableName=self._table,
                Item=serialized(row),
                ConditionExpression="attribute_not_exists(pk)"
                " OR (attribute_not_exists(packed) AND held_until < :now)",
                ExpressionAttributeValues=serialized({":now": now}),
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            standing = self._get(**_tick_key(tick)) or {}
            return Standing(_unpacked(standing) if "packed" in standing else None)
        return None

    @offloaded
    def release(self, tick: Tick) -> None:
        """Gives the tick back undone, so that it can be delivered again."""
        self._transact([{"Delete": self._held(tick)}])

    @offloaded
    def finish(
        self,
        tick: Tick,
        result: RuleEvaluated,
        told: Mapping[str, datetime] | None = None,
        notices: Iterable[Notice] = (),
    ) -> bool:
        """What came of the tick, whom it told, and what must be told, all or nothing. A result that asks for
        a review stops the rule too. False when another process took the tick over."""
        actions = self._finish(tick, result, told, notices)
        if result.outcome == "needs_review":
            state = {"Update": self._state_update(tick.head, "needs_review", clock.now())}
            if self._transact([state, *actions]):
                return True
            # A person changed the rule meanwhile: their word stands, the run is recorded all the same.
        return self._transact(actions)

    def _finish(
        self,
        tick: Tick,
        result: RuleEvaluated,
        told: Mapping[str, datetime] | None,
        notices: Iterable[Notice],
    ) -> list[dict[str, Any]]:
        update = self._held(tick)
        update["UpdateExpression"] = "SET packed = :packed"
        update["ExpressionAttributeValues"] |= serialized({":packed": _packed(result)})
        actions = [{"Update": update}]
        if told is not None:
            moments = {entity: moment.isoformat() for entity, moment in told.items()}
            row = {"pk": _pk(tick.head), "sk": "told", "packed": zlib.compress(json.dumps(moments).encode())}
            actions.append(self._put_action(row))
        if result.outcome != "needs_review":
            values = {"last_run": clock.iso(tick.scheduled_time)}
            run = self._update(tick.head, values, "attribute_exists(pk)")
            actions.append({"Update": run})
        return actions + [self._put_action(notice_row(notice), only_new=True) for notice in notices]

    def _held(self, tick: Tick) -> dict[str, Any]:
        return {
            "TableName": self._table,
            "Key": serialized(_tick_key(tick)),
            # "token" is a reserved word there.
            "ConditionExpression": "#token = :token AND attribute_not_exists(packed)",
            "ExpressionAttributeNames": {"#token": "token"},
            "ExpressionAttributeValues": serialized({":token": tick.token}),
        }

    @offloaded
    def told(self, head: RuleHead) -> dict[str, datetime]:
        """When the rule last told of each object, or would have changed it had it been let."""
        row = self._get(_pk(head), "told")
        moments = json.loads(zlib.decompress(bytes(row["packed"].value))) if row else {}
        return {entity: datetime.fromisoformat(moment) for entity, moment in moments.items()}

    @offloaded
    def runs(self, head: RuleHead, since: datetime) -> list[RuleEvaluated]:
        """What came of the ticks from `since` on, the oldest first."""
        rows = self._query(_pk(head), since=f"tick#{clock.iso(since)}")
        ticks = (row for row in rows if row["sk"].startswith("tick#") and "packed" in row)
        return [_unpacked(row) for row in ticks]

    # --- parts of requests -------------------------------------------------------------------------------

    def _version(self, head: RuleHead) -> dict[str, Any]:
        number = f"{head.version:0{_VERSION_DIGITS}d}"
        row = {"pk": _pk(head), "sk": f"version#{number}", **_values(head)}
        return self._put_action(row, only_new=True)

    def _state_update(self, head: RuleHead, state: RuleState, at: datetime) -> dict[str, Any]:
        values: dict[str, Any] = {"state": state, "changed_at": clock.iso(at), **_indexed(state)}
        update = self._update(head, values, "version = :held AND #state = :was")
        update["ExpressionAttributeValues"] |= serialized({":held": head.version, ":was": head.state})
        if state != "enabled":
            update["UpdateExpression"] += " REMOVE outbox, due"
        return update

    def _update(self, head: RuleHead, values: Mapping[str, Any], condition: str) -> dict[str, Any]:
        return {
            "TableName": self._table,
            "Key": serialized(_head_key(head.tenant, head.rule_id)),
            "UpdateExpression": "SET " + ", ".join(f"#{name} = :{name}" for name in values),
            "ConditionExpression": condition,
            "ExpressionAttributeNames": {f"#{name}": name for name in values},
            "ExpressionAttributeValues": serialized({f":{name}": value for name, value in values.items()}),
        }


def _pk(head: RuleHead) -> str:
    return f"{head.tenant}#rule#{head.rule_id}"


def _head_key(tenant: str, rule_id: str) -> dict[str, str]:
    return {"pk": f"{tenant}#rules", "sk": rule_id}


def _tick_key(tick: Tick) -> dict[str, str]:
    return {"pk": _pk(tick.head), "sk": tick.key}


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


def _head(row: dict[str, Any]) -> RuleHead:
    return RuleHead.model_validate(row | {"rule": json.loads(row["rule"])})


def _packed(result: RuleEvaluated) -> bytes:
    lists = {name: getattr(result, name)[:_MOST_LISTED] for name in ("scope", "skipped", "undecidable")}
    return zlib.compress(result.model_copy(update=lists).model_dump_json().encode())


def _unpacked(row: dict[str, Any]) -> RuleEvaluated:
    return RuleEvaluated.model_validate_json(zlib.decompress(bytes(row["packed"].value)))
