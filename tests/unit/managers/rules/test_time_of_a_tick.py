"""A rule over more accounts than there is time for says which are left, and its next run begins with them."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from campaign_automation.managers.rules import evaluation
from campaign_automation.tasks import evaluate_rule
from campaign_automation.utils import clock
from tests.support.many_accounts import ManyAccounts, house_of
from tests.support.one_tenant import OneTenant

NUMBERS = (2, 3, 4)
RULE = {
    "rule_name": "Costly",
    "condition": {"metric": "spend", "operator": "greater_than", "value": 100, "time_range": "7d"},
    "action": {"type": "pause_adset"},
    "applies_to": {"all": True},
    "max_affected": {"count": 20},
    "confirm": True,
}


@pytest.fixture
def house() -> OneTenant:
    adapter = ManyAccounts()
    for number in NUMBERS:
        for name in ("One", "Two"):
            adapter.campaign_in(number, f"{name} of {number}", 40, 40, 4)
    return house_of(adapter, *NUMBERS)


@pytest.fixture
def no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "READ_SECONDS", 0.0)


class Ticks:
    def __init__(self, house: OneTenant, **changes: Any) -> None:
        self._house = house
        self.rule_id = house.done("create_rule", {**RULE, **changes})["rule_id"]
        self._number = 0

    def __call__(self) -> dict[str, Any]:
        self._number += 1
        at = clock.iso(clock.now() + timedelta(minutes=self._number))
        event = {"tenant": "u", "rule_id": self.rule_id, "scheduled_time": at}
        return asyncio.run(evaluate_rule(self._house.wiring, event))


def changed(result: dict[str, Any]) -> set[str]:
    return {item["id"] for item in result["changed"]}


def test_with_time_for_all_nothing_is_left(house: OneTenant) -> None:
    result = Ticks(house)()
    assert (result["evaluated"], result["acted"], result["note"]) == (18, 12, "")
    assert "left" not in result


def test_a_tick_without_time_says_what_is_left_and_the_next_begins_there(
    house: OneTenant, no_time: None
) -> None:
    tick = Ticks(house)
    results = [tick() for _ in range(4)]
    assert [result["left"] for result in results] == [
        ["meta:3", "meta:4"],
        ["meta:4", "meta:2"],
        ["meta:2", "meta:3"],
        ["meta:3", "meta:4"],
    ]
    assert results[0]["note"] == "there was no time for 2 accounts: the next run begins with them"
    assert [result["evaluated"] for result in results] == [6, 6, 6, 6]
    assert [result["acted"] for result in results] == [4, 4, 4, 0]
    assert len(set.union(*map(changed, results))) == 12
    shown = house.done("get_rule", {"rule_id": tick.rule_id})["runs"]
    assert [run["left"] for run in shown[:4]] == [result["left"] for result in reversed(results)]


def test_the_limit_of_a_day_counts_accounts_that_were_left(house: OneTenant, no_time: None) -> None:
    tick = Ticks(house, max_actions_per_day=5)
    first, second, third = tick(), tick(), tick()
    assert [len(changed(item)) for item in (first, second, third)] == [4, 1, 0]
    assert {item["reason"] for item in third["skipped"]} == {"daily_cap"}


def test_the_limit_of_a_run_holds_for_what_it_had_time_for(house: OneTenant, no_time: None) -> None:
    result = Ticks(house, max_affected={"count": 3})()
    assert (result["outcome"], result["acted"]) == ("needs_review", 0)
    assert "more than the 3 allowed" in result["note"]


def test_a_run_that_needs_a_review_does_not_hold_up_the_accounts_that_were_left(
    house: OneTenant, no_time: None
) -> None:
    assert isinstance(house.adapter, ManyAccounts)
    house.adapter.campaign_in(2, "Three of 2", 40, 40, 4)
    house.done("import_campaigns", {"all": True, "ad_account_id": "2"})
    tick = Ticks(house, max_affected={"count": 5})
    first = tick()
    assert (first["outcome"], first["left"]) == ("needs_review", ["meta:3", "meta:4"])
    assert tick()["note"] == "rule_needs_review"
    house.done("set_rule_state", {"rule_id": tick.rule_id, "action": "enable", "confirm": True})
    results = [tick() for _ in range(3)]
    assert [(item["outcome"], item["acted"]) for item in results] == [
        ("done", 4),
        ("done", 4),
        ("needs_review", 0),
    ]


def test_a_run_that_has_to_wait_leaves_the_next_one_where_it_was(house: OneTenant, no_time: None) -> None:
    tick = Ticks(house)
    assert tick()["left"] == ["meta:3", "meta:4"]
    house.done("set_rule_state", {"rule_id": tick.rule_id, "action": "disable"})
    assert tick()["note"] == "rule_disabled"
    house.done("set_rule_state", {"rule_id": tick.rule_id, "action": "enable", "confirm": True})
    assert tick()["left"] == ["meta:4", "meta:2"]


def test_a_rule_that_finds_its_first_account_gone_begins_with_the_next(
    house: OneTenant, no_time: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    tick = Ticks(house)
    assert tick()["left"] == ["meta:3", "meta:4"]
    mine = house.done("list_campaigns", {"ad_account_id": "3"})["campaigns"]
    for item in mine:
        house.done(
            "manage_campaign", {"campaign_id": item["campaign_id"], "action": "delete", "confirm": True}
        )
    assert tick()["left"] == ["meta:2"]
    monkeypatch.setattr(evaluation, "READ_SECONDS", 30.0)
    assert "left" not in tick()
