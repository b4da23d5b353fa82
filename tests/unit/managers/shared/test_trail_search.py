"""The search for what happened: across campaigns, and behind the id of a request."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from campaign_automation.adapters.base import Outcome
from campaign_automation.capability import run_action
from campaign_automation.managers.shared import trail_search
from campaign_automation.settings import parse_settings
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import PlatformRejectedError
from campaign_automation.wiring import Wiring
from tests.support.builders import request_body
from tests.support.fake_adapter import FakeAdapter
from tests.support.memory_table import MemoryTable
from tests.support.web_platform import MemoryWebPlatform

SETTINGS = {
    "TABLE_NAME": "Table",
    "KILL_SWITCH": "false",
    "MAX_BUDGET_STEP_PERCENT": "50",
    "MAX_BUDGET_DAY_PERCENT": "50",
    "ACCOUNT_DAILY_BUDGET_CAPS": "USD:1000",
    "SPECIAL_AD_CATEGORIES": "NONE",
}
OPERATOR = {"user_id": "ops", "roles": ["operator"]}


class House:
    def __init__(self) -> None:
        self.adapter = FakeAdapter("meta")
        self.parts = Wiring(
            parse_settings(SETTINGS),
            mcp_client=MemoryWebPlatform(),
            adapters={"meta": self.adapter},
            table=MemoryTable(),
        )

    def ask(self, name: str, caller: dict[str, Any], /, **parameters: Any) -> dict[str, Any]:
        return asyncio.run(run_action(self.parts, name, parameters, caller))

    def create(self, user: str, request_id: str) -> str:
        caller = {"user_id": user, "request_id": request_id, "idempotency_key": request_id}
        return str(self.ask("create_campaign", caller, **request_body())["campaign_id"])

    def manage(self, campaign_id: str, action: str, user: str, **caller: Any) -> dict[str, Any]:
        return self.ask(
            "manage_campaign", {"user_id": user, **caller}, campaign_id=campaign_id, action=action
        )

    def pages(self, **parameters: Any) -> list[dict[str, Any]]:
        """Return the results of a search, read page by page."""
        found: list[dict[str, Any]] = []
        after: dict[str, str] = {}
        while True:
            page = self.ask("search_audit", OPERATOR, **parameters, **after)
            assert page["status"] == "success", page
            found += page["records"]
            if page["next"] is None:
                return found
            after = {"after": page["next"]}


@pytest.fixture
def house() -> House:
    return House()


def test_the_changes_of_an_account_are_found_whoever_made_them(house: House) -> None:
    first, second = house.create("u", "r1"), house.create("v", "r2")
    house.manage(first, "start", "u", person="ann")
    house.manage(second, "start", "v")
    found = house.pages(account="1")  # however it is spelled
    ids = [record["audit_id"] for record in found]
    assert ids == sorted(set(ids))
    assert {record["campaign_id"] for record in found} == {first, second}
    assert {record["outcome"] for record in found} == {"applied"}
    assert {(record["platform"], record["account"]) for record in found} == {("meta", "act_1")}
    assert house.pages(account="1", limit=3) == found
    assert house.pages(account="act_2") == []
    assert {record["campaign_id"] for record in house.pages(tenant="v")} == {second}
    assert {record["campaign_id"] for record in house.pages(account="1", actor="ann")} == {first}
    assert house.pages(tenant="u", actor="user:ann") == house.pages(account="act_1", actor="ann")


def test_a_long_trail_is_read_in_bounded_pieces(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trail_search, "_ROWS", 2)
    monkeypatch.setattr(trail_search, "_MOST_ROWS", 4)
    campaign_id = house.create("u", "r1")
    house.create("v", "r2")
    house.manage(campaign_id, "start", "u", person="ann")
    started = [record for record in house.pages(account="act_1") if record["operation"] == "set_status"]
    assert started
    assert house.pages(account="act_1", actor="ann") == started


def test_only_changes_of_the_time_are_found(house: House) -> None:
    campaign_id = house.create("u", "r1")
    between = clock.now()
    house.manage(campaign_id, "start", "u")
    day = timedelta(days=1)
    before = house.pages(tenant="u", since=(between - day).isoformat(), until=between.isoformat())
    after = house.pages(tenant="u", since=between.isoformat(), until=(between + day).isoformat())
    assert {record["operation"] for record in before} == {"create"}
    assert {record["operation"] for record in after} == {"set_status"}
    assert before + after == house.pages(tenant="u")
    long_ago = (between - timedelta(days=32)).isoformat()
    for times in ({"since": long_ago}, {"since": long_ago, "until": between.isoformat()}):
        assert house.ask("search_audit", OPERATOR, **times)["error"]["code"] == "1001"


def test_a_change_without_an_outcome_is_found_too(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    campaign_id = house.create("u", "r1")

    async def dies(*_: Any) -> Any:
        raise SystemExit

    with monkeypatch.context() as broken:
        broken.setattr(house.adapter, "set_status", dies)
        with pytest.raises(SystemExit):
            house.manage(campaign_id, "start", "u")
    (record,) = [item for item in house.pages(tenant="u") if item["operation"] != "create"][:1]
    assert record["outcome"] == "unknown"


def test_a_request_leads_to_its_campaign_and_trail(house: House) -> None:
    campaign_id = house.create("u", "req_made")
    house.manage(campaign_id, "start", "u", request_id="req_started")
    for request_id in ("req_made", "req_started"):
        found = house.ask("find_request", OPERATOR, request_id=request_id)
        (campaign,) = found["campaigns"]
        assert (campaign["tenant"], campaign["campaign_id"], campaign["state"]) == (
            "u",
            campaign_id,
            "created",
        )
        assert (campaign["platform"], campaign["account"]) == ("meta", "act_1")
        assert {record["request_id"] for record in campaign["records"]} == {"req_made", "req_started"}
    page = house.ask("find_request", OPERATOR, request_id="req_made", limit=2)["campaigns"][0]
    rest = house.ask("find_request", OPERATOR, request_id="req_made", after=page["next"])["campaigns"][0]
    assert page["records"] + rest["records"] == campaign["records"]
    assert house.ask("find_request", OPERATOR, request_id="req_other")["error"]["code"] == "5000"


def test_a_request_of_the_platform_leads_there_too(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    campaign_id = house.create("u", "r1")

    async def refused(_: Any, __: Any, ids: list[str], status: str) -> list[Outcome]:
        error = PlatformRejectedError("no", platform="meta", platform_request_id="fb_1")
        return [Outcome(item, error=error) for item in ids]

    with monkeypatch.context() as broken:
        broken.setattr(house.adapter, "set_status", refused)
        house.manage(campaign_id, "start", "u")
    (campaign,) = house.ask("find_request", OPERATOR, request_id="fb_1")["campaigns"]
    assert campaign["campaign_id"] == campaign_id
    assert "fb_1" in {record["platform_request_id"] for record in campaign["records"]}


def test_a_creation_that_wrote_nothing_is_found_and_a_dry_run_is_not(house: House) -> None:
    caller = {"user_id": "u", "request_id": "r1", "idempotency_key": "k"}
    assert house.ask("create_campaign", caller, **request_body(dry_run=True))["state"] == "planned"
    assert house.ask("find_request", OPERATOR, request_id="r1")["error"]["code"] == "5000"
    refused = house.ask("create_campaign", {**caller, "request_id": "r2"}, **request_body(daily_budget=0.01))
    assert refused["status"] == "error"
    (campaign,) = house.ask("find_request", OPERATOR, request_id="r2")["campaigns"]
    assert (campaign["state"], campaign["records"]) == ("rolled_back", [])


def test_only_a_named_operator_finds_what_is_another_tenants(house: House) -> None:
    campaign_id = house.create("u", "r1")
    viewer = {"user_id": "u", "roles": ["viewer", "buyer", "approver"]}
    for action, parameters in (("search_audit", {}), ("find_request", {"request_id": "r1"})):
        assert house.ask(action, viewer, **parameters)["error"]["code"] == "1004"
    # In one process a caller has every role by default, and sees the own tenant only.
    assert house.ask("search_audit", {"user_id": "v"}, tenant="u")["error"]["code"] == "1004"
    assert house.ask("search_audit", {"user_id": "v"}, account="act_1")["records"] == []
    assert house.ask("find_request", {"user_id": "v"}, request_id="r1")["error"]["code"] == "5000"
    own = house.ask("search_audit", {"user_id": "u"})["records"]
    assert {record["campaign_id"] for record in own} == {campaign_id}
    assert house.ask("find_request", {"user_id": "u"}, request_id="r1")["campaigns"]
