"""Every kind of row that the table holds: an older version's row of it is read, or a reason says why not.

tests/fixtures/stored_rows.json is read by tests/property/test_stored_rows.py. stored_rows_later.json holds
the kinds that came after it, as the module stored them on 2026-11-28; neither is ever written again.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import Awaitable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pytest

from campaign_automation.adapters.limits.state import State
from campaign_automation.models.common import Level
from campaign_automation.models.notices import Digest
from campaign_automation.models.notices.events import PersonNeeded
from campaign_automation.stores.audit_store import AuditStore
from campaign_automation.stores.operations.call_limits import CallLimitStore
from campaign_automation.stores.operations.daily_figures import DailyFigureStore
from campaign_automation.stores.operations.events import NewEvent, write_with_events
from campaign_automation.stores.operations.forecasts import Calibration, ForecastStore
from campaign_automation.stores.operations.metrics import MetricStore
from campaign_automation.stores.operations.monthly_budgets import MonthlyBudgetStore
from campaign_automation.stores.operations.redrives import RedriveStore
from campaign_automation.stores.operations.requests import RequestStore
from campaign_automation.stores.operations.schedules import DueRuns, TableScheduler
from campaign_automation.stores.operations.switches import SwitchStore
from campaign_automation.stores.operations.tags import TagStore
from campaign_automation.stores.operations.webhooks import WebhookStore
from campaign_automation.stores.proposal_store import ProposalStore
from campaign_automation.stores.table import Put, Row
from campaign_automation.stores.tenant_store import TenantStore
from tests.support.memory_table import MemoryTable

T = TypeVar("T")
ROOT = Path(__file__).parents[3]
STORES = ROOT / "layers/shared/campaign_automation/stores"
OLD: list[dict[str, Any]] = json.loads((ROOT / "tests/fixtures/stored_rows.json").read_text())["rows"]
LATER: list[dict[str, Any]] = json.loads((ROOT / "tests/fixtures/stored_rows_later.json").read_text())["rows"]
CAMPAIGN = "cmp_8b49d75f79804edc8824"


class Kind(NamedTuple):
    """A kind of row: the store that writes it, and its keys."""

    store: str
    pk: str
    sk: str


KINDS = {
    "campaign": Kind("campaign_store", r"[^#]+#campaign#cmp_\w+", "campaign"),
    "copy": Kind("campaign_store", r"[^#]+#campaign#cmp_\w+", r"creative#.+"),
    "object": Kind("campaign_store", r"[^#]+#campaign#cmp_\w+", r"object#\w+#.+"),
    "message": Kind("message_store", r"[^#]+#campaign#cmp_\w+", r"outbox#\d{6}"),
    "document": Kind("campaign_store", r"[^#]+#campaign#cmp_\w+", r"part#\w+#[0-9a-f]{16}#\d{4}"),
    "list": Kind("campaign_store", r"[^#]+#campaigns", r"cmp_\w+"),
    "pointer": Kind("campaign_store", r"[^#]+#platform#.+", "pointer"),
    "asset": Kind("campaign_store", r"[^#]+#asset#.+", "asset"),
    "account": Kind("campaign_store", r"[^#]+#account#.+", "account"),
    "budget": Kind("campaign_store", r"[^#]+#budgets#.+", r"cmp_\w+"),
    "visit": Kind("operations/visits", r"[^#]+#campaign#cmp_\w+", "campaign"),
    "audit": Kind("audit_store", r"[^#]+#audit#cmp_\w+", r"\d{13}-.+#\d"),
    "open change": Kind("audit_store", r"[^#]+#open#cmp_\w+", r"\d{13}-.+"),
    "dated change": Kind("audit_store", r"[^#]+#trail#\d{4}-\d\d-\d\d", r"\d{13}-.+"),
    "request": Kind("operations/requests", "request#.+", r"[^#]+#cmp_\w+"),
    "answer": Kind("answer_store", r"[^#]+#key#.+", "claim"),
    "digest": Kind("digest_store", r"[^#]+#digest#cmp_\w+", "digest"),
    "insight": Kind("insight_store", r"[^#]+#insights#.+", r"\d{4}-\d\d-\d\d"),
    "notice": Kind("notice_store", r"[^#]+#notice#.+", r"outbox#000001"),
    "rule": Kind("rule_store", r"[^#]+#rules", r"rule_\w+"),
    "version": Kind("rule_store", r"[^#]+#rule#rule_\w+", r"version#.+"),
    "tick": Kind("rule_store", r"[^#]+#rule#rule_\w+", r"tick#.+"),
    "notified": Kind("rule_store", r"[^#]+#rule#rule_\w+", "told"),
    "test": Kind("ab_test_store", r"[^#]+#test#abt_\w+", "test"),
    "look": Kind("ab_test_store", r"[^#]+#test#abt_\w+", r"look#\w+#.+"),
    "user": Kind("tenant_store", r"[^#]+#tenant", "web_platform"),
    "limit": Kind("operations/call_limits", r"limits#\w+", ".+"),
    "counts": Kind("operations/metrics", "metrics", "[0-7]"),
    "switch": Kind("operations/switches", "switches", "is#.+"),
    "change of a switch": Kind("operations/switches", "switches", r"log#.+"),
    "cap": Kind("operations/switches", "caps", "is#.+"),
    "change of a cap": Kind("operations/switches", "caps", r"log#.+"),
    "stop": Kind("operations/switches", "stops", ".+"),
    "tag": Kind("operations/tags", r"tags#\w+:.+", r"ca-\w+"),
    "search": Kind("operations/tags", r"tags#\w+:.+", "account"),
    "owner": Kind("operations/owners", r"tags#\w+:.+", r"imported#.+"),
    "forecast": Kind("operations/forecasts", r"[^#]+#forecasts#cmp_\w+", r"\d{13}-.+"),
    "calibration": Kind("operations/forecasts", r"[^#]+#calibration", ".+"),
    "figures": Kind("operations/daily_figures", r"[^#]+#figures#cmp_\w+", r"\w+#\d{4}-\d\d-\d\d#\d{3}"),
    "collection": Kind("operations/daily_figures", r"[^#]+#collections", r"\w+:[^#]+#\w+"),
    "monthly budget": Kind("operations/monthly_budgets", r"[^#]+#monthly_budgets", "[^#]+"),
    "notification settings": Kind("operations/webhooks", r"[^#]+#notifications", "settings"),
    "sequence": Kind("operations/events", r"[^#]+#sequences", r"cmp_\w+|-"),
    "event": Kind("operations/webhooks", r"[^#]+#webhook", r"event#\d{13}#.+"),
    "schedule": Kind("operations/schedules", r"#schedules#\w+", ".+"),
    "redrive": Kind("operations/redrives", "redrives", r"[\w-]+"),
    "proposal": Kind("proposal_store", r"[^#]+#proposals", r"prop_\w+"),
    "driver": Kind("operations/schedules", "#schedules", "driver"),
}
WITHOUT = {
    "digest": "A version of the module with other shapes reads the campaign itself; the row expires.",
    "document": "A piece of a text, which has no form of its own; the whole is read as the campaign's.",
    "visit": "Attributes of the campaign's row; the row without them is the old one, and is read.",
}


def kind_of(row: dict[str, Any]) -> set[str]:
    pk, sk = (row[name]["S"] if isinstance(row[name], dict) else row[name] for name in ("pk", "sk"))
    return {
        name for name, kind in KINDS.items() if re.fullmatch(kind.pk, pk) and re.fullmatch(kind.sk, sk)
    } - {"visit"}


def test_each_stored_row_is_of_one_kind() -> None:
    for row in [*OLD, *LATER]:
        assert len(kind_of(row)) == 1, row


def test_each_kind_has_an_old_row_or_a_reason() -> None:
    held = {kind for row in [*OLD, *LATER] for kind in kind_of(row)}
    assert held | set(WITHOUT) == set(KINDS)
    assert not held & set(WITHOUT)


def test_each_store_that_writes_has_its_kinds() -> None:
    """A new store comes with a kind here, and so with a row in a fixture."""
    writing = {
        str(path.relative_to(STORES).with_suffix(""))
        for path in STORES.rglob("*.py")
        if re.search(r"\b(Put|Update)\(", path.read_text()) and path.parent.name != "engines"
    }
    # campaign_rows makes the operations that campaign_store writes.
    assert writing - {"table", "campaign_rows"} == {kind.store for kind in KINDS.values()}


# --- the kinds that came later ---------------------------------------------------------------------------


def run(awaitable: Awaitable[T]) -> T:
    async def main() -> T:
        return await awaitable

    return asyncio.run(main())


@pytest.fixture
def table() -> MemoryTable:
    table = MemoryTable()
    run(table._write([Put(plain(row)) for row in LATER]))  # past `write`, which would number them again
    return table


def plain(row: dict[str, Any]) -> Row:
    return {name: _plain(value) if isinstance(value, dict) else value for name, value in row.items()}


def _plain(value: dict[str, str]) -> Decimal | bytes:
    return Decimal(value["$decimal"]) if "$decimal" in value else base64.b64decode(value["$bytes"])


def test_switches_and_caps_are_read_with_their_changes(table: MemoryTable) -> None:
    store = SwitchStore(table)
    for switches in (run(store.all()), run(store.changes(9))):
        assert [(item.scope, item.is_on, item.actor) for item in switches] == [("all", True, "operator_1")]
    for caps in (run(store.caps()), run(store.cap_changes(9))):
        assert [(item.name, item.daily_budget) for item in caps] == [("act_1", Decimal("120.50"))]


def test_stops_of_all_campaigns_are_read(table: MemoryTable) -> None:
    store = SwitchStore(table)
    assert run(store.stopped_since(1795866780000)) == {"account:meta:1"}
    assert run(store.stopped_since(1795866780001)) == set()


def test_counts_are_summed_up(table: MemoryTable) -> None:
    totals = run(MetricStore(table).totals())
    assert dict(totals.counts) == {"rt|create": 2, "rq|get_audit|success": 1}
    assert totals.gauges == {"ar": Decimal(3)}


def test_limits_of_calls_are_read(table: MemoryTable) -> None:
    state, version = run(CallLimitStore(table).load("meta", "act_1"))
    assert version == 1
    assert State.model_validate(state) == State()


def test_the_user_of_a_tenant_is_read(table: MemoryTable) -> None:
    assert run(TenantStore(table).web_platform_user("u")) == "77"


def test_owners_of_an_account_are_read(table: MemoryTable) -> None:
    store = TagStore(table)
    known = run(store.known("meta", "act_1"))
    assert known.tags == {"ca-ayf6cz47wf": ("u", CAMPAIGN)}
    assert known.imported == {"120": ("u", "cmp_0123456789abcdef0123")}
    assert run(store.accounts()) == ["tags#meta:act_1"]


def test_a_forecast_is_read_with_its_verdict_and_what_it_taught(table: MemoryTable) -> None:
    store = ForecastStore(table)
    (stored,) = run(store.since("u", CAMPAIGN, 0))
    assert (stored.forecast.run_id, stored.forecast.first_day) == ("run_1", date(2026, 11, 10))
    assert stored.forecast.units[0].daily_budget == Decimal("30.5")
    assert stored.verdict is not None
    assert (stored.verdict.verdict, stored.in_trail) == ("held", False)
    assert run(store.calibration("u", "act_1")) == Calibration(1, 1, 1)


def test_schedules_are_read_and_when_the_next_is_due(table: MemoryTable) -> None:
    store = TableScheduler(table, "rules")
    assert run(store.names()) == {"rule-1"}
    assert run(store.tick("rule-1")) == {"tenant": "u", "rule_id": "rule_1"}
    assert run(DueRuns(table).next_due()) is not None
    run(store.is_driven())  # the time of the last driver is read, whenever that was


def test_daily_figures_are_read_and_when_they_are_collected(table: MemoryTable) -> None:
    store = DailyFigureStore(table)
    day = date(2026, 11, 20)
    (block,) = run(store.read("u", CAMPAIGN, Level.ADSET, day, day)).values()
    (row,) = block.rows
    assert (block.first, block.last) == (date(2026, 11, 8), date(2026, 11, 27))
    assert (row.day, row.spend, row.clicks, row.revenue) == (day, Decimal("12.34"), 20, None)
    collection = run(store.collection("u", "meta:act_1#daily"))
    assert (collection.next_at, collection.failure) == (1795932000000, "4002: meta did not answer in time")


def test_notification_settings_and_events_are_read(table: MemoryTable) -> None:
    store = WebhookStore(table)
    settings, failing = run(store.settings("u"))
    assert (settings.webhook_url, settings.channels) == ("https://example.com/hooks", ["webhook"])
    assert (settings.digest, settings.secrets[0].secret) == (Digest(at="07:30"), "whsec_AAAA")
    assert failing == (1795856510014, "HTTP 503")
    notice, typed = run(store.events("u"))
    assert (notice.event_id, notice.kind, notice.data) == ("rule_1-1-x", "notice", {"title": "t"})
    assert (typed.kind, typed.about["sequence"], typed.taken) == ("needs_person", 3, {"bus"})


def test_monthly_budgets_are_read(table: MemoryTable) -> None:
    (stored,) = run(MonthlyBudgetStore(table).all("u"))
    assert (stored.budget.amount, stored.budget.campaign_ids) == (Decimal("2400"), [CAMPAIGN])
    assert stored.proposal_id == "prop_1795824000000bb9d5c7f0e3a"


def test_the_number_of_a_campaigns_latest_event_is_read(table: MemoryTable) -> None:
    data = PersonNeeded(category="ad_rejected", title="t", message="m")
    event = NewEvent("u", "id", data, "system", "c", campaign_id=CAMPAIGN)
    assert run(write_with_events(table, [], [event]))
    assert run(WebhookStore(table).events("u"))[-1].about["sequence"] == 4


def test_a_change_that_is_open_is_read(table: MemoryTable) -> None:
    (record,) = run(AuditStore(table).recent("u", CAMPAIGN, 10**13 - 1, open_since=0))
    assert (record.campaign_id, record.outcome) == (CAMPAIGN, "unknown")


def test_a_call_that_was_made_again_is_read(table: MemoryTable) -> None:
    redrive = run(RedriveStore(table).find("4d6e1f6e-0c53-4a2b-8f8e-2f1d9f5f3b10"))
    assert redrive is not None
    assert (redrive.actor, redrive.is_sent) == ("user:ann", True)


def test_changes_are_found_by_their_day_and_campaigns_by_a_request(table: MemoryTable) -> None:
    (record,) = run(AuditStore(table).of_day("u", date(2026, 12, 18), since="0", limit=9))
    assert (record.campaign_id, record.outcome) == (CAMPAIGN, "unknown")
    assert run(RequestStore(table).campaigns("7f2c-1", 9)) == [("u", CAMPAIGN)]


def test_a_proposal_is_read_with_its_plan_and_its_receipts(table: MemoryTable) -> None:
    (proposal,) = run(ProposalStore(table).page("u", "", 9))
    assert (proposal.state, proposal.decided_by) == ("verified", "user:boss")
    (planned,) = proposal.plan.runs
    assert {(item.field, item.before, item.after) for item in planned.changes} == {
        ("daily_budget", "30", "40.00")
    }
    assert [item.outcome for item in proposal.receipts] == ["applied"] * 3
