"""A rule over more accounts than a function reads is looked at in groups, and decided in one place."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from campaign_automation.adapters.base import Access, DailyInsight
from campaign_automation.managers.rules.evaluation import FANNED_OUT, FanOut
from campaign_automation.stores.rule_store import RuleStore, Tick
from campaign_automation.tasks import evaluate_rule
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import ConflictError, NotFoundError, PlatformRejectedError
from tests.support.many_accounts import ManyAccounts, house_of
from tests.support.state_machine import KeptExecutions

QUIET = tuple(range(2, 20))  # one ad set each
LOUD = (20, 21)  # three ad sets each, of which two spend too much
RULE: dict[str, Any] = {
    "rule_name": "Costly",
    "condition": {"metric": "spend", "operator": "greater_than", "value": 100, "time_range": "7d"},
    "action": {"type": "pause_adset"},
    "applies_to": {"all": True},
    "max_affected": {"count": 20},
    "confirm": True,
}
PARTS = ("tenant", "rule_id", "version", "scheduled_time", "groups")
Looks = list[dict[str, Any] | None]


class Accounts(ManyAccounts):
    """Notes which accounts are read; those in `down` cannot be."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[str] = []
        self.down: set[str] = set()

    async def read_daily(
        self, access: Access, level: Any, campaign_ids: Sequence[str], *more: Any
    ) -> list[DailyInsight]:
        account = str(access.platform_account_id)
        self.read.append(account)
        if account in self.down:
            raise PlatformRejectedError("refused", platform="meta")
        return await super().read_daily(access, level, campaign_ids, *more)


class Run:
    """One rule over twenty accounts, its ticks, and what an execution does with them."""

    def __init__(self, **changes: Any) -> None:
        self.adapter = Accounts()
        for number in QUIET:
            self.adapter.campaign_in(number, f"Quiet of {number}", 4)
        for number in LOUD:
            self.adapter.campaign_in(number, f"Loud of {number}", 40, 40, 4)
        self.house = house_of(self.adapter, *QUIET, *LOUD)
        self.rule_id = self.house.done("create_rule", {**RULE, **changes})["rule_id"]
        self.executions = KeptExecutions()
        self.house.wiring.__dict__["_fan_out"] = FanOut(self.executions, 10, 4)
        self.later(1)
        self.adapter.read.clear()

    def later(self, minutes: int) -> None:
        self.at = clock.iso(clock.now() + timedelta(minutes=minutes))

    def send(self, **event: Any) -> dict[str, Any]:
        return asyncio.run(evaluate_rule(self.house.wiring, event))

    def deliver(self) -> dict[str, Any]:
        return self.send(tenant="u", rule_id=self.rule_id, scheduled_time=self.at)

    def started(self) -> dict[str, Any]:
        assert self.deliver()["note"] == FANNED_OUT
        return list(self.executions.started.values())[-1]

    def looks(self, payload: dict[str, Any], **changes: Any) -> Looks:
        part = {name: payload[name] for name in PARTS} | changes
        return [self.send(**part, group=number) for number in payload["numbers"]]

    def decide(self, payload: dict[str, Any], looks: Looks) -> dict[str, Any]:
        return self.send(**{name: payload[name] for name in PARTS}, looks=looks)

    def runs(self) -> list[dict[str, Any]]:
        return list(self.house.done("get_rule", {"rule_id": self.rule_id})["runs"])

    def paused(self) -> int:
        nodes = [self.adapter.node(item) for item in self.adapter.node_ids()]
        return sum(node.status == "paused" for node in nodes)


def found(looks: Looks) -> set[str]:
    return {name for look in looks if look for name in look["found"] or ()}


def told(looks: Looks, name: str) -> int:
    return sum(look[name] for look in looks if look)


def test_a_scope_above_the_number_starts_one_execution_and_reads_nothing() -> None:
    run = Run()
    payload = run.started()
    assert (payload["numbers"], payload["at_once"], payload["version"]) == ([0, 1], 4, 1)
    assert (run.runs(), run.paused(), run.adapter.read) == ([], 0, [])
    run.deliver()  # the same tick once more
    assert len(run.executions.started) == 1
    run.later(16)
    run.deliver()
    assert len(run.executions.started) == 2


def test_looks_count_and_change_nothing() -> None:
    run = Run()
    looks = run.looks(run.started())
    assert found(looks) == {"meta:20", "meta:21"}
    assert [told(looks, name) for name in ("accounts", "evaluated", "undecided")] == [18, 18, 0]
    assert len(run.adapter.read) == 20
    assert (run.runs(), run.paused()) == ([], 0)


def test_the_last_step_decides_what_was_found_once_and_adds_the_others() -> None:
    run = Run()
    payload = run.started()
    looks = run.looks(payload)
    run.adapter.read.clear()
    answers = [run.decide(payload, looks) for _ in range(2)]
    assert answers[0] == answers[1]
    (result,) = run.runs()
    assert [result[name] for name in ("evaluated", "matched", "acted", "looked_at")] == [24, 4, 4, 18]
    assert (set(run.adapter.read), run.paused()) == ({"act_20", "act_21"}, 4)
    assert run.deliver()["acted"] == 4  # a late delivery is told what was decided
    assert len(run.executions.started) == 1


def test_accounts_of_a_look_that_failed_are_evaluated_by_the_last_step() -> None:
    run = Run()
    payload = run.started()
    run.decide(payload, [None for _ in payload["numbers"]])
    (result,) = run.runs()
    assert (result["evaluated"], result["acted"], "looked_at" in result) == (24, 4, False)
    assert len(run.adapter.read) == 20


def test_an_account_that_cannot_be_read_is_told_by_its_objects() -> None:
    run = Run()
    run.adapter.down = {"act_3"}
    payload = run.started()
    looks = run.looks(payload)
    assert found(looks) == {"meta:3", "meta:20", "meta:21"}
    run.decide(payload, looks)
    (result,) = run.runs()
    assert [item["reason"] for item in result["undecidable"]] == ["not_read: 1001"]
    assert (result["evaluated"], result["acted"], result["looked_at"]) == (24, 4, 17)


def test_a_look_that_finds_much_names_no_accounts() -> None:
    run = Run(condition={**RULE["condition"], "value": 1})
    payload = run.started()
    looks = run.looks(payload)
    assert {look and look["found"] for look in looks} == {None}
    assert run.decide(payload, looks)["note"].startswith("it would touch")


def test_the_limit_of_a_run_holds_over_all_accounts() -> None:
    run = Run(max_affected={"count": 3})
    payload = run.started()
    assert run.decide(payload, run.looks(payload))["outcome"] == "needs_review"
    assert run.paused() == 0


def test_the_limit_of_a_day_counts_accounts_that_were_only_looked_at() -> None:
    run = Run(max_actions_per_day=5)
    payload = run.started()
    run.decide(payload, run.looks(payload))
    run.adapter.campaign_in(2, "New of 2", 40, 40, 40)
    run.house.done("import_campaigns", {"all": True, "ad_account_id": "2"})
    run.later(16)
    payload = run.started()
    looks = [look and {**look, "found": ["meta:2"]} for look in run.looks(payload)]
    assert run.decide(payload, looks)["acted"] == 1


def test_looks_for_an_earlier_version_of_the_rule_count_for_nothing() -> None:
    run = Run()
    payload = run.started()
    looks = run.looks(payload)
    run.house.done("update_rule", {"rule_id": run.rule_id, "rule": {**RULE, "priority": 3}})
    assert {look and look["found"] for look in run.looks(payload)} == {None}
    answer = run.decide(payload, looks)
    assert (answer["evaluated"], answer["acted"], "looked_at" in answer) == (24, 4, False)


def test_other_tenants_and_their_accounts_are_out_of_reach() -> None:
    run = Run()
    payload = run.started()
    assert {look and look["found"] for look in run.looks(payload, tenant="v")} == {None}
    with pytest.raises(NotFoundError):
        run.decide({**payload, "tenant": "v"}, [])
    assert run.adapter.read == []
    looks = [look and {**look, "found": ["meta:99"]} for look in run.looks(payload)]
    run.adapter.read.clear()
    assert run.decide(payload, looks)["acted"] == 0
    assert run.adapter.read == []


def test_the_last_step_is_tried_again_while_another_process_has_the_tick() -> None:
    run = Run()
    payload = run.started()
    rules = RuleStore(run.house.table)
    head = asyncio.run(rules.head("u", run.rule_id))
    assert head is not None
    asyncio.run(rules.claim(Tick(head, datetime.fromisoformat(run.at), "other"), 60))
    with pytest.raises(ConflictError):
        run.decide(payload, [])
