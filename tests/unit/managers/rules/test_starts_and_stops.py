"""Starts by rules at a stop of all campaigns: a tick that was due before it starts nothing after it."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from campaign_automation.tasks import evaluate_rule
from campaign_automation.utils import clock
from tests.support.many_accounts import ManyAccounts, house_of

RULE = {
    "rule_name": "Cheap",
    "condition": {"metric": "spend", "operator": "greater_than", "value": 100, "time_range": "7d"},
    "action": {"type": "start_adset", "parameters": {"paused_by": "anyone"}},
    "applies_to": {"all": True},
    "confirm": True,
}


@pytest.mark.parametrize("is_late", [True, False])
def test_a_tick_that_was_due_before_the_stop_starts_nothing_after_it(is_late: bool) -> None:
    adapter = ManyAccounts()
    root = adapter.campaign_in(2, "One", 40, 4)
    adset_id = next(item for item, campaign_id in adapter._campaigns.items() if campaign_id == root)
    adapter.change(adset_id, status="paused")
    house = house_of(adapter, 2)
    rule_id = house.done("create_rule", RULE)["rule_id"]
    house.done("stop_all", {"scope": "deployment", "reason": "too dear"})
    due = clock.now() + timedelta(minutes=-1 if is_late else 1)
    event = {"tenant": "u", "rule_id": rule_id, "scheduled_time": clock.iso(due)}
    result = asyncio.run(evaluate_rule(house.wiring, event))
    codes = [item["error"]["code"] for item in result["failed"]]
    assert (result["matched"], codes) == (1, ["5004"] if is_late else [])
    assert adapter.node(adset_id).status == ("paused" if is_late else "active")
