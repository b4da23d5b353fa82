"""A day, a week or a month above the daily budget: legal up to what the object's platform allows itself."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from campaign_automation.adapters.registry import PLATFORMS
from campaign_automation.models.common import Level, Platform
from campaign_automation.optimizers.rules.data import Entity
from campaign_automation.optimizers.rules.templates import rule_from_template
from local.sandbox import market
from tests.support.rules import TODAY, acted, adset, days, is_, reasons, rule, run

LIMITS = [(Platform.META, 175.0), (Platform.TIKTOK, 125.0), (Platform.GOOGLE, 200.0)]


def spending(today: float, platform: Platform, **changes: Any) -> Entity:
    """Yesterday 100 and today `today`, of a daily budget of 100."""
    rows = [(spend, 1000, 10, 1, 50.0) for spend in (100.0, today)]
    return of(platform, records=days(*rows, end=TODAY), **changes)


def of(platform: Platform, **changes: Any) -> Entity:
    return adset(**{"platform": platform, "envelope": PLATFORMS[platform].spend} | changes)


@pytest.mark.parametrize(("platform", "limit"), LIMITS)
@pytest.mark.parametrize(("share", "pauses"), [(0.9, False), (1.0, False), (1.03, True)])
def test_the_guard_pauses_beyond_the_platforms_own_limit_only(
    platform: Platform, limit: float, share: float, pauses: bool
) -> None:
    guard = rule(**rule_from_template("overspend_guard", {"all": True}))
    assert bool(acted(run(guard, spending(limit * share, platform)))) == pauses


def test_the_guard_can_watch_campaigns_which_own_the_budget_on_google() -> None:
    guard = rule(**rule_from_template("overspend_guard", {"all": True}, level="campaign"))
    campaign = {"level": Level.CAMPAIGN, "adset_id": None, "entity_id": "cmp_1"}
    assert acted(run(guard, spending(205.0, Platform.GOOGLE, **campaign))) == ["cmp_1"]
    assert not acted(run(guard, spending(195.0, Platform.GOOGLE, **campaign)))


def test_an_object_without_a_budget_of_its_own_is_undecidable() -> None:
    guard = rule(**rule_from_template("overspend_guard", {"all": True}))
    outcome = run(guard, spending(500.0, Platform.GOOGLE, daily_budget=None))
    assert reasons(outcome.undecidable) == {"as_1": "no_own_budget"}


@pytest.mark.parametrize(("week", "tells"), [(110.0, False), (112.0, True)])
def test_a_week_above_the_platforms_limit_is_told_and_not_paused(week: float, tells: bool) -> None:
    watch = rule(**rule_from_template("overspent_week", {"all": True}))
    outcome = run(watch, of(Platform.META, records=days(*[(week, 1000, 10, 1, 50.0)] * 7)))
    assert outcome.matched == tells
    assert {decision.action for decision in outcome.decisions} <= {"send_notification"}


def test_limits_are_metrics_for_any_rule() -> None:
    over = rule(condition=is_("spend", ">", {"metric": "month_spend_limit"}, "30d"))
    records = days(*[(101.5, 1000, 10, 1, 50.0)] * 30)
    assert acted(run(over, of(Platform.GOOGLE, records=records))) == ["as_1"]
    assert not acted(run(over, of(Platform.META, records=records)))


def test_a_platform_without_a_known_limit_is_undecidable() -> None:
    guard = rule(**rule_from_template("overspend_guard", {"all": True}))
    outcome = run(guard, spending(500.0, Platform.META, envelope=None))
    assert reasons(outcome.undecidable) == {"as_1": "no_known_limit"}


@pytest.mark.parametrize(
    ("envelope", "platform"),
    [
        (market.WEEKLY, Platform.TIKTOK),
        (market.META_WEEKLY, Platform.META),
        (market.META_BURSTS, Platform.META),
        (market.MONTHLY, Platform.GOOGLE),
        (market.GOOGLE_BURSTS, Platform.GOOGLE),
    ],
)
def test_the_sandboxes_spend_inside_the_envelopes_of_the_rules(
    envelope: market.Envelope, platform: Platform
) -> None:
    limits = PLATFORMS[platform].spend
    assert Decimal(str(envelope.day)) == limits.day
    assert Decimal(str(envelope.period)) == (limits.month if envelope.by_month else limits.week)
    first = TODAY.replace(day=1) if envelope.by_month else TODAY - timedelta(days=TODAY.weekday())
    span = [first + timedelta(days=index) for index in range(30 if envelope.by_month else 7)]
    tops = []
    for number in range(300):
        spends = [market.daily_spend(1, f"a{number}", day, 100, envelope) for day in span]
        tops.append(max(spends))
        assert sum(spends) <= 100 * envelope.period + 1e-6
    assert max(tops) <= 100 * envelope.day + 1e-6
    # The uneven ones really pass the half more at which an older guard would have paused.
    assert (max(tops) > 150) == (envelope.spread > 0.1)
