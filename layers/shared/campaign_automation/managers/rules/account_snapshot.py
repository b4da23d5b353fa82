"""The data that rules are evaluated on, read once per account: objects, their figures and their past."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import NamedTuple

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
from campaign_automation.models.common import AdAccount, Level
from campaign_automation.models.rules.conditions import leaves, window_of
from campaign_automation.models.rules.rule import CreateRule, Scope
from campaign_automation.models.rules.vocabulary import days_of
from campaign_automation.optimizers.budgets.guard import measure_maturity
from campaign_automation.optimizers.rules.columns import Columns, members
from campaign_automation.optimizers.rules.data import Entity, PastAction, Snapshot
from campaign_automation.optimizers.rules.figures import EVIDENCE_DAYS
from campaign_automation.stores.audit_store import AuditStore
from campaign_automation.stores.campaign_store import CampaignStore
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import CampaignAutomationError, PlatformError
from campaign_automation.utils.observability import logger

LONGEST_DAYS = 90
_SPEND_DAYS = 7  # max_affected looks at a week of spend
_AT_ONCE = 16
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


class SnapshotsRead(NamedTuple):
    """The accounts in the order of their platforms and ids.

    `unread` are the objects in scope of which nothing is known now, `errors` those of their platforms.
    """

    accounts: list[AccountSnapshot]
    unread: list[SkippedItem]
    errors: list[CampaignAutomationError]


class AccountSnapshots:
    def __init__(self, store: CampaignStore, insights: Insights, audit: AuditStore) -> None:
        self._store = store
        self._insights = insights
        self._audit = audit

    async def campaigns(self, tenant: str, scope: Scope | None = None) -> list[Campaign]:
        """Return the tenant's campaigns that `scope` can be about."""
        listed = await self._store.campaigns(tenant)
        if scope is not None and scope.platform is not None:
            listed = [item for item in listed if item.platform == scope.platform]
        if scope is not None and scope.campaign_ids is not None:
            listed = [item for item in listed if item.campaign_id in scope.campaign_ids]
        gate = asyncio.Semaphore(_AT_ONCE)

        async def load(campaign_id: str) -> Campaign | None:
            async with gate:
                return await self._store.campaign(tenant, campaign_id)

        loaded = await asyncio.gather(*(load(item.campaign_id) for item in listed))
        found = [item for item in loaded if item is not None and item.state != "deleted"]
        if scope is None or scope.adset_ids is None:
            return found
        return [item for item in found if item.objects.keys() & set(scope.adset_ids)]

    async def read(self, campaigns: Sequence[Campaign], rule: CreateRule, days: int) -> SnapshotsRead:
        """Return the objects of `campaigns` that `rule` is about, with their last `days` full days.

        One report is read per account, objective and level. A platform that fails costs its own objects only.
        """
        groups = [list(group) for _, group in itertools.groupby(sorted(campaigns, key=_account), _account)]
        results = await asyncio.gather(*(self._read_account(group, rule, days) for group in groups))
        accounts = [account for result in results if (account := result[0]) is not None]
        return SnapshotsRead(
            accounts,
            unread=[
                *(item for result in results for lost in result[1] for item in _lost(*lost, rule)),
                *(item for account in accounts for item in account.unread),
            ],
            errors=[error for result in results for _, error in result[1]],
        )

    async def _read_account(
        self, group: Sequence[Campaign], rule: CreateRule, days: int
    ) -> tuple[AccountSnapshot | None, list[tuple[Campaign, CampaignAutomationError]]]:
        """Return the account, None when nothing of it could be read, and the campaigns that could not."""
        read, failed = await self._insights_of(group, rule, days)
        if not read:
            return None, failed
        # Read after the platform: a change that shows there has its record here, so none is made twice.
        since = clock.now_ms() - timedelta(days=LONGEST_DAYS) // timedelta(milliseconds=1)
        trails = await asyncio.gather(
            *(self._audit.since(item.campaign.tenant, item.campaign.campaign_id, since) for item in read)
        )
        return _snapshot(read, [happened(t, i.view) for t, i in zip(trails, read, strict=True)], rule), failed

    async def _insights_of(
        self, group: Sequence[Campaign], rule: CreateRule, days: int
    ) -> tuple[list[CampaignInsights], list[tuple[Campaign, CampaignAutomationError]]]:
        try:
            return await self._insights.read(
                group, days, level=reading_level(rule.action), running_day=looks_at_today(rule)
            ), []
        except CampaignAutomationError as error:
            logger.warning("not read for rules", account=_account(group[0]), reason=error.message)
            if len(group) == 1 or not (isinstance(error, PlatformError) and error.code == _UNSEEN):
                return [], [(campaign, error) for campaign in group]
        # One campaign is not shown: one read each finds the others.
        parts = await asyncio.gather(*(self._insights_of([item], rule, days) for item in group))
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
    read: Sequence[CampaignInsights], trails: Sequence[list[AuditRecord]], rule: CreateRule
) -> AccountSnapshot:
    account, window = read[0].account, AttributionWindow.of(read).days
    snapshots = [snapshot for item in read for snapshot in item.snapshots]
    return AccountSnapshot(
        account,
        Snapshot(
            [
                entity
                for item, trail in zip(read, trails, strict=True)
                for entity in entities_of(item, rule.action, trail)
            ],
            clock.now(),
            account.time_zone,
            *measure_maturity(snapshots, window),
        ),
        {
            tag: Target(item.campaign, item.level, item.view, trail)
            for item, trail in zip(read, trails, strict=True)
            for tag in item.tags
        },
        [action for trail in trails for action in past_actions(trail)],
        {item.campaign.campaign_id: item.snapshots for item in read},
        [unread for item in read for unread in _unread(item, rule)],
        window,
    )


def _lost(campaign: Campaign, error: CampaignAutomationError, rule: CreateRule) -> list[SkippedItem]:
    """Return the objects in the rule's scope of a campaign that could not be read."""
    found = in_scope(skeletons(campaign, rule.action), rule)
    return [SkippedItem(id=item.entity_id, reason=f"not_read: {error.code}") for item in found]


def _unread(insights: CampaignInsights, rule: CreateRule) -> list[SkippedItem]:
    """Return the objects in the rule's scope with settings that this module does not know."""
    fields = insights.view.unread(insights.level)
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
