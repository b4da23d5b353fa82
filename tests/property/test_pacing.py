"""Pacing of monthly budgets: edges that no legal day of a platform leaves, and budgets that land."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign_automation.adapters.registry import PLATFORMS
from campaign_automation.models.common import SpendEnvelope
from campaign_automation.optimizers.budgets.pacing import (
    Month,
    PacedCampaign,
    landing_budgets,
    projected,
)
from campaign_automation.utils.clock import day_of

META, GOOGLE, TIKTOK = (PLATFORMS[name].spend for name in ("meta", "google", "tiktok"))
CENT = Decimal("0.01")
STEPS = {META: CENT, GOOGLE: CENT, TIKTOK: CENT}
cents = st.integers(0, 40_000).map(lambda value: value * CENT)
days = st.dates(date(2024, 1, 1), date(2028, 12, 31))


@st.composite
def campaigns(draw: st.DrawFn) -> tuple[Month, list[PacedCampaign]]:
    today = draw(days)
    month = Month.of(today)
    found = []
    for number in range(draw(st.integers(1, 4))):
        budget = draw(st.integers(100, 20_000)) * CENT
        known = [today - timedelta(days=back) for back in range(today.day + 7)]
        spent = {day: draw(cents) for day in known}
        envelope = draw(st.sampled_from([META, GOOGLE, TIKTOK]))
        found.append(PacedCampaign(str(number), budget, envelope, spent, today, CENT))
    return month, found


@given(campaigns())
def test_the_edges_are_in_order_and_hold_what_is_spent(found: tuple[Month, list[PacedCampaign]]) -> None:
    month, members = found
    projection = projected(month, members)
    assert projection.spent <= projection.low <= projection.expected <= projection.high
    assert projection.spent == sum(item.spent_in(month) for item in members)


@given(days, st.integers(100, 20_000), st.sampled_from([META, GOOGLE, TIKTOK]), st.randoms())
def test_no_legal_course_of_a_month_leaves_the_upper_edge(
    today: date, budget: int, envelope: SpendEnvelope, random: object
) -> None:
    """The platform spends all it may, on days in any order, under the limits of day, week and month."""
    amount, month = budget * CENT, Month.of(today)
    spent: dict[date, Decimal] = {}
    course = [month.first + timedelta(days=number) for number in range(month.last.day)]
    order = sorted(course, key=lambda _: random.random())  # type: ignore[attr-defined]
    for day in order:
        week = [day - timedelta(days=(day.weekday() + 1) % 7) + timedelta(days=number) for number in range(7)]
        in_week = amount * envelope.week - sum(spent.get(item, Decimal(0)) for item in week)
        in_month = amount * envelope.month - sum(spent.values())
        spent[day] = max(Decimal(0), min(amount * envelope.day, in_week, in_month))
    so_far = {day: value for day, value in spent.items() if day < today}
    campaign = PacedCampaign("c", amount, envelope, so_far, today, CENT)
    assert sum(spent.values()) <= projected(month, [campaign]).high


@given(campaigns(), st.integers(1, 2_000_000))
def test_budgets_land_on_the_amount_or_are_held_by_the_step(
    found: tuple[Month, list[PacedCampaign]], amount_cents: int
) -> None:
    month, members = found
    amount = amount_cents * CENT
    budgets = landing_budgets(month, amount, members, Decimal(100))
    if not budgets:
        assert projected(month, members).spent >= amount or all(
            item.spent_today(month) > 0 and len(item.days_left(month)) == 1 for item in members
        )
        return
    changed = [item._replace(daily_budget=budgets[item.campaign_id]) for item in members]
    left = sum(item.left(day, item.daily_budget) for item in changed for day in item.days_left(month)) + sum(
        item.spent_in(month) for item in members
    )
    assert left <= amount
    doubled = any(budgets[item.campaign_id] >= 2 * item.daily_budget - item.step for item in members)
    lost = sum(item.step * len(item.days_left(month)) for item in members)
    assert doubled or left >= amount - lost
    assert all(budget % CENT == 0 for budget in budgets.values())


def test_a_step_of_half_holds_back_what_would_land_at_once() -> None:
    today = date(2026, 2, 10)
    campaign = PacedCampaign("c", Decimal(100), META, {today - timedelta(days=1): Decimal(1900)}, today, CENT)
    assert landing_budgets(Month.of(today), Decimal(2000), [campaign], Decimal(50)) == {"c": Decimal("50.00")}
    assert landing_budgets(Month.of(today), Decimal(9000), [campaign], Decimal(50)) == {
        "c": Decimal("150.00")
    }


@pytest.mark.parametrize(("day", "last"), [("2028-02-05", 29), ("2026-02-28", 28), ("2026-12-31", 31)])
def test_months_end_on_their_own_last_day(day: str, last: int) -> None:
    today = date.fromisoformat(day)
    month = Month.of(today)
    campaign = PacedCampaign("c", Decimal(10), TIKTOK, {}, today, CENT)
    assert (month.last.day, len(campaign.days_left(month))) == (last, last - today.day + 1)
    assert projected(month, [campaign]).expected == 10 * (last - today.day + 1)


@pytest.mark.parametrize(
    ("zone", "moment", "day", "left"),
    [
        # The night of the change of clocks, and the last hour of the month.
        ("America/New_York", "2026-03-08T06:59:00", "2026-03-08", 24),
        ("America/New_York", "2026-11-01T04:30:00", "2026-11-01", 30),
        ("America/New_York", "2026-11-01T03:59:00", "2026-10-31", 1),
        ("Europe/Berlin", "2026-10-25T00:30:00", "2026-10-25", 7),
        ("Europe/Berlin", "2026-10-31T22:59:00", "2026-10-31", 1),
        ("Europe/Berlin", "2026-10-31T23:00:00", "2026-11-01", 30),
        ("Pacific/Auckland", "2026-09-26T13:30:00", "2026-09-27", 4),
    ],
)
def test_days_are_those_of_the_account_also_when_clocks_change(
    zone: str, moment: str, day: str, left: int
) -> None:
    today = day_of(datetime.fromisoformat(moment).replace(tzinfo=UTC), ZoneInfo(zone))
    assert str(today) == day
    campaign = PacedCampaign("c", Decimal(10), META, {today: Decimal(4)}, today, CENT)
    projection = projected(Month.of(today), [campaign])
    assert projection.expected == 10 * left
    assert projection.spent == 4
