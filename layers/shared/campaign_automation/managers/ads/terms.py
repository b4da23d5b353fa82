"""The terms under which ads are added: those of the creation, or of a campaign that was made elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from campaign_automation.adapters.base import PlatformAdapter
from campaign_automation.adapters.tree import AdNode
from campaign_automation.managers.ads.choosing import fullest
from campaign_automation.managers.campaign_manager import CampaignManager, created
from campaign_automation.managers.campaigns.planning import creative_ids_of, with_defaults
from campaign_automation.managers.changes.wording import CAMPAIGN_DELETED
from campaign_automation.managers.shared.view import CampaignView
from campaign_automation.models.campaign import Campaign, Creation, ObjectEntry
from campaign_automation.models.campaigns import CampaignPlan, CreateCampaign
from campaign_automation.models.common import AdAccount, Context
from campaign_automation.utils.error_handler import ConflictError
from campaign_automation.utils.validation import parse

# Of a campaign made elsewhere these stand on its platform, and no new ad of it sends them.
_STANDING: dict[str, Any] = {
    "daily_budget": 1_000_000,
    "special_ad_categories": ["NONE"],
    "eu_political_advertising": False,
}
_STANDING_ASSETS = {"pixel_id": "standing"}  # belongs to its ad sets


class Terms(NamedTuple):
    """The request, plan and account that new ads of a campaign follow, and the warnings told before."""

    spec: CreateCampaign
    plan: CampaignPlan
    account: AdAccount
    language: str
    told: list[str]
    creation: Creation

    def asking(self, **asked: Any) -> CreateCampaign:
        """Return the request as if the campaign were made today with the new ads alone."""
        # Its times are those of the ad sets, and may be over.
        no_times = {"start_time": None, "end_time": None}
        none = {"creative_ids": None, "creatives": None, "texts": None}
        return parse(CreateCampaign, self.spec.model_dump() | no_times | none | asked)


async def open_campaign(
    campaigns: CampaignManager, campaign_id: str, context: Context
) -> tuple[Creation | None, Campaign]:
    """Return a campaign that can hold new ads, with its creation where it was made here.

    Raises ConflictError for one that is deleted, or a test's.
    """
    known = await campaigns.known(context.user_id, campaign_id)
    campaign = created(known)
    if campaign.state == "deleted":
        raise ConflictError(CAMPAIGN_DELETED, field="campaign_id")
    if campaign.test is not None:
        problem = "belongs to an A/B test, whose ads stay as they are; create another test"
        raise ConflictError(f"campaign_id: {problem}", field="campaign_id")
    return (known if isinstance(known, Creation) else None), campaign


def terms_of(
    creation: Creation | None,
    campaign: Campaign,
    view: CampaignView,
    defaults: Mapping[str, Any],
    context: Context,
) -> Terms:
    """Return the terms of a campaign, of one that was made elsewhere as far as its ads show them."""
    if creation is not None:
        plan, account = creation.planned()
        language = creation.spec.copy_language or creation.context.language
        spec = with_defaults(creation.spec, defaults)
        return Terms(spec, plan, account, language, creation.warnings, creation)
    account = _account_shown(campaign, view.tree.ads if view.tree else [])
    spec = CreateCampaign.model_validate(
        {"objective": campaign.objective, "platform": campaign.platform, "creative_ids": ["-"], **_STANDING}
    )
    plan = CampaignPlan(
        tag=campaign.tag,
        name=campaign.name,
        objective=campaign.objective,
        adsets=[],
        creatives=[],
        ads=[],
        audience="broad",
        special_ad_categories=[],
    )
    made = Creation(
        tenant=campaign.tenant,
        campaign_id=campaign.campaign_id,
        state=campaign.state,
        # Of a campaign made elsewhere no object was created before it was taken in.
        created_at=campaign.created_at or 0,
        updated_at=campaign.created_at or 0,
        objects=campaign.objects,
        resume=campaign.resume,
        spec=spec,
        context=context,
        account=account,
        plan=plan,
    )
    return Terms(spec, plan, account, context.language, [], made)


def _account_shown(campaign: Campaign, ads: Iterable[AdNode]) -> AdAccount:
    """Return the account with the page or identity that the campaign's ads show, where all show one."""
    shown = [ad.shown_by for ad in ads if ad.status != "deleted" and ad.shown_by]
    facts = shown[0] if shown and all(item == shown[0] for item in shown) else {}
    known = {**_STANDING_ASSETS, **campaign.account.facts, **facts}
    return campaign.account.model_copy(update={"facts": known})


def check_ads(
    adapter: PlatformAdapter,
    account: AdAccount,
    spec: CreateCampaign,
    view: CampaignView,
    adsets: Sequence[ObjectEntry],
) -> list[str]:
    """Return warnings. Raises InvalidRequestError for texts, or for more ads than an ad set holds or runs."""
    asked = creative_ids_of(spec)
    warnings: dict[str, None] = {}
    for activate, statuses in ((False, ("active", "paused", "unknown")), (True, ("active", "unknown"))):
        there = [f"there {number}" for number in range(fullest(view, adsets, statuses))]
        whole = {"creative_ids": [*asked, *there], "creatives": None, "activate": activate}
        if activate <= spec.activate:
            warnings |= dict.fromkeys(adapter.check(spec.model_copy(update=whole), account))
    return list(warnings)
