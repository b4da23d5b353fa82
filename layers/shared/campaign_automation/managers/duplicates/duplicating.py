"""Copies of a campaign: its request as it would be today, with what the caller asks otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from campaign_automation.adapters.base import PlatformAdapter
from campaign_automation.adapters.common.account_ids import is_named
from campaign_automation.managers.accounts.accounts_read import AccountReader
from campaign_automation.managers.campaign_manager import CampaignManager, Opened, Origin, created
from campaign_automation.managers.changes.gate import WriteGate
from campaign_automation.managers.duplicates.imported import refuse, request_like
from campaign_automation.managers.duplicates.present import Present, last_seen, present
from campaign_automation.managers.shared.view import CampaignView
from campaign_automation.models.campaign import Campaign, Creation
from campaign_automation.models.campaigns import CreateCampaign, Lookalike
from campaign_automation.models.common import Context, Objective
from campaign_automation.models.creation.duplicates import DuplicateCampaign
from campaign_automation.models.creation.options import GivenTexts
from campaign_automation.models.creation.settings import Bidding
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import CampaignAutomationError, ConflictError
from campaign_automation.utils.validation import parse

Values = dict[str, Any]
_ASKED_AS_IT_IS = (
    "daily_budget",
    "target_countries",
    "bid_strategy",
    "target_roas",
    "target_cpa",
    "objective",
    "creative_ids",
    "special_ad_categories",
    "eu_political_advertising",
)
# Their ids and keys are the platform's own.
_OWN_IDS = ("regions", "cities", "audiences", "excluded_audiences")
_OF_COUNTRIES = ("regions", "cities")


class CampaignDuplicates:
    def __init__(
        self,
        campaigns: CampaignManager,
        reader: AccountReader,
        gate: WriteGate,
        adapters: Mapping[str, PlatformAdapter],
    ) -> None:
        self._campaigns = campaigns
        self._reader = reader
        self._gate = gate
        self._adapters = adapters

    async def open(self, request: DuplicateCampaign, context: Context) -> Opened:
        """Open the creation of the copy, under the idempotency key of the request; raise what `spec` does."""
        spec, origin = await self.spec(request, context)
        return await self._campaigns.open_creation(spec, context, origin=origin)

    async def spec(self, request: DuplicateCampaign, context: Context) -> tuple[CreateCampaign, Origin]:
        """Return the request that creates the copy as the campaign is now.

        Raises InvalidRequestError, by field, for what the copy cannot have or what is not known of the
        campaign, ConflictError for one that is a test or never was on its platform.
        """
        source = await self._campaigns.known(context.user_id, request.campaign_id)
        campaign = created(source)
        if campaign.test is not None:
            raise ConflictError(
                "campaign_id: belongs to an A/B test; create another test with create_ab_test",
                field="campaign_id",
            )
        view = await self._view(campaign)
        if isinstance(source, Creation):
            values = self._of_creation(source, campaign, view, request)
        else:
            values = await self._of_imported(campaign, view, request)
        values |= await self._place(campaign, values, request)
        return parse(CreateCampaign, values), Origin(campaign.campaign_id, request)

    async def _view(self, campaign: Campaign) -> CampaignView | None:
        """Return the campaign as it is; None where what is kept here has to do."""
        if campaign.state == "deleted":
            return None
        try:
            view = await self._gate.look(campaign)
        except CampaignAutomationError:
            if campaign.is_adopted:
                raise
            return None
        return None if view.unseen is not None else view

    # --- campaigns made here ---------------------------------------------------------------------------

    def _of_creation(
        self, creation: Creation, campaign: Campaign, view: CampaignView | None, request: DuplicateCampaign
    ) -> Values:
        spec = creation.spec
        target = None if spec.bid_strategy == "lowest_cost" else getattr(spec, spec.bid_strategy)
        now = present(campaign, view) if view else last_seen(campaign, Bidding(spec.bid_strategy, target))
        values = spec.model_dump(exclude={"name", "activate", "dry_run", "texts"})
        values["copy_language"] = spec.copy_language or creation.context.language
        if spec.start_time and spec.start_time <= clock.now():
            values["start_time"] = None
        values |= _as_asked(campaign, now, request, campaign.name.removesuffix(campaign.tag).strip())
        if request.creative_ids is not None:
            values["creatives"] = None
        shown = values["creative_ids"] or [item["creative_id"] for item in values["creatives"] or []]
        values["texts"] = self._texts(creation, shown, request)
        return _without(values, spec, request)

    def _texts(self, creation: Creation, shown: list[str], request: DuplicateCampaign) -> list[GivenTexts]:
        """Return the texts of the ads that can be shown on the copy's platform; the rest is written anew."""
        adapter = self._adapters[request.platform or creation.spec.platform]
        fitted = [
            adapter.fit_texts(
                creation.spec.objective,
                GivenTexts(creative_id=name, **copy.model_dump(exclude={"source"})),
            )
            for name, copy in creation.copies.items()
            if name in shown
        ]
        return [item for item in fitted if item.model_dump(exclude={"creative_id"}, exclude_defaults=True)]

    # --- campaigns made elsewhere ----------------------------------------------------------------------

    async def _of_imported(
        self, campaign: Campaign, view: CampaignView | None, request: DuplicateCampaign
    ) -> Values:
        if view is None or view.tree is None:
            refuse("campaign_id", "the platform does not show this campaign any more", can_leave_out=False)
        if request.creative_ids is None:
            problem = "which creatives an imported campaign shows is not known here; give them"
            refuse("creative_ids", problem, can_leave_out=False)
        now, tree = present(campaign, view), view.tree
        if now.bidding is None and request.bid_strategy is None:
            problem = "this module does not know how the campaign bids; give one"
            refuse("bid_strategy", problem, can_leave_out=False)
        values = {"objective": request.objective or await self._objective(campaign)}
        values |= request_like(tree, request.leave_out)
        return values | _as_asked(campaign, now, request, campaign.name)

    async def _objective(self, campaign: Campaign) -> Objective:
        """Return the objective that the platform tells. Raises InvalidRequestError where it tells none."""
        account = campaign.account
        opened = await self._reader.open(
            campaign.tenant, campaign.platform, account.ad_account_id or account.platform_account_id
        )
        found = {item.found.platform_id: item.found for item in await self._reader.campaigns(opened)}
        shown = found.get(campaign.root_id)
        if shown is None or shown.objective is None:
            refuse("objective", "that of the campaign is not known here; give one", can_leave_out=False)
        return Objective(shown.objective)

    # --- where the copy is made ------------------------------------------------------------------------

    async def _place(self, campaign: Campaign, values: Values, request: DuplicateCampaign) -> Values:
        """Return platform and account of the copy. Raises InvalidRequestError for what is not theirs too."""
        account, platform = campaign.account, request.platform or campaign.platform
        own = account.ad_account_id or account.platform_account_id
        is_own = request.ad_account_id is None or is_named(account, request.ad_account_id)
        if platform == campaign.platform and is_own:
            return {"platform": platform, "ad_account_id": own}
        if platform != campaign.platform:
            _refuse_own_ids(values, campaign.platform)
        opened = await self._reader.open(campaign.tenant, platform, request.ad_account_id)
        if opened.account.currency != account.currency:
            _refuse_amounts(values, request, account.currency, opened.account.currency)
        chosen = opened.account.ad_account_id or opened.account.platform_account_id
        return {"platform": platform, "ad_account_id": chosen}


def _as_asked(campaign: Campaign, now: Present, request: DuplicateCampaign, name: str) -> Values:
    """Return the settings as they are now, or as the request wants them."""
    asked = {field: value for field in _ASKED_AS_IT_IS if (value := getattr(request, field)) is not None}
    if now.daily_budget is None and request.daily_budget is None:
        refuse("daily_budget", "that of the campaign is not known here; give one", can_leave_out=False)
    values: Values = {
        "daily_budget": now.daily_budget,
        "target_roas": campaign.target_roas,
        "target_cpa": campaign.target_cpa,
        "name": request.name or name,
        "end_time": _end(now.ends_at, request),
        "activate": request.activate,
        "dry_run": request.dry_run,
    }
    if now.bidding is not None:
        values["bid_strategy"] = now.bidding.strategy
        if now.bidding.target is not None:
            values[now.bidding.strategy] = now.bidding.target
    return values | asked


def _end(ends_at: datetime | None, request: DuplicateCampaign) -> datetime | None:
    """Return the end of the copy; one that is over is none of a copy's."""
    if request.end_time is not None:
        return None if request.end_time == "none" else request.end_time
    return ends_at if ends_at and ends_at > clock.now() else None


def _without(values: Values, spec: CreateCampaign, request: DuplicateCampaign) -> Values:
    """Return the settings without those that the copy shall not have."""
    values = {name: value for name, value in values.items() if name not in request.leave_out}
    left = [name for name in _OF_COUNTRIES if values.get(name)]
    if left and values["target_countries"] != spec.target_countries:
        refuse(left[0], "lie in the countries of the campaign, not in those of the copy")
    return values


def _refuse_own_ids(values: Values, platform: str) -> None:
    for name in _OWN_IDS:
        if values.get(name):
            refuse(name, f"have ids of {platform} alone")
    if isinstance(values.get("audience"), dict | Lookalike):
        refuse("audience", f"is a lookalike of {platform} alone")


def _refuse_amounts(values: Values, request: DuplicateCampaign, currency: str, other: str) -> None:
    """Raise InvalidRequestError for amounts in the campaign's currency, which the copy's account has not."""
    for name in ("daily_budget", "target_cpa"):
        if values.get(name) is not None and getattr(request, name) is None:
            problem = f"the campaign spends {currency}, the account of the copy {other}; give it anew"
            refuse(name, problem, can_leave_out=False)
