"""Ads for an existing campaign: chosen, written, made by the journal, read back, and started where asked."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from campaign_automation.managers.ads.choosing import (
    Chosen,
    adsets_of,
    choose,
    plan_creatives,
)
from campaign_automation.managers.ads.journal import Place
from campaign_automation.managers.ads.run import Made, NewAds
from campaign_automation.managers.ads.terms import Terms, check_ads, open_campaign, terms_of
from campaign_automation.managers.ads.work import AdWork
from campaign_automation.managers.campaigns.copywriting import claim_warnings
from campaign_automation.managers.campaigns.planning import creative_ids_of
from campaign_automation.managers.changes.items import (
    ChangeResult,
    Run,
    failed_items,
    is_confirmed,
    new_run,
    skipped_items,
    status_of,
)
from campaign_automation.managers.changes.wording import added_message
from campaign_automation.managers.shared.idempotency import Now
from campaign_automation.managers.shared.view import CampaignView
from campaign_automation.models.campaign import Campaign
from campaign_automation.models.campaigns import AdCopy, AdPlan, CreateCampaign, Creative
from campaign_automation.models.changes import FailedItem
from campaign_automation.models.common import Context
from campaign_automation.models.creation.additions import AddAds, AddedAd, AdsAdded, AdsAnswer
from campaign_automation.utils.error_handler import error_body

_ASKED = ("creative_ids", "creatives", "texts", "product_url")


class _Written(NamedTuple):
    """The creatives of a request and their copies, by id, with the warnings of both."""

    creatives: dict[str, Creative]
    copies: dict[str, AdCopy]
    warnings: list[str]


class AdAdditions(AdWork):
    """The way of new ads into an existing campaign."""

    async def add(self, request: AddAds, context: Context) -> AdsAdded:
        """Add an ad per creative and ad set, paused, and start them where that is asked.

        Ads that are there are not made twice. Raises ConflictError for a deleted campaign or a test's,
        InvalidRequestError for what its ads cannot show, GuardRefusedError while a kill switch is on, the
        platform's error when it made none of them.
        """
        creation, campaign = await open_campaign(self._campaigns, request.campaign_id, context)
        view = await self._gate.look(campaign)
        if view.unseen is not None:
            raise view.unseen
        terms = terms_of(creation, campaign, view, self._defaults, context)
        asked = {name: value for name in _ASKED if (value := getattr(request, name)) is not None}
        spec = terms.asking(**asked, activate=request.activate)
        chosen = choose(campaign, view, request, creative_ids_of(spec))
        await self._gate.check_switches(campaign)
        written = await self._write(terms, campaign, spec, view, request)
        run = new_run(context.actor, request.reason, began_ms=context.asked_ms)
        if request.dry_run or not chosen.ads:
            return _answer(campaign, request, chosen, written, None, [], None)
        plans = plan_creatives(campaign, chosen.ads, written.creatives, written.copies)
        places = {ad.tag: Place(ad.adset_tag, ad.creative_id) for ad in chosen.ads}
        new = NewAds(chosen.ads, plans, written.creatives, written.copies, places)
        made = await self._runs.make(terms, campaign, run, new)
        started = await self._runs.start(campaign, made.ids, run) if request.activate else []
        return _answer(campaign, request, chosen, written, made, started, run)

    async def as_it_is_now(self, answer: AdsAnswer, context: Context) -> Now:
        """Return an earlier answer with its ads as they are now, and whether one of them was removed since.

        The same request then adds what is missing. While the platform is away the answer stays as it was.
        """
        campaign = await self._campaigns.load_created(context.user_id, answer.campaign_id)
        if (view := await self._gate.look_again(campaign)) is None:
            return Now(answer, is_over=False)
        ads = [ad.model_copy(update={"ad_status": _status(view, campaign, ad.ad_id)}) for ad in answer.ads]
        found = [*(ad.ad_status for ad in ads), *(_status(view, campaign, it.id) for it in answer.skipped)]
        return Now(answer.model_copy(update={"ads": ads}), is_over="deleted" in found)

    async def _write(
        self, terms: Terms, campaign: Campaign, spec: CreateCampaign, view: CampaignView, request: AddAds
    ) -> _Written:
        """Fetch the creatives and write their copy. Raises the refusals of a creation of the same ads."""
        adapter = self._platforms.adapter(campaign.platform)
        adsets = adsets_of(campaign, view, request)
        warnings = check_ads(adapter, terms.account, spec, view, adsets)
        creatives = await self._library.fetch(campaign.tenant, spec)
        adapter.check_creatives(spec, creatives)
        given = {item.creative_id: item for item in spec.texts or []}
        copies = await asyncio.gather(
            *(
                self._copywriter.write(
                    item,
                    spec.objective,
                    terms.language,
                    adapter.copy_limits,
                    given.get(item.creative_id),
                    spec.voice,
                )
                for item in creatives
            )
        )
        told = [text for text in warnings if text not in terms.told]
        return _Written(
            {item.creative_id: item for item in creatives},
            {item.creative_id: copy for item, copy in zip(creatives, copies, strict=True)},
            [*told, *claim_warnings(spec, creatives, adapter.copy_limits)],
        )


def _status(view: CampaignView, campaign: Campaign, tag: str) -> str:
    return str(view.live(tag, "status")) if tag in campaign.objects else "deleted"


def _answer(
    campaign: Campaign,
    request: AddAds,
    chosen: Chosen,
    written: _Written,
    made: Made | None,
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


def _ad(ad: AdPlan, copy: AdCopy, made: Made | None, *, is_active: bool) -> AddedAd:
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
