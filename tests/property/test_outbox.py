"""What the Web Platform is told when it, or what it should be told of, is not as usual."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from campaign_automation.capability import run_action
from campaign_automation.utils.error_handler import PlatformUnavailableError
from campaign_automation.wiring import Wiring
from tests.support.builders import request_body
from tests.support.fake_adapter import FakeAdapter
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
        return asyncio.run(run_action(self.wiring, "create_campaign", request_body(), CALLER))

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
