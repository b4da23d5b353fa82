"""The platform's own end of a test, lifted: the tree does not show it, so its answer is recorded."""

from __future__ import annotations

from typing import Any

import pytest

from campaign_automation.adapters.base import Outcome
from campaign_automation.managers.changes.items import new_run
from campaign_automation.managers.shared import switches
from campaign_automation.models.campaign import Campaign
from campaign_automation.models.changes import AuditRecord
from campaign_automation.models.common import Level
from campaign_automation.utils import clock, retry_strategy
from campaign_automation.utils.error_handler import (
    GuardRefusedError,
    PlatformError,
    PlatformRateLimitError,
    PlatformRejectedError,
    PlatformUnavailableError,
    StoreError,
)
from tests.support.builders import request_body
from tests.support.fake_adapter import FakeAdapter
from tests.support.one_tenant import OneTenant

END = "2031-06-01T00:00:00Z"


class Ending(FakeAdapter):
    """A platform whose changes of settings get these answers first; None is a change that is carried out."""

    def __init__(self, platform: str = "meta") -> None:
        super().__init__(platform)
        self.answers: list[PlatformError] = []
        self.sent: list[tuple[Level, list[str]]] = []

    async def change_setting(self, *args: Any) -> list[Outcome]:
        _, _, _, level, ids, _ = args
        self.sent.append((level, list(ids)))
        if not self.answers:
            return await super().change_setting(*args)
        error = self.answers.pop(0)
        if error.details.get("outcome_unknown"):
            raise error
        return [Outcome(item, error=error) for item in ids]


class House(OneTenant):
    """One campaign with an end, whose first ad set won a test."""

    def __init__(self, **request: Any) -> None:
        self.platform = Ending()
        super().__init__(self.platform)
        made = self.done("create_campaign", request_body(**{"end_time": END, **request}))
        self.campaign_id: str = made["campaign_id"]
        self.adsets: list[dict[str, Any]] = made["adsets"]

    def lift(self) -> None:
        self.run(self._lift)

    async def _lift(self) -> None:
        winner = self.adsets[0]["adset_id"]
        await self.wiring.gate.lift_end(await self.campaign(), winner, new_run("user:u", "won"))

    async def campaign(self) -> Campaign:
        campaign = await self.wiring.store.campaign("u", self.campaign_id)
        assert campaign is not None
        return campaign

    def recorded(self) -> list[AuditRecord]:
        trail = self.run(lambda: self.wiring.audit.page("u", self.campaign_id))
        return [record for record in trail if record.operation == "lift_end"]

    def ends(self) -> list[Any]:
        return [self.platform.node(item["platform_adset_id"]).ends_at for item in self.adsets]


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> None:
    async def at_once(_: float) -> None:
        return None

    monkeypatch.setattr(retry_strategy, "_sleep", at_once)


def unanswered() -> PlatformError:
    return PlatformUnavailableError("no answer", platform="meta", outcome_unknown=True)


def rejected() -> PlatformError:
    return PlatformRejectedError("not now", platform="meta")


def throttled() -> PlatformError:
    return PlatformRateLimitError("slow down", platform="meta", retry_after=600)


def test_the_winner_runs_on_and_the_others_keep_their_end() -> None:
    house = House()
    winner = house.adsets[0]
    house.lift()
    first, *others = house.ends()
    assert first is None
    assert {clock.iso(end) for end in others} == {END}
    assert house.platform.sent == [(Level.ADSET, [winner["platform_adset_id"]])]
    (record,) = house.recorded()
    assert (record.entity_id, record.outcome, record.error) == (winner["adset_id"], "applied", None)
    assert (record.after, record.reason, record.actor) == ({"ends_at": None}, "won", "user:u")
    assert (record.before or {})["ends_at"].startswith("2031-06-01")


def test_where_campaigns_have_the_budgets_the_campaigns_end_is_lifted() -> None:
    house = House()
    house.platform.budget_level = Level.CAMPAIGN
    house.lift()
    root = house.run(house.campaign).root
    assert house.platform.sent == [(Level.CAMPAIGN, [root.platform_id])]
    assert house.recorded()[0].entity_id == root.tag


@pytest.mark.parametrize(
    ("answers", "outcome"),
    [
        pytest.param([rejected()], "failed", id="refused"),
        pytest.param([unanswered(), rejected()], "unknown", id="refused_after_a_try_without_an_answer"),
        pytest.param([throttled()] * 9, "unknown", id="passing_failure"),
    ],
)
def test_an_end_that_was_not_lifted_is_called_failed_only_when_that_is_known(
    answers: list[PlatformError], outcome: str
) -> None:
    house = House()
    house.platform.answers = list(answers)
    with pytest.raises(PlatformError) as failure:
        house.lift()
    (record,) = house.recorded()
    assert record.outcome == outcome
    assert (record.error or {}).get("code") == (failure.value.code if outcome == "failed" else None)
    assert {clock.iso(end) for end in house.ends()} == {END}
    # Nobody is held up by it: the campaign is free, and asking again lifts the end.
    house.platform.answers = []
    house.lift()
    assert house.ends()[0] is None
    assert sorted(item.outcome for item in house.recorded()) == ["applied", outcome]


def test_a_passing_failure_is_tried_again() -> None:
    house = House()
    house.platform.answers = [unanswered()]
    house.lift()
    assert len(house.platform.sent) == 2
    assert house.recorded()[0].outcome == "applied"


def test_nothing_is_sent_where_no_end_stands() -> None:
    without_end = House(end_time=None)
    without_end.lift()
    unable = House()
    unable.platform.has_end_times = False
    unable.lift()
    for house in (without_end, unable):
        assert (house.platform.sent, house.recorded()) == ([], [])


@pytest.mark.parametrize("is_readable", [True, False])
def test_a_switch_holds_it_back_and_the_winner_stops_at_its_end(
    is_readable: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The switch comes on while the test ends; the next write would let the winner spend on."""
    house = House()

    async def down(*_: Any, **__: Any) -> None:
        raise StoreError("down")

    monkeypatch.setattr(switches, "FRESH_SECONDS", -1.0)
    if is_readable:
        house.done("set_kill_switch", {"scope": "deployment", "is_on": True, "reason": "stop"})
    else:
        monkeypatch.setattr(house.wiring.switches, "_refresh", down)
    with pytest.raises(GuardRefusedError):
        house.lift()
    assert (house.platform.sent, house.recorded()) == ([], [])
