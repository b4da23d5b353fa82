"""Use cases of creations: open one and return its outcome; and the lookup of a campaign by either id."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Container, Iterable
from decimal import Decimal
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel

from campaign_automation.adapters.common.account_ids import is_named
from campaign_automation.managers.campaigns import wording
from campaign_automation.managers.shared.idempotency import REPLAYED, creation_claim, refuse_other_request
from campaign_automation.managers.shared.view import CampaignView, Value
from campaign_automation.models.ab_tests import AbTestTerms
from campaign_automation.models.campaign import FINAL, Campaign, Creation, Stop
from campaign_automation.models.campaigns import (
    AdResult,
    AdSetPlan,
    AdSetResult,
    CampaignAccepted,
    CampaignCreated,
    Change,
    CreateCampaign,
)
from campaign_automation.models.common import Context, Level, Platform
from campaign_automation.stores.ab_test_store import campaign_id_of
from campaign_automation.stores.campaign_rows import Listed
from campaign_automation.stores.campaign_store import CampaignStore
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import (
    CampaignAutomationError,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    error_body,
    error_from_body,
)
from campaign_automation.utils.observability import logger

# The settings of a plan beside its objects, shown in a dry run.
_DELIVERY = {"starts_at", "ends_at", "call_to_action", "negative_keywords", "tracking"}
_STATUSES = ("paused", "active", "deleted")
_AT_ONCE = 16  # campaigns that are loaded at the same time
IsOver = Callable[[str], Awaitable[bool]]
Progress = Literal["running", "ending", "over"]  # of a creation; `ending` is its last look at the platform
Look = Callable[[Campaign], Awaitable[CampaignView]]


class Opened(NamedTuple):
    """A creation that can run; one that is not new was opened by an earlier call under the same key.

    `view` is the campaign of an earlier call as its platform shows it; without one it is still being made, or
    `is_unread`: the platform did not show it.
    """

    campaign_id: str
    platform: Platform
    is_new: bool
    view: CampaignView | None = None
    is_unread: bool = False

    @property
    def is_deleted(self) -> bool:
        """Return whether the platform shows the campaign as deleted."""
        return self.view is not None and self.view.is_deleted


class Origin(NamedTuple):
    """The campaign that a creation is a copy of, and the request of the copy."""

    campaign_id: str
    request: BaseModel


class CampaignManager:
    def __init__(self, store: CampaignStore, platforms: Container[str], look: Look) -> None:
        self._store = store
        self._platforms = platforms
        self._look = look

    # --- creation: opening and outcome -----------------------------------------------------------------

    async def open_creation(
        self,
        spec: CreateCampaign,
        context: Context,
        test: AbTestTerms | None = None,
        is_over: IsOver | None = None,
        origin: Origin | None = None,
    ) -> Opened:
        """Store the request under its idempotency key; the same key and body give the same campaign again.

        A key derived from the request gives none that was deleted since, here or on its platform, or that
        `is_over`, by its id: it creates anew. A dry run claims no key. Raises ConflictError for the
        same key with another body, InvalidRequestError for a platform that this deployment does not have.
        """
        if spec.platform not in self._platforms:
            raise InvalidRequestError(
                f"platform: {spec.platform} is not available here",
                field="platform",
                allowed=[platform for platform in Platform if platform in self._platforms],
            )
        campaign_id = f"cmp_{uuid.uuid4().hex[:20]}"
        claim = (
            None
            if spec.dry_run
            else creation_claim(context, origin.request if origin else spec, test, campaign_id)
        )
        creation = Creation(
            tenant=context.user_id,
            campaign_id=campaign_id,
            state="creating",
            spec=spec,
            context=context,
            test=test,
            claim=claim and claim.key,
            duplicated_from=origin and origin.campaign_id,
            asked_ms=context.asked_ms,
            created_at=0,
            updated_at=0,
        )
        # The claim and the campaign are written together: of two equal requests at once one opens it.
        standing = await self._store.open_creation(creation, claim)
        if standing is not None and claim is not None:
            refuse_other_request(standing, claim)
            earlier = await self._opened_before(context.user_id, standing.campaign_id, spec.platform)
            if not (claim.is_derived and await self._is_over(context.user_id, earlier, is_over)):
                return earlier
            standing = await self._store.open_creation(creation, claim, after=standing)
        if standing is None:
            return Opened(campaign_id, spec.platform, is_new=True)
        return Opened(standing.campaign_id, spec.platform, is_new=False)

    async def _opened_before(self, tenant: str, campaign_id: str, platform: Platform) -> Opened:
        """Return the creation of an earlier call, with a look at its campaign where it made one."""
        opened = Opened(campaign_id, platform, is_new=False)
        creation = await self._store.load(tenant, campaign_id)
        campaign = creation.campaign() if creation and creation.state == "created" else None
        if campaign is None:
            return opened
        try:
            view = await self._look(campaign)
        except CampaignAutomationError as error:
            # The caller may only have lost the answer: what is known here is better than none.
            logger.warning("not looked at again", campaign_id=campaign_id, reason=error.message)
            return opened._replace(is_unread=True)
        is_shown = view.tree is not None or view.is_deleted
        return opened._replace(view=view) if is_shown else opened._replace(is_unread=True)

    async def _is_over(self, tenant: str, earlier: Opened, is_over: IsOver | None) -> bool:
        state = await self._store.state_of(tenant, earlier.campaign_id)
        if state in (None, "deleted") or earlier.is_deleted:
            return True
        return is_over is not None and await is_over(earlier.campaign_id)

    async def is_gone(self, tenant: str, campaign_id: str) -> bool:
        """Return whether a campaign that was created here is deleted, here or on its platform."""
        creation = await self._store.load(tenant, campaign_id)
        if creation is None:
            return True
        earlier = await self._opened_before(tenant, campaign_id, creation.spec.platform)
        return await self._is_over(tenant, earlier, None)

    async def refuse(self, tenant: str, campaign_id: str, error: CampaignAutomationError) -> None:
        """End a creation of which nothing was carried out, which frees its idempotency key."""
        creation = await self.load(tenant, campaign_id)
        await self._store.finish(creation, "rolled_back", failure=error_body(error))

    async def request_stop(self, creation: Creation, stop: Stop) -> bool:
        """Ask the steps of a creation to send nothing more. Return False for one that has ended."""
        return await self._store.request_stop(creation, stop)

    async def declare(self, campaign: Campaign) -> None:
        """Store that somebody declared that no special ad category applies to the campaign."""
        creation = await self.load(campaign.tenant, campaign.campaign_id)
        if creation.plan is not None:
            plan = creation.plan.model_copy(update={"lacks_declaration": False})
            await self._store.update(creation, plan=plan)
        logger.info("categories declared", campaign_id=campaign.campaign_id)

    async def progress(self, tenant: str, campaign_id: str) -> Progress:
        """Return how far a creation is; one that is not known is on its way."""
        head = await self._store.head(tenant, campaign_id)
        if head is None:
            return "running"
        return "over" if head.state in FINAL else "ending" if head.is_ending else "running"

    async def outcome(self, tenant: str, opened: Opened) -> CampaignCreated | CampaignAccepted:
        """Return the campaign as it is now, or that its creation goes on.

        Raises the error that made the creation fail.
        """
        creation = await self.load(tenant, opened.campaign_id)
        if creation.state in ("created", "planned", "deleted"):
            answer = created_result(creation)
            return answer if opened.is_new else _replayed(answer, opened)
        if creation.state == "creating":
            return CampaignAccepted(
                campaign_id=creation.campaign_id,
                status_url=f"/v1/campaigns/{creation.campaign_id}",
                message=wording.CREATING,
                replayed=not opened.is_new,
                duplicated_from=creation.duplicated_from,
            )
        raise _failure(creation)

    async def load(self, tenant: str, campaign_id: str) -> Creation:
        """Return the creation by our id or the platform's; NotFoundError for another tenant's too."""
        known = await self.known(tenant, campaign_id)
        if not isinstance(known, Creation):
            raise _unknown(campaign_id)
        return known

    async def known(self, tenant: str, campaign_id: str) -> Creation | Campaign:
        """Return the creation, or the campaign that was made elsewhere.

        By our id, its test's or the platform's. Raises NotFoundError, for another tenant's too.
        """
        known = await self._store.known(tenant, campaign_id_of(campaign_id))
        if known is None and (ours := await self._store.resolve(tenant, campaign_id)):
            known = await self._store.known(tenant, ours)
        if known is None:
            raise _unknown(campaign_id)
        return known

    async def id_of(self, tenant: str, campaign_id: str) -> str:
        """Return our id of a campaign, of which one row is read.

        By the same ids as `known`. Raises NotFoundError, for another tenant's too.
        """
        ours = campaign_id_of(campaign_id)
        if await self._store.head(tenant, ours) is not None:
            return ours
        resolved = await self._store.resolve(tenant, campaign_id)
        if resolved is None or await self._store.head(tenant, resolved) is None:
            raise _unknown(campaign_id)
        return resolved

    async def load_created(self, tenant: str, campaign_id: str) -> Campaign:
        """Return a campaign that is on its platform, or was; ConflictError for one that never was."""
        return created(await self.known(tenant, campaign_id))


def created(known: Creation | Campaign) -> Campaign:
    """Return a campaign that is on its platform, or was; ConflictError for one that never was."""
    campaign = known.campaign() if isinstance(known, Creation) else known
    if campaign is None or campaign.state not in ("created", "deleted", "needs_reconciliation"):
        raise ConflictError(f"the campaign is {known.state}: there is nothing to change", field="campaign_id")
    return campaign


async def load_all(store: CampaignStore, tenant: str, ids: Iterable[str]) -> list[Campaign]:
    """Return those of the tenant's campaigns that are known, in the order of `ids`."""
    limit = asyncio.Semaphore(_AT_ONCE)

    async def load(campaign_id: str) -> Campaign | None:
        async with limit:
            return await store.campaign(tenant, campaign_id)

    loaded = await asyncio.gather(*map(load, ids))
    return [item for item in loaded if item is not None]


async def accounts_named(
    store: CampaignStore, tenant: str, listed: Iterable[Listed], asked: str
) -> set[tuple[str, str]]:
    """Return platform and account, as they are listed, of the accounts that `asked` is a spelling of."""
    # Lists hold the Web Platform's numbers; the platform's ids stand in the campaigns, one of each account.
    samples = {(item.platform, item.account): item.campaign_id for item in listed}
    accounts = {item.campaign_id: item.account for item in await load_all(store, tenant, samples.values())}
    return {
        name for name, sample in samples.items() if sample in accounts and is_named(accounts[sample], asked)
    }


async def number_of(store: CampaignStore, tenant: str, platform: str, asked: str) -> str | None:
    """Return the Web Platform's number of an account with campaigns of the tenant, or None."""
    listed = await store.campaigns(tenant, deleted_too=True)
    named = await accounts_named(store, tenant, (item for item in listed if item.platform == platform), asked)
    return next((number for _, number in named), None)


def _unknown(campaign_id: str) -> NotFoundError:
    return NotFoundError(f"campaign {campaign_id} is not known", field="campaign_id")


def _failure(creation: Creation) -> CampaignAutomationError:
    assert creation.failure is not None  # finished without success
    error = error_from_body(creation.failure)
    error.details |= {"campaign_id": creation.campaign_id, "state": creation.state}
    if creation.state == "needs_reconciliation" and error.retryable and creation.due is not None:
        # The same request is carried out anew once the rest of this one is removed, not before that is tried.
        error.details["retry_after"] = max(1, (creation.due - clock.now_ms()) // 1000)
    return error


def _replayed(answer: CampaignCreated, opened: Opened) -> CampaignCreated:
    warnings = [REPLAYED, *([wording.AS_LAST_SEEN] if opened.is_unread else []), *answer.warnings]
    now = _shown(answer, opened.view) if opened.view else {}
    return answer.model_copy(update={"replayed": True, "warnings": warnings, **now})


def _shown(answer: CampaignCreated, view: CampaignView) -> dict[str, Any]:
    """Return what the platform shows of a campaign otherwise than it was last seen here."""
    tag, status = view.tag, view.live(view.tag, "status")
    return {
        "name": view.live(tag, "name") or answer.name,
        "state": "deleted" if view.is_deleted else answer.state,
        "campaign_status": status if status in _STATUSES else answer.campaign_status,
        "adsets": [_adset_shown(item, view.live(item.adset_id, "daily_budget")) for item in answer.adsets],
    }


def _adset_shown(adset: AdSetResult, budget: Value) -> AdSetResult:
    # Without a budget of its own it has the share that was planned.
    return adset if budget is None else adset.model_copy(update={"daily_budget": budget})


def created_result(creation: Creation) -> CampaignCreated:
    """Return the answer of create_campaign: the objects as they are now, or in a dry run would be."""
    plan, account = creation.planned()
    is_dry = creation.state == "planned"
    return CampaignCreated(
        state=_state(creation),
        campaign_id=creation.campaign_id,
        platform=creation.spec.platform,
        platform_campaign_id=creation.platform_id(plan.tag),
        name=_name(creation),
        campaign_status=_status(creation),
        currency=account.currency,
        adsets=_adset_results(creation),
        ads=_ad_results(creation),
        drift=creation.drift,
        changes=_changes(creation) if is_dry else None,
        warnings=creation.warnings,
        duplicated_from=creation.duplicated_from,
        message=wording.created_message(len(plan.adsets), len(plan.ads), dry_run=is_dry),
    )


def _name(creation: Creation) -> str:
    plan, _ = creation.planned()
    root = creation.objects.get(plan.tag)
    return root.renamed if root and root.renamed else plan.name


def _state(creation: Creation) -> Literal["created", "planned", "deleted"]:
    return "created" if creation.state not in ("planned", "deleted") else creation.state


def _status(creation: Creation) -> Literal["paused", "active", "deleted"]:
    if creation.state == "deleted":
        return "deleted"
    root = creation.objects.get(creation.planned()[0].tag)
    # Without a change of ours the journal has no status, but the creation may have started it.
    is_active = creation.activated if root is None or root.status is None else root.status == "active"
    return "active" if is_active else "paused"


def _adset_results(creation: Creation) -> list[AdSetResult]:
    return [
        AdSetResult(
            adset_id=adset.tag,
            platform_adset_id=creation.platform_id(adset.tag),
            name=adset.name,
            daily_budget=_budget(creation, adset),
            targeting=adset.targeting,
            placements=adset.placements,
            bid_strategy=adset.bid_strategy,
            bid_target=adset.bid_target,
            keywords=adset.keywords,
        )
        for adset in creation.planned()[0].adsets
    ]


def _budget(creation: Creation, adset: AdSetPlan) -> Decimal:
    entry = creation.objects.get(adset.tag)
    return adset.daily_budget if entry is None or entry.daily_budget is None else entry.daily_budget


def _ad_results(creation: Creation) -> list[AdResult]:
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
        for ad in creation.planned()[0].ads
    ]


def _changes(creation: Creation) -> list[Change]:
    plan, _ = creation.planned()
    campaign = {"name": plan.name, "objective": plan.objective, "status": "paused"}
    campaign |= plan.model_dump(mode="json", include=_DELIVERY, exclude_none=True)
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
