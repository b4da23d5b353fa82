"""Creations that stopped, requests that acted late, undos that had to wait: nothing is left alone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from campaign_automation.adapters.base import Access, DailyInsight, Outcome
from campaign_automation.adapters.tree import CampaignNode
from campaign_automation.capability import run_action
from campaign_automation.managers.changes import leases
from campaign_automation.models.campaign import Creation
from campaign_automation.models.campaigns import CampaignPlan
from campaign_automation.models.common import AdAccount, Level
from campaign_automation.settings import parse_settings
from campaign_automation.steps import creation_step
from campaign_automation.stores import lease
from campaign_automation.utils import clock, retry_strategy
from campaign_automation.utils.error_handler import (
    PlatformRateLimitError,
    PlatformRejectedError,
    PlatformUnavailableError,
)
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
ACTIVATING = request_body(activate=True)
# The writes of Activate: ads, ad sets, the campaign, one request each.
WRITES = (1, 2, 3)

Hook = Callable[[], Awaitable[None]]


class Died(BaseException):
    """The end of a process in the middle of its work."""


class Platform(FakeAdapter):
    """A platform that can be interrupted: hooks run before or after the nth call of an operation."""

    def __init__(self) -> None:
        super().__init__("meta")
        self.hooks: dict[tuple[str, int, str], Hook] = {}
        self.counts: dict[str, int] = {}
        self.refusals: dict[str, Exception] = {}  # by operation, on each of its calls
        self.late: list[CampaignPlan] = []

    async def _around(self, operation: str, call: Callable[[], Awaitable[Any]]) -> Any:
        count = self.counts[operation] = self.counts.get(operation, 0) + 1
        if error := self.refusals.get(operation):
            raise error
        await self._hook(operation, count, "before")
        answer = await call()
        await self._hook(operation, count, "after")
        return answer

    async def _hook(self, operation: str, count: int, moment: str) -> None:
        if hook := self.hooks.pop((operation, count, moment), None):
            await hook()

    async def create_campaign(self, access: Access, plan: CampaignPlan, account: AdAccount) -> Outcome:
        if self.late_campaigns > 0:
            self.late_campaigns -= 1
            self.late.append(plan)
            error = PlatformUnavailableError("no answer", platform="meta", outcome_unknown=True)
            return Outcome(plan.tag, error=error)
        parent = super().create_campaign
        made: Outcome = await self._around("create_campaign", lambda: parent(access, plan, account))
        return made

    late_campaigns = 0

    async def land(self) -> str:
        """Carry out the create that was never answered; return the id of what it made."""
        return await self.copy_of(self.late.pop())

    async def copy_of(self, plan: CampaignPlan, **changes: Any) -> str:
        """Make another campaign of a plan, past the module."""
        copy = plan.model_copy(update=changes)
        return str((await super().create_campaign(None, copy, self.account)).platform_id)  # type: ignore[arg-type]

    def campaigns(self) -> list[str]:
        return [item for item in self.node_ids() if isinstance(self.node(item), CampaignNode)]

    async def create_adsets(self, *given: Any) -> list[Outcome]:
        parent = super().create_adsets
        return list(await self._around("create_adsets", lambda: parent(*given)))

    async def create_ads(self, *given: Any) -> list[Outcome]:
        parent = super().create_ads
        return list(await self._around("create_ads", lambda: parent(*given)))

    async def set_status(
        self, access: Access, level: Level, ids: Sequence[str], status: str
    ) -> list[Outcome]:
        parent = super().set_status
        operation = "start" if status == "active" else "pause"
        return list(await self._around(operation, lambda: parent(access, level, ids, status)))

    async def remove(self, access: Access, level: Level, ids: Sequence[str]) -> list[Outcome]:
        parent = super().remove
        return list(await self._around("remove", lambda: parent(access, level, ids)))

    def campaign_statuses(self) -> list[str]:
        return [self.node(item).status for item in self.campaigns()]


class House:
    """One tenant, a platform and a Web Platform in memory."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch
        self.platform = Platform()
        self.web_platform = MemoryWebPlatform()
        self.wiring = Wiring(
            parse_settings(SETTINGS),
            mcp_client=self.web_platform,
            adapters={"meta": self.platform},
            table=MemoryTable(),
        )

    async def ask(self, action: str, parameters: dict[str, Any], **context: Any) -> dict[str, Any]:
        return await run_action(self.wiring, action, parameters, {"user_id": "u", **context})

    async def create(self, body: dict[str, Any], key: str = "k") -> dict[str, Any]:
        return await self.ask("create_campaign", body, idempotency_key=key, wait_seconds=0)

    async def manage(self, action: str, **more: Any) -> dict[str, Any]:
        campaign_id = (await self.only()).campaign_id
        return await self.ask("manage_campaign", {"campaign_id": campaign_id, "action": action, **more})

    async def only(self) -> Creation:
        """The one campaign that there is."""
        table: Any = self.wiring._table
        (campaign_id,) = {
            row["campaign_id"]
            for rows in table._partitions.values()
            for row in rows.values()
            if row["sk"] == "campaign"
        }
        creation = await self.wiring.store.load("u", campaign_id)
        assert creation is not None
        return creation

    async def sweep(self, **later: float) -> dict[str, int]:
        """The reconciler's tick, some time from now."""
        with self._patch.context() as patch:
            patch.setattr(clock, "_offset", timedelta(**later))
            return await self.wiring.reconciler.sweep()

    async def search(self, **later: float) -> int:
        """The search for orphans, some time from now."""
        with self._patch.context() as patch:
            patch.setattr(clock, "_offset", timedelta(**later))
            return await self.wiring.orphans.sweep()

    async def dies(self, operation: str, count: int, moment: str, body: dict[str, Any]) -> None:
        """Create a campaign in a process that ends in the middle, and gives nothing back."""

        async def die() -> None:
            raise Died

        async def nothing(*_: Any) -> None:
            return None

        self.platform.hooks[operation, count, moment] = die
        with self._patch.context() as patch:
            patch.setattr(leases.CampaignLeases, "_end", nothing)
            with pytest.raises(Died):
                await self.create(body)


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    async def at_once(_: float) -> None:
        return None

    monkeypatch.setattr(retry_strategy, "_sleep", at_once)
    monkeypatch.setattr(leases, "_WAIT_SECONDS", 0.04)
    monkeypatch.setattr(leases, "_POLL_SECONDS", 0.01)
    yield House(monkeypatch)
    asyncio.run(clock.synchronise(None))


# --- pause and delete while a creation goes on --------------------------------------------------------------


@pytest.mark.parametrize("count", WRITES)
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("waits", [True, False], ids=["while it hangs", "while it goes on"])
def test_a_pause_at_any_moment_of_the_start_ends_paused(
    house: House, count: int, moment: str, waits: bool
) -> None:
    async def scenario() -> None:
        answers: list[dict[str, Any]] = []
        asked: list[asyncio.Task[None]] = []

        async def pause() -> None:
            answers.append(await house.manage("pause"))

        async def deliver() -> None:
            asked.append(asyncio.create_task(pause()))
            while (await house.only()).stop_requested is None:  # noqa: ASYNC110
                await asyncio.sleep(0)
            if waits:
                await asked[0]

        house.platform.hooks["start", count, moment] = deliver
        created = await house.create(ACTIVATING)
        await asyncio.gather(*asked)
        # A request that was on its way when the lease was taken over lands late: the next visit finds it.
        await house.sweep(minutes=20)
        assert answers[0]["status"] == "success", answers
        assert answers[0]["new_status"] == "paused"
        assert house.platform.campaign_statuses() == ["paused"]
        creation = await house.only()
        assert (creation.state, creation.stop_requested) == ("created", None)
        again = await house.create(ACTIVATING)
        assert (again["status"], again["campaign_status"]) == ("success", "paused"), (created, again)
        (known,) = house.web_platform.campaigns.values()
        assert known["status"] == "paused"

    asyncio.run(scenario())


@pytest.mark.parametrize("operation", ["create_campaign", "create_adsets", "create_ads"])
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("action", ["pause", "delete"])
def test_a_creation_that_is_stopped_halfway_sends_nothing_more_and_leaves_nothing(
    house: House, operation: str, moment: str, action: str
) -> None:
    async def scenario() -> None:
        async def stop() -> None:
            answer = await house.manage(action, confirm=True)
            assert answer["status"] == "success", answer

        house.platform.hooks[operation, 1, moment] = stop
        answer = await house.create(ACTIVATING)
        await house.sweep(minutes=20)
        assert house.platform.node_ids() == []
        assert house.platform.counts.get("start") is None
        assert answer["error"]["details"]["state"] == "rolled_back"
        assert (await house.only()).state == "rolled_back"

    asyncio.run(scenario())


def test_a_deletion_during_the_start_leaves_nothing(house: House) -> None:
    async def scenario() -> None:
        async def delete() -> None:
            assert (await house.manage("delete", confirm=True))["new_status"] == "deleted"

        house.platform.hooks["start", 3, "after"] = delete
        await house.create(ACTIVATING)
        await house.sweep(minutes=20)
        assert "active" not in house.platform.campaign_statuses()
        assert (await house.only()).state == "rolled_back"

    asyncio.run(scenario())


# --- creations that stopped ---------------------------------------------------------------------------------


@pytest.mark.parametrize("count", WRITES)
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_start_that_died_is_paused_by_the_next_visit_and_can_be_paused_before(
    house: House, count: int, moment: str
) -> None:
    async def scenario() -> None:
        await house.dies("start", count, moment, ACTIVATING)
        assert (await house.create(ACTIVATING))["status"] == "accepted"
        assert (await house.manage("pause"))["new_status"] == "paused"
        assert house.platform.campaign_statuses() == ["paused"]
        await house.sweep(minutes=20)
        again = await house.create(ACTIVATING)
        assert (again["status"], again["campaign_status"]) == ("success", "paused"), again
        assert "its start was stopped" in again["warnings"][-1]
        assert (await house.manage("start"))["status"] == "success"
        assert house.platform.campaign_statuses() == ["active"]

    asyncio.run(scenario())


def test_a_start_that_died_is_paused_without_anybody_asking(house: House) -> None:
    async def scenario() -> None:
        await house.dies("start", 3, "after", ACTIVATING)
        assert house.platform.campaign_statuses() == ["active"]
        assert await house.sweep(minutes=2) == {"waiting": 1}
        assert await house.sweep(minutes=20) == {"created": 1}
        assert house.platform.campaign_statuses() == ["paused"]
        house.platform.change(house.platform.campaigns()[0], status="active")  # a request that came late
        assert await house.sweep(minutes=26) == {"created": 1}
        assert house.platform.campaign_statuses() == ["paused"]
        await house.sweep(days=2)
        assert await house.sweep(days=3) == {}

    asyncio.run(scenario())


def test_a_stop_that_stands_outlives_a_platform_that_cannot_be_reached(house: House) -> None:
    async def scenario() -> None:
        await house.dies("start", 3, "after", ACTIVATING)
        assert await house.sweep(minutes=20) == {"created": 1}
        house.platform.change(house.platform.campaigns()[0], status="active")  # a request that came late
        house.platform.refusals["pause"] = PlatformUnavailableError("down", platform="meta")
        house.platform.fail_with = PlatformUnavailableError("down", platform="meta")
        assert await house.sweep(minutes=26) == {"failed": 1}
        house.platform.fail_with = None
        assert await house.sweep(minutes=32) == {"failed": 1}
        house.platform.refusals.clear()
        assert await house.sweep(minutes=38) == {"created": 1}
        assert house.platform.campaign_statuses() == ["paused"]
        assert (await house.only()).stop_requested is None

    asyncio.run(scenario())


def test_a_stop_of_a_campaign_that_the_platform_no_longer_knows_ends_and_is_told_once(house: House) -> None:
    async def scenario() -> None:
        await house.dies("start", 3, "after", ACTIVATING)
        assert await house.sweep(minutes=20) == {"created": 1}
        house.platform.is_hidden = house.platform.is_closed = True
        assert await house.sweep(minutes=26) == {"created": 1}
        assert (await house.only()).stop_requested == "pause"
        assert await house.sweep(minutes=32) == {"created": 1}
        creation = await house.only()
        assert creation.stop_requested is None
        (notice,) = house.web_platform.notifications
        assert creation.campaign_id in notice["message"]
        await house.sweep(days=2)
        assert await house.sweep(days=3) == {}
        assert len(house.web_platform.notifications) == 1

    asyncio.run(scenario())


@pytest.mark.parametrize("operation", ["create_campaign", "create_adsets", "create_ads"])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_creation_that_died_leaves_nothing_and_frees_its_key(
    house: House, operation: str, moment: str
) -> None:
    async def scenario() -> None:
        await house.dies(operation, 1, moment, request_body())
        first = (await house.only()).campaign_id
        assert (await house.create(request_body()))["status"] == "accepted"
        assert await house.sweep(minutes=20) == {"rolled_back": 1}
        assert house.platform.node_ids() == []
        again = await house.create(request_body())
        assert again["status"] == "success"
        assert again["campaign_id"] != first

    asyncio.run(scenario())


def test_visits_do_not_keep_a_dead_creation_alive(house: House) -> None:
    async def scenario() -> None:
        await house.dies("create_ads", 1, "after", request_body())
        for minutes in (2, 6, 11, 14):
            assert await house.sweep(minutes=minutes) == {"waiting": 1}
        assert await house.sweep(minutes=16) == {"rolled_back": 1}

    asyncio.run(scenario())


def test_who_asks_again_in_the_process_ends_what_died_there(house: House) -> None:
    async def scenario() -> None:
        await house.dies("create_ads", 1, "after", request_body())
        creation = await house.only()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(clock, "now_ms", lambda: creation.updated_at + 20 * 60_000)
            answer = await house.create(request_body())
        assert answer["error"]["code"] == "4000"
        assert answer["error"]["details"] == {
            "retryable": True,
            "state": "rolled_back",
            "campaign_id": creation.campaign_id,
        }
        assert (await house.create(request_body()))["status"] == "success"

    asyncio.run(scenario())


def test_a_step_that_is_still_alive_sends_nothing_after_the_visit(house: House) -> None:
    async def scenario() -> None:
        async def hangs() -> None:
            assert await house.sweep(minutes=20) == {"rolled_back": 1}

        house.platform.hooks["create_campaign", 1, "after"] = hangs
        answer = await house.create(ACTIVATING)
        assert answer["error"]["details"]["state"] == "rolled_back"
        assert house.platform.counts.get("create_adsets") is None
        # An object that the hanging request made after all is found by its name, minutes later.
        await house.sweep(minutes=30)
        assert house.platform.node_ids() == []

    asyncio.run(scenario())


# --- undos that had to wait ---------------------------------------------------------------------------------


def test_an_undo_goes_on_until_the_platform_can_be_reached_and_a_person_is_told_once(house: House) -> None:
    async def scenario() -> None:
        refused = PlatformRejectedError("no", platform="meta", code="6005")
        down = PlatformUnavailableError("down", platform="meta")
        house.platform.refusals |= {"create_ads": refused, "remove": down}
        answer = await house.create(request_body())
        assert answer["error"]["details"]["state"] == "needs_reconciliation"
        assert len(answer["error"]["details"]["left_behind"]) == 4
        for minutes in (10, 20, 30):
            assert await house.sweep(minutes=minutes) == {"failed": 1}
        assert (await house.only()).state == "needs_reconciliation"
        house.platform.refusals.clear()
        assert await house.sweep(minutes=40) == {"rolled_back": 1}
        assert house.platform.node_ids() == []
        assert len(house.web_platform.notifications) == 1
        assert (await house.create(request_body()))["status"] == "success"

    asyncio.run(scenario())


@pytest.mark.parametrize("seconds", [40, 300, 3600])
def test_an_undo_waits_as_long_as_a_throttling_platform_asks(house: House, seconds: int) -> None:
    async def scenario() -> None:
        throttled = PlatformRateLimitError("slow down", platform="meta", retry_after=seconds)
        house.platform.refusals |= {"create_ads": throttled, "remove": throttled}
        answer = await house.create(request_body())
        error = answer["error"]
        assert (error["code"], error["details"]["state"]) == ("1003", "needs_reconciliation")
        house.platform.refusals.clear()
        assert seconds - 10 < error["details"]["retry_after"] <= seconds
        calls = dict(house.platform.counts)
        assert await house.sweep(seconds=seconds - 10) == {}
        assert house.platform.counts == calls
        assert await house.sweep(seconds=seconds + 1) == {"rolled_back": 1}
        assert house.platform.node_ids() == []
        assert (await house.create(request_body()))["status"] == "success"

    asyncio.run(scenario())


def test_a_throttled_step_of_the_state_machine_ends_when_the_platform_takes_it_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []

    async def noted(seconds: float) -> None:
        waits.append(seconds)

    async def step(retries: int) -> None:
        campaign_id = (await house.only()).campaign_id
        payload = {"tenant": "u", "campaign_id": campaign_id, "step": "create_ads", "retries": retries}
        with pytest.raises(PlatformRateLimitError):
            await creation_step(house.wiring, payload)

    async def scenario() -> None:
        await house.dies("create_ads", 1, "before", request_body())
        house.platform.refusals["create_ads"] = PlatformRateLimitError("slow", platform="meta", retry_after=7)
        monkeypatch.setattr(retry_strategy, "_sleep", noted)
        for retries in range(4):
            await step(retries)
        assert waits == [7, 7, 7]  # after the last try nobody comes

    asyncio.run(scenario())


# --- creates that act late ----------------------------------------------------------------------------------


def test_a_create_that_acts_late_leaves_no_second_campaign(house: House) -> None:
    async def scenario() -> None:
        house.platform.late_campaigns = 1
        assert (await house.create(ACTIVATING))["status"] == "success"
        late = await house.platform.land()
        await house.sweep(minutes=1)
        assert late in house.platform.node_ids()
        await house.sweep(minutes=6)
        assert late not in house.platform.node_ids()
        assert house.platform.campaign_statuses() == ["active"]
        assert house.web_platform.notifications == []

    asyncio.run(scenario())


def test_a_create_that_acts_later_still_is_found_an_hour_later(house: House) -> None:
    async def scenario() -> None:
        house.platform.late_campaigns = 4  # each try, so the creation is rolled back
        assert (await house.create(request_body()))["error"]["details"]["state"] == "rolled_back"
        await house.sweep(minutes=6)
        late = {await house.platform.land() for _ in range(4)}
        await house.sweep(minutes=30)
        assert late == set(house.platform.node_ids())
        await house.sweep(minutes=70)
        assert house.platform.node_ids() == []
        assert await house.sweep(days=3) == {}

    asyncio.run(scenario())


@pytest.mark.parametrize("doubt", ["active", "spent", "older", "unknown age"])
def test_a_second_campaign_that_may_be_somebodys_is_paused_and_told(house: House, doubt: str) -> None:
    async def scenario() -> None:
        house.platform.late_campaigns = 1
        assert (await house.create(request_body()))["status"] == "success"
        late = await house.platform.land()
        if doubt == "active":
            house.platform.change(late, status="active")
        elif doubt == "spent":
            house.platform.daily.append(spent(late))
        else:
            age = clock.now() - timedelta(days=1) if doubt == "older" else None
            house.platform.change(late, created_at=age)
        for minutes in (6, 70):
            await house.sweep(minutes=minutes)
        assert house.platform.node(late).status == "paused"
        creation = await house.only()
        trail = (await house.ask("get_audit", {"campaign_id": creation.campaign_id}))["records"]
        assert [record["platform_id"] for record in trail if record["operation"] == "set_status"] == [late]
        (notice,) = house.web_platform.notifications
        assert late in notice["message"]

    asyncio.run(scenario())


@pytest.mark.parametrize(("part", "step"), [("platform", "set_status"), ("notices", "tell")])
def test_a_second_campaign_that_may_be_somebodys_stays_also_when_a_process_dies_at_it(
    house: House, part: str, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        house.platform.late_campaigns = 1
        await house.create(request_body())
        late = await house.platform.land()
        house.platform.change(late, status="active")
        place: Any = house.platform if part == "platform" else house.wiring.notices
        before = getattr(place, step)

        async def dies(*arguments: Any) -> None:
            if part == "platform":
                await before(*arguments)  # it is paused, and nobody knows
            raise Died

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(place, step, dies)
            with pytest.raises(Died):
                await house.sweep(minutes=6)
        over = lease.machine_now() + 600
        monkeypatch.setattr(lease, "machine_now", lambda: over)
        for minutes in (70, 140):
            await house.sweep(minutes=minutes)
        assert house.platform.node(late).status == "paused"
        assert (await house.only()).held_copies == [late]
        (notice,) = house.web_platform.notifications
        assert late in notice["message"]

    asyncio.run(scenario())


def spent(campaign_id: str) -> DailyInsight:
    one = Decimal(1)
    return DailyInsight(
        entity_id=campaign_id,
        campaign_id=campaign_id,
        adset_id=None,
        day=clock.day_of(clock.now(), ZoneInfo("America/New_York")),  # of the fake platform's accounts
        spend=one,
        impressions=1,
        clicks=1,
        conversions=one,
        revenue=one,
    )


# --- changes without a read back ----------------------------------------------------------------------------


def test_a_change_that_could_not_be_read_back_says_so_and_is_settled_within_minutes(house: House) -> None:
    async def scenario() -> None:
        await house.create(ACTIVATING)
        throttled = PlatformRateLimitError("slow down", platform="meta", retry_after=30)

        async def from_now_on() -> None:
            house.platform.fail_with = throttled

        house.platform.hooks["pause", 1, "after"] = from_now_on
        answer = await house.manage("pause", reason="stock is out")
        assert (answer["status"], answer["confirmed"]) == ("success", False)
        (known,) = house.web_platform.campaigns.values()
        assert known["status"] == "active"
        house.platform.fail_with = None
        await house.sweep(minutes=3)
        assert known["status"] == "paused"
        campaign_id = (await house.only()).campaign_id
        trail = (await house.ask("get_audit", {"campaign_id": campaign_id}))["records"]
        assert [record["outcome"] for record in trail if record["reason"] == "stock is out"] == ["applied"]
        assert (await house.manage("start"))["confirmed"]

    asyncio.run(scenario())


def test_an_ad_set_that_was_paused_without_a_read_back_stays_paused(house: House) -> None:
    async def scenario() -> None:
        created = await house.create(ACTIVATING)
        adset = created["adsets"][0]["adset_id"]

        async def from_now_on() -> None:
            house.platform.fail_with = PlatformUnavailableError("down", platform="meta")

        house.platform.hooks["pause", 1, "after"] = from_now_on
        answer = await house.manage("pause", level="adset", entity_ids=[adset])
        assert not answer["confirmed"]
        house.platform.fail_with = None
        await house.sweep(minutes=3)
        await house.manage("pause")
        await house.manage("start")
        status = await house.ask("get_campaign_status", {"campaign_id": created["campaign_id"]})
        live = {item["adset_id"]: item["status"] for item in status["adsets"]}
        assert live.pop(adset) == "paused"
        assert set(live.values()) == {"active"}

    asyncio.run(scenario())


def test_a_start_whose_ads_were_refused_is_no_success(house: House) -> None:
    async def scenario() -> None:
        await house.create(request_body())
        real = house.platform.set_status

        async def refuses(access: Access, level: Level, ids: Sequence[str], status: str) -> list[Outcome]:
            if level is not Level.AD:
                return await real(access, level, ids, status)
            error = PlatformRejectedError("disapproved", platform="meta", code="6003")
            return [Outcome(item, error=error) for item in ids]

        house.platform.set_status = refuses  # type: ignore[method-assign]
        answer = await house.manage("start")
        assert (answer["status"], answer["confirmed"], len(answer["failed"])) == ("partial", True, 6)

    asyncio.run(scenario())


def test_what_failed_in_passing_is_not_kept_under_a_key(house: House) -> None:
    async def scenario() -> None:
        created = await house.create(request_body())
        real = house.platform.set_status
        throttled = [True]

        async def throttles(access: Access, level: Level, ids: Sequence[str], status: str) -> list[Outcome]:
            if level is not Level.AD or not throttled:
                return await real(access, level, ids, status)
            error = PlatformRateLimitError("slow down", platform="meta")
            return [Outcome(item, error=error) for item in ids]

        house.platform.set_status = throttles  # type: ignore[method-assign]
        start = {"campaign_id": created["campaign_id"], "action": "start"}
        first = await house.ask("manage_campaign", start, idempotency_key="start")
        throttled.clear()
        second = await house.ask("manage_campaign", start, idempotency_key="start")
        third = await house.ask("manage_campaign", start, idempotency_key="start")
        assert (first["status"], second["status"], third) == (
            "partial",
            "success",
            {**second, "replayed": True},
        )
        assert len(second["changed"]) == 6

    asyncio.run(scenario())


# --- orphans ------------------------------------------------------------------------------------------------


def test_the_daily_search_clears_what_the_journal_intended_and_reports_the_rest(house: House) -> None:
    async def scenario() -> None:
        house.platform.late_campaigns = 1
        created = await house.create(request_body())
        plan = (await house.only()).planned()[0]
        for minutes in (6, 70):
            await house.sweep(minutes=minutes)
        await house.platform.land()  # later than any visit
        stranger = await house.platform.copy_of(plan, name="Sales ca-2222222222")
        mine = await house.platform.copy_of(plan, name=f"{created['name']} by hand")
        assert await house.search(hours=23) == 0
        assert await house.search(hours=25) == 1
        assert set(house.platform.campaigns()) == {created["platform_campaign_id"], stranger, mine}
        (notice,) = house.web_platform.notifications
        assert stranger in notice["message"]
        assert await house.search(hours=26) == 0
        assert await house.search(hours=50) == 1
        assert len(house.web_platform.notifications) == 1

    asyncio.run(scenario())


def test_a_persons_copy_under_our_whole_name_is_reported_and_never_removed(house: House) -> None:
    async def scenario() -> None:
        created = await house.create(request_body())
        copy = await house.platform.copy_of((await house.only()).planned()[0])
        await house.search(hours=25)
        assert set(house.platform.campaigns()) == {created["platform_campaign_id"], copy}
        (notice,) = house.web_platform.notifications
        assert copy in notice["message"]

    asyncio.run(scenario())


def test_what_a_rolled_back_creation_left_is_found_by_the_daily_search(house: House) -> None:
    async def scenario() -> None:
        house.platform.late_campaigns = 4
        await house.create(request_body())
        for minutes in (6, 70):
            await house.sweep(minutes=minutes)
        late = await house.platform.land()
        assert house.platform.campaigns() == [late]
        await house.search(hours=25)
        assert house.platform.campaigns() == []
        assert house.web_platform.notifications == []

    asyncio.run(scenario())
