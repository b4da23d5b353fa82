"""Name, end and bidding that a person sets: sent, read back, recorded, undone, or refused by name."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from campaign_automation.models.common import Level
from campaign_automation.utils import clock
from tests.support.builders import request_body
from tests.support.one_tenant import OneTenant

LATER = {"end_time": "2031-01-05T23:00:00Z"}


@pytest.fixture
def house() -> OneTenant:
    return OneTenant()


@pytest.fixture
def running(house: OneTenant) -> dict[str, Any]:
    return house.done("create_campaign", request_body(activate=True, name="Spring", target_cpa=5))


@pytest.fixture
def imported(house: OneTenant) -> dict[str, Any]:
    platform_id = house.adapter.elsewhere("Summer", 30, 40)
    for node in list(house.adapter.node_ids()):
        if hasattr(house.adapter.node(node), "targeting"):
            house.adapter.change(node, bid_strategy="lowest_cost")
    (made,) = house.done("import_campaigns", {"all": True})["imported"]
    return {**made, "platform_campaign_id": platform_id}


def update(house: OneTenant, made: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return house.ask("update_campaign", {"campaign_id": made["campaign_id"], **changes})


def fields(answer: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    return [(item["field"], item["before"], item["after"]) for item in answer["changed"]]


def undo(house: OneTenant, made: dict[str, Any], run_id: str) -> dict[str, Any]:
    return house.done("undo_change", {"campaign_id": made["campaign_id"], "run_id": run_id})


def shown_name(house: OneTenant, made: dict[str, Any]) -> str:
    return str(house.adapter.node(made["platform_campaign_id"]).name)


def test_a_new_name_keeps_the_tag_is_listed_and_undone(house: OneTenant, running: dict[str, Any]) -> None:
    old, tag = running["name"], running["name"].rpartition(" ")[2]
    dry = update(house, running, name="Autumn", dry_run=True)
    assert fields(dry) == [("name", old, f"Autumn {tag}")]
    assert shown_name(house, running) == old
    done = update(house, running, name="Autumn")
    assert shown_name(house, running) == f"Autumn {tag}"
    found = house.done("list_campaigns", {"name_contains": "autumn"})["campaigns"]
    assert [item["name"] for item in found] == [f"Autumn {tag}"]
    again = house.done("create_campaign", request_body(activate=True, name="Spring", target_cpa=5))
    assert again["name"] == f"Autumn {tag}"
    assert update(house, running, name=f"Autumn {tag}")["changed"] == []
    record = house.done("get_audit", {"campaign_id": running["campaign_id"]})["records"][-1]
    assert (record["operation"], record["outcome"]) == ("set_name", "applied")
    assert record["read_back"] == {"name": f"Autumn {tag}"}
    assert undo(house, running, done["run_id"])["restored"][0]["after"] == old
    assert shown_name(house, running) == old
    # The name of its creation, by which late copies are found, stays in the journal.
    campaign = house.run(lambda: house.wiring.store.campaign("u", running["campaign_id"]))
    assert campaign.root.name == old


def test_an_imported_campaign_takes_the_name_as_it_is(house: OneTenant, imported: dict[str, Any]) -> None:
    done = update(house, imported, name="Late summer")
    assert fields(done) == [("name", "Summer", "Late summer")]
    found = house.done("list_campaigns", {"name_contains": "late"})["campaigns"]
    assert [item["name"] for item in found] == ["Late summer"]
    refused = update(house, imported, name="Late ca-abcdefghij")["error"]
    assert refused["code"] == "1001"
    assert "another campaign" in refused["message"]


@pytest.mark.parametrize("kind", ["running", "imported"])
def test_the_end_of_all_ad_sets_is_set_and_undone(
    house: OneTenant, kind: str, request: pytest.FixtureRequest
) -> None:
    made = request.getfixturevalue(kind)
    done = update(house, made, **LATER)
    adsets = house.status(made["campaign_id"])["adsets"]
    assert {item["ends_at"] for item in adsets} == {LATER["end_time"]}
    assert fields(done) == [("end_time", "none", LATER["end_time"])] * len(adsets)
    lifted = update(house, made, end_time="none")
    assert {item["ends_at"] for item in house.status(made["campaign_id"])["adsets"]} == {None}
    undo(house, made, lifted["run_id"])
    assert {item["ends_at"] for item in house.status(made["campaign_id"])["adsets"]} == {LATER["end_time"]}


@pytest.mark.parametrize("kind", ["running", "imported"])
def test_a_bid_strategy_is_set_with_its_target_and_undone(
    house: OneTenant, kind: str, request: pytest.FixtureRequest
) -> None:
    made = request.getfixturevalue(kind)
    done = update(house, made, bid_strategy="target_cpa", target_cpa=7.5)
    assert {item[2] for item in fields(done)} == {"target_cpa 7.5", 7.5}
    adsets = house.status(made["campaign_id"])["adsets"]
    assert {(item["bid_strategy"], item["bid_target"]) for item in adsets} == {("target_cpa", 7.5)}
    assert done["target_cpa"] == 7.5
    undo(house, made, done["run_id"])
    adsets = house.status(made["campaign_id"])["adsets"]
    assert {(item["bid_strategy"], item["bid_target"]) for item in adsets} == {("lowest_cost", None)}


def test_where_the_campaign_has_the_budget_it_has_the_bidding(house: OneTenant) -> None:
    theirs = house.adapter.elsewhere(
        "CBO", None, None, daily_budget=Decimal(80), bid_strategy="target_cpa", bid_target=Decimal(4)
    )
    (made,) = house.done("import_campaigns", {"all": True})["imported"]
    done = update(house, made, bid_strategy="target_cpa", target_cpa=6)
    assert next((item["level"], item["before"], item["after"]) for item in done["changed"]) == (
        Level.CAMPAIGN,
        "target_cpa 4",
        "target_cpa 6",
    )
    assert house.adapter.node(theirs).bid_target == 6


def test_an_undo_leaves_what_somebody_changed_since(house: OneTenant, running: dict[str, Any]) -> None:
    done = update(house, running, name="Autumn")
    house.adapter.change(running["platform_campaign_id"], name="By hand")
    left = undo(house, running, done["run_id"])
    assert [item["reason"].partition(":")[0] for item in left["not_restored"]] == ["changed_by_other"]
    assert shown_name(house, running) == "By hand"


def test_a_switch_holds_back_what_may_raise_spend_alone(house: OneTenant, running: dict[str, Any]) -> None:
    update(house, running, **LATER)
    house.done("set_kill_switch", {"scope": "deployment", "reason": "stop", "is_on": True})
    sooner = clock.iso(clock.now() + timedelta(days=3))
    assert update(house, running, name="Autumn", end_time=sooner)["status"] == "success"
    for raising in ({"end_time": "none"}, {"bid_strategy": "target_cpa"}):
        assert update(house, running, **raising)["error"]["details"]["guard"] == "kill_switch"


@pytest.mark.parametrize(
    ("changes", "code", "text"),
    [
        ({"end_time": "2020-01-01T00:00:00Z"}, "1001", "lies in the past"),
        ({"end_time": "2031-01-01T00:00:00"}, "1001", "end_time"),
        ({"bid_strategy": "target_roas"}, "1001", "target_roas: is required"),
        ({"bid_strategy": "target_roas", "target_roas": 2}, "1001", "duplicate it with bid_strategy"),
        ({"bid_strategy": "bid_cap"}, "1001", "bid_strategy"),
        ({"name": "x" * 201}, "1001", "name"),
    ],
)
def test_what_cannot_be_is_refused_by_name(
    house: OneTenant, running: dict[str, Any], changes: dict[str, Any], code: str, text: str
) -> None:
    house.adapter.calls.clear()
    refused = update(house, running, **changes)["error"]
    assert refused["code"] == code
    assert text in refused["message"]
    assert "change_setting" not in house.adapter.calls


def test_a_bidding_that_is_not_known_here_is_left_alone(house: OneTenant) -> None:
    house.adapter.elsewhere("Odd", 30)
    (made,) = house.done("import_campaigns", {"all": True})["imported"]
    refused = update(house, made, bid_strategy="target_cpa", target_cpa=3)["error"]
    assert refused["code"] == "1001"
    assert "change it on the platform" in refused["message"]
