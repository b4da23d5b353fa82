"""Kill switches: what they hold back, for whom, how soon; and the stop of all campaigns."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from campaign_automation.adapters.tree import CampaignNode
from campaign_automation.capability import run_action
from campaign_automation.managers.shared import switches
from campaign_automation.settings import parse_settings
from campaign_automation.stores.table import Row
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import PlatformRejectedError, StoreError
from campaign_automation.wiring import Wiring
from tests.support.builders import request_body
from tests.support.fake_adapter import FakeAdapter
from tests.support.memory_table import MemoryTable
from tests.support.web_platform import MemoryWebPlatform

SETTINGS = {
    "TABLE_NAME": "Table",
    "KILL_SWITCH": "false",
    "MAX_BUDGET_STEP_PERCENT": "50",
    "MAX_BUDGET_DAY_PERCENT": "50",
    "ACCOUNT_DAILY_BUDGET_CAPS": "USD:1000",
    "SPECIAL_AD_CATEGORIES": "NONE",
}
SCOPES: list[dict[str, Any]] = [
    {"scope": "deployment"},
    {"scope": "platform", "platform": "meta"},
    {"scope": "account", "platform": "meta", "account": "act_1"},
    {"scope": "tenant", "tenant": "u"},
]
OTHERS: list[dict[str, Any]] = [
    {"scope": "platform", "platform": "tiktok"},
    {"scope": "account", "platform": "meta", "account": "act_2"},
    {"scope": "tenant", "tenant": "somebody"},
]


class BrokenTable(MemoryTable):
    """A table whose switches cannot be read while `is_broken`."""

    is_broken = False

    async def _query(self, pk: str, since: str, prefix: str, limit: int | None) -> list[Row]:
        if self.is_broken and pk == "switches":
            raise StoreError("down")
        return await super()._query(pk, since, prefix, limit)


class House:
    """Two processes over one table: that of the operator, and that of a buyer."""

    def __init__(self) -> None:
        self.table = BrokenTable()
        self.platform = FakeAdapter("meta")
        self.operator, self.buyer = self.process(), self.process()

    def process(self) -> Wiring:
        return Wiring(
            parse_settings(SETTINGS),
            mcp_client=MemoryWebPlatform(),
            adapters={"meta": self.platform},
            table=self.table,
        )

    def set(self, is_on: bool, **scope: Any) -> dict[str, Any]:
        body = {**scope, "is_on": is_on, "reason": "something is wrong"}
        return asyncio.run(run_action(self.operator, "set_kill_switch", body, {"user_id": "op"}))

    def ask(self, name: str, **parameters: Any) -> dict[str, Any]:
        return asyncio.run(run_action(self.buyer, name, parameters, {"user_id": "u"}))

    def create(self, **changes: Any) -> dict[str, Any]:
        body = request_body(daily_budget=10 + len(self.platform.node_ids()), **changes)
        return self.ask("create_campaign", **body)


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setattr(switches, "FRESH_SECONDS", -1.0)  # each look is a new one
    yield House()
    asyncio.run(clock.synchronise(None))


@pytest.mark.parametrize("scope", SCOPES, ids=lambda scope: scope["scope"])
def test_a_switch_stops_what_raises_spend_and_nothing_else(house: House, scope: dict[str, Any]) -> None:
    running, paused = house.create(activate=True), house.create()
    assert house.set(True, **scope)["status"] == "success"
    for answer in (
        house.create(),
        house.ask("manage_campaign", campaign_id=paused["campaign_id"], action="start"),
    ):
        assert (answer["error"]["code"], answer["error"]["details"]["guard"]) == ("4005", "kill_switch")
        assert scope["scope"] in answer["error"]["message"]
    stopped = house.ask("manage_campaign", campaign_id=running["campaign_id"], action="pause")
    assert (stopped["status"], stopped["new_status"]) == ("success", "paused")
    gone = house.ask("manage_campaign", campaign_id=paused["campaign_id"], action="delete", confirm=True)
    assert gone["status"] == "success"
    house.set(False, **scope)
    assert house.create()["status"] == "success"


@pytest.mark.parametrize("scope", OTHERS, ids=lambda scope: scope["scope"])
def test_a_switch_of_others_stops_nothing_here(house: House, scope: dict[str, Any]) -> None:
    house.set(True, **scope)
    assert house.create(activate=True)["status"] == "success"


@pytest.mark.parametrize("spelling", ["1", "ACT_1"])
def test_a_switch_and_a_cap_hold_for_the_account_in_any_spelling(house: House, spelling: str) -> None:
    scope = {"scope": "account", "platform": "meta"}
    house.set(True, **scope, account=spelling)
    assert house.create(activate=True)["error"]["details"]["guard"] == "kill_switch"
    house.set(True, **scope, account="act_1")
    house.set(False, **scope, account="1")
    assert house.create(activate=True)["status"] == "success"
    cap = {"name": spelling, "daily_budget": 1, "reason": "little"}
    asyncio.run(run_action(house.operator, "set_account_cap", cap, {"user_id": "op"}))
    assert house.create(activate=True)["error"]["details"]["guard"] == "account_cap"
    lifted = {"name": "act_1", "reason": "enough"}
    asyncio.run(run_action(house.operator, "set_account_cap", lifted, {"user_id": "op"}))
    assert house.create(activate=True)["status"] == "success"


def test_a_switch_holds_before_the_next_write_of_a_creation_that_goes_on(house: House) -> None:
    real = house.platform.create_adsets

    async def then_stopped(*given: Any) -> Any:
        outcomes = await real(*given)
        body = {"scope": "deployment", "is_on": True, "reason": "stop"}
        await run_action(house.operator, "set_kill_switch", body, {"user_id": "op"})
        return outcomes

    house.platform.create_adsets = then_stopped  # type: ignore[method-assign]
    answer = house.create(activate=True)
    assert answer["error"]["details"]["guard"] == "kill_switch"
    assert answer["error"]["details"]["state"] == "rolled_back"  # what takes back passes
    assert house.platform.node_ids() == []


def test_a_switch_is_read_again_within_seconds(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(switches, "FRESH_SECONDS", 5.0)
    house.create()
    house.set(True, scope="deployment")
    assert house.create()["status"] == "success"  # known for five seconds
    now = switches.time.monotonic() + 5.1
    monkeypatch.setattr(switches.time, "monotonic", lambda: now)
    assert house.create()["error"]["details"]["guard"] == "kill_switch"


def test_switches_that_cannot_be_read_let_pass_only_what_lowers_spend(house: House) -> None:
    running = house.create(activate=True)
    house.table.is_broken = True
    assert house.create()["error"]["details"]["guard"] == "account_cap"
    answer = house.ask("manage_campaign", campaign_id=running["campaign_id"], action="pause")
    assert answer["status"] == "success"
    again = house.ask("manage_campaign", campaign_id=running["campaign_id"], action="start")
    assert again["error"]["details"]["guard"] == "kill_switch"


def test_every_change_of_a_switch_is_on_record(house: House) -> None:
    house.set(True, scope="platform", platform="meta")
    house.set(False, scope="platform", platform="meta")
    shown = asyncio.run(run_action(house.operator, "list_limits", {}, {"user_id": "op"}))
    assert [(item["scope"], item["is_on"]) for item in shown["switches"]] == [("platform:meta", False)]
    assert [(item["is_on"], item["actor"]) for item in shown["switch_changes"]] == [
        (False, "user:op"),
        (True, "user:op"),
    ]
    assert (shown["kill_switch"], shown["account_caps"]) == (False, {"USD": 1000})


@pytest.mark.parametrize(
    "body",
    [
        {"scope": "platform"},
        {"scope": "account", "account": "act_1"},
        {"scope": "deployment", "tenant": "u"},
        {"scope": "tenant", "tenant": "u", "platform": "meta"},
    ],
)
def test_a_scope_names_what_it_needs(house: House, body: dict[str, Any]) -> None:
    assert house.set(True, **body)["error"]["code"] == "1001"


def test_only_operators_may_touch_a_switch(house: House) -> None:
    body = {"scope": "deployment", "is_on": True, "reason": "r"}
    caller = {"user_id": "u", "roles": ["buyer", "approver", "viewer"]}
    stop, cap = {"scope": "deployment", "reason": "r"}, {"name": "USD", "reason": "r"}
    asked = {"set_kill_switch": body, "list_limits": {}, "stop_all": stop, "set_account_cap": cap}
    for name, parameters in asked.items():
        answer = asyncio.run(run_action(house.buyer, name, parameters, caller))
        assert answer["error"]["code"] == "1004"


# --- caps ---------------------------------------------------------------------------------------------------


def set_cap(house: House, name: str, daily_budget: float | None) -> None:
    body = {"name": name, "daily_budget": daily_budget, "reason": "careful"}
    answer = asyncio.run(run_action(house.operator, "set_account_cap", body, {"user_id": "op"}))
    assert answer["status"] == "success", answer


@pytest.mark.parametrize("name", ["act_1", "USD"])
def test_the_stricter_of_setting_and_row_is_the_cap(house: House, name: str) -> None:
    set_cap(house, name, 50)
    running = house.ask("create_campaign", **request_body(daily_budget=40, activate=True))
    assert running["status"] == "success"
    refused = house.ask("create_campaign", **request_body(daily_budget=20))["error"]["details"]
    assert refused["guard"] == "account_cap"
    set_cap(house, name, 5000)
    assert house.ask("create_campaign", **request_body(daily_budget=20))["status"] == "success"
    refused = house.ask("create_campaign", **request_body(daily_budget=1001))["error"]["details"]
    assert refused["guard"] == "account_cap"  # the setting's 1000 stands
    set_cap(house, name, None)
    shown = asyncio.run(run_action(house.operator, "list_limits", {}, {"user_id": "op"}))
    assert [(item["name"], item["daily_budget"]) for item in shown["caps"]] == [(name, None)]
    assert [item["daily_budget"] for item in shown["cap_changes"]] == [None, 5000, 50]


def test_a_cap_of_another_account_does_not_bind(house: House) -> None:
    set_cap(house, "act_2", 1)
    assert house.create(activate=True)["status"] == "success"


def test_a_lower_cap_lets_budgets_be_lowered_and_campaigns_be_paused(house: House) -> None:
    running = house.ask("create_campaign", **request_body(daily_budget=40, activate=True))
    set_cap(house, "act_1", 1)
    answer = house.ask("manage_campaign", campaign_id=running["campaign_id"], action="pause")
    assert answer["status"] == "success"
    again = house.ask("manage_campaign", campaign_id=running["campaign_id"], action="start")
    assert again["error"]["details"]["guard"] == "account_cap"


# --- the stop of all campaigns ------------------------------------------------------------------------------


def stop_all(house: House, **body: Any) -> dict[str, Any]:
    parameters = {"reason": "something is wrong", **body}
    return asyncio.run(run_action(house.operator, "stop_all", parameters, {"user_id": "op"}))


@pytest.mark.parametrize("scope", SCOPES, ids=lambda scope: scope["scope"])
def test_a_stop_pauses_every_campaign_of_its_scope_also_while_the_switch_is_on(
    house: House, scope: dict[str, Any]
) -> None:
    running = {house.create(activate=True)["campaign_id"] for _ in range(3)}
    paused = house.create()["campaign_id"]
    house.set(True, scope="deployment")
    would = stop_all(house, **scope, dry_run=True)
    assert set(would["paused"]) == running
    assert "active" in campaign_statuses(house)
    answer = stop_all(house, **scope)
    assert (answer["status"], set(answer["paused"]), answer["already_paused"]) == (
        "success",
        running,
        [paused],
    )
    assert set(campaign_statuses(house)) == {"paused"}
    assert stop_all(house, **scope)["paused"] == []


@pytest.mark.parametrize("scope", OTHERS, ids=lambda scope: scope["scope"])
def test_a_stop_of_others_pauses_nothing_here(house: House, scope: dict[str, Any]) -> None:
    house.create(activate=True)
    answer = stop_all(house, **scope)
    assert (answer["status"], answer["paused"], answer["already_paused"]) == ("success", [], [])
    assert campaign_statuses(house) == ["active"]


def test_a_stop_says_what_it_could_not_reach_and_goes_on_with_the_rest(house: House) -> None:
    unreachable, other = (house.create(activate=True) for _ in range(2))
    real = house.platform.read_tree

    async def fails_for_one(access: Any, campaign_id: str, currency: str, **options: Any) -> Any:
        if campaign_id == unreachable["platform_campaign_id"]:
            raise PlatformRejectedError("no", platform="meta", code="6005")
        return await real(access, campaign_id, currency, **options)

    house.platform.read_tree = fails_for_one  # type: ignore[method-assign]
    answer = stop_all(house, scope="deployment")
    assert (answer["status"], answer["paused"]) == ("partial", [other["campaign_id"]])
    assert [item["id"] for item in answer["failed"]] == [unreachable["campaign_id"]]


def test_a_stop_out_of_time_says_how_many_are_left(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.create(activate=True)
    monkeypatch.setattr("campaign_automation.managers.changes.stopping._SECONDS", -1.0)
    answer = stop_all(house, scope="deployment")
    assert (answer["status"], answer["left"]) == ("partial", 1)
    assert "send the same request again" in answer["message"]


def campaign_statuses(house: House) -> list[str]:
    nodes = [house.platform.node(item) for item in house.platform.node_ids()]
    return [node.status for node in nodes if isinstance(node, CampaignNode)]
