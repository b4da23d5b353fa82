"""The days of a report: those that are read live, those that are stored, and those that are missing.

Platforms restate days: spend for some days, conversions as long as they arrive. So the last days are read
live, the days on which conversions may still arrive are collected again every day, and all of the longest
attribution window once a week.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import NamedTuple
from zoneinfo import ZoneInfo

from campaign_automation.adapters.base import DailyInsight
from campaign_automation.managers.shared.insights import SNAPSHOT_DAYS
from campaign_automation.models.campaign import Campaign
from campaign_automation.models.common import AdAccount, Platform
from campaign_automation.stores.operations.daily_figures import FigureBlock, block_end, block_start, blocks_of
from campaign_automation.utils.clock import day_of

LIVE_DAYS = 7  # the running day and the six before it
COLLECTED_DAYS = SNAPSHOT_DAYS  # collected again every day
LONGEST_WINDOW_DAYS = 91  # Google's longest attribution window, collected again once a week
_STANDING = timedelta(days=3)  # so long a reading of days that may still be restated counts


class Span(NamedTuple):
    """Days of the account's time zone, both included."""

    first: date
    last: date

    @property
    def is_empty(self) -> bool:
        return self.first > self.last


class AccountScope(NamedTuple):
    """The campaigns of one ad account that a report is about, and its days up to the running one."""

    tenant: str
    platform: Platform
    account: AdAccount
    campaigns: list[Campaign]
    span: Span
    today: date

    @property
    def stored(self) -> Span:
        """The days that are taken from the store."""
        return Span(self.span.first, min(self.span.last, self.live_from - timedelta(days=1)))

    @property
    def live(self) -> Span:
        """The days that are read from the platform."""
        return Span(max(self.span.first, self.live_from), self.span.last)

    @property
    def live_from(self) -> date:
        return self.today - timedelta(days=LIVE_DAYS - 1)

    def of(self, campaign: Campaign, span: Span) -> Span:
        """Return the part of a span on which the campaign existed."""
        created = campaign.first_day(ZoneInfo(self.account.time_zone))
        if created is None or campaign.is_adopted:  # its platform has figures of the time before it was ours
            return span
        return Span(max(span.first, created), span.last)


def scopes_of(campaigns: Iterable[Campaign], first: date, last: date, now: datetime) -> list[AccountScope]:
    """Return the accounts of campaigns with the days of a report that have begun there."""
    ordered = sorted(campaigns, key=_account_of)
    scopes = []
    for (platform, _), members in groupby(ordered, _account_of):
        group = list(members)
        account = group[0].account
        today = day_of(now, ZoneInfo(account.time_zone))
        span = Span(first, min(last, today))
        scope = AccountScope(group[0].tenant, Platform(platform), account, [], span, today)
        existing = [item for item in group if not scope.of(item, span).is_empty]
        if existing:
            scopes.append(scope._replace(campaigns=existing))
    return scopes


def by_objective(campaigns: Iterable[Campaign]) -> list[list[Campaign]]:
    """Group campaigns: a platform's report counts the conversions of one objective."""
    ordered = sorted(campaigns, key=lambda item: str(item.objective))
    return [list(group) for _, group in groupby(ordered, lambda item: str(item.objective))]


def first_missing(blocks: Mapping[date, FigureBlock], span: Span, now: datetime, zone: str) -> date | None:
    """Return the first day of the first block that is not stored, or was read too long ago; None if none."""
    for start in blocks_of(*span) if not span.is_empty else ():
        block, needed = blocks.get(start), min(block_end(start), span.last)
        if block is None or block.last < needed or not _stands(block, needed, now, zone):
            return start
    return None


def collected_from(today: date) -> date:
    """Return the first day that a collection of `today` reads again; blocks are always read whole."""
    days = LONGEST_WINDOW_DAYS if today.weekday() == 0 else COLLECTED_DAYS
    return block_start(today - timedelta(days=days))


def within(blocks: Mapping[date, FigureBlock], span: Span) -> list[DailyInsight]:
    """Return the stored rows of a span."""
    return [row for block in blocks.values() for row in block.rows if span.first <= row.day <= span.last]


def _stands(block: FigureBlock, day: date, now: datetime, zone: str) -> bool:
    """Return whether what was read of `day` is as it will stay, or was read a short time ago."""
    settled = day + timedelta(days=COLLECTED_DAYS)
    return day_of(block.read_at, ZoneInfo(zone)) >= settled or block.read_at >= now - _STANDING


def _account_of(campaign: Campaign) -> tuple[str, str]:
    return str(campaign.platform), campaign.account.platform_account_id
