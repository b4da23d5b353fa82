"""A/B tests in the table, beside the campaign that each of them is.

| pk                  | sk                | holds                                                      |
|---------------------|-------------------|------------------------------------------------------------|
| <tenant>#test#<id>  | test              | the test: its campaign, days and sample; its state         |
|                     | look#<unit>#<day> | the first analysis on the days closed by then; never again |
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from pydantic import AwareDatetime, BaseModel

from campaign_automation.models.ab_analysis import Unit
from campaign_automation.models.ab_tests import RequiredSample, TestState
from campaign_automation.stores.notice_store import Notice, notice_row
from campaign_automation.stores.table import TableStore, offloaded, serialized


class AbTest(BaseModel):
    """One test. `told_at`: when its user was told that it may stop."""

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


class TestLook(BaseModel):
    """What one analysis saw: days closed through `day`, the share of a planned test's information, evidence
    for `leader`."""

    __test__ = False

    day: date
    unit: Unit
    information: float | None = None
    leader: str | None = None
    p_fixed: float | None = None
    p_anytime: float | None = None
    at: AwareDatetime


def ab_test_id(campaign_id: str) -> str:
    """A test and its campaign have one identity, so nothing has to remember which belongs to which."""
    return f"abt_{campaign_id.removeprefix('cmp_')}"


class AbTestStore(TableStore):
    """Rows are made once; afterwards only a running test changes."""

    @offloaded
    def put_new(self, test: AbTest) -> bool:
        return self._put_new({**_key(test), **_values(test.model_dump(mode="json", exclude_none=True))})

    @offloaded
    def load(self, tenant: str, test_id: str) -> AbTest | None:
        row = self._get(f"{tenant}#test#{test_id}", "test")
        if row is None:
            return None
        return AbTest.model_validate(row | {"sample": json.loads(row["sample"])})

    @offloaded
    def add_look(self, test: AbTest, look: TestLook) -> bool:
        """Whether it was the first on those days: later ones change nothing."""
        sort_key = f"look#{look.unit}#{look.day}"
        return self._put_new({"pk": _key(test)["pk"], "sk": sort_key, "look": look.model_dump_json()})

    @offloaded
    def looks(self, test: AbTest, unit: Unit) -> list[TestLook]:
        """In the order of their days."""
        prefix = f"look#{unit}#"
        rows = self._query(_key(test)["pk"], since=prefix)
        return [TestLook.model_validate_json(row["look"]) for row in rows if row["sk"].startswith(prefix)]

    @offloaded
    def end(
        self, test: AbTest, state: TestState, at: datetime, reason: str, notices: Iterable[Notice] = ()
    ) -> bool:
        """Ends a running test, with what its user must be told. False when it had ended before."""
        values = {"state": state, "ended_at": at.isoformat(), "end_reason": reason}
        return self._change(test, values, notices)

    @offloaded
    def tell(self, test: AbTest, at: datetime, notices: Iterable[Notice]) -> bool:
        """Stores what the user of a running test must be told, once. False when it was told before."""
        return self._change(test, {"told_at": at.isoformat()}, notices, " AND attribute_not_exists(told_at)")

    def _change(
        self, test: AbTest, values: dict[str, str], notices: Iterable[Notice], condition: str = ""
    ) -> bool:
        update = {
            "TableName": self._table,
            "Key": serialized(_key(test)),
            "UpdateExpression": "SET " + ", ".join(f"#{name} = :{name}" for name in values),
            "ConditionExpression": f"#state = :running{condition}",
            "ExpressionAttributeNames": {"#state": "state"} | {f"#{name}": name for name in values},
            "ExpressionAttributeValues": serialized(
                {":running": "running"} | {f":{name}": value for name, value in values.items()}
            ),
        }
        puts = [self._put_action(notice_row(notice), only_new=True) for notice in notices]
        return self._transact([{"Update": update}, *puts])


def _key(test: AbTest) -> dict[str, str]:
    return {"pk": f"{test.tenant}#test#{test.test_id}", "sk": "test"}


def _values(test: dict[str, Any]) -> dict[str, Any]:
    return test | {"sample": json.dumps(test["sample"])}
