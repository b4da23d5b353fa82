"""A Web Platform that was restored from an older copy is told of the campaigns changed since."""

from __future__ import annotations

from typing import Any

import pytest

from campaign_automation.managers.changes import leases, retelling
from campaign_automation.managers.changes.items import new_run
from campaign_automation.utils.clock import now_ms
from tests.support.builders import request_body
from tests.support.one_tenant import OneTenant

HOUR = 3_600_000


class House(OneTenant):
    """Two campaigns of which the Web Platform was told."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = (
            self.done("create_campaign", request_body(daily_budget=budget, activate=True))["campaign_id"]
            for budget in (20, 30)
        )
        self.deliver()

    def since(self, moment: int) -> dict[str, int]:
        counts: dict[str, int] = self.run(lambda: self.wiring.retelling.since(moment))
        return counts

    def deliver(self) -> None:
        self.run(self.wiring.outbox.sweep)

    def waiting(self, campaign_id: str) -> list[str]:
        creation = self.run(lambda: self.wiring.store.load("u", campaign_id))
        return [entry.tool for entry in creation.outbox if not entry.sent]


@pytest.fixture
def house() -> House:
    return House()


def test_record_and_state_are_queued_and_told_once(house: House) -> None:
    house.web_platform.campaigns.clear()
    assert house.since(now_ms() - HOUR) == {"queued": 2, "left": 0}
    for campaign_id in (house.first, house.second):
        assert house.waiting(campaign_id) == ["create_campaign", "update_campaign"]
    house.since(now_ms() - HOUR)  # those that still wait are not queued twice
    assert house.waiting(house.first).count("create_campaign") == 1
    house.deliver()
    assert [record["status"] for record in house.web_platform.campaigns.values()] == ["active", "active"]
    assert house.waiting(house.first) == []


def test_a_record_that_is_there_is_not_made_again(house: House) -> None:
    house.since(now_ms() - HOUR)
    house.deliver()
    assert len(house.web_platform.campaigns) == 2


def test_what_was_not_changed_since_is_not_told(house: House) -> None:
    assert house.since(now_ms() + HOUR) == {"queued": 0, "left": 0}
    assert house.waiting(house.first) == []


def test_a_campaign_that_changes_just_now_is_left(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "_WAIT_SECONDS", 0.02)
    monkeypatch.setattr(leases, "_POLL_SECONDS", 0.01)

    async def meanwhile() -> dict[str, int]:
        campaign = await house.wiring.store.campaign("u", house.first)
        assert campaign is not None
        await house.wiring.store.begin_run(campaign, new_run("user:u", "busy").run_id, 60, stops=False)
        counts: dict[str, int] = await house.wiring.retelling.since(now_ms() - HOUR)
        return counts

    assert house.run(meanwhile) == {"queued": 1, "left": 1}
    assert "update_campaign" in house.waiting(house.second)


@pytest.mark.parametrize("seconds", [-1, 60])
def test_for_want_of_time_campaigns_are_left(
    house: House, monkeypatch: pytest.MonkeyPatch, seconds: int
) -> None:
    monkeypatch.setattr(retelling, "_SECONDS", seconds)
    left = 2 if seconds < 0 else 0
    assert house.since(now_ms() - HOUR) == {"queued": 2 - left, "left": left}


def test_what_was_never_told_is_not_told_twice(house: House) -> None:
    house.web_platform.outages = iter(["before"] * 99)
    third = house.done("create_campaign", request_body(daily_budget=40))["campaign_id"]
    before = house.waiting(third)
    house.web_platform.outages = iter(())
    assert house.since(now_ms() - HOUR)["queued"] == 2
    assert house.waiting(third) == before
    house.deliver()
    assert len(house.web_platform.campaigns) == 3


def test_a_creation_without_a_campaign_is_not_told(house: House) -> None:
    async def unmade(*_: Any) -> Any:
        raise ZeroDivisionError

    house.adapter.create_campaign = unmade  # type: ignore[method-assign]
    assert house.ask("create_campaign", request_body(daily_budget=50))["status"] == "error"
    assert house.since(now_ms() - HOUR) == {"queued": 2, "left": 0}
