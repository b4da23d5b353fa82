"""Ads added to a campaign: paused, never twice, with texts as in a creation, undone, and what is refused."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from campaign_automation.adapters.base import Outcome
from campaign_automation.utils import retry_strategy
from campaign_automation.utils.error_handler import PlatformRejectedError, PlatformUnavailableError
from tests.support.builders import request_body
from tests.support.fake_adapter import FakeAdapter
from tests.support.one_tenant import OneTenant

LINES = {"primary_text": "Run further", "headline": "Trail shoe", "description": "See it"}


@pytest.fixture
def house() -> OneTenant:
    return OneTenant(FakeAdapter("meta"))


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """No waiting between attempts, which a busy machine would have to fit into a deadline."""

    async def no_sleep(seconds: float) -> None:
        return None

    monkeypatch.setattr(retry_strategy, "_sleep", no_sleep)


@pytest.fixture
def made(house: OneTenant) -> dict[str, Any]:
    return house.done("create_campaign", request_body(name="Spring", creative_ids=["1"], activate=True))


def add(house: OneTenant, made: dict[str, Any], *creative_ids: str, **more: Any) -> dict[str, Any]:
    return house.done("add_ads", _asked(made, *creative_ids, **more))


def refusal(
    house: OneTenant, made: dict[str, Any], *creative_ids: str, **more: Any
) -> tuple[str, str | None]:
    error = house.ask("add_ads", _asked(made, *creative_ids, **more))["error"]
    return error["code"], error["details"].get("field")


def _asked(made: dict[str, Any], *creative_ids: str, **more: Any) -> dict[str, Any]:
    return {"campaign_id": made["campaign_id"], "creative_ids": list(creative_ids), **more}


def shown(house: OneTenant, made: dict[str, Any]) -> set[tuple[str, str, str, bool]]:
    ads = house.status(made["campaign_id"])["ads"]
    return {(ad["adset_id"], ad["creative_id"], ad["status"], ad["foreign"]) for ad in ads}


def test_each_ad_set_gets_a_paused_ad_of_each_creative(house: OneTenant, made: dict[str, Any]) -> None:
    before = shown(house, made)
    answer = add(house, made, "2", "3")
    adsets = [item["adset_id"] for item in made["adsets"]]
    added = {(adset, creative, "paused", False) for adset in adsets for creative in ("2", "3")}
    assert shown(house, made) == before | added
    assert (answer["status"], answer["confirmed"], len(answer["ads"])) == ("success", True, len(added))
    node = house.adapter.node(answer["ads"][0]["platform_ad_id"])
    assert node.name.endswith(f"| creative 2 {answer['ads'][0]['ad_id']}")
    assert {item["ad_status"] for item in answer["ads"]} == {"paused"}


def test_texts_are_those_of_the_request_and_a_template(house: OneTenant, made: dict[str, Any]) -> None:
    answer = add(house, made, "2", "3", texts=[{"creative_id": "2", **LINES}])
    sources = {(ad["creative_id"], ad["copy_source"]) for ad in answer["ads"]}
    assert sources == {("2", "request"), ("3", "template")}
    assert {ad["copy"] for ad in answer["ads"] if ad["creative_id"] == "2"} == {"Run further"}


def test_creatives_are_given_inline_too(house: OneTenant, made: dict[str, Any]) -> None:
    inline = {
        "creative_id": "new",
        "file_url": "https://cdn.example.com/a.png",
        "file_type": "image",
        "name": "New",
        "product_url": "https://shop.example.com/new",
    }
    asked = {"campaign_id": made["campaign_id"], "creatives": [inline]}
    assert {ad["creative_id"] for ad in house.done("add_ads", asked)["ads"]} == {"new"}


def test_a_dry_run_shows_ads_and_texts_and_writes_nothing(house: OneTenant, made: dict[str, Any]) -> None:
    before = house.adapter.node_ids()
    dry = add(house, made, "2", dry_run=True)
    assert (dry["run_id"], house.adapter.node_ids()) == (None, before)
    real = add(house, made, "2")
    seen = [(ad["ad_id"], ad["copy"], ad["headline"]) for ad in dry["ads"]]
    assert seen == [(ad["ad_id"], ad["copy"], ad["headline"]) for ad in real["ads"]]


def test_an_ad_that_is_there_is_not_made_twice(house: OneTenant, made: dict[str, Any]) -> None:
    first = add(house, made, "2")
    nodes = house.adapter.node_ids()
    again = add(house, made, "2")
    assert (again["replayed"], again["run_id"], again["ads"]) == (True, first["run_id"], first["ads"])
    other = add(house, made, "1", "2", reason="once more")
    assert (other["ads"], house.adapter.node_ids()) == ([], nodes)
    assert {item["reason"].partition(":")[0] for item in other["skipped"]} == {"already_there"}


def test_some_ad_sets_are_named_by_either_id(house: OneTenant, made: dict[str, Any]) -> None:
    first, second = made["adsets"][:2]
    answer = add(house, made, "2", adset_ids=[first["adset_id"], second["platform_adset_id"]])
    assert [ad["adset_id"] for ad in answer["ads"]] == [first["adset_id"], second["adset_id"]]
    assert refusal(house, made, "2", adset_ids=["unknown"]) == ("5000", "adset_ids")


def test_ads_are_started_where_that_is_asked(house: OneTenant, made: dict[str, Any]) -> None:
    answer = add(house, made, "2", activate=True)
    assert {ad["ad_status"] for ad in answer["ads"]} == {"active"}
    assert {status for _, _, status, _ in shown(house, made)} == {"active"}


@pytest.mark.parametrize("activate", [False, True])
def test_an_undo_removes_what_the_run_added(house: OneTenant, made: dict[str, Any], activate: bool) -> None:
    before = shown(house, made)
    answer = add(house, made, "2", activate=activate)
    undo = {"campaign_id": made["campaign_id"], "run_id": answer["run_id"]}
    undone = house.done("undo_change", undo)
    assert (undone["status"], undone["not_restored"]) == ("success", [])
    assert shown(house, made) == before
    # Removed ads can be added again, as other ads.
    again = add(house, made, "2", activate=activate, reason="after all")
    assert {ad["ad_id"] for ad in again["ads"]}.isdisjoint({ad["ad_id"] for ad in answer["ads"]})


def test_the_same_request_after_an_undo_adds_the_ads_again(house: OneTenant, made: dict[str, Any]) -> None:
    first = add(house, made, "2")
    other = add(house, made, "2", reason="once more")  # finds them there
    house.done("undo_change", {"campaign_id": made["campaign_id"], "run_id": first["run_id"]})
    again = add(house, made, "2")
    assert (again["replayed"], len(again["ads"])) == (False, len(first["ads"]))
    assert {ad["ad_id"] for ad in again["ads"]}.isdisjoint({ad["ad_id"] for ad in first["ads"]})
    assert {ad[2] for ad in shown(house, made) if ad[1] == "2"} == {"paused"}
    house.done("undo_change", {"campaign_id": made["campaign_id"], "run_id": again["run_id"]})
    third = add(house, made, "2", reason="once more")
    assert (other["ads"], third["replayed"], len(third["ads"])) == ([], False, len(first["ads"]))


def test_ads_that_somebody_removed_alone_are_added_again(house: OneTenant, made: dict[str, Any]) -> None:
    first = add(house, made, "2")
    gone, *_ = first["ads"]
    remove = {"action": "delete", "confirm": True, "level": "ad", "entity_ids": [gone["ad_id"]]}
    house.done("manage_campaign", {"campaign_id": made["campaign_id"], **remove})
    again = add(house, made, "2")
    assert [ad["adset_id"] for ad in again["ads"]] == [gone["adset_id"]]
    assert len([ad for ad in shown(house, made) if ad[1] == "2"]) == len(first["ads"])


def test_a_repeated_key_shows_the_ads_as_they_are_now(house: OneTenant, made: dict[str, Any]) -> None:
    asked, key = _asked(made, "2"), {"idempotency_key": "one"}
    first = house.ask("add_ads", asked, **key)
    campaign = {"campaign_id": made["campaign_id"]}
    ids = [ad["ad_id"] for ad in first["ads"]]
    house.done("manage_campaign", {**campaign, "action": "start", "level": "ad", "entity_ids": ids})
    again = house.ask("add_ads", asked, **key)
    assert (again["replayed"], {ad["ad_status"] for ad in again["ads"]}) == (True, {"active"})
    house.done("undo_change", {**campaign, "run_id": first["run_id"]})
    again = house.ask("add_ads", asked, **key)
    assert (again["replayed"], {ad["ad_status"] for ad in again["ads"]}) == (True, {"deleted"})


@pytest.mark.usefixtures("no_waiting")
def test_a_repeat_is_answered_while_the_platform_is_away(
    house: OneTenant, made: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = add(house, made, "2")

    async def away(*_: Any, **__: Any) -> Any:
        raise PlatformUnavailableError("away", platform="meta")

    monkeypatch.setattr(house.adapter, "read_tree", away)
    again = house.done("add_ads", _asked(made, "2"))
    assert again["ads"] == first["ads"]


def test_a_lost_answer_is_looked_up_and_not_sent_again(
    house: OneTenant, made: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    create, sent = house.adapter.create_ads, 0

    async def lost(*arguments: Any) -> list[Outcome]:
        nonlocal sent
        sent += 1
        outcomes = await create(*arguments)
        error = PlatformUnavailableError("lost", platform="meta", outcome_unknown=True)
        return [Outcome(item.tag, error=error) for item in outcomes]

    monkeypatch.setattr(house.adapter, "create_ads", lost)
    answer = add(house, made, "2")
    assert (sent, answer["status"], len(answer["ads"])) == (1, "success", len(made["adsets"]))
    ads = [ad for ad in shown(house, made) if ad[1] == "2"]
    assert len(ads) == len(made["adsets"])
    house.done("undo_change", {"campaign_id": made["campaign_id"], "run_id": answer["run_id"]})
    assert {ad[1] for ad in shown(house, made)} == {"1"}


def test_what_the_platform_refuses_is_told_and_the_rest_stays(
    house: OneTenant, made: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    create = house.adapter.create_ads

    async def partly(*arguments: Any) -> list[Outcome]:
        *rest, orders, creatives = arguments
        outcomes = await create(*rest, orders[1:], creatives)
        refused = PlatformRejectedError("policy", platform="meta", code="6005")
        return [Outcome(orders[0].tag, error=refused), *outcomes]

    monkeypatch.setattr(house.adapter, "create_ads", partly)
    answer = add(house, made, "2")
    assert (answer["status"], len(answer["ads"])) == ("partial", len(made["adsets"]) - 1)
    assert [item["error"]["code"] for item in answer["failed"]] == ["6005"]
    trail = house.done("get_audit", {"campaign_id": made["campaign_id"]})["records"]
    added = [record["outcome"] for record in trail if record["operation"] == "add"]
    assert sorted(added) == ["applied"] * (len(made["adsets"]) - 1) + ["failed"]


def test_a_kill_switch_holds_them_back(made: dict[str, Any], house: OneTenant) -> None:
    stopped = OneTenant(house.adapter, KILL_SWITCH="true")
    stopped.wiring._table = house.table
    before = house.adapter.node_ids()
    error = stopped.ask("add_ads", _asked(made, "2"))["error"]
    assert (error["details"].get("guard"), house.adapter.node_ids()) == ("kill_switch", before)


def test_campaigns_that_take_no_ads_are_refused(house: OneTenant, made: dict[str, Any]) -> None:
    test = {"test_name": "T", "creative_ids": ["1", "2"], "daily_budget": 100, "daily_checks": False}
    test_id = house.done("create_ab_test", test)["test_id"]
    assert refusal(house, {"campaign_id": test_id}, "3") == ("5004", "campaign_id")
    house.done("manage_campaign", {"campaign_id": made["campaign_id"], "action": "delete", "confirm": True})
    assert refusal(house, made, "3") == ("5004", "campaign_id")


def test_ads_are_added_to_a_campaign_made_elsewhere(house: OneTenant) -> None:
    elsewhere = house.adapter.elsewhere("Theirs", 20, 30)
    (taken,) = house.done("import_campaigns", {"platform_campaign_ids": [elsewhere]})["imported"]
    before = shown(house, taken)
    answer = add(house, taken, "2", activate=True)
    assert (answer["status"], answer["confirmed"], len(answer["ads"])) == ("success", True, 2)
    new = {(ad["adset_id"], "2", "active", False) for ad in answer["ads"]}
    assert shown(house, taken) == before | new
    again = add(house, taken, "2", reason="once more")
    assert (again["ads"], len(again["skipped"])) == ([], 2)
    house.done("undo_change", {"campaign_id": taken["campaign_id"], "run_id": answer["run_id"]})
    assert shown(house, taken) == before


@pytest.mark.usefixtures("no_waiting")
def test_a_lost_ad_of_a_campaign_made_elsewhere_is_taken_over_when_it_appears(
    house: OneTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = house.adapter.elsewhere("Theirs", 20)
    (taken,) = house.done("import_campaigns", {"platform_campaign_ids": [elsewhere]})["imported"]
    create, late = house.adapter.create_ads, []

    async def lost(*arguments: Any) -> list[Outcome]:
        late.append(arguments)
        error = PlatformUnavailableError("lost", platform="meta", outcome_unknown=True)
        return [Outcome(order.tag, error=error) for order in arguments[-2]]

    monkeypatch.setattr(house.adapter, "create_ads", lost)
    assert house.ask("add_ads", _asked(taken, "2"))["status"] == "error"
    for _ in range(2):  # the platform carries out both requests later
        asyncio.run(create(*late[0]))
    ads = [ad for ad in house.status(taken["campaign_id"])["ads"] if ad["creative_id"] == "2"]
    assert len(ads) == 1
    start = {"campaign_id": taken["campaign_id"], "action": "start"}
    house.done("manage_campaign", {**start, "level": "ad", "entity_ids": [ads[0]["ad_id"]]})
    house.done("manage_campaign", start)
    statuses = [ad["status"] for ad in house.status(taken["campaign_id"])["ads"]]
    assert sorted(statuses) == ["active", "active", "paused"]  # the second copy is not started


def test_bad_requests_are_refused_by_field(house: OneTenant, made: dict[str, Any]) -> None:
    assert refusal(house, made, "nope")[0] == "5000"
    many = {"platform": "meta", "target_countries": ["US", "DE", "FR"], "split_by": "country_age"}
    wide = house.done("create_campaign", request_body(creative_ids=["1"], daily_budget=900, **many))
    ids = [str(number) for number in range(2, 16)]
    assert refusal(house, wide, *ids) == ("1001", "creative_ids")
    strange = [{"creative_id": "9", **LINES}]
    assert refusal(house, made, "2", texts=strange)[0] == "1001"
