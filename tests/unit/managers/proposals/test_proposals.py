"""Proposals in memory: planned, approved by another person, carried out once, with receipts."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from campaign_automation.tasks import reconcile_campaigns
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import StoreError
from tests.support.builders import request_body
from tests.support.fake_adapter import FakeAdapter
from tests.support.one_tenant import OneTenant
from tests.support.running_house import pass_days

BOSS = {"person": "boss"}


class Died(BaseException):
    """The end of the process at this point."""


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> OneTenant:
    async def stays(url: str | None) -> None:
        """Leave the clock as a test has moved it."""

    monkeypatch.setattr(clock, "_offset", timedelta())
    monkeypatch.setattr(clock, "synchronise", stays)
    return OneTenant(FakeAdapter("meta"), FakeAdapter("tiktok"))


@pytest.fixture
def running(house: OneTenant) -> dict[str, Any]:
    return house.done("create_campaign", request_body(activate=True, daily_budget=90, target_roas=2))


def propose(house: OneTenant, action: str, parameters: dict[str, Any], **context: Any) -> dict[str, Any]:
    answer = house.ask(action, {**parameters, "mode": "propose"}, **context)
    assert answer["status"] == "accepted", answer
    return answer


def raise_budget(house: OneTenant, running: dict[str, Any], **more: Any) -> dict[str, Any]:
    asked = {"campaign_id": running["campaign_id"], "daily_budget": 120, **more}
    return propose(house, "update_campaign", asked)


def approve(house: OneTenant, *proposals: dict[str, Any], **context: Any) -> dict[str, Any]:
    ids = [item["proposal_id"] for item in proposals]
    return house.ask("approve_proposal", {"proposal_ids": ids}, **{**BOSS, **context})


def shown(house: OneTenant, proposal: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = house.done("get_proposal", {"proposal_id": proposal["proposal_id"]})["proposal"]
    return found


def budgets(house: OneTenant, campaign_id: str) -> list[float]:
    return [item["daily_budget"] for item in house.status(campaign_id)["adsets"]]


def approve_and_die(house: OneTenant, made: dict[str, Any], part: Any, name: str, dies: Any) -> None:
    """Approve in a process that ends in the method `name` of a part."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(part, name, dies)
        with pytest.raises(Died):
            approve(house, made)


def sweep(house: OneTenant) -> dict[str, int]:
    return dict(asyncio.run(reconcile_campaigns(house.wiring, {}))["proposals"])


# --- approving ---------------------------------------------------------------------------------------------


def test_a_proposal_writes_nothing_until_another_person_approves_it(
    house: OneTenant, running: dict[str, Any]
) -> None:
    before = budgets(house, running["campaign_id"])
    made = raise_budget(house, running, target_roas=3, reason="it sells")
    assert budgets(house, running["campaign_id"]) == before
    assert made["plan"]["changed"][0]["after"] == 40
    found = house.done("list_proposals", {})["proposals"]
    assert [(item["proposal_id"], item["state"]) for item in found] == [(made["proposal_id"], "open")]
    done = approve(house, made)
    assert done["status"] == "success", done
    (view,) = done["proposals"]
    assert (view["state"], view["decided_by"]) == ("verified", "user:boss")
    assert budgets(house, running["campaign_id"]) == [40, 40, 40]
    sent = [item for item in view["receipts"] if item["operation"] == "set_budget"]
    assert [Decimal(item["read_back"]["daily_budget"]) for item in sent] == [40] * 3
    assert all(item["platform_id"] and item["audit_id"] for item in view["receipts"])
    trail = house.done("get_audit", {"campaign_id": running["campaign_id"]})["records"]
    last = [item for item in trail if item["operation"] in ("set_budget", "set_target")]
    assert {item["actor"] for item in last} == {"user:boss"}
    assert all(made["proposal_id"] in item["reason"] and "user:u" in item["reason"] for item in last)
    assert house.done("list_proposals", {})["proposals"] == []
    assert shown(house, made)["receipts"] == view["receipts"]


def test_an_approval_is_given_once(house: OneTenant, running: dict[str, Any]) -> None:
    made = raise_budget(house, running)
    assert approve(house, made, idempotency_key="k")["status"] == "success"
    again = approve(house, made, idempotency_key="k")
    assert again["replayed"]
    error = approve(house, made)["error"]
    assert (error["code"], error["details"]["state"]) == ("5004", "verified")
    refused = house.ask("reject_proposal", {"proposal_ids": [made["proposal_id"]]}, **BOSS)
    assert refused["error"]["code"] == "5004"


def test_nobody_approves_their_own_unless_a_setting_allows_it(
    house: OneTenant, running: dict[str, Any]
) -> None:
    made = raise_budget(house, running)
    error = approve(house, made, person="u")["error"]
    assert (error["code"], shown(house, made)["state"]) == ("1004", "open")
    lenient = OneTenant(APPROVE_OWN_PROPOSALS="true")
    own = raise_budget(lenient, lenient.done("create_campaign", request_body(activate=True, daily_budget=90)))
    assert approve(lenient, own, person="u")["status"] == "success"


def test_roles_and_tenants_are_kept_apart(house: OneTenant, running: dict[str, Any]) -> None:
    made = raise_budget(house, running)
    for roles in (["buyer"], ["viewer"], ["operator"]):
        assert approve(house, made, roles=roles)["error"]["code"] == "1004"
    for action in ("approve_proposal", "reject_proposal"):
        error = house.ask(action, {"proposal_ids": [made["proposal_id"]]}, user_id="other")["error"]
        assert error["code"] == "5000"
    error = house.ask("get_proposal", {"proposal_id": made["proposal_id"]}, user_id="other")["error"]
    assert error["code"] == "5000"
    assert house.ask("list_proposals", {"state": "any"}, user_id="other")["proposals"] == []
    assert approve(house, made, roles=["approver"])["status"] == "success"


def test_a_campaign_that_changed_makes_the_plan_stale(house: OneTenant, running: dict[str, Any]) -> None:
    made = raise_budget(house, running)
    first = running["adsets"][0]
    house.done(
        "update_campaign", {"campaign_id": running["campaign_id"], "adset_budgets": {first["adset_id"]: 44}}
    )
    error = approve(house, made)["error"]
    assert (error["code"], error["details"]["guard"]) == ("4005", "plan_stale")
    assert first["adset_id"] in error["message"]
    assert shown(house, made)["state"] == "stale"
    assert budgets(house, running["campaign_id"])[0] == 44
    assert approve(house, made)["error"]["code"] == "5004"


def test_a_deleted_campaign_makes_the_plan_stale(house: OneTenant, running: dict[str, Any]) -> None:
    made = raise_budget(house, running)
    house.done(
        "manage_campaign", {"campaign_id": running["campaign_id"], "action": "delete", "confirm": True}
    )
    assert approve(house, made)["error"]["details"]["guard"] == "plan_stale"


def test_a_proposal_that_nobody_decided_on_expires(house: OneTenant, running: dict[str, Any]) -> None:
    made, longer = raise_budget(house, running), raise_budget(house, running, proposal_hours=168)
    assert sweep(house) == {"expired": 0, "carried_on": 0}
    pass_days(2)
    assert shown(house, made)["state"] == "expired"
    error = approve(house, made)["error"]
    assert (error["code"], error["details"]["state"]) == ("5004", "expired")
    clock._offset += timedelta(days=5)
    assert sweep(house)["expired"] == 1
    assert shown(house, longer)["state"] == "expired"


@pytest.mark.parametrize("hours", [0, 169, 1.5])
def test_the_time_of_a_proposal_is_bounded(house: OneTenant, hours: float) -> None:
    asked = {"campaign_id": "c", "daily_budget": 1, "mode": "propose", "proposal_hours": hours}
    assert house.ask("update_campaign", asked)["error"]["details"]["field"] == "proposal_hours"


def test_a_rejected_proposal_is_not_carried_out(house: OneTenant, running: dict[str, Any]) -> None:
    made = raise_budget(house, running)
    ids = {"proposal_ids": [made["proposal_id"]], "reason": "too early"}
    done = house.done("reject_proposal", ids, **BOSS)
    assert (done["proposals"][0]["state"], done["proposals"][0]["note"]) == ("rejected", "too early")
    assert approve(house, made)["error"]["details"]["state"] == "rejected"


def test_twenty_proposals_are_approved_at_once_and_one_that_is_stale_stays(
    house: OneTenant, running: dict[str, Any]
) -> None:
    other = house.done("create_campaign", request_body(activate=True, daily_budget=90))
    one, two = raise_budget(house, running), raise_budget(house, other)
    first = other["adsets"][0]["adset_id"]
    house.done("update_campaign", {"campaign_id": other["campaign_id"], "adset_budgets": {first: 33}})
    done = approve(house, one, two)
    assert (done["status"], len(done["proposals"])) == ("partial", 1)
    assert [item["id"] for item in done["failed"]] == [two["proposal_id"]]
    error = house.ask("approve_proposal", {"proposal_ids": [f"prop_{i}" for i in range(21)]}, **BOSS)["error"]
    assert error["details"]["field"] == "proposal_ids"


def test_the_owner_is_told_of_a_proposal(house: OneTenant, running: dict[str, Any]) -> None:
    raise_budget(house, running, reason="it sells")
    asyncio.run(house.wiring.outbox.sweep())
    (told,) = [item for item in house.web_platform.notifications if "proposal" in item["title"]]
    assert "it sells" in told["message"]


def test_what_changes_nothing_is_no_proposal(house: OneTenant, running: dict[str, Any]) -> None:
    asked = {"campaign_id": running["campaign_id"], "target_roas": 2, "mode": "propose"}
    assert house.done("update_campaign", asked)["changed"] == []
    both = house.ask("update_campaign", {**asked, "dry_run": True})["error"]
    assert both["code"] == "1001"
    assert house.done("list_proposals", {})["proposals"] == []


def test_a_repeated_request_is_one_proposal(house: OneTenant, running: dict[str, Any]) -> None:
    asked = {"campaign_id": running["campaign_id"], "daily_budget": 120}
    first = propose(house, "update_campaign", asked, idempotency_key="k")
    again = propose(house, "update_campaign", asked, idempotency_key="k")
    assert (again["proposal_id"], again["replayed"]) == (first["proposal_id"], True)
    creation = propose(house, "create_campaign", request_body(daily_budget=60), idempotency_key="c")
    again = propose(house, "create_campaign", request_body(daily_budget=60), idempotency_key="c")
    assert (again["proposal_id"], again["replayed"]) == (creation["proposal_id"], True)


# --- crashes and refusals ----------------------------------------------------------------------------------


@pytest.mark.parametrize("point", ["before", "after"])
def test_a_crash_after_the_approval_is_carried_on_with_once(
    house: OneTenant, running: dict[str, Any], point: str
) -> None:
    made = raise_budget(house, running)
    send = house.adapter.set_budgets

    async def dies(*arguments: Any) -> Any:
        if point == "after":
            await send(*arguments)
        raise Died

    approve_and_die(house, made, house.adapter, "set_budgets", dies)
    assert shown(house, made)["state"] == "executing"
    house.adapter.calls.clear()
    clock._offset += timedelta(minutes=5)
    sweep(house)
    view = shown(house, made)
    assert (view["state"], len(view["receipts"])) == ("verified", 3)
    assert budgets(house, running["campaign_id"]) == [40, 40, 40]
    assert house.adapter.calls.count("set_budgets") == (1 if point == "before" else 0)
    clock._offset += timedelta(minutes=5)
    assert sweep(house)["carried_on"] == 0


def test_a_process_that_dies_between_approval_and_work_loses_nothing(
    house: OneTenant, running: dict[str, Any]
) -> None:
    made = raise_budget(house, running)
    execution = house.wiring.proposal_execution

    async def dies(*_: Any, **__: Any) -> Any:
        raise Died

    approve_and_die(house, made, execution, "carry_out", dies)
    assert shown(house, made)["state"] == "approved"
    assert approve(house, made)["error"]["details"]["state"] == "approved"
    clock._offset += timedelta(minutes=5)
    assert sweep(house)["carried_on"] == 1
    assert shown(house, made)["state"] == "verified"


def test_what_changed_while_the_process_was_dead_is_left_alone(
    house: OneTenant, running: dict[str, Any]
) -> None:
    made = raise_budget(house, running)
    first, *others = [item["platform_adset_id"] for item in running["adsets"]]
    send = house.adapter.set_budgets

    async def dies(access: Any, account: Any, level: Any, asked: dict[str, Decimal]) -> Any:
        await send(access, account, level, {first: asked[first]})
        raise Died

    approve_and_die(house, made, house.adapter, "set_budgets", dies)
    house.adapter.change(others[0], daily_budget=Decimal(55))
    clock._offset += timedelta(minutes=5)
    sweep(house)
    view = shown(house, made)
    assert view["state"] == "partly_done"
    left = [item for item in view["receipts"] if item["outcome"] not in ("applied", "already")]
    assert [item["platform_id"] for item in left] == [others[0]]
    assert house.adapter.node(others[0]).daily_budget == 55


def test_a_guard_that_refuses_leaves_nothing_in_force(house: OneTenant, running: dict[str, Any]) -> None:
    made = raise_budget(house, running)
    switch = {"scope": "tenant", "tenant": "u", "is_on": True, "reason": "stop"}
    house.done("set_kill_switch", switch)
    (view,) = approve(house, made)["proposals"]
    assert (view["state"], {item["outcome"] for item in view["receipts"]}) == ("rolled_back", {"held_back"})
    assert "kill switch" in view["note"]


def test_what_failed_in_passing_is_decided_under_the_same_key(
    house: OneTenant, running: dict[str, Any]
) -> None:
    made, other = raise_budget(house, running), propose(house, "create_campaign", request_body())
    load = house.wiring.proposals.load

    async def down(tenant: str, proposal_id: str) -> Any:
        if proposal_id == other["proposal_id"]:
            raise StoreError("down")
        return await load(tenant, proposal_id)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(house.wiring.proposals, "load", down)
        answer = approve(house, made, other, idempotency_key="both")
    assert [item["error"]["code"] for item in answer["failed"]] == ["5002"]
    again = approve(house, made, other, idempotency_key="both")
    assert [item["proposal_id"] for item in again["proposals"]] == [other["proposal_id"]]


def test_what_takes_too_long_goes_on_without_the_caller(house: OneTenant, running: dict[str, Any]) -> None:
    made = raise_budget(house, running)
    send = house.adapter.set_budgets

    async def hangs(*arguments: Any) -> Any:
        await asyncio.sleep(60)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(house.adapter, "set_budgets", hangs)
        answer = approve(house, made, deadline_seconds=6)
    assert [item["state"] for item in answer["proposals"]] == ["executing"]
    assert house.adapter.set_budgets == send
    clock._offset += timedelta(minutes=5)
    assert sweep(house)["carried_on"] == 1
    assert shown(house, made)["state"] == "verified"


# --- campaigns ---------------------------------------------------------------------------------------------


def test_a_campaign_is_created_as_it_was_read(house: OneTenant) -> None:
    made = propose(house, "create_campaign", request_body(name="Spring"))
    assert made["plan"]["state"] == "planned"
    assert house.adapter.node_ids() == []
    (view,) = approve(house, made)["proposals"]
    assert view["state"] == "verified", view
    (campaign_id,) = view["campaign_ids"]
    status = house.status(campaign_id)
    assert status["campaign"]["name"].startswith("Spring")
    assert {item["operation"] for item in view["receipts"]} == {"create"}
    assert len(view["receipts"]) == 1 + len(status["adsets"]) + len(status["ads"])
    assert all(item["platform_id"] and item["read_back"] for item in view["receipts"])
    assert all(item["platform_request_id"] for item in view["receipts"])
    trail = house.done("get_audit", {"campaign_id": campaign_id})["records"]
    assert {item["actor"] for item in trail} == {"user:boss"}


def test_a_creation_that_fails_is_rolled_back(house: OneTenant) -> None:
    made = propose(house, "create_campaign", request_body())
    switch = {"scope": "tenant", "tenant": "u", "is_on": True, "reason": "stop"}
    house.done("set_kill_switch", switch)
    (view,) = approve(house, made)["proposals"]
    assert view["state"] == "rolled_back"
    assert house.adapter.node_ids() == []


def test_a_copy_is_made_of_the_campaign_as_it_was(house: OneTenant, running: dict[str, Any]) -> None:
    source = {"campaign_id": running["campaign_id"], "name": "Copy"}
    made, late = (propose(house, "duplicate_campaign", source, idempotency_key=key) for key in ("a", "b"))
    (view,) = approve(house, made)["proposals"]
    assert view["state"] == "verified", view
    status = house.done("list_campaigns", {})["campaigns"]
    assert len(status) == 2
    first = running["adsets"][0]["adset_id"]
    house.done("update_campaign", {"campaign_id": running["campaign_id"], "adset_budgets": {first: 44}})
    error = approve(house, late)["error"]
    assert error["details"]["guard"] == "plan_stale"
    assert "daily_budget" in error["message"]


def test_a_creation_whose_approver_died_happens_once(house: OneTenant) -> None:
    made = propose(house, "create_campaign", request_body())
    creations = house.wiring.proposal_execution._creations

    async def dies(*_: Any, **__: Any) -> Any:
        raise Died

    approve_and_die(house, made, creations, "run", dies)
    assert shown(house, made)["state"] == "executing"
    for _ in range(12):
        clock._offset += timedelta(minutes=10)
        sweep(house)
        if (view := shown(house, made))["state"] != "executing":
            break
    # The creation of a process that died is ended by the reconciler, and nothing of it is left.
    assert view["state"] in ("verified", "rolled_back")
    roots = [name for name in house.adapter.node_ids() if "campaign" in name]
    assert len(roots) <= 1
