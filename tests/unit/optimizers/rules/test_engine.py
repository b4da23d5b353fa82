"""Which objects a rule acts on, and why it leaves the others alone."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from campaign_automation.models.common import Level, Platform
from campaign_automation.optimizers.rule_engine import evaluate, warnings_of
from campaign_automation.optimizers.rules.data import Memory, PastAction
from tests.support.rules import NOW, acted, adset, ago, days, is_, losing, reasons, rule, run, snapshot

ROW = (100.0, 5000, 100, 2, 50.0)
RAISE = {"type": "increase_budget"}
LOWER = {"type": "decrease_budget"}
START = {"type": "start_adset"}


def test_a_met_condition_becomes_a_decision_with_its_figures() -> None:
    outcome = run(rule(), losing(), adset("as_2", days(*[(100.0, 5000, 100, 2, 300.0)] * 3)))
    [decision] = outcome.decisions
    assert (outcome.evaluated, outcome.matched) == (2, 1)
    assert (decision.entity_id, decision.action, decision.before, decision.after) == (
        "as_1",
        "pause_adset",
        "ACTIVE",
        "PAUSED",
    )
    assert decision.evidence == [
        {"metric": "roas", "value": 0.5, "time_range": "3d", "operator": "less_than", "threshold": 0.8}
    ]


@pytest.mark.parametrize(
    ("figures", "condition", "reason"),
    [
        ([(100, 5000, 100, 2, None)], is_("roas", "<", 1, "1d"), "revenue_missing"),
        ([(0, 0, 0, 0, 0)], is_("roas", "<", 1, "1d"), "spend_zero"),
        ([(0, 0, 0, 0, 0)], is_("cpa", ">", 1, "1d"), "spend_zero"),
        ([(5, 0, 0, 0, 0)], is_("ctr", "<", 1, "1d"), "impressions_zero"),
        ([(5, 10, 0, 0, 0)], is_("cpc", ">", 1, "1d"), "clicks_zero"),
        ([(5, 10, 0, 0, 0)], is_("conversion_rate", "<", 1, "1d"), "clicks_zero"),
        ([ROW], is_("cpa", ">", {"target": "target_cpa"}, "1d"), "no_target_cpa"),
        ([ROW], is_("roas", "<", 1, "today"), "unfinished_day"),
        ([ROW], is_("spend", ">", 1, "today"), "days_missing"),
        ([], is_("spend", "<", 1, "7d"), "no_history"),
        ([(None,) * 5, ROW], is_("spend", "<", 1, "7d"), "spend_missing"),
        ([(5, 10, 0, 0, 0)], is_("revenue", "<", {"metric": "conversions"}, "1d"), "reference_zero"),
        ([ROW], is_("hours_past_pause_until", ">", 0), "no_pause_until"),
    ],
)
def test_what_is_not_known_is_undecidable_with_the_reason(
    figures: list[Any], condition: dict[str, Any], reason: str
) -> None:
    outcome = run(rule(condition=condition), adset("as_1", days(*figures)))
    assert reasons(outcome.undecidable) == {"as_1": reason}
    assert outcome.matched == 0


def test_a_day_without_a_record_is_unknown_but_before_the_first_day_there_was_nothing() -> None:
    records = days(ROW, ROW, ROW)
    condition = is_("spend", "equals", 300, "7d")
    assert acted(run(rule(condition=condition), adset("as_1", records))) == ["as_1"]
    gap = [records[0], records[2]]
    assert reasons(run(rule(condition=condition), adset("as_1", gap)).undecidable) == {
        "as_1": "spend_missing"
    }
    late = adset("as_1", records[:2])
    assert reasons(run(rule(condition=condition), late).undecidable) == {"as_1": "days_missing"}


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        ("spend", 100),
        ("impressions", 5000),
        ("clicks", 100),
        ("conversions", 2),
        ("revenue", 50),
        ("ctr", 2),
        ("cpc", 1),
        ("cpm", 20),
        ("conversion_rate", 2),
        ("cpa", 50),
        ("roas", 0.5),
    ],
)
def test_each_metric_has_its_figure(metric: str, value: float) -> None:
    outcome = run(rule(condition=is_(metric, "equals", value, "1d")), adset("as_1", days(ROW)))
    assert [item["value"] for item in outcome.decisions[0].evidence] == [value]


@pytest.mark.parametrize("minimum", [{"min_spend": 1}, {"min_impressions": 1}, {"min_conversions": 1}])
def test_one_is_a_minimum_too(minimum: dict[str, int]) -> None:
    idle = adset("as_1", days((0, 0, 0, 0, 0)))
    condition = {"rank": "worst", "n": 2, "metric": "revenue", "time_range": "1d"}
    entities = idle, adset("as_2", days(ROW))
    assert acted(run(rule(condition=condition), *entities)) == ["as_1", "as_2"]
    assert acted(run(rule(condition=condition | minimum), *entities)) == ["as_2"]


def test_spend_without_conversion_is_above_every_cpa() -> None:
    wasted = adset("as_1", days((50, 1000, 10, 0, 0)))
    outcome = run(rule(condition=is_("cpa", ">", 10_000, "1d")), wasted)
    assert outcome.decisions[0].evidence[0]["value"] == "no_conversion"
    assert run(rule(condition=is_("cpa", "<", 10_000, "1d")), wasted).matched == 0
    assert acted(run(rule(condition=is_("roas", "<", 0.1, "1d")), wasted)) == ["as_1"]


@pytest.mark.parametrize(("revenue", "fires"), [(150.14, False), (150.15, False), (150.16, True)])
def test_a_figure_exactly_at_the_threshold_is_not_beyond_it(revenue: float, fires: bool) -> None:
    entity = adset("as_1", days((100.1, 1, 1, 1, revenue)), target_roas=1.0)
    against_target = is_("roas", ">", {"target": "target_roas", "factor": 1.5}, "1d")
    assert bool(run(rule(condition=against_target), entity).matched) is fires
    assert bool(run(rule(condition=is_("roas", ">", 1.5, "1d")), entity).matched) is fires


def test_an_unknown_part_decides_only_where_it_matters() -> None:
    entity = adset("as_1", days((100, 5000, 100, 2, None)))
    unknown, true, false = is_("roas", "<", 1, "1d"), is_("spend", ">", 1, "1d"), is_("spend", "<", 1, "1d")
    for tree, matched, undecidable in (
        ({"all": [unknown, false]}, 0, 0),
        ({"all": [unknown, true]}, 0, 1),
        ({"any": [unknown, true]}, 1, 0),
        ({"any": [unknown, false]}, 0, 1),
        ({"not": unknown}, 0, 1),
        ({"not": {"any": [unknown, true]}}, 0, 0),
    ):
        outcome = run(rule(condition=tree), entity)
        assert (outcome.matched, len(outcome.undecidable)) == (matched, undecidable), tree


def test_the_same_metric_in_another_window() -> None:
    tired = adset("as_1", days(*[(10, 1000, 30, 1, 10)] * 11, *[(10, 1000, 10, 1, 10)] * 3))
    condition = is_("ctr", "<", {"time_range": "14d", "factor": 0.7}, "3d")
    [figure] = run(rule(condition=condition), tired).decisions[0].evidence
    assert figure["value"] == 1.0
    assert figure["threshold"] == pytest.approx(0.7 * 100 * 360 / 14_000)


def test_the_window_after_our_last_change_begins_on_the_next_day() -> None:
    records = days((100, 1, 1, 1, 10), (100, 1, 1, 1, 10), (100, 1, 1, 1, 500))
    condition = is_("roas", ">", 4, "since_last_action")
    assert run(rule(condition=condition), adset("as_1", records)).matched == 0
    assert run(rule(condition=condition), adset("as_1", records, last_action_at=ago(days=2))).matched == 1
    fresh = run(rule(condition=condition), adset("as_1", records, last_action_at=ago(hours=1)))
    assert reasons(fresh.undecidable) == {"as_1": "no_full_day"}


def test_figures_are_those_that_the_platform_reported() -> None:
    """However many conversions are thought to be still to come."""
    entity = adset("as_1", days((100, 1, 100, 10, 100), (100, 1, 100, 5, 50), (100, 1, 100, 1, 10)))
    for metric, value in (("cpa", 300 / 16), ("conversions", 16), ("roas", 160 / 300), ("revenue", 160)):
        outcome = run(rule(condition=is_(metric, ">=", 0.1, "3d")), entity, maturity=(0.1, 0.5))
        [figure] = outcome.decisions[0].evidence
        assert figure["value"] == pytest.approx(value)


def test_an_assumed_lag_raises_no_losing_budget() -> None:
    """3 days of spend 100 and revenue 90: with half of the last day thought unknown, ROAS would be 1.8."""
    losing = adset("as_1", days(*[(100, 1000, 100, 3, 90)] * 3))
    raised = {"type": "increase_budget", "parameters": {"percentage": 50}}
    lag = {"maturity": (0.5, 0.75), "maturity_assumed": True}
    outcome = run(rule(condition=is_("roas", ">", 1.5, "24h"), action=raised), losing, **lag)
    assert (outcome.evaluated, outcome.matched) == (1, 0)
    outcome = run(rule(condition=is_("roas", "<", 1.5, "24h"), action=raised), losing, **lag)
    [figure] = outcome.decisions[0].evidence
    assert figure["value"] == 0.9


def test_matured_counts_the_days_that_a_measured_lag_calls_complete() -> None:
    entity = adset("as_1", days((100, 1, 100, 10, 300), (100, 1, 100, 8, 250), (100, 1, 100, 1, 10)))
    matured = is_("roas", "greater_than", 2, "3d") | {"matured": True}
    lag = {"maturity": (0.4, 0.99)}
    [figure] = run(rule(condition=matured), entity, **lag).decisions[0].evidence
    assert (figure["value"], figure["matured"]) == (550 / 200, True)
    assert run(rule(condition=is_("roas", "greater_than", 2, "3d")), entity, **lag).matched == 0
    sure = run(rule(condition=matured, certainty=0.6), entity, **lag)
    assert sure.evaluated == 1


def test_matured_is_undecidable_before_a_lag_is_measured() -> None:
    entity = adset("as_1", days(*[(100, 1, 100, 10, 300)] * 9))
    matured = is_("roas", "greater_than", 2, "3d") | {"matured": True}
    unknown = run(rule(condition=matured), entity, maturity=(0.5, 0.75), maturity_assumed=True)
    assert reasons(unknown.undecidable) == {"as_1": "lag_unknown"}
    negated = run(rule(condition={"not": matured}), entity, maturity=(0.5,), maturity_assumed=True)
    assert reasons(negated.undecidable) == {"as_1": "lag_unknown"}
    too_young = run(rule(condition=matured), entity, maturity=(0.5, 0.6, 0.7))
    assert reasons(too_young.undecidable) == {"as_1": "late_data"}
    ranked = {"rank": "best", "n": 1, "metric": "roas", "time_range": "3d", "matured": True}
    best = run(rule(condition=ranked), entity, maturity=(0.5,), maturity_assumed=True)
    assert reasons(best.undecidable) == {"as_1": "lag_unknown"}


def test_matured_goes_with_figures_that_arrive_late() -> None:
    with pytest.raises(ValidationError, match="spend is known at once"):
        rule(condition=is_("spend", "greater_than", 2, "3d") | {"matured": True})


def test_a_window_of_days_too_young_is_undecidable() -> None:
    entity = adset("as_1", days((100, 1, 100, 10, 100), (100, 1, 100, 5, 50), (100, 1, 100, 1, 10)))
    late = run(rule(condition=is_("roas", "<", 9, "24h")), entity, maturity=(0.1, 0.5))
    assert reasons(late.undecidable) == {"as_1": "late_data"}


def test_the_worst_two_with_enough_spend() -> None:
    entities = [
        adset(f"as_{n}", days((spend, 1, 1, 1, spend * n / 10)))
        for n, spend in enumerate((5, 50, 50, 50, 50))
    ]
    unknown = adset("as_9", days((50, 1, 1, 1, None)))
    condition = {"rank": "worst", "n": 2, "metric": "roas", "time_range": "1d", "min_spend": 50}
    outcome = run(rule(condition=condition), *entities, unknown)
    assert acted(outcome) == ["as_1", "as_2"]
    assert reasons(outcome.undecidable) == {"as_9": "revenue_missing"}
    best = run(rule(condition=condition | {"rank": "best"}), *entities)
    assert acted(best) == ["as_3", "as_4"]
    others = run(rule(condition={"not": condition}), *entities, unknown)
    assert acted(others) == ["as_0", "as_3", "as_4"]
    assert reasons(others.undecidable) == {"as_9": "revenue_missing"}


@pytest.mark.parametrize(
    ("scope", "ids"),
    [
        ({"all": True}, ["as_1", "as_2", "as_3"]),
        ({"campaign_ids": ["cmp_1"]}, ["as_1", "as_2"]),
        ({"adset_ids": ["as_2", "as_3"]}, ["as_2", "as_3"]),
        ({"platform": "tiktok"}, ["as_3"]),
        ({"name_contains": "SALE"}, ["as_2"]),
        ({"campaign_ids": ["cmp_1"], "name_contains": "sale"}, ["as_2"]),
        ({"campaign_ids": ["cmp_1"], "platform": "tiktok"}, []),
        ({"platform": "tiktok", "name_contains": "sale"}, []),
        ({"all": True, "exclude": ["cmp_1"]}, ["as_3"]),
        ("all", ["as_1", "as_2", "as_3"]),
    ],
)
def test_scope(scope: Any, ids: list[str]) -> None:
    outcome = run(
        rule(applies_to=scope),
        losing("as_1"),
        losing("as_2", name="Summer sale"),
        losing("as_3", campaign_id="cmp_2", platform=Platform.TIKTOK),
        losing("cmp_1", level=Level.CAMPAIGN),
    )
    assert outcome.scope_ids == ids
    assert acted(outcome) == ids


@pytest.mark.parametrize(
    ("action", "changes", "reason"),
    [
        ({"type": "pause_adset"}, {"active": False}, "already_paused"),
        (START, {}, "already_active"),
        (START, {"active": False}, "paused_by_a_person"),
        (RAISE, {"daily_budget": None}, "no_own_budget"),
        (RAISE, {"last_action_at": ago(hours=23)}, "settling"),
        (RAISE | {"parameters": {"max_budget": 100}}, {}, "budget_limit"),
        (LOWER | {"parameters": {"min_budget": 120}}, {}, "budget_limit"),
    ],
)
def test_a_matching_object_may_be_unfit(action: dict[str, Any], changes: dict[str, Any], reason: str) -> None:
    outcome = run(rule(action=action), losing(**changes))
    assert outcome.matched == 1
    assert not outcome.decisions
    assert reasons(outcome.skipped) == {"as_1": reason}


@pytest.mark.parametrize(
    ("action", "after"),
    [
        (RAISE, Decimal(120)),
        (LOWER | {"parameters": {"percentage": 12.5}}, Decimal("87.5")),
        (RAISE | {"parameters": {"percentage": 50, "max_budget": 130}}, Decimal(130)),
        (LOWER | {"parameters": {"min_budget": 95}}, Decimal(95)),
    ],
)
def test_budgets_are_exact_and_within_the_rules_own_limits(action: dict[str, Any], after: Decimal) -> None:
    assert run(rule(action=action), losing()).decisions[0].after == after


def test_start_takes_up_what_a_rule_paused_or_on_request_anything() -> None:
    assert acted(run(rule(action=START), losing(active=False, paused_by_us=True))) == ["as_1"]
    anyone = START | {"parameters": {"paused_by": "anyone"}}
    assert acted(run(rule(action=anyone), losing(active=False))) == ["as_1"]


def change(field: str, direction: int, rule_id: str = "other", **span: float) -> PastAction:
    return PastAction("as_1", field, direction, ago(**span), rule_id)


@pytest.mark.parametrize(
    ("action", "past", "reason"),
    [
        (RAISE, [change("daily_budget", 1, "rule_1", hours=23)], "cooldown"),
        (RAISE, [change("daily_budget", 1, "rule_1", hours=24)], None),
        (RAISE, [change("daily_budget", 1, hours=23)], "settling"),
        (RAISE, [change("daily_budget", -1, days=6)], "direction_memory"),
        (RAISE, [change("daily_budget", -1, days=7)], None),
        (LOWER, [change("daily_budget", 1, days=6)], "direction_memory"),
        (LOWER, [change("daily_budget", -1, days=2)], None),
        ({"type": "pause_adset"}, [change("daily_budget", 1, hours=2)], None),
        (
            {"type": "pause_adset"},
            [change("daily_budget", -1, days=9), change("daily_budget", 1, days=2)],
            "direction_memory",
        ),
        ({"type": "pause_adset"}, [change("status", 1, days=2)], "direction_memory"),
        ({"type": "send_notification", "parameters": {"message": "m"}}, [change("status", 1, hours=1)], None),
    ],
)
def test_what_was_done_before_holds_a_rule_back(
    action: dict[str, Any], past: list[PastAction], reason: str | None
) -> None:
    outcome = run(rule(action=action), losing(), past=past)
    assert reasons(outcome.skipped) == ({"as_1": reason} if reason else {})
    assert acted(outcome) == ([] if reason else ["as_1"])


def test_a_pause_for_a_time_ends_within_the_week() -> None:
    pause = {"type": "pause_adset", "parameters": {"pause_for": "72h"}}
    assert run(rule(action=pause), losing()).decisions[0].pause_until == NOW + timedelta(hours=72)
    over = rule(condition=is_("hours_past_pause_until", ">=", 0), action=START)
    paused: dict[str, Any] = {"active": False, "paused_by_us": True}
    past = [change("status", -1, days=3)]
    assert acted(run(over, losing(pause_until=NOW, **paused), past=past)) == ["as_1"]
    assert not acted(run(over, losing(pause_until=NOW + timedelta(hours=1), **paused), past=past))


@pytest.mark.parametrize(
    ("limits", "exceeded"),
    [
        ({"count": 2}, True),
        ({"count": 3}, False),
        ({"share": 0.7}, True),
        ({"share": 0.75}, False),
        ({"share_of_spend": 0.4}, True),
        ({"share_of_spend": 0.5}, False),
    ],
)
def test_a_rule_that_would_touch_too_much_touches_nothing(limits: dict[str, float], exceeded: bool) -> None:
    healthy = adset("as_9", days(*[(300.0, 5000, 100, 20, 3000.0)] * 3))
    outcome = run(rule(max_affected=limits), losing("as_1"), losing("as_2"), losing("as_3"), healthy)
    assert (outcome.status == "needs_review") is exceeded
    assert len(outcome.decisions) == (0 if exceeded else 3)
    if exceeded:
        assert set(reasons(outcome.skipped).values()) == {"max_affected"}


def test_observing_decides_without_competing() -> None:
    watch, act = rule("a", mode="observe", priority=9), rule("b")
    watching, acting = evaluate([watch, act], snapshot(losing()))
    assert (watching.status, acted(watching), acted(acting)) == ("observed", ["as_1"], ["as_1"])


def test_a_daily_cap_counts_what_was_done_today() -> None:
    past = [PastAction("as_7", "status", -1, ago(hours=2), "rule_1")]
    outcome = run(rule(max_actions_per_day=2), losing("as_1"), losing("as_2"), past=past)
    assert acted(outcome) == ["as_1"]
    assert reasons(outcome.skipped) == {"as_2": "daily_cap"}


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"expires": NOW.isoformat()}, "expired"),
        ({"blackout_dates": ["2026-11-25"]}, "blackout_date"),
        ({"active_hours": {"start": "08:00", "end": "20:00"}}, "outside_active_hours"),
        ({"active_hours": {"start": "22:00", "end": "07:00"}}, ""),
        ({"active_hours": {"start": "22:00", "end": "07:00", "days": ["wed"]}}, "outside_active_hours"),
        ({"active_hours": {"start": "22:00", "end": "07:00", "days": ["tue"]}}, ""),
        ({"active_hours": {"days": ["wed"]}}, ""),
        ({"active_hours": {"start": "08:00", "end": "20:00"}, "time_zone": "Asia/Tokyo"}, ""),
        ({"state": "disabled"}, "rule_disabled"),
    ],
)
def test_there_are_times_when_a_rule_rests(changes: dict[str, Any], note: str) -> None:
    outcome = run(rule(**changes), losing())
    assert outcome.note == note
    assert (outcome.status, acted(outcome)) == (("not_now", []) if note else ("done", ["as_1"]))


def test_of_two_rules_one_acts_on_an_object() -> None:
    lower, pause = rule("a", action=LOWER, priority=5), rule("b")
    first, second = evaluate([lower, pause], snapshot(losing()))
    assert (len(first.decisions), len(second.decisions)) == (1, 1)  # two fields, one direction
    start, stop = rule("a", action=RAISE), rule("b")
    first, second = evaluate([start, stop], snapshot(losing()))
    assert (acted(first), acted(second)) == ([], ["as_1"])  # the safer one
    assert reasons(first.skipped) == {"as_1": "lost_to: b"}
    first, second = evaluate([rule("a", action=RAISE, priority=1), stop], snapshot(losing()))
    assert (acted(first), acted(second)) == (["as_1"], [])
    first, second = evaluate([rule("b", action=LOWER), rule("a", action=LOWER)], snapshot(losing()))
    assert (acted(first), acted(second)) == ([], ["as_1"])


def test_the_order_of_objects_does_not_matter() -> None:
    entities = [losing(f"as_{n}") for n in range(9)]
    there, back = run(rule(), *entities), run(rule(), *reversed(entities))
    assert acted(there) == acted(back) == sorted(acted(there))


def test_memory_knows_whose_action_it_was() -> None:
    memory = Memory([PastAction("as_2", "status", -1, NOW)]).with_actions(
        [PastAction("as_1", "status", -1, NOW)]
    )
    assert [len(memory.of(name)) for name in ("as_1", "as_2", "as_3")] == [1, 1, 0]


def test_what_is_probably_not_meant_is_said() -> None:
    assert "running day" in " ".join(warnings_of(rule(condition=is_("roas", "<", 1, "today")).rule))
    assert "use between" in " ".join(warnings_of(rule(condition=is_("ctr", "equals", 1)).rule))
    assert "target" in " ".join(warnings_of(rule(condition=is_("roas", "<", {"target": "target_roas"})).rule))
    assert not warnings_of(rule(condition=is_("spend", ">", 1)).rule)


def test_a_snapshot_without_a_zone_or_with_impossible_maturity_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        snapshot(now=NOW.replace(tzinfo=None))
    with pytest.raises(ValueError, match="maturity"):
        snapshot(maturity=(0.0,))
