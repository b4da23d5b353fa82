"""Losses outside of this process: the table restored from a copy, the cache, the Web Platform's records of
a day, the schedules of rules and tests. Each test is a line of the runbook (docs/operating.md)."""

from __future__ import annotations

import asyncio
import copy
from datetime import timedelta
from typing import Any

import pytest

from campaign_automation import tasks
from campaign_automation.capability import run_action
from campaign_automation.managers.shared.due_runs import AB_TESTS, RULES
from campaign_automation.settings import parse_settings
from campaign_automation.stores.operations.schedules import TableScheduler
from campaign_automation.utils import clock
from campaign_automation.wiring import Wiring
from tests.support.builders import request_body
from tests.support.fake_adapter import FakeAdapter
from tests.support.memory_cache import MemoryCache
from tests.support.memory_table import MemoryTable
from tests.support.web_platform import MemoryWebPlatform

SETTINGS = {
    "TABLE_NAME": "Table",
    "KILL_SWITCH": "false",
    "MAX_BUDGET_STEP_PERCENT": "50",
    "MAX_BUDGET_DAY_PERCENT": "50",
    "ACCOUNT_DAILY_BUDGET_CAPS": "USD:100000",
    "SPECIAL_AD_CATEGORIES": "NONE",
}
RULE = {
    "rule_name": "Stop losses",
    "condition": {"metric": "roas", "operator": "less_than", "value": 0.8, "time_range": "last_7_days"},
    "action": {"type": "pause_adset"},
    "applies_to": {"all": True},
    "mode": "observe",
    "confirm": True,
}
TEST = {
    "test_name": "Two pictures",
    "creative_ids": ["1", "2"],
    "daily_budget": 5000,
    "test_duration_days": 14,
    "platform": "meta",
}


class House:
    """One deployment in this process: platform, Web Platform, cache and table."""

    def __init__(self) -> None:
        self.platform = FakeAdapter("meta")
        self.web = MemoryWebPlatform()
        self.cache = MemoryCache()
        self.table = MemoryTable()

    @property
    def wiring(self) -> Wiring:
        return Wiring(
            parse_settings(SETTINGS),
            mcp_client=self.web,
            redis_client=self.cache,
            adapters={"meta": self.platform},
            table=self.table,
            runs_due=True,
        )

    def ask(self, name: str, /, **parameters: Any) -> dict[str, Any]:
        answer = asyncio.run(self._ask(name, parameters))
        assert answer["status"] == "success", answer
        return answer

    async def _ask(self, name: str, parameters: dict[str, Any]) -> dict[str, Any]:
        wiring = self.wiring
        answer = await run_action(wiring, name, parameters, {"user_id": "user_1"})
        await wiring.aclose()  # with its loop the process ends, and with that its messages under way
        return answer

    def sweep(self, task: tasks.Task, **event: Any) -> dict[str, Any]:
        return asyncio.run(task(self.wiring, event))

    def schedules(self, group: str) -> set[str]:
        return asyncio.run(TableScheduler(self.table, group).names())

    def lose_schedules(self) -> None:
        """Delete both groups with all that is in them."""
        for group in (RULES, AB_TESTS):
            self.table._partitions.pop(f"#schedules#{group}")


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Any:
    async def keep(_: str | None) -> None:
        """Each action would set the clock back to the machine's time."""

    monkeypatch.setattr(clock, "synchronise", keep)

    def pass_by(**time: float) -> None:
        monkeypatch.setattr(clock, "_offset", clock._offset + timedelta(**time))

    return pass_by


# --- the schedules ----------------------------------------------------------------------------------------


def test_lost_schedules_are_made_again_from_the_rows_of_rules_and_tests(house: House) -> None:
    rule = house.ask("create_rule", **RULE)["rule_id"]
    test = house.ask("create_ab_test", **TEST)["test_id"]
    before = house.schedules(RULES), house.schedules(AB_TESTS)
    assert before == ({rule}, {test, f"{test}-end"})
    assert house.sweep(tasks.reconcile_rules)["tests"] == 0
    house.lose_schedules()
    found = house.sweep(tasks.reconcile_rules)
    assert (found["made"], found["tests"]) == (1, 1)
    assert (house.schedules(RULES), house.schedules(AB_TESTS)) == before


def test_one_row_that_cannot_be_read_hinders_no_schedule_of_the_others(house: House) -> None:
    rules = [house.ask("create_rule", **{**RULE, "rule_name": name})["rule_id"] for name in ("a", "b")]
    tests = [house.ask("create_ab_test", **{**TEST, "test_name": name})["test_id"] for name in ("a", "b")]
    house.lose_schedules()
    house.table._partitions["user_1#rules"][rules[0]]["rule"] = "no idea"
    house.table._partitions[f"user_1#test#{tests[0]}"]["test"]["ends_at"] = "no idea"
    found = house.sweep(tasks.reconcile_rules)
    assert (found["made"], found["tests"]) == (1, 1)


def test_a_test_that_should_have_ended_meanwhile_is_ended_soon(house: House, later: Any) -> None:
    test = house.ask("create_ab_test", **TEST)
    house.table._partitions.pop(f"#schedules#{AB_TESTS}")
    later(days=20)
    assert house.sweep(tasks.reconcile_rules)["tests"] == 1
    assert house.schedules(AB_TESTS) == {f"{test['test_id']}-end"}
    later(minutes=3)
    asyncio.run(tasks.due_runner(house.wiring).run())
    status = house.ask("get_campaign_status", campaign_id=test["campaign_id"])
    assert status["campaign"]["status"] == "paused"
    assert house.sweep(tasks.reconcile_rules)["tests"] == 0


def test_the_schedules_of_what_has_ended_are_not_made_again(house: House) -> None:
    rule = house.ask("create_rule", **RULE)["rule_id"]
    test = house.ask("create_ab_test", **TEST)["test_id"]
    house.ask("cancel_ab_test", test_id=test)
    house.ask("set_rule_state", rule_id=rule, action="disable")
    house.table._partitions.pop(f"#schedules#{RULES}", None)
    found = house.sweep(tasks.reconcile_rules)
    assert (found["made"], found["tests"]) == (0, 0)


# --- the table --------------------------------------------------------------------------------------------


def test_after_a_restored_table_later_campaigns_are_told_and_left_alone(house: House, later: Any) -> None:
    earlier = house.ask("create_campaign", **request_body(activate=True))
    kept = copy.deepcopy(house.table._partitions)
    lost = house.ask("create_campaign", **request_body(name="Later", activate=True))
    house.ask("manage_campaign", campaign_id=earlier["campaign_id"], action="pause")
    house.table._partitions = kept
    later(days=2)
    house.sweep(tasks.reconcile_campaigns)
    (notice,) = [item for item in house.web.notifications if lost["name"] in item["message"]]
    assert lost["platform_campaign_id"] in str(notice)
    assert lost["platform_campaign_id"] in house.platform._nodes
    # The copy knows an old state of the earlier one: the platform is read before anything is changed, and the
    # pause that the copy does not know counts as a person's.
    status = house.ask("get_campaign_status", campaign_id=earlier["campaign_id"])
    assert status["campaign"]["status"] == "paused"
    again = {"campaign_id": earlier["campaign_id"], "action": "start"}
    refused = asyncio.run(run_action(house.wiring, "manage_campaign", again, {"user_id": "user_1"}))
    assert refused["error"]["code"] == "4005"
    assert house.ask("manage_campaign", **{**again, "action": "delete", "confirm": True})


def test_a_message_that_the_copy_takes_for_unsent_makes_no_second_record(house: House) -> None:
    created = house.ask("create_campaign", **request_body())
    pk = f"user_1#campaign#{created['campaign_id']}"
    rows = house.table._partitions[pk]
    for name, row in rows.items():
        if name.startswith("outbox#"):
            entry = row["entry"].replace('"sent":true', '"sent":false')
            rows[name] = {**row, "entry": entry, "outbox": "pending", "due": clock.now_ms()}
    house.sweep(tasks.sweep_outbox)
    assert len(house.web.campaigns) == 1


# --- cache and Web Platform -------------------------------------------------------------------------------


def test_a_lost_cache_costs_one_read(house: House) -> None:
    campaign_id = house.ask("create_campaign", **request_body())["campaign_id"]
    sources = []
    for _ in range(2):
        sources += [house.ask("get_campaign_status", campaign_id=campaign_id)["source"] for _ in range(2)]
        house.cache.values.clear()
    assert sources == ["live", "cache", "live", "cache"]


def test_a_web_platform_restored_from_yesterday_is_told_all_again(house: House, later: Any) -> None:
    old = house.ask("create_campaign", **request_body(name="Old"))
    later(days=3)
    known = copy.deepcopy(house.web.campaigns)
    moment = clock.iso_now()
    new = house.ask("create_campaign", **request_body(name="New", activate=True))
    house.ask("manage_campaign", campaign_id=old["campaign_id"], action="start")
    told = copy.deepcopy(house.web.campaigns)
    house.web.campaigns = known
    answer = house.sweep(tasks.sweep_outbox, retell_since=moment)
    assert (answer["queued"], answer["left"], answer["after"]) == (2, 0, 0)
    assert states(house) == {record["name"]: record["status"] for record in told.values()}
    assert new["name"] in states(house)
    house.sweep(tasks.sweep_outbox, retell_since=moment)
    assert len(house.web.campaigns) == 2


def states(house: House) -> dict[str, str]:
    return {record["name"]: record["status"] for record in house.web.campaigns.values()}
