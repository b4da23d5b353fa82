"""Campaigns made elsewhere: found, taken in as they are, managed like our own, and released."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from campaign_automation.adapters.base import Access
from campaign_automation.adapters.tree import Trees
from campaign_automation.models.common import Level
from campaign_automation.stores.engines.sqlite import SqliteTable
from campaign_automation.stores.operations.owners import owners_pk
from campaign_automation.stores.table import MAX_OPERATIONS, Delete, Key, Operation, Put
from campaign_automation.utils.error_handler import PlatformRejectedError
from tests.support.builders import request_body
from tests.support.fake_adapter import FakeAdapter
from tests.support.meta import ACCESS
from tests.support.one_tenant import OneTenant

ALL = {"all": True}


@pytest.fixture
def house() -> OneTenant:
    return OneTenant()


def take(house: OneTenant, *ids: str, **context: Any) -> dict[str, dict[str, Any]]:
    """Take campaigns in; return them by the platform's id."""
    asked = {"platform_campaign_ids": list(ids)} if ids else ALL
    answer = house.done("import_campaigns", asked, **context)
    return {item["platform_campaign_id"]: item for item in answer["imported"]}


def code(answer: dict[str, Any]) -> str:
    return str(answer["error"]["code"])


# --- finding and taking in ---------------------------------------------------------------------------------


def test_what_the_platform_has_is_listed_with_ours_marked(house: OneTenant) -> None:
    ours = house.done("create_campaign", request_body())
    theirs = house.adapter.elsewhere("Summer sale", 30, 20)
    listed = house.done("list_account_campaigns", {})
    found = {item["platform_campaign_id"]: item for item in listed["campaigns"]}
    assert found[ours["platform_campaign_id"]]["owner"] == "ours"
    assert found[ours["platform_campaign_id"]]["campaign_id"] == ours["campaign_id"]
    assert (found[theirs]["owner"], found[theirs]["campaign_id"]) == ("nobody", None)
    assert found[theirs]["spend_today"] == 0
    named = house.done("list_account_campaigns", {"name_contains": "SUMMER"})
    assert [item["platform_campaign_id"] for item in named["campaigns"]] == [theirs]
    pages, after = [], None
    while True:
        page = house.done("list_account_campaigns", {"limit": 1} | ({"after": after} if after else {}))
        pages += [item["platform_campaign_id"] for item in page["campaigns"]]
        if (after := page["next"]) is None:
            break
    assert sorted(pages) == sorted(found)


def test_a_dry_run_tells_what_would_be_taken_in_and_takes_nothing(house: OneTenant) -> None:
    theirs = house.adapter.elsewhere("Total", None, None)
    answer = house.done("import_campaigns", {**ALL, "dry_run": True})
    (item,) = answer["imported"]
    assert (item["platform_campaign_id"], item["adsets"], item["ads"]) == (theirs, 2, 2)
    assert "no daily budget" in item["limits"][0]
    assert house.done("list_campaigns", {})["campaigns"] == []


def test_an_import_takes_all_levels_in_and_writes_nothing_to_the_platform(house: OneTenant) -> None:
    theirs = house.adapter.elsewhere("Summer", 30, 20)
    before = {item: house.adapter.node(item) for item in house.adapter.node_ids()}
    taken = take(house)[theirs]
    assert (taken["name"], taken["campaign_status"], taken["daily_budget"]) == ("Summer", "active", 50)
    assert {item: house.adapter.node(item) for item in house.adapter.node_ids()} == before
    status = house.status(taken["campaign_id"])
    assert [item["foreign"] for item in status["adsets"] + status["ads"]] == [False] * 4
    # Both ids name it, and it is in the list.
    assert house.status(theirs)["campaign"]["campaign_id"] == taken["campaign_id"]
    (listed,) = house.done("list_campaigns", {"state": "active"})["campaigns"]
    assert (listed["campaign_id"], listed["origin"]) == (taken["campaign_id"], "imported")


def test_what_is_ours_already_is_skipped_and_what_is_not_there_is_told(house: OneTenant) -> None:
    theirs = house.adapter.elsewhere("Summer", 30)
    take(house)
    again = house.done("import_campaigns", {"platform_campaign_ids": [theirs, "999"]})
    assert (again["status"], again["imported"]) == ("partial", [])
    assert again["skipped"][0]["reason"].startswith("ours_already")
    assert again["failed"][0]["error"]["code"] == "5000"


def test_a_campaign_deleted_while_it_is_looked_at_costs_itself_only(house: OneTenant) -> None:
    kept, lost = house.adapter.elsewhere("Kept", 30), house.adapter.elsewhere("Lost", 30)
    parent = house.adapter.read_tree

    async def read_tree(access: Any, campaign_id: str, currency: str) -> Any:
        if campaign_id == lost:
            raise PlatformRejectedError("meta: it is gone", platform="meta", code="5000")
        return await parent(access, campaign_id, currency)

    house.adapter.read_tree = read_tree  # type: ignore[method-assign]
    answer = house.done("import_campaigns", ALL)
    assert [item["platform_campaign_id"] for item in answer["imported"]] == [kept]
    assert [(item["id"], item["error"]["code"]) for item in answer["failed"]] == [(lost, "5000")]


# --- managing ----------------------------------------------------------------------------------------------


def test_it_is_paused_started_and_undone_like_our_own(house: OneTenant) -> None:
    theirs = house.adapter.elsewhere("Summer", 30, 20)
    campaign_id = take(house)[theirs]["campaign_id"]
    paused = house.done("manage_campaign", {"campaign_id": campaign_id, "action": "pause"})
    assert house.adapter.node(theirs).status == "paused"
    undone = house.done("undo_change", {"campaign_id": campaign_id, "run_id": paused["run_id"]})
    assert len(undone["restored"]) == 1
    assert house.adapter.node(theirs).status == "active"
    trail = house.done("get_audit", {"campaign_id": campaign_id})["records"]
    assert [item["operation"] for item in trail] == ["set_status", "set_status"]


def test_a_change_of_a_person_after_the_import_is_respected(house: OneTenant) -> None:
    theirs = house.adapter.elsewhere("Summer", 30, status="paused")
    campaign_id = take(house)[theirs]["campaign_id"]
    house.adapter.change(theirs, status="active")
    house.adapter.change(theirs, status="paused")
    assert (
        house.ask("manage_campaign", {"campaign_id": campaign_id, "action": "start"})["status"] == "success"
    )
    house.adapter.change(theirs, status="paused")  # a person's pause
    refused = house.ask("manage_campaign", {"campaign_id": campaign_id, "action": "start"})
    assert refused["error"]["details"]["guard"] == "changed_by_other"


def test_objects_that_people_add_and_remove_appear_and_disappear(house: OneTenant) -> None:
    theirs = house.adapter.elsewhere("Summer", 30)
    campaign_id = take(house)[theirs]["campaign_id"]
    added = house.adapter.add_by_hand(theirs, "Later", 40)
    pause = {"campaign_id": campaign_id, "action": "pause", "level": "adset", "entity_ids": [added]}
    assert house.done("manage_campaign", pause)["changed"][0]["platform_id"] == added
    shown = {item["adset_id"]: item for item in house.status(campaign_id)["adsets"]}
    assert (shown[added]["status"], shown[added]["foreign"]) == ("paused", False)
    house.run(lambda: house.adapter.remove(ACCESS, Level.ADSET, [added]))
    house.done("manage_campaign", {"campaign_id": campaign_id, "action": "pause"})
    assert added not in {item["adset_id"] for item in house.status(campaign_id)["adsets"]}
    gone = house.ask("manage_campaign", pause)
    assert gone["error"]["code"] in ("5000", "5004")


def test_a_rule_over_all_acts_on_it_though_its_targeting_is_not_known(house: OneTenant) -> None:
    theirs = house.adapter.elsewhere("Summer", 30, 20)
    campaign_id = take(house)[theirs]["campaign_id"]
    house.adapter.change(theirs, created_at=None)
    proposal = house.done(
        "optimize_budget",
        {"campaign_id": campaign_id, "optimization_strategy": "rules", "dry_run": True},
    )
    assert {item["adset_id"] for item in proposal["optimizations"]} == {
        item["adset_id"] for item in house.status(campaign_id)["adsets"]
    }


def test_a_campaign_budget_is_the_one_that_is_managed(house: OneTenant) -> None:
    theirs = house.adapter.elsewhere("CBO", None, None, daily_budget=Decimal(80))
    taken = take(house)[theirs]
    assert (taken["daily_budget"], taken["limits"]) == (80, [])
    assert house.status(theirs)["campaign"]["daily_budget"] == 80


def test_a_budget_that_is_not_ours_to_change_is_refused_also_in_a_dry_run(house: OneTenant) -> None:
    shared = house.adapter.elsewhere("Shared", None, daily_budget=Decimal(80), fixed_budget="it is shared")
    total = house.adapter.elsewhere("Total", None, fixed_budget="it is a total")
    taken = take(house)
    assert (taken[shared]["daily_budget"], taken[total]["daily_budget"]) == (80, None)
    assert taken[total]["limits"] == []  # told by the list of the account
    for platform_id, words in ((shared, "it is shared"), (total, "it is a total")):
        for is_dry in (True, False):
            asked = {"campaign_id": platform_id, "daily_budget": 90, "dry_run": is_dry}
            refused = house.ask("update_campaign", asked)["error"]
            assert (refused["code"], refused["details"]["field"]) == ("4005", "daily_budget")
            assert words in refused["message"]
        pause = {"campaign_id": platform_id, "action": "pause"}
        assert house.done("manage_campaign", pause)["new_status"] == "paused"


def test_a_full_account_is_read_a_few_campaigns_at_a_time(house: OneTenant) -> None:
    for number in range(12):
        house.adapter.elsewhere(f"C{number}", 30)
    take(house)
    parent, reading, most = house.adapter.read_tree, 0, 0

    async def read_tree(access: Any, campaign_id: str, currency: str) -> Any:
        nonlocal reading, most
        reading += 1
        most = max(most, reading)
        await asyncio.sleep(0)
        tree = await parent(access, campaign_id, currency)
        reading -= 1
        return tree

    house.adapter.read_tree = read_tree  # type: ignore[method-assign]
    condition = {"metric": "spend", "operator": "greater_than", "value": 1, "time_range": "3d"}
    rule = {"rule_name": "r", "condition": condition, "action": {"type": "pause_adset"}, "confirm": True}
    house.done("create_rule", rule | {"applies_to": {"all": True}, "schedule": "rate(1 day)"})
    assert 1 < most <= 6


# --- the account's cap -------------------------------------------------------------------------------------


def test_active_ones_count_into_the_cap_and_an_import_over_it_succeeds() -> None:
    house = OneTenant(ACCOUNT_DAILY_BUDGET_CAPS="USD:100")
    house.adapter.elsewhere("Big", 90)
    house.adapter.elsewhere("Bigger", 80)
    house.adapter.elsewhere("Paused", 70, status="paused")
    answer = house.done("import_campaigns", ALL)
    assert answer["committed_daily_budget"] == 170
    assert "raises are refused" in answer["warnings"][0]
    (account,) = house.done("list_accounts", {"platform": "meta"})["accounts"]
    assert (account["committed_daily_budget"], account["daily_budget_cap"]) == (170, 100)
    assert (account["campaigns"], account["is_active"]) == (3, True)
    paused = next(item for item in answer["imported"] if item["name"] == "Paused")
    refused = house.ask("manage_campaign", {"campaign_id": paused["campaign_id"], "action": "start"})
    assert refused["error"]["details"]["guard"] == "account_cap"


# --- owners ------------------------------------------------------------------------------------------------


def test_a_campaign_belongs_to_one_tenant_until_that_one_releases_it(house: OneTenant) -> None:
    theirs = house.adapter.elsewhere("Summer", 30)
    first = take(house)[theirs]
    second = house.ask("import_campaigns", {"platform_campaign_ids": [theirs]}, user_id="other")
    assert code(second) == "5004"
    (seen,) = house.done("list_account_campaigns", {}, user_id="other")["campaigns"]
    assert (seen["owner"], seen["campaign_id"]) == ("other_tenant", None)
    assert (
        code(house.ask("release_campaign", {"campaign_id": first["campaign_id"]}, user_id="other")) == "5000"
    )

    house.done("release_campaign", {"campaign_id": first["campaign_id"]})
    assert code(house.ask("get_campaign_status", {"campaign_id": first["campaign_id"]})) == "5000"
    assert house.done("list_campaigns", {})["campaigns"] == []
    assert house.run(lambda: house.wiring.store.committed("u", "act_1")) == {}
    assert take(house, theirs, user_id="other")[theirs]["campaign_id"] != first["campaign_id"]


def test_a_campaign_that_was_made_before_tags_were_kept_is_known_by_its_id(house: OneTenant) -> None:
    ours = house.done("create_campaign", request_body())
    account = owners_pk("meta", "act_1")
    tags = [row for row in house.run(lambda: house.table.query(account)) if row["sk"] != "account"]
    house.run(lambda: house.table.write(*(Delete(Key(row["pk"], row["sk"])) for row in tags)))
    (seen,) = house.done("list_account_campaigns", {})["campaigns"]
    assert tags
    assert (seen["owner"], seen["campaign_id"]) == ("ours", ours["campaign_id"])
    assert take(house) == {}
    (seen,) = house.done("list_account_campaigns", {}, user_id="other")["campaigns"]
    assert seen["owner"] == "nobody"


def test_many_campaigns_are_stored_in_few_writes(house: OneTenant) -> None:
    ids = [house.adapter.elsewhere(f"C{number}", 30) for number in range(30)]
    parent, writes = house.table._write, []

    async def write(operations: Sequence[Operation]) -> None:
        writes.append(len(operations))
        await parent(operations)

    house.table._write = write  # type: ignore[method-assign]
    assert set(take(house)) == set(ids)
    assert len(writes) < len(ids) / 2
    assert max(writes) <= MAX_OPERATIONS


def test_each_campaign_goes_to_one_of_two_tenants_that_take_all_in_at_once(house: OneTenant) -> None:
    ids = [house.adapter.elsewhere(f"C{number}", 30) for number in range(30)]
    kept = house.adapter.elsewhere("First", 30)
    take(house, kept, user_id="u")
    known = asyncio.Event()
    parent = house.adapter.read_trees

    async def read_trees(access: Access, campaign_ids: Sequence[str], currency: str) -> Trees:
        if not known.is_set():  # both know of the account by then
            known.set()
            some = {"name_contains": "C1"}
            taken.append(await house.ask_async("import_campaigns", some, user_id="other"))
        return await parent(access, campaign_ids, currency)

    taken: list[dict[str, Any]] = []
    house.adapter.read_trees = read_trees  # type: ignore[method-assign]
    mine = house.done("import_campaigns", ALL)
    theirs = {item["platform_campaign_id"] for item in taken[0]["imported"]}
    assert len(theirs) == 11
    assert {item["platform_campaign_id"] for item in mine["imported"]} == set(ids) - theirs
    assert {item["id"] for item in mine["failed"]} == theirs
    assert {item["error"]["code"] for item in mine["failed"]} == {"5004"}
    assert len(house.run(lambda: house.wiring.store.committed("u", "act_1"))) == len(ids) + 1 - len(theirs)


def test_what_another_tenant_created_cannot_be_taken_in_and_ours_not_released(house: OneTenant) -> None:
    created = house.done("create_campaign", request_body())
    asked = {"platform_campaign_ids": [created["platform_campaign_id"]]}
    assert code(house.ask("import_campaigns", asked, user_id="other")) == "5004"
    assert code(house.ask("release_campaign", {"campaign_id": created["campaign_id"]})) == "5004"


def test_a_copy_that_a_person_made_of_our_campaign_can_be_taken_in(house: OneTenant) -> None:
    created = house.done("create_campaign", request_body())
    copy = house.adapter.elsewhere(created["name"], 30)
    assert take(house)[copy]["name"] == created["name"]


def test_it_is_the_same_campaign_again_after_a_release(house: OneTenant) -> None:
    theirs = house.adapter.elsewhere("Summer", 30)
    first = take(house)[theirs]["campaign_id"]
    house.done("manage_campaign", {"campaign_id": first, "action": "pause"})
    house.done("release_campaign", {"campaign_id": first})
    assert take(house)[theirs]["campaign_id"] == first
    assert len(house.done("get_audit", {"campaign_id": first})["records"]) == 1


# --- what goes on with all campaigns -----------------------------------------------------------------------


def test_a_stop_of_everything_stops_it_too(house: OneTenant) -> None:
    theirs = house.adapter.elsewhere("Summer", 30)
    campaign_id = take(house)[theirs]["campaign_id"]
    stopped = house.done("stop_all", {"scope": "deployment", "reason": "enough"})
    assert stopped["paused"] == [campaign_id]
    assert house.adapter.node(theirs).status == "paused"


def test_a_change_of_it_is_settled_by_the_reconciler(house: OneTenant) -> None:
    theirs = house.adapter.elsewhere("Summer", 30)
    campaign_id = take(house)[theirs]["campaign_id"]
    house.done("manage_campaign", {"campaign_id": campaign_id, "action": "pause"})
    assert house.run(lambda: house.wiring.reconciler.visit("u", campaign_id)) == "created"


def test_a_deletion_on_the_platform_ends_it(house: OneTenant) -> None:
    theirs = house.adapter.elsewhere("Summer", 30)
    campaign_id = take(house)[theirs]["campaign_id"]
    house.done("manage_campaign", {"campaign_id": campaign_id, "action": "delete", "confirm": True})
    assert house.status(campaign_id)["campaign"]["status"] == "deleted"
    assert house.done("list_campaigns", {})["campaigns"] == []


def test_an_account_that_cannot_be_used_is_told_and_hides_no_other() -> None:
    # This Web Platform knows one account, of one platform at a time.
    house = OneTenant(FakeAdapter("meta"), FakeAdapter("tiktok"))
    accounts = house.done("list_accounts", {})["accounts"]
    assert [item["platform"] for item in accounts] == ["meta", "tiktok"]
    problems = [item["problem"] for item in accounts]
    assert problems.count(None) == 1
    assert next(filter(None, problems)).startswith("1001: ad_account_id")


# --- lists and health --------------------------------------------------------------------------------------


def test_campaigns_are_listed_by_page_with_the_figures_last_read(house: OneTenant) -> None:
    made = [
        house.done("create_campaign", request_body(name=f"C{number}"), idempotency_key=str(number))
        for number in range(3)
    ]
    house.status(made[0]["campaign_id"])
    pages, after = [], None
    while True:
        page = house.done("list_campaigns", {"limit": 2} | ({"after": after} if after else {}))
        pages += page["campaigns"]
        if (after := page["next"]) is None:
            break
    assert {item["campaign_id"] for item in pages} == {item["campaign_id"] for item in made}
    assert all((item["origin"], item["campaign_status"]) == ("created", "paused") for item in pages)
    assert [
        item["name"].startswith("C1")
        for item in house.done("list_campaigns", {"name_contains": "c1"})["campaigns"]
    ] == [True]
    assert house.done("list_campaigns", {"platform": "google"})["campaigns"] == []
    # The account by the Web Platform's number, or by the platform's id in any spelling.
    for account in ("1", "act_1", "ACT_1"):
        assert len(house.done("list_campaigns", {"ad_account_id": account})["campaigns"]) == 3
    assert house.done("list_campaigns", {"ad_account_id": "act_2"})["campaigns"] == []


@pytest.mark.parametrize("action", ["list_account_campaigns", "import_campaigns", "create_campaign"])
def test_the_account_is_named_as_its_platform_does(house: OneTenant, action: str) -> None:
    asked = {"import_campaigns": ALL, "create_campaign": request_body(), "list_account_campaigns": {}}[action]
    house.done(action, {**asked, "ad_account_id": "act_1"})
    refused = house.ask(action, {**asked, "ad_account_id": "act_2"})["error"]
    assert (refused["code"], refused["details"]["field"]) == ("6000", "ad_account_id")


# --- what is not known, and rows of earlier versions --------------------------------------------------------


def test_the_age_of_a_campaign_whose_platform_does_not_tell_it_is_unknown() -> None:
    house = OneTenant(FakeAdapter("google"))
    asked = {"platform": "google"}
    theirs = house.adapter.elsewhere("Old", 30, created_at=None)
    house.done("import_campaigns", {**ALL, **asked})
    (listed,) = house.done("list_campaigns", {})["campaigns"]
    assert listed["created_at"] is None
    assert house.status(theirs)["campaign"]["created_at"] is None
    plan = {"campaign_id": theirs, "optimization_strategy": "rules", "dry_run": True}
    assert house.done("optimize_budget", plan)["optimizations"]
    assert house.done("get_report", {"from": "2026-01-01", "to": "2026-01-02"})["blocks"]


def as_first_stored(house: OneTenant) -> None:
    """Bring the rows of imports into the form that they had before they told what people had paused."""

    async def change() -> None:
        for row in house.table.rows():
            if "adopted" in row:
                kept = {name: value for name, value in row.items() if name not in ("form", "age")}
                await house.table.write(Put(kept))
            elif row["sk"].startswith("object#"):
                await house.table.write(Put({**row, "held": False}))

    asyncio.run(change())


def test_a_start_of_a_campaign_of_the_first_form_leaves_out_what_may_have_been_paused_by_people(
    house: OneTenant,
) -> None:
    theirs = house.adapter.elsewhere("Summer", 30)
    stopped = house.adapter.add_by_hand(theirs, "stopped long ago", 10, status="paused")
    campaign_id = take(house)[theirs]["campaign_id"]
    as_first_stored(house)
    house.done("manage_campaign", {"campaign_id": campaign_id, "action": "pause"})
    answer = house.done("manage_campaign", {"campaign_id": campaign_id, "action": "start"})
    assert house.adapter.node(theirs).status == "active"
    assert house.adapter.node(stopped).status == "paused"
    assert stopped in {item["id"] for item in answer["skipped"]}
    # By name it is started, and then it starts with the campaign.
    named = {"campaign_id": campaign_id, "level": "adset", "entity_ids": [stopped]}
    house.done("manage_campaign", {**named, "action": "start"})
    assert house.adapter.node(stopped).status == "active"


def test_a_guessed_age_of_the_first_form_is_unknown() -> None:
    house = OneTenant(FakeAdapter("google"))
    house.adapter.elsewhere("Old", 30)
    house.done("import_campaigns", {**ALL, "platform": "google"})
    as_first_stored(house)
    (listed,) = house.done("list_campaigns", {})["campaigns"]
    assert listed["created_at"] is None


TEST = {"test_name": "T", "creative_ids": ["1", "2"], "daily_budget": 100, "force": True}


def test_tests_are_listed_and_named_by_either_id(house: OneTenant) -> None:
    house.done("create_campaign", request_body())
    test = house.done("create_ab_test", TEST)
    (listed,) = house.done("list_ab_tests", {})["tests"]
    assert (listed["test_id"], listed["test_state"]) == (test["test_id"], "running")
    for name in (test["test_id"], test["campaign_id"]):
        shown = house.done("get_ab_test", {"test_id": name})
        assert (shown["campaign_id"], shown["test_name"]) == (test["campaign_id"], "T")
        assert house.status(name)["campaign"]["campaign_id"] == test["campaign_id"]
        assert (
            house.done("manage_campaign", {"campaign_id": name, "action": "pause"})["campaign_id"]
            == test["campaign_id"]
        )
    assert code(house.ask("get_ab_test", {"test_id": test["test_id"]}, user_id="other")) == "5000"
    house.done("cancel_ab_test", {"test_id": test["campaign_id"]})
    assert house.done("list_ab_tests", {"state": "running"})["tests"] == []


def test_health_is_for_anybody_and_its_parts_are_for_operators(house: OneTenant) -> None:
    alive = house.done("get_health", {}, user_id="nobody", roles=["viewer"])
    assert alive["alive"] is True
    assert alive["version"]
    assert code(house.ask("check_health", {}, roles=["viewer", "buyer"])) == "1004"
    parts = house.done("check_health", {}, roles=["operator"])["parts"]
    assert {name: part["state"] for name, part in parts.items()} == {
        "table": "ok",
        "cache": "off",
        "web_platform": "ok",
        "outbox": "ok",
        "schedules": "ok",
    }


def test_the_table_of_an_embedded_module_names_its_file(tmp_path: Path) -> None:
    house = OneTenant()
    file = tmp_path / "store.db"
    house.wiring.__dict__["_table"] = SqliteTable(file)
    parts = house.done("check_health", {}, roles=["operator"])["parts"]
    assert parts["table"]["detail"] == f"SQLite {file}"
    assert parts["schedules"]["detail"] == "run_due and background of this process"


def test_a_part_that_fails_is_told_and_hides_no_other(house: OneTenant) -> None:
    async def broken(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        raise RuntimeError("the line is dead")

    house.web_platform.call_tool = broken  # type: ignore[method-assign]
    answer = house.done("check_health", {}, roles=["operator"])
    assert (answer["status"], answer["message"]) == ("partial", "failing: web_platform")
    assert answer["parts"]["table"]["state"] == "ok"


def test_of_two_imports_of_one_large_campaign_the_commitment_stays(house: OneTenant) -> None:
    theirs = house.adapter.elsewhere("Summer", *([1] * MAX_OPERATIONS))

    async def both() -> list[dict[str, Any]]:
        return list(await asyncio.gather(*(house.ask_async("import_campaigns", ALL) for _ in range(2))))

    answers = house.run(both)
    (taken,) = house.done("list_campaigns", {})["campaigns"]
    assert house.status(theirs)["campaign"]["campaign_id"] == taken["campaign_id"]
    amounts = [
        row["amount"] for row in house.table.rows() if row["sk"] == taken["campaign_id"] and "amount" in row
    ]
    assert [Decimal(amount) for amount in amounts] == [MAX_OPERATIONS]
    assert "another" not in str(answers)
