"""A repeated request: the earlier answer with the state of now, or a new object where the old one ended."""

from __future__ import annotations

from decimal import Decimal

import pytest

from campaign_automation.models.common import Level
from campaign_automation.tasks import check_ab_test
from campaign_automation.utils.error_handler import PlatformUnavailableError
from tests.support.builders import request_body
from tests.support.meta import ACCESS
from tests.support.one_tenant import OneTenant

KEYED = {"idempotency_key": "k"}
TEST = {
    "test_name": "T",
    "creative_ids": ["1", "2"],
    "daily_budget": 100,
    "test_duration_days": 7,
    "force": True,
}
RULE = {
    "rule_name": "R",
    "condition": {"metric": "spend", "operator": "greater_than", "value": 5, "time_range": "last_7_days"},
    "action": {"type": "pause_adset", "parameters": {}},
    "applies_to": {"all": True},
    "confirm": True,
}


@pytest.fixture
def house() -> OneTenant:
    return OneTenant()


# --- campaigns ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("context", [{}, KEYED], ids=["derived", "given"])
def test_a_replayed_creation_shows_the_campaign_as_it_is_now(
    house: OneTenant, context: dict[str, str]
) -> None:
    first = house.done("create_campaign", request_body(activate=True), **context)
    house.done("manage_campaign", {"campaign_id": first["campaign_id"], "action": "pause"})
    again = house.done("create_campaign", request_body(activate=True), **context)
    assert (first["replayed"], first["campaign_status"]) == (False, "active")
    assert (again["replayed"], again["campaign_status"]) == (True, "paused")
    assert again["campaign_id"] == first["campaign_id"]
    assert any("key of its own" in warning for warning in again["warnings"])


def delete(house: OneTenant, campaign_id: str) -> None:
    house.done("manage_campaign", {"campaign_id": campaign_id, "action": "delete", "confirm": True})


def test_a_deleted_campaign_is_created_anew_without_a_key_and_shown_under_one(house: OneTenant) -> None:
    first = house.done("create_campaign", request_body())
    delete(house, first["campaign_id"])
    second = house.done("create_campaign", request_body())
    assert second["campaign_id"] != first["campaign_id"]
    assert (second["replayed"], second["campaign_status"]) == (False, "paused")
    # The new one has the key now.
    assert house.done("create_campaign", request_body())["campaign_id"] == second["campaign_id"]

    given = house.done("create_campaign", request_body(), **KEYED)
    delete(house, given["campaign_id"])
    again = house.done("create_campaign", request_body(), **KEYED)
    assert again["campaign_id"] == given["campaign_id"]
    assert (again["replayed"], again["state"], again["campaign_status"]) == (True, "deleted", "deleted")


def delete_by_hand(house: OneTenant, platform_campaign_id: str) -> None:
    """Let somebody delete a campaign in the platform's own interface."""
    house.run(lambda: house.adapter.remove(ACCESS, Level.CAMPAIGN, [platform_campaign_id]))


@pytest.mark.parametrize("action", ["create_campaign", "duplicate_campaign", "create_ab_test"])
def test_what_somebody_deleted_on_the_platform_is_created_anew_without_a_key_and_shown_under_one(
    house: OneTenant, action: str
) -> None:
    source = house.done("create_campaign", request_body(name="Source"), idempotency_key="s")["campaign_id"]
    asked = {
        "create_campaign": request_body(),
        "duplicate_campaign": {"campaign_id": source, "name": "Copy"},
        "create_ab_test": TEST,
    }[action]
    first = house.done(action, asked)
    delete_by_hand(house, first["platform_campaign_id"])
    second = house.done(action, asked)
    assert second["campaign_id"] != first["campaign_id"]
    assert (second["replayed"], second["campaign_status"]) == (False, first["campaign_status"])
    assert house.done(action, asked)["campaign_id"] == second["campaign_id"]

    given = house.done(action, asked, **KEYED)
    delete_by_hand(house, given["platform_campaign_id"])
    again = house.done(action, asked, **KEYED)
    assert again["campaign_id"] == given["campaign_id"]
    assert (again["replayed"], again["state"], again["campaign_status"]) == (True, "deleted", "deleted")


@pytest.mark.parametrize("context", [{}, KEYED], ids=["derived", "given"])
def test_a_replay_shows_what_people_changed_on_the_platform(
    house: OneTenant, context: dict[str, str]
) -> None:
    first = house.done("create_campaign", request_body(), **context)
    house.adapter.change(first["platform_campaign_id"], status="active", name="By hand")
    adset = first["adsets"][0]
    house.adapter.change(adset["platform_adset_id"], daily_budget=Decimal(7))
    again = house.done("create_campaign", request_body(), **context)
    assert (again["campaign_id"], again["replayed"]) == (first["campaign_id"], True)
    assert (again["campaign_status"], again["name"]) == ("active", "By hand")
    assert [item["daily_budget"] for item in again["adsets"]] == [
        7,
        *(item["daily_budget"] for item in first["adsets"][1:]),
    ]


@pytest.mark.parametrize("is_hidden", [True, False])
def test_a_replay_that_cannot_be_looked_at_says_so_and_creates_nothing(
    house: OneTenant, is_hidden: bool
) -> None:
    """The caller may only have lost the answer, and silence of the platform deletes nothing."""
    first = house.done("create_campaign", request_body())
    house.adapter.is_hidden = is_hidden
    house.adapter.fail_with = None if is_hidden else PlatformUnavailableError("down", platform="meta")
    calls = house.adapter.calls.count("create_campaign")
    again = house.done("create_campaign", request_body())
    assert (again["campaign_id"], again["campaign_status"]) == (first["campaign_id"], "paused")
    assert any("as it was last seen" in warning for warning in again["warnings"])
    assert house.adapter.calls.count("create_campaign") == calls


# --- proposals ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("context", [{}, KEYED], ids=["derived", "given"])
def test_a_rejected_proposal_is_made_anew_without_a_key_and_shown_as_rejected_under_one(
    house: OneTenant, context: dict[str, str]
) -> None:
    asked = request_body(mode="propose")
    first = house.ask("create_campaign", asked, **context)
    again = house.ask("create_campaign", asked, **context)
    assert (again["proposal_id"], again["state"], again["replayed"]) == (first["proposal_id"], "open", True)
    rejection = {"proposal_ids": [first["proposal_id"]], "reason": "too much"}
    house.done("reject_proposal", rejection, roles=["approver"])
    later = house.ask("create_campaign", asked, **context)
    if context:
        assert (later["proposal_id"], later["state"]) == (first["proposal_id"], "rejected")
        assert "too much" in later["message"]
    else:
        assert later["proposal_id"] != first["proposal_id"]
        assert (later["state"], later["replayed"]) == ("open", False)


@pytest.mark.parametrize("by_hand", [True, False])
def test_an_approved_proposal_whose_campaign_was_deleted_is_made_anew_without_a_key(
    house: OneTenant, *, by_hand: bool
) -> None:
    asked = request_body(mode="propose")
    first = house.ask("create_campaign", asked)
    approval = {"proposal_ids": [first["proposal_id"]]}
    assert house.ask("approve_proposal", approval, person="boss")["status"] == "success"
    again = house.ask("create_campaign", asked)
    assert (again["proposal_id"], again["state"]) == (first["proposal_id"], "verified")
    (made,) = house.done("list_campaigns", {})["campaigns"]
    if by_hand:
        delete_by_hand(house, made["platform_campaign_id"])
    else:
        delete(house, made["campaign_id"])
    later = house.ask("create_campaign", asked)
    assert (later["proposal_id"] != first["proposal_id"], later["state"], later["replayed"]) == (
        True,
        "open",
        False,
    )


# --- tests -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by_hand", [True, False])
def test_a_test_whose_campaign_was_deleted_does_not_run_for_who_asks_again(
    house: OneTenant, *, by_hand: bool
) -> None:
    given = house.done("create_ab_test", TEST, **KEYED)
    if by_hand:
        delete_by_hand(house, given["platform_campaign_id"])
    else:
        delete(house, given["campaign_id"])
    again = house.done("create_ab_test", TEST, **KEYED)
    assert (again["campaign_status"], again["test_state"]) == ("deleted", "cancelled")
    if not by_hand:  # what is shown without a look at the platform knows what was deleted here
        asked = {"test_id": given["test_id"]}
        assert house.done("get_ab_test", asked)["test_state"] == "cancelled"
        checked = house.run(lambda: check_ab_test(house.wiring, {"tenant": "u", **asked}))
        assert checked["test_state"] == "cancelled"
        assert "deleted" in house.done("get_ab_test", asked)["end_reason"]


def test_a_cancelled_test_is_created_anew_without_a_key_and_shown_under_one(house: OneTenant) -> None:
    first = house.done("create_ab_test", TEST)
    replayed = house.done("create_ab_test", TEST)
    assert (replayed["test_id"], replayed["replayed"]) == (first["test_id"], True)
    house.done("cancel_ab_test", {"test_id": first["test_id"]})
    second = house.done("create_ab_test", TEST)
    assert second["test_id"] != first["test_id"]
    assert (second["replayed"], second["test_state"]) == (False, "running")

    given = house.done("create_ab_test", TEST, **KEYED)
    house.done("cancel_ab_test", {"test_id": given["test_id"]})
    again = house.done("create_ab_test", TEST, **KEYED)
    assert (again["test_id"], again["replayed"], again["test_state"]) == (given["test_id"], True, "cancelled")
    assert again["campaign_status"] == "paused"
    delete(house, given["campaign_id"])
    assert house.done("create_ab_test", TEST, **KEYED)["campaign_status"] == "deleted"


# --- rules -------------------------------------------------------------------------------------------------


def test_a_rule_that_stands_is_repeated_with_its_state(house: OneTenant) -> None:
    house.done("create_campaign", request_body())
    first = house.done("create_rule", RULE)
    again = house.done("create_rule", RULE)
    assert (again["rule_id"], again["replayed"], again["state"]) == (first["rule_id"], True, "enabled")
    assert first["replayed"] is False


@pytest.mark.parametrize("end", ["disable", "delete"])
def test_a_rule_that_ended_is_created_anew_without_a_key_and_shown_under_one(
    house: OneTenant, end: str
) -> None:
    def finish(rule_id: str) -> None:
        if end == "delete":
            house.done("delete_rule", {"rule_id": rule_id})
        else:
            house.done("set_rule_state", {"rule_id": rule_id, "action": "disable"})

    house.done("create_campaign", request_body())
    first = house.done("create_rule", RULE)
    finish(first["rule_id"])
    second = house.done("create_rule", RULE)
    assert second["rule_id"] != first["rule_id"]
    assert (second["replayed"], second["state"]) == (False, "enabled")
    assert house.done("create_rule", RULE)["rule_id"] == second["rule_id"]

    given = house.done("create_rule", {**RULE, "rule_name": "G"}, **KEYED)
    finish(given["rule_id"])
    again = house.done("create_rule", {**RULE, "rule_name": "G"}, **KEYED)
    state = {"disable": "disabled", "delete": "deleted"}[end]
    assert (again["rule_id"], again["replayed"], again["state"]) == (given["rule_id"], True, state)
    assert again["next_run"] is None


# --- changes -----------------------------------------------------------------------------------------------


def test_a_repeated_change_says_so_and_sends_nothing(house: OneTenant) -> None:
    created = house.done("create_campaign", request_body())
    start = {"campaign_id": created["campaign_id"], "action": "start"}
    first = house.done("manage_campaign", start, **KEYED)
    root = created["platform_campaign_id"]
    house.adapter.change(root, status="paused")
    again = house.done("manage_campaign", start, **KEYED)
    assert (first["replayed"], again["replayed"]) == (False, True)
    assert house.adapter.node(root).status == "paused"


def test_a_repeated_change_shows_the_status_of_now(house: OneTenant) -> None:
    created = house.done("create_campaign", request_body())
    start = {"campaign_id": created["campaign_id"], "action": "start"}
    first = house.done("manage_campaign", start, **KEYED)
    assert first["new_status"] == "active"
    assert house.done("manage_campaign", start, **KEYED)["warnings"] == first["warnings"]
    house.done("manage_campaign", {"campaign_id": created["campaign_id"], "action": "pause"})
    again = house.done("manage_campaign", start, **KEYED)
    assert (again["replayed"], again["new_status"], again["run_id"]) == (True, "paused", first["run_id"])
    assert "changed since this answer" in again["warnings"][-1]


def test_a_repeated_change_is_as_it_was_while_the_platform_is_away(house: OneTenant) -> None:
    created = house.done("create_campaign", request_body())
    start = {"campaign_id": created["campaign_id"], "action": "start"}
    first = house.done("manage_campaign", start, **KEYED)
    house.adapter.read_fails_with = PlatformUnavailableError("down", platform="meta", retryable=False)
    again = house.done("manage_campaign", start, **KEYED)
    assert again == first | {"replayed": True}


def test_a_status_that_the_platform_does_not_tell_is_no_other_one(house: OneTenant) -> None:
    created = house.done("create_campaign", request_body())
    start = {"campaign_id": created["campaign_id"], "action": "start"}
    house.done("manage_campaign", start, **KEYED)
    house.adapter.change(created["platform_campaign_id"], status="unknown")
    adset = created["adsets"][0]
    house.adapter.change(adset["platform_adset_id"], status="paused")
    again = house.done("manage_campaign", start, **KEYED)
    assert again["new_status"] == "active"
    assert f"{adset['adset_id']} is paused" in again["warnings"][-1]
