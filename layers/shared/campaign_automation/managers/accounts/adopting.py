"""Campaigns made elsewhere become campaigns here, and are released again; no platform is written to."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import time
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from campaign_automation.adapters.base import Access
from campaign_automation.adapters.tree import Tree, tree_or_raise
from campaign_automation.managers.accounts import wording
from campaign_automation.managers.accounts.accounts_read import PATIENCE, AccountReader, OwnedCampaign, Owner
from campaign_automation.managers.campaign_manager import CampaignManager
from campaign_automation.managers.changes.commitments import Commitments
from campaign_automation.managers.shared.accounts import token_warnings
from campaign_automation.managers.shared.platform_access import TREES_AT_ONCE, PlatformAccount
from campaign_automation.managers.shared.view import CampaignView, entries_of
from campaign_automation.models.accounts import (
    AccountCampaign,
    AccountCampaigns,
    CampaignReleased,
    CampaignsImported,
    ImportCampaigns,
    ImportedCampaign,
    ListAccountCampaigns,
    ReleaseCampaign,
)
from campaign_automation.models.campaign import Campaign
from campaign_automation.models.changes import FailedItem, SkippedItem
from campaign_automation.models.common import Context, Level, Objective
from campaign_automation.stores.campaign_store import CampaignStore
from campaign_automation.stores.operations.owners import Adoption, AdoptionStore
from campaign_automation.stores.operations.tags import TagStore
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import (
    CampaignAutomationError,
    ConflictError,
    NotFoundError,
    PlatformError,
    StoreError,
    error_body,
)
from campaign_automation.utils.observability import emit, logger

_SECONDS = 18.0  # after that no further campaign is read, so that the answer is in time for the gateway
_PARTS_AT_ONCE = 4


class Adopted(NamedTuple):
    """A campaign that is ours now, as it was read, with its spend a day and what of it cannot be changed."""

    campaign: Campaign
    view: CampaignView
    daily_spend: Decimal
    limits: Sequence[str]


class Taken(NamedTuple):
    """The outcome for one campaign; none when there was no time for it.

    `standing` is our id of one that is ours already.
    """

    platform_id: str
    adopted: Adopted | None = None
    error: CampaignAutomationError | None = None
    standing: str | None = None


class CampaignAdoption:
    def __init__(
        self,
        store: CampaignStore,
        adoptions: AdoptionStore,
        tags: TagStore,
        campaigns: CampaignManager,
        reader: AccountReader,
        commitments: Commitments,
    ) -> None:
        self._store = store
        self._adoptions = adoptions
        self._tags = tags
        self._campaigns = campaigns
        self._reader = reader
        self._commitments = commitments

    # --- looking ---------------------------------------------------------------------------------------

    async def show(self, request: ListAccountCampaigns, context: Context) -> AccountCampaigns:
        """Return one page of the account's campaigns on the platform, with today's spend."""
        opened = await self._reader.open(context.user_id, request.platform, request.ad_account_id)
        found = [
            item for item in await self._reader.campaigns(opened) if _is_named(item, request.name_contains)
        ]
        ids = [item.found.platform_id for item in found]
        start = ids.index(request.after) + 1 if request.after in ids else 0
        page = found[start : start + request.limit]
        spend, warnings = await _spend_today(opened, page)
        is_last = start + request.limit >= len(found)
        return AccountCampaigns(
            platform=request.platform,
            platform_account_id=opened.account.platform_account_id,
            currency=opened.account.currency,
            campaigns=[_shown(item, context.user_id, spend) for item in page],
            total=len(found),
            next=None if is_last else page[-1].found.platform_id,
            warnings=warnings,
        )

    # --- taking in -------------------------------------------------------------------------------------

    async def take_in(self, request: ImportCampaigns, context: Context) -> CampaignsImported:
        """Make campaigns of the account ours as they are: all levels, budgets and statuses as last seen.

        Raises ConflictError when the only ones asked for are another tenant's, NotFoundError when there are
        none.
        """
        opened = await self._reader.open(context.user_id, request.platform, request.ad_account_id)
        found = await self._reader.campaigns(opened)
        wanted, missing = _chosen(found, request)
        if not request.dry_run:
            # First, so that a stop of everything finds what is taken in.
            await self._tags.keep_account(opened.tenant, opened.adapter.platform, opened.account)
        standing = [_standing(item, item.owner, context) for item in wanted if item.owner is not None]
        free = [item for item in wanted if item.owner is None]
        taken = [*missing, *standing, *await self._take_all(opened, free, request, context)]
        if request.platform_campaign_ids and all(item.error for item in taken):
            raise next(item.error for item in taken if item.error)
        return await self._answer(opened, taken, request)

    async def _take_all(
        self,
        opened: PlatformAccount,
        items: Sequence[OwnedCampaign],
        request: ImportCampaigns,
        context: Context,
    ) -> list[Taken]:
        """Take in campaigns that are nobody's yet; those of a part are read together."""
        limit, deadline = asyncio.Semaphore(_PARTS_AT_ONCE), time.monotonic() + _SECONDS

        async def some(part: Sequence[OwnedCampaign]) -> list[Taken]:
            async with limit:
                if time.monotonic() > deadline:
                    return [Taken(item.found.platform_id) for item in part]
                try:
                    trees = await opened.trees([item.found.platform_id for item in part], PATIENCE)
                except CampaignAutomationError as error:
                    return [Taken(item.found.platform_id, error=error) for item in part]
            # The platform is asked for the next part meanwhile.
            read = [_read(opened, item, trees[item.found.platform_id], request, context) for item in part]
            return read if request.dry_run else await self._adopt(read)

        parts = [items[start : start + TREES_AT_ONCE] for start in range(0, len(items), TREES_AT_ONCE)]
        return list(itertools.chain.from_iterable(await asyncio.gather(*map(some, parts))))

    async def _adopt(self, read: Sequence[Taken]) -> list[Taken]:
        """Store what was read, and return it with the errors of what is another tenant's by now."""
        # Its spend a day exists already, so that it counts whatever the cap is.
        new = [Adoption(item.adopted.campaign, item.adopted.daily_spend) for item in read if item.adopted]
        stored = iter(await self._adoptions.adopt(new))
        return [_stored(item, item.adopted.campaign, next(stored)) if item.adopted else item for item in read]

    async def _answer(
        self,
        opened: PlatformAccount,
        taken: Sequence[Taken],
        request: ImportCampaigns,
    ) -> CampaignsImported:
        adopted = [item.adopted for item in taken if item.adopted]
        amounts = {item.campaign.campaign_id: item.daily_spend for item in adopted}
        standing_amounts = await self._store.committed(opened.tenant, opened.account.platform_account_id)
        committed = sum((standing_amounts | amounts).values(), Decimal(0))
        imported = [_imported(item) for item in adopted]
        errors = {item.platform_id: item.error for item in taken if item.error}
        failed = [FailedItem(id=name, error=error_body(error)) for name, error in errors.items()]
        standing = [item.standing for item in taken if item.standing]
        skipped = [SkippedItem(id=name, reason=wording.OURS_ALREADY) for name in standing]
        left = len(taken) - len(imported) - len(failed) - len(skipped)
        refusal = await self._commitments.over_cap(opened.account, committed) if committed else None
        access = await opened.call(_access)
        return CampaignsImported(
            status="partial" if failed or left else "success",
            platform=request.platform,
            platform_account_id=opened.account.platform_account_id,
            currency=opened.account.currency,
            imported=imported,
            skipped=skipped,
            failed=failed,
            left=left,
            committed_daily_budget=committed,
            warnings=[
                *([wording.over_cap(refusal)] if refusal else []),
                *token_warnings(access, request.platform),
            ],
            message=wording.imported(len(imported), len(failed), left, dry_run=request.dry_run),
        )

    # --- releasing -------------------------------------------------------------------------------------

    async def release(self, request: ReleaseCampaign, context: Context) -> CampaignReleased:
        """Forget a campaign that was taken in; it stays on its platform as it is.

        Raises ConflictError for one that was created here, and while a change of it goes on.
        """
        campaign = await self._campaigns.load_created(context.user_id, request.campaign_id)
        if not campaign.is_adopted:
            raise ConflictError(wording.CREATED_HERE, field="campaign_id")
        if not request.dry_run:
            if not await self._adoptions.forget(campaign):
                raise ConflictError(wording.BUSY, retryable=True, retry_after=2)
            await self._commitments.release(campaign.tenant, campaign.account, campaign.campaign_id)
            logger.info("campaign released", campaign_id=campaign.campaign_id)
        return CampaignReleased(
            campaign_id=campaign.campaign_id,
            platform_campaign_id=campaign.root_id,
            message=wording.released(campaign.name, dry_run=request.dry_run),
        )


def _is_named(item: OwnedCampaign, part: str | None) -> bool:
    return part is None or part.casefold() in item.found.name.casefold()


def _chosen(
    found: Sequence[OwnedCampaign], request: ImportCampaigns
) -> tuple[list[OwnedCampaign], list[Taken]]:
    """Return the campaigns that the request is about, and those that it names and the account has not."""
    if request.platform_campaign_ids is None:
        return [item for item in found if _is_named(item, request.name_contains)], []
    by_id = {item.found.platform_id: item for item in found}
    missing = [item for item in request.platform_campaign_ids if item not in by_id]
    return [by_id[item] for item in request.platform_campaign_ids if item in by_id], [
        Taken(item, error=NotFoundError(wording.missing(item), field="platform_campaign_ids"))
        for item in missing
    ]


def _standing(item: OwnedCampaign, owner: Owner, context: Context) -> Taken:
    """Return the outcome for a campaign that a tenant of this deployment has already."""
    platform_id = item.found.platform_id
    if owner.tenant == context.user_id:
        return Taken(platform_id, standing=owner.campaign_id)
    return Taken(platform_id, error=_others(platform_id))


def adopted_id(tenant: str, platform: str, account: str, platform_id: str) -> str:
    """Return our id of a campaign made elsewhere: the same each time, so that its trail goes on."""
    identity = "\n".join((tenant, platform, account, platform_id))
    return f"cmp_{hashlib.sha256(identity.encode()).hexdigest()[:20]}"


def _read(
    opened: PlatformAccount,
    item: OwnedCampaign,
    read: Tree | PlatformError,
    request: ImportCampaigns,
    context: Context,
) -> Taken:
    """Return the campaign of a tree, or the reason for which there is none."""
    platform_id = item.found.platform_id
    try:
        tree = tree_or_raise(read)
        if tree.campaign.status == "deleted":
            return Taken(platform_id, error=NotFoundError(wording.missing(platform_id)))
        campaign = _campaign(opened, item, tree, request, context)
        view = CampaignView(campaign, tree)
    except CampaignAutomationError as error:
        return Taken(platform_id, error=error)
    limits = [*item.found.limits, *_limits(tree, item)]
    return Taken(platform_id, Adopted(campaign, view, view.daily_spend(), limits))


def _stored(item: Taken, campaign: Campaign, outcome: bool | StoreError) -> Taken:
    if isinstance(outcome, StoreError):
        return Taken(item.platform_id, error=outcome)
    if not outcome:
        return Taken(item.platform_id, error=_others(item.platform_id))
    logger.info("campaign taken in", campaign_id=campaign.campaign_id, platform_id=campaign.root_id)
    emit("campaigns_imported_total", platform=campaign.platform)
    return item


def _campaign(
    opened: PlatformAccount, item: OwnedCampaign, tree: Tree, request: ImportCampaigns, context: Context
) -> Campaign:
    account, platform = opened.account, opened.adapter.platform
    campaign_id = adopted_id(context.user_id, platform, account.platform_account_id, item.found.platform_id)
    created_at = item.found.created_at
    return Campaign(
        tenant=context.user_id,
        campaign_id=campaign_id,
        state="created",
        created_at=None if created_at is None else int(created_at.timestamp() * 1000),
        objects=entries_of(campaign_id, tree),
        platform=request.platform,
        account=account,
        tag=campaign_id,
        name=tree.campaign.name,
        # Without a known one, conversions are counted as those of sales, which the limits say.
        objective=item.found.objective or Objective.SALES,
        target_roas=request.target_roas,
        target_cpa=request.target_cpa,
        created_by=context.actor,
        is_adopted=True,
    )


def _limits(tree: Tree, item: OwnedCampaign) -> list[str]:
    found = [] if item.found.objective else [wording.UNKNOWN_OBJECTIVE]
    has_budget = tree.campaign.daily_budget is not None
    without = [node for node in tree.adsets if node.status != "deleted" and node.daily_budget is None]
    if without and not has_budget and not tree.campaign.fixed_budget:
        found.append(wording.without_daily_budget(len(without)))
    return [*found, *(wording.lost(level) for level in tree.lost)]


def _imported(adopted: Adopted) -> ImportedCampaign:
    campaign, view = adopted.campaign, adopted.view
    return ImportedCampaign(
        campaign_id=campaign.campaign_id,
        platform_campaign_id=campaign.root_id,
        name=campaign.name,
        campaign_status=str(view.live(campaign.tag, "status")),
        objective=campaign.objective,
        daily_budget=_daily_budget(campaign, view),
        adsets=len(campaign.made(Level.ADSET)),
        ads=len(campaign.made(Level.AD)),
        limits=list(adopted.limits),
    )


def _daily_budget(campaign: Campaign, view: CampaignView) -> Decimal | None:
    """Return the campaign's daily budget as if it were active; None for a total budget."""
    if view.refusal("daily_budget") and view.live(campaign.tag, "daily_budget") is None:
        return None
    return view.daily_spend({(campaign.tag, "status"): "active"})


def _others(platform_id: str) -> ConflictError:
    return ConflictError(wording.other_tenants(platform_id), field="platform_campaign_ids")


async def _access(access: Access) -> Access:
    return access


async def _spend_today(
    opened: PlatformAccount, page: Sequence[OwnedCampaign]
) -> tuple[dict[str, Decimal | None], list[str]]:
    """Return today's spend by the platform's ids; none of it, with a warning, when the report fails."""
    today = clock.day_of(clock.now(), ZoneInfo(opened.account.time_zone))
    ids = [item.found.platform_id for item in page]
    if not ids:
        return {}, []
    try:
        rows = await opened.ask(
            "read_daily",
            PATIENCE,
            lambda access: opened.adapter.read_daily(
                access, Level.CAMPAIGN, ids, today, today, Objective.SALES
            ),
        )
    except CampaignAutomationError as error:
        return dict.fromkeys(ids), [wording.unknown_spend(error.message)]
    return {**dict.fromkeys(ids, Decimal(0)), **{row.entity_id: row.spend for row in rows}}, []


def _shown(item: OwnedCampaign, tenant: str, spend: dict[str, Decimal | None]) -> AccountCampaign:
    found, owner = item.found, item.is_of(tenant)
    return AccountCampaign(
        platform_campaign_id=found.platform_id,
        campaign_id=item.owner.campaign_id if item.owner and owner == "ours" else None,
        owner=owner,
        name=found.name,
        status=found.status,
        platform_status=found.platform_status,
        objective=found.objective,
        daily_budget=found.daily_budget,
        spend_today=spend.get(found.platform_id),
        created_at=found.created_at,
        limits=found.limits,
    )
