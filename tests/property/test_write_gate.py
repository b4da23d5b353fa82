"""The write gate on platforms in memory: caps end to end, ownership, dead runs, two at once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from campaign_automation.adapters.base import Access, Outcome
from campaign_automation.managers.changes.gate import WriteGate
from campaign_automation.managers.changes.guards import Limits
from campaign_automation.managers.changes.history import ChangeHistory
from campaign_automation.managers.changes.items import ChangeResult, DesiredChange, new_run
from campaign_automation.managers.changes.leases import CampaignLeases
from campaign_automation.managers.changes.targets import TargetChanges
from campaign_automation.models.campaign import Creation
from campaign_automation.models.changes import AuditRecord, ChangeUndone, UndoChange
from campaign_automation.models.common import Context, Level
from campaign_automation.settings import parse_settings
from campaign_automation.stores import lease
from campaign_automation.stores.engines.sqlite import SqliteTable
from campaign_automation.stores.table import Table
from campaign_automation.utils import clock, retry_strategy
from campaign_automation.utils.error_handler import (
    ConflictError,
    PlatformAuthError,
    PlatformError,
    PlatformQuotaError,
    PlatformRateLimitError,
    PlatformRejectedError,
    PlatformUnavailableError,
)
from campaign_automation.wiring import Wiring
from tests.support.builders import request_body
from tests.support.cuts import cut
from tests.support.fake_adapter import FakeAdapter
from tests.support.one_tenant import SETTINGS
from tests.support.parts import campaign_of, gate_with
from tests.support.table import empty_table
from tests.support.web_platform import MemoryWebPlatform

WIDE = {"ACCOUNT_DAILY_BUDGET_CAPS": "USD:1000000"}
LIMITS = Limits(Decimal(50), Decimal(50), {"USD": Decimal(150)}, False)


class House:
    """One tenant's campaigns on a platform in memory, with a gate of given limits.

    Without a table of its own it works in that of the environment's settings.
    """

    def __init__(self, table: Table | None = None) -> None:
        if table is None:
            empty_table()
        self.adapter = FakeAdapter("meta")
        self.web_platform = MemoryWebPlatform()
        settings = None if table is None else parse_settings({**SETTINGS, **WIDE})
        self.wiring = Wiring(
            settings, mcp_client=self.web_platform, adapters={"meta": self.adapter}, table=table
        )

    def create(self, **changes: Any) -> Creation:
        from campaign_automation.capability import run_action

        body = request_body(**{"daily_budget": 90, "name": f"C{len(self.web_platform.campaigns)}", **changes})
        answer = asyncio.run(run_action(self.wiring, "create_campaign", body, {"user_id": "u"}))
        assert answer["status"] == "success", answer
        return self.load(answer["campaign_id"])

    def load(self, campaign_id: str) -> Creation:
        creation = asyncio.run(self.wiring.store.load("u", campaign_id))
        assert creation is not None
        return creation

    def gate(self, limits: Limits = LIMITS) -> WriteGate:
        wiring = self.wiring
        return gate_with(wiring, limits)

    def apply(
        self, creation: Creation, wanted: Sequence[DesiredChange], limits: Limits = LIMITS, **more: Any
    ) -> list[ChangeResult]:
        run = new_run("user:u", "test")
        return asyncio.run(
            self.gate(limits).apply(campaign_of(self.wiring, creation.campaign_id), wanted, run, **more)
        )

    def audit(self, creation: Creation) -> list[AuditRecord]:
        trail = asyncio.run(self.wiring.audit.page("u", creation.campaign_id))
        return [record for record in trail if record.operation != "create"]

    def budget(self, creation: Creation, tag: str) -> Decimal:
        return Decimal(self.adapter.node(creation.objects[tag].platform_id or "").daily_budget)


@pytest.fixture(params=cut(["dynamodb", "sqlite"], "sqlite"))
def house(request: pytest.FixtureRequest, tmp_path: Path) -> House:
    if request.param == "sqlite":
        return House(SqliteTable(tmp_path / "store.db"))
    request.getfixturevalue("module_settings")
    return House()


@pytest.fixture(autouse=True)
def real_time() -> Iterator[None]:
    yield
    asyncio.run(clock.synchronise(None))


def start(creation: Creation) -> list[DesiredChange]:
    return [
        DesiredChange(level, entry.tag, "status", "active")
        for level in (Level.AD, Level.ADSET, Level.CAMPAIGN)
        for entry in creation.objects.values()
        if entry.level is level
    ]


def budget(creation: Creation, amount: str, index: int = 0) -> DesiredChange:
    assert creation.plan is not None
    return DesiredChange(Level.ADSET, creation.plan.adsets[index].tag, "daily_budget", Decimal(amount))


def reasons(items: Sequence[ChangeResult]) -> list[str]:
    return [item.reason.partition(":")[0] for item in items]


# --- caps ----------------------------------------------------------------------------------------------


def test_the_step_cap_stands_at_the_gate(house: House) -> None:
    creation = house.create()
    (item,) = house.apply(creation, [budget(creation, "45.01")])
    assert (item.result, reasons([item])) == ("skipped", ["step_cap"])
    (item,) = house.apply(creation, [budget(creation, "45")])
    assert (item.result, house.budget(creation, item.wanted.tag)) == ("changed", 45)


def test_the_day_cap_counts_every_change_of_24_hours(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    creation = house.create()
    assert house.apply(creation, [budget(creation, "40")])[0].result == "changed"
    assert reasons(house.apply(creation, [budget(creation, "45.01")])) == ["day_cap"]
    assert house.apply(creation, [budget(creation, "45")])[0].result == "changed"
    now = clock.now_ms()
    monkeypatch.setattr(
        "campaign_automation.managers.changes.gate.now_ms", lambda: now + 24 * 3600 * 1000 + 60_000
    )
    assert house.apply(creation, [budget(creation, "60")])[0].result == "changed"


def test_taking_back_a_change_of_ours_is_whole_within_account_cap_and_switch(house: House) -> None:
    creation = house.create(daily_budget=360)
    wide = LIMITS._replace(account_caps={"USD": Decimal(1000)})
    assert {item.result for item in house.apply(creation, start(creation), wide)} == {"changed"}
    (lowered,) = house.apply(creation, [budget(creation, "69.83")], wide)
    tag, run_id = lowered.wanted.tag, house.audit(creation)[-1].run_id
    assert house.budget(creation, tag) == Decimal("69.83")

    def undo(limits: Limits) -> ChangeUndone:
        wiring = house.wiring
        targets = TargetChanges(wiring.store, wiring.audit)
        history = ChangeHistory(wiring.campaigns, wiring.audit, house.gate(limits), targets)
        request = UndoChange(campaign_id=creation.campaign_id, run_id=run_id)
        return asyncio.run(history.undo(request, Context(user_id="u")))

    for limits, guard in (
        (wide._replace(is_stopped=True), "kill_switch"),
        (wide._replace(account_caps={"USD": Decimal(330)}), "account_cap"),
    ):
        refused = undo(limits)
        assert [item.reason.partition(":")[0] for item in refused.not_restored] == [guard]
        assert house.budget(creation, tag) == Decimal("69.83")
    assert undo(wide).not_restored == []
    assert house.budget(creation, tag) == 120
    assert reasons(house.apply(creation, [budget(creation, "200")], wide)) == ["step_cap"]


def test_the_account_cap_counts_all_active_campaigns(house: House) -> None:
    first, second = house.create(), house.create()
    assert {item.result for item in house.apply(first, start(first))} == {"changed"}
    items = house.apply(second, start(second))
    assert set(reasons(items)) == {"account_cap"}
    paused = [DesiredChange(Level.CAMPAIGN, first.plan.tag, "status", "paused")]  # type: ignore[union-attr]
    house.apply(first, paused)
    assert {item.result for item in house.apply(second, start(second))} == {"changed"}


def test_a_raise_of_an_active_campaign_is_held_by_the_account_cap_and_a_cut_is_not(house: House) -> None:
    creation = house.create()
    limits = LIMITS._replace(account_caps={"USD": Decimal(91)})
    house.apply(creation, start(creation), limits)
    items = house.apply(
        creation, [budget(creation, "20"), budget(creation, "45", 1), budget(creation, "30.5", 2)], limits
    )
    # Together they would be over the cap, so what raises waits; what lowers is done.
    assert [item.result for item in items] == ["changed", "skipped", "skipped"]


def test_creation_passes_the_same_caps(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    from campaign_automation.capability import run_action

    for limits, guard in (
        (LIMITS._replace(is_stopped=True), "kill_switch"),
        (LIMITS._replace(account_caps={}), "limit_missing"),
        (LIMITS._replace(account_caps={"USD": Decimal(80)}), "account_cap"),
    ):
        monkeypatch.setattr(house.wiring.gate, "_limits", limits)
        monkeypatch.setattr(house.wiring.commitments, "_limits", limits)
        body = request_body(daily_budget=90, activate=True)
        answer = asyncio.run(run_action(house.wiring, "create_campaign", body, {"user_id": "u"}))
        assert answer["error"]["code"] == "4005", answer
        assert answer["error"]["details"]["guard"] == guard
        assert "create_campaign" not in house.adapter.calls


def test_with_the_kill_switch_on_only_what_lowers_spend_passes(house: House) -> None:
    creation = house.create()
    house.apply(creation, start(creation))
    stopped = LIMITS._replace(is_stopped=True)
    tag = creation.plan.tag  # type: ignore[union-attr]
    assert reasons(house.apply(creation, [budget(creation, "31")], stopped)) == ["kill_switch"]
    assert house.apply(creation, [budget(creation, "20")], stopped)[0].result == "changed"
    for value in ("paused", "deleted"):
        other = house.create(activate=False, name=value)
        assert set(reasons(house.apply(other, start(other), stopped))) == {"kill_switch"}
        wanted = [DesiredChange(Level.CAMPAIGN, other.plan.tag, "status", value)]  # type: ignore[union-attr]
        assert house.apply(other, wanted, stopped)[0].result in ("changed", "already")
    (item,) = house.apply(creation, [DesiredChange(Level.CAMPAIGN, tag, "status", "paused")], stopped)
    assert item.result == "changed"


def test_budget_changes_beyond_a_fifth_are_marked_sensitive(house: House) -> None:
    creation = house.create()
    house.apply(creation, [budget(creation, "36"), budget(creation, "20", 1)])
    assert [record.sensitive for record in house.audit(creation)] == [False, True]


# --- ownership -----------------------------------------------------------------------------------------


def test_a_budget_changed_by_hand_is_left_once_and_then_ours_again(house: House) -> None:
    creation = house.create()
    node = creation.objects[creation.plan.adsets[0].tag].platform_id or ""  # type: ignore[union-attr]
    house.adapter.change(node, daily_budget=Decimal(33))
    assert reasons(house.apply(creation, [budget(creation, "36")])) == ["changed_by_other"]
    assert house.apply(creation, [budget(creation, "36")])[0].result == "changed"


def test_pausing_is_never_held_back_by_a_change_of_somebody_else(house: House) -> None:
    creation = house.create()
    tag = creation.plan.tag  # type: ignore[union-attr]
    house.adapter.change(creation.objects[tag].platform_id or "", status="active")
    (item,) = house.apply(creation, [DesiredChange(Level.CAMPAIGN, tag, "status", "paused")])
    assert item.result == "changed"


# --- when something dies on the way --------------------------------------------------------------------


class Died(BaseException):
    """The function was killed: nothing of it runs any more."""


@pytest.mark.parametrize("came_through", [True, False])
def test_a_run_that_died_after_sending_is_settled_by_the_next_one(
    house: House, monkeypatch: pytest.MonkeyPatch, came_through: bool
) -> None:
    creation = house.create()
    tag = creation.plan.adsets[0].tag  # type: ignore[union-attr]
    real = house.adapter.set_status

    async def dies(access: Access, level: Level, ids: Sequence[str], status: str) -> list[Outcome]:
        if came_through:
            await real(access, level, ids, status)
        raise Died

    async def nothing(*_: Any, **__: Any) -> None:
        return None

    monkeypatch.setattr(house.adapter, "set_status", dies)
    with monkeypatch.context() as dead:
        dead.setattr(CampaignLeases, "_end", nothing)  # a dead process gives nothing back
        with pytest.raises(Died):
            house.apply(creation, [DesiredChange(Level.ADSET, tag, "status", "active")])
    monkeypatch.setattr(house.adapter, "set_status", real)
    assert [record.outcome for record in house.audit(creation)] == ["unknown"]
    monkeypatch.setattr("campaign_automation.managers.changes.leases._WAIT_SECONDS", 0.3)
    with pytest.raises(ConflictError):  # its claim still stands
        house.apply(creation, [budget(creation, "31", 1)])
    over = lease.machine_now() + 61
    monkeypatch.setattr(lease, "time", SimpleNamespace(time=lambda: over))
    house.apply(creation, [budget(creation, "31", 1)])
    assert house.audit(creation)[0].outcome == ("applied" if came_through else "failed")


def test_an_outcome_that_nobody_could_read_back_stays_unknown(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    creation = house.create()
    real, reads = house.adapter.read_tree, iter([True])

    async def fails_later(*args: Any, **options: Any) -> Any:
        if next(reads, False):
            return await real(*args, **options)
        raise PlatformUnavailableError("down", platform="meta", retryable=False)

    monkeypatch.setattr(house.adapter, "read_tree", fails_later)
    (item,) = house.apply(creation, [budget(creation, "31")])
    assert item.result == "changed"
    assert [record.outcome for record in house.audit(creation)] == ["unknown"]
    monkeypatch.setattr(house.adapter, "read_tree", real)
    house.apply(creation, [budget(creation, "31")])
    assert [record.outcome for record in house.audit(creation)] == ["applied"]


@pytest.mark.parametrize("in_parts", [False, True])
def test_a_request_without_an_answer_is_settled_though_the_next_one_was_refused(
    house: House, monkeypatch: pytest.MonkeyPatch, in_parts: bool
) -> None:
    """The platform may carry the first request out after it refused the second."""
    creation = house.create()
    tag = creation.plan.adsets[0].tag  # type: ignore[union-attr]
    unanswered = PlatformUnavailableError("no answer", platform="meta", outcome_unknown=True)
    refused = PlatformRejectedError("not now", platform="meta")
    answers = iter([unanswered, refused])

    async def not_at_once(_: Access, __: Level, ids: Sequence[str], ___: str) -> list[Outcome]:
        error = next(answers)
        if error is unanswered and not in_parts:
            raise error
        return [Outcome(item, error=error) for item in ids]

    async def at_once(_: float) -> None:
        return None

    monkeypatch.setattr(retry_strategy, "_sleep", at_once)
    with monkeypatch.context() as patch:
        patch.setattr(house.adapter, "set_status", not_at_once)
        (item,) = house.apply(creation, [DesiredChange(Level.ADSET, tag, "status", "active")])
    assert item.error is refused
    assert [record.outcome for record in house.audit(creation)] == ["unknown"]
    house.adapter.change(creation.objects[tag].platform_id or "", status="active")
    house.apply(creation, [])
    assert [record.outcome for record in house.audit(creation)] == ["applied"]
    assert house.load(creation.campaign_id).objects[tag].status == "active"


@pytest.mark.parametrize("is_first_unanswered", [True, False])
def test_the_end_of_a_split_that_was_never_answered_is_not_called_failed(
    house: House, monkeypatch: pytest.MonkeyPatch, is_first_unanswered: bool
) -> None:
    """A try without an answer may still be carried out, whatever the next one was answered."""
    creation = house.create()
    first = PlatformUnavailableError("no answer", platform="meta", outcome_unknown=is_first_unanswered)
    answers = iter([first, PlatformRejectedError("not now", platform="meta")])

    async def not_at_once(*_: Any) -> None:
        raise next(answers)

    async def at_once(_: float) -> None:
        return None

    monkeypatch.setattr(retry_strategy, "_sleep", at_once)
    monkeypatch.setattr(house.adapter, "end_split", not_at_once)
    campaign = campaign_of(house.wiring, creation.campaign_id)
    with pytest.raises(PlatformRejectedError):
        asyncio.run(house.gate().end_split(campaign, campaign.root.tag, new_run("user:u", "test")))
    expected = "unknown" if is_first_unanswered else "failed"
    assert [record.outcome for record in house.audit(creation)] == [expected]


def test_a_platform_that_hangs_is_cut_off_in_time_and_settled_later(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    creation = house.create()
    real = house.adapter.set_budgets

    async def hangs(*args: Any) -> Any:
        await real(*args)
        await asyncio.sleep(30)

    monkeypatch.setattr(house.adapter, "set_budgets", hangs)
    gate = house.gate()
    monkeypatch.setattr(gate, "_seconds", 1.5)
    campaign = campaign_of(house.wiring, creation.campaign_id)
    with pytest.raises(PlatformUnavailableError, match="in time"):
        asyncio.run(gate.apply(campaign, [budget(creation, "31")], new_run("user:u", "test")))
    assert [record.outcome for record in house.audit(creation)] == ["unknown"]
    monkeypatch.setattr(house.adapter, "set_budgets", real)
    (item,) = house.apply(creation, [budget(creation, "31", 1)])  # the campaign is free again
    assert item.result == "changed"
    assert [record.outcome for record in house.audit(creation)] == ["applied", "applied"]


def test_what_the_platform_did_not_take_over_is_a_failure_whatever_it_answered(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    creation = house.create()

    async def says_yes(access: Access, level: Level, ids: Sequence[str], status: str) -> list[Outcome]:
        return [Outcome(item, item) for item in ids]

    monkeypatch.setattr(house.adapter, "set_status", says_yes)
    tag = creation.plan.adsets[0].tag  # type: ignore[union-attr]
    (item,) = house.apply(creation, [DesiredChange(Level.ADSET, tag, "status", "active")])
    assert item.result == "failed"
    (record,) = house.audit(creation)
    assert (record.outcome, record.read_back) == ("failed", {"status": "paused"})


def test_two_at_once_do_not_get_past_the_caps(house: House) -> None:
    creation = house.create()
    gate = house.gate()

    async def both() -> list[list[ChangeResult]]:
        wanted = [[budget(creation, "40")], [budget(creation, "50")]]
        runs = [
            gate.apply(
                await house.wiring.store.campaign("u", creation.campaign_id), item, new_run("user:u", "t")
            )  # type: ignore[arg-type]
            for item in wanted
        ]
        return await asyncio.gather(*runs)

    results = asyncio.run(both())
    assert sorted(item.result for items in results for item in items) == ["changed", "skipped"]


def test_the_trail_is_append_only(house: House) -> None:
    creation = house.create()
    house.apply(creation, [budget(creation, "31")])
    (record,) = house.audit(creation)
    forged = record.model_copy(update={"actor": "somebody"})
    asyncio.run(house.wiring.audit.conclude([forged]))
    assert house.audit(creation) == [record]


def test_a_dry_run_passes_the_caps_and_writes_nothing(house: House) -> None:
    creation = house.create()
    items = house.apply(creation, [budget(creation, "31"), budget(creation, "99", 1)], dry_run=True)
    assert [item.result for item in items] == ["planned", "skipped"]
    assert "set_budgets" not in house.adapter.calls
    assert house.audit(creation) == []


# --- a campaign that the platform does not show -----------------------------------------------------------


def running(house: House) -> Creation:
    creation = house.create()
    assert {item.result for item in house.apply(creation, start(creation))} == {"changed"}
    return house.load(creation.campaign_id)


def stop(creation: Creation, status: str) -> list[DesiredChange]:
    assert creation.plan is not None
    return [DesiredChange(Level.CAMPAIGN, creation.plan.tag, "status", status)]


def committed(house: House, creation: Creation) -> Decimal | None:
    assert creation.account is not None
    found = asyncio.run(house.wiring.store.committed("u", creation.account.platform_account_id))
    return found.get(creation.campaign_id)


def test_pausing_what_is_not_shown_is_sent_and_frees_nothing(house: House) -> None:
    creation = running(house)
    house.adapter.is_hidden = True
    (item,) = house.apply(creation, stop(creation, "paused"))
    assert (item.result, item.confirmed) == ("changed", False)
    assert house.adapter.node(creation.objects[item.wanted.tag].platform_id or "").status == "paused"
    assert committed(house, creation) == 90
    assert house.audit(creation)[-1].outcome == "unknown"
    house.adapter.is_hidden = False
    house.apply(creation, [])  # the platform shows it again: the pause is settled, the cap is free
    assert (house.audit(creation)[-1].outcome, committed(house, creation)) == ("applied", None)


@pytest.mark.parametrize(
    "error",
    [
        PlatformAuthError("fake: the account is closed", platform="fake", code="1004"),
        PlatformUnavailableError("fake: its lists are down", platform="fake", retryable=False),
        PlatformRateLimitError("fake: no more reads", platform="fake", retry_after=7200),
        PlatformQuotaError("fake: no more reads today", platform="fake", retry_after=7200),
    ],
)
def test_a_read_that_fails_hinders_no_pause_and_every_other_change(
    house: House, error: PlatformError
) -> None:
    creation = running(house)
    house.adapter.read_fails_with = error
    with pytest.raises(type(error)):
        house.apply(creation, [budget(creation, "20")])
    (item,) = house.apply(creation, stop(creation, "paused"))
    assert (item.result, item.confirmed) == ("changed", False)
    assert house.adapter.node(creation.objects[item.wanted.tag].platform_id or "").status == "paused"
    house.adapter.read_fails_with = None
    house.apply(creation, [])
    assert (house.audit(creation)[-1].outcome, committed(house, creation)) == ("applied", None)


@pytest.mark.parametrize("status", ["paused", "deleted"])
def test_a_platform_that_refuses_what_it_does_not_show_says_so(house: House, status: str) -> None:
    creation = running(house)
    house.adapter.is_hidden = house.adapter.is_closed = True
    (item,) = house.apply(creation, stop(creation, status))
    assert (item.result, item.error and item.error.code) == ("failed", "5000")
    assert (house.load(creation.campaign_id).state, committed(house, creation)) == ("created", 90)


def test_a_removal_that_the_platform_took_counts_though_nothing_shows_it(house: House) -> None:
    creation = running(house)
    house.adapter.is_hidden = True
    (item,) = house.apply(creation, stop(creation, "deleted"))
    assert (item.result, item.confirmed) == ("changed", True)
    assert (house.load(creation.campaign_id).state, committed(house, creation)) == ("deleted", None)
    assert house.audit(creation)[-1].outcome == "applied"


def test_nothing_but_a_stop_is_sent_to_what_is_not_shown(house: House) -> None:
    creation = running(house)
    house.adapter.is_hidden = True
    (item,) = house.apply(creation, [budget(creation, "20")])
    assert (item.result, item.error and item.error.code) == ("failed", "5000")
    assert house.budget(creation, item.wanted.tag) == 30


def test_ad_sets_of_colleagues_count_for_the_account_cap(house: House) -> None:
    creation = running(house)
    like = house.adapter.node(creation.made(Level.ADSET)[0].platform_id or "")
    theirs = like.model_copy(update={"platform_id": "900", "daily_budget": Decimal(55)})
    house.adapter.add(campaign_of(house.wiring, creation.campaign_id).root_id, theirs)
    (item,) = house.apply(creation, [budget(creation, "40")])
    assert reasons([item]) == ["account_cap"]
    assert committed(house, creation) == 145
    house.adapter.change("900", status="paused")
    assert house.apply(creation, [budget(creation, "40")])[0].result == "changed"
    assert committed(house, creation) == 100
