"""The store of A/B tests; each test is also a campaign, which stands in its own rows.

| pk                  | sk                | holds                                                      |
|---------------------|-------------------|------------------------------------------------------------|
| <tenant>#test#<id>  | test              | the test: its campaign, days and sample; its state; while  |
|                     |                   | it runs it is in the index, due at its end                 |
|                     | look#<unit>#<day> | the first analysis on the days closed by then; never again |
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from pydantic import AwareDatetime

from campaign_automation.models.ab_tests import RequiredSample, TestState
from campaign_automation.models.ab_values import (
    Unit,
)
from campaign_automation.models.common import Record
from campaign_automation.stores.notice_store import Notice, notice_puts
from campaign_automation.stores.operations.events import NewEvent, write_with_events
from campaign_automation.stores.table import (
    Absent,
    AllOf,
    Condition,
    Equals,
    Key,
    Operation,
    Put,
    Table,
    Update,
)


class AbTest(Record):
    """One test. `told_at` is the time at which its user was notified that it may stop; `daily_checks` whether
    it has a schedule for each day, beside the one at its end."""

    tenant: str
    test_id: str
    campaign_id: str
    sample: RequiredSample
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    state: TestState = "running"
    ended_at: AwareDatetime | None = None
    end_reason: str | None = None
    told_at: AwareDatetime | None = None
    daily_checks: bool = True

    def state_now(self, *, is_deleted: bool) -> TestState:
        """Return the state; without its campaign no test runs, also where no check has ended it yet."""
        return "cancelled" if is_deleted and self.state == "running" else self.state


class TestLook(Record):
    """One interim analysis of a test, on the days closed through `day`, with the evidence for `leader`.

    `information` is the share of a planned test's information (0 to 1), `z` the lead that is compared with
    `bound`; looks of before have neither, nor `p_robust`.
    """

    __test__ = False  # pytest takes classes named Test... for tests

    day: date
    unit: Unit
    information: float | None = None
    leader: str | None = None
    p_fixed: float | None = None
    p_anytime: float | None = None
    p_robust: float | None = None
    z: float | None = None
    bound: float | None = None
    at: AwareDatetime


def ab_test_id(campaign_id: str) -> str:
    """Return the id of a campaign's test: both have one identity, so no row has to map them."""
    return f"abt_{campaign_id.removeprefix('cmp_')}"


def campaign_id_of(test_id: str) -> str:
    """Return the id of a test's campaign; any other id stays as it is."""
    return f"cmp_{test_id.removeprefix('abt_')}" if test_id.startswith("abt_") else test_id


class AbTestStore:
    """The store of tests. Rows are made once; afterwards only a running test changes."""

    def __init__(self, table: Table) -> None:
        self._table = table

    async def put_new(self, test: AbTest) -> bool:
        row = {**_key(test)._asdict(), **_values(test.model_dump(mode="json", exclude_none=True))}
        row |= {"outbox": _INDEX_KEY, "due": int(test.ends_at.timestamp() * 1000)}
        return await self._table.try_write(Put(row, when=Absent()))

    async def load(self, tenant: str, test_id: str) -> AbTest | None:
        row = await self._table.get(Key(f"{tenant}#test#{test_id}", "test"))
        if row is None:
            return None
        return AbTest.model_validate(row | {"sample": json.loads(row["sample"])})

    async def running(self) -> list[tuple[str, str]]:
        """Return tenant and id of the tests that run, those that end first before the others."""
        keys = [row["pk"].split("#test#") for row in await self._table.indexed(_INDEX_KEY)]
        return [(tenant, test_id) for tenant, test_id in keys]

    async def add_look(self, test: AbTest, look: TestLook) -> bool:
        """Store an interim analysis; return False, and change nothing, when its days already have one."""
        # The error rates hold for one analysis of each set of closed days, however often a check runs.
        row = {"pk": _key(test).pk, "sk": f"look#{look.unit}#{look.day}", "look": look.model_dump_json()}
        return await self._table.try_write(Put(row, when=Absent()))

    async def looks(self, test: AbTest, unit: Unit) -> list[TestLook]:
        """Return the interim analyses in the order of their days."""
        rows = await self._table.query(_key(test).pk, prefix=f"look#{unit}#")
        return [TestLook.model_validate_json(row["look"]) for row in rows]

    async def end(
        self,
        test: AbTest,
        state: TestState,
        at: datetime,
        reason: str,
        notices: Iterable[Notice] = (),
        events: Iterable[NewEvent] = (),
    ) -> bool:
        """End a running test, together with its notices and events. Return False when it had ended before."""
        values = {"state": state, "ended_at": at.isoformat(), "end_reason": reason}
        return await self._change(test, values, _RUNNING, notices, events, remove=("outbox", "due"))

    async def tell(self, test: AbTest, at: datetime, notices: Iterable[Notice]) -> bool:
        """Store the notices of a running test, once. Return False when its user was notified before."""
        values = {"told_at": at.isoformat()}
        return await self._change(test, values, AllOf(_RUNNING, Absent("told_at")), notices)

    async def _change(
        self,
        test: AbTest,
        values: dict[str, str],
        when: Condition,
        notices: Iterable[Notice],
        events: Iterable[NewEvent] = (),
        remove: tuple[str, ...] = (),
    ) -> bool:
        operations: list[Operation] = [Update(_key(test), set=values, when=when, remove=remove)]
        operations += notice_puts(notices, when=Absent())
        return await write_with_events(self._table, operations, events)


_INDEX_KEY = "running-tests"
_RUNNING = Equals("state", "running")


def _key(test: AbTest) -> Key:
    return Key(f"{test.tenant}#test#{test.test_id}", "test")


def _values(test: dict[str, Any]) -> dict[str, Any]:
    return test | {"sample": json.dumps(test["sample"])}
