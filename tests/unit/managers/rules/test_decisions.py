"""A rule over several accounts, what was known on past mornings, and how runs are put into words."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from campaign_automation.managers.rules.account_snapshot import (
    AccountSnapshot,
    SnapshotsRead,
    days_needed,
    looks_at_today,
)
from campaign_automation.managers.rules.applying import _value
from campaign_automation.managers.rules.decisions import evaluate_accounts
from campaign_automation.managers.rules.entities import past_actions
from campaign_automation.managers.rules.hindsight import known_then
from campaign_automation.managers.rules.wording import message_of, reason_of
from campaign_automation.models.budget_problem import MaturitySnapshot
from campaign_automation.models.changes import AuditRecord, SkippedItem
from campaign_automation.models.rules.rule import CreateRule
from campaign_automation.optimizers.rules.data import Entity
from tests.support.builders import account
from tests.support.rules import NOW, TODAY, acted, ago, body, is_, losing, reasons, rule, run, snapshot


def market(*entities: Entity, **changes: Any) -> AccountSnapshot:
    return AccountSnapshot(account(), snapshot(*entities), {}, [], **changes)


def reading(*markets: AccountSnapshot, unread: int = 0) -> SnapshotsRead:
    return SnapshotsRead(
        list(markets), [SkippedItem(id=f"lost_{n}", reason="not_read: 4002") for n in range(unread)], []
    )


TWO = (market(losing("a"), losing("b")), market(losing("c"), losing("d")))


def test_limits_count_the_objects_of_all_accounts_together() -> None:
    for limits, review in (
        ({"count": 4}, ""),
        ({"count": 3}, "it would touch 4 objects, more than the 3 allowed"),
        ({"share": 0.9}, "it would touch 2 of 2 objects, more than 90%"),
    ):
        judgement = evaluate_accounts(rule(max_affected=limits), [], reading(*TWO), {})
        assert judgement.review == review
        assert len(judgement.decisions) == (0 if review else 4)
    capped = evaluate_accounts(rule(max_actions_per_day=3), [], reading(*TWO), {})
    assert [item.entity_id for item in capped.decisions] == ["a", "b", "c"]
    assert reasons(capped.skipped) == {"d": "daily_cap"}


def test_objects_that_could_not_be_read_are_undecidable_and_part_of_the_scope() -> None:
    judgement = evaluate_accounts(rule(), [], reading(market(losing("a")), unread=2), {})
    assert (judgement.evaluated, judgement.matched) == (3, 1)
    assert reasons(judgement.undecidable) == {"lost_0": "not_read: 4002", "lost_1": "not_read: 4002"}
    assert judgement.scope == ["a", "lost_0", "lost_1"]


def test_who_was_told_lately_is_not_told_again() -> None:
    watch = rule(action={"type": "send_notification", "parameters": {"message": "look"}})
    told = {"a": ago(hours=23), "b": ago(hours=25)}
    judgement = evaluate_accounts(watch, [], reading(TWO[0]), told)
    assert [item.entity_id for item in judgement.decisions] == ["b"]
    assert reasons(judgement.skipped) == {"a": "cooldown"}


def test_of_two_rules_one_has_its_way_and_the_other_is_told_which() -> None:
    lowers = rule("rule_1", action={"type": "decrease_budget"}, priority=1)
    raises = rule("rule_2", action={"type": "increase_budget"}, priority=2)
    judgement = evaluate_accounts(lowers, [raises], reading(TWO[0]), {})
    assert judgement.decisions == []
    assert reasons(judgement.skipped) == {"a": "lost_to: rule_2", "b": "lost_to: rule_2"}


# --- the past --------------------------------------------------------------------------------------------


def test_past_mornings_show_what_had_arrived_by_then() -> None:
    yesterday, before = TODAY - timedelta(days=1), TODAY - timedelta(days=2)
    kept = [MaturitySnapshot(day=before, counts=[1, 4]), MaturitySnapshot(day=yesterday, counts=[2])]
    entity = losing("a")
    mornings = known_then(market(entity, reports={"cmp_1": kept}))
    assert sorted(mornings) == [before, yesterday]
    [past] = mornings[before].entities
    by_day = {record.day: record for record in past.days}
    assert (by_day[before].conversions, by_day[before].revenue) == (0.5, 12.5)
    # Nobody asked for the days before that, and what is not known is no figure.
    assert by_day[before - timedelta(days=1)].conversions is None
    assert by_day[before].spend == 100
    [now] = mornings[yesterday].entities
    assert [record.conversions for record in now.days][-2:] == [2, 2]


def test_a_morning_counts_only_when_every_campaign_has_its_report() -> None:
    kept = [MaturitySnapshot(day=TODAY - timedelta(days=1), counts=[2])]
    assert known_then(market(losing("a"), reports={"cmp_1": kept, "cmp_2": []})) == {}
    assert known_then(market(losing("a"))) == {}


def record(actor: str, after: dict[str, str], **changes: Any) -> AuditRecord:
    values = {
        "audit_id": "1",
        "run_id": "run_1",
        "tenant": "u",
        "campaign_id": "cmp_1",
        "actor": actor,
        "reason": "",
        "operation": "set_status",
        "level": "adset",
        "entity_id": "a",
        "before": {"status": "paused"},
        "after": after,
        "outcome": "applied",
        "at": NOW.isoformat(),
    }
    return AuditRecord.model_validate(values | changes)


def test_a_persons_change_is_no_direction_that_a_rule_must_not_turn() -> None:
    started = record("user:u", {"status": "active"}, evidence={"held": True})
    by_rule = record("rule:rule_1", {"status": "active"}, evidence={"figures": []})
    assert past_actions([started]) == []
    [past] = past_actions([by_rule])
    assert (past.direction, past.rule_id) == (1, "rule_1")
    assert acted(run(rule(), losing("a"), past=past_actions([started]))) == ["a"]
    assert acted(run(rule(), losing("a"), past=[past])) == []


# --- reading ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "certainty", "wanted"),
    [
        (is_("roas", "less_than", 1, "14d"), None, 14),
        (is_("roas", "less_than", 1, "24h"), None, 7),  # max_affected looks at a week
        (is_("ctr", "less_than", {"time_range": "30d"}, "3d"), None, 30),
        (is_("roas", "less_than", 1, "lifetime"), None, 90),
        (is_("roas", "less_than", 1, "3d"), 0.9, 60),
    ],
)
def test_no_more_days_are_read_than_the_rule_looks_at(
    condition: dict[str, Any], certainty: float | None, wanted: int
) -> None:
    asked = CreateRule.model_validate(body(condition=condition, certainty=certainty))
    assert days_needed([asked]) == wanted
    assert not looks_at_today(asked)


def test_the_running_day_is_read_only_by_rules_that_look_at_it() -> None:
    today = is_("spend", "greater_than", {"metric": "daily_budget", "factor": 2}, "today")
    assert looks_at_today(CreateRule.model_validate(body(condition=today)))


# --- words and amounts -----------------------------------------------------------------------------------


def test_words_name_the_rule_the_objects_and_the_figures() -> None:
    stored = rule()
    decisions = run(stored, losing("a")).decisions
    figures = "(roas 0.5 < 0.8 over 3d)"
    assert reason_of(stored.rule, decisions) == f"rule stop-loss: a {figures}"
    assert message_of(stored.rule, decisions, {"a": "shoes"}, observed=False) == (
        f"stop-loss: paused 1 ad set: shoes a {figures}"
    )
    assert "would have paused 1 ad set: shoes | a (" in (
        message_of(stored.rule, decisions, {"a": "shoes | a"}, observed=True) or ""
    )
    assert message_of(stored.rule, [], {}, observed=False) is None


def test_placeholders_of_a_notification_are_filled_for_each_object() -> None:
    told = {"message": "{name}: ROAS {roas} is below {threshold} ({rule_name}, {spend})"}
    stored = rule(action={"type": "send_notification", "parameters": told})
    decisions = run(stored, losing("a"), losing("b")).decisions
    assert message_of(stored.rule, decisions, {"a": "shoes", "b": "hats"}, observed=False) == (
        "stop-loss: shoes: ROAS 0.5 is below 0.8 (stop-loss, unknown);"
        " hats: ROAS 0.5 is below 0.8 (stop-loss, unknown)"
    )
    with pytest.raises(ValidationError, match="'nmae' is not a known placeholder; did you mean 'name'"):
        rule(action={"type": "send_notification", "parameters": {"message": "{nmae} is weak"}})


def test_budgets_move_no_further_than_was_decided() -> None:
    for kind, budget, step, minimum, after in (
        ("increase_budget", "33.33", "0.01", "1", "39.99"),
        ("decrease_budget", "33.33", "0.01", "1", "26.67"),
        ("increase_budget", "7", "5", "1", None),  # 8.40 is no step further
        ("decrease_budget", "10", "1", "9", "9"),
        ("decrease_budget", "8", "1", "9", None),  # below the minimum already
    ):
        entity = losing("a", daily_budget=Decimal(budget))
        [decision] = run(rule(action={"type": kind}), entity).decisions
        value = _value(decision, account(budget_step=Decimal(step), min_daily_budget=Decimal(minimum)))
        assert value == (None if after is None else Decimal(after)), (kind, budget)
