"""Budgets and targets that a person sets, and pauses that end by themselves."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from campaign_automation.managers.changes.items import DesiredChange, new_run
from campaign_automation.managers.shared.due_runs import PAUSES
from campaign_automation.models.common import Level
from campaign_automation.stores.operations.schedules import TableScheduler
from campaign_automation.tasks import reconcile_campaigns
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import CampaignAutomationError
from tests.support.builders import request_body
from tests.support.one_tenant import OneTenant
from tests.support.parts import campaign_of


@pytest.fixture
def house() -> OneTenant:
    return OneTenant()


@pytest.fixture
def running(house: OneTenant) -> dict[str, Any]:
    return house.done("create_campaign", request_body(activate=True, target_roas=2))


def update(house: OneTenant, campaign_id: str, **changes: Any) -> dict[str, Any]:
    return house.ask("update_campaign", {"campaign_id": campaign_id, **changes})


def budgets(house: OneTenant, campaign_id: str) -> dict[str, float]:
    return {item["adset_id"]: item["daily_budget"] for item in house.status(campaign_id)["adsets"]}


# --- budgets -----------------------------------------------------------------------------------------------


def test_a_whole_budget_is_spread_in_proportion_and_undone(house: OneTenant, running: dict[str, Any]) -> None:
    campaign_id = running["campaign_id"]
    before = budgets(house, campaign_id)
    dry = update(house, campaign_id, daily_budget=140.05, dry_run=True)
    assert sum(item["after"] for item in dry["changed"]) == pytest.approx(140.05)
    assert budgets(house, campaign_id) == before
    done = update(house, campaign_id, daily_budget=140.05)
    after = budgets(house, campaign_id)
    assert sum(Decimal(str(amount)) for amount in after.values()) == Decimal("140.05")
    assert max(after.values()) - min(after.values()) < 0.03
    assert {item["id"]: item["after"] for item in done["changed"]} == after
    house.done("undo_change", {"campaign_id": campaign_id, "run_id": done["run_id"]})
    assert budgets(house, campaign_id) == before
    # A repeated creation shows the budgets as they are now.
    update(house, campaign_id, daily_budget=140.05)
    again = house.done("create_campaign", request_body(activate=True, target_roas=2))
    assert {item["adset_id"]: item["daily_budget"] for item in again["adsets"]} == after


def test_ad_sets_paused_on_their_own_are_left_out_of_a_whole_budget(
    house: OneTenant, running: dict[str, Any]
) -> None:
    campaign_id, first = running["campaign_id"], running["adsets"][0]
    pause = {"action": "pause", "level": "adset", "entity_ids": [first["adset_id"]]}
    house.done("manage_campaign", {"campaign_id": campaign_id, **pause})
    assert update(house, campaign_id, daily_budget=90)["status"] == "success"
    after = budgets(house, campaign_id)
    assert after.pop(first["adset_id"]) == first["daily_budget"]
    assert sum(after.values()) == 90


def test_single_budgets_are_set_by_either_id(house: OneTenant, running: dict[str, Any]) -> None:
    first, second, third = running["adsets"]
    asked = {first["adset_id"]: 40, second["platform_adset_id"]: 30}
    done = update(house, running["campaign_id"], adset_budgets=asked)
    assert [item["after"] for item in done["changed"]] == [40, 30]
    assert budgets(house, running["campaign_id"]) == {
        first["adset_id"]: 40,
        second["adset_id"]: 30,
        third["adset_id"]: third["daily_budget"],
    }
    unknown = update(house, running["campaign_id"], adset_budgets={"nobody": 5})
    assert (unknown["error"]["code"], unknown["error"]["details"]["field"]) == ("5000", "adset_budgets")


def test_a_campaign_budget_is_set_as_a_whole(house: OneTenant) -> None:
    theirs = house.adapter.elsewhere("CBO", None, None, daily_budget=Decimal(80))
    house.done("import_campaigns", {"all": True})
    done = update(house, theirs, daily_budget=100)
    assert [(item["level"], item["after"]) for item in done["changed"]] == [("campaign", 100)]
    assert house.adapter.node(theirs).daily_budget == 100


@pytest.mark.parametrize(
    ("changes", "code", "text"),
    [
        ({"daily_budget": 400}, "4005", "more than 50 %"),
        ({"daily_budget": 100.001}, "1001", "no multiple"),
        ({"daily_budget": 2}, "1001", "below 1"),
        ({}, "1001", "give daily_budget"),
    ],
)
def test_what_cannot_be_is_refused_by_name(
    house: OneTenant, running: dict[str, Any], changes: dict[str, Any], code: str, text: str
) -> None:
    refused = update(house, running["campaign_id"], **changes)["error"]
    assert refused["code"] == code
    assert text in refused["message"]


# --- targets -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_imported", [False, True])
def test_targets_are_set_recorded_and_undone(house: OneTenant, is_imported: bool) -> None:
    if is_imported:
        house.adapter.elsewhere("Summer", 30)
        (made,) = house.done("import_campaigns", {"all": True, "target_roas": 2})["imported"]
    else:
        made = house.done("create_campaign", request_body(activate=True, target_roas=2))
    campaign_id = made["campaign_id"]
    first = update(house, campaign_id, target_roas=3, target_cpa=9)
    assert (first["target_roas"], first["target_cpa"]) == (3, 9)
    second = update(house, campaign_id, target_roas=4)
    assert [(item["field"], item["before"], item["after"]) for item in second["changed"]] == [
        ("target_roas", 3, 4)
    ]
    assert (second["target_roas"], second["target_cpa"]) == (4, 9)
    undone = house.done("undo_change", {"campaign_id": campaign_id, "run_id": second["run_id"]})
    assert undone["restored"][0]["after"] == 3
    refused = house.done("undo_change", {"campaign_id": campaign_id, "run_id": first["run_id"]})
    assert [item["field"] for item in refused["restored"]] == ["target_cpa"]  # the other changed since
    campaign = house.run(lambda: house.wiring.store.campaign("u", campaign_id))
    assert (campaign.target_roas, campaign.target_cpa) == (3, None)


@pytest.mark.parametrize("dry_run", [False, True])
def test_ad_sets_have_no_budgets_where_the_campaign_has_it(house: OneTenant, dry_run: bool) -> None:
    elsewhere = house.adapter.elsewhere("Theirs", None, None, daily_budget=Decimal(60))
    (taken,) = house.done("import_campaigns", {"platform_campaign_ids": [elsewhere]})["imported"]
    first = house.status(taken["campaign_id"])["adsets"][0]["adset_id"]
    error = update(house, taken["campaign_id"], adset_budgets={first: 30}, dry_run=dry_run)["error"]
    assert (error["code"], error["details"]["field"]) == ("1001", "adset_budgets")
    assert "give daily_budget" in error["message"]


# --- pauses with an end ------------------------------------------------------------------------------------


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Any:
    def move(**time: float) -> None:
        monkeypatch.setattr(clock, "_offset", timedelta(**time))

    return move


def pause(house: OneTenant, campaign_id: str, **more: Any) -> dict[str, Any]:
    until = clock.iso(clock.now() + timedelta(hours=8))
    asked = {"campaign_id": campaign_id, "action": "pause", "until": until, **more}
    return house.done("manage_campaign", asked)


def visit(house: OneTenant, later: Any, **time: float) -> None:
    """Let the sweeps of the time until then, and the one after it, be done."""

    async def sweep() -> None:
        for moment in ({"minutes": 5}, time):
            later(**moment)
            await house.wiring.reconciler.sweep()

    house.run(sweep)


def root(house: OneTenant, made: dict[str, Any]) -> str:
    return str(house.adapter.node(made["platform_campaign_id"]).status)


def test_a_pause_until_a_moment_ends_by_itself(house: OneTenant, running: dict[str, Any], later: Any) -> None:
    answer = pause(house, running["campaign_id"])
    assert answer["resumes_at"] is not None
    visit(house, later, hours=7)
    assert root(house, running) == "paused"
    visit(house, later, hours=9)
    assert root(house, running) == "active"
    last = house.done("get_audit", {"campaign_id": running["campaign_id"]})["records"][-1]
    assert last["reason"].startswith("the pause until")
    visit(house, later, hours=10)
    assert root(house, running) == "active"


def test_a_pause_of_a_campaign_that_the_platform_no_longer_knows_is_given_up_and_told_once(
    house: OneTenant, running: dict[str, Any], later: Any
) -> None:
    pause(house, running["campaign_id"])
    house.adapter.is_hidden = house.adapter.is_closed = True
    outcomes = []
    for hours in (9, 10, 11):
        later(hours=hours)
        outcomes.append(house.run(house.wiring.reconciler.sweep))
    assert outcomes == [{"failed": 1}, {"created": 1}, {}]
    (notice,) = house.web_platform.notifications
    assert running["campaign_id"] in notice["message"]


def test_a_pause_has_a_schedule_of_its_own(house: OneTenant, running: dict[str, Any], later: Any) -> None:
    schedules, campaign_id = TableScheduler(house.table, PAUSES), running["campaign_id"]

    def tick() -> dict[str, str]:
        return asyncio.run(schedules.tick(f"{campaign_id}-resume")) or {}

    pause(house, campaign_id)
    planned = tick()
    assert planned == {"tenant": "u", "campaign_id": campaign_id}
    for hours, status in ((7, "paused"), (9, "active")):
        later(hours=hours)
        house.run(partial(reconcile_campaigns, house.wiring, planned))
        assert root(house, running) == status
    later(hours=0)
    pause(house, campaign_id)
    house.done("manage_campaign", {"campaign_id": campaign_id, "action": "pause"})
    assert tick() == {}


def test_a_pause_stands_without_a_schedule(
    house: OneTenant, running: dict[str, Any], later: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unreachable(*_: Any, **__: Any) -> None:
        raise CampaignAutomationError("the scheduler did not answer", code="4000")

    monkeypatch.setattr(TableScheduler, "put", unreachable)
    assert pause(house, running["campaign_id"])["resumes_at"] is not None
    visit(house, later, hours=9)
    assert root(house, running) == "active"


def test_a_date_is_one_of_the_account(house: OneTenant, running: dict[str, Any]) -> None:
    zone = clock.ZoneInfo(house.adapter.account.time_zone)
    tomorrow = clock.day_of(clock.now(), zone) + timedelta(days=1)
    answer = pause(house, running["campaign_id"], until=str(tomorrow))
    assert answer["resumes_at"].startswith(f"{tomorrow}T00:00:00-0")


def test_the_end_of_a_pause_starts_nothing_that_did_not_run(
    house: OneTenant, running: dict[str, Any], later: Any
) -> None:
    house.done("manage_campaign", {"campaign_id": running["campaign_id"], "action": "pause"})
    for more in ({"dry_run": True}, {}):
        answer = pause(house, running["campaign_id"], **more)
        assert (answer["resumes_at"], len(answer["warnings"])) == (None, 1)
    visit(house, later, hours=9)
    assert root(house, running) == "paused"


def test_a_pause_gets_another_end(house: OneTenant, running: dict[str, Any], later: Any) -> None:
    pause(house, running["campaign_id"])
    until = clock.iso(clock.now() + timedelta(hours=20))
    answer = pause(house, running["campaign_id"], until=until)
    assert (answer["resumes_at"], answer["warnings"]) == (until, [])
    visit(house, later, hours=9)
    assert root(house, running) == "paused"
    visit(house, later, hours=21)
    assert root(house, running) == "active"


@pytest.mark.parametrize("touch", ["paused again", "started and paused", "on the platform"])
def test_what_somebody_touched_in_between_stays(
    house: OneTenant, running: dict[str, Any], later: Any, touch: str
) -> None:
    campaign_id = running["campaign_id"]
    pause(house, campaign_id)
    if touch == "started and paused":
        house.done("manage_campaign", {"campaign_id": campaign_id, "action": "start"})
    if touch == "on the platform":
        house.adapter.change(running["platform_campaign_id"], status="deleted")
    else:
        house.done("manage_campaign", {"campaign_id": campaign_id, "action": "pause"})
    visit(house, later, hours=9)
    assert root(house, running) != "active"


def test_what_a_rule_touched_meanwhile_is_not_started_with_the_rest(
    house: OneTenant, running: dict[str, Any], later: Any
) -> None:
    campaign_id, adsets = running["campaign_id"], [item["adset_id"] for item in running["adsets"]]
    pause(house, campaign_id, level="adset", entity_ids=adsets[:2])
    for status in ("active", "paused"):
        change = DesiredChange(Level.ADSET, adsets[0], "status", status)
        run = new_run("rule:r", "too dear")
        house.run(partial(house.wiring.gate.apply, campaign_of(house.wiring, campaign_id), [change], run))
    visit(house, later, hours=9)
    statuses = {item["adset_id"]: item["status"] for item in house.status(campaign_id)["adsets"]}
    assert statuses == {name: "paused" if name == adsets[0] else "active" for name in adsets}


def test_another_budget_meanwhile_keeps_nothing_from_its_start(
    house: OneTenant, running: dict[str, Any], later: Any
) -> None:
    campaign_id, adsets = running["campaign_id"], [item["adset_id"] for item in running["adsets"]]
    pause(house, campaign_id, level="adset", entity_ids=adsets)
    changed = house.done("update_campaign", {"campaign_id": campaign_id, "adset_budgets": {adsets[0]: 35}})
    assert len(changed["changed"]) == 1
    visit(house, later, hours=9)
    assert {item["status"] for item in house.status(campaign_id)["adsets"]} == {"active"}


def test_a_start_that_a_switch_holds_back_is_tried_again(
    house: OneTenant, running: dict[str, Any], later: Any
) -> None:
    pause(house, running["campaign_id"])
    switch = {"scope": "deployment", "reason": "stop"}
    house.done("set_kill_switch", {**switch, "is_on": True})
    visit(house, later, hours=9)
    assert root(house, running) == "paused"
    house.done("set_kill_switch", {**switch, "is_on": False})
    visit(house, later, hours=12)
    assert root(house, running) == "active"


@pytest.mark.parametrize(
    "wrong", [{"until": "2020-01-01T00:00:00Z"}, {"action": "start"}, {"until": "2030-01-01T10:00:00"}]
)
def test_an_end_that_is_none_is_refused(
    house: OneTenant, running: dict[str, Any], wrong: dict[str, Any]
) -> None:
    asked = {"campaign_id": running["campaign_id"], "action": "pause", "until": "2099-01-01T00:00:00Z"}
    refused = house.ask("manage_campaign", {**asked, **wrong})["error"]
    assert refused["code"] == "1001"
    assert "until" in refused["message"]
