"""Use cases of campaigns: open a creation, tell its outcome, tell a campaign's status."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
import uuid
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from campaign_automation.adapters.base import AdNode, AdSetNode, FiguresByLevel, Node, PlatformAdapter, Tree
from campaign_automation.managers.accounts import AccountDirectory
from campaign_automation.models import (
    AdResult,
    AdSetResult,
    AdSetState,
    AdState,
    CampaignAccepted,
    CampaignCreated,
    CampaignState,
    CampaignStatus,
    Change,
    Context,
    CreateCampaign,
    Figures,
    GetCampaignStatus,
    Level,
    Platform,
)
from campaign_automation.stores.campaign_store import FINAL, CampaignStore, Claim, Creation
from campaign_automation.utils.error_handler import (
    CampaignAutomationError,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    error_from_body,
)
from campaign_automation.utils.observability import logger

EXPLICIT_KEY_SECONDS = 8 * 24 * 3600  # at least 7 days are promised
DERIVED_KEY_SECONDS = 15 * 60


class Opened(NamedTuple):
    campaign_id: str
    platform: Platform
    is_new: bool


class CampaignManager:
    def __init__(
        self, store: CampaignStore, accounts: AccountDirectory, adapters: Mapping[str, PlatformAdapter]
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._adapters = adapters

    # --- creation: opening and outcome -----------------------------------------------------------------

    async def open_creation(self, spec: CreateCampaign, context: Context) -> Opened:
        """Stores the request under its idempotency key. The same key and body give the same campaign again;
        raises ConflictError for the same key with another body. A dry run claims no key."""
        if spec.platform not in self._adapters:
            raise InvalidRequestError(
                f"platform: {spec.platform} is not available here",
                field="platform",
                allowed=sorted(self._adapters),
            )
        campaign_id = f"cmp_{uuid.uuid4().hex[:20]}"
        claim = None if spec.dry_run else _claim(spec, context, campaign_id)
        creation = Creation(
            tenant=context.user_id,
            campaign_id=campaign_id,
            state="creating",
            spec=spec,
            context=context,
            claim=claim and claim.key,
            created_at=0,
            updated_at=0,
        )
        standing = await self._store.open_creation(creation, claim)
        if standing is None:
            return Opened(campaign_id, spec.platform, is_new=True)
        if claim and standing.digest != claim.digest:
            raise ConflictError(
                "idempotency_key: was used before with other parameters", field="idempotency_key"
            )
        return Opened(standing.campaign_id, spec.platform, is_new=False)

    async def is_finished(self, tenant: str, campaign_id: str) -> bool:
        return await self._store.state_of(tenant, campaign_id) in FINAL

    async def outcome(self, tenant: str, campaign_id: str) -> CampaignCreated | CampaignAccepted:
        """The finished campaign, or that its creation goes on. Raises what made the creation fail."""
        creation = await self._load(tenant, campaign_id)
        if creation.state in ("created", "planned"):
            return created_result(creation)
        if creation.state == "creating":
            return CampaignAccepted(
                campaign_id=campaign_id,
                status_url=f"/v1/campaigns/{campaign_id}",
                message="the campaign is being created",
            )
        raise _failure(creation)

    async def _load(self, tenant: str, campaign_id: str) -> Creation:
        creation = await self._store.load(tenant, campaign_id)
        if creation is None and (ours := await self._store.resolve(tenant, campaign_id)):
            creation = await self._store.load(tenant, ours)
        if creation is None:
            raise NotFoundError(f"campaign {campaign_id} is not known", field="campaign_id")
        return creation

    # --- status ----------------------------------------------------------------------------------------

    async def status(self, request: GetCampaignStatus, context: Context) -> CampaignStatus:
        """The campaign with its ad sets and ads as they are on the platform now, with today's figures."""
        creation = await self._load(context.user_id, request.campaign_id)
        plan = creation.plan
        platform_id = plan and creation.platform_id(plan.tag)
        if creation.state != "created" or not platform_id or not creation.account:
            return _unfinished_status(creation)
        account = creation.account
        adapter = self._adapters[creation.spec.platform]
        access = await self._accounts.access(
            creation.tenant, creation.spec.platform, account.ad_account_id or account.platform_account_id
        )
        today = datetime.now(ZoneInfo(account.time_zone)).date()
        tree, (figures, warnings) = await asyncio.gather(
            adapter.read_tree(access, platform_id, account.currency),
            self._figures(adapter, access, platform_id, today, creation),
        )
        return _status(creation, tree, figures, warnings)

    async def _figures(
        self, adapter: PlatformAdapter, access: Any, platform_id: str, today: date, creation: Creation
    ) -> tuple[FiguresByLevel | None, list[str]]:
        """Reports may fail while the objects can be read: then the figures are unknown, and said so."""
        try:
            report = await adapter.read_figures(access, platform_id, today, creation.spec.objective)
        except CampaignAutomationError as error:
            logger.warning("figures not read", campaign_id=creation.campaign_id, reason=error.message)
            return None, [f"figures are unknown: {error.message}"]
        return report, []


def _claim(spec: CreateCampaign, context: Context, campaign_id: str) -> Claim:
    digest = hashlib.sha256(spec.model_dump_json().encode()).hexdigest()
    if context.idempotency_key:
        key, seconds = f"given:{context.idempotency_key}", EXPLICIT_KEY_SECONDS
    else:
        identity = json.dumps([context.session_id, digest])
        key, seconds = f"derived:{hashlib.sha256(identity.encode()).hexdigest()}", DERIVED_KEY_SECONDS
    return Claim(key=key, digest=digest, campaign_id=campaign_id, expires_at=int(time.time()) + seconds)


def _failure(creation: Creation) -> CampaignAutomationError:
    assert creation.failure is not None  # finished without success
    error = error_from_body(creation.failure)
    error.details |= {"campaign_id": creation.campaign_id, "state": creation.state}
    return error


def created_result(creation: Creation) -> CampaignCreated:
    """The answer of create_campaign: what was made, or for a dry run what would be made."""
    plan, account = creation.plan, creation.account
    assert plan is not None
    assert account is not None
    is_dry = creation.state == "planned"
    cells = f"{len(plan.adsets)} ad sets and {len(plan.ads)} ads"
    return CampaignCreated(
        state="planned" if is_dry else "created",
        campaign_id=creation.campaign_id,
        platform=creation.spec.platform,
        platform_campaign_id=creation.platform_id(plan.tag),
        name=plan.name,
        campaign_status="active" if creation.activated else "paused",
        currency=account.currency,
        adsets=_adset_results(creation),
        ads=_ad_results(creation),
        drift=creation.drift,
        changes=_changes(creation) if is_dry else None,
        warnings=creation.warnings,
        message=f"would create {cells}" if is_dry else f"created {cells}; please confirm the copy",
    )


def _adset_results(creation: Creation) -> list[AdSetResult]:
    assert creation.plan is not None
    return [
        AdSetResult(
            adset_id=adset.tag,
            platform_adset_id=creation.platform_id(adset.tag),
            name=adset.name,
            daily_budget=adset.daily_budget,
            targeting=adset.targeting,
            placements=adset.placements,
            bid_strategy=adset.bid_strategy,
        )
        for adset in creation.plan.adsets
    ]


def _ad_results(creation: Creation) -> list[AdResult]:
    assert creation.plan is not None
    copies = creation.copies
    return [
        AdResult(
            ad_id=ad.tag,
            platform_ad_id=creation.platform_id(ad.tag),
            adset_id=ad.adset_tag,
            creative_id=ad.creative_id,
            copy_text=copies[ad.creative_id].primary_text,
            headline=copies[ad.creative_id].headline,
            description=copies[ad.creative_id].description,
            copy_source=copies[ad.creative_id].source,
        )
        for ad in creation.plan.ads
    ]


def _changes(creation: Creation) -> list[Change]:
    plan = creation.plan
    assert plan is not None
    campaign = {"name": plan.name, "objective": plan.objective, "status": "paused"}
    changes = [Change(level=Level.CAMPAIGN, name=plan.name, before=None, after=campaign)]
    for adset in plan.adsets:
        after = adset.model_dump(mode="json", exclude={"tag"}) | {"status": "paused"}
        changes.append(Change(level=Level.ADSET, name=adset.name, before=None, after=after))
    for ad in plan.ads:
        after = creation.copies[ad.creative_id].model_dump() | {
            "creative_id": ad.creative_id,
            "status": "paused",
        }
        changes.append(Change(level=Level.AD, name=ad.name, before=None, after=after))
    return changes


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


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
        as_of=_now(),
    )


def _status(
    creation: Creation, tree: Tree, figures: FiguresByLevel | None, warnings: list[str]
) -> CampaignStatus:
    ours = {entry.platform_id: entry.tag for entry in creation.objects.values()}
    return CampaignStatus(
        campaign=_campaign_state(creation, tree, _figures_of(figures, Level.CAMPAIGN, tree.campaign)),
        adsets=[_adset_state(ours, node, _figures_of(figures, Level.ADSET, node)) for node in tree.adsets],
        ads=[_ad_state(creation, ours, node, _figures_of(figures, Level.AD, node)) for node in tree.ads],
        as_of=_now(),
        warnings=warnings,
    )


def _figures_of(report: FiguresByLevel | None, level: Level, node: Node) -> Figures:
    """An object without a row in a report that came did not deliver; without the report nothing is known."""
    if report is None:
        return Figures()
    none = Figures.model_validate({"spend": 0, "revenue": 0, "conversions": 0})
    return report[level].get(node.platform_id, none)


def _daily_budget(tree: Tree) -> Decimal | None:
    """The campaign's own budget where it has one, else what its ad sets have together; None if unknown."""
    if tree.campaign.daily_budget is not None:
        return tree.campaign.daily_budget
    budgets = [node.daily_budget for node in tree.adsets if node.status != "deleted"]
    known = [budget for budget in budgets if budget is not None]
    return sum(known, Decimal(0)) if known and len(known) == len(budgets) else None


def _campaign_state(creation: Creation, tree: Tree, figures: Figures) -> CampaignState:
    return CampaignState(
        campaign_id=creation.campaign_id,
        platform=creation.spec.platform,
        platform_campaign_id=tree.campaign.platform_id,
        name=tree.campaign.name,
        status=tree.campaign.status,
        platform_status=tree.campaign.platform_status,
        currency=creation.account.currency if creation.account else None,
        daily_budget=_daily_budget(tree),
        issues=tree.campaign.issues,
        **{f"{name}_today": value for name, value in figures},
    )


def _adset_state(ours: Mapping[str | None, str], node: AdSetNode, figures: Figures) -> AdSetState:
    return AdSetState(
        adset_id=ours.get(node.platform_id, node.platform_id),
        platform_adset_id=node.platform_id,
        name=node.name,
        status=node.status,
        platform_status=node.platform_status,
        daily_budget=node.daily_budget,
        issues=node.issues,
        **dict(figures),
    )


def _ad_state(creation: Creation, ours: Mapping[str | None, str], node: AdNode, figures: Figures) -> AdState:
    tag = ours.get(node.platform_id)
    creatives = {ad.tag: ad.creative_id for ad in creation.plan.ads} if creation.plan else {}
    return AdState(
        ad_id=tag or node.platform_id,
        platform_ad_id=node.platform_id,
        adset_id=ours.get(node.adset_id, node.adset_id),
        creative_id=creatives.get(tag or ""),
        name=node.name,
        status=node.status,
        platform_status=node.platform_status,
        issues=node.issues,
        **dict(figures),
    )
