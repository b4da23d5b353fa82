"""When schedules are due, and what the ticker does about it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.cloud.schedules import Schedule, last_due
from local.cloud.ticker import Ticker, UnknownScheduleError

CREATED = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TARGET = {
    "Arn": "arn:aws:lambda:us-east-1:123456789012:function:f",
    "Input": '"<aws.scheduler.scheduled-time>"',
}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def schedule(expression: str, timezone: str = "UTC", **more: Any) -> Schedule:
    arn = "arn:aws:scheduler:us-east-1:123456789012:schedule/group/s"
    return Schedule("s", "group", arn, expression, timezone, TARGET, **more)


@pytest.mark.parametrize(
    ("expression", "zone", "now", "due"),
    [
        ("rate(6 hours)", "UTC", "2026-03-01T12:00:00", "2026-03-01T12:00:00"),
        ("rate(6 hours)", "UTC", "2026-03-02T17:59:59", "2026-03-02T12:00:00"),
        ("rate(1 day)", "UTC", "2026-03-03T11:59:00", "2026-03-02T12:00:00"),
        ("cron(0 12 * * ? *)", "UTC", "2026-03-05T12:00:00", "2026-03-05T12:00:00"),
        ("cron(0 12 * * ? *)", "UTC", "2026-03-05T11:59:59", "2026-03-04T12:00:00"),
        ("cron(0 12 * * ? *)", "America/New_York", "2026-03-05T17:30:00", "2026-03-05T17:00:00"),
        ("cron(0 12 * * ? *)", "America/New_York", "2026-07-05T16:30:00", "2026-07-05T16:00:00"),
        ("cron(0 9 ? * MON-FRI *)", "Europe/Berlin", "2026-03-08T10:00:00", "2026-03-06T08:00:00"),
        ("cron(0 0 L * ? *)", "UTC", "2026-03-15T00:00:00", "2026-02-28T00:00:00"),
        ("cron(0/15 * * * ? *)", "UTC", "2026-03-05T12:16:10", "2026-03-05T12:15:00"),
        ("at(2026-03-02T09:00:00)", "Europe/Berlin", "2026-03-02T08:00:00", "2026-03-02T08:00:00"),
    ],
)
def test_last_due_time(expression: str, zone: str, now: str, due: str) -> None:
    assert last_due(schedule(expression, zone), CREATED, at(now)) == at(due)


@pytest.mark.parametrize("expression", ["rate(1 hour)", "at(2026-03-01T12:00:01)", "cron(0 12 1 1 ? 2030)"])
def test_nothing_is_due_before_its_time(expression: str) -> None:
    assert last_due(schedule(expression), CREATED + timedelta(hours=1), CREATED) is None


@pytest.mark.parametrize("expression", ["rate(0.5 hours)", "every(5 minutes)", "cron(* * * * *)"])
def test_expression_that_is_none_is_refused(expression: str) -> None:
    with pytest.raises(Exception, match=r"rate|expression|values"):
        last_due(schedule(expression), CREATED, CREATED)


def test_time_that_the_clocks_skip_in_spring_is_not_due() -> None:
    # Berlin, 29 March 2026: 02:00 becomes 03:00, so there is no 02:30 that day.
    due = last_due(schedule("cron(30 2 * * ? *)", "Europe/Berlin"), CREATED, at("2026-03-29T12:00:00"))
    assert due == at("2026-03-28T01:30:00")


def test_time_that_comes_twice_in_autumn_is_due_once() -> None:
    # New York, 1 November 2026: 01:30 comes at 05:30 UTC and again at 06:30 UTC.
    nightly = schedule("cron(30 1 * * ? *)", "America/New_York")
    for now in ("2026-11-01T05:30:00", "2026-11-01T06:29:00", "2026-11-01T06:31:00", "2026-11-01T20:00:00"):
        assert last_due(nightly, CREATED, at(now)) == at("2026-11-01T05:30:00")


def test_start_and_end_date_bound_the_schedule() -> None:
    bounded = schedule("rate(1 hour)", start=at("2026-03-02T00:30:00"), end=at("2026-03-02T03:00:00"))
    assert last_due(bounded, CREATED, at("2026-03-02T00:00:00")) is None
    assert last_due(bounded, CREATED, at("2026-03-02T01:40:00")) == at("2026-03-02T01:30:00")
    assert last_due(bounded, CREATED, at("2026-03-05T00:00:00")) == at("2026-03-02T02:30:00")


class Recorder:
    """Stands for the targets: remembers what they were sent."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.deleted: list[str] = []

    def deliver(self, target: dict[str, Any], text: str) -> tuple[bool, Any]:
        self.sent.append(text.strip('"'))
        return False, None


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def ticker_for(recorder: Recorder) -> Callable[..., Ticker]:
    def make(*schedules: Schedule) -> Ticker:
        ticker = Ticker(lambda: schedules, recorder.deliver, lambda s: recorder.deleted.append(s.name))
        for each in schedules:
            ticker.created(each.group, each.name, CREATED)
        return ticker

    return make


def test_two_simulated_days_fire_every_due_time_once(
    ticker_for: Callable[..., Ticker], recorder: Recorder
) -> None:
    ticker = ticker_for(schedule("cron(0 0/6 * * ? *)"))
    for minutes in range(0, 48 * 60, 7):
        ticker.tick(CREATED + timedelta(minutes=minutes))
    assert recorder.sent == [
        (CREATED + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ") for hours in range(0, 48, 6)
    ]


def test_jump_of_the_clock_fires_the_last_due_time_only(
    ticker_for: Callable[..., Ticker], recorder: Recorder
) -> None:
    ticker = ticker_for(schedule("cron(0 0/6 * * ? *)"))
    ticker.tick(CREATED)
    ticker.tick(CREATED + timedelta(days=7, hours=1))
    assert recorder.sent == ["2026-03-01T12:00:00Z", "2026-03-08T12:00:00Z"]


def test_what_was_due_before_its_creation_does_not_fire(
    ticker_for: Callable[..., Ticker], recorder: Recorder
) -> None:
    ticker_for(schedule("cron(0 9 * * ? *)")).tick(CREATED + timedelta(hours=2))
    assert recorder.sent == []


def test_disabled_schedule_is_silent_and_does_not_catch_up(recorder: Recorder) -> None:
    states = [schedule("rate(1 hour)", enabled=False), schedule("rate(1 hour)")]
    current = states[:1]
    ticker = Ticker(lambda: current, recorder.deliver, lambda s: None)
    ticker.tick(CREATED)
    ticker.tick(CREATED + timedelta(hours=3))
    current[:] = states[1:]
    ticker.tick(CREATED + timedelta(hours=3, minutes=30))
    ticker.tick(CREATED + timedelta(hours=4))
    assert recorder.sent == ["2026-03-01T16:00:00Z"]


def test_one_time_schedule_fires_once_and_is_deleted_if_it_asks(
    ticker_for: Callable[..., Ticker], recorder: Recorder
) -> None:
    ticker = ticker_for(schedule("at(2026-03-01T13:00:00)", delete_after=True))
    for minutes in (0, 59, 60, 61, 120):
        ticker.tick(CREATED + timedelta(minutes=minutes))
    assert recorder.sent == ["2026-03-01T13:00:00Z"]
    assert recorder.deleted == ["s"]


def test_clock_set_back_starts_over_without_firing_the_past_again(
    ticker_for: Callable[..., Ticker], recorder: Recorder
) -> None:
    ticker = ticker_for(schedule("cron(0 * * * ? *)"))
    ticker.tick(CREATED + timedelta(days=30))
    ticker.tick(CREATED + timedelta(minutes=30))
    ticker.tick(CREATED + timedelta(minutes=60))
    assert recorder.sent == ["2026-03-31T12:00:00Z", "2026-03-01T13:00:00Z"]


def test_fire_ignores_time_and_state(ticker_for: Callable[..., Ticker], recorder: Recorder) -> None:
    ticker = ticker_for(schedule("cron(0 0 1 1 ? 2100)", enabled=False))
    assert ticker.fire("group/s", CREATED).scheduled_time == "2026-03-01T12:00:00Z"
    assert recorder.sent == ["2026-03-01T12:00:00Z"]
    with pytest.raises(UnknownScheduleError):
        ticker.fire("other", CREATED)
