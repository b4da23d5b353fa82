"""Rows that cannot be read, of a switch, a cap or one campaign: what lowers spend passes all the same."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from campaign_automation.managers.shared import switches
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import PlatformRejectedError, StoreError
from tests.support.builders import request_body
from tests.support.one_tenant import OneTenant

REASON = {"reason": "something is wrong"}


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> OneTenant:
    monkeypatch.setattr(switches, "FRESH_SECONDS", -1.0)
    return OneTenant()


def create(house: OneTenant, number: int, **more: Any) -> dict[str, Any]:
    return house.done("create_campaign", request_body(daily_budget=10 + number, **more))


def spoil(house: OneTenant, pk: str, sk: str, **row: Any) -> None:
    house.table._partitions.setdefault(pk, {})[sk] = {"pk": pk, "sk": sk, **row}


def nodes(house: OneTenant) -> dict[str, Any]:
    return {item: house.adapter.node(item) for item in house.adapter.node_ids()}


def manage(house: OneTenant, made: dict[str, Any], action: str) -> dict[str, Any]:
    return house.ask(
        "manage_campaign", {"campaign_id": made["campaign_id"], "action": action, "confirm": True}
    )


@pytest.mark.parametrize(
    ("pk", "sk"), [("switches", "is#deployment"), ("caps", "is#act_1"), ("caps", "is#USD")]
)
def test_a_row_without_its_content_holds_back_what_raises_spend(house: OneTenant, pk: str, sk: str) -> None:
    running, paused = create(house, 1, activate=True), create(house, 2)
    spoil(house, pk, sk, is_on="no idea")
    refused = manage(house, paused, "start")
    assert refused["error"]["code"] == "4005", refused
    assert (
        house.ask("create_campaign", request_body(daily_budget=20, activate=True))["error"]["code"] == "4005"
    )
    assert manage(house, running, "pause")["status"] == "success"
    assert manage(house, running, "delete")["status"] == "success"
    shown = house.done("list_limits", {})
    assert len(shown["switches"]) + len(shown["caps"]) == 1
    # An operator can still set another switch, and mends the row by setting it.
    house.done("set_kill_switch", {"scope": "platform", "platform": "tiktok", "is_on": True, **REASON})
    house.done("set_kill_switch", {"scope": "deployment", "is_on": False, **REASON})
    if pk == "caps":
        house.done("set_account_cap", {"name": sk.removeprefix("is#"), "daily_budget": 500, **REASON})
    assert manage(house, paused, "start")["status"] == "success"


def test_one_campaign_that_cannot_be_read_hinders_no_stop_of_the_others(house: OneTenant) -> None:
    odd, other = (create(house, number, activate=True) for number in (1, 2))
    house.table._partitions[f"u#campaign#{odd['campaign_id']}"]["campaign"]["spec"] = "{}"
    answer = house.ask("stop_all", {"scope": "deployment", **REASON})
    assert (answer["status"], answer["paused"]) == ("partial", [other["campaign_id"]])
    assert [item["id"] for item in answer["failed"]] == [odd["campaign_id"]]


def test_one_campaign_that_cannot_be_read_hinders_no_visit_of_the_others(house: OneTenant) -> None:
    odd, other = (create(house, number, activate=True) for number in (1, 2))
    for item, due in ((odd, 1), (other, 2)):
        row = house.table._partitions[f"u#campaign#{item['campaign_id']}"]["campaign"]
        row.update(outbox="reconcile", due=due)
    house.table._partitions[f"u#campaign#{odd['campaign_id']}"]["campaign"]["spec"] = "{}"
    assert asyncio.run(house.wiring.reconciler.sweep()) == {"failed": 1, "created": 1}


def test_while_switches_cannot_be_read_no_path_raises_spend_and_what_lowers_it_passes(
    house: OneTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    running, paused = create(house, 80, activate=True), create(house, 2)
    campaign = {"campaign_id": running["campaign_id"]}
    texts = [{"ad_id": running["ads"][0]["ad_id"], "headline": "Trail shoe"}]
    cut = house.done("update_campaign", {**campaign, "daily_budget": 60, "end_time": "2031-06-01T00:00:00Z"})
    asked = {**campaign, "daily_budget": 80, "mode": "propose"}
    proposal = house.ask("update_campaign", asked)["proposal_id"]
    real = house.table._query

    async def down(pk: str, *arguments: Any) -> Any:
        if pk == "switches":
            raise StoreError("down")
        return await real(pk, *arguments)

    monkeypatch.setattr(house.table, "_query", down)
    before = nodes(house)
    raising: list[tuple[str, dict[str, Any]]] = [
        ("create_campaign", request_body(daily_budget=20)),
        ("duplicate_campaign", campaign),
        ("manage_campaign", {"campaign_id": paused["campaign_id"], "action": "start"}),
        ("add_ads", {**campaign, "creative_ids": ["new"]}),
        ("replace_copy", {**campaign, "texts": texts}),
        ("update_campaign", {**campaign, "daily_budget": 80}),
        ("update_campaign", {**campaign, "end_time": "none"}),
        ("update_campaign", {**campaign, "bid_strategy": "target_cpa", "target_cpa": 5}),
        ("undo_change", {**campaign, "run_id": cut["run_id"]}),
        ("approve_proposal", {"proposal_ids": [proposal]}),
    ]
    for action, parameters in raising:
        assert "only what lowers spend" in str(house.ask(action, parameters, person="boss")), action
    assert nodes(house) == before
    for action, parameters in (
        ("update_campaign", {**campaign, "daily_budget": 50}),
        ("import_campaigns", {"all": True, "platform": "meta"}),
        ("manage_campaign", {**campaign, "action": "pause"}),
        ("manage_campaign", {"campaign_id": paused["campaign_id"], "action": "delete", "confirm": True}),
    ):
        assert house.ask(action, parameters)["status"] == "success", action


@pytest.mark.parametrize("fault", ["unreadable", "refused"])
def test_one_campaign_that_cannot_be_compared_hinders_no_search_for_the_others(
    house: OneTenant, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    odd = create(house, 1)
    house.adapter.elsewhere("Sales ca-2222222222", 30)
    if fault == "unreadable":
        house.table._partitions[f"u#campaign#{odd['campaign_id']}"]["campaign"]["spec"] = "{}"
    else:
        monkeypatch.setattr(house.wiring.orphans, "_is_ours", refused_for(odd, house.wiring.orphans._is_ours))
    searched: list[float] = []
    for hours in (25, 27):
        monkeypatch.setattr(clock, "_offset", timedelta(hours=hours))
        searched.append(asyncio.run(house.wiring.orphans.sweep()))
    (notice,) = house.web_platform.notifications
    assert "ca-2222222222" in notice["message"]
    # A refusal is tried again within hours; a row is not mended by looking at it again.
    assert searched == ([1, 0] if fault == "unreadable" else [1, 1])


def refused_for(made: dict[str, Any], real: Any) -> Any:
    async def is_ours(account: Any, owner: Any, tag: str, platform_id: str) -> bool:
        if platform_id == made["platform_campaign_id"]:
            raise PlatformRejectedError("not now", platform="meta")
        return bool(await real(account, owner, tag, platform_id))

    return is_ours


def test_one_campaign_that_cannot_be_read_hinders_no_retelling_of_the_others(house: OneTenant) -> None:
    odd, _ = create(house, 1), create(house, 2)
    house.table._partitions[f"u#campaign#{odd['campaign_id']}"]["campaign"]["spec"] = "{}"
    assert house.run(lambda: house.wiring.retelling.since(0)) == {"queued": 1, "left": 0}


def test_one_proposal_that_cannot_be_read_hinders_no_visit_of_the_others(
    house: OneTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [request_body(daily_budget=10 + number, mode="propose") for number in (1, 2)]
    odd, _ = (house.ask("create_campaign", item)["proposal_id"] for item in asked)
    house.table._partitions["u#proposals"][odd]["packed"] = b"no idea"
    monkeypatch.setattr(clock, "_offset", timedelta(days=30))
    sweep = house.wiring.proposal_execution.sweep
    assert house.run(lambda: sweep(float("inf"))) == {"expired": 1, "carried_on": 0}


@pytest.mark.parametrize("amount", ["no number", "NaN", None])
def test_a_commitment_that_cannot_be_read_hinders_no_stop_and_holds_raises_back(
    house: OneTenant, amount: str | None
) -> None:
    odd, other = (create(house, number, activate=True) for number in (1, 2))
    row = next(row for row in house.table.rows() if row["sk"] == odd["campaign_id"] and "amount" in row)
    content = {} if amount is None else {"amount": amount}
    spoil(house, row["pk"], row["sk"], **content)
    raised = {"campaign_id": other["campaign_id"], "daily_budget": 14}
    assert "account_cap" in str(house.ask("update_campaign", raised))
    assert manage(house, other, "pause")["status"] == "success"
    assert manage(house, odd, "pause")["status"] == "success"
    assert {house.adapter.node(made["platform_campaign_id"]).status for made in (odd, other)} == {"paused"}
    # A stopped campaign commits nothing, so that the account's commitments can be counted again.
    assert manage(house, other, "start")["status"] == "success"
