"""Audit records, whole: each field of a record is what an engineer on call finds the change by."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from campaign_automation.adapters.tree import AdNode, AdSetNode, CampaignNode, Tree
from campaign_automation.managers.changes import records
from campaign_automation.managers.changes.items import ChangeResult, DesiredChange, Field, Run
from campaign_automation.managers.shared.view import CampaignView
from campaign_automation.models.campaign import Campaign, Creation, ObjectEntry
from campaign_automation.models.changes import AuditRecord
from campaign_automation.models.common import Level
from campaign_automation.utils import observability
from campaign_automation.utils.error_handler import PlatformRejectedError, PlatformUnavailableError
from tests.support.builders import request_body
from tests.support.one_tenant import OneTenant

RUN = Run("run_1", "rule:r", "too dear", 0)
REFUSED = PlatformRejectedError("no", platform="meta", platform_request_id="req_9")
FAILED = {"outcome": "failed", "platform_request_id": "req_9"}
DONE = {"outcome": "applied", "platform_request_id": "req_8"}


@pytest.fixture(scope="module")
def creation() -> Creation:
    house = OneTenant()
    made = house.done("create_campaign", request_body(activate=True), request_id="req_1")
    found = house.run(lambda: house.wiring.store.load("u", made["campaign_id"]))
    assert isinstance(found, Creation)
    return found


@pytest.fixture
def campaign(creation: Creation) -> Campaign:
    found = creation.model_copy(deep=True).campaign()
    assert found is not None
    return found


@pytest.fixture(autouse=True)
def request_of_a_caller() -> Any:
    token = observability.request_id.set("req_2")
    yield
    observability.request_id.reset(token)


def first(campaign: Campaign, level: Level) -> ObjectEntry:
    return campaign.made(level)[0]


def shown(record: AuditRecord) -> dict[str, Any]:
    """Return the fields of a record but its id and its time, which differ each time."""
    assert record.audit_id
    assert record.at
    return record.model_dump(exclude={"audit_id", "at"}, exclude_defaults=True)


def of_run(campaign: Campaign, entry: ObjectEntry, operation: str, **more: Any) -> dict[str, Any]:
    values = {
        "run_id": "run_1",
        "tenant": "u",
        "campaign_id": campaign.campaign_id,
        "actor": "rule:r",
        "reason": "too dear",
        "operation": operation,
        "level": entry.level,
        "entity_id": entry.tag,
        "platform_id": entry.platform_id,
        "platform": "meta",
        "account": "act_1",
        "request_id": "req_2",
    }
    return {name: value for name, value in (values | more).items() if value is not None}


def of_creation(creation: Creation, entry: ObjectEntry, operation: str, **more: Any) -> dict[str, Any]:
    values = {
        "run_id": f"run_{creation.campaign_id}",
        "tenant": "u",
        "campaign_id": creation.campaign_id,
        "actor": creation.context.actor,
        "reason": "create_campaign",
        "operation": operation,
        "level": entry.level,
        "entity_id": entry.tag,
        "platform_id": entry.platform_id,
        "platform": "meta",
        "account": "act_1",
        "request_id": creation.context.request_id,
    }
    return {name: value for name, value in (values | more).items() if value is not None}


def result(entry: ObjectEntry, field: Field, value: str | Decimal, before: Any, **more: Any) -> ChangeResult:
    wanted = DesiredChange(entry.level, entry.tag, field, value, holds=bool(more.pop("holds", False)))
    return ChangeResult(wanted, entry, before, more.pop("result", "changed"), audit_id="a1", **more)


def tree(campaign: Campaign, **changes: Any) -> Tree:
    """Return the campaign as the platform shows it; `changes` are of its first ad set."""
    common = {"name": "N", "status": "active", "platform_status": "ACTIVE"}
    adsets = [
        AdSetNode(platform_id=item.platform_id or "", daily_budget=item.planned_budget, **common)
        for item in campaign.made(Level.ADSET)
    ]
    adsets[0] = adsets[0].model_copy(update=changes)
    ads = [
        AdNode(platform_id=item.platform_id or "", adset_id=adsets[0].platform_id, **common)
        for item in campaign.made(Level.AD)
    ]
    return Tree(campaign=CampaignNode(platform_id=campaign.root_id, **common), adsets=adsets, ads=ads)


# --- what is about to be sent -------------------------------------------------------------------------------


def test_the_intent_of_a_status_names_object_run_and_request(campaign: Campaign) -> None:
    entry = first(campaign, Level.ADSET)
    evidence = {entry.tag: {"cpa": 9}, "another": {"cpa": 1}}
    record = records.intended(
        campaign, RUN._replace(evidence=evidence), result(entry, "status", "paused", "active", holds=True)
    )
    assert record.audit_id == "a1"
    assert shown(record) == of_run(
        campaign,
        entry,
        "set_status",
        before={"status": "active"},
        after={"status": "paused"},
        holds=True,
        evidence={"cpa": 9},
    )


@pytest.mark.parametrize(
    ("before", "value", "sensitive"),
    [
        (Decimal(30), Decimal("36.00"), False),
        (Decimal(30), Decimal("36.01"), True),
        (None, Decimal(90), False),
    ],
)
def test_the_intent_of_a_budget_is_sensitive_beyond_a_fifth(
    campaign: Campaign, before: Decimal | None, value: Decimal, sensitive: bool
) -> None:
    entry = first(campaign, Level.ADSET).model_copy(update={"held": True})
    record = records.intended(campaign, RUN, result(entry, "daily_budget", value, before))
    assert shown(record) == of_run(
        campaign,
        entry,
        "set_budget",
        before={"daily_budget": None if before is None else str(before)},
        after={"daily_budget": str(value)},
        evidence={"held": True},
        sensitive=sensitive or None,
    )


@pytest.mark.parametrize(
    ("field", "value", "sensitive"),
    [("status", "deleted", True), ("bid_strategy", "target_cpa 5", True), ("name", "New", False)],
)
def test_removals_and_bids_are_sensitive(
    campaign: Campaign, field: Field, value: str, sensitive: bool
) -> None:
    entry = first(campaign, Level.AD)
    assert records.intended(campaign, RUN, result(entry, field, value, "x")).sensitive is sensitive


# --- outcomes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "outcome"),
    [
        ({}, "applied"),
        ({"result": "failed"}, "failed"),
        ({"result": "failed", "may_come": True}, "unknown"),
        ({"may_come": True}, "applied"),
        ({"confirmed": False}, "unknown"),
        ({"confirmed": False, "result": "failed"}, "unknown"),
    ],
)
def test_an_outcome_is_known_once_it_was_answered_or_seen(
    campaign: Campaign, more: dict[str, Any], outcome: str
) -> None:
    entry = first(campaign, Level.ADSET)
    item = result(entry, "status", "paused", "active", **more)
    record = records.concluded(records.intended(campaign, RUN, item), item, None)
    assert (record.outcome, record.read_back, record.error) == (outcome, None, None)
    assert (record.evidence, record.platform_request_id) == ({}, None)


def test_a_conclusion_keeps_what_was_read_refused_and_put_off(campaign: Campaign) -> None:
    entry = first(campaign, Level.ADSET)
    run = RUN._replace(evidence={entry.tag: {"cpa": 9}})
    view = CampaignView(campaign, tree(campaign, daily_budget=Decimal("41.5")))
    item = result(
        entry, "daily_budget", Decimal(50), Decimal(40), result="failed", error=REFUSED, effective="next_day"
    )
    record = records.concluded(records.intended(campaign, run, item), item, view)
    assert record.read_back == {"daily_budget": "41.5"}
    assert (record.error or {})["code"] == REFUSED.code
    assert record.platform_request_id == "req_9"
    assert record.evidence == {"cpa": 9, "effective": "next_day"}
    answered = records.concluded(record, item._replace(request_id="req_10", effective="now"), view)
    assert answered.platform_request_id == "req_10"


def intent(campaign: Campaign, field: Field, value: str | Decimal) -> AuditRecord:
    entry = first(campaign, Level.ADSET)
    before = Decimal(40) if isinstance(value, Decimal) else "active"
    run = RUN._replace(evidence={entry.tag: {"cpa": 9}})
    return records.intended(campaign, run, result(entry, field, value, before))


@pytest.mark.parametrize(
    ("changes", "field", "value", "outcome"),
    [
        ({"daily_budget": Decimal("25.0")}, "daily_budget", Decimal("25.00"), "applied"),
        ({"daily_budget": Decimal(40)}, "daily_budget", Decimal("25.00"), "failed"),
        ({"status": "paused"}, "status", "paused", "applied"),
        ({"status": "active"}, "status", "paused", "failed"),
    ],
)
def test_an_open_intent_is_settled_by_what_the_platform_shows(
    campaign: Campaign, changes: dict[str, Any], field: Field, value: Any, outcome: str
) -> None:
    record = records.settled(
        intent(campaign, field, value), CampaignView(campaign, tree(campaign, **changes))
    )
    assert (record.outcome, record.evidence) == (outcome, {"cpa": 9})
    assert record.read_back == {field: str(changes[field])}


@pytest.mark.parametrize(("scheduled", "outcome"), [(Decimal("25.0"), "applied"), (Decimal(26), "failed")])
def test_a_budget_that_waits_for_midnight_is_applied(
    campaign: Campaign, scheduled: Decimal, outcome: str
) -> None:
    view = CampaignView(campaign, tree(campaign, daily_budget=Decimal(40), scheduled_budget=scheduled))
    record = records.settled(intent(campaign, "daily_budget", Decimal("25.00")), view)
    assert (record.outcome, record.read_back) == (outcome, {"daily_budget": "40"})
    midnight = {"effective": "next_day"} if outcome == "applied" else {}
    assert record.evidence == {"cpa": 9, **midnight}
    paused = records.settled(intent(campaign, "status", "paused"), view)
    assert paused.outcome == "failed"  # a scheduled budget says nothing about a status


# --- creations ----------------------------------------------------------------------------------------------


def entry_of(creation: Creation, level: Level) -> ObjectEntry:
    return next(item for item in creation.objects.values() if item.level is level)


@pytest.mark.parametrize(("error", "more"), [(None, DONE), (REFUSED, FAILED)])
def test_a_created_ad_set_is_on_record_with_its_budget(
    creation: Creation, error: PlatformRejectedError | None, more: dict[str, Any]
) -> None:
    entry = entry_of(creation, Level.ADSET).model_copy(update={"request_id": "req_8"})
    record = records.created(creation, entry, error)
    budget = next(item.daily_budget for item in creation.planned()[0].adsets if item.tag == entry.tag)
    after = {"name": entry.name, "status": "paused", "daily_budget": str(budget)}
    found = shown(record)
    assert found.pop("error", {}).get("code") == (error and error.code)
    assert found == of_creation(creation, entry, "create", after=after, **more)
    assert record.audit_id == f"{creation.created_at:013d}-1-{entry.tag}-{entry.attempts}"


def test_a_created_ad_is_on_record_with_ad_set_and_creative_and_a_split_by_its_name(
    creation: Creation,
) -> None:
    entry = entry_of(creation, Level.AD)
    ad = next(item for item in creation.planned()[0].ads if item.tag == entry.tag)
    after = {
        "name": entry.name,
        "status": "paused",
        "adset": ad.adset_tag,
        "creative_id": ad.creative_id,
    }
    assert records.created(creation, entry, None).after == after
    split = entry.model_copy(update={"level": Level.SPLIT, "name": "Split"})
    assert records.created(creation, split, None).after == {"name": "Split"}


def test_records_of_one_creation_sort_parents_before_children(creation: Creation) -> None:
    made = [records.created(creation, item, None) for item in creation.objects.values()]
    by_id = [record.level for record in sorted(made, key=lambda record: record.audit_id)]
    assert by_id == sorted(by_id, key=list(Level).index)


def test_the_undo_of_a_creation_records_removals_and_paused_copies(creation: Creation) -> None:
    entry = entry_of(creation, Level.ADSET).model_copy(update={"status": None})
    gone = records.removed(creation, entry, "a7")
    more = {"before": {"status": "paused"}, "after": {"status": "deleted"}, "sensitive": True}
    assert shown(gone) == of_creation(creation, entry, "remove", outcome="applied", **more)
    running = entry.model_copy(update={"status": "active"})
    assert records.removed(creation, running, "a7").before == {"status": "active"}
    held = records.copy_paused(creation, entry, "a8")
    more = {"after": {"status": "paused"}, "evidence": {"second_copy": True}}
    assert shown(held) == of_creation(creation, entry, "set_status", outcome="applied", **more)
    assert (gone.audit_id, held.audit_id) == ("a7", "a8")


# --- of runs ------------------------------------------------------------------------------------------------

Make = Callable[[Campaign], AuditRecord]


@pytest.mark.parametrize(("error", "more"), [(None, DONE), (REFUSED, FAILED)])
def test_an_added_ad_was_as_if_deleted(
    campaign: Campaign, error: PlatformRejectedError | None, more: dict[str, Any]
) -> None:
    entry = first(campaign, Level.AD)
    changes = {"parent": "set_1", "creative_id": "7", "name": "Ad", "request_id": "req_8"}
    entry = entry.model_copy(update=changes)
    found = shown(records.added(campaign, RUN, entry, error))
    assert found.pop("error", {}).get("code") == (error and error.code)
    after = {"status": "paused", "name": "Ad", "adset": "set_1", "creative_id": "7"}
    assert found == of_run(campaign, entry, "add", before={"status": "deleted"}, after=after, **more)
    bare = records.added(campaign, RUN, entry.model_copy(update={"creative_id": None}), None)
    assert "creative_id" not in (bare.after or {})


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (
            lambda campaign: records.target_set(campaign, RUN, "target_roas", None, Decimal("2.5")),
            {
                "operation": "set_target",
                "before": {"target_roas": None},
                "after": {"target_roas": "2.5"},
                "outcome": "applied",
            },
        ),
        (
            lambda campaign: records.commitment_released(campaign, RUN, Decimal(40)),
            {
                "operation": "release_commitment",
                "before": {"committed": "40"},
                "after": {"committed": None},
                "outcome": "applied",
                "sensitive": True,
            },
        ),
        (
            lambda campaign: records.split_ended(campaign, campaign.root, RUN),
            {"operation": "end_split", "after": {"split": "ended"}},
        ),
    ],
    ids=["target", "commitment", "split"],
)
def test_what_no_object_shows_is_recorded_at_the_campaign(
    campaign: Campaign, make: Make, expected: dict[str, Any]
) -> None:
    assert shown(make(campaign)) == of_run(campaign, campaign.root, **expected)


def test_each_record_of_a_run_has_an_id_of_its_own(campaign: Campaign) -> None:
    ids = {records.split_ended(campaign, campaign.root, RUN).audit_id for _ in range(3)}
    assert len(ids) == 3


@pytest.mark.parametrize(
    ("changes", "is_ended"),
    [
        ({}, True),
        ({"outcome": "applied"}, True),
        ({"outcome": "failed"}, False),
        ({"run_id": "run_2"}, False),
        ({"operation": "lift_end"}, False),
    ],
)
def test_a_split_was_ended_by_its_run_unless_that_failed(
    campaign: Campaign, changes: dict[str, Any], is_ended: bool
) -> None:
    record = records.split_ended(campaign, campaign.root, RUN).model_copy(update=changes)
    assert records.ended_split(record, "run_1") is is_ended


def test_the_budget_before_a_day_is_that_of_its_first_change(campaign: Campaign) -> None:
    def change(audit_id: str, before: str | None, **more: Any) -> AuditRecord:
        values = {"audit_id": audit_id, "before": {"daily_budget": before}, "outcome": "applied", **more}
        return intent(campaign, "daily_budget", Decimal(1)).model_copy(update=values)

    trail = [
        change("1", "10"),
        change("2", "20", outcome="failed"),
        change("3", None),
        change("4", "30", operation="set_status"),
        change("5", "40"),
        change("6", "50"),
        change("7", "60", entity_id="other"),
    ]
    tag = trail[0].entity_id
    assert records.budgets_before(trail, "2") == {tag: Decimal(40), "other": Decimal(60)}
    assert records.budgets_before(trail, "1") == {tag: Decimal(10), "other": Decimal(60)}


def test_an_error_without_an_answer_names_no_request(campaign: Campaign) -> None:
    entry = first(campaign, Level.ADSET)
    silent = PlatformUnavailableError("no answer", platform="meta", outcome_unknown=True)
    item = result(entry, "status", "paused", "active", result="failed", error=silent)
    assert records.concluded(records.intended(campaign, RUN, item), item, None).platform_request_id is None
