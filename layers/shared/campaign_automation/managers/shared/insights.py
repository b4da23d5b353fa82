"""The daily results of campaigns: the platforms' reports on whole account days, in one shape.

A day that a complete report leaves out brought nothing; a figure that a report does not give stays unknown.
Each report is also kept, since yesterday's conversions are not all known today.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from campaign_automation.adapters.base import LONGEST_REPORT_DAYS, DailyInsight, PlatformAdapter
from campaign_automation.adapters.delivery import Parents, fill_days, windows
from campaign_automation.adapters.tree import Tree, tree_or_raise
from campaign_automation.managers.shared.first_party_revenue import FirstPartyRevenue, Revenue
from campaign_automation.managers.shared.platform_access import Patience, PlatformAccount, Platforms
from campaign_automation.managers.shared.view import CampaignView
from campaign_automation.models.budget_problem import MaturitySnapshot
from campaign_automation.models.campaign import Campaign
from campaign_automation.models.common import AdAccount, AttributionSource, Level
from campaign_automation.stores.insight_store import InsightStore
from campaign_automation.utils import clock
from campaign_automation.utils.clock import day_of
from campaign_automation.utils.error_handler import InvalidRequestError

T = TypeVar("T")

USUAL_ATTRIBUTION_DAYS = 7  # where nobody tells the window
SNAPSHOT_DAYS = 35  # conversions arrive for four weeks at most
_PATIENCE = Patience(total=8.0, attempt=15.0)
_MOST_FIRST_PARTY = 100  # objects: each is a call of the Web Platform, which takes a hundred a minute
_FIRST_PARTY_LEFT_OUT = (
    f"first-party revenue is not asked for more than {_MOST_FIRST_PARTY} objects at once: the platforms' own"
    " revenue is used"
)
_MOST_CAMPAIGNS = 100  # of one report: their ids stand in its URL
_AT_ONCE = 6  # reports of an account that are read at the same time


class CampaignInsights(NamedTuple):
    """One campaign with the objects of one level, by default of the level that has the budgets.

    `level` and `tags` name the objects; `days` holds their records by tag, oldest first, up to yesterday, or
    to the running day when that was asked for. `today` and all days are the account's. `attribution_days` is
    the platform's own setting; None where it tells none.
    """

    campaign: Campaign
    account: AdAccount
    view: CampaignView
    today: date
    level: Level
    tags: list[str]
    days: dict[str, list[DailyInsight]]
    snapshots: list[MaturitySnapshot]
    warnings: list[str]
    attribution_days: int | None = None

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.account.time_zone)


class AttributionWindow(NamedTuple):
    """The days after which a day's conversions are complete, and who says so."""

    days: int
    source: AttributionSource

    @classmethod
    def of(cls, read: Iterable[CampaignInsights], asked: int | None = None) -> AttributionWindow:
        """Return the window of the request, else the longest of the accounts, else a usual one."""
        if asked is not None:
            return cls(asked, "request")
        told = [item.attribution_days for item in read]
        known = [days for days in told if days is not None]
        if len(known) < len(told) or not known:
            return cls(max([*known, USUAL_ATTRIBUTION_DAYS]), "assumed")
        return cls(max(known), "account")


class Counted(NamedTuple):
    """A campaign's conversions by day and age, with the report of `on` among them."""

    on: date
    counts: list[MaturitySnapshot]


class _Wanted(NamedTuple):
    """The scope of a read: full days, level (None: the level that has the budgets), the running day, the
    counts that are known by campaign, and whether the Web Platform is asked for revenue."""

    days: int
    level: Level | None
    running_day: bool
    counted: Mapping[str, Counted]
    first_party: bool = True


class Insights:
    def __init__(
        self,
        store: InsightStore,
        platforms: Platforms,
        first_party: FirstPartyRevenue,
    ) -> None:
        self._store = store
        self._platforms = platforms
        self._first_party = first_party

    async def read(
        self,
        campaigns: Sequence[Campaign],
        days: int,
        *,
        level: Level | None = None,
        running_day: bool = False,
        counted: Mapping[str, Counted] | None = None,
    ) -> list[CampaignInsights]:
        """Return the campaigns as they are, with the last `days` (at most 90) full days of their objects.

        The objects are those of `level`, or those that have the budgets; with `running_day` their records
        include today so far. One report serves all campaigns of an account and objective. What is in
        `counted` by campaign is not read again on its day. Raises the platform's error when it cannot be
        read, ConflictError for a campaign without an account.
        """
        # Platforms count requests per account, and their reports count conversions by objective.
        ordered = sorted(campaigns, key=_group)
        groups = [list(group) for _, group in itertools.groupby(ordered, _group)]
        adapter_of = self._platforms.adapter
        asked = sum(len(item.made(level or adapter_of(item.platform).budget_level)) for item in campaigns)
        wanted = _Wanted(days, level, running_day, counted or {}, first_party=asked <= _MOST_FIRST_PARTY)
        read = await asyncio.gather(*(self._read_group(group, wanted) for group in groups))
        found = {item.campaign.campaign_id: item for group in read for item in group}
        return [found[campaign.campaign_id] for campaign in campaigns]

    async def delivered(self, group: Sequence[Campaign], days: int, level: Level) -> list[DailyInsight]:
        """Return the bare report on campaigns of one account and objective, up to yesterday.

        It has no row where nothing was delivered, and none of objects that no longer exist.
        """
        if not group:
            return []
        today = day_of(clock.now(), ZoneInfo(group[0].account.time_zone))
        since = min(_first_day(item, today, days) for item in group)
        adapter = self._platforms.adapter(group[0].platform)
        return await self._report(adapter, group, level, since, today - timedelta(days=1))

    async def between(
        self, group: Sequence[Campaign], level: Level, first: date, last: date
    ) -> list[DailyInsight]:
        """Return the bare report of any length on campaigns of one account and objective, both days included.

        It has no row where nothing was delivered, and none of objects that the platform does not show.
        """
        adapter = self._platforms.adapter(group[0].platform)
        rows: list[DailyInsight] = []
        # One after the other: all count for the one account's limits.
        for since, until in windows(first, last, LONGEST_REPORT_DAYS):
            for part in _parts(group):
                rows += await self._report(adapter, part, level, since, until)
        check_rows(rows)
        return rows

    async def _read_group(self, group: Sequence[Campaign], wanted: _Wanted) -> list[CampaignInsights]:
        account, adapter = group[0].account, self._platforms.adapter(group[0].platform)
        today = day_of(clock.now(), ZoneInfo(account.time_zone))
        first = {item.campaign_id: _first_day(item, today, wanted.days) for item in group}
        until = today if wanted.running_day else today - timedelta(days=1)
        rows, trees = await asyncio.gather(
            self._reports(adapter, group, wanted.level, min(first.values()), until),
            self._trees(group),
        )
        by_campaign = grouped(rows, lambda row: row.campaign_id)
        return await asyncio.gather(
            *(
                self._campaign(
                    item,
                    trees[item.root_id],
                    by_campaign.get(item.root_id, []),
                    wanted,
                    (first[item.campaign_id], until),
                    today,
                )
                for item in group
            )
        )

    async def _trees(self, group: Sequence[Campaign]) -> dict[str, Tree]:
        """Read campaigns of one account. Raises the platform's error for one that cannot be read."""
        read = await self._platform(group[0]).trees([item.root_id for item in group], _PATIENCE)
        trees = {item: tree_or_raise(tree) for item, tree in read.items()}
        if self._platforms.states is not None:
            for campaign in group:
                await self._platforms.states.ads_refused(campaign, trees[campaign.root_id])
        return trees

    async def _reports(
        self,
        adapter: PlatformAdapter,
        group: Sequence[Campaign],
        level: Level | None,
        since: date,
        until: date,
    ) -> list[DailyInsight]:
        """Return one report on all campaigns, or one for each hundred of them."""
        at_once = asyncio.Semaphore(_AT_ONCE)

        async def report(part: Sequence[Campaign]) -> list[DailyInsight]:
            async with at_once:
                return await self._report(adapter, part, level, since, until)

        parts = await asyncio.gather(*map(report, _parts(group)))
        return list(itertools.chain.from_iterable(parts))

    async def _report(
        self,
        adapter: PlatformAdapter,
        group: Sequence[Campaign],
        level: Level | None,
        since: date,
        until: date,
    ) -> list[DailyInsight]:
        if since > until:  # created today: there is no full day yet
            return []
        ids, objective = [item.root_id for item in group], str(group[0].objective)
        level = level or adapter.budget_level
        return await self._platform(group[0]).ask(
            "read_daily",
            _PATIENCE,
            lambda access: adapter.read_daily(access, level, ids, since, until, objective),
        )

    def _platform(self, campaign: Campaign) -> PlatformAccount:
        return self._platforms.of(campaign.tenant, campaign.platform, campaign.account)

    async def _campaign(
        self,
        campaign: Campaign,
        tree: Tree,
        rows: Sequence[DailyInsight],
        wanted: _Wanted,
        span: tuple[date, date],
        today: date,
    ) -> CampaignInsights:
        view = CampaignView(campaign, tree)
        level, tags, warnings = _objects(view, campaign, tree, wanted.level)
        first, until = span
        ids = {campaign.objects[tag].platform_id or "": tag for tag in tags}
        check_rows(rows)
        complete = fill_days(
            [row for row in by_object(rows, level) if row.entity_id in ids],
            {item: _parents(campaign, level, tag) for item, tag in ids.items()},
            first,
            until,
        )
        (revenue, more), snapshots = await asyncio.gather(
            self._revenue(campaign, level, list(ids), wanted, span),
            # The running day is not over: its counts are no record of a whole day.
            self._snapshots(
                campaign,
                [row for row in complete if row.day < today],
                today,
                wanted.counted.get(campaign.campaign_id),
            ),
        )
        complete = [_with_revenue(row, revenue.get(row.entity_id, {})) for row in complete]
        by_id = grouped(complete, lambda row: row.entity_id)
        days = {tag: by_id.get(item, []) for item, tag in ids.items()}
        return CampaignInsights(
            campaign,
            campaign.account,
            view,
            today,
            level,
            tags,
            days,
            snapshots,
            [*warnings, *more],
            tree.attribution_days,
        )

    async def _revenue(
        self, campaign: Campaign, level: Level, ids: Sequence[str], wanted: _Wanted, span: tuple[date, date]
    ) -> tuple[Mapping[str, Revenue], list[str]]:
        if not wanted.first_party:
            return {}, [_FIRST_PARTY_LEFT_OUT]
        return await self._first_party.read(campaign.tenant, level, ids, *span)

    async def _snapshots(
        self, campaign: Campaign, rows: Sequence[DailyInsight], today: date, known: Counted | None
    ) -> list[MaturitySnapshot]:
        """Keep today's counts, unless a report of today was kept before, and return all counts by age."""
        if known is not None and known.on == today:
            return known.counts  # the first report of a day stands
        counts: dict[date, Decimal | None] = {}
        for row in rows:
            if (today - row.day).days <= SNAPSHOT_DAYS:
                counts[row.day] = _sum(counts.get(row.day, Decimal(0)), row.conversions)
        key = (campaign.tenant, campaign.account.platform_account_id, campaign.campaign_id)
        if counts:
            await self._store.keep(*key, today, counts)
        # Twice the span: the growth of a day's count is complete only SNAPSHOT_DAYS after it.
        reports = await self._store.since(*key, today - timedelta(days=2 * SNAPSHOT_DAYS))
        return snapshots_of(reports)


def _objects(
    view: CampaignView, campaign: Campaign, tree: Tree, level: Level | None
) -> tuple[Level, list[str], list[str]]:
    """Return the level, our live objects there, and warnings of those that are left out."""
    if level is None:
        return budgeted(view, campaign, tree)
    ours = [entry.tag for entry in campaign.objects.values() if entry.level is level]
    return level, [tag for tag in ours if view.live(tag, "status") != "deleted"], []


def budgeted(view: CampaignView, campaign: Campaign, tree: Tree) -> tuple[Level, list[str], list[str]]:
    """Return the level that has the budgets, our objects there, and warnings of those that are left out."""
    if tree.campaign.daily_budget is not None:
        return Level.CAMPAIGN, [campaign.tag], []
    unread = view.unread(Level.ADSET)
    ours = [
        entry.tag
        for entry in campaign.objects.values()
        if entry.level is Level.ADSET
        and view.live(entry.tag, "status") != "deleted"
        and entry.tag not in unread
    ]
    tags = [tag for tag in ours if view.live(tag, "daily_budget") is not None]
    known = {entry.platform_id for entry in campaign.objects.values()}
    foreign = sum(node.platform_id not in known and node.status != "deleted" for node in tree.adsets)
    warnings = []
    if foreign:
        were = "ad set was" if foreign == 1 else "ad sets were"
        left = "is left" if foreign == 1 else "are left"
        warnings.append(f"{foreign} {were} not made by this module and {left} unchanged")
    if without := len(ours) - len(tags):
        have, left = ("ad set has", "is left") if without == 1 else ("ad sets have", "are left")
        warnings.append(f"{without} {have} no daily budget and {left} unchanged")
    warnings += [
        f"ad set {tag} is left unchanged: its {' and '.join(fields)} cannot be read by this module"
        for tag, fields in unread.items()
    ]
    return Level.ADSET, tags, warnings


_NUMBERS = ("spend", "impressions", "clicks", "conversions", "revenue")


def check_rows(rows: Iterable[DailyInsight]) -> None:
    """Raise InvalidRequestError for an impossible number, naming the object and the day."""
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
    """Return the rows of ad sets, added up per campaign and day where `level` is the campaign."""
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
    return None if one is None or other is None else one + other  # an unknown part makes the sum unknown


def snapshots_of(reports: Mapping[date, Mapping[date, Decimal]]) -> list[MaturitySnapshot]:
    """Return each day's counts by age, from reports by the day of their read; None for a day without one."""
    days = sorted({day for report in reports.values() for day in report})
    return [
        MaturitySnapshot(
            day=day, counts=[_known(reports, day, age) for age in range(_oldest(reports, day) + 1)]
        )
        for day in days
    ]


def _known(reports: Mapping[date, Mapping[date, Decimal]], day: date, age: int) -> float | None:
    # Reports end with yesterday: the first that holds a day is read on the day after it, at age 0.
    count = reports.get(day + timedelta(days=age + 1), {}).get(day)
    return None if count is None else float(count)


def _oldest(reports: Mapping[date, Mapping[date, Decimal]], day: date) -> int:
    return max((read - day).days - 1 for read, report in reports.items() if day in report)


def _with_revenue(row: DailyInsight, revenue: Mapping[date, Decimal]) -> DailyInsight:
    return row.model_copy(update={"revenue": revenue[row.day]}) if row.day in revenue else row


def _first_day(campaign: Campaign, today: date, days: int) -> date:
    created = campaign.first_day(ZoneInfo(campaign.account.time_zone))
    earliest = today - timedelta(days=min(days, LONGEST_REPORT_DAYS))
    return earliest if created is None else max(created, earliest)


def _parents(campaign: Campaign, level: Level, tag: str) -> Parents:
    if level is Level.CAMPAIGN:
        return Parents(campaign.root_id)
    return Parents(campaign.root_id, campaign.objects[campaign.adset_of(tag) or ""].platform_id)


def _parts(group: Sequence[Campaign]) -> list[Sequence[Campaign]]:
    """Return the parts of a group that a report each is read on."""
    return [group[start : start + _MOST_CAMPAIGNS] for start in range(0, len(group), _MOST_CAMPAIGNS)]


def _group(campaign: Campaign) -> tuple[str, str, str]:
    return str(campaign.platform), campaign.account.platform_account_id, str(campaign.objective)
