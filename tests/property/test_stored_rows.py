"""Rows and executions as an earlier version stored them: every later version reads them and goes on.

tests/fixtures/stored_rows.json was written by the module before rows carried a schema number. It is never
written again; a new schema adds a file of its own.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Iterator
from datetime import date, datetime
from decimal import Decimal
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest

from campaign_automation.adapters.tree import AdNode, AdSetNode, CampaignNode
from campaign_automation.capability import run_action
from campaign_automation.managers.campaign_manager import Opened
from campaign_automation.managers.shared.idempotency import action_claim
from campaign_automation.models.campaign import Creation
from campaign_automation.models.common import AdAccount, Context, Level
from campaign_automation.steps import creation_step
from campaign_automation.stores import lease
from campaign_automation.stores.rule_store import RuleHead, Tick
from campaign_automation.stores.table import Put
from campaign_automation.tasks import reconcile_campaigns
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import ConflictError, NotFoundError
from campaign_automation.wiring import Wiring
from tests.support.fake_adapter import FakeAdapter
from tests.support.table import empty_table, kept_rows, put_back
from tests.support.web_platform import MemoryWebPlatform

T = TypeVar("T")
STORED: dict[str, Any] = json.loads((Path(__file__).parents[1] / "fixtures/stored_rows.json").read_text())
IDS: dict[str, str] = STORED["ids"]
TAKEN_AT: int = STORED["taken_at"]
KINDS = {"CampaignNode": CampaignNode, "AdSetNode": AdSetNode, "AdNode": AdNode}


def run(awaitable: Awaitable[T]) -> T:
    async def main() -> T:
        return await awaitable

    return asyncio.run(main())


def value_of(stored: dict[str, Any]) -> Any:
    """The value that DynamoDB's JSON describes."""
    [(kind, value)] = stored.items()
    if kind == "N":
        return Decimal(value)
    return base64.b64decode(value) if kind == "B" else value


class House:
    """The module over the stored rows, at the moment at which they were taken."""

    def __init__(self) -> None:
        self.adapter = FakeAdapter("meta")
        self.adapter._ids = count(1000)
        self.web_platform = MemoryWebPlatform()
        self.wiring = Wiring(mcp_client=self.web_platform, adapters={"meta": self.adapter})

    def load(self, name: str) -> Creation:
        creation = run(self.wiring.store.load("u", IDS[name]))
        assert creation is not None
        return creation

    def head(self, name: str) -> RuleHead:
        head = run(self.wiring._rule_store.head("u", IDS[name]))
        assert head is not None
        return head

    def tick(self, name: str, token: str = "later") -> Tick:
        return Tick(self.head(name), datetime.fromisoformat(IDS["tick"]), token)

    def action(self, action: str, parameters: dict[str, Any], **context: Any) -> dict[str, Any]:
        return run(run_action(self.wiring, action, parameters, {"user_id": "u", **context}))

    def bring_back(self, campaign: str) -> None:
        """The platform holds what it held of a campaign whose creation was under way."""
        objects = self.load(campaign).objects.values()
        known = {entry.platform_id for entry in objects}
        (root,) = (str(entry.platform_id) for entry in objects if entry.level is Level.CAMPAIGN)
        for item in STORED["platform_objects"]:
            if item["platform_id"] in known:
                self.adapter.add(root, KINDS[item["kind"]].model_validate(item))

    def step(self, execution: str, step: str) -> None:
        for payload in STORED["executions"][execution]["tasks"]:
            if payload["step"] == step:
                run(creation_step(self.wiring, payload))


def set_machine_time(patch: pytest.MonkeyPatch, seconds: int) -> None:
    patch.setattr(lease, "time", SimpleNamespace(time=lambda: seconds))


@pytest.fixture(scope="module")
def stored_rows(module_settings: None) -> Any:
    empty_table()
    table = Wiring(mcp_client=MemoryWebPlatform(), adapters={})._table
    for row in STORED["rows"]:
        # Past `write`, which would give the rows the number that they lack.
        run(table._write([Put({name: value_of(value) for name, value in row.items()})]))
    return kept_rows()


@pytest.fixture
def house(stored_rows: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    put_back(stored_rows)
    set_machine_time(monkeypatch, TAKEN_AT)
    yield House()
    asyncio.run(clock.synchronise(None))


def test_no_stored_row_has_a_schema_number_and_each_is_read_as_version_1(house: House) -> None:
    assert len(STORED["rows"]) > 150
    assert all("schema" not in row for row in STORED["rows"])
    for partition in {row["pk"]["S"] for row in STORED["rows"]}:
        assert {row["schema"] for row in run(house.wiring._table.query(partition))} == {1}


# --- campaigns -------------------------------------------------------------------------------------------


def test_a_campaign_is_loaded_with_plan_journal_copy_and_messages(house: House) -> None:
    creation = house.load("campaign")
    assert (creation.state, creation.revision, creation.run_id) == ("created", 2, None)
    assert creation.plan is not None
    assert creation.account is not None
    assert (len(creation.plan.adsets), len(creation.plan.ads), creation.account.currency) == (3, 3, "USD")
    assert len(creation.objects) == 7
    assert {entry.state for entry in creation.objects.values()} == {"created"}
    assert [(entry.tool, entry.sent) for entry in creation.outbox] == [
        ("create_campaign", True),
        ("update_campaign", True),
        ("update_campaign", True),
    ]
    assert set(creation.copies) == set(creation.creatives) == {"1"}
    assert (
        run(house.wiring.store.resolve("u", creation.platform_id(creation.plan.tag) or "")) == IDS["campaign"]
    )
    assert run(house.wiring.store.head("u", IDS["campaign"])) == ("created", 2, False)


def test_the_status_of_a_campaign_is_told(house: House) -> None:
    house.bring_back("campaign")
    status = house.action("get_campaign_status", {"campaign_id": IDS["campaign"]})
    assert status["status"] == "success", status
    assert len(status["adsets"]) == 3


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("failed", "rolled_back"),
        ("dry", "planned"),
        ("half", "creating"),
        ("deleted", "deleted"),
        ("test_campaign", "created"),
    ],
)
def test_campaigns_of_every_state_are_loaded(house: House, name: str, state: str) -> None:
    creation = house.load(name)
    assert creation.state == state
    assert (creation.failure is not None) == (state == "rolled_back")
    assert (creation.test is not None) == (name == "test_campaign")


def test_the_list_the_budgets_and_what_is_known_of_accounts_are_read(house: House) -> None:
    listed = run(house.wiring.store.campaigns("u"))
    assert {IDS["campaign"], IDS["waiting"], IDS["test_campaign"]} <= {item.campaign_id for item in listed}
    assert set(run(house.wiring.store.committed("u", "act_1"))) == {IDS["test_campaign"]}
    assert run(house.wiring.store.asset("u", "act_1", "ab" * 32)) == "asset-1"
    assert isinstance(run(house.wiring.store.kept_account("u", "act_1")), AdAccount)


def test_the_audit_trail_is_read_with_a_change_of_unknown_outcome(house: House) -> None:
    trail = run(house.wiring.audit.page("u", IDS["campaign"]))
    assert [record.outcome for record in trail] == ["applied"] * 11 + ["unknown"]
    paged = run(house.wiring.audit.page("u", IDS["campaign"], limit=3))
    paged += run(house.wiring.audit.page("u", IDS["campaign"], after=paged[-1].audit_id))
    assert paged == trail


def test_insights_are_read(house: House) -> None:
    reports = run(house.wiring.insights._store.since("u", "act_1", IDS["campaign"], date(2026, 11, 1)))
    assert [list(counts.values()) for counts in reports.values()] == [
        [0] + [3] * 8,
        [Decimal("12.5"), 4],
    ]


# --- leases ----------------------------------------------------------------------------------------------


def test_a_run_that_an_older_version_began_holds_until_its_time_is_over(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    creation, store = house.load("derived"), house.wiring.store
    assert creation.run_id == "run_dead"
    assert run(store.begin_run(creation, "run_new", 60)) == "run_dead"
    assert run(store.begin_run(creation, "run_dead", 60)) is None
    set_machine_time(monkeypatch, TAKEN_AT + 61)
    assert run(store.begin_run(creation, "run_new", 60)) is None
    assert not run(store.end_run(creation, "run_dead"))
    assert run(store.end_run(creation, "run_new"))
    assert house.load("derived").run_id is None


def test_a_delivery_that_an_older_version_began_holds_until_its_time_is_over(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    creation, store = house.load("waiting"), house.wiring.store
    assert run(store.claim_delivery(creation, 120)) is None
    set_machine_time(monkeypatch, TAKEN_AT + 121)
    assert run(store.claim_delivery(creation, 120)) is not None


def test_what_waits_is_delivered_in_time(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = run(house.wiring.store.pending(100))
    assert {item.kind for item in waiting} == {"campaign", "notice"}
    set_machine_time(monkeypatch, TAKEN_AT + 121)
    assert run(house.wiring.outbox.sweep()) == {"before": len(waiting), "after": 0}
    told = {"user_id": "u", "title": "T", "message": "m", "category": "system"}
    assert house.web_platform.notifications == [told]
    assert all(entry.sent for entry in house.load("waiting").outbox)


class StoppedExecutions:
    """The executions of an older version, all of which were stopped."""

    async def start(self, name: str, payload: dict[str, Any]) -> None:
        """One of that name was started before."""

    async def status(self, name: str) -> str:
        return "ABORTED"


@pytest.mark.parametrize("is_asked", [True, False])
def test_a_creation_from_before_the_reconciler_is_ended_once_somebody_asks(
    house: House, is_asked: bool
) -> None:
    house.bring_back("half")
    house.wiring.__dict__["_executions"] = StoppedExecutions()
    assert (house.load("half").due, house.load("half").state) == (None, "creating")
    assert run(house.wiring.reconciler.sweep()) == {}
    if is_asked:  # the same request under its key
        opened = Opened(IDS["half"], "meta", is_new=False)
        run(house.wiring.runner.run(opened, Context(user_id="u", wait_seconds=0)))
        assert run(house.wiring.reconciler.sweep()) == {"rolled_back": 1}
    else:
        event = {"tenant": "u", "campaign_id": IDS["half"]}
        assert run(reconcile_campaigns(house.wiring, event)) == {"outcome": "rolled_back"}
    assert house.load("half").state == "rolled_back"
    assert house.adapter.node_ids() == []


# --- rules and tests -------------------------------------------------------------------------------------


def test_rules_are_read_with_their_versions_runs_and_cooldowns(house: House) -> None:
    store = house.wiring._rule_store
    pause, notify, changed = (house.head(name) for name in ("pause_rule", "notify_rule", "changed_rule"))
    assert {head.rule_id for head in run(store.heads("u"))} == {
        pause.rule_id,
        notify.rule_id,
        changed.rule_id,
    }
    assert {key.rule_id for key in run(store.enabled())} == {pause.rule_id, notify.rule_id}
    assert (changed.version, changed.state, changed.rule.rule_name) == (2, "disabled", "keyed again")
    since = datetime.fromisoformat("2026-11-01T00:00:00Z")
    assert [result.outcome for result in run(store.runs(pause, since))] == ["done"]
    assert [result.outcome for result in run(store.runs(notify, since))] == ["done"]
    assert run(store.runs(changed, since)) == []
    assert len(run(store.notified_at(notify))) == 3
    assert run(store.notified_at(pause)) == {}


def test_a_tick_that_an_older_version_evaluated_has_its_result(house: House) -> None:
    standing = run(house.wiring._rule_store.claim(house.tick("pause_rule"), 120))
    assert standing is not None
    assert standing.result is not None
    assert standing.result.acted == 3


def test_a_tick_whose_evaluation_died_is_taken_over_in_time(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = house.head("changed_rule").model_copy(update={"version": 1})
    tick = house.tick("changed_rule")._replace(head=head)
    store = house.wiring._rule_store
    standing = run(store.claim(tick, 120))
    assert standing is not None
    assert standing.result is None
    set_machine_time(monkeypatch, TAKEN_AT + 121)
    assert run(store.claim(tick, 120)) is None


def test_a_test_is_read_with_its_looks(house: House) -> None:
    store = house.wiring._ab_test_store
    test = run(store.load("u", IDS["test"]))
    assert test is not None
    assert (test.state, test.campaign_id, test.told_at is not None) == ("running", IDS["test_campaign"], True)
    for unit in ("impressions", "clicks"):
        assert [look.day.day for look in run(store.looks(test, unit))] == [8, 11, 17]
    assert not run(store.tell(test, clock.now(), []))
    assert run(store.end(test, "finished", clock.now(), "over"))
    assert not run(store.end(test, "finished", clock.now(), "over"))


# --- idempotency -----------------------------------------------------------------------------------------


def test_a_repeated_action_gives_the_answer_stored_before(house: House) -> None:
    answer = house.action("manage_campaign", STORED["requests"]["manage_campaign"], idempotency_key="pause-1")
    assert answer == {
        **STORED["answers"]["manage_campaign"],
        "confirmed": True,
        "replayed": True,
        "resumes_at": None,
    }
    other = {**STORED["requests"]["manage_campaign"], "action": "start"}
    refused = house.action("manage_campaign", other, idempotency_key="pause-1")
    assert refused["error"]["code"] == "5004"
    assert house.adapter.calls == []


def test_a_repeated_creation_is_the_campaign_stored_before(house: House) -> None:
    request = STORED["requests"]["create_campaign"]
    assert (
        house.action("create_campaign", request, idempotency_key="given-1")["campaign_id"] == IDS["waiting"]
    )
    derived = STORED["requests"]["create_campaign_derived"]
    assert house.action("create_campaign", derived, session_id="s-1")["campaign_id"] == IDS["derived"]
    refused = house.action("create_campaign", {**request, "name": "Other"}, idempotency_key="given-1")
    assert refused["error"]["code"] == "5004"
    assert house.adapter.calls == []


def test_a_key_of_a_call_that_died_is_free_in_time(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def once() -> Any:
        request = Context(user_id="u")
        caller = Context(user_id="u", idempotency_key="running-1")
        claim = action_claim(caller, "a", request, derive=False)
        async with house.wiring.idempotency.once("u", claim, Context.model_validate_json) as once:
            assert once.answer is None
            once.answer = request
        return once.answer

    with pytest.raises(ConflictError):
        run(once())
    set_machine_time(monkeypatch, TAKEN_AT + 61)
    assert run(once()) == Context(user_id="u")


# --- executions of the state machine ---------------------------------------------------------------------


def test_a_creation_that_an_older_version_began_is_finished(house: House) -> None:
    house.bring_back("half")
    for step in ("create_ads", "read_back", "record"):
        house.step("made", step)
    creation = house.load("half")
    assert (creation.state, creation.recorded, creation.drift) == ("created", True, [])
    assert {entry.state for entry in creation.objects.values()} == {"created"}


def test_a_creation_that_an_older_version_began_is_undone(house: House) -> None:
    house.bring_back("half_failed")
    house.step("failed", "undo")
    creation = house.load("half_failed")
    assert creation.state == "rolled_back"
    assert creation.failure is not None
    assert creation.failure["code"] == "6005"
    assert house.adapter.node_ids() == []


def test_the_payload_of_every_step_is_understood(house: House) -> None:
    """For a campaign that is not there, so each gets as far as the store."""
    for execution in STORED["executions"].values():
        assert set(execution["input"]) == {"tenant", "campaign_id", "platform", "request_id"}
        for payload in execution["tasks"]:
            with pytest.raises(NotFoundError):
                run(creation_step(house.wiring, payload | {"campaign_id": "cmp_none"}))
