"""The data that rules are evaluated on, read once per account: objects, their figures and their past."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple

from campaign_automation.managers.rules.campaign_reading import Broken, CampaignReading, Loaded
from campaign_automation.managers.rules.entities import (
    entities_of,
    happened,
    past_actions,
    reading_level,
    skeletons,
)
from campaign_automation.managers.shared.insights import (
    USUAL_ATTRIBUTION_DAYS,
    AttributionWindow,
    CampaignInsights,
    Insights,
)
from campaign_automation.managers.shared.view import CampaignView
from campaign_automation.models.budget_problem import MaturitySnapshot
from campaign_automation.models.campaign import Campaign
from campaign_automation.models.changes import AuditRecord, SkippedItem
from campaign_automation.models.common import AdAccount, Level, Platform
from campaign_automation.models.rules.conditions import leaves, window_of
from campaign_automation.models.rules.rule import CreateRule
from campaign_automation.models.rules.vocabulary import days_of
from campaign_automation.optimizers.budgets.guard import measure_maturity
from campaign_automation.optimizers.rules.columns import Columns, members
from campaign_automation.optimizers.rules.data import Entity, PastAction, Snapshot
from campaign_automation.optimizers.rules.figures import EVIDENCE_DAYS
from campaign_automation.stores.campaign_rows import Listed
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import CampaignAutomationError, PlatformError, StoreError
from campaign_automation.utils.observability import internal_error, logger

LONGEST_DAYS = 90
_ACCOUNTS_AT_ONCE = 16
_SPEND_DAYS = 7  # max_affected looks at a week of spend
_UNSEEN = "5000"  # DATA_NOT_FOUND: the platform does not show the campaign


class Target(NamedTuple):
    """The place where a decision on an object is carried out: its campaign, the level and the audit trail."""

    campaign: Campaign
    level: Level
    view: CampaignView
    trail: list[AuditRecord]


class AccountSnapshot(NamedTuple):
    """One account as rules see it: its snapshot, the targets of its objects by tag, and past actions.

    `reports` are conversions by campaign as they became known, `unread` the objects with settings that this
    module does not know.
    """

    account: AdAccount
    snapshot: Snapshot
    targets: dict[str, Target]
    past: list[PastAction]
    reports: dict[str, list[MaturitySnapshot]] = {}
    unread: list[SkippedItem] = []
    attribution_days: int = USUAL_ATTRIBUTION_DAYS


class Elsewhere(NamedTuple):
    """The accounts in which other functions found nothing, with the numbers of their objects."""

    accounts: int = 0
    evaluated: int = 0
    undecided: int = 0


class SnapshotsRead(NamedTuple):
    """The accounts in the order of their platforms and ids, or from one on.

    `unread` are the objects in scope of which nothing is known now, `errors` those of their platforms, `left`
    the accounts that were not begun, `elsewhere` those that need not be read.
    """

    accounts: list[AccountSnapshot]
    unread: list[SkippedItem]
    errors: list[CampaignAutomationError]
    left: list[str] = []
    elsewhere: Elsewhere = Elsewhere()


class AccountSnapshots:
    def __init__(self, reading: CampaignReading, insights: Insights) -> None:
        self._reading = reading
        self._insights = insights

    async def campaigns(self, tenant: str) -> Loaded:
        """Return all campaigns of the tenant."""
        return await self._reading.load(tenant, await self._reading.listed(tenant))

    async def accounts(self, tenant: str, rule: CreateRule) -> dict[str, list[Listed]]:
        """Return the campaigns that the rule's scope can be about, by account."""
        by_account: dict[str, list[Listed]] = {}
        for item in await self._reading.listed(tenant, rule.applies_to):
            by_account.setdefault(f"{item.platform}:{item.account}", []).append(item)
        return by_account

    async def read_in_time(
        self,
        tenant: str,
        by_account: Mapping[str, Sequence[Listed]],
        rule: CreateRule,
        days: int,
        *,
        first: str | None,
        seconds: float,
    ) -> SnapshotsRead:
        """Read accounts in the rule's scope, from the account `first` on and then those before it.

        Accounts are begun for so many seconds; the first one always.
        """
        names = sorted(by_account, key=lambda name: (name < (first or ""), name))
        until, gate = time.monotonic() + seconds, asyncio.Semaphore(_ACCOUNTS_AT_ONCE)

        async def read(name: str) -> SnapshotsRead | None:
            async with gate:
                if name != names[0] and time.monotonic() >= until:
                    return None
                loaded = await self._reading.load(tenant, by_account[name], rule.applies_to)
                return await self.read(loaded, rule, days)

        parts = await asyncio.gather(*map(read, names))
        begun = [part for part in parts if part is not None]
        return SnapshotsRead(
            [account for part in begun for account in part.accounts],
            [item for part in begun for item in part.unread],
            [error for part in begun for error in part.errors],
            [name for name, part in zip(names, parts, strict=True) if part is None],
        )

    async def read(self, loaded: Loaded, rule: CreateRule, days: int) -> SnapshotsRead:
        """Return the objects of campaigns that `rule` is about, with their last `days` full days.

        One report is read per account, objective and level. A platform that fails costs its own objects only.
        """
        ordered = sorted(loaded.campaigns, key=_account)
        groups = [loaded._replace(campaigns=list(group)) for _, group in itertools.groupby(ordered, _account)]
        results = await asyncio.gather(*(self._read_account(group, rule, days) for group in groups))
        accounts = [account for result in results if (account := result[0]) is not None]
        return SnapshotsRead(
            accounts,
            unread=[
                *(item for result in results for lost in result[1] for item in _lost(*lost, rule)),
                *(item for account in accounts for item in account.unread),
                *_broken(loaded.unread, rule),
            ],
            errors=[error for result in results for _, error in result[1]],
        )

    async def _read_account(
        self, group: Loaded, rule: CreateRule, days: int
    ) -> tuple[AccountSnapshot | None, list[tuple[Campaign, CampaignAutomationError]]]:
        """Return the account, None when nothing of it could be read, and the campaigns that could not."""
        read, failed = await self._insights_of(group, rule, days)
        if not read:
            return None, failed
        # Read after the platform: a change that shows there has its record here, so none is made twice.
        since = clock.now_ms() - timedelta(days=LONGEST_DAYS) // timedelta(milliseconds=1)
        pairs = list(zip(read, await self._reading.trails(group, read, since), strict=True))
        failed += [(item.campaign, trail.error()) for item, trail in pairs if isinstance(trail, Broken)]
        whole = [(item, happened(trail, item.view)) for item, trail in pairs if not isinstance(trail, Broken)]
        return _snapshot(whole, rule) if whole else None, failed

    async def _insights_of(
        self, group: Loaded, rule: CreateRule, days: int
    ) -> tuple[list[CampaignInsights], list[tuple[Campaign, CampaignAutomationError]]]:
        campaigns = group.campaigns
        try:
            return await self._insights.read(
                campaigns,
                days,
                level=reading_level(rule.action),
                running_day=looks_at_today(rule),
                counted=group.counted(),
            ), []
        except CampaignAutomationError as caught:
            error, is_of_one = caught, isinstance(caught, PlatformError) and caught.code == _UNSEEN
        except (KeyError, ValueError):
            if len(campaigns) == 1:
                internal_error("not read for rules", campaign_id=campaigns[0].campaign_id)
            error, is_of_one = Broken().error(), True
        logger.warning("not read for rules", account=_account(campaigns[0]), reason=error.message)
        if len(campaigns) == 1 or not is_of_one:
            return [], [(campaign, error) for campaign in campaigns]
        # One campaign is not shown, or has a row that is broken: halves of the group find the others.
        middle = len(campaigns) // 2
        halves = (group._replace(campaigns=half) for half in (campaigns[:middle], campaigns[middle:]))
        parts = await asyncio.gather(*(self._insights_of(half, rule, days) for half in halves))
        return [item for read, _ in parts for item in read], [item for _, lost in parts for item in lost]


def days_needed(rules: Iterable[CreateRule]) -> int:
    """Return the number of full days that the longest window of `rules` covers."""
    return max((_days_of_rule(rule) for rule in rules), default=1)


def looks_at_today(rule: CreateRule) -> bool:
    return "today" in _windows(rule)


def _windows(rule: CreateRule) -> set[str]:
    """Return the time ranges on both sides of the rule's comparisons."""
    found = list(leaves(rule.condition))
    references = {getattr(getattr(leaf, "value", None), "time_range", None) for leaf in found}
    return {window_of(leaf) for leaf in found} | {window for window in references if window}


def _days_of_rule(rule: CreateRule) -> int:
    longest = max(_length(window) for window in _windows(rule))
    if rule.certainty is not None:
        longest = max(longest, EVIDENCE_DAYS)
    return min(max(longest, _SPEND_DAYS), LONGEST_DAYS)


def _length(window: str) -> int:
    # Windows without a length of their own need all that is kept.
    named = {"today": 1, "yesterday": 1, "lifetime": LONGEST_DAYS, "since_last_action": LONGEST_DAYS}
    return named[window] if window in named else days_of(window) or 1


def _snapshot(
    parts: Sequence[tuple[CampaignInsights, list[AuditRecord]]], rule: CreateRule
) -> AccountSnapshot:
    """Return the account of campaigns with what happened to them."""
    read = [item for item, _ in parts]
    account, window = read[0].account, AttributionWindow.of(read).days
    snapshots = [snapshot for item in read for snapshot in item.snapshots]
    return AccountSnapshot(
        account,
        Snapshot(
            [entity for item, trail in parts for entity in entities_of(item, rule.action, trail)],
            clock.now(),
            account.time_zone,
            *measure_maturity(snapshots, window),
        ),
        {
            tag: Target(item.campaign, item.level, item.view, trail)
            for item, trail in parts
            for tag in item.tags
        },
        [action for _, trail in parts for action in past_actions(trail)],
        {item.campaign.campaign_id: item.snapshots for item in read},
        [unread for item in read for unread in _unread(item, rule)],
        window,
    )


def _lost(campaign: Campaign, error: CampaignAutomationError, rule: CreateRule) -> list[SkippedItem]:
    """Return the objects in the rule's scope of a campaign that could not be read."""
    found = in_scope(skeletons(campaign, rule.action), rule)
    return [SkippedItem(id=item.entity_id, reason=f"not_read: {error.code}") for item in found]


def _broken(unread: Iterable[Listed], rule: CreateRule) -> list[SkippedItem]:
    """Return the campaigns that the rule may be about and whose rows cannot be read, each as one object."""
    scope = rule.applies_to.model_copy(update={"adset_ids": None})
    entities = [
        Entity(
            item.campaign_id,
            rule.action.acts_on,
            item.campaign_id,
            Platform(item.platform),
            item.name,
            active=False,
            days=[],
        )
        for item in unread
    ]
    found = in_scope(entities, rule.model_copy(update={"applies_to": scope}))
    return [SkippedItem(id=item.entity_id, reason=f"not_read: {StoreError.code}") for item in found]


def _unread(insights: CampaignInsights, rule: CreateRule) -> list[SkippedItem]:
    """Return the objects in the rule's scope with settings that this module does not know."""
    fields = insights.view.unread(insights.level)
    if not fields:
        return []
    found = in_scope(skeletons(insights.campaign, rule.action), rule)
    return [
        SkippedItem(id=item.entity_id, reason=f"not_read: {', '.join(fields[item.entity_id])}")
        for item in found
        if item.entity_id in fields
    ]


def in_scope(entities: Sequence[Entity], rule: CreateRule) -> list[Entity]:
    """Return the entities that the rule's scope names and does not exclude."""
    columns = Columns(Snapshot(entities, clock.now()), entities)
    return [columns.entities[position] for position in members(columns.scope(rule.applies_to))]


def _account(campaign: Campaign) -> tuple[str, str]:
    account = campaign.account
    return str(campaign.platform), account.platform_account_id if account else ""
