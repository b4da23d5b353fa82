"""What the Web Platform is told when it, or what it should be told of, is not as usual."""

from __future__ import annotations

import asyncio
import json
import uuid
from datetime import timedelta
from typing import Any

import pytest

from campaign_automation import CampaignAutomation
from campaign_automation.capability import run_action
from campaign_automation.clients.functions.background import BackgroundFunction
from campaign_automation.managers.shared import outbox
from campaign_automation.managers.shared.notices import REFUSALS
from campaign_automation.managers.shared.outbox import in_turns
from campaign_automation.stores.campaign_rows import Pending
from campaign_automation.stores.notice_store import notice_row
from campaign_automation.stores.table import Key, Put, Update
from campaign_automation.tasks import sweep_outbox
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import (
    AccountError,
    PlatformUnavailableError,
    StoreError,
    WebPlatformError,
    WebPlatformUnavailableError,
)
from campaign_automation.wiring import Wiring
from tests.support.builders import request_body
from tests.support.fake_adapter import FakeAdapter
from tests.support.memory_table import MemoryTable
from tests.support.table import empty_table
from tests.support.web_platform import MemoryWebPlatform

CALLER = {"user_id": "u"}


class House:
    def __init__(self) -> None:
        empty_table()
        self.adapter = FakeAdapter("meta")
        self.web_platform = MemoryWebPlatform()
        self.wiring = Wiring(mcp_client=self.web_platform, adapters={"meta": self.adapter})

    def create(self) -> dict[str, Any]:
        caller = {**CALLER, "idempotency_key": uuid.uuid4().hex}
        return asyncio.run(run_action(self.wiring, "create_campaign", request_body(), caller))

    def manage(self, campaign_id: str, action: str) -> dict[str, Any]:
        parameters = {"campaign_id": campaign_id, "action": action, "confirm": True}
        return asyncio.run(run_action(self.wiring, "manage_campaign", parameters, CALLER))

    def sweep(self) -> dict[str, int]:
        return asyncio.run(self.wiring.outbox.sweep())


@pytest.fixture
def house(module_settings: None) -> House:
    return House()


def test_a_campaign_that_the_web_platform_deleted_is_told_no_more(house: House) -> None:
    campaign_id = house.create()["campaign_id"]
    house.web_platform.campaigns.clear()
    assert house.manage(campaign_id, "start")["status"] == "success"
    assert house.sweep() == {"before": 0, "after": 0}
    deleted = house.manage(campaign_id, "delete")
    assert deleted["status"] == "success"
    assert house.sweep() == {"before": 0, "after": 0}


def test_a_campaign_it_never_heard_of_can_still_be_stopped(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Undo could not finish, so only a notice was sent; a person then pauses and deletes what is left."""

    async def fails(*_: Any) -> Any:
        raise PlatformUnavailableError("down", platform="meta", retryable=False)

    with monkeypatch.context() as broken:
        broken.setattr(house.adapter, "create_adsets", fails)
        broken.setattr(house.adapter, "remove", fails)
        failed = house.create()["error"]
    assert failed["details"]["state"] == "needs_reconciliation"
    campaign_id = failed["details"]["campaign_id"]
    for action in ("pause", "delete"):
        answer = house.manage(campaign_id, action)
        assert answer["status"] == "success", answer
    assert house.adapter.node_ids() == []
    assert [name for name, _ in house.web_platform.writes] == ["create_notification"]
    (notice,) = house.web_platform.notifications
    assert (notice["notification_type"], notice["category"]) == ("urgent", "system")


def test_the_audit_names_the_person_and_the_web_platform_its_own_user(house: House) -> None:
    caller = {"user_id": "acme", "person": "ann", "web_platform_user": "user_9"}
    made = asyncio.run(run_action(house.wiring, "create_campaign", request_body(), caller))
    assert made["status"] == "success", made
    trail = asyncio.run(house.wiring.audit.page("acme", made["campaign_id"]))
    assert trail
    assert {record.actor for record in trail} == {"user:ann"}
    later = Wiring(mcp_client=house.web_platform, adapters={"meta": house.adapter})
    assert asyncio.run(later.tenants.web_platform_user("acme")) == "user_9"
    assert asyncio.run(later.tenants.web_platform_user("nobody")) == "nobody"


def test_a_caller_that_only_reads_writes_no_user(house: House) -> None:
    caller = {"user_id": "acme", "web_platform_user": "user_9"}
    asyncio.run(run_action(house.wiring, "get_audit", {"campaign_id": "cmp_none"}, caller))
    assert asyncio.run(house.wiring.tenants.web_platform_user("acme")) == "user_9"
    later = Wiring(mcp_client=house.web_platform, adapters={"meta": house.adapter})
    assert asyncio.run(later.tenants.web_platform_user("acme")) == "acme"


# --- refusals, quarantine, order --------------------------------------------------------------------------


class Unwilling(MemoryWebPlatform):
    """Raises what `errors` names for a tool, as long as it stands there; `late` calls act after that."""

    def __init__(self) -> None:
        super().__init__()
        self.errors: dict[str, Exception] = {}
        self.late: list[tuple[str, dict[str, Any]]] = []
        self.pages: list[dict[str, Any]] = []
        self.asked: list[dict[str, Any]] = []

    async def call_tool(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if name == "get_campaigns":
            self.asked.append(arguments)
            if self.pages:
                return self.pages[arguments["page"] - 1]
        if name in self.errors:
            if name in ("create_campaign", "update_campaign"):
                self.late.append((name, arguments))
            raise self.errors[name]
        return await super().call_tool(name, arguments)

    async def act_late(self) -> None:
        for name, arguments in self.late[:1]:
            await super().call_tool(name, arguments)


REFUSED = WebPlatformError("create_campaign: it broke", code="3003", retryable=False)
SLOW = WebPlatformUnavailableError("slow", code="3004", outcome_unknown=True)


@pytest.fixture
def unwilling(house: House) -> Unwilling:
    house.web_platform = Unwilling()
    house.wiring = Wiring(
        mcp_client=house.web_platform, adapters={"meta": house.adapter}, table=MemoryTable()
    )
    return house.web_platform


def ask(house: House, action: str, caller: dict[str, Any], **parameters: Any) -> dict[str, Any]:
    return asyncio.run(run_action(house.wiring, action, parameters, caller))


OPERATOR = {"user_id": "ops", "roles": ["operator"]}


def sweep_until_quarantined(house: House) -> None:
    for _ in range(REFUSALS):
        house.sweep()


def test_what_is_refused_again_and_again_waits_for_an_operator(house: House, unwilling: Unwilling) -> None:
    unwilling.errors["create_campaign"] = REFUSED
    campaign_id = house.create()["campaign_id"]
    assert house.manage(campaign_id, "start")["status"] == "success"
    for _ in range(REFUSALS - 3):
        assert house.sweep()["after"] == 3
    house.sweep()
    assert house.sweep()["after"] == 0
    tries = len(unwilling.late)
    house.sweep()
    assert len(unwilling.late) == tries == REFUSALS
    held = ask(house, "list_quarantined_messages", OPERATOR)["messages"]
    assert [item["tool"] for item in held] == ["create_campaign", "update_campaign", "update_campaign"]
    assert {(item["tenant"], item["item_id"]) for item in held} == {("u", campaign_id)}
    assert "it broke" in held[0]["error"]
    unwilling.errors.clear()
    again = ask(house, "resend_quarantined_messages", OPERATOR, item_ids=[campaign_id, "cmp_unknown"])
    assert again["item_ids"] == [campaign_id]
    assert house.sweep() == {"before": 3, "after": 0}
    (known,) = unwilling.campaigns.values()
    assert known["status"] == "active"
    assert ask(house, "list_quarantined_messages", OPERATOR)["messages"] == []


class Forgetful(MemoryWebPlatform):
    """Records a campaign and does not tell its number; with `hides` its list does not show it at once."""

    hides = False

    async def call_tool(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        answer = await super().call_tool(name, arguments)
        if name == "get_campaigns" and self.hides:
            return {"campaigns": [], "has_more": False}
        return {"ok": True} if name == "create_campaign" else answer


@pytest.mark.parametrize("hides", [False, True])
def test_a_record_whose_number_was_not_told_is_looked_up(house: House, hides: bool) -> None:
    house.web_platform = Forgetful()
    house.web_platform.hides = hides
    house.wiring = Wiring(
        mcp_client=house.web_platform, adapters={"meta": house.adapter}, table=MemoryTable()
    )
    campaign_id = house.create()["campaign_id"]
    assert house.manage(campaign_id, "start")["status"] == "success"
    house.web_platform.hides = False
    house.sweep()
    (known,) = house.web_platform.campaigns.values()
    assert known["status"] == "active"


def test_a_change_behind_a_refused_one_is_still_told(house: House, unwilling: Unwilling) -> None:
    campaign_id = house.create()["campaign_id"]
    unwilling.errors["update_campaign"] = REFUSED
    house.manage(campaign_id, "start")
    sweep_until_quarantined(house)
    unwilling.errors.clear()
    house.manage(campaign_id, "pause")
    (known,) = unwilling.campaigns.values()
    assert known["status"] == "paused"
    assert len(ask(house, "list_quarantined_messages", OPERATOR)["messages"]) == 1


@pytest.mark.parametrize(
    "error",
    [
        WebPlatformUnavailableError("down"),
        WebPlatformError("the Web Platform refused the service token", code="3000", retryable=False),
        AccountError("the secret of the Web Platform cannot be read"),
    ],
)
def test_a_web_platform_that_takes_nothing_for_days_loses_nothing(
    house: House, unwilling: Unwilling, error: Exception
) -> None:
    unwilling.errors["create_campaign"] = error
    house.create()
    for _ in range(2 * REFUSALS):
        assert house.sweep()["after"] == 2
    unwilling.errors.clear()
    assert house.sweep()["after"] == 0


def test_a_refused_notice_waits_for_an_operator_too(house: House, unwilling: Unwilling) -> None:
    unwilling.errors["create_notification"] = REFUSED
    arguments = {"notification_type": "urgent", "category": "system", "title": "T", "message": "m"}
    (notice,) = house.wiring.notices.notice("u", "n1", arguments)
    asyncio.run(house.wiring._table.write(Put(notice_row(notice))))
    sweep_until_quarantined(house)
    (held,) = ask(house, "list_quarantined_messages", OPERATOR)["messages"]
    assert (held["kind"], held["item_id"], held["refusals"]) == ("notice", "n1", REFUSALS)
    unwilling.errors.clear()
    ask(house, "resend_quarantined_messages", OPERATOR)
    assert house.sweep() == {"before": 1, "after": 0}
    assert len(unwilling.notifications) == 1


def test_only_a_named_operator_sees_the_messages_of_others(house: House, unwilling: Unwilling) -> None:
    unwilling.errors["create_campaign"] = REFUSED
    house.create()
    sweep_until_quarantined(house)
    viewer = {"user_id": "u", "roles": ["viewer", "buyer", "approver"]}
    for action in ("list_quarantined_messages", "resend_quarantined_messages"):
        assert ask(house, action, viewer)["error"]["code"] == "1004"
    assert ask(house, "list_quarantined_messages", {"user_id": "other"})["messages"] == []
    assert ask(house, "resend_quarantined_messages", {"user_id": "other"})["item_ids"] == []
    assert len(ask(house, "list_quarantined_messages", CALLER)["messages"]) == 2


def test_a_row_that_cannot_be_read_stops_nobody_else(house: House, unwilling: Unwilling) -> None:
    unwilling.errors["create_campaign"] = WebPlatformUnavailableError("down")
    broken, whole = house.create()["campaign_id"], house.create()["campaign_id"]
    assert broken != whole
    unwilling.errors.clear()
    key = Key(f"u#campaign#{broken}", "campaign")
    asyncio.run(house.wiring._table.write(Update(key, set={"spec": "{"})))
    odd = {"pk": "nobody", "sk": "outbox#000001", "outbox": "pending", "due": 1}
    asyncio.run(house.wiring._table.write(Put(odd)))
    assert house.sweep() == {"before": 4, "after": 0}
    (known,) = unwilling.campaigns.values()
    assert known["targeting"]["campaign_id"] == whole
    held = ask(house, "list_quarantined_messages", OPERATOR)["messages"]
    assert [item["item_id"] for item in held] == [broken, broken]


def test_old_messages_of_one_tenant_hide_no_new_one_of_another(
    house: House, unwilling: Unwilling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "SWEEP_LIMIT", 4)
    for number in range(9):
        key = {"pk": f"first#campaign#cmp_{number}", "sk": "outbox#000001"}
        odd = {**key, "outbox": "pending", "due": number}
        asyncio.run(house.wiring._table.write(Put(odd)))
    unwilling.errors["create_campaign"] = WebPlatformUnavailableError("down")
    house.create()
    unwilling.errors.clear()
    house.sweep()
    assert len(unwilling.campaigns) == 1


def test_a_row_that_cannot_be_set_aside_stops_nobody_either(
    house: House, unwilling: Unwilling, monkeypatch: pytest.MonkeyPatch
) -> None:
    unwilling.errors["create_campaign"] = WebPlatformUnavailableError("down")
    broken, _ = house.create()["campaign_id"], house.create()
    unwilling.errors.clear()
    key = Key(f"u#campaign#{broken}", "campaign")
    asyncio.run(house.wiring._table.write(Update(key, set={"spec": "{"})))

    async def fail(_: Any) -> None:
        raise StoreError("the table is busy")

    monkeypatch.setattr(house.wiring.store, "quarantine", fail)
    house.sweep()
    assert len(unwilling.campaigns) == 1


def test_a_create_that_acts_late_makes_no_second_record(
    house: House, unwilling: Unwilling, monkeypatch: pytest.MonkeyPatch
) -> None:
    unwilling.errors["create_campaign"] = SLOW
    house.create()
    del unwilling.errors["create_campaign"]
    house.sweep()
    assert unwilling.campaigns == {}
    asyncio.run(unwilling.act_late())
    assert house.sweep()["after"] == 0
    assert len(unwilling.campaigns) == 1


def test_a_create_that_never_acted_is_sent_again_after_a_while(
    house: House, unwilling: Unwilling, monkeypatch: pytest.MonkeyPatch
) -> None:
    unwilling.errors["create_campaign"] = SLOW
    house.create()
    unwilling.errors.clear()
    assert house.sweep()["after"] == 2
    later = clock.now_ms() + 121_000
    monkeypatch.setattr(clock, "now_ms", lambda: later)
    assert house.sweep()["after"] == 0
    assert len(unwilling.campaigns) == 1


# --- updates that act late --------------------------------------------------------------------------------


def pass_minutes(monkeypatch: pytest.MonkeyPatch, minutes: int) -> None:
    later = clock.now() + timedelta(minutes=minutes)
    monkeypatch.setattr(clock, "now", lambda: later)


def leave_unanswered(house: House, unwilling: Unwilling, *actions: str) -> str:
    """Make a campaign and change it; the first change is never answered, the others are."""
    campaign_id = house.create()["campaign_id"]
    for action in actions:
        unwilling.errors = {} if unwilling.late else {"update_campaign": SLOW}
        assert house.manage(campaign_id, action)["status"] == "success"
    unwilling.errors = {}
    return str(campaign_id)


@pytest.mark.parametrize("minutes", [0, 3])
def test_an_update_that_acts_after_a_newer_one_does_not_last(
    house: House, unwilling: Unwilling, monkeypatch: pytest.MonkeyPatch, minutes: int
) -> None:
    leave_unanswered(house, unwilling, "start", "pause")
    assert house.sweep() == {"before": 0, "after": 0}
    pass_minutes(monkeypatch, minutes)
    house.sweep()
    asyncio.run(unwilling.act_late())
    (known,) = unwilling.campaigns.values()
    assert known["status"] == "active"
    pass_minutes(monkeypatch, 61)
    assert house.sweep()["after"] == 0
    assert known["status"] == "paused"


def test_after_an_update_without_an_answer_the_state_is_told_twice_more(
    house: House, unwilling: Unwilling, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_unanswered(house, unwilling, "start", "pause")
    told = []
    for _ in range(5):
        before = len(unwilling.writes)
        pass_minutes(monkeypatch, 31)
        assert house.sweep()["after"] == 0
        told += [(name, body["status"]) for name, body in unwilling.writes[before:]]
    assert told == [("update_campaign", "paused")] * 2


def test_a_change_meanwhile_is_the_confirmation(
    house: House, unwilling: Unwilling, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign_id = leave_unanswered(house, unwilling, "start", "pause")
    pass_minutes(monkeypatch, 61)
    house.manage(campaign_id, "start")
    before = len(unwilling.writes)
    pass_minutes(monkeypatch, 61)
    house.sweep()
    assert len(unwilling.writes) == before
    (known,) = unwilling.campaigns.values()
    assert known["status"] == "active"


def test_an_update_that_acts_after_a_delete_does_not_bring_the_record_back(
    house: House, unwilling: Unwilling, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_unanswered(house, unwilling, "start", "delete")
    asyncio.run(unwilling.act_late())
    pass_minutes(monkeypatch, 3)
    assert house.sweep()["after"] == 0
    assert unwilling.writes[-1][0] == "delete_campaign"


def test_a_held_back_update_is_not_sent_after_a_newer_one(house: House, unwilling: Unwilling) -> None:
    campaign_id = house.create()["campaign_id"]
    unwilling.errors["update_campaign"] = REFUSED
    house.manage(campaign_id, "start")
    sweep_until_quarantined(house)
    unwilling.errors.clear()
    house.manage(campaign_id, "pause")
    assert ask(house, "resend_quarantined_messages", OPERATOR)["item_ids"] == [campaign_id]
    assert house.sweep()["after"] == 0
    (known,) = unwilling.campaigns.values()
    assert known["status"] == "paused"
    assert ask(house, "list_quarantined_messages", OPERATOR)["messages"] == []


# --- a Web Platform that hangs ----------------------------------------------------------------------------


class Hanging(MemoryWebPlatform):
    """Answers no write before it is `awake`."""

    def __init__(self) -> None:
        super().__init__()
        self.awake = asyncio.Event()

    async def call_tool(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if not name.startswith("get_"):
            await self.awake.wait()
        return await super().call_tool(name, arguments)


def test_no_answer_of_a_process_waits_for_a_web_platform_that_hangs(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("campaign_automation.shared_parts.PATIENCE_SECONDS", 0.01)
    web_platform = Hanging()
    module = CampaignAutomation(
        mcp_client=web_platform, adapters={"meta": house.adapter}, table=MemoryTable()
    )

    async def scenario() -> None:
        created = await module.execute("create_campaign", request_body(), CALLER)
        start = {"campaign_id": created["campaign_id"], "action": "start"}
        assert (await module.execute("manage_campaign", start, CALLER))["new_status"] == "active"
        assert web_platform.campaigns == {}
        web_platform.awake.set()
        await module.aclose()

    asyncio.run(scenario())
    (known,) = web_platform.campaigns.values()
    assert known["status"] == "active"


def test_an_answer_of_a_process_that_may_end_tells_before_it(house: House) -> None:
    module = CampaignAutomation(
        mcp_client=house.web_platform, adapters={"meta": house.adapter}, table=MemoryTable()
    )
    answer = asyncio.run(module.execute("create_campaign", request_body(), CALLER))
    assert answer["status"] == "success"
    (known,) = house.web_platform.campaigns.values()
    assert known["status"] == "paused"


def test_a_function_hands_its_messages_over_and_the_outbox_sends_those_of_the_campaign(house: House) -> None:
    handed: list[dict[str, Any]] = []

    class Client:
        def invoke(self, *, FunctionName: str, InvocationType: str, Payload: bytes) -> None:
            assert (FunctionName, InvocationType) == ("outbox:live", "Event")
            handed.append(json.loads(Payload))

    campaign_id = house.create()["campaign_id"]
    house.wiring.outbox._function = BackgroundFunction("outbox:live", Client)
    assert house.manage(campaign_id, "start")["new_status"] == "active"
    assert house.manage(campaign_id, "start")["changed"] == []
    (known,) = house.web_platform.campaigns.values()
    assert (known["status"], handed) == ("paused", [{"tenant": "u", "campaign_id": campaign_id}] * 2)
    for event in handed:
        assert asyncio.run(sweep_outbox(house.wiring, event)) == {"told": True, "events": 0}
    assert known["status"] == "active"


def listed(count: int, *, days_ago: int) -> list[dict[str, Any]]:
    at = (clock.now() - timedelta(days=days_ago)).isoformat()
    return [{"id": number, "targeting": None, "created_at": at} for number in range(count)]


def test_the_look_for_a_record_takes_whole_pages_and_ends_early(house: House, unwilling: Unwilling) -> None:
    unwilling.pages = [
        {"campaigns": listed(100, days_ago=0), "has_more": True},
        {"campaigns": listed(100, days_ago=2), "has_more": True},
    ]
    assert house.create()["status"] == "success"
    assert house.sweep()["after"] == 0
    assert [(call["page"], call["page_size"]) for call in unwilling.asked] == [(1, 100), (2, 100)]


def test_a_list_of_records_that_never_ends_is_given_up(house: House, unwilling: Unwilling) -> None:
    unwilling.pages = [{"campaigns": listed(1, days_ago=0), "has_more": True}] * 1000
    assert house.create()["status"] == "success"
    assert len(unwilling.asked) == 100
    assert unwilling.campaigns == {}


def test_a_web_platform_that_takes_no_more_now_is_left_alone(house: House, unwilling: Unwilling) -> None:
    unwilling.errors["create_campaign"] = WebPlatformUnavailableError("too many", code="1003", retry_after=60)
    house.create(), house.create()
    before = len(unwilling.late)
    house.sweep()
    assert len(unwilling.late) == before + 1


def test_tenants_take_turns_and_new_messages_too() -> None:
    def waiting(tenant: str, since: int) -> Pending:
        key = Key(f"{tenant}#campaign#{since}", "outbox#000001")
        return Pending(tenant, "campaign", str(since), since, key)

    many = [waiting("a", since) for since in range(6)]
    turns = in_turns([*many, waiting("a", 0), waiting("b", 7), waiting("c", 8)])
    assert [(item.tenant, item.since) for item in turns[:4]] == [("a", 0), ("b", 7), ("c", 8), ("a", 5)]
    assert sorted(item.since for item in turns) == [0, 1, 2, 3, 4, 5, 7, 8]
    assert in_turns([]) == []
