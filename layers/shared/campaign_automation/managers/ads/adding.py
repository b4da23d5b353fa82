"""Ads for an existing campaign: chosen, written, made by the journal, read back, and started where asked."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from campaign_automation.adapters.base import Access, PlatformAdapter
from campaign_automation.managers.ads.choosing import (
    Chosen,
    adsets_of,
    choose,
    fullest,
    plan_creatives,
)
from campaign_automation.managers.ads.journal import AdditionJournal
from campaign_automation.managers.ads.making import AdMaker
from campaign_automation.managers.campaign_manager import CampaignManager
from campaign_automation.managers.campaigns.copywriting import Copywriter, claim_warnings
from campaign_automation.managers.campaigns.creatives import CreativeLibrary
from campaign_automation.managers.campaigns.journal import Planned
from campaign_automation.managers.campaigns.planning import creative_ids_of, with_defaults
from campaign_automation.managers.changes.gate import WriteGate
from campaign_automation.managers.changes.items import (
    ChangeResult,
    DesiredChange,
    Run,
    failed_items,
    is_confirmed,
    new_run,
    skipped_items,
    status_of,
)
from campaign_automation.managers.changes.leases import CampaignLeases, Held
from campaign_automation.managers.changes.wording import CAMPAIGN_DELETED, added_message
from campaign_automation.managers.shared.notices import Notices
from campaign_automation.managers.shared.outbox import Outbox
from campaign_automation.managers.shared.platform_access import Patience, Platforms
from campaign_automation.managers.shared.switches import Switches
from campaign_automation.managers.shared.view import CampaignView
from campaign_automation.models.campaign import Campaign, Creation
from campaign_automation.models.campaigns import AdCopy, AdPlan, CreateCampaign, Creative
from campaign_automation.models.changes import FailedItem
from campaign_automation.models.common import Context, Level
from campaign_automation.models.creation.additions import AddAds, AddedAd, AdsAdded
from campaign_automation.stores.audit_store import AuditStore
from campaign_automation.stores.campaign_rows import SECOND_LOOK_MS, visit_at
from campaign_automation.stores.campaign_store import CampaignStore
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import (
    CampaignAutomationError,
    ConflictError,
    error_body,
    not_in_time,
)
from campaign_automation.utils.observability import logger
from campaign_automation.utils.retry_strategy import time_limit
from campaign_automation.utils.validation import parse

_ASKED = ("creative_ids", "creatives", "texts")


class _Written(NamedTuple):
    """The creatives of a request and their copies, by id, with the warnings of both."""

    creatives: dict[str, Creative]
    copies: dict[str, AdCopy]
    warnings: list[str]


class _Made(NamedTuple):
    """The outcome of a run: the platform's ids and the errors, by tag."""

    ids: dict[str, str]
    errors: dict[str, CampaignAutomationError]
    is_seen: bool


class AdAdditions:
    """The way of new ads into a campaign that was made here. `seconds` bounds the writes of one request."""

    def __init__(
        self,
        campaigns: CampaignManager,
        store: CampaignStore,
        audit: AuditStore,
        platforms: Platforms,
        library: CreativeLibrary,
        copywriter: Copywriter,
        gate: WriteGate,
        outbox: Outbox,
        notices: Notices,
        switches: Switches,
        defaults: Mapping[str, Any],
        seconds: float = 24,
    ) -> None:
        self._campaigns = campaigns
        self._store = store
        self._audit = audit
        self._platforms = platforms
        self._library = library
        self._copywriter = copywriter
        self._gate = gate
        self._outbox = outbox
        self._notices = notices
        self._switches = switches
        self._defaults = defaults
        self._seconds = seconds
        self._leases = CampaignLeases(store, outbox)

    async def add(self, request: AddAds, context: Context) -> AdsAdded:
        """Add an ad per creative and ad set, paused, and start them where that is asked.

        Ads that are there are not made twice. Raises ConflictError for a campaign that is deleted, a test's
        or made elsewhere, InvalidRequestError for what its ads cannot show, GuardRefusedError while a kill
        switch is on, the platform's error when it made none of them.
        """
        creation, campaign = await self._known(request, context)
        spec = _spec(creation, request, self._defaults)
        view = await self._gate.look(campaign)
        if view.unseen is not None:
            raise view.unseen
        chosen = choose(campaign, view, request, creative_ids_of(spec))
        await self._gate.check_switches(campaign)
        written = await self._write(creation, campaign, spec, view, request)
        run = new_run(context.actor, request.reason)
        if request.dry_run or not chosen.ads:
            return _answer(campaign, request, chosen, written, None, [], None)
        made = await self._make(creation, run, chosen.ads, written)
        started = await self._start(campaign, made, run) if request.activate else []
        return _answer(campaign, request, chosen, written, made, started, run)

    async def _known(self, request: AddAds, context: Context) -> tuple[Creation, Campaign]:
        campaign = await self._campaigns.load_created(context.user_id, request.campaign_id)
        if campaign.state == "deleted":
            raise ConflictError(CAMPAIGN_DELETED, field="campaign_id")
        if campaign.test is not None:
            problem = "belongs to an A/B test, whose ads stay as they are; create another test"
            raise ConflictError(f"campaign_id: {problem}", field="campaign_id")
        if campaign.is_adopted:
            problem = (
                "was made elsewhere, and whether its ad sets can hold ads of ours is not known here; add the"
                " ads on its platform, where they are managed from then on, or make a copy of the campaign"
            )
            raise ConflictError(f"campaign_id: {problem}", field="campaign_id")
        return await self._campaigns.load(context.user_id, request.campaign_id), campaign

    # --- what the ads show -----------------------------------------------------------------------------

    async def _write(
        self,
        creation: Creation,
        campaign: Campaign,
        spec: CreateCampaign,
        view: CampaignView,
        request: AddAds,
    ) -> _Written:
        """Fetch the creatives and write their copy. Raises the refusals of a creation of the same ads."""
        adapter = self._platforms.adapter(campaign.platform)
        warnings = _check(adapter, campaign, spec, view, request)
        creatives = await self._library.fetch(campaign.tenant, spec)
        adapter.check_creatives(spec, creatives)
        language = spec.copy_language or creation.context.language
        given = {item.creative_id: item for item in spec.texts or []}
        copies = await asyncio.gather(
            *(
                self._copywriter.write(
                    item, spec.objective, language, adapter.copy_limits, given.get(item.creative_id)
                )
                for item in creatives
            )
        )
        told = [text for text in warnings if text not in creation.warnings]
        return _Written(
            {item.creative_id: item for item in creatives},
            {item.creative_id: copy for item, copy in zip(creatives, copies, strict=True)},
            [*told, *claim_warnings(spec, creatives)],
        )

    # --- making and starting ---------------------------------------------------------------------------

    async def _make(self, creation: Creation, run: Run, ads: Sequence[AdPlan], written: _Written) -> _Made:
        """Make the ads under the campaign's lease. Raises the error of a run that made none."""
        campaign = creation.campaign()
        if campaign is None:
            raise RuntimeError(f"{creation.campaign_id} was not made")
        error: CampaignAutomationError | None = None
        async with self._leases.held(campaign, run) as held:
            journal = AdditionJournal(
                self._store, self._audit, self._notices, self._switches, self._leases, held, ads
            )
            try:
                async with time_limit(self._seconds):
                    await self._send(creation, held, journal, ads, written)
            except TimeoutError:
                error = not_in_time(campaign.platform)
            except CampaignAutomationError as failure:
                error = failure
            ids = {ad.tag: made for ad in ads if (made := campaign.platform_id(ad.tag))}
            is_seen = bool(ids) and await self._is_seen(held, ids)
        await self._look_later(creation, campaign, ads)
        if held.has_news:
            await self._outbox.tell(campaign.tenant, campaign.campaign_id)
        if error is not None and not ids:
            raise error
        missing = [ad.tag for ad in ads if ad.tag not in ids]
        return _Made(ids, {tag: journal.refused.get(tag) or _failure(error) for tag in missing}, is_seen)

    async def _send(
        self,
        creation: Creation,
        held: Held,
        journal: AdditionJournal,
        ads: Sequence[AdPlan],
        written: _Written,
    ) -> None:
        campaign, (plan, account) = held.campaign, creation.planned()
        creatives = plan_creatives(campaign, ads, *written[:2])
        adding = creation.model_copy(update={"creatives": written.creatives, "copies": written.copies})
        adding.objects = campaign.objects  # as they are under the lease
        part = plan.model_copy(update={"creatives": creatives, "ads": list(ads), "is_addition": True})
        platform = self._platforms.of(campaign.tenant, campaign.platform, account)
        maker = AdMaker(self._store, journal)

        async def make(access: Access) -> None:
            await maker.make(Planned(adding, part, account, platform.adapter, access))

        # The journal looks up what was sent and never answered before it is sent again.
        patience = Patience(total=self._seconds, attempt=self._seconds, waits_as_asked=True)
        await platform.ask("add_ads", patience, make)

    async def _is_seen(self, held: Held, ids: Mapping[str, str]) -> bool:
        """Return whether the platform shows all new ads, and note their status."""
        try:
            view = await self._gate.look(held.campaign)
        except CampaignAutomationError as error:
            logger.warning("not read back", campaign_id=held.campaign.campaign_id, reason=error.message)
            return False
        shown = {tag: node for tag in ids if (node := view.node(tag))}
        objects = held.campaign.objects
        held.saw([objects[tag].model_copy(update={"status": node.status}) for tag, node in shown.items()])
        return len(shown) == len(ids)

    async def _look_later(self, creation: Creation, campaign: Campaign, ads: Sequence[AdPlan]) -> None:
        """Let the reconciler look up what was never answered: the platform may have made it late or twice."""
        entries = [entry for ad in ads if (entry := campaign.objects.get(ad.tag))]
        if any(entry.unanswered or entry.state == "sent" for entry in entries):
            at = clock.now_ms() + SECOND_LOOK_MS
            due = min(at, creation.resume.at_ms) if creation.resume else at
            await self._store.update(creation, look_at=at, looks=0, **visit_at(due))

    async def _start(self, campaign: Campaign, made: _Made, run: Run) -> list[ChangeResult]:
        fresh = await self._campaigns.load_created(campaign.tenant, campaign.campaign_id)
        wanted = [DesiredChange(Level.AD, tag, "status", "active") for tag in made.ids]
        return await self._gate.apply(fresh, wanted, run)


def _spec(creation: Creation, request: AddAds, defaults: Mapping[str, Any]) -> CreateCampaign:
    """Return the request of the campaign as if it were made today with the new ads alone."""
    values = with_defaults(creation.spec, defaults).model_dump()
    values |= {name: getattr(request, name) for name in _ASKED}
    values |= {"product_url": request.product_url or values["product_url"], "activate": request.activate}
    # Its times are those of the ad sets, and may be over.
    return parse(CreateCampaign, values | {"start_time": None, "end_time": None})


def _check(
    adapter: PlatformAdapter,
    campaign: Campaign,
    spec: CreateCampaign,
    view: CampaignView,
    request: AddAds,
) -> list[str]:
    """Return warnings. Raises InvalidRequestError for texts, or for more ads than an ad set holds or runs."""
    adsets, asked = adsets_of(campaign, view, request), creative_ids_of(spec)
    warnings: dict[str, None] = {}
    for activate, statuses in ((False, ("active", "paused", "unknown")), (True, ("active", "unknown"))):
        there = [f"there {number}" for number in range(fullest(view, adsets, statuses))]
        whole = {"creative_ids": [*asked, *there], "creatives": None, "activate": activate}
        if activate <= request.activate:
            found = adapter.check(spec.model_copy(update=whole), campaign.account)
            warnings |= dict.fromkeys(found)
    return list(warnings)


def _failure(error: CampaignAutomationError | None) -> CampaignAutomationError:
    return error or CampaignAutomationError("not made")


def _answer(
    campaign: Campaign,
    request: AddAds,
    chosen: Chosen,
    written: _Written,
    made: _Made | None,
    started: Sequence[ChangeResult],
    run: Run | None,
) -> AdsAdded:
    active = {item.wanted.tag for item in started if item.result in ("changed", "already")}
    if made is None and request.activate:
        active = {ad.tag for ad in chosen.ads}
    shown = [ad for ad in chosen.ads if made is None or ad.tag in made.ids]
    errors = made.errors if made else {}
    failed = [FailedItem(id=tag, error=error_body(error)) for tag, error in errors.items()]
    return AdsAdded(
        status="partial" if failed else status_of(started),
        confirmed=(made is None or made.is_seen) and is_confirmed(started),
        campaign_id=campaign.campaign_id,
        run_id=run and run.run_id,
        ads=[_ad(ad, written.copies[ad.creative_id], made, is_active=ad.tag in active) for ad in shown],
        skipped=[*chosen.skipped, *(item for item in skipped_items(started) if item.id not in active)],
        failed=[*failed, *failed_items(started)],
        warnings=written.warnings,
        message=added_message(len(shown), len(failed), dry_run=request.dry_run),
    )


def _ad(ad: AdPlan, copy: AdCopy, made: _Made | None, *, is_active: bool) -> AddedAd:
    return AddedAd(
        ad_id=ad.tag,
        platform_ad_id=made.ids[ad.tag] if made else None,
        adset_id=ad.adset_tag,
        creative_id=ad.creative_id,
        copy_text=copy.primary_text,
        headline=copy.headline,
        description=copy.description,
        copy_source=copy.source,
        ad_status="active" if is_active else "paused",
    )
