"""Small parts of changes: what a settled record shows, what an undo asks for, whom a stop concerns first."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast

import pytest

from campaign_automation.clients.scheduler import Schedule, Scheduler
from campaign_automation.managers.changes import history, stopping
from campaign_automation.managers.changes.control import _entities
from campaign_automation.managers.changes.items import DesiredChange, Shown
from campaign_automation.managers.changes.resuming import PauseSchedules
from campaign_automation.models.campaign import Creation, Resume
from campaign_automation.models.changes import AuditRecord, ManageCampaign
from campaign_automation.models.common import Level
from campaign_automation.models.switches import StopAll
from campaign_automation.utils.error_handler import NotFoundError
from tests.support.builders import request_body
from tests.support.one_tenant import OneTenant


@pytest.fixture(scope="module")
def house() -> OneTenant:
    return OneTenant()


@pytest.fixture(scope="module")
def made(house: OneTenant) -> Creation:
    answer = house.done("create_campaign", request_body(activate=True))
    found = house.run(lambda: house.wiring.store.load("u", answer["campaign_id"]))
    assert isinstance(found, Creation)
    return found


@pytest.fixture
def creation(made: Creation) -> Creation:
    return made.model_copy(deep=True)


def record(house: OneTenant, made: Creation, **changes: Any) -> AuditRecord:
    trail = house.run(lambda: house.wiring.audit.since("u", made.campaign_id, 0))
    return trail[0].model_copy(update={"entity_id": "x", "evidence": {}, **changes})


@pytest.mark.parametrize(
    ("changes", "seen"),
    [
        ({"operation": "set_budget", "after": {"daily_budget": "7"}}, {"scheduled_budget": None}),
        (
            {
                "operation": "set_budget",
                "after": {"daily_budget": "7"},
                "evidence": {"effective": "next_day"},
            },
            {"scheduled_budget": Decimal(7)},
        ),
        ({"operation": "set_name", "after": {"name": "N"}}, {"renamed": "N"}),
        ({"operation": "set_status", "evidence": {"holds": True}}, None),
        ({"operation": "remove"}, {}),
    ],
)
def test_a_settled_record_shows_what_it_changed(
    house: OneTenant, made: Creation, changes: dict[str, Any], seen: dict[str, Any] | None
) -> None:
    settled = record(house, made, **changes)
    found = Shown.settled(settled)
    assert found == Shown("x", {"held": settled.holds} if seen is None else seen)


@pytest.mark.parametrize("held", [True, False])
def test_an_undo_of_a_status_holds_what_was_paused_on_its_own(
    house: OneTenant, made: Creation, held: bool
) -> None:
    paused = record(
        house,
        made,
        level=Level.ADSET,
        operation="set_status",
        before={"status": "paused"},
        evidence={"held": held},
    )
    assert history._back(paused) == DesiredChange(Level.ADSET, "x", "status", "paused", holds=held)


def test_a_campaign_is_known_to_run_by_its_journal(creation: Creation) -> None:
    assert stopping._is_running(creation)
    creation.activated = False
    assert stopping._is_running(creation)  # by the status of its root
    assert creation.plan is not None
    creation.objects[creation.plan.tag].status = "paused"
    assert not stopping._is_running(creation)
    creation.state = "creating"
    assert stopping._is_running(creation)


def test_a_creation_without_an_account_yet_is_in_the_scope_of_its_platform_alone(creation: Creation) -> None:
    creation.account = None
    platform = StopAll.model_validate({"scope": "platform", "platform": "meta", "reason": "r"})
    account = {"scope": "account", "platform": "meta", "account": "act_1", "reason": "r"}
    assert stopping._concerns(platform, creation)
    assert not stopping._concerns(StopAll.model_validate(account), creation)


def test_objects_that_are_not_known_are_listed_in_words(creation: Creation) -> None:
    campaign = creation.campaign()
    assert campaign is not None
    asked = ManageCampaign(campaign_id="c", action="pause", level="adset", entity_ids=["a", "b"])
    with pytest.raises(NotFoundError, match=r"has no adset a, b$") as unknown:
        _entities(campaign, asked)
    assert unknown.value.details["field"] == "entity_ids"


@pytest.mark.parametrize(
    ("before", "obstacle"),
    [
        ("lowest_cost", ""),
        ("target_cpa 12.5", ""),
        ("a strategy of the platform", "unknown: the bid_strategy before the change is not known"),
        (None, "unknown: the bid_strategy before the change is not known"),
    ],
)
def test_a_bidding_is_put_back_where_the_one_before_can_be_set(
    house: OneTenant, made: Creation, before: str | None, obstacle: str
) -> None:
    changes: dict[str, Any] = {"operation": "set_bidding", "after": {"bid_strategy": "target_cpa 9"}}
    changed = record(house, made, before={"bid_strategy": before}, **changes)
    assert history._obstacle(changed, [changed]) == obstacle


def test_a_trail_is_read_page_by_page(house: OneTenant, made: Creation) -> None:
    whole = house.done("get_audit", {"campaign_id": made.campaign_id})
    assert whole["next"] is None
    after, found = None, []
    for _ in whole["records"]:
        asked = {"campaign_id": made.campaign_id, "limit": 1} | ({"after": after} if after else {})
        page = house.done("get_audit", asked)
        found += page["records"]
        after = page["next"]
        assert after == page["records"][-1]["audit_id"]
    assert found == whole["records"]


@pytest.mark.parametrize(
    ("is_held", "is_wanted", "is_let_go"), [(True, False, True), (True, True, False), (False, False, False)]
)
def test_an_undo_lets_a_replaced_ad_go_that_is_held_and_not_put_back_by_itself(
    house: OneTenant, creation: Creation, is_held: bool, is_wanted: bool, is_let_go: bool
) -> None:
    campaign = creation.campaign()
    assert campaign is not None
    ad = campaign.made(Level.AD)[0]
    ad.held = is_held
    replaced = record(house, creation, evidence={"replaces": ad.tag, "held": False})
    wanted = [DesiredChange(Level.AD, ad.tag, "status", "active")] if is_wanted else []
    released = DesiredChange(Level.AD, ad.tag, "status", "paused", holds=False)
    assert history._released(campaign, replaced, wanted) == ([released] if is_let_go else [])


def test_a_run_that_is_not_known_is_named(house: OneTenant, made: Creation) -> None:
    answer = house.ask("undo_change", {"campaign_id": made.campaign_id, "run_id": "run_x"})
    assert answer["error"]["message"] == "run run_x is not known"
    assert answer["error"]["details"]["field"] == "run_id"


def test_the_end_of_a_pause_is_scheduled_in_utc_wherever_the_process_runs(
    creation: Creation, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduled: list[str] = []

    class Kept:
        async def put(self, schedule: Schedule, *, replace: bool) -> None:
            scheduled.append(schedule.expression)

    campaign = creation.campaign()
    assert campaign is not None
    end = datetime(2100, 1, 2, 3, 4, 5, tzinfo=UTC)
    resume = Resume(at_ms=int(end.timestamp() * 1000), paused_ms=0, run_id="r", actor="a", tags=[])
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        asyncio.run(PauseSchedules(cast("Scheduler", Kept())).put(campaign, resume))
    time.tzset()
    assert scheduled == ["at(2100-01-02T03:04:06)"]
