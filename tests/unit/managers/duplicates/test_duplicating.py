"""Copies of campaigns: made here or elsewhere, to the same place or another, and what is refused by name."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from campaign_automation.models.common import StoredTargeting
from tests.support.builders import request_body
from tests.support.fake_adapter import FakeAdapter
from tests.support.one_tenant import OneTenant


@pytest.fixture
def house() -> OneTenant:
    return OneTenant(FakeAdapter("meta"), FakeAdapter("tiktok"))


@pytest.fixture
def made(house: OneTenant) -> dict[str, Any]:
    return create(house)


def create(house: OneTenant, **more: Any) -> dict[str, Any]:
    return house.done("create_campaign", request_body(name="Spring", activate=True, target_cpa=5, **more))


def copy(house: OneTenant, made: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return house.done("duplicate_campaign", {"campaign_id": made["campaign_id"], **changes})


def refusal(house: OneTenant, made: dict[str, Any], **changes: Any) -> tuple[str, str, str]:
    error = house.ask("duplicate_campaign", {"campaign_id": made["campaign_id"], **changes})["error"]
    return error["code"], error["details"].get("field"), error["message"]


def stored(house: OneTenant, answer: dict[str, Any]) -> Any:
    return house.run(lambda: house.wiring.store.load("u", answer["campaign_id"]))


def texts(answer: dict[str, Any]) -> set[tuple[str, str, str]]:
    return {(item["creative_id"], item["copy"], item["headline"]) for item in answer["ads"]}


# --- campaigns made here -----------------------------------------------------------------------------------


def test_a_copy_is_a_paused_campaign_of_its_own_with_the_same_texts(
    house: OneTenant, made: dict[str, Any]
) -> None:
    answer = copy(house, made)
    assert answer["duplicated_from"] == made["campaign_id"] != answer["campaign_id"]
    assert (answer["campaign_status"], answer["state"]) == ("paused", "created")
    assert texts(answer) == texts(made)
    assert {item["copy_source"] for item in answer["ads"]} == {"request"}
    assert [item["daily_budget"] for item in answer["adsets"]] == [
        item["daily_budget"] for item in made["adsets"]
    ]
    assert answer["name"].rpartition(" ")[0] == "Spring"
    assert answer["name"] != made["name"]
    spec = stored(house, answer).spec
    assert (spec.target_cpa, spec.age_groups) == (5, stored(house, made).spec.age_groups)
    assert len(house.done("list_campaigns", {})["campaigns"]) == 2


def test_a_copy_is_of_the_campaign_as_it_is_now(house: OneTenant, made: dict[str, Any]) -> None:
    changes = {"daily_budget": 120, "name": "Autumn", "bid_strategy": "target_cpa", "target_cpa": 7}
    house.done("update_campaign", {"campaign_id": made["campaign_id"], **changes})
    answer = copy(house, made)
    assert answer["name"].startswith("Autumn ca-")
    assert sum(item["daily_budget"] for item in answer["adsets"]) == 120
    assert {(item["bid_strategy"], item["bid_target"]) for item in answer["adsets"]} == {("target_cpa", 7)}


def test_what_the_request_wants_otherwise_is_so(house: OneTenant, made: dict[str, Any]) -> None:
    asked = {
        "name": "Elsewhere",
        "daily_budget": 90,
        "target_countries": ["DE", "FR"],
        "end_time": "2031-01-01T22:59:59Z",
        "target_roas": 3,
        "bid_strategy": "target_roas",
        "activate": True,
    }
    answer = copy(house, made, **asked)
    spec = stored(house, answer).spec
    assert {name: value for name, value in spec.model_dump(mode="json").items() if name in asked} == asked
    assert answer["campaign_status"] == "active"


def test_a_dry_run_writes_nothing_and_a_repeated_request_makes_one_copy(
    house: OneTenant, made: dict[str, Any]
) -> None:
    before = house.adapter.node_ids()
    dry = copy(house, made, dry_run=True)
    assert (dry["state"], dry["duplicated_from"]) == ("planned", made["campaign_id"])
    assert house.adapter.node_ids() == before
    first = house.ask("duplicate_campaign", {"campaign_id": made["campaign_id"]}, idempotency_key="k")
    # The campaign changes in between: the request is still the same.
    house.done("update_campaign", {"campaign_id": made["campaign_id"], "daily_budget": 120})
    again = house.ask("duplicate_campaign", {"campaign_id": made["campaign_id"]}, idempotency_key="k")
    assert (again["campaign_id"], again["replayed"]) == (first["campaign_id"], True)
    assert again["duplicated_from"] == made["campaign_id"]
    other = {"campaign_id": made["campaign_id"], "name": "Other"}
    assert house.ask("duplicate_campaign", other, idempotency_key="k")["error"]["code"] == "5004"


def test_a_deleted_campaign_can_be_copied(house: OneTenant, made: dict[str, Any]) -> None:
    delete = {"campaign_id": made["campaign_id"], "action": "delete", "confirm": True}
    house.done("manage_campaign", delete)
    answer = copy(house, made)
    assert sum(item["daily_budget"] for item in answer["adsets"]) == sum(
        item["daily_budget"] for item in made["adsets"]
    )


def test_a_copy_on_another_platform_keeps_the_texts_that_fit(house: OneTenant) -> None:
    lines = {"primary_text": "Run further. " * 8, "headline": "Trail shoe", "description": "See it"}
    made = create(house, texts=[{"creative_id": "1", **lines}], creative_ids=["1"])
    answer = copy(house, made, platform="tiktok")
    assert (answer["platform"], answer["duplicated_from"]) == ("tiktok", made["campaign_id"])
    (given,) = stored(house, answer).spec.texts
    # The platform in memory takes texts of up to 100 characters.
    assert (given.primary_text, given.headline, given.description) == (None, "Trail shoe", "See it")
    assert {item["copy_source"] for item in answer["ads"]} == {"request, template"}
    assert {item["headline"] for item in answer["ads"]} == {"Trail shoe"}


def test_ids_of_one_platform_are_refused_on_another_or_left_out(house: OneTenant) -> None:
    made = create(house, audiences=["123"])
    assert stored(house, copy(house, made)).spec.audiences == ["123"]
    code, field, message = refusal(house, made, platform="tiktok")
    assert (code, field) == ("1001", "audiences")
    assert 'leave_out ["audiences"]' in message
    answer = copy(house, made, platform="tiktok", leave_out=["audiences"])
    assert stored(house, answer).spec.audiences == []


def test_places_are_refused_with_other_countries(house: OneTenant) -> None:
    made = create(house, regions=["3847"])
    assert refusal(house, made, target_countries=["DE"])[:2] == ("1001", "regions")
    answer = copy(house, made, target_countries=["DE"], leave_out=["regions"])
    assert stored(house, answer).spec.target_countries == ["DE"]


def test_amounts_are_not_carried_into_another_currency(house: OneTenant, made: dict[str, Any]) -> None:
    other = house.wiring.adapters["tiktok"]
    other.account = other.account.model_copy(update={"currency": "JPY", "budget_step": Decimal(1)})
    assert refusal(house, made, platform="tiktok")[:2] == ("1001", "daily_budget")
    assert refusal(house, made, platform="tiktok", daily_budget=9000)[:2] == ("1001", "target_cpa")
    answer = copy(house, made, platform="tiktok", daily_budget=9000, target_cpa=500)
    assert (answer["currency"], sum(item["daily_budget"] for item in answer["adsets"])) == ("JPY", 9000)


def test_the_account_cap_holds_for_copies(house: OneTenant, made: dict[str, Any]) -> None:
    code, _, message = refusal(house, made, daily_budget=900_000, activate=True)
    assert code == "4005"
    assert "cap" in message


def test_another_tenants_campaign_is_not_known(house: OneTenant, made: dict[str, Any]) -> None:
    asked = {"campaign_id": made["campaign_id"]}
    assert house.ask("duplicate_campaign", asked, user_id="v")["error"]["code"] == "5000"


# --- campaigns made elsewhere ------------------------------------------------------------------------------


def elsewhere(house: OneTenant, *ages: tuple[int, int], **more: Any) -> dict[str, Any]:
    """Take in a campaign with an ad set for each of the ages."""
    platform_id = house.adapter.elsewhere("Summer", *([30] * len(ages)))
    known = {"bid_strategy": "lowest_cost", "unread": [], "placements": "automatic", **more}
    adsets = [name for name in house.adapter.node_ids() if hasattr(house.adapter.node(name), "targeting")]
    for name, (low, high) in zip(adsets, ages, strict=True):
        people = {"age_min": low, "age_max": high, "countries": ["US"], **known.pop("people", {})}
        house.adapter.change(name, targeting=StoredTargeting(**people), **known)
    (made,) = house.done("import_campaigns", {"platform_campaign_ids": [platform_id]})["imported"]
    return dict(made)


def test_an_imported_campaign_is_copied_with_new_creatives(house: OneTenant) -> None:
    theirs = elsewhere(house, (18, 34), (35, 54))
    answer = copy(house, theirs, creative_ids=["1"])
    spec = stored(house, answer).spec
    assert (spec.split_by, spec.age_groups) == ("age", [(18, 34), (35, 54)])
    assert (spec.daily_budget, spec.objective, spec.target_countries) == (60, "sales", ["US"])
    assert (answer["duplicated_from"], answer["campaign_status"]) == (theirs["campaign_id"], "paused")
    assert house.done("get_campaign_status", {"campaign_id": theirs["campaign_id"]})["adsets"]


@pytest.mark.parametrize(
    ("more", "changes", "field"),
    [
        ({}, {}, "creative_ids"),
        ({"bid_strategy": "LOWEST_COST_WITH_BID_CAP"}, {"creative_ids": ["1"]}, "bid_strategy"),
        ({"people": {"more": ["interests"]}}, {"creative_ids": ["1"]}, "other_targeting"),
        ({"people": {"beside": ["negative keywords"]}}, {"creative_ids": ["1"]}, "other_targeting"),
        ({"people": {"places": ["3847"]}}, {"creative_ids": ["1"]}, "places"),
        ({"placements": "selected"}, {"creative_ids": ["1"]}, "placements"),
    ],
)
def test_what_is_not_known_of_an_imported_campaign_is_refused_by_name(
    house: OneTenant, more: dict[str, Any], changes: dict[str, Any], field: str
) -> None:
    theirs = elsewhere(house, (18, 34), **more)
    code, named, _ = refusal(house, theirs, **changes)
    assert (code, named) == ("1001", field)
    if field not in ("creative_ids", "bid_strategy"):
        assert copy(house, theirs, **changes, leave_out=[field])["duplicated_from"] == theirs["campaign_id"]
