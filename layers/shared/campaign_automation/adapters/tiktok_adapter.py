"""TikTok Business API v1.3 over httpx: the manual family and Upgraded Smart+."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any

from campaign_automation.adapters.base import (
    Access,
    AdOrder,
    BudgetOutcome,
    CopyLimits,
    CreativeOrder,
    DailyInsight,
    Outcome,
    SplitOrder,
    check_window,
)
from campaign_automation.adapters.common.accounts import configured, known_step, with_only_assets
from campaign_automation.adapters.common.budgets import set_budgets
from campaign_automation.adapters.common.listings import chunks
from campaign_automation.adapters.common.options.rules import check_options, check_texts, fit_texts
from campaign_automation.adapters.common.options.settings import check_setting, of_campaign
from campaign_automation.adapters.common.reading import (
    distinct_insights,
    id_of,
    listed,
    rows_of,
    text_of,
    typed_errors,
    zone_of,
)
from campaign_automation.adapters.delivery import windows
from campaign_automation.adapters.limits.calls import Calls
from campaign_automation.adapters.tiktok import checks, facts, requests
from campaign_automation.adapters.tiktok.budgets import TikTokBudgets
from campaign_automation.adapters.tiktok.creation import TikTokCreation
from campaign_automation.adapters.tiktok.echo import Echoes
from campaign_automation.adapters.tiktok.facts import PLATFORM
from campaign_automation.adapters.tiktok.files import TikTokFiles
from campaign_automation.adapters.tiktok.objects import FamilySetting, TikTokObjects
from campaign_automation.adapters.tiktok.options.rules import rules
from campaign_automation.adapters.tiktok.reports import (
    DAYS_PER_REPORT,
    ReportOrder,
    dimension_of,
    insight_of_row,
    report_params,
)
from campaign_automation.adapters.tiktok.splits import TikTokSplits
from campaign_automation.adapters.tiktok.wire import TikTokWire
from campaign_automation.adapters.tree import Depth, Tree, Trees
from campaign_automation.clients.media_client import MediaClient
from campaign_automation.models.accounts import FoundCampaign
from campaign_automation.models.campaigns import AdCopy, AdSetPlan, CampaignPlan, CreateCampaign, Creative
from campaign_automation.models.common import AdAccount, AgeGroup, Level, Objective
from campaign_automation.models.creation.options import GivenTexts, Keyword
from campaign_automation.models.creation.settings import Bidding, Copy, Setting
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import AccountError

_ACCOUNT_FIELDS = ["advertiser_id", "name", "currency", "display_timezone", "timezone", "status", "balance"]


def _today() -> date:
    return clock.now().date()


class TikTokAdapter:
    """The contract of adapters/base.py. `app` gives {"accounts"?}, which maps an advertiser id to
    {"identity_id", "identity_type", "identity_authorized_bc_id", "pixel_id", "app_id", "app_platform":
    "android" or "ios"}.

    `family` "auto" makes manual campaigns up to `manual_ends`, an unconfirmed date; "manual" and "smart_plus"
    force one family for the objectives that have both. `ads_per_adset` is the account's limit for an ad
    group; `wire` replaces the connection to `api_url`.
    """

    platform = PLATFORM
    levels: tuple[Level, ...] = (Level.CAMPAIGN, Level.ADSET, Level.AD)
    budget_level = Level.ADSET
    # TikTok ads show one text, neither headline nor description.
    copy_limits = CopyLimits(primary_text=100, headline=40, description=30, emoji=False, shows_parts=False)
    account_seconds = 3600  # describing it takes three calls
    has_end_times = True
    needs_category_declaration = False
    edits_copies = False

    def __init__(
        self,
        app: Callable[[], Mapping[str, Any]],
        media: MediaClient,
        *,
        api_url: str = "https://business-api.tiktok.com/open_api/v1.3",
        timeout_seconds: float = 30,
        family: FamilySetting = "auto",
        manual_ends: date = facts.MANUAL_CREATION_ENDS,
        today: Callable[[], date] = _today,
        ads_per_adset: int = facts.ADS_PER_ADSET,
        wire: TikTokWire | None = None,
        calls: Calls | None = None,
    ) -> None:
        self._app = app
        self._wire = wire or TikTokWire(api_url, timeout_seconds, calls)
        self._files = TikTokFiles(self._wire, media)
        self._echoes = Echoes()
        self._objects = TikTokObjects(self._wire, self._echoes, family)
        self._creation = TikTokCreation(self._wire, self._echoes)
        self._budgets = TikTokBudgets(self._wire, self._objects)
        self._splits = TikTokSplits(self._wire, self._objects)
        self._setting = family
        self._manual_ends = manual_ends
        self._today = today
        self._ads_per_adset = ads_per_adset

    # --- the account -----------------------------------------------------------------------------------

    @typed_errors(PLATFORM)
    async def describe_account(self, access: Access) -> AdAccount:
        """Read the advertiser, its identities and its pixels."""
        data, identities, pixels = await asyncio.gather(
            self._advertiser(access),
            self._wire.get(access, "read_identity", "identity/get", {"page": 1, "page_size": 100}),
            self._wire.get(access, "read_pixels", "pixel/list", {"page": 1, "page_size": 20}),
        )
        checks.refuse_blocked(data)
        currency = text_of(data["currency"])
        step = known_step(PLATFORM, currency, facts.budget_step(currency))
        return AdAccount(
            platform_account_id=access.platform_account_id,
            currency=currency,
            time_zone=zone_of(data.get("display_timezone") or data["timezone"]),
            budget_step=step,
            min_daily_budget=checks.floor_of_adset(currency),
            facts=self._account_facts(access.platform_account_id, identities, pixels),
        )

    @typed_errors(PLATFORM)
    async def check_account(self, access: Access) -> None:
        checks.refuse_blocked(await self._advertiser(access))

    async def _advertiser(self, access: Access) -> facts.Params:
        """Read the entry of the account. Raises AccountError (1004) when its token does not see it."""
        advertiser_id = access.platform_account_id
        asked: facts.Params = {"advertiser_ids": [advertiser_id], "fields": _ACCOUNT_FIELDS}
        info = await self._wire.get(access, "read_account", "advertiser/info", asked)
        if found := listed(info, "list"):
            return dict(found[0])
        raise AccountError(f"tiktok: the account {advertiser_id} cannot be seen with its token", code="1004")

    def _account_facts(
        self, account_id: str, identities: Mapping[str, Any], pixels: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Identity, pixel and app: those that the secret names, else the account's only one."""
        known = {text_of(str(item["identity_id"])): item for item in rows_of(identities["identity_list"])}
        found: dict[str, Any] = {
            "identity_ids": list(known),
            "pixel_ids": list(dict.fromkeys(id_of(item["pixel_id"]) for item in rows_of(pixels["pixels"]))),
        }
        settings = with_only_assets(configured(self._app, account_id), found, ("identity", "pixel"))
        chosen = known.get(settings.get("identity_id", ""), {})
        settings.setdefault("identity_type", text_of(chosen.get("identity_type", "CUSTOMIZED_USER")))
        if chosen.get(facts.LENDER):
            settings.setdefault(facts.LENDER, str(chosen[facts.LENDER]))
        app_platform = settings.get("app_platform", "android")
        return {**found, "app_promotion": facts.APP_PROMOTION_TYPES.get(app_platform), **settings}

    def fit_ages(self, age_groups: Sequence[AgeGroup]) -> list[AgeGroup]:
        """Return the groups as whole age buckets. Raises InvalidRequestError for one that fills none."""
        return requests.fit_ages(age_groups)

    def check(self, spec: CreateCampaign, account: AdAccount) -> list[str]:
        goal = facts.GOALS[spec.objective]
        family = self._family(spec.objective)
        checks.require(account, "identity")
        if goal.needs:
            checks.require(account, goal.needs)
        checks.check_categories(spec)
        checks.check_countries(spec)
        checks.check_ages(spec)
        checks.check_names(spec)
        checks.check_budget(spec, account)
        checks.check_bid(spec, account)
        checks.check_size(spec, family, self._ads_per_adset)
        options = check_options(spec, rules(spec.objective), account, clock.now())
        return [*checks.warnings_for(spec, account, family, self._today(), self._manual_ends), *options]

    def _family(self, objective: Objective) -> facts.Family:
        """The family that creates a campaign of this objective today."""
        if self._setting == "auto" or objective not in facts.SMART_PLUS_OBJECTIVES:
            return facts.family_of(objective, self._today(), self._manual_ends)
        return self._setting

    # --- files -----------------------------------------------------------------------------------------

    def check_creatives(self, spec: CreateCampaign, creatives: Sequence[Creative]) -> None:
        """Refuse nothing: images and videos serve every objective."""

    def keywords_of(self, objective: Objective, creatives: Sequence[Creative]) -> list[Keyword]:
        return []

    @typed_errors(PLATFORM)
    async def upload(self, access: Access, creative: Creative, known: str | None) -> str:
        """Return JSON {"image_id"} or {"video_id", "image_id"}, the image being the video's cover."""
        return known or await self._files.upload(access, creative)

    # --- creating --------------------------------------------------------------------------------------

    @typed_errors(PLATFORM)
    async def create_campaign(self, access: Access, plan: CampaignPlan, account: AdAccount) -> Outcome:
        return await self._creation.campaign(access, plan, account, self._family(plan.objective))

    @typed_errors(PLATFORM)
    async def create_adsets(
        self,
        access: Access,
        plan: CampaignPlan,
        account: AdAccount,
        campaign_id: str,
        adsets: Sequence[AdSetPlan],
    ) -> list[Outcome]:
        family = self._family(plan.objective)
        return await self._creation.adsets(access, plan, account, family, campaign_id, adsets)

    @typed_errors(PLATFORM)
    async def create_ads(
        self,
        access: Access,
        plan: CampaignPlan,
        account: AdAccount,
        campaign_id: str,
        orders: Sequence[AdOrder],
        creatives: Sequence[CreativeOrder] = (),
    ) -> list[Outcome]:
        family = self._family(plan.objective)
        if plan.is_addition:  # to a campaign that may be of the other one
            families = await self._objects.by_family(access, [campaign_id], plan.objective)
            family = next(iter(families), family)
        return await self._creation.ads(access, plan, account, family, campaign_id, orders)

    # --- reading ---------------------------------------------------------------------------------------

    @typed_errors(PLATFORM)
    async def find(
        self, access: Access, level: Level, names: Sequence[str], campaign_id: str | None
    ) -> dict[str, list[str]]:
        return await self._objects.find(access, level, names, campaign_id)

    @typed_errors(PLATFORM)
    async def list_campaigns(self, access: Access, account: AdAccount) -> list[FoundCampaign]:
        return await self._objects.campaigns(access)

    @typed_errors(PLATFORM)
    async def campaign_names(self, access: Access) -> dict[str, str]:
        return await self._objects.campaign_names(access)

    @typed_errors(PLATFORM)
    async def read_tree(
        self, access: Access, campaign_id: str, currency: str, *, depth: Depth = "whole"
    ) -> Tree:
        return await self._objects.read_tree(access, campaign_id, depth=depth)

    @typed_errors(PLATFORM)
    async def read_trees(self, access: Access, campaign_ids: Sequence[str], currency: str) -> Trees:
        return await self._objects.read_trees(access, campaign_ids)

    @typed_errors(PLATFORM)
    async def read_daily(
        self,
        access: Access,
        level: Level,
        campaign_ids: Sequence[str],
        since: date,
        until: date,
        objective: str,
    ) -> list[DailyInsight]:
        check_window(since, until)
        families: dict[facts.Family, list[str]] = {"manual": list(campaign_ids)}
        if level is Level.AD:  # Smart+ ads are reported under ids of their own
            families = await self._objects.by_family(access, campaign_ids, Objective(objective))
        goal = facts.GOALS[Objective(objective)]
        orders = [
            ReportOrder(level, dimension_of(level, family), some, first, last, goal)
            for family, members in families.items()
            for some in chunks(members, facts.IDS_PER_FILTER)
            for first, last in windows(since, until, DAYS_PER_REPORT)
        ]
        reports = await asyncio.gather(
            *(
                self._wire.get_all(access, "insights", "report/integrated/get", report_params(order))
                for order in orders
            )
        )
        return distinct_insights(
            insight_of_row(row, order) for order, rows in zip(orders, reports, strict=True) for row in rows
        )

    # --- changing --------------------------------------------------------------------------------------

    @typed_errors(PLATFORM)
    async def set_status(
        self, access: Access, level: Level, ids: Sequence[str], status: str
    ) -> list[Outcome]:
        self._echoes.forget()
        return await self._objects.set_status(access, level, ids, status)

    @typed_errors(PLATFORM)
    async def set_budgets(
        self, access: Access, account: AdAccount, level: Level, budgets: Mapping[str, Decimal]
    ) -> list[BudgetOutcome]:
        """New budgets hold at once, or from the next account day if under 105 % of today's spend."""
        self._echoes.forget()
        change = partial(self._budgets.set, access, level)
        return await set_budgets(PLATFORM, account, level, budgets, change)

    @typed_errors(PLATFORM)
    async def remove(self, access: Access, level: Level, ids: Sequence[str]) -> list[Outcome]:
        self._echoes.forget()
        return await self._objects.remove(access, level, ids)

    def fit_texts(self, objective: Objective, texts: GivenTexts) -> GivenTexts:
        return fit_texts(texts, rules(objective))

    def check_texts(self, objective: Objective, texts: Sequence[GivenTexts]) -> list[str]:
        return check_texts(texts, rules(objective))

    def lines_of(self, objective: Objective, copy: AdCopy) -> Copy | None:
        """Return None: other texts are another ad here, as its review begins anew."""
        return None

    def check_setting(
        self, setting: Setting, before: Bidding | None, objective: Objective, account: AdAccount
    ) -> None:
        check_setting(setting, before, objective, account, rules(objective), clock.now())

    @typed_errors(PLATFORM)
    async def change_setting(
        self,
        access: Access,
        account: AdAccount,
        objective: Objective,
        level: Level,
        ids: Sequence[str],
        setting: Setting,
    ) -> list[Outcome]:
        self._echoes.forget()
        return await self._objects.change_setting(access, level, ids, of_campaign(setting))

    # --- split tests -----------------------------------------------------------------------------------

    @typed_errors(PLATFORM)
    async def create_split(self, access: Access, account: AdAccount, order: SplitOrder) -> str | None:
        """Split exactly two manual ad groups, keeping their budgets; None for others."""
        self._echoes.forget()
        return await self._splits.create(access, order)

    @typed_errors(PLATFORM)
    async def end_split(self, access: Access, account: AdAccount, split_id: str) -> None:
        self._echoes.forget()
        await self._splits.end(access, split_id)
