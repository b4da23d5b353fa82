"""The lease of a campaign: whose it is, what its holder finds, and how it ends beside other processes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from campaign_automation.managers.changes import leases, records, wording
from campaign_automation.managers.changes.items import Run, new_run
from campaign_automation.managers.changes.leases import CampaignLeases, Held
from campaign_automation.models.campaign import Campaign, ObjectEntry
from campaign_automation.models.common import Level
from campaign_automation.utils.error_handler import ConflictError
from tests.support.builders import request_body
from tests.support.one_tenant import OneTenant

SECONDS = 60
OTHER = "run_other"


class House(OneTenant):
    """One campaign, and the leases of campaigns."""

    def __init__(self) -> None:
        super().__init__()
        self.id = self.done("create_campaign", request_body())["campaign_id"]
        self.leases = CampaignLeases(self.wiring.store, self.wiring.outbox)

    async def campaign(self) -> Campaign:
        found = await self.wiring.store.campaign("u", self.id)
        assert found is not None
        return found

    async def begin(self, run_id: str) -> str | None:
        return await self.wiring.store.begin_run(await self.campaign(), run_id, SECONDS)


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setattr(leases, "_WAIT_SECONDS", 0.02)
    monkeypatch.setattr(leases, "_POLL_SECONDS", 0.01)
    return House()


def run() -> Run:
    return new_run("a person", "a test")


def renamed(campaign: Campaign, name: str) -> ObjectEntry:
    return campaign.made(Level.ADSET)[0].model_copy(update={"name": name})


def first_name(campaign: Campaign) -> str:
    return campaign.made(Level.ADSET)[0].name


def test_a_run_has_its_own_lease_again_and_no_other_run_does(house: House) -> None:
    async def scenario() -> list[str | None]:
        return [await house.begin(name) for name in ("run_1", "run_1", OTHER)]

    assert house.run(scenario) == [None, None, "run_1"]


def test_a_campaign_that_another_run_keeps_may_be_asked_for_again_in_a_moment(house: House) -> None:
    async def scenario() -> None:
        await house.begin(OTHER)
        async with house.leases.held(await house.campaign(), run()):
            raise AssertionError("two runs have the campaign")

    with pytest.raises(ConflictError) as refused:
        house.run(scenario)
    assert refused.value.message == wording.BUSY
    assert refused.value.retryable
    assert refused.value.details["retry_after"] == 2
    assert refused.value.details["run_id"] == OTHER


def test_a_run_that_waited_finds_what_the_one_before_it_stored(house: House) -> None:
    async def scenario() -> str:
        loaded = await house.campaign()
        other = Run(OTHER, "a person", "a test", 0)
        async with house.leases.held(await house.campaign(), other) as held:
            held.saw([renamed(loaded, "Renamed")])
        async with house.leases.held(loaded, run()):
            return first_name(loaded)

    assert house.run(scenario) == "Renamed"


@pytest.mark.parametrize("is_own", [True, False])
def test_a_run_follows_one_that_died_and_never_itself(house: House, is_own: bool) -> None:
    async def scenario() -> str | None:
        mine = run()
        before = mine.run_id if is_own else OTHER
        campaign = await house.campaign()
        await house.begin(before)
        await house.wiring.store.renew_run(campaign, before, -1, stops=True)  # its time is over
        async with house.leases.held(await house.campaign(), mine) as held:
            return held.follows

    assert house.run(scenario) == (None if is_own else OTHER)


def test_a_message_takes_the_next_number_where_another_process_took_its_own(house: House) -> None:
    async def scenario() -> list[int]:
        campaign = await house.campaign()
        before = max(entry.number for entry in campaign.outbox)
        async with house.leases.held(campaign, run()) as held:
            taken = house.wiring.outbox.change(campaign)
            assert taken is not None
            await house.wiring.store.save_messages(campaign, [taken])
            held.saw([renamed(campaign, "Renamed")])
        after = await house.campaign()
        assert first_name(after) == "Renamed"
        return [entry.number - before for entry in after.outbox if entry.number > before]

    assert house.run(scenario) == [1, 2]


def test_a_run_that_lost_its_lease_ends_without_an_error_and_stores_nothing(house: House) -> None:
    async def scenario() -> tuple[str, str | None]:
        campaign = await house.campaign()
        name = first_name(campaign)
        async with house.leases.held(campaign, run()) as held:
            held.saw([renamed(campaign, "Renamed")])
            await house.wiring.store.take_run(campaign, OTHER, SECONDS)
        after = await house.campaign()
        assert first_name(after) == name
        return OTHER, after.run_id

    ours, theirs = house.run(scenario)
    assert ours == theirs


def test_a_run_without_its_lease_sends_nothing_and_says_why(house: House) -> None:
    async def scenario() -> None:
        campaign = await house.campaign()
        async with house.leases.held(campaign, run()) as held:
            await house.wiring.store.take_run(campaign, OTHER, SECONDS)
            await house.leases.renew(held)

    with pytest.raises(ConflictError, match=wording.STOPPED) as lost:
        house.run(scenario)
    assert not lost.value.retryable


@pytest.mark.parametrize("stop", ["pause", None])
def test_a_stop_that_is_asked_for_holds_up_every_run_but_one_that_stops(house: House, stop: Any) -> None:
    async def scenario() -> None:
        campaign = await house.campaign()
        async with house.leases.held(campaign, run(), stop) as held:
            await house.wiring.store.request_stop(campaign, "pause")
            await house.leases.renew(held)

    if stop is None:
        with pytest.raises(ConflictError, match=wording.STOPPED):
            house.run(scenario)
    else:
        house.run(scenario)


def test_changes_that_are_concluded_in_turn_are_all_told_of(house: House) -> None:
    async def scenario() -> list[str]:
        held = Held(await house.campaign(), run())
        record = records.target_set(held.campaign, held.run, "roas", None, Decimal(2))
        for outcome in ("applied", "failed", "applied"):
            held.concluded([record.model_copy(update={"outcome": outcome})])
        return [concluded.outcome for concluded in held.applied]

    assert house.run(scenario) == ["applied", "applied"]


def test_a_run_tells_of_what_one_that_died_concluded_and_of_no_other_run(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[set[str]] = []

    async def manage(action: str) -> str:
        answer = await house.ask_async("manage_campaign", {"campaign_id": house.id, "action": action})
        return str(answer["run_id"])

    async def dies(_: CampaignLeases, held: Held) -> None:
        told.append({record.run_id for record in held.applied})

    async def scenario() -> set[str]:
        await manage("start")
        monkeypatch.setattr(CampaignLeases, "_end", dies)
        dead = await manage("pause")
        campaign = await house.campaign()
        await house.wiring.store.renew_run(campaign, dead, -1, stops=True)  # its time is over
        await house.wiring.gate.settle(await house.campaign(), run())
        return {dead}

    expected = house.run(scenario)
    assert told == [expected, expected]
