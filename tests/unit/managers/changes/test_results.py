"""The results of changes: as the platform shows them, as the journal keeps them, as errors of the request."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from campaign_automation.managers.changes.control import raise_failure
from campaign_automation.managers.changes.items import ChangeResult, DesiredChange, Shown
from campaign_automation.managers.changes.wording import CAMPAIGN_DELETED, already_message
from campaign_automation.models.campaign import ObjectEntry
from campaign_automation.models.common import Level
from campaign_automation.utils.error_handler import ConflictError, GuardRefusedError, PlatformRejectedError
from tests.support.builders import request_body
from tests.support.fake_adapter import FakeAdapter
from tests.support.one_tenant import OneTenant

REFUSED = PlatformRejectedError("no", platform="meta")


def item(field: Any, value: str | Decimal, result: Any, **more: Any) -> ChangeResult:
    entry = ObjectEntry(level=Level.ADSET, tag="set_1", name="Set", state="created", platform_id="7")
    wanted = DesiredChange(Level.ADSET, "set_1", field, value, holds=more.pop("holds", False))
    return ChangeResult(wanted, entry, None, result, **more)


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        (item("name", "New", "changed"), {"renamed": "New"}),
        (item("name", "New", "already"), {"renamed": "New"}),
        (item("name", "New", "failed"), {}),
        (item("end_time", "none", "changed"), {}),
        (item("status", "paused", "changed", holds=True), {"held": True}),
        (item("status", "active", "already"), {"held": False}),
        (item("status", "paused", "skipped", holds=True), {}),
        (item("daily_budget", Decimal(9), "changed"), {"scheduled_budget": None}),
        (item("daily_budget", Decimal(9), "changed", effective="next_day"), {"scheduled_budget": Decimal(9)}),
        (
            item("daily_budget", Decimal(9), "failed", effective="next_day", error=REFUSED),
            {"scheduled_budget": None},
        ),
    ],
)
def test_the_journal_keeps_what_was_done(change: ChangeResult, kept: dict[str, Any]) -> None:
    assert Shown.of(change) == ("set_1", kept)


def test_a_request_of_which_nothing_was_done_raises_its_reason() -> None:
    with pytest.raises(PlatformRejectedError):
        raise_failure([item("status", "paused", "failed", error=REFUSED)])
    with pytest.raises(ConflictError, match="is deleted") as raised:
        raise_failure([item("status", "paused", "skipped", reason="is deleted")])
    assert raised.value.details["field"] == "campaign_id"
    capped = item("daily_budget", Decimal(9), "skipped", reason="account_cap: too much")
    with pytest.raises(GuardRefusedError, match="too much") as refused:
        raise_failure([capped])
    assert refused.value.details["guard"] == "account_cap"
    assert [skipped["id"] for skipped in refused.value.details["skipped"]] == ["set_1"]
    raise_failure([item("status", "paused", "failed", error=REFUSED), item("status", "paused", "changed")])
    raise_failure([item("status", "paused", "already")])


def test_a_budget_that_waits_for_midnight_is_a_success_and_stays_scheduled() -> None:
    house = OneTenant(FakeAdapter("tiktok"))
    made = house.done("create_campaign", request_body(platform="tiktok"))
    adset = made["adsets"][0]
    house.adapter.waits_for_midnight.add(adset["platform_adset_id"])
    before = house.adapter.node(adset["platform_adset_id"]).daily_budget
    asked = {"adset_budgets": {adset["adset_id"]: float(before) - 1}}
    answer = house.done("update_campaign", {"campaign_id": made["campaign_id"], **asked})
    assert (answer["status"], answer["failed"]) == ("success", [])
    assert [change["id"] for change in answer["changed"]] == [adset["adset_id"]]
    assert house.adapter.node(adset["platform_adset_id"]).daily_budget == before


def test_an_answer_says_what_was_before_and_that_nothing_is_left_to_do() -> None:
    house = OneTenant()
    made = house.done("create_campaign", request_body(activate=True))
    pause = {"campaign_id": made["campaign_id"], "action": "pause"}
    (change,) = house.done("manage_campaign", pause)["changed"]
    assert (change["before"], change["after"]) == ("active", "paused")
    again = house.done("manage_campaign", {**pause, "reason": "once more"})
    assert (again["changed"], again["message"]) == ([], already_message("paused"))
    house.done("manage_campaign", {**pause, "action": "delete", "confirm": True})
    error = house.ask("manage_campaign", {**pause, "action": "start"})["error"]
    assert (error["code"], error["message"]) == ("5004", CAMPAIGN_DELETED)
    assert error["details"]["field"] == "campaign_id"
