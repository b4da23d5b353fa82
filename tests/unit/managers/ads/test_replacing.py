"""Other texts for ads: new ads in the place of the old ones, or edits in place; undone, and refused."""

from __future__ import annotations

from typing import Any

import pytest

from campaign_automation.adapters.base import Outcome
from campaign_automation.models.creation.settings import Copy
from campaign_automation.utils.error_handler import PlatformRejectedError
from tests.support.builders import request_body
from tests.support.fake_adapter import FakeAdapter
from tests.support.one_tenant import OneTenant

Json = dict[str, Any]
LINES = {"primary_text": "Run further", "headline": "Trail shoe", "description": "See it"}


@pytest.fixture
def house() -> OneTenant:
    return OneTenant(FakeAdapter("meta"))


@pytest.fixture
def made(house: OneTenant) -> Json:
    asked = request_body(name="Spring", creative_ids=["1"], age_groups=[[18, 34], [35, 65]], activate=True)
    return house.done("create_campaign", asked)


def asked(made: Json, *ads: str, texts: Json | None = None, **more: Any) -> Json:
    each = [{"ad_id": ad, **(LINES if texts is None else texts)} for ad in ads]
    return {"campaign_id": made["campaign_id"], "texts": each, **more}


def statuses(house: OneTenant, made: Json) -> dict[str, str]:
    return {ad["ad_id"]: ad["status"] for ad in house.status(made["campaign_id"])["ads"]}


def test_a_new_ad_takes_the_place_of_a_running_one(house: OneTenant, made: Json) -> None:
    old, other = (ad["ad_id"] for ad in made["ads"])
    answer = house.done("replace_copy", asked(made, old))
    (new,) = answer["ads"]
    assert (answer["status"], answer["confirmed"], answer["skipped"]) == ("success", True, [])
    assert (new["replaces"], new["copy"], new["creative_id"], new["ad_status"]) == (
        old,
        "Run further",
        "1",
        "active",
    )
    assert statuses(house, made) == {old: "paused", other: "active", new["ad_id"]: "active"}


def test_an_old_ad_does_not_start_with_the_campaign_again(house: OneTenant) -> None:
    made = house.done("create_campaign", request_body(name="Spring", creative_ids=["1"]))
    old = made["ads"][0]["ad_id"]
    new = house.done("replace_copy", asked(made, old))["ads"][0]
    assert new["ad_status"] == "paused"
    house.done("manage_campaign", {"campaign_id": made["campaign_id"], "action": "start"})
    shown = statuses(house, made)
    assert (shown[old], shown[new["ad_id"]]) == ("paused", "active")


@pytest.mark.parametrize("activate", [True, False])
def test_an_undo_brings_the_old_ad_back(house: OneTenant, activate: bool) -> None:
    made = house.done("create_campaign", request_body(name="S", creative_ids=["1"], activate=activate))
    before, old = statuses(house, made), made["ads"][0]["ad_id"]
    answer = house.done("replace_copy", asked(made, old))
    undone = house.done("undo_change", {"campaign_id": made["campaign_id"], "run_id": answer["run_id"]})
    assert (undone["status"], undone["not_restored"], statuses(house, made)) == ("success", [], before)
    house.done("manage_campaign", {"campaign_id": made["campaign_id"], "action": "start"})
    assert statuses(house, made)[old] == "active"


def test_the_same_request_again_changes_nothing(house: OneTenant, made: Json) -> None:
    old = made["ads"][0]["ad_id"]
    house.done("replace_copy", asked(made, old))
    before = house.adapter.node_ids()
    again = house.done("replace_copy", asked(made, old))
    assert (again["ads"], again["run_id"], house.adapter.node_ids()) == ([], None, before)
    assert [item["reason"].partition(":")[0] for item in again["skipped"]] == ["already_replaced"]


def test_an_old_ad_goes_on_where_its_new_one_is_refused(
    house: OneTenant, made: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (ad["ad_id"] for ad in made["ads"])
    create = house.adapter.create_ads

    async def partly(*arguments: Any) -> list[Outcome]:
        *rest, orders, creatives = arguments
        refused = PlatformRejectedError("policy", platform="meta", code="6005")
        return [Outcome(orders[0].tag, error=refused), *(await create(*rest, orders[1:], creatives))]

    monkeypatch.setattr(house.adapter, "create_ads", partly)
    answer = house.done("replace_copy", asked(made, first, second))
    assert (answer["status"], [item["replaces"] for item in answer["ads"]]) == ("partial", [second])
    assert [item["error"]["code"] for item in answer["failed"]] == ["6005"]
    shown = statuses(house, made)
    assert (shown[first], shown[second]) == ("active", "paused")


def test_a_request_that_died_before_the_start_is_finished(
    house: OneTenant, made: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = made["ads"][0]["ad_id"]

    async def dies(*_: Any) -> Any:
        raise RuntimeError("the function was killed")

    with monkeypatch.context() as patch:
        patch.setattr(house.wiring.replacements, "_exchange", dies)
        assert house.ask("replace_copy", asked(made, old))["status"] == "error"
    made_once = house.adapter.node_ids()
    answer = house.done("replace_copy", asked(made, old))
    assert (house.adapter.node_ids(), answer["ads"][0]["ad_status"]) == (made_once, "active")
    assert statuses(house, made)[old] == "paused"


def test_a_dry_run_shows_the_texts_and_writes_nothing(house: OneTenant, made: Json) -> None:
    before, old = house.adapter.node_ids(), made["ads"][0]["ad_id"]
    dry = house.done("replace_copy", asked(made, old, dry_run=True))
    assert (dry["run_id"], dry["ads"][0]["copy"], house.adapter.node_ids()) == (None, "Run further", before)
    real = house.done("replace_copy", asked(made, old))
    assert dry["ads"][0]["ad_id"] == real["ads"][0]["ad_id"]


def test_texts_that_are_left_out_are_written(house: OneTenant, made: Json) -> None:
    answer = house.done("replace_copy", asked(made, made["ads"][0]["ad_id"], texts={}))
    assert answer["ads"][0]["copy_source"] == "template"
    part = house.done("replace_copy", asked(made, made["ads"][1]["ad_id"], texts={"headline": "Mine"}))
    assert (part["ads"][0]["headline"], part["ads"][0]["copy_source"]) == ("Mine", "request, template")


def test_an_ad_made_elsewhere_is_replaced_by_one_of_a_named_creative(house: OneTenant) -> None:
    elsewhere = house.adapter.elsewhere("Theirs", 20)
    (taken,) = house.done("import_campaigns", {"platform_campaign_ids": [elsewhere]})["imported"]
    ((old, _),) = statuses(house, taken).items()
    refused = house.ask("replace_copy", asked(taken, old))["error"]
    assert (refused["code"], refused["details"]["field"]) == ("1001", "texts.0.creative_id")
    answer = house.done("replace_copy", asked(taken, old, texts={**LINES, "creative_id": "2"}))
    assert statuses(house, taken) == {old: "paused", answer["ads"][0]["ad_id"]: "active"}
    undo = {"campaign_id": taken["campaign_id"], "run_id": answer["run_id"]}
    assert house.done("undo_change", undo)["not_restored"] == []
    assert {name: status for name, status in statuses(house, taken).items() if status != "deleted"} == {
        old: "active"
    }


# --- in place --------------------------------------------------------------------------------------------


@pytest.fixture
def edited(house: OneTenant) -> tuple[OneTenant, Json, str]:
    """A campaign on a platform whose ads are edited, with one ad."""
    house.adapter.edits_copies = True
    made = house.done(
        "create_campaign", request_body(name="S", creative_ids=["1"], age_groups=[[18, 65]], activate=True)
    )
    ad = made["ads"][0]
    house.adapter.change(ad["platform_ad_id"], lines=Copy(("Old", "Older"), ("Text", "More")))
    return house, made, ad["ad_id"]


def lines_of(house: OneTenant, made: Json) -> Copy:
    lines: Copy = house.adapter.node(made["ads"][0]["platform_ad_id"]).lines
    return lines


def test_an_ad_is_edited_in_place_and_keeps_what_is_left_out(edited: tuple[OneTenant, Json, str]) -> None:
    house, made, ad = edited
    before = house.adapter.node_ids()
    answer = house.done("replace_copy", asked(made, ad, texts={"headline": "New"}))
    assert (answer["ads"][0]["ad_id"], answer["ads"][0]["replaces"]) == (ad, None)
    assert (lines_of(house, made), house.adapter.node_ids()) == (
        Copy(("New", "Older"), ("Text", "More")),
        before,
    )
    trail = house.done("get_audit", {"campaign_id": made["campaign_id"]})["records"]
    assert [item["outcome"] for item in trail if item["operation"] == "set_copy"] == ["applied"]
    again = house.done("replace_copy", asked(made, ad, texts={"headline": "New"}))
    assert [item["reason"] for item in again["skipped"]] == ["already_so"]
    house.done("undo_change", {"campaign_id": made["campaign_id"], "run_id": answer["run_id"]})
    assert lines_of(house, made) == Copy(("Old", "Older"), ("Text", "More"))


def test_an_edit_is_not_undone_where_somebody_edited_since(edited: tuple[OneTenant, Json, str]) -> None:
    house, made, ad = edited
    answer = house.done("replace_copy", asked(made, ad, texts={"headline": "New"}))
    theirs = Copy(("Theirs",), ("Text", "More"))
    house.adapter.change(made["ads"][0]["platform_ad_id"], lines=theirs)
    undone = house.done("undo_change", {"campaign_id": made["campaign_id"], "run_id": answer["run_id"]})
    assert [item["reason"].partition(":")[0] for item in undone["not_restored"]] == ["changed_by_other"]
    assert lines_of(house, made) == theirs


def test_an_ad_of_another_kind_is_not_edited(edited: tuple[OneTenant, Json, str]) -> None:
    house, made, ad = edited
    house.adapter.change(made["ads"][0]["platform_ad_id"], lines=None)
    error = house.ask("replace_copy", asked(made, ad))["error"]
    assert (error["code"], error["details"]["field"]) == ("1001", "texts.0.ad_id")


def test_bad_requests_are_refused_by_field(house: OneTenant, made: Json) -> None:
    old = made["ads"][0]["ad_id"]
    cases = [
        (asked(made, "nope"), "5000", "texts.0.ad_id"),
        (asked(made, old, made["ads"][0]["platform_ad_id"]), "1001", "texts.1.ad_id"),
        (asked(made, old, texts={"headline": "x" * 41}), "1001", "texts.0.headline"),
        (asked(made, old, texts={"creative_id": "nope"}), "5000", "creative_ids"),
    ]
    for request, code, field in cases:
        error = house.ask("replace_copy", request)["error"]
        assert (error["code"], error["details"].get("field")) == (code, field), error
    stopped = OneTenant(house.adapter, KILL_SWITCH="true")
    stopped.wiring._table = house.table
    error = stopped.ask("replace_copy", asked(made, old))["error"]
    assert error["details"].get("guard") == "kill_switch"
