"""What campaigns brought day by day: the platforms' reports, whole account days, made one shape.

A day that a complete report leaves out brought nothing; what a report does not tell stays unknown. Each
report is also remembered, since yesterday's conversions are not all known today.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from campaign_automation.adapters.base import (
    LONGEST_REPORT_DAYS,
    Access,
    DailyInsight,
    Parents,
    PlatformAdapter,
    Tree,
    fill_days,
)
from campaign_automation.managers.shared.accounts import AccountDirectory, with_access
from campaign_automation.managers.shared.first_party_revenue import FirstPartyRevenue
from campaign_automation.managers.shared.view import CampaignView
from campaign_automation.models.budget_problem import MaturitySnapshot
from campaign_automation.models.common import AdAccount, Level
from campaign_automation.stores.campaign_store import Creation
from campaign_automation.stores.insight_store import InsightStore
from campaign_automation.utils import clock
from campaign_automation.utils.clock import day_of
from campaign_automation.utils.error_handler import ConflictError, InvalidRequestError, not_in_time
from campaign_automation.utils.retry_strategy import with_retries

T = TypeVar("T")

SNAPSHOT_DAYS = 35  # conversions arrive for four weeks at most
_ATTEMPT_SECONDS = 15
_RETRY_SECONDS = 8


class CampaignInsights(NamedTuple):
    """One campaign with the objects that were asked for, its budgeted ones unless told otherwise: `level` and
    `tags` name them, `days` holds their records by tag, oldest first, up to yesterday, or to the running day
    when that was asked for. `today` and all days are the account's."""

    creation: Creation
    account: AdAccount
    view: CampaignView
    today: date
    level: Level
    tags: list[str]
    days: dict[str, list[DailyInsight]]
    snapshots: list[MaturitySnapshot]
    warnings: list[str]

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.account.time_zone)


class _Wanted(NamedTuple):
    """What a reading is about; without a level, the objects that have the budgets."""

    days: int
    level: Level | None
    running_day: bool


class Insights:
    def __init__(
        self,
        store: InsightStore,
        accounts: AccountDirectory,
        adapters: Mapping[str, PlatformAdapter],
        first_party: FirstPartyRevenue,
        connect_url: str | None = None,
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._adapters = adapters
        self._first_party = first_party
        self._connect_url = connect_url

    async def read(
        self,
        creations: Sequence[Creation],
        days: int,
        *,
        level: Level | None = None,
        running_day: bool = False,
    ) -> list[CampaignInsights]:
        """The campaigns as they are, and the last `days` (at most 90) full days of their objects of `level`,
        or of those that have the budgets; with `running_day` also what today has brought so far.

        One report for all campaigns of an account and objective. Raises the platform's error when it cannot
        be read, ConflictError for a campaign without an account.
        """
        ordered = sorted(creations, key=_group)
        groups = [list(group) for _, group in itertools.groupby(ordered, _group)]
        wanted = _Wanted(days, level, running_day)
        read = await asyncio.gather(*(self._read_group(group, wanted) for group in groups))
        found = {item.creation.campaign_id: item for group in read for item in group}
        return [found[creation.campaign_id] for creation in creations]

    async def delivered(self, group: Sequence[Creation], days: int, level: Level) -> list[DailyInsight]:
        """The bare report on campaigns of one account and objective, up to yesterday: no row where nothing
        was delivered, and nothing of what is gone."""
        if not group:
            return []
        today = day_of(clock.now(), ZoneInfo(_account(group[0]).time_zone))
        since = min(_first_day(item, today, days) for item in group)
        adapter = self._adapters[group[0].spec.platform]
        return await self._report(adapter, group, level, since, today - timedelta(days=1))

    async def _read_group(self, group: Sequence[Creation], wanted: _Wanted) -> list[CampaignInsights]:
        account, adapter = _account(group[0]), self._adapters[group[0].spec.platform]
        today = day_of(clock.now(), ZoneInfo(account.time_zone))
        first = {item.campaign_id: _first_day(item, today, wanted.days) for item in group}
        until = today if wanted.running_day else today - timedelta(days=1)
        rows, trees = await asyncio.gather(
            self._report(adapter, group, wanted.level, min(first.values()), until),
            asyncio.gather(*(self._tree(adapter, item) for item in group)),
        )
        by_campaign = grouped(rows, lambda row: row.campaign_id)
        return await asyncio.gather(
            *(
                self._campaign(
                    item,
                    tree,
                    by_campaign.get(_id(item), []),
                    wanted,
                    (first[item.campaign_id], until),
                    today,
                )
                for item, tree in zip(group, trees, strict=True)
            )
        )

    async def _tree(self, adapter: PlatformAdapter, creation: Creation) -> Tree:
        currency = _account(creation).currency
        return await self._asked(
            creation, "read_tree", lambda access: adapter.read_tree(access, _id(creation), currency)
        )

    async def _report(
        self,
        adapter: PlatformAdapter,
        group: Sequence[Creation],
        level: Level | None,
        since: date,
        until: date,
    ) -> list[DailyInsight]:
        if since > until:  # created today: there is no full day yet
            return []
        ids, objective = [_id(item) for item in group], str(group[0].spec.objective)
        level = level or adapter.budget_level
        return await self._asked(
            group[0],
            "read_daily",
            lambda access: adapter.read_daily(access, level, ids, since, until, objective),
        )

    async def _asked(self, creation: Creation, what: str, call: Callable[[Access], Awaitable[T]]) -> T:
        account = _account(creation)
        return await with_retries(
            lambda: with_access(
                self._accounts,
                creation.tenant,
                creation.spec.platform,
                account.ad_account_id or account.platform_account_id,
                call,
                connect_url=self._connect_url,
            ),
            what=what,
            max_total_seconds=_RETRY_SECONDS,
            attempt_seconds=_ATTEMPT_SECONDS,
            late=lambda: not_in_time(creation.spec.platform),
        )

    async def _campaign(
        self,
        creation: Creation,
        tree: Tree,
        rows: Sequence[DailyInsight],
        wanted: _Wanted,
        span: tuple[date, date],
        today: date,
    ) -> CampaignInsights:
        view = CampaignView(creation, tree)
        level, tags, warnings = _objects(view, creation, tree, wanted.level)
        first, until = span
        ids = {creation.objects[tag].platform_id or "": tag for tag in tags}
        check_rows(rows)
        complete = fill_days(
            [row for row in by_object(rows, level) if row.entity_id in ids],
            {item: _parents(creation, level, tag) for item, tag in ids.items()},
            first,
            until,
        )
        (revenue, more), snapshots = await asyncio.gather(
            self._first_party.read(creation.tenant, level, list(ids), first, until),
            self._snapshots(creation, [row for row in complete if row.day < today], today),
        )
        told = [_with_revenue(row, revenue.get(row.entity_id, {})) for row in complete]
        by_id = grouped(told, lambda row: row.entity_id)
        days = {tag: by_id.get(item, []) for item, tag in ids.items()}
        return CampaignInsights(
            creation, _account(creation), view, today, level, tags, days, snapshots, [*warnings, *more]
        )

    async def _snapshots(
        self, creation: Creation, rows: Sequence[DailyInsight], today: date
    ) -> list[MaturitySnapshot]:
        """What is known today is kept, unless a report of today was kept before; all that is known by age."""
        counts: dict[date, Decimal | None] = {}
        for row in rows:
            if (today - row.day).days <= SNAPSHOT_DAYS:
                counts[row.day] = _sum(counts.get(row.day, Decimal(0)), row.conversions)
        key = (creation.tenant, _account(creation).platform_account_id, creation.campaign_id)
        if counts:
            await self._store.keep(*key, today, counts)
        reports = await self._store.since(*key, today - timedelta(days=2 * SNAPSHOT_DAYS))
        return snapshots_of(reports)


def _objects(
    view: CampaignView, creation: Creation, tree: Tree, level: Level | None
) -> tuple[Level, list[str], list[str]]:
    """The level, our live objects there, and what to say of those that are left out."""
    if level is None:
        return budgeted(view, creation, tree)
    ours = [entry.tag for entry in creation.objects.values() if entry.level is level]
    return level, [tag for tag in ours if view.live(tag, "status") != "deleted"], []


def budgeted(view: CampaignView, creation: Creation, tree: Tree) -> tuple[Level, list[str], list[str]]:
    """The level that has the budgets, our objects there, and what to say of those that are left out."""
    assert creation.plan is not None
    if tree.campaign.daily_budget is not None:
        return Level.CAMPAIGN, [creation.plan.tag], []
    unread = view.unread(Level.ADSET)
    ours = [
        entry.tag
        for entry in creation.objects.values()
        if entry.level is Level.ADSET
        and view.live(entry.tag, "status") != "deleted"
        and entry.tag not in unread
    ]
    tags = [tag for tag in ours if view.live(tag, "daily_budget") is not None]
    known = {entry.platform_id for entry in creation.objects.values()}
    foreign = sum(node.platform_id not in known and node.status != "deleted" for node in tree.adsets)
    warnings = []
    if foreign:
        warnings.append(f"{foreign} ad sets were not made by this module and are left alone")
    if len(tags) < len(ours):
        warnings.append(f"{len(ours) - len(tags)} ad sets have no daily budget and are left alone")
    warnings += [
        f"ad set {tag} is left alone: its {' and '.join(fields)} cannot be read here"
        for tag, fields in unread.items()
    ]
    return Level.ADSET, tags, warnings


_NUMBERS = ("spend", "impressions", "clicks", "conversions", "revenue")


def check_rows(rows: Iterable[DailyInsight]) -> None:
    """Raises InvalidRequestError for a number that cannot be, naming the object and the day: no guess."""
    for row in rows:
        for name in _NUMBERS:
            value = getattr(row, name)
            if value is not None and not (Decimal(value).is_finite() and value >= 0):
                raise InvalidRequestError(
                    f"{name}: the platform reports {value} for {row.entity_id} on {row.day}",
                    field=name,
                    unit=row.entity_id,
                    day=str(row.day),
                )


def grouped(
    rows: Iterable[DailyInsight], key: Callable[[DailyInsight], str]
) -> dict[str, list[DailyInsight]]:
    groups: dict[str, list[DailyInsight]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return groups


def by_object(rows: Iterable[DailyInsight], level: Level) -> list[DailyInsight]:
    """Rows of ad sets added up where the campaign is looked at; else as they are."""
    if level is not Level.CAMPAIGN:
        return list(rows)
    days: dict[tuple[str, date], DailyInsight] = {}
    for row in rows:
        key = (row.campaign_id, row.day)
        before = days.get(key)
        whole = row.model_copy(update={"entity_id": row.campaign_id, "adset_id": None})
        days[key] = whole if before is None else _added(before, whole)
    return list(days.values())


def _added(one: DailyInsight, other: DailyInsight) -> DailyInsight:
    return one.model_copy(update={name: _sum(getattr(one, name), getattr(other, name)) for name in _NUMBERS})


def _sum(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return None if one is None or other is None else one + other


def snapshots_of(reports: Mapping[date, Mapping[date, Decimal]]) -> list[MaturitySnapshot]:
    """From reports by the day they were read to each day's counts by age; None where nobody asked."""
    days = sorted({day for report in reports.values() for day in report})
    return [
        MaturitySnapshot(
            day=day, counts=[_known(reports, day, age) for age in range(_oldest(reports, day) + 1)]
        )
        for day in days
    ]


def _known(reports: Mapping[date, Mapping[date, Decimal]], day: date, age: int) -> float | None:
    count = reports.get(day + timedelta(days=age + 1), {}).get(day)
    return None if count is None else float(count)


def _oldest(reports: Mapping[date, Mapping[date, Decimal]], day: date) -> int:
    return max((read - day).days - 1 for read, report in reports.items() if day in report)


def _with_revenue(row: DailyInsight, revenue: Mapping[date, Decimal]) -> DailyInsight:
    return row.model_copy(update={"revenue": revenue[row.day]}) if row.day in revenue else row


def _first_day(creation: Creation, today: date, days: int) -> date:
    created = creation.first_day(ZoneInfo(_account(creation).time_zone))
    return max(created, today - timedelta(days=min(days, LONGEST_REPORT_DAYS)))


def _parents(creation: Creation, level: Level, tag: str) -> Parents:
    if level is Level.CAMPAIGN:
        return Parents(_id(creation))
    assert creation.plan is not None
    adset = tag if level is Level.ADSET else {ad.tag: ad.adset_tag for ad in creation.plan.ads}[tag]
    return Parents(_id(creation), creation.objects[adset].platform_id)


def _group(creation: Creation) -> tuple[str, str, str]:
    return str(creation.spec.platform), _account(creation).platform_account_id, str(creation.spec.objective)


def _account(creation: Creation) -> AdAccount:
    if creation.account is None:
        raise ConflictError(f"campaign {creation.campaign_id} has no ad account", field="campaign_id")
    return creation.account


def _id(creation: Creation) -> str:
    assert creation.plan is not None  # only created campaigns are read
    return creation.objects[creation.plan.tag].platform_id or ""
