"""Pacing of a monthly budget: the spend at the month's end, and the daily budgets that land on it. Pure.

Platforms bound what one daily budget may become on a day, in a week and in a month (SpendEnvelope); none
promises a least. So the upper edge is theirs, and the lower one is the pace of the last week.
"""

from __future__ import annotations

import calendar
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import ROUND_FLOOR, Decimal
from itertools import groupby
from typing import NamedTuple

from campaign_automation.models.common import SpendEnvelope

PACE_DAYS = 7  # full days that the pace is the mean of
_NOTHING = Decimal(0)


class Month(NamedTuple):
    """A calendar month; its days are those of each ad account's time zone."""

    first: date
    last: date

    @classmethod
    def of(cls, day: date) -> Month:
        last = calendar.monthrange(day.year, day.month)[1]
        return cls(day.replace(day=1), day.replace(day=last))


class PacedCampaign(NamedTuple):
    """A campaign: its daily budget, 0 while it is off, and its spend by day, today's as far as it is known.

    `today` is that of its account; `step` is the smallest amount that the platform takes. `pace_days` before
    today count for its pace: those on which it existed; `ends_on` is its last day.
    """

    campaign_id: str
    daily_budget: Decimal
    envelope: SpendEnvelope
    spent: Mapping[date, Decimal]
    today: date
    step: Decimal
    pace_days: int = PACE_DAYS
    ends_on: date = date.max

    def spent_in(self, month: Month) -> Decimal:
        return sum((spend for day, spend in self.spent.items() if month.first <= day <= month.last), _NOTHING)

    def days_left(self, month: Month) -> list[date]:
        """Return the days of the month that are not over, the running one among them."""
        first, last = max(self.today, month.first), min(month.last, self.ends_on)
        return [first + timedelta(days=number) for number in range((last - first).days + 1)]

    def spent_today(self, month: Month) -> Decimal:
        """Return what of the month was spent today."""
        return self.spent.get(self.today, _NOTHING) if self.today >= month.first else _NOTHING

    def left(self, day: date, amount: Decimal) -> Decimal:
        """Return what of a day's `amount` is not spent yet."""
        return max(_NOTHING, amount - self.spent.get(day, _NOTHING))

    @property
    def pace(self) -> Decimal:
        """The mean spend of the last full days, at most the daily budget."""
        days = [self.today - timedelta(days=number) for number in range(1, self.pace_days + 1)]
        if not days:
            return _NOTHING
        mean = sum((self.spent.get(day, _NOTHING) for day in days), _NOTHING) / len(days)
        return min(mean, self.daily_budget)


class Projection(NamedTuple):
    """The spend of a month: so far, and at its end. `low`: at the pace of the last days, where that is below
    the daily budgets; `expected`: at the daily budgets; `high`: the most that the platforms may spend."""

    spent: Decimal
    low: Decimal
    expected: Decimal
    high: Decimal


def projected(month: Month, campaigns: Sequence[PacedCampaign]) -> Projection:
    """Return the projection of campaigns together."""
    parts = [_projected(month, campaign) for campaign in campaigns]
    return Projection(*(sum(amounts, _NOTHING) for amounts in zip(*parts, strict=True)))


def landing_budgets(
    month: Month, amount: Decimal, campaigns: Sequence[PacedCampaign], most_percent: Decimal
) -> dict[str, Decimal]:
    """Return the daily budgets of the running campaigns with which they spend `amount` in the month.

    Each keeps its share, is a whole number of steps, and moves by `most_percent` at most. They are rounded
    down, so as never to come to more than the amount. Empty where nothing is left to spend or no day.
    """
    running = [item for item in campaigns if item.daily_budget > 0 and item.days_left(month)]
    if not running:
        return {}
    factor = _factor(month, amount - sum((item.spent_in(month) for item in campaigns), _NOTHING), running)
    if factor <= 0:
        return {}
    most = most_percent / 100
    factor = min(max(factor, 1 - most), 1 + most)
    return {item.campaign_id: _steps(item.daily_budget * factor, item.step) for item in running}


def _factor(month: Month, money: Decimal, running: Sequence[PacedCampaign]) -> Decimal:
    """Return by what all daily budgets are multiplied so that `money` is spent in the days left.

    A campaign that has spent more today than its new budget spends nothing more today.
    """
    over: set[str] = set()
    while True:
        within = [item for item in running if item.campaign_id not in over]
        days = sum(
            (
                item.daily_budget * (len(item.days_left(month)) - (item.campaign_id in over))
                for item in running
            ),
            _NOTHING,
        )
        today = sum((item.spent_today(month) for item in within), _NOTHING)
        factor = (money + today) / days if days else _NOTHING
        more = {item.campaign_id for item in within if item.spent_today(month) > item.daily_budget * factor}
        if not more:
            return factor
        over |= more


def _projected(month: Month, campaign: PacedCampaign) -> Projection:
    spent, days = campaign.spent_in(month), campaign.days_left(month)
    expected = sum((campaign.left(day, campaign.daily_budget) for day in days), _NOTHING)
    high = _most(month, campaign, days, expected)
    low = sum((campaign.left(day, campaign.pace) for day in days), _NOTHING)
    expected = min(expected, high)
    low, step = min(low, expected), campaign.step
    most = -_steps(-high, step)  # rounded up, as the lower edge is down
    return Projection(spent, spent + _steps(low, step), spent + expected, spent + most)


def _most(month: Month, campaign: PacedCampaign, days: Sequence[date], expected: Decimal) -> Decimal:
    """Return the most that the platform may spend in the days left."""
    budget, envelope = campaign.daily_budget, campaign.envelope
    total = _NOTHING
    for week, members in groupby(days, _week):
        of_days = sum((campaign.left(day, budget * envelope.day) for day in members), _NOTHING)
        spent = (spend for day, spend in campaign.spent.items() if _week(day) == week)
        total += min(of_days, max(_NOTHING, budget * envelope.week - sum(spent, _NOTHING)))
    # After a change of the budget a month's limit is no multiple of today's: the days left have theirs then.
    return min(total, max(budget * envelope.month - campaign.spent_in(month), expected))


def _week(day: date) -> date:
    """Return the Sunday with which a week of the platforms begins."""
    return day - timedelta(days=(day.weekday() + 1) % 7)


def _steps(amount: Decimal, step: Decimal) -> Decimal:
    return (amount / step).to_integral_value(ROUND_FLOOR) * step
