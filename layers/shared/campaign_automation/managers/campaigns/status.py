"""The status of a campaign with its ad sets and ads as they are on the platform, with today's figures.

A live answer is kept: for five minutes it answers again, for a day it stands in when the platform fails. It
carries the revision of the campaign that it was read at, so a change of ours makes it old at once, whatever
happened to the cache meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from campaign_automation.adapters.base import Access, FiguresByLevel, PlatformAdapter, read_figures
from campaign_automation.adapters.tree import AdNode, AdSetNode, Node, Tree
from campaign_automation.managers.campaign_manager import CampaignManager
from campaign_automation.managers.campaigns import wording
from campaign_automation.managers.shared.accounts import days_left, token_warnings
from campaign_automation.managers.shared.platform_access import Patience, Platforms
from campaign_automation.managers.shared.view import follow
from campaign_automation.models.campaign import Campaign, Creation
from campaign_automation.models.campaigns import (
    AdSetState,
    AdState,
    CampaignState,
    CampaignStatus,
    Figures,
    GetCampaignStatus,
    TokenHealth,
)
from campaign_automation.models.common import Context, Level
from campaign_automation.stores.ab_test_store import campaign_id_of
from campaign_automation.stores.campaign_store import CampaignStore
from campaign_automation.utils import clock
from campaign_automation.utils.cache_manager import CacheManager
from campaign_automation.utils.clock import iso_now
from campaign_automation.utils.error_handler import (
    AccountError,
    CampaignAutomationError,
    PlatformError,
)
from campaign_automation.utils.observability import logger

FRESH_SECONDS = 300
KEPT_SECONDS = 24 * 3600
_PATIENCE = Patience(total=8.0, attempt=15.0)  # the gateway gives up after 29 s


class _Kept(NamedTuple):
    """An answer and the revision of the campaign that it was read at."""

    revision: int
    answer: CampaignStatus


class CampaignStatusReader:
    def __init__(
        self,
        store: CampaignStore,
        campaigns: CampaignManager,
        platforms: Platforms,
        cache: CacheManager,
    ) -> None:
        self._store = store
        self._campaigns = campaigns
        self._platforms = platforms
        self._cache = cache

    async def status(self, request: GetCampaignStatus, context: Context) -> CampaignStatus:
        """Return the status from the cache when it is fresh, else from the platform.

        Simultaneous requests cause one read. When the platform fails the last answer is returned as `stale`,
        with its age and the failure in `warnings`. Raises the platform's error when there is none, and
        NotFoundError for an unknown campaign.
        """
        campaign_id = await self._our_id(context.user_id, request.campaign_id)
        key = f"status:{campaign_id}"
        if (fresh := await self._fresh(context.user_id, campaign_id, key)) is not None:
            return fresh
        return await self._cache.single_flight(
            context.user_id,
            key,
            lambda: self._fresh(context.user_id, campaign_id, key),
            lambda: self._read_and_keep(context.user_id, campaign_id, key),
        )

    async def last(self, campaign: Campaign) -> CampaignStatus | None:
        """Return the status as it was last read, at most a day ago, or None."""
        kept = await self._kept(campaign.tenant, f"status:{campaign.campaign_id}")
        return None if kept is None else kept.answer

    async def _our_id(self, tenant: str, campaign_id: str) -> str:
        if (ours := campaign_id_of(campaign_id)).startswith("cmp_"):
            return ours
        return await self._store.resolve(tenant, campaign_id) or campaign_id

    async def _fresh(self, tenant: str, campaign_id: str, key: str) -> CampaignStatus | None:
        """Return the kept answer when it is young and nothing was changed since, else None.

        The store decides on the campaign's owner and revision; the cache alone is never trusted.
        """
        kept, head = await asyncio.gather(self._kept(tenant, key), self._store.head(tenant, campaign_id))
        if kept is None or head is None or head.state not in ("created", "deleted"):
            return None
        if kept.revision != head.revision or _age(kept.answer) > FRESH_SECONDS:
            return None
        answer: CampaignStatus = kept.answer.model_copy(update={"source": "cache"})
        return answer

    async def _kept(self, tenant: str, key: str) -> _Kept | None:
        """Return the kept answer; None without one, or for one that another version of this code wrote."""
        kept = await self._cache.get(tenant, key)
        try:
            return _Kept(int(kept["revision"]), CampaignStatus.model_validate(kept["answer"]))
        except (TypeError, KeyError, ValueError):
            return None

    async def _read_and_keep(self, tenant: str, campaign_id: str, key: str) -> CampaignStatus:
        known = await self._campaigns.known(tenant, campaign_id)
        if isinstance(known, Creation):
            made = known.campaign()
            if known.state != "created" or made is None:
                return _unfinished_status(known)
            campaign = made
        elif known.state == "deleted":
            return _without_tree(known, "deleted", [], [])
        else:
            campaign = known
        try:
            answer, is_whole = await self._read(campaign)
        except PlatformError as error:
            if error.code == "5000":
                # No sign that it is gone: the token may have lost a permission.
                return _without_tree(campaign, "not_visible", [error.message], [wording.NOT_VISIBLE])
            return await self._stale(tenant, key, error)
        # An answer without figures is not kept: the next request may get them.
        if is_whole:
            kept = {"revision": campaign.revision, "answer": answer.model_dump(mode="json")}
            await self._cache.set(tenant, key, KEPT_SECONDS, kept)
        return answer

    async def _stale(self, tenant: str, key: str, error: PlatformError) -> CampaignStatus:
        kept = await self._kept(tenant, key)
        if kept is None:
            raise error
        logger.warning("status from an old answer", code=error.code, reason=error.message)
        age = round(_age(kept.answer))
        warnings = [wording.stale_warning(error.message, error.code, age), *kept.answer.warnings]
        return kept.answer.model_copy(update={"source": "stale", "age_seconds": age, "warnings": warnings})

    async def _read(self, campaign: Campaign) -> tuple[CampaignStatus, bool]:
        """Return the answer, and whether its figures are whole."""
        platform = self._platforms.of(campaign.tenant, campaign.platform, campaign.account)
        today = clock.day_of(clock.now(), ZoneInfo(campaign.account.time_zone))

        async def read(access: Access) -> tuple[Tree, tuple[FiguresByLevel | None, list[str]], Access]:
            tree, figures, problems = await asyncio.gather(
                platform.adapter.read_tree(access, campaign.root_id, campaign.account.currency),
                _read_figures(platform.adapter, access, campaign, today),
                _account_problems(platform.adapter, access),
            )
            tree.campaign.issues.extend(problems)
            return tree, figures, access

        tree, (figures, warnings), access = await platform.ask("status", _PATIENCE, read)
        follow(campaign, tree)
        if platform.states is not None:
            await platform.states.ads_refused(campaign, tree)
        warnings = [*warnings, *token_warnings(access, campaign.platform)]
        return _status(campaign, tree, figures, warnings, access, today), figures is not None


async def _account_problems(adapter: PlatformAdapter, access: Access) -> list[str]:
    """Return the reason for which the ad account cannot advertise now, if it has one."""
    try:
        await adapter.check_account(access)
    except AccountError as error:
        return [error.message]
    except CampaignAutomationError as error:
        logger.warning("account not read", reason=error.message)
    return []


async def _read_figures(
    adapter: PlatformAdapter, access: Access, campaign: Campaign, today: date
) -> tuple[FiguresByLevel | None, list[str]]:
    """Return the figures, None when they are unknown, and warnings.

    Reports may fail while the objects can be read.
    """
    try:
        report = await read_figures(adapter, access, campaign.root_id, today, campaign.objective)
    except CampaignAutomationError as error:
        logger.warning("figures not read", campaign_id=campaign.campaign_id, reason=error.message)
        return None, [wording.unknown_figures_warning(error.message)]
    return report, []


def _age(answer: CampaignStatus) -> float:
    """Return the seconds since the answer was read."""
    return (clock.now() - datetime.fromisoformat(answer.as_of)).total_seconds()


def _unfinished_status(creation: Creation) -> CampaignStatus:
    plan = creation.plan
    issues = [str(creation.failure["message"])] if creation.failure else []
    return CampaignStatus(
        campaign=CampaignState(
            campaign_id=creation.campaign_id,
            platform=creation.spec.platform,
            name=plan.name if plan else creation.spec.name or creation.campaign_id,
            status=creation.state,
            issues=issues,
        ),
        as_of=iso_now(),
    )


def _without_tree(campaign: Campaign, status: str, issues: list[str], warnings: list[str]) -> CampaignStatus:
    """Return the status of a campaign that its platform does not show."""
    state = CampaignState(
        campaign_id=campaign.campaign_id,
        platform=campaign.platform,
        platform_campaign_id=campaign.root_id,
        name=campaign.name,
        status=status,
        currency=campaign.account.currency,
        issues=issues,
    )
    return CampaignStatus(campaign=state, as_of=iso_now(), warnings=warnings)


def _status(
    campaign: Campaign,
    tree: Tree,
    figures: FiguresByLevel | None,
    warnings: list[str],
    access: Access,
    today: date,
) -> CampaignStatus:
    ours = {entry.platform_id: entry.tag for entry in campaign.objects.values()}
    tree = _with_missing(campaign, tree)
    return CampaignStatus(
        campaign=_campaign_state(campaign, tree, _figures_of(figures, Level.CAMPAIGN, tree.campaign), today),
        adsets=[_adset_state(ours, node, _figures_of(figures, Level.ADSET, node)) for node in tree.adsets],
        ads=[_ad_state(campaign, ours, node, _figures_of(figures, Level.AD, node)) for node in tree.ads],
        as_of=iso_now(),
        token=TokenHealth(expires_at=access.expires_at, days_left=days_left(access)),
        warnings=warnings,
    )


def _with_missing(campaign: Campaign, tree: Tree) -> Tree:
    """Return the tree with those of our ad sets and ads that the platform does not show any more.

    It hides what somebody deleted or archived there: left out without a word it would look as if it had
    never been. A deleted campaign is shown alone, and what was deleted from here is not told again.
    """
    if tree.campaign.status == "deleted":
        return tree
    shown = {node.platform_id for node in (*tree.adsets, *tree.ads)}
    adsets, ads = list(tree.adsets), list(tree.ads)
    for entry in (*campaign.made(Level.ADSET), *campaign.made(Level.AD)):
        if entry.platform_id in shown or entry.status == "deleted":
            continue
        fields = {"platform_id": entry.platform_id, "name": entry.renamed or entry.name}
        fields |= _unseen(entry.level in tree.lost)
        if entry.level is Level.ADSET:
            adsets.append(AdSetNode.model_validate(fields))
        else:
            parent = campaign.objects.get(entry.parent or "")
            ads.append(AdNode.model_validate({**fields, "adset_id": (parent and parent.platform_id) or ""}))
    return tree.model_copy(update={"adsets": adsets, "ads": ads})


def _unseen(is_lost: bool) -> dict[str, Any]:
    """Return what is known of an object that is not in a list of its level, or in one that was not whole."""
    status, issue = ("unknown", wording.NOT_READ) if is_lost else ("deleted", wording.GONE)
    return {"status": status, "platform_status": "unknown", "issues": [issue]}


def _figures_of(report: FiguresByLevel | None, level: Level, node: Node) -> Figures:
    """Return the figures of one object, unknown without a report."""
    if report is None:
        return Figures()
    # Platforms leave out what did not deliver: no row in a report that came means nothing was spent.
    none = Figures.model_validate(
        dict.fromkeys(("impressions", "clicks", "spend", "revenue", "conversions"), 0)
    )
    return report[level].get(node.platform_id, none)


class _Budgets(NamedTuple):
    """The daily budgets of what runs or starts with the campaign, and of the rest; None if unknown."""

    counted: Decimal | None
    paused: Decimal | None


def _daily_budgets(campaign: Campaign, tree: Tree) -> _Budgets:
    """Return the campaign's own budget, else the sums of its ad sets' budgets."""
    if tree.campaign.daily_budget is not None:
        return _Budgets(tree.campaign.daily_budget, Decimal(0))
    waiting = _starting(campaign) if tree.campaign.status == "paused" else set()
    alive = [node for node in tree.adsets if node.status != "deleted"]
    parts: dict[bool, list[AdSetNode]] = {True: [], False: []}
    for node in alive:
        parts[node.status != "paused" or node.platform_id in waiting].append(node)
    return _Budgets(_sum(parts[True]), _sum(parts[False]))


def _starting(campaign: Campaign) -> set[str | None]:
    """Return the platform ids of the ad sets that start with their campaign."""
    return {entry.platform_id for entry in campaign.start_order() if entry.level is Level.ADSET}


def _sum(nodes: Sequence[AdSetNode]) -> Decimal | None:
    known = [node.daily_budget for node in nodes if node.daily_budget is not None]
    return sum(known, Decimal(0)) if len(known) == len(nodes) else None


def _campaign_state(campaign: Campaign, tree: Tree, figures: Figures, today: date) -> CampaignState:
    budgets = _daily_budgets(campaign, tree)
    return CampaignState(
        campaign_id=campaign.campaign_id,
        platform=campaign.platform,
        platform_campaign_id=tree.campaign.platform_id,
        name=tree.campaign.name,
        status=tree.campaign.status,
        platform_status=tree.campaign.platform_status,
        currency=campaign.account.currency,
        daily_budget=budgets.counted,
        paused_daily_budget=budgets.paused,
        created_at=tree.campaign.created_at or _created_at(campaign),
        ends_at=_end_of(tree),
        day=today,
        issues=tree.campaign.issues,
        **{f"{name}_today": value for name, value in figures},
    )


def _created_at(campaign: Campaign) -> datetime | None:
    return None if campaign.created_at is None else clock.at_ms(campaign.created_at)


def _end_of(tree: Tree) -> datetime | None:
    """Return the time at which the platform stops all of the campaign; None while a part goes on."""
    if tree.campaign.ends_at is not None:
        return tree.campaign.ends_at
    ends = [node.ends_at for node in tree.adsets if node.status != "deleted"]
    known = [end for end in ends if end is not None]
    return max(known) if known and len(known) == len(ends) else None


def _adset_state(ours: Mapping[str | None, str], node: AdSetNode, figures: Figures) -> AdSetState:
    return AdSetState(
        adset_id=ours.get(node.platform_id, node.platform_id),
        platform_adset_id=node.platform_id,
        name=node.name,
        status=node.status,
        platform_status=node.platform_status,
        daily_budget=node.daily_budget,
        targeting=node.targeting,
        bid_strategy=node.bid_strategy,
        bid_target=node.bid_target,
        placements=node.placements if node.placements == "automatic" else node.placed or node.placements,
        ends_at=node.ends_at,
        issues=node.issues,
        foreign=node.platform_id not in ours,
        **dict(figures),
    )


def _ad_state(campaign: Campaign, ours: Mapping[str | None, str], node: AdNode, figures: Figures) -> AdState:
    tag = ours.get(node.platform_id)
    return AdState(
        ad_id=tag or node.platform_id,
        platform_ad_id=node.platform_id,
        adset_id=ours.get(node.adset_id, node.adset_id),
        creative_id=campaign.objects[tag].creative_id if tag else None,
        name=node.name,
        status=node.status,
        platform_status=node.platform_status,
        issues=node.issues,
        foreign=tag is None,
        **dict(figures),
    )
