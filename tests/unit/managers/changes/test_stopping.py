"""The stop of all campaigns, and campaigns whose pause, undo or release ends what was begun."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import Any

import pytest

from campaign_automation.managers.campaigns.wording import STARTS_STOPPED
from campaign_automation.managers.changes import stopping
from campaign_automation.managers.changes.wording import PAUSE_LASTS
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import ConflictError, PlatformRejectedError, StoreError
from tests.support.builders import request_body
from tests.support.fake_adapter import FakeAdapter
from tests.support.one_tenant import OneTenant


class Watched(FakeAdapter):
    """A platform that notes what is paused and started, in which order, and how many at once."""

    def __init__(self, platform: str = "meta") -> None:
        super().__init__(platform)
        self.paused: list[str] = []
        self.started: list[str] = []
        self.at_once = self.most_at_once = 0
        self.broken: dict[str, Exception] = {}

    async def set_status(self, *args: Any) -> list[Any]:
        _, _, ids, status = args
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0.01)
        self.at_once -= 1
        if error := self.broken.get(ids[0]):
            raise error
        if status == "paused":
            self.paused += ids
        else:
            self.started += ids
        return await super().set_status(*args)


@pytest.fixture
def platform() -> Watched:
    return Watched()


@pytest.fixture
def house(platform: Watched) -> OneTenant:
    return OneTenant(platform, FakeAdapter("tiktok"), ACCOUNT_DAILY_BUDGET_CAPS="USD:100000")


def create(house: OneTenant, number: int, **more: Any) -> dict[str, Any]:
    return house.done(
        "create_campaign", request_body(**{"daily_budget": 10 + number, "activate": True, **more})
    )


def stop_all(house: OneTenant, **more: Any) -> dict[str, Any]:
    asked = {"scope": "deployment", "reason": "too dear", **more}
    return house.ask("stop_all", asked, person="anna")


def test_those_that_run_are_paused_before_those_whose_state_is_not_known(
    house: OneTenant, platform: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stopping, "_CONCURRENT", 1)
    made = [create(house, number, activate=number % 2 == 0) for number in range(6)]
    for item in made:  # somebody started them all
        platform.change(item["platform_campaign_id"], status="active")
    answer = stop_all(house)
    assert len(answer["paused"]) == 6
    running = {item["platform_campaign_id"] for item in made[::2]}
    assert set(platform.paused[:3]) == running


@pytest.mark.parametrize("account", ["act_1", "1", "ACT_1"])
def test_the_account_is_named_in_any_spelling(house: OneTenant, account: str) -> None:
    made = create(house, 1)
    answer = stop_all(house, scope="account", platform="meta", account=account)
    assert answer["paused"] == [made["campaign_id"]]


def test_five_at_once_are_paused(house: OneTenant, platform: Watched) -> None:
    for number in range(8):
        create(house, number)
    assert len(stop_all(house)["paused"]) == 8
    assert platform.most_at_once == 5


def test_each_pause_is_on_record_with_the_person_and_the_reason(house: OneTenant) -> None:
    made = create(house, 1)
    answer = stop_all(house)
    assert (answer["scope"], answer["left"], answer["failed"]) == ("deployment", 0, [])
    assert answer["message"] == "paused 1 campaign, 0 were paused before"
    record = house.done("get_audit", {"campaign_id": made["campaign_id"]})["records"][-1]
    assert (record["operation"], record["after"]) == ("set_status", {"status": "paused"})
    assert (record["actor"], record["reason"]) == ("user:anna", "too dear")


def test_an_error_of_ours_at_one_campaign_leaves_the_others_stopped(
    house: OneTenant, platform: Watched
) -> None:
    odd, refused, other = (create(house, number) for number in range(3))
    platform.broken[odd["platform_campaign_id"]] = ZeroDivisionError()
    platform.broken[refused["platform_campaign_id"]] = PlatformRejectedError("no", platform="meta")
    answer = stop_all(house)
    assert (answer["status"], answer["paused"]) == ("partial", [other["campaign_id"]])
    codes = {item["id"]: item["error"]["code"] for item in answer["failed"]}
    assert codes == {odd["campaign_id"]: "1000", refused["campaign_id"]: "1001"}
    assert answer["message"] == "paused 1 campaign, 0 were paused before; 2 could not be paused, see failed"


def test_what_is_deleted_needs_no_stop(house: OneTenant) -> None:
    gone, other = create(house, 1), create(house, 2)
    house.done("manage_campaign", {"campaign_id": gone["campaign_id"], "action": "delete", "confirm": True})
    answer = stop_all(house)
    assert (answer["paused"], answer["already_paused"]) == ([other["campaign_id"]], [])


def test_a_campaign_that_was_made_elsewhere_is_stopped_too(house: OneTenant, platform: Watched) -> None:
    theirs = platform.elsewhere("Summer", 30)
    house.done("import_campaigns", {"all": True, "platform": "meta"})
    stop_all(house, scope="platform", platform="tiktok")
    assert platform.node(theirs).status == "active"
    assert len(stop_all(house, scope="account", platform="meta", account="act_1")["paused"]) == 1
    assert platform.node(theirs).status == "paused"


@pytest.mark.parametrize("scope", [{"scope": "tenant", "tenant": "u"}, {"scope": "deployment"}])
def test_campaigns_from_before_tags_were_kept_are_stopped_too(
    house: OneTenant, scope: dict[str, str]
) -> None:
    """The list of their tenant has them; the tenant is named, or known by another campaign."""
    old, tagged = create(house, 1), create(house, 2)
    for name, rows in house.table._partitions.items():
        if name.startswith("tags#"):
            for key in [key for key, row in rows.items() if row.get("campaign_id") == old["campaign_id"]]:
                del rows[key]
    assert set(stop_all(house, **scope)["paused"]) == {old["campaign_id"], tagged["campaign_id"]}


def test_a_tenant_without_any_tag_is_stopped_by_name(house: OneTenant) -> None:
    made = create(house, 1)
    for name in [name for name in house.table._partitions if name.startswith("tags#")]:
        del house.table._partitions[name]
    assert stop_all(house, scope="tenant", tenant="u")["paused"] == [made["campaign_id"]]


class StoppedMeanwhile(FakeAdapter):
    """A platform that is asked for an account while an operator stops all campaigns of a scope."""

    house: OneTenant

    def __init__(self) -> None:
        super().__init__("meta")
        self.scope: dict[str, Any] | None = None
        self.stopped: dict[str, Any] = {}

    async def describe_account(self, access: Any) -> Any:
        if scope := self.scope:
            self.scope = None
            self.stopped = await self.house.ask_async("stop_all", {"reason": "too dear", **scope})
        return await super().describe_account(access)


@pytest.fixture
def racing() -> StoppedMeanwhile:
    platform = StoppedMeanwhile()
    platform.house = OneTenant(platform, FakeAdapter("tiktok"), ACCOUNT_DAILY_BUDGET_CAPS="USD:100000")
    return platform


@pytest.mark.parametrize(
    "scope",
    [
        {"scope": "deployment"},
        {"scope": "platform", "platform": "meta"},
        {"scope": "account", "platform": "meta", "account": "1"},
        {"scope": "tenant", "tenant": "u"},
    ],
)
def test_a_creation_whose_account_was_not_known_at_the_stop_ends_paused(
    racing: StoppedMeanwhile, scope: dict[str, Any]
) -> None:
    racing.scope = scope
    made = create(racing.house, 1)
    assert racing.stopped["status"] == "success"
    assert racing.node(made["platform_campaign_id"]).status == "paused"
    assert (made["campaign_status"], made["warnings"]) == ("paused", [STARTS_STOPPED])
    # A person may start it, and what begins after the stop runs.
    racing.house.done("manage_campaign", {"campaign_id": made["campaign_id"], "action": "start"})
    assert racing.node(made["platform_campaign_id"]).status == "active"
    assert create(racing.house, 2)["campaign_status"] == "active"


def test_a_start_that_ended_before_the_stop_is_not_repeated_after_it(house: OneTenant) -> None:
    """The state machine asks for the last step again where its answer was lost."""
    made = create(house, 1)
    stop_all(house)
    asyncio.run(house.wiring.creation.run_step("activate", "u", made["campaign_id"]))
    assert house.adapter.node(made["platform_campaign_id"]).status == "paused"


def test_a_stop_that_cannot_be_noted_pauses_all_the_same(
    house: OneTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = create(house, 1)

    async def no_write(scope: str) -> None:
        raise StoreError("throttled")

    monkeypatch.setattr(house.wiring.switches._store, "stop", no_write)
    answer = stop_all(house)
    assert (answer["status"], answer["paused"]) == ("partial", [made["campaign_id"]])
    assert [(item["id"], item["error"]["code"]) for item in answer["failed"]] == [("deployment", "5002")]


def test_a_stop_whose_row_cannot_be_read_still_holds(house: OneTenant, platform: Watched) -> None:
    stop_all(house)
    house.table._partitions["stops"]["deployment"]["at"] = "no idea"
    assert create(house, 1)["campaign_status"] == "paused"
    stop_all(house)  # writes it anew
    assert create(house, 2)["campaign_status"] == "active"


@pytest.mark.parametrize(
    "scope",
    [
        {"scope": "platform", "platform": "tiktok"},
        {"scope": "account", "platform": "meta", "account": "act_2"},
        {"scope": "tenant", "tenant": "somebody"},
        {"scope": "deployment", "dry_run": True},
    ],
)
def test_a_stop_of_others_leaves_a_creation_that_goes_on(
    racing: StoppedMeanwhile, scope: dict[str, Any]
) -> None:
    racing.scope = scope
    assert create(racing.house, 1)["campaign_status"] == "active"


def stop_before_the_lease(house: OneTenant, monkeypatch: pytest.MonkeyPatch, stops: list[Any]) -> None:
    """Let a stop of all campaigns begin and end just before the next change takes its lease."""
    store = house.wiring.store
    take = store.begin_run_unchanged

    async def begin(*args: Any, **more: Any) -> bool:
        monkeypatch.setattr(store, "begin_run_unchanged", take)
        stops.append(await house.ask_async("stop_all", {"scope": "deployment", "reason": "too dear"}))
        return await take(*args, **more)

    monkeypatch.setattr(store, "begin_run_unchanged", begin)


def test_nothing_is_sent_of_a_start_under_way_at_the_stop(
    house: OneTenant, platform: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, stops = create(house, 1, activate=False), list[Any]()
    stop_before_the_lease(house, monkeypatch, stops)
    start = {"campaign_id": made["campaign_id"], "action": "start"}
    answer = house.ask("manage_campaign", start)
    assert stops[0]["already_paused"] == [made["campaign_id"]]
    assert platform.node(made["platform_campaign_id"]).status == "paused"
    assert (answer["status"], answer["error"]["code"]) == ("error", "5004")
    assert platform.started == []
    house.done("manage_campaign", start)  # asked for after the stop
    assert platform.node(made["platform_campaign_id"]).status == "active"


def test_an_undo_of_a_pause_under_way_at_the_stop_starts_nothing(
    house: OneTenant, platform: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, stops = create(house, 1), list[Any]()
    asked = {"campaign_id": made["campaign_id"]}
    paused = house.done("manage_campaign", {**asked, "action": "pause"})
    platform.started.clear()
    stop_before_the_lease(house, monkeypatch, stops)
    answer = house.done("undo_change", {**asked, "run_id": paused["run_id"]})
    assert stops[0]["status"] == "success"
    (left,) = answer["not_restored"]
    assert "all campaigns were stopped" in left["reason"]
    assert platform.started == []


def stop_within(house: OneTenant, monkeypatch: pytest.MonkeyPatch, part: Any, name: str) -> None:
    """Let a stop of all campaigns begin and end after the next call of the method `name` of a part."""
    call = getattr(part, name)

    async def with_stop(*args: Any, **more: Any) -> Any:
        monkeypatch.setattr(part, name, call)
        found = await call(*args, **more)
        await house.ask_async("stop_all", {"scope": "deployment", "reason": "too dear"})
        await asyncio.sleep(0.002)  # what comes next is of a later millisecond
        return found

    monkeypatch.setattr(part, name, with_stop)


def test_a_creation_that_is_stopped_as_its_start_is_sent_is_kept_paused(
    house: OneTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stopping, "_SECONDS", -1.0)  # the stop does not reach it
    stop_within(house, monkeypatch, house.wiring.creation._steps._journal, "check_start")
    made = create(house, 1)
    assert (made["campaign_status"], made["warnings"]) == ("paused", [STARTS_STOPPED])


def test_a_start_that_came_in_before_the_stop_and_was_read_after_it_starts_nothing(
    house: OneTenant, platform: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = create(house, 1, activate=False)
    stop_within(house, monkeypatch, house.wiring.campaigns, "known")
    answer = house.ask("manage_campaign", {"campaign_id": made["campaign_id"], "action": "start"})
    assert (answer["error"]["code"], platform.started) == ("5004", [])


def test_a_copy_whose_original_is_read_at_the_stop_ends_paused(
    house: OneTenant, platform: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = create(house, 1)
    stop_within(house, monkeypatch, platform, "read_tree")
    copy = house.done("duplicate_campaign", {"campaign_id": made["campaign_id"], "activate": True})
    assert (copy["campaign_status"], copy["warnings"][-1]) == ("paused", STARTS_STOPPED)


def test_a_creation_that_was_approved_before_the_stop_and_is_opened_after_it_ends_paused(
    house: OneTenant, platform: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = request_body(daily_budget=20, activate=True, mode="propose")
    proposal_id = house.ask("create_campaign", asked)["proposal_id"]

    async def later(proposal: Any, **_: Any) -> Any:
        return proposal

    with monkeypatch.context() as busy:
        busy.setattr(house.wiring.proposal_execution, "carry_out", later)
        house.done("approve_proposal", {"proposal_ids": [proposal_id]}, person="boss")
    stop_all(house)
    after = clock.now() + timedelta(minutes=3)
    monkeypatch.setattr(clock, "now", lambda: after)
    assert asyncio.run(house.wiring.proposal_execution.sweep(time.monotonic() + 60))["carried_on"] == 1
    proposal = house.done("get_proposal", {"proposal_id": proposal_id})["proposal"]
    (campaign_id,) = proposal["campaign_ids"]
    assert house.status(campaign_id)["campaign"]["status"] == "paused"
    assert proposal["note"].endswith(STARTS_STOPPED)
    assert platform.started == []


def test_a_creation_whose_approval_came_in_before_the_stop_ends_paused(
    house: OneTenant, platform: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = request_body(daily_budget=20, activate=True, mode="propose")
    proposal_id = house.ask("create_campaign", asked)["proposal_id"]
    stop_within(house, monkeypatch, house.wiring.proposals, "load")
    house.done("approve_proposal", {"proposal_ids": [proposal_id]}, person="boss")
    assert platform.started == []


def test_a_pause_with_an_end_that_was_asked_for_before_the_stop_lasts_on(
    house: OneTenant, platform: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = create(house, 1)
    until = clock.iso(clock.now() + timedelta(hours=8))
    stop_within(house, monkeypatch, house.wiring.control._resumes, "paused_by")
    asked = {"campaign_id": made["campaign_id"], "action": "pause", "until": until}
    answer = house.done("manage_campaign", asked)
    assert (answer["resumes_at"], answer["warnings"]) == (None, [PAUSE_LASTS])
    campaign = asyncio.run(house.wiring.campaigns.load_created("u", made["campaign_id"]))
    assert campaign.resume is None


@pytest.mark.parametrize("is_reached", [True, False])
def test_a_pause_that_was_to_end_lasts_on_after_a_stop(
    house: OneTenant, platform: Watched, monkeypatch: pytest.MonkeyPatch, is_reached: bool
) -> None:
    made = create(house, 1)
    until = clock.iso(clock.now() + timedelta(hours=8))
    house.done("manage_campaign", {"campaign_id": made["campaign_id"], "action": "pause", "until": until})
    if not is_reached:
        monkeypatch.setattr(stopping, "_SECONDS", -1.0)
    assert stop_all(house)["left"] == (not is_reached)
    later = clock.now() + timedelta(hours=9)
    monkeypatch.setattr(clock, "now", lambda: later)
    asyncio.run(house.wiring.reconciler.visit("u", made["campaign_id"]))
    assert platform.node(made["platform_campaign_id"]).status == "paused"


def test_the_end_of_a_pause_under_way_at_the_stop_starts_nothing(
    house: OneTenant, platform: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, stops = create(house, 1), list[Any]()
    until = clock.iso(clock.now() + timedelta(hours=8))
    house.done("manage_campaign", {"campaign_id": made["campaign_id"], "action": "pause", "until": until})
    later = clock.now() + timedelta(hours=9)
    monkeypatch.setattr(clock, "now", lambda: later)
    campaign = asyncio.run(house.wiring.campaigns.load_created("u", made["campaign_id"]))
    stop_before_the_lease(house, monkeypatch, stops)
    platform.started.clear()
    with pytest.raises(ConflictError):
        asyncio.run(house.wiring.reconciler._resumes.carry_out(campaign))
    assert platform.started == []
    assert stops[0]["status"] == "success"
    assert platform.node(made["platform_campaign_id"]).status == "paused"
