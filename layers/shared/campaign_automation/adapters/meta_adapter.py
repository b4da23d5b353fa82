"""Meta Marketing API v26.0 through facebook-business."""

from __future__ import annotations

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
from campaign_automation.adapters.common.ages import open_end_warnings
from campaign_automation.adapters.common.budgets import Amounts, BudgetOutcomes, budget_outcome, set_budgets
from campaign_automation.adapters.common.listings import found_campaigns, ids_by_name, names_by_id
from campaign_automation.adapters.common.options.rules import check_options, check_texts, fit_texts
from campaign_automation.adapters.common.options.settings import check_setting, of_campaign
from campaign_automation.adapters.common.outcomes import is_gone, with_gone_removed
from campaign_automation.adapters.common.reading import (
    amount_of,
    text_of,
    typed_errors,
    zone_of,
)
from campaign_automation.adapters.common.refusals import require_asset
from campaign_automation.adapters.limits.calls import Calls
from campaign_automation.adapters.meta import facts
from campaign_automation.adapters.meta.ads import MetaAds
from campaign_automation.adapters.meta.answers import (
    DELETED,
    MISSING,
    found,
    ids_of,
)
from campaign_automation.adapters.meta.facts import NAME, PLATFORM
from campaign_automation.adapters.meta.files import MetaFiles
from campaign_automation.adapters.meta.options.bidding import campaign_params
from campaign_automation.adapters.meta.options.rules import rules
from campaign_automation.adapters.meta.reader import EDGES, MetaReader
from campaign_automation.adapters.meta.requests import (
    adset_params,
    check_categories,
    check_countries,
    check_dsa,
    countries_of,
    dsa_warnings,
    refuse_blocked,
    require_app,
    setting_params,
    version_warnings,
)
from campaign_automation.adapters.meta.studies import MetaStudies
from campaign_automation.adapters.meta.wire import Call, MetaWire, Send
from campaign_automation.adapters.tree import Depth, Tree, Trees
from campaign_automation.clients.media_client import MediaClient
from campaign_automation.models.accounts import FoundCampaign
from campaign_automation.models.campaigns import AdCopy, AdSetPlan, CampaignPlan, CreateCampaign, Creative
from campaign_automation.models.common import AdAccount, AgeGroup, Level, Objective
from campaign_automation.models.creation.options import GivenTexts, Keyword
from campaign_automation.models.creation.settings import Bidding, Copy, Setting
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import (
    PlatformError,
)
from campaign_automation.utils.money import to_units


class MetaAdapter:
    """The contract of adapters/base.py. `app` gives {"app_id", "app_secret", "accounts"?}, where
    accounts maps an account id to {"page_id", "pixel_id", "application_id", "object_store_url",
    "business_id"}."""

    platform = PLATFORM
    levels: tuple[Level, ...] = (Level.CAMPAIGN, Level.ADSET, Level.CREATIVE, Level.AD)
    budget_level = Level.ADSET
    # The text shown before "see more"; longer text is accepted and cut. Source: ads guide, by third parties.
    copy_limits = CopyLimits(primary_text=125, headline=40, description=30)
    account_seconds = 0
    has_end_times = True
    needs_category_declaration = True
    edits_copies = False

    def __init__(
        self,
        app: Callable[[], Mapping[str, Any]],
        media: MediaClient,
        *,
        graph_url: str = "https://graph.facebook.com",
        api_version: str = facts.API_VERSION,
        timeout_seconds: float = 30,
        calls: Calls | None = None,
    ) -> None:
        self._app = app
        self._version = api_version
        self._wire = MetaWire(app, graph_url, api_version, timeout_seconds, calls)
        self._reader = MetaReader(self._wire)
        self._studies = MetaStudies(self._wire)
        self._files = MetaFiles(self._wire, media)
        self._ads = MetaAds(self._wire)

    # --- the account -----------------------------------------------------------------------------------

    @typed_errors(PLATFORM)
    async def describe_account(self, access: Access) -> AdAccount:
        data = await self._wire.get(access, "read_account", access.platform_account_id, facts.ACCOUNT_FIELDS)
        refuse_blocked(data)
        currency = text_of(data["currency"])
        step = known_step(PLATFORM, currency, facts.budget_step(currency))
        return AdAccount(
            platform_account_id=access.platform_account_id,
            currency=currency,
            time_zone=zone_of(data["timezone_name"]),
            budget_step=step,
            min_daily_budget=amount_of(data["min_daily_budget"]) * step,
            facts=self._account_facts(access.platform_account_id, data),
        )

    @typed_errors(PLATFORM)
    async def check_account(self, access: Access) -> None:
        fields = "account_status,disable_reason"
        refuse_blocked(await self._wire.get(access, "read_account", access.platform_account_id, fields))

    def _account_facts(self, account_id: str, data: Mapping[str, Any]) -> dict[str, Any]:
        """Page, pixel and app: those that the secret names, else the account's only one."""
        found: dict[str, Any] = {
            "page_ids": ids_of(data.get("promote_pages", MISSING)),
            "pixel_ids": ids_of(data.get("adspixels", MISSING)),
            "dsa_beneficiary": data.get("default_dsa_beneficiary"),
            "dsa_payor": data.get("default_dsa_payor"),
        }
        return {**found, **with_only_assets(configured(self._app, account_id), found, ("page", "pixel"))}

    def fit_ages(self, age_groups: Sequence[AgeGroup]) -> list[AgeGroup]:
        """The groups as they are: Meta takes any ages from 13 to 65, where 65 means 65 and older."""
        return list(age_groups)

    def check(self, spec: CreateCampaign, account: AdAccount) -> list[str]:
        goal = facts.GOALS[spec.objective]
        kinds = ("page", "pixel") if goal.promoted == "pixel" else ("page",)
        for kind in kinds:
            require_asset(PLATFORM, NAME, account, kind, f"{kind}s")
        if goal.promoted == "app":
            require_app(account)
        undeclared = check_categories(spec)
        check_countries(spec)
        check_dsa(spec, account)
        return [
            *undeclared,
            *check_options(spec, rules(self.copy_limits, spec.objective), account, clock.now()),
            *open_end_warnings(PLATFORM, spec.age_groups),
            *dsa_warnings(spec, account),
            *version_warnings(self._version, clock.now().date()),
        ]

    def check_creatives(self, spec: CreateCampaign, creatives: Sequence[Creative]) -> None:
        """Refuse nothing: images and videos serve every objective."""

    def keywords_of(self, objective: Objective, creatives: Sequence[Creative]) -> list[Keyword]:
        return []

    @typed_errors(PLATFORM)
    async def upload(self, access: Access, creative: Creative, known: str | None) -> str:
        return await self._files.upload(access, creative, known)

    # --- creating --------------------------------------------------------------------------------------

    @typed_errors(PLATFORM)
    async def create_campaign(self, access: Access, plan: CampaignPlan, account: AdAccount) -> Outcome:
        params = {
            "name": plan.name,
            "objective": facts.GOALS[plan.objective].objective,
            "status": "PAUSED",
            "buying_type": "AUCTION",
            "special_ad_categories": plan.special_ad_categories,
            # Mandatory without a campaign budget; true would let Meta move money between ad sets.
            "is_adset_budget_sharing_enabled": False,
        }
        if plan.special_ad_categories:
            params["special_ad_category_country"] = countries_of(plan)
        return await self._create(access, Level.CAMPAIGN, plan.tag, params)

    @typed_errors(PLATFORM)
    async def create_adsets(
        self,
        access: Access,
        plan: CampaignPlan,
        account: AdAccount,
        campaign_id: str,
        adsets: Sequence[AdSetPlan],
    ) -> list[Outcome]:
        """One request per ad set: a batch may not hold several ad sets of the same campaign."""
        path = (access.platform_account_id, EDGES[Level.ADSET])
        calls: dict[str, Call] = {
            adset.tag: ("POST", path, adset_params(plan, account, campaign_id, adset)) for adset in adsets
        }
        return await self._wire.send_apart(access, "create_adset", calls)

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
        return await self._ads.create(access, plan, account, orders, creatives)

    async def _create(self, access: Access, level: Level, tag: str, params: facts.Params) -> Outcome:
        call = ("POST", (access.platform_account_id, EDGES[level]), params)
        return await self._wire.send(access, f"create_{level}", tag, call)

    # --- looking ---------------------------------------------------------------------------------------

    @typed_errors(PLATFORM)
    async def find(
        self, access: Access, level: Level, names: Sequence[str], campaign_id: str | None
    ) -> dict[str, list[str]]:
        parent = access.platform_account_id
        if level in (Level.ADSET, Level.AD) and campaign_id:
            parent = campaign_id
        items = await self._reader.children(access, level, parent, names)
        return ids_by_name(((item["name"], item.get("id")) for item in items), set(names))

    @typed_errors(PLATFORM)
    async def list_campaigns(self, access: Access, account: AdAccount) -> list[FoundCampaign]:
        params = {"fields": facts.FOUND_FIELDS, "limit": facts.SHORT_ROWS}
        parent = access.platform_account_id
        rows = await self._wire.get_all(access, "list_campaigns", parent, EDGES[Level.CAMPAIGN], params)
        return found_campaigns(rows, partial(found, step=account.budget_step))

    @typed_errors(PLATFORM)
    async def campaign_names(self, access: Access) -> dict[str, str]:
        items = await self._reader.children(access, Level.CAMPAIGN, access.platform_account_id, ())
        return names_by_id(items, lambda item: (item["id"], item["name"]))

    @typed_errors(PLATFORM)
    async def read_tree(
        self, access: Access, campaign_id: str, currency: str, *, depth: Depth = "whole"
    ) -> Tree:
        return await self._reader.tree(access, campaign_id, currency, depth=depth)

    @typed_errors(PLATFORM)
    async def read_trees(self, access: Access, campaign_ids: Sequence[str], currency: str) -> Trees:
        return await self._reader.trees(access, campaign_ids, currency)

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
        return await self._reader.daily(access, level, campaign_ids, since, until, objective)

    # --- changing --------------------------------------------------------------------------------------

    @typed_errors(PLATFORM)
    async def set_status(
        self, access: Access, level: Level, ids: Sequence[str], status: str
    ) -> list[Outcome]:
        calls: dict[str, Call] = {item: ("POST", (item,), {"status": status.upper()}) for item in ids}
        return await self._sender(level)(access, f"update_{level}", calls)

    def _sender(self, level: Level) -> Send:
        """Return the way to send changes: a batch may not hold several ad sets of the same campaign."""
        return self._wire.send_apart if level is Level.ADSET else self._wire.send_all

    @typed_errors(PLATFORM)
    async def set_budgets(
        self, access: Access, account: AdAccount, level: Level, budgets: Mapping[str, Decimal]
    ) -> list[BudgetOutcome]:
        """New budgets hold at once. The level that does not own the budget is refused (100/1885621)."""
        change = partial(self._change_budgets, access, account.budget_step, level)
        return await set_budgets(PLATFORM, account, level, budgets, change)

    async def _change_budgets(
        self, access: Access, step: Decimal, level: Level, amounts: Amounts
    ) -> BudgetOutcomes:
        calls: dict[str, Call] = {
            item: ("POST", (item,), {"daily_budget": to_units(amount, step)})
            for item, amount in amounts.items()
        }
        outcomes = await self._sender(level)(access, f"update_{level}", calls)
        return {outcome.tag: budget_outcome(outcome, "now") for outcome in outcomes}

    def fit_texts(self, objective: Objective, texts: GivenTexts) -> GivenTexts:
        return fit_texts(texts, rules(self.copy_limits, objective))

    def check_texts(self, objective: Objective, texts: Sequence[GivenTexts]) -> list[str]:
        return check_texts(texts, rules(self.copy_limits, objective))

    def lines_of(self, objective: Objective, copy: AdCopy) -> Copy | None:
        """Return None: an ad keeps its creative, so that other texts are another ad."""
        return None

    def check_setting(
        self, setting: Setting, before: Bidding | None, objective: Objective, account: AdAccount
    ) -> None:
        known = rules(self.copy_limits, objective)
        check_setting(setting, before, objective, account, known, clock.now())

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
        if isinstance(setting, Bidding) and level is Level.CAMPAIGN:
            return [await self._change_campaign_bidding(access, account, item, setting) for item in ids]
        params = setting_params(of_campaign(setting), account.budget_step)
        calls: dict[str, Call] = {item: ("POST", (item,), params) for item in ids}
        return await self._sender(level)(access, f"update_{level}", calls)

    async def _change_campaign_bidding(
        self, access: Access, account: AdAccount, campaign_id: str, bidding: Bidding
    ) -> Outcome:
        adsets = await self._reader.children(access, Level.ADSET, campaign_id, ())
        params = campaign_params(bidding, ids_of({"data": adsets}), account.budget_step)
        return await self._wire.send(access, "update_campaign", campaign_id, ("POST", (campaign_id,), params))

    @typed_errors(PLATFORM)
    async def remove(self, access: Access, level: Level, ids: Sequence[str]) -> list[Outcome]:
        calls: dict[str, Call] = {item: ("DELETE", (item,), {}) for item in ids}
        outcomes = await self._sender(level)(access, f"delete_{level}", calls)
        # Meta has one answer for what is missing and what the token may not see.
        doubtful = [item.tag for item in outcomes if is_gone(item.error)]
        shown = {item: await self._is_deleted(access, level, item) for item in doubtful}
        return with_gone_removed(outcomes, lambda item: shown.get(item.tag, False))

    async def _is_deleted(self, access: Access, level: Level, platform_id: str) -> bool:
        """Return whether Meta shows the object as deleted, which it goes on to do by id."""
        try:
            data = await self._wire.get(access, f"read_{level}", platform_id, "status")
        except PlatformError:
            return False
        return data.get("status") in DELETED

    # --- split tests -----------------------------------------------------------------------------------

    @typed_errors(PLATFORM)
    async def create_split(self, access: Access, account: AdAccount, order: SplitOrder) -> str | None:
        """An ad study; None for an account without a business and for more cells than a study holds."""
        return await self._studies.create(access, account, order)

    @typed_errors(PLATFORM)
    async def end_split(self, access: Access, account: AdAccount, split_id: str) -> None:
        await self._studies.end(access, split_id)
