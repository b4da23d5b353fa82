"""Other texts for existing ads: edited in place, or by new ads that take the place of the old ones."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from campaign_automation.adapters.base import CopyLimits, PlatformAdapter
from campaign_automation.adapters.tree import AdNode
from campaign_automation.managers.ads.choosing import creative_plan, plain_name
from campaign_automation.managers.ads.journal import Place
from campaign_automation.managers.ads.run import Made, NewAds
from campaign_automation.managers.ads.terms import Terms, check_ads, open_campaign, terms_of
from campaign_automation.managers.ads.work import AdWork
from campaign_automation.managers.campaigns.copywriting import REQUEST, claims_in, with_given
from campaign_automation.managers.campaigns.planning import added_tag
from campaign_automation.managers.changes.control import raise_failure
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
from campaign_automation.managers.changes.wording import replaced_message
from campaign_automation.managers.shared.view import CampaignView
from campaign_automation.models.campaign import Campaign, ObjectEntry
from campaign_automation.models.campaigns import AdCopy, AdPlan, Creative
from campaign_automation.models.changes import FailedItem, SkippedItem
from campaign_automation.models.common import Context, Level
from campaign_automation.models.creation.replacements import AdTexts, CopyReplaced, ReplaceCopy, ReplacedAd
from campaign_automation.models.creation.settings import Copy
from campaign_automation.utils.error_handler import InvalidRequestError, NotFoundError, error_body


class _Asked(NamedTuple):
    """One ad whose texts are to be others, as it is now."""

    place: int
    entry: ObjectEntry
    texts: AdTexts
    is_active: bool


class _Renewal(NamedTuple):
    """A new ad, what it shows, and the ad whose place it takes."""

    ad: AdPlan
    creative: Creative
    copy: AdCopy
    asked: _Asked


class _Work(NamedTuple):
    """A request with all that its steps need."""

    request: ReplaceCopy
    campaign: Campaign
    view: CampaignView
    terms: Terms
    adapter: PlatformAdapter
    run: Run
    warnings: list[str]


class CopyReplacements(AdWork):
    """The way of other texts into ads that exist."""

    async def replace(self, request: ReplaceCopy, context: Context) -> CopyReplaced:
        """Give ads other texts; a new ad has the status of the one that it replaces.

        Raises ConflictError for a deleted campaign or a test's, NotFoundError for an unknown ad,
        InvalidRequestError for texts that its ads cannot show, or a creative that is not known,
        GuardRefusedError while a kill switch is on, the platform's error when it refused all of them.
        """
        creation, campaign = await open_campaign(self._campaigns, request.campaign_id, context)
        view = await self._gate.look(campaign)
        if view.unseen is not None:
            raise view.unseen
        asked = _ads_of(campaign, view, request)
        adapter = self._platforms.adapter(campaign.platform)
        warnings = adapter.check_texts(campaign.objective, [item.given for item in request.texts])
        await self._gate.check_switches(campaign)
        terms = terms_of(creation, campaign, view, self._defaults, context)
        run = new_run(context.actor, request.reason, began_ms=context.asked_ms)
        work = _Work(request, campaign, view, terms, adapter, run, warnings)
        return await (self._edit(work, asked) if adapter.edits_copies else self._renew(work, asked))

    # --- in place --------------------------------------------------------------------------------------

    async def _edit(self, work: _Work, asked: Sequence[_Asked]) -> CopyReplaced:
        campaign, request = work.campaign, work.request
        copies = {item.entry.tag: await self._edited(work, item) for item in asked}
        shown = ((tag, work.adapter.lines_of(campaign.objective, copy)) for tag, copy in copies.items())
        lines = {tag: line for tag, line in shown if line is not None}
        wanted = [DesiredChange(Level.AD, tag, "copy", item.text) for tag, item in lines.items()]
        items = await self._gate.apply(campaign, wanted, work.run, dry_run=request.dry_run)
        if not all(item.result == "already" for item in items):
            raise_failure(items, items)
        done = [item for item in items if item.result in ("changed", "planned")]
        by_tag = {item.entry.tag: item for item in asked}
        ads = [
            _ad(by_tag[tag], tag, copies[tag], by_tag[tag].entry.platform_id, is_active=by_tag[tag].is_active)
            for tag in (item.wanted.tag for item in done)
        ]
        return _answer(work, ads, items, [], [], is_seen=True)

    async def _edited(self, work: _Work, asked: _Asked) -> AdCopy:
        """Return the copy of an ad after the edit: written as a whole, or with the given lines exchanged."""
        node = work.view.node(asked.entry.tag)
        standing = node.lines if isinstance(node, AdNode) else None
        if asked.texts.is_empty:
            return await self._write(work, asked, (await self._creatives(work, [asked]))[asked.place])
        if standing is None:
            raise InvalidRequestError(
                f"texts.{asked.place}.ad_id: the ad is of a kind whose texts are not edited here; add another"
                " ad and pause this one",
                field=f"texts.{asked.place}.ad_id",
            )
        if product := work.terms.creation.creatives.get(asked.entry.creative_id or ""):
            work.warnings.extend(_claims(asked, product, work.adapter.copy_limits))
        return with_given(_copy_of(standing), asked.texts.given, work.adapter.copy_limits, REQUEST)

    # --- by new ads ------------------------------------------------------------------------------------

    async def _renew(self, work: _Work, asked: Sequence[_Asked]) -> CopyReplaced:
        """Make new ads, start those whose old one runs, and pause the old ones that are replaced."""
        campaign, request = work.campaign, work.request
        tags = {item.place: _tag_of(campaign, work.view, item) for item in asked}
        left = [item for item in asked if _is_over(campaign, tags[item.place], item)]
        skipped = [
            SkippedItem(id=item.entry.tag, reason=f"already_replaced: by the ad {tags[item.place]}")
            for item in left
        ]
        waiting = [item for item in asked if item not in left]
        renewals = await self._planned(work, waiting, tags)
        if request.dry_run or not renewals:
            ads = [_renewed(item, None, is_active=item.asked.is_active) for item in renewals]
            return _answer(work, ads, [], skipped, [], is_seen=True)
        made = await self._runs.make(work.terms, campaign, work.run, _new_ads(campaign, renewals))
        started, paused = await self._exchange(work, renewals, made)
        running = {item.wanted.tag for item in started if item.result in ("changed", "already")}
        ads = [
            _renewed(item, made.ids[item.ad.tag], is_active=item.ad.tag in running)
            for item in renewals
            if item.ad.tag in made.ids
        ]
        failed = [FailedItem(id=tag, error=error_body(error)) for tag, error in made.errors.items()]
        # An old ad that was paused already is as it should be.
        told = [*started, *(item for item in paused if item.result != "already")]
        return _answer(work, ads, told, skipped, failed, is_seen=made.is_seen)

    async def _exchange(
        self, work: _Work, renewals: Sequence[_Renewal], made: Made
    ) -> tuple[list[ChangeResult], list[ChangeResult]]:
        """Start the new ads, then pause the old ones: both share the budget of their ad set.

        An old ad whose new one was not made, or not started, goes on.
        """
        ready = [item for item in renewals if item.ad.tag in made.ids]
        starts = [item.ad.tag for item in ready if item.asked.is_active]
        started = await self._runs.start(work.campaign, starts, work.run)
        running = {item.wanted.tag for item in started if item.result in ("changed", "already")}
        over = [item.asked for item in ready if not item.asked.is_active or item.ad.tag in running]
        stops = [DesiredChange(Level.AD, item.entry.tag, "status", "paused", holds=True) for item in over]
        return started, await self._runs.change(work.campaign, stops, work.run)

    async def _planned(self, work: _Work, asked: Sequence[_Asked], tags: Mapping[int, str]) -> list[_Renewal]:
        if not asked:
            return []
        creatives = await self._creatives(work, asked)
        spec = work.terms.asking(
            creatives=None, creative_ids=[f"new {number}" for number in range(_most(asked))]
        )
        parents = [work.campaign.objects[tag] for tag in {item.entry.parent for item in asked} if tag]
        told = check_ads(work.adapter, work.terms.account, spec, work.view, parents)
        work.warnings.extend(text for text in told if text not in work.terms.told)
        work.adapter.check_creatives(spec, list(creatives.values()))
        copies = await asyncio.gather(*(self._write(work, item, creatives[item.place]) for item in asked))
        return [
            _Renewal(
                _plan(work.campaign, item, tags[item.place], creatives[item.place], copy),
                creatives[item.place],
                copy,
                item,
            )
            for item, copy in zip(asked, copies, strict=True)
        ]

    # --- creatives and copies --------------------------------------------------------------------------

    async def _write(self, work: _Work, asked: _Asked, creative: Creative) -> AdCopy:
        given = None if asked.texts.is_empty else asked.texts.given
        limits, language = work.adapter.copy_limits, work.terms.language
        work.warnings.extend(_claims(asked, creative, limits))
        voice = work.terms.spec.voice
        return await self._copywriter.write(creative, work.campaign.objective, language, limits, given, voice)

    async def _creatives(self, work: _Work, asked: Sequence[_Asked]) -> dict[int, Creative]:
        """Return the creative of each ad: the given one, else the one that it is known to show."""
        ids = {item.place: _creative_id(item) for item in asked}
        inline = {item.creative_id: item for item in work.request.creatives or []}
        known = work.terms.creation.creatives if not work.request.product_url else {}
        found = {item: known[item] for item in ids.values() if item in known and item not in inline}
        page = {"product_url": work.request.product_url} if work.request.product_url else {}
        asks: list[dict[str, Any]] = []
        if given := [inline[item] for item in dict.fromkeys(ids.values()) if item in inline]:
            asks.append({"creatives": given})
        if others := [
            item for item in dict.fromkeys(ids.values()) if item not in found and item not in inline
        ]:
            asks.append({"creative_ids": others})
        for ask in asks:
            fetched = await self._library.fetch(work.campaign.tenant, work.terms.asking(**ask, **page))
            found |= {item.creative_id: item for item in fetched}
        return {place: found[item] for place, item in ids.items()}


def _claims(asked: _Asked, creative: Creative, limits: CopyLimits) -> Iterator[str]:
    return claims_in(f"texts.{asked.place}", asked.texts.given, creative, limits)


def _creative_id(asked: _Asked) -> str:
    creative_id = asked.texts.creative_id or asked.entry.creative_id
    if creative_id is None:
        field = f"texts.{asked.place}.creative_id"
        raise InvalidRequestError(
            f"{field}: the ad was made elsewhere, so that its creative is not known here; give the creative"
            " that the new ad shall show",
            field=field,
        )
    return creative_id


def _ads_of(campaign: Campaign, view: CampaignView, request: ReplaceCopy) -> list[_Asked]:
    """Return the ads of the request. Raises NotFoundError for one that is not there."""
    live = [item for item in campaign.made(Level.AD) if view.live(item.tag, "status") != "deleted"]
    known = {name: item for item in live for name in (item.tag, item.platform_id)}
    asked: list[_Asked] = []
    for place, texts in enumerate(request.texts):
        field, entry = f"texts.{place}.ad_id", known.get(texts.ad_id)
        if entry is None:
            raise NotFoundError(f"{field}: the campaign has no ad {texts.ad_id}", field=field)
        if any(item.entry.tag == entry.tag for item in asked):
            raise InvalidRequestError(f"{field}: is given twice", field=field)
        asked.append(_Asked(place, entry, texts, view.live(entry.tag, "status") == "active"))
    return asked


def _tag_of(campaign: Campaign, view: CampaignView, asked: _Asked) -> str:
    """Return the tag of the new ad: the same for the same texts, so that what was begun is finished."""
    return next(
        tag
        for tag in _tags(campaign, asked)
        if (known := campaign.objects.get(tag)) is None
        or known.state != "created"
        or view.live(tag, "status") != "deleted"
    )


def _tags(campaign: Campaign, asked: _Asked) -> Iterator[str]:
    texts = asked.texts.model_dump_json(exclude={"ad_id"})
    for number in range(len(campaign.objects) + 1):
        yield added_tag(campaign.campaign_id, Level.AD, "copy", asked.entry.tag, texts, str(number))


def _is_over(campaign: Campaign, tag: str, asked: _Asked) -> bool:
    """Return whether an earlier request did all of this: the new ad is there, and the old one is held."""
    known = campaign.objects.get(tag)
    return known is not None and known.state == "created" and asked.entry.held and not asked.is_active


def _most(asked: Sequence[_Asked]) -> int:
    """Return the most ads that one ad set gets."""
    parents = [item.entry.parent for item in asked]
    return max(parents.count(parent) for parent in parents)


def _plan(campaign: Campaign, asked: _Asked, tag: str, creative: Creative, copy: AdCopy) -> AdPlan:
    adset = asked.entry.parent or ""
    name = f"{plain_name(campaign.objects[adset])} | creative {creative.creative_id} {tag}"
    # Ads of one creative may have different texts: each pair of both is a creative object of its own.
    key = creative_plan(campaign, creative, copy).tag
    return AdPlan(tag=tag, name=name, adset_tag=adset, creative_id=key)


def _new_ads(campaign: Campaign, renewals: Sequence[_Renewal]) -> NewAds:
    shown = {item.ad.creative_id: item for item in renewals}
    plans = [creative_plan(campaign, item.creative, item.copy) for item in shown.values()]
    return NewAds(
        ads=[item.ad for item in renewals],
        plans=[plan.model_copy(update={"creative_id": plan.tag}) for plan in plans],
        creatives={key: item.creative for key, item in shown.items()},
        copies={key: item.copy for key, item in shown.items()},
        places={
            item.ad.tag: Place(item.ad.adset_tag, item.creative.creative_id, item.asked.entry)
            for item in renewals
        },
    )


def _copy_of(lines: Copy) -> AdCopy:
    """Return the lines of an ad as a copy, whose primary text is its first description."""
    first, *more = lines.headlines or ("",)
    text, *others = lines.descriptions or ("",)
    description = others[0] if others else text
    return AdCopy(
        primary_text=text,
        headline=first,
        description=description,
        source=REQUEST,
        more_headlines=more,
        more_descriptions=others[1:],
    )


def _renewed(item: _Renewal, platform_id: str | None, *, is_active: bool) -> ReplacedAd:
    shown = _ad(item.asked, item.ad.tag, item.copy, platform_id, is_active=is_active)
    return shown.model_copy(
        update={"replaces": item.asked.entry.tag, "creative_id": item.creative.creative_id}
    )


def _ad(asked: _Asked, tag: str, copy: AdCopy, platform_id: str | None, *, is_active: bool) -> ReplacedAd:
    return ReplacedAd(
        ad_id=tag,
        platform_ad_id=platform_id,
        adset_id=asked.entry.parent or "",
        creative_id=asked.texts.creative_id or asked.entry.creative_id or "",
        copy_text=copy.primary_text,
        headline=copy.headline,
        description=copy.description,
        copy_source=copy.source,
        ad_status="active" if is_active else "paused",
    )


def _answer(
    work: _Work,
    ads: Sequence[ReplacedAd],
    items: Sequence[ChangeResult],
    skipped: Sequence[SkippedItem],
    failed: Sequence[FailedItem],
    *,
    is_seen: bool,
) -> CopyReplaced:
    dry_run = work.request.dry_run
    left = [*failed, *failed_items(items)]
    return CopyReplaced(
        status="partial" if failed else status_of(items),
        confirmed=is_seen and is_confirmed(items),
        campaign_id=work.campaign.campaign_id,
        run_id=None if dry_run or not ads else work.run.run_id,
        ads=list(ads),
        skipped=[*skipped, *skipped_items(items)],
        failed=left,
        warnings=list(dict.fromkeys(work.warnings)),
        message=replaced_message(len(ads), len(left), in_place=work.adapter.edits_copies, dry_run=dry_run),
    )
