"""Proposals of optimize_budget and of rules: what was decided is what is carried out."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from campaign_automation.managers.changes.items import new_run
from campaign_automation.models.rules.rule import RuleTick
from campaign_automation.settings import parse_settings
from campaign_automation.tasks import reconcile_campaigns
from campaign_automation.utils import clock
from tests.support.one_tenant import SETTINGS, OneTenant
from tests.support.parts import campaign_of
from tests.support.rules import body, is_
from tests.support.running_house import House, pass_days, shifting

BOSS = {"person": "boss"}


class Died(BaseException):
    """The end of the process at this point."""


class Tenant(OneTenant):
    """A tenant whose campaign has run for nine days, with what a House knows of its figures."""

    def __init__(self) -> None:
        house = House(settings=parse_settings(SETTINGS))
        self.house = house
        self.adapter, self.wiring = house.adapters["meta"], house.wiring
        house.start("meta")
        pass_days(9)

    @property
    def campaign_id(self) -> str:
        return self.house.creations["meta"].campaign_id

    def budgets(self) -> list[Decimal]:
        return [self.house.budget(unit) for unit in self.house.units("meta")]

    def approve(self, proposal_id: str) -> dict[str, Any]:
        answer = self.ask("approve_proposal", {"proposal_ids": [proposal_id]}, **BOSS)
        assert "proposals" in answer, answer
        found: dict[str, Any] = answer["proposals"][0]
        return found


@pytest.fixture
def tenant(monkeypatch: pytest.MonkeyPatch) -> Tenant:
    async def stays(url: str | None) -> None:
        """Leave the clock as a test has moved it."""

    monkeypatch.setattr(clock, "_offset", timedelta())
    monkeypatch.setattr(clock, "synchronise", stays)
    return Tenant()


# --- budgets -----------------------------------------------------------------------------------------------


def test_a_plan_of_budgets_is_carried_out_as_it_was_read(tenant: Tenant) -> None:
    shifting(tenant.house)
    before = tenant.budgets()
    asked = {"campaign_id": tenant.campaign_id, "mode": "propose"}
    made = tenant.ask("optimize_budget", asked)
    assert made["status"] == "accepted", made
    wanted = {
        item["adset_id"]: item["new_budget"] for item in made["plan"]["optimizations"] if item["outcome"]
    }
    assert wanted
    assert tenant.budgets() == before
    # A day later the figures are others, and another plan would be made: the one that was read holds.
    pass_days(1)
    tenant.house.adapters["meta"].daily.clear()
    view = tenant.approve(made["proposal_id"])
    assert view["state"] == "verified", view
    status = {item["adset_id"]: item["daily_budget"] for item in tenant.status(tenant.campaign_id)["adsets"]}
    assert {name: status[name] for name in wanted} == wanted
    assert sum(tenant.budgets()) == sum(before)
    (forecast,) = asyncio.run(tenant.wiring.looking_back._store.since("u", tenant.campaign_id, 0))
    assert forecast.forecast.kind == "optimization"


def test_a_raise_whose_money_is_not_freed_is_held_back(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    poor, *_ = shifting(tenant.house)
    made = tenant.ask("optimize_budget", {"campaign_id": tenant.campaign_id, "mode": "propose"})
    tenant.adapter.waits_for_midnight.add(poor)
    view = tenant.approve(made["proposal_id"])
    assert view["state"] == "partly_done", view
    assert any("waits_for_lowers" in item["reason"] for item in view["receipts"])


def test_budgets_that_all_stay_are_no_proposal(tenant: Tenant) -> None:
    answer = tenant.ask("optimize_budget", {"campaign_id": tenant.campaign_id, "mode": "propose"})
    assert (answer["status"], answer["plan_digest"]) == ("success", None), answer
    both = {"campaign_id": tenant.campaign_id, "mode": "propose", "plan_digest": f"{10**9}.{'0' * 64}"}
    assert tenant.ask("optimize_budget", both)["error"]["code"] == "1001"


# --- rules -------------------------------------------------------------------------------------------------


def rule_of(tenant: Tenant, **changes: Any) -> str:
    asked = body(
        condition=is_("roas", "less_than", 1, "3d"), mode="propose", confirm=True, settle="1h", **changes
    )
    return str(tenant.done("create_rule", asked)["rule_id"])


def tick(tenant: Tenant, rule_id: str, at: datetime | None = None) -> dict[str, Any]:
    at = at or clock.now().replace(microsecond=0)
    request = RuleTick(tenant="u", rule_id=rule_id, scheduled_time=at)
    return asyncio.run(tenant.wiring.rule_evaluation.evaluate(request)).model_dump(mode="json")


def test_a_rule_asks_a_person_once_and_then_acts(tenant: Tenant) -> None:
    poor, *_ = tenant.house.units("meta")
    for unit in tenant.house.units("meta"):
        tenant.house.deliver("meta", unit, revenue=50 if unit == poor else 500)
    rule_id = rule_of(tenant)
    at = clock.now().replace(microsecond=0)
    result = tick(tenant, rule_id, at)
    assert (result["outcome"], result["acted"]) == ("proposed", 0), result
    assert tick(tenant, rule_id, at)["proposal_id"] == result["proposal_id"]
    assert tenant.adapter.node(poor).status == "active"
    clock._offset += timedelta(hours=6)
    assert "proposal_id" not in tick(tenant, rule_id)  # the cooldown holds for asking too
    (head,) = tenant.done("list_proposals", {})["proposals"]
    assert head["proposed_by"] == f"rule:{rule_id}"
    assert "pause" in head["summary"]
    view = tenant.approve(head["proposal_id"])
    assert view["state"] == "verified", view
    assert tenant.adapter.node(poor).status == "paused"
    trail = tenant.done("get_audit", {"campaign_id": tenant.campaign_id})["records"]
    paused = [
        item for item in trail if item["after"] == {"status": "paused"} and item["operation"] != "create"
    ]
    assert [item["actor"] for item in paused] == [f"rule:{rule_id}"]
    assert "approved by user:boss" in paused[0]["reason"]
    shown = tenant.done("get_rule", {"rule_id": rule_id})
    assert {item["outcome"] for item in shown["runs"]} == {"proposed"}


def test_a_rule_that_finds_nothing_asks_nobody(tenant: Tenant) -> None:
    for unit in tenant.house.units("meta"):
        tenant.house.deliver("meta", unit, revenue=500)
    result = tick(tenant, rule_of(tenant))
    assert (result["outcome"], "proposal_id" in result) == ("proposed", False)
    assert tenant.done("list_proposals", {})["proposals"] == []


def test_a_notification_cannot_be_proposed(tenant: Tenant) -> None:
    asked = body(mode="propose", action={"type": "send_notification", "parameters": {"message": "m"}})
    assert tenant.ask("create_rule", asked)["error"]["code"] == "1001"


def test_what_was_made_before_a_crash_is_not_made_again(tenant: Tenant) -> None:
    """Paused, then started again by a person while the approved rest waited: it stays started."""
    poor, second, _ = tenant.house.units("meta")
    for unit in tenant.house.units("meta"):
        tenant.house.deliver("meta", unit, revenue=50 if unit in (poor, second) else 500)
    rule_id = rule_of(tenant)
    proposal_id = tick(tenant, rule_id)["proposal_id"]
    send = tenant.adapter.set_status

    async def dies(access: Any, level: Any, ids: Any, status: str) -> Any:
        await send(access, level, [poor], status)
        raise Died

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tenant.adapter, "set_status", dies)
        with pytest.raises(Died):
            tenant.approve(proposal_id)
    asyncio.run(tenant.wiring.gate.settle(campaign_of(tenant.wiring, tenant.campaign_id), new_run("x", "y")))
    tenant.adapter.change(poor, status="active")
    clock._offset += timedelta(minutes=5)
    asyncio.run(reconcile_campaigns(tenant.wiring, {}))
    view = tenant.done("get_proposal", {"proposal_id": proposal_id})["proposal"]
    assert tenant.adapter.node(poor).status == "active"
    assert tenant.adapter.node(second).status == "paused"
    assert view["state"] == "verified", view


def test_raises_have_the_money_that_was_freed_before_a_crash(tenant: Tenant) -> None:
    shifting(tenant.house)
    before = sum(tenant.budgets())
    made = tenant.ask("optimize_budget", {"campaign_id": tenant.campaign_id, "mode": "propose"})
    send, calls = tenant.adapter.set_budgets, []

    async def dies(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 2:  # the lowers are through, and the raises never leave
            raise Died
        return await send(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tenant.adapter, "set_budgets", dies)
        with pytest.raises(Died):
            tenant.approve(made["proposal_id"])
    assert sum(tenant.budgets()) < before
    clock._offset += timedelta(minutes=5)
    asyncio.run(reconcile_campaigns(tenant.wiring, {}))
    view = tenant.done("get_proposal", {"proposal_id": made["proposal_id"]})["proposal"]
    assert (view["state"], sum(tenant.budgets())) == ("verified", before), view
