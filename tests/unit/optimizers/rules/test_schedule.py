"""When rules run: rates, cron expressions, summer time."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta, timezone

import pytest
from aws_croniter import AwsCroniter  # type: ignore[import-untyped]

from campaign_automation.models.schedule_expressions import next_run, parse_schedule
from campaign_automation.optimizers.rules.schedule import next_run_of
from campaign_automation.stores.rule_store import RuleHead, Tick
from tests.support.rules import NOW, rule


def runs(text: str, zone: str, after: str, count: int) -> list[str]:
    found, moment = [], datetime.fromisoformat(after).replace(tzinfo=UTC)
    for _ in range(count):
        run = next_run(parse_schedule(text), zone, moment, NOW)
        if run is None:
            break
        found.append(f"{run:%Y-%m-%d %H:%M}")
        moment = run
    return found


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("rate(1 hours)", "rate(1 hour)"),
        ("rate(60 minutes)", "rate(1 hour)"),
        ("rate(90 minutes)", "rate(90 minutes)"),
        ("rate(48 hours)", "rate(2 days)"),
        ("cron(0 9 * * ? *)", "cron(0 9 * * ? *)"),
        ("cron(0 9 * * mon-fri)", "cron(0 9 ? * MON-FRI *)"),
        ("cron(0 9 * * *)", "cron(0 9 * * ? *)"),
        ("cron(0 9 1 * *)", "cron(0 9 1 * ? *)"),
    ],
)
def test_expressions_are_kept_as_eventbridge_takes_them(text: str, canonical: str) -> None:
    assert str(parse_schedule(text)) == canonical


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rate(14 minutes)", "minimum is 15"),
        ("rate(0 days)", "minimum is 15"),
        ("cron(0,10 * * * ? *)", "10 minutes apart"),
        ("cron(0/10 9 * * ? *)", "10 minutes apart"),
        ("cron(* * * * ? *)", "1 minute apart"),
        ("cron(50,0 0,23 * * ? *)", "10 minutes apart"),
        ("cron(0 9 * * * *)", "exactly one"),
        ("cron(0 9 ? * ? *)", "exactly one"),
        ("cron(0 24 * * ? *)", "hours: '24'"),
        ("cron(60 9 * * ? *)", "minutes: '60'"),
        ("cron(0 9 ? * MOM *)", "'MOM'"),
        ("cron(0 9 ? * FRI-MON *)", "names nothing"),
        ("cron(0 9 ? * MON#6 *)", "cannot read"),
        ("cron(0/0 9 * * ? *)", "names nothing"),
        ("cron(0 9 LW * ? *)", "'LW' is not between"),
        ("cron(0 9 ? * L *)", "write SAT"),
        ("cron(0 9 * * 1)", "as names"),
        ("cron(0 9)", "six fields"),
        ("at(2026-01-01T00:00:00)", "should be rate"),
    ],
)
def test_what_eventbridge_or_a_careful_buyer_would_refuse(text: str, words: str) -> None:
    with pytest.raises(ValueError) as refusal:
        parse_schedule(text)
    assert words in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "zone", "after", "expected"),
    [
        ("cron(0 9 * * ? *)", "UTC", "2026-11-25T09:00", ["2026-11-26 09:00", "2026-11-27 09:00"]),
        ("cron(30 8 ? * MON-FRI *)", "America/New_York", "2026-11-27T14:00", ["2026-11-30 13:30"]),
        ("cron(0 0 L * ? *)", "UTC", "2027-02-01T00:00", ["2027-02-28 00:00", "2027-03-31 00:00"]),
        ("cron(0 0 15W * ? *)", "UTC", "2026-08-01T00:00", ["2026-08-14 00:00"]),
        ("cron(0 0 1W * ? *)", "UTC", "2026-08-01T00:00", ["2026-08-03 00:00"]),
        ("cron(0 0 ? * 6L *)", "UTC", "2026-11-01T00:00", ["2026-11-27 00:00"]),
        ("cron(0 0 ? * FRI#2 *)", "UTC", "2026-11-01T00:00", ["2026-11-13 00:00"]),
        ("cron(0/30 22-23 29 FEB ? *)", "UTC", "2026-01-01T00:00", ["2028-02-29 22:00", "2028-02-29 22:30"]),
        ("cron(0 0 30 2 ? *)", "UTC", "2026-01-01T00:00", []),
        ("cron(0 0 1 1 ? 2020)", "UTC", "2026-01-01T00:00", []),
        # 29 March 2026, Berlin: 02:00 to 03:00 is skipped; 25 October: it comes twice.
        ("cron(30 2 * * ? *)", "Europe/Berlin", "2026-03-28T00:00", ["2026-03-28 01:30", "2026-03-30 00:30"]),
        ("cron(30 2 * * ? *)", "Europe/Berlin", "2026-10-24T12:00", ["2026-10-25 00:30", "2026-10-26 01:30"]),
        ("cron(0 9 * * ? *)", "Pacific/Kiritimati", "2026-11-25T00:00", ["2026-11-25 19:00"]),
        ("rate(6 hours)", "UTC", "2026-11-25T06:00", ["2026-11-25 12:00", "2026-11-25 18:00"]),
        ("rate(6 hours)", "UTC", "2026-11-20T00:00", ["2026-11-25 12:00"]),
        ("rate(1 day)", "Europe/Berlin", "2027-03-27T07:00", ["2027-03-28 06:00", "2027-03-29 06:00"]),
    ],
)
def test_next_runs(text: str, zone: str, after: str, expected: list[str]) -> None:
    assert runs(text, zone, after, max(len(expected), 1)) == expected


def test_the_local_clouds_clock_agrees() -> None:
    """It fires schedules by aws_croniter."""
    rng = random.Random(3)
    days = [f"{day} {{}} ?" for day in "* 1 31 L 15W 1W 1-5 */10 29".split()]
    days += [f"? {{}} {day}" for day in "* MON-FRI 2,4 6L SUN#1 3#2".split()]
    for _ in range(150):
        month = rng.choice("* 2 JAN-MAR */4".split())
        times = f"{rng.choice('0 30 0/20 5,35'.split())} {rng.choice('* 9 0-5 */6 23'.split())}"
        expression = f"{times} {rng.choice(days).format(month)} *"
        after = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=rng.randint(0, 10**6))
        [expected] = AwsCroniter(expression).get_next(after, 1)
        assert next_run(parse_schedule(f"cron({expression})"), "UTC", after, after) == expected, expression


def test_an_expired_rule_has_no_next_run() -> None:
    stored = rule(expires=(NOW + timedelta(hours=7)).isoformat())
    assert next_run_of(stored, NOW) == NOW + timedelta(hours=6)
    assert next_run_of(stored, NOW + timedelta(hours=6)) is None


def test_a_tick_has_one_name_in_every_zone() -> None:
    stored = rule()
    head = RuleHead(tenant="u", **stored.model_dump(by_alias=True), changed_at=NOW)
    elsewhere = NOW.astimezone(timezone(timedelta(hours=9)))
    assert Tick(head, NOW, "a").key == Tick(head, elsewhere, "b").key == "tick#2026-11-25T06:00:00Z#v1"
    assert Tick(head.model_copy(update={"version": 2}), NOW, "a").key != Tick(head, NOW, "a").key
