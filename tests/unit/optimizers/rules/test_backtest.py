"""A rule replayed on its history, the conflicts it would bring, and the ready-made rules."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from campaign_automation.models.common import Level, Platform
from campaign_automation.models.rules.answers import RuleConflict
from campaign_automation.models.rules.rule import CreateRule
from campaign_automation.optimizers.rule_engine import warnings_of
from campaign_automation.optimizers.rules.backtest import _as_of, backtest
from campaign_automation.optimizers.rules.conflicts import find_conflicts, is_settled
from campaign_automation.optimizers.rules.templates import TEMPLATES, rule_from_template
from campaign_automation.utils.error_handler import InvalidRequestError
from campaign_automation.utils.validation import parse
from tests.support.rules import TODAY, adset, ago, body, days, is_, losing, rule, run, snapshot

GOOD, BAD = (100.0, 5000, 100, 10, 300.0), (100.0, 5000, 100, 2, 50.0)


def a_rule(**changes: Any) -> CreateRule:
    return parse(CreateRule, body(condition=is_("roas", "<", 0.8, "1d"), **changes))


def test_a_pause_would_have_saved_what_came_after_it() -> None:
    turning = adset("as_1", days(GOOD, GOOD, BAD, BAD, BAD))
    found = backtest(a_rule(), snapshot(turning, adset("as_2", days(*[GOOD] * 5))))
    replay = found.as_known_now
    assert replay is not None
    assert (found.first_day, found.last_day) == (TODAY - timedelta(days=5), TODAY - timedelta(days=1))
    assert [(firing.day, firing.id) for firing in replay.firings] == [(TODAY - timedelta(days=3), "as_1")]
    assert (replay.paused, replay.spend_avoided, replay.conversions_forgone) == (["as_1"], 200.0, 4)
    assert (replay.revenue_forgone, replay.flip_flops, found.needs_confirm) == (100.0, 0, False)
    assert "acted once on 1 object, paused 1 and avoided 200.00 of spend" in found.message


def test_an_object_that_would_have_recovered_is_a_flip_flop() -> None:
    replay = backtest(a_rule(), snapshot(adset("as_1", days(GOOD, BAD, GOOD, GOOD)))).as_known_now
    assert replay is not None
    assert replay.flip_flops == 1
    assert replay.conversions_forgone == 20


def test_one_good_day_after_the_pause_is_a_recovery() -> None:
    replay = backtest(a_rule(), snapshot(adset("as_1", days(GOOD, BAD, GOOD)))).as_known_now
    assert replay is not None
    assert replay.flip_flops == 1


def test_a_rule_that_would_have_paused_too_many_asks_to_be_confirmed() -> None:
    entities = [adset(f"as_{n}", days(GOOD, BAD)) for n in range(3)]
    found = backtest(a_rule(max_affected={"count": 2}), snapshot(*entities))
    assert found.needs_confirm
    assert found.as_known_now is not None
    assert found.as_known_now.exceeded_on == [TODAY - timedelta(days=1)]
    assert not found.as_known_now.firings
    assert found.message == (
        "Over the last 2 days it would have acted 0 times on 0 objects;"
        " max_affected would have stopped it on 1 day."
    )


def test_late_conversions_make_two_stories() -> None:
    yesterday = TODAY - timedelta(days=1)
    now = snapshot(adset("as_1", days(GOOD, GOOD)))
    then = {
        yesterday: snapshot(adset("as_1", days(GOOD, BAD))),
        yesterday - timedelta(days=1): snapshot(
            adset("as_1", days(GOOD, end=yesterday - timedelta(days=1))), now=ago(days=1)
        ),
        yesterday - timedelta(days=400): now,
    }
    found = backtest(a_rule(), now, then)
    assert found.as_known_now is not None
    assert found.as_known_then is not None
    assert (len(found.as_known_now.firings), len(found.as_known_then.firings)) == (0, 1)
    assert found.as_known_then.evaluated_days == 2


def test_the_replay_respects_cooldown_and_ends_at_90_days() -> None:
    lower = a_rule(action={"type": "decrease_budget"}, cooldown="72h", mode="observe")
    found = backtest(lower, snapshot(adset("as_1", days(*[BAD] * 100))))
    assert found.as_known_now is not None
    assert found.as_known_now.evaluated_days == 90
    assert len(found.as_known_now.firings) == 30
    assert found.as_known_now.spend_avoided == 0


@pytest.mark.parametrize(
    "rest",
    [
        {"active_hours": {"start": "08:00", "end": "20:00"}},
        {"blackout_dates": [str(TODAY - timedelta(days=age)) for age in range(9)]},
        {"expires": ago(days=6).isoformat()},
        {"mode": "observe"},
    ],
)
def test_times_at_which_a_rule_rests_do_not_matter(rest: dict[str, Any]) -> None:
    account = snapshot(adset("as_1", days(GOOD, BAD, BAD)))
    plain, resting = (backtest(a_rule(**more), account).as_known_now for more in ({}, rest))
    assert plain is not None
    assert plain.firings
    assert resting == plain


@pytest.mark.parametrize(
    ("after", "conversions", "text"),
    [
        ((100.0, 5000, 100, 0, 0.0), 0, "0 conversions"),
        ((100.0, 5000, 100, None, 0.0), 0, "0 conversions"),
        ((100.0, 5000, 100, 1, 10.0), 1, "1 conversion."),
        ((100.0, 5000, 100, 1.5, 10.0), 1.5, "1.5 conversions"),
    ],
)
def test_conversions_that_would_have_been_forgone_are_counted(
    after: tuple[float, ...], conversions: float, text: str
) -> None:
    found = backtest(a_rule(), snapshot(adset("as_1", days(GOOD, BAD, after))))
    assert found.as_known_now is not None
    assert found.as_known_now.conversions_forgone == conversions
    assert text in found.message


@pytest.mark.parametrize(
    ("zone", "hours"), [("UTC", 24), ("America/New_York", 29), ("Asia/Kolkata", 18.5), ("Europe/Berlin", 23)]
)
def test_a_day_is_replayed_at_the_midnight_that_ends_it_in_the_accounts_zone(zone: str, hours: float) -> None:
    account = replace(snapshot(adset("as_1", days(*[GOOD] * 9))), time_zone=zone)
    day = TODAY - timedelta(days=4)
    morning = _as_of(account, day)
    assert morning.now == datetime.combine(day, time(0), tzinfo=UTC) + timedelta(hours=hours)
    assert morning.today == day + timedelta(days=1)
    assert [record.day for record in morning.entities[0].days][-1] == day


def test_without_history_there_is_nothing_to_replay() -> None:
    found = backtest(a_rule(), snapshot())
    assert (found.as_known_now, found.needs_confirm, found.message) == (None, False, "no history yet")


def conflicts(mine: dict[str, Any], theirs: dict[str, Any]) -> list[RuleConflict]:
    account = snapshot(losing("as_1"), losing("as_2", campaign_id="cmp_2", platform=Platform.TIKTOK))
    return find_conflicts(parse(CreateRule, body(**mine)), [rule("rule_9", **theirs)], account)


START, RAISE, LOWER = (
    {"action": {"type": name}} for name in ("start_adset", "increase_budget", "decrease_budget")
)


@pytest.mark.parametrize(
    ("mine", "theirs", "kind"),
    [
        (START, {}, "opposite_direction"),
        (RAISE, LOWER, "opposite_direction"),
        (RAISE, RAISE, "same_field"),
        ({}, {}, None),
        (START, {"action": {"type": "pause_campaign"}}, None),
        (START, RAISE, None),
        (START, {"state": "disabled"}, None),
        (START | {"applies_to": {"platform": "meta"}}, {"applies_to": {"platform": "tiktok"}}, None),
        (
            START | {"applies_to": {"platform": "meta"}},
            {"applies_to": {"platform": "meta"}},
            "opposite_direction",
        ),
        (START | {"applies_to": {"adset_ids": ["as_1"]}}, {"applies_to": {"campaign_ids": ["cmp_2"]}}, None),
        (
            START | {"applies_to": {"adset_ids": ["as_2"]}},
            {"applies_to": {"campaign_ids": ["cmp_2"]}},
            "opposite_direction",
        ),
        (
            START | {"applies_to": {"adset_ids": ["as_1"]}},
            {"applies_to": {"all": True, "exclude": ["as_1"]}},
            None,
        ),
        (
            START | {"applies_to": {"name_contains": "spring"}},
            {"applies_to": {"all": True}},
            "opposite_direction",
        ),
    ],
)
def test_rules_that_pull_both_ways_are_found(
    mine: dict[str, Any], theirs: dict[str, Any], kind: str | None
) -> None:
    found = conflicts(mine, theirs)
    assert [conflict.kind for conflict in found] == ([kind] if kind else [])
    assert all(conflict.rule_id == "rule_9" for conflict in found)


def test_a_conflict_names_the_objects_and_priorities_settle_it() -> None:
    [conflict] = conflicts(START, {})
    assert conflict.objects == ["as_1", "as_2"]
    plain, first = parse(CreateRule, body()), parse(CreateRule, body(priority=5))
    assert is_settled(first, plain)
    assert is_settled(parse(CreateRule, body(priority=1)), plain)
    assert not is_settled(parse(CreateRule, body(priority=0)), plain)
    assert not is_settled(plain, first)
    assert not is_settled(first, first)
    assert find_conflicts(parse(CreateRule, body(**START)), [rule("rule_9")])


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_template_is_a_valid_rule_with_a_back_test(name: str) -> None:
    made = parse(CreateRule, rule_from_template(name))
    entities = [
        adset("as_1", days(*[GOOD] * 20, *[BAD] * 20), target_roas=2.0, target_cpa=20.0),
        adset("ad_1", days(*[GOOD] * 20), level=Level.AD),
    ]
    assert backtest(made, snapshot(*entities)).as_known_now is not None
    assert not [warning for warning in warnings_of(made) if "running day" in warning]
    assert TEMPLATES[name].purpose


def test_a_template_takes_its_parameters_and_no_others() -> None:
    assert len(TEMPLATES) >= 8
    made = rule_from_template("stop_loss", {"platform": "meta"}, roas_below=1.1)
    assert made["condition"]["all"][1]["value"] == 1.1
    with pytest.raises(InvalidRequestError, match="did you mean 'stop_loss'"):
        rule_from_template("stop_los")
    with pytest.raises(InvalidRequestError, match="did you mean 'roas_below'"):
        rule_from_template("stop_loss", roas_belov=1)


@pytest.mark.parametrize(("recent", "is_tired"), [(10, True), (20, False), (30, False)])
def test_fatigue_compares_three_days_with_fourteen(recent: int, is_tired: bool) -> None:
    records = days(*[(10, 1000, 30, 1, 10)] * 17, *[(10, 1000, recent, 1, 10)] * 3)
    made = rule(**rule_from_template("fatigue", drop=30, min_impressions=3000) | {"certainty": None})
    ad = adset("ad_1", records, level=Level.AD)
    assert bool(run(made, ad).matched) is is_tired


def test_templates_do_not_clash_with_each_other() -> None:
    made = {name: parse(CreateRule, rule_from_template(name)) for name in TEMPLATES}
    stored = [rule(name, **rule_from_template(name)) for name in TEMPLATES]
    for name, mine in made.items():
        others = [other for other in stored if other.rule_id != name]
        unsettled = [c.rule_id for c in find_conflicts(mine, others) if not is_settled(mine, made[c.rule_id])]
        assert not unsettled
