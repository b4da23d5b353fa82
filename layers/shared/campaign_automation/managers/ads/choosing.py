"""The ads that a request adds: one per creative and ad set, without those that are there. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from campaign_automation.managers.campaigns.planning import added_tag
from campaign_automation.managers.shared.view import CampaignView
from campaign_automation.models.campaign import Campaign, ObjectEntry
from campaign_automation.models.campaigns import AdCopy, AdPlan, Creative, CreativePlan
from campaign_automation.models.changes import SkippedItem
from campaign_automation.models.common import Level
from campaign_automation.models.creation.additions import AddAds
from campaign_automation.utils.error_handler import InvalidRequestError, NotFoundError

MOST_ADS = 100  # of one request
_THERE = "already_there: this ad set shows the creative in an ad of the campaign"


class Chosen(NamedTuple):
    """The ads to add, and those that are there already."""

    ads: list[AdPlan]
    skipped: list[SkippedItem]


def choose(campaign: Campaign, view: CampaignView, request: AddAds, creative_ids: Sequence[str]) -> Chosen:
    """Return an ad for each creative and ad set. Raises InvalidRequestError for too many of them.

    An ad has the same tag however often it is asked for, until it is deleted.
    """
    chosen = Chosen([], [])
    for adset in adsets_of(campaign, view, request):
        for creative_id in creative_ids:
            there = _there(campaign, view, adset, creative_id)
            if there:
                chosen.skipped.append(SkippedItem(id=there, reason=_THERE))
            else:
                chosen.ads.append(_ad(campaign, view, adset, creative_id))
    if len(chosen.ads) > MOST_ADS:
        raise InvalidRequestError(
            f"creative_ids: these are {len(chosen.ads)} ads, more than the {MOST_ADS} that one request may"
            " add; give fewer creatives or some of the ad sets",
            field="creative_ids",
            allowed=f"<= {MOST_ADS} ads",
        )
    return chosen


def adsets_of(campaign: Campaign, view: CampaignView, request: AddAds) -> list[ObjectEntry]:
    """Return the ad sets of the request. Raises NotFoundError for one that the campaign does not have."""
    live = [item for item in campaign.made(Level.ADSET) if view.live(item.tag, "status") != "deleted"]
    if request.adset_ids is None:
        if not live:
            raise InvalidRequestError("adset_ids: the campaign has no ad set any more", field="adset_ids")
        return live
    known = {name: item for item in live for name in (item.tag, item.platform_id)}
    unknown = [name for name in request.adset_ids if name not in known]
    if unknown:
        raise NotFoundError(
            f"adset_ids: the campaign has no ad set {', '.join(unknown[:5])}", field="adset_ids"
        )
    return list({known[name].tag: known[name] for name in request.adset_ids}.values())


def fullest(view: CampaignView, adsets: Iterable[ObjectEntry], statuses: Sequence[str]) -> int:
    """Return the most ads of these statuses that one of the ad sets has, those of others among them."""
    ads = view.tree.ads if view.tree else []
    return max(
        sum(ad.adset_id == adset.platform_id and ad.status in statuses for ad in ads) for adset in adsets
    )


def plan_creatives(
    campaign: Campaign, ads: Sequence[AdPlan], creatives: Mapping[str, Creative], copies: Mapping[str, AdCopy]
) -> list[CreativePlan]:
    """Return the creative objects of the ads; one with other texts, or another file, is another object."""
    ids = dict.fromkeys(ad.creative_id for ad in ads)
    return [creative_plan(campaign, creatives[item], copies[item]) for item in ids]


def creative_plan(campaign: Campaign, creative: Creative, copy: AdCopy) -> CreativePlan:
    """Return the creative object of one creative with one copy."""
    shown = creative.model_dump_json(), copy.model_dump_json()
    tag = added_tag(campaign.campaign_id, Level.CREATIVE, *shown)
    name = f"{plain_name(campaign.root)} | creative {creative.creative_id} {tag}"
    return CreativePlan(tag=tag, name=name, creative_id=creative.creative_id)


def _there(campaign: Campaign, view: CampaignView, adset: ObjectEntry, creative_id: str) -> str | None:
    """Return the tag of the live ad of a creative in an ad set, or None."""
    of_adset = (ad for ad in campaign.ads(adset.tag) if ad.creative_id == creative_id)
    return next((ad.tag for ad in of_adset if _is_live(ad, view)), None)


def _is_live(ad: ObjectEntry, view: CampaignView) -> bool:
    return ad.state == "created" and view.live(ad.tag, "status") != "deleted"


def _ad(campaign: Campaign, view: CampaignView, adset: ObjectEntry, creative_id: str) -> AdPlan:
    tag = next(
        tag
        for tag in _tags(campaign, adset, creative_id)
        if (known := campaign.objects.get(tag)) is None or known.state != "created"
    )
    name = f"{plain_name(adset)} | creative {creative_id} {tag}"
    return AdPlan(tag=tag, name=name, adset_tag=adset.tag, creative_id=creative_id)


def _tags(campaign: Campaign, adset: ObjectEntry, creative_id: str) -> Iterator[str]:
    """Yield the tags of a creative's first ad in an ad set, and of those after its deletion."""
    for number in range(len(campaign.objects) + 1):
        yield added_tag(campaign.campaign_id, Level.AD, adset.tag, creative_id, str(number))


def plain_name(entry: ObjectEntry) -> str:
    """Return the name of an object without its tag."""
    return entry.name.removesuffix(entry.tag).strip()
