"""Google Ads API v26 through google-ads: one campaign with one budget, cells as ad groups."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
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
    Tree,
    budget_outcome,
    check_window,
    failed,
    wrong_amounts,
    wrong_level,
)
from campaign_automation.adapters.google import answers, checks, facts, pictures, queries, requests
from campaign_automation.adapters.google.errors import PLATFORM, unavailable
from campaign_automation.adapters.google.requests import Operation, enum_name
from campaign_automation.adapters.google.wire import GoogleWire
from campaign_automation.clients.media_client import MediaClient
from campaign_automation.models.campaigns import AdSetPlan, CampaignPlan, CreateCampaign, Creative
from campaign_automation.models.common import AdAccount, AgeGroup, Level
from campaign_automation.utils.error_handler import AccountError, CampaignAutomationError, PlatformError

_DUPLICATE_NAMES = ("campaign_error.DUPLICATE_CAMPAIGN_NAME", "ad_group_error.DUPLICATE_ADGROUP_NAME")
_ALREADY_REMOVED = "operation_access_denied_error.OPERATION_NOT_PERMITTED_FOR_REMOVED_RESOURCE"
_ECHO_SECONDS = 300
_ECHOES = 200


@dataclass
class _Echo:
    """What Google said it stored while a campaign was created. It stands in for reading criteria and budget
    once, right after the creation."""

    daily_budget: Decimal
    countries: list[str]
    ages: dict[str, AgeGroup] = field(default_factory=dict)
    since: float = field(default_factory=time.monotonic)

    def is_fresh(self) -> bool:
        return time.monotonic() - self.since < _ECHO_SECONDS


class GoogleAdapter:
    """The contract of adapters/base.py. `app` gives {"login_customer_id"?, "developer_token"?, "accounts"?},
    where accounts maps a customer id to {"business_name", "logo_url"} for Demand Gen and {"app_id",
    "app_store"?} for app campaigns.

    `endpoint` is "host:port" with TLS, "http://host:port" without (a sandbox), None for Google itself.
    """

    platform = PLATFORM
    levels: tuple[Level, ...] = (Level.CAMPAIGN, Level.ADSET, Level.AD)
    budget_level = Level.CAMPAIGN
    copy_limits = CopyLimits(90, 30, 90, headlines=5, descriptions=3, emoji=False, wide_counts_double=True)
    account_seconds = 0
    has_end_times = True

    def __init__(
        self,
        app: Callable[[], Mapping[str, Any]],
        media: MediaClient,
        *,
        endpoint: str | None = None,
        timeout_seconds: float = 30,
    ) -> None:
        self._app = app
        self._media = media
        self._wire = GoogleWire(app, endpoint, timeout_seconds)
        self._echoes: dict[str, _Echo] = {}

    # --- the account -----------------------------------------------------------------------------------

    async def describe_account(self, access: Access) -> AdAccount:
        rows = await self._wire.search(access, "read_account", queries.ACCOUNT)
        if not rows:
            raise AccountError(f"google: no account {access.platform_account_id}", code="1004")
        customer = rows[0].customer
        checks.refuse_blocked(enum_name(customer, "status"))
        step = facts.budget_step(customer.currency_code)
        if step is None:
            words = f"google: the account's currency {customer.currency_code} is not known here"
            raise AccountError(words, code="4005", platform=PLATFORM)
        tracking = enum_name(customer.conversion_tracking_setting, "conversion_tracking_status")
        return AdAccount(
            platform_account_id=access.platform_account_id,
            currency=customer.currency_code,
            time_zone=customer.time_zone,
            budget_step=step,
            min_daily_budget=step,  # an ad group has no budget: any share of the campaign's will do
            facts={"conversion_tracking": tracking, **self._configured(access.platform_account_id)},
        )

    def _configured(self, customer_id: str) -> Mapping[str, Any]:
        accounts: Mapping[str, Mapping[str, Any]] = self._app().get("accounts", {})
        return accounts.get(customer_id, {})

    def fit_ages(self, age_groups: Sequence[AgeGroup]) -> list[AgeGroup]:
        return requests.fit_ages(age_groups)

    def check(self, spec: CreateCampaign, account: AdAccount) -> list[str]:
        checks.check_declaration(spec.eu_political_advertising)
        checks.check_targeting(spec)
        checks.check_categories(spec)
        checks.check_activation(spec)
        checks.check_channel(spec, account)
        return list(checks.warnings_for(spec, account))

    # --- files -----------------------------------------------------------------------------------------

    def check_creatives(self, spec: CreateCampaign, creatives: Sequence[Creative]) -> None:
        checks.check_creatives(spec, creatives)

    async def upload(self, access: Access, creative: Creative, known: str | None) -> str:
        """Nothing yet: only Demand Gen ads show files, and `create_ads` uploads what these need. Google keeps
        them under a name of ours, so each is uploaded once."""
        return known or ""

    async def _picture_assets(
        self, access: Access, orders: Sequence[AdOrder], logo_url: str
    ) -> dict[str, str]:
        """ "<field> <asset>" of each creative's file and of the logo, by URL."""
        urls = list(dict.fromkeys([logo_url, *(order.creative.creative.file_url for order in orders)]))
        found = await self._find_assets(access, urls)
        missing = [url for url in urls if url not in found]
        if missing:
            await self._upload_pictures(access, missing, logo_url)
            found |= await self._find_assets(access, missing)
        if len(found) < len(urls):
            raise unavailable("google: an uploaded picture cannot be found yet")
        return found

    async def _find_assets(self, access: Access, urls: Sequence[str]) -> dict[str, str]:
        names = {pictures.asset_name(url): url for url in urls}
        found = {}
        for row in await self._wire.search(access, "list_images", queries.images_by_name(names)):
            size = row.asset.image_asset.full_size
            frame = pictures.frame_of(size.width_pixels, size.height_pixels) or facts.LOGO
            found[names[row.asset.name]] = f"{frame.field} {row.asset.resource_name}"
        return found

    async def _upload_pictures(self, access: Access, urls: Sequence[str], logo_url: str) -> None:
        """As many pictures in one request as a message can hold. Sending one twice makes nothing new."""
        waiting: list[Operation] = []
        held = 0
        for url in urls:
            content = await self._media.fetch(url)
            pictures.check_picture(content, url, is_logo=url == logo_url)
            if held + len(content) > facts.UPLOAD_BYTES:
                await self._wire.mutate(access, "upload_image", waiting)
                waiting, held = [], 0
            waiting.append(requests.image_operation(pictures.asset_name(url), content))
            held += len(content)
        await self._wire.mutate(access, "upload_image", waiting)

    # --- creating --------------------------------------------------------------------------------------

    async def create_campaign(self, access: Access, plan: CampaignPlan, account: AdAccount) -> Outcome:
        """Budget, campaign and locations, all or nothing."""
        customer_id = access.platform_account_id
        is_political = checks.check_declaration(plan.eu_political_advertising)
        operations = requests.campaign_operations(customer_id, plan, account, is_political)
        try:
            response = await self._wire.mutate(access, "create_campaign", operations)
        except PlatformError as error:
            return (await self._resolved(access, Level.CAMPAIGN, {plan.tag: plan.name}, None, error))[0]
        campaign_id = answers.created_ids(response, "campaign")[0]
        self._remember(campaign_id, response)
        return Outcome(plan.tag, campaign_id)

    async def create_adsets(
        self,
        access: Access,
        plan: CampaignPlan,
        account: AdAccount,
        campaign_id: str,
        adsets: Sequence[AdSetPlan],
    ) -> list[Outcome]:
        """Ad groups and the ages they leave out, all or nothing."""
        customer_id = access.platform_account_id
        operations = requests.ad_group_operations(customer_id, plan, campaign_id, adsets)
        try:
            response = await self._wire.mutate(access, "create_adset", operations)
        except PlatformError as error:
            names = {adset.tag: adset.name for adset in adsets}
            return await self._resolved(access, Level.ADSET, names, campaign_id, error)
        ids = answers.created_ids(response, "ad_group")
        echo = self._echoes.get(campaign_id)
        if echo:
            echo.ages |= answers.echoed_ages(response, ids) or {}
        return [Outcome(adset.tag, item) for adset, item in zip(adsets, ids, strict=True)]

    async def create_creatives(
        self, access: Access, plan: CampaignPlan, account: AdAccount, orders: Sequence[CreativeOrder]
    ) -> list[Outcome]:
        """Google has no creative objects; the contents stand in the ads."""
        return []

    async def create_ads(
        self,
        access: Access,
        plan: CampaignPlan,
        account: AdAccount,
        campaign_id: str,
        orders: Sequence[AdOrder],
    ) -> list[Outcome]:
        """Ads and keywords, all or nothing; Demand Gen's pictures before them."""
        channel, app = facts.GOALS[plan.objective].channel, account.facts
        try:
            assets: dict[str, str] = {}
            if channel == facts.DEMAND_GEN:
                assets = await self._picture_assets(access, orders, str(app["logo_url"]))
            operations = requests.ad_operations(access.platform_account_id, channel, orders, assets, app)
            response = await self._wire.mutate(access, "create_ad", operations)
        except CampaignAutomationError as error:
            return [Outcome(order.tag, error=error) for order in orders]
        ids = answers.created_ids(response, "ad_group_ad")
        return [Outcome(order.tag, item) for order, item in zip(orders, ids, strict=True)]

    async def _resolved(
        self,
        access: Access,
        level: Level,
        names: Mapping[str, str],
        campaign_id: str | None,
        error: PlatformError,
    ) -> list[Outcome]:
        """A name of ours that is taken proves that an earlier try, whose answer was lost, worked."""
        if error.details.get("platform_code") in _DUPLICATE_NAMES:
            found = await self.find(access, level, list(names.values()), campaign_id)
            if all(name in found for name in names.values()):
                return [Outcome(tag, found[name][0]) for tag, name in names.items()]
        return [Outcome(tag, error=error) for tag in names]

    def _remember(self, campaign_id: str, response: Any) -> None:
        stored = answers.echoed_campaign(response)
        if stored:
            self._echoes[campaign_id] = _Echo(*stored)
        while len(self._echoes) > _ECHOES:
            del self._echoes[next(iter(self._echoes))]

    # --- looking ---------------------------------------------------------------------------------------

    async def find(
        self, access: Access, level: Level, names: Sequence[str], campaign_id: str | None
    ) -> dict[str, list[str]]:
        """Campaigns and ad groups by exact name; ads, which have none, by our tag at the end of it."""
        if level is Level.AD:
            return await self._find_ads(access, names, campaign_id)
        query = queries.by_name(level, names, campaign_id)
        found: dict[str, list[str]] = {}
        for row in await self._wire.search(access, f"list_{level}s", query):
            item = getattr(row, queries.KINDS[level])
            found.setdefault(item.name, []).append(str(item.id))
        return {name: found[name] for name in names if name in found}

    async def _find_ads(
        self, access: Access, names: Sequence[str], campaign_id: str | None
    ) -> dict[str, list[str]]:
        """An app campaign's ad takes no URL and so no tag; it is alone in its campaign."""
        by_tag = {name.rpartition(" ")[2]: name for name in names}
        found: dict[str, list[str]] = {}
        for row in await self._wire.search(access, "list_ads", queries.ads_with_tags(campaign_id)):
            is_app = enum_name(row.campaign, "advertising_channel_type") == facts.APP
            is_lone = is_app and campaign_id is not None and len(names) == 1
            name = names[0] if is_lone else by_tag.get(answers.tag_of(row))
            if name:
                found.setdefault(name, []).append(answers.ad_id(row))
        return found

    async def read_tree(self, access: Access, campaign_id: str, currency: str) -> Tree:
        """One query right after the creation, when what Google stored is still known from its answers; else
        five, since budgets and criteria cannot be read together with ads."""
        echo = self._echoes.pop(campaign_id, None)
        if echo and echo.is_fresh():
            tree = _tree_of_echo(echo, await self._query(access, campaign_id, queries.ADS))
            if tree:
                return tree
        return await self._read_whole_tree(access, campaign_id)

    async def _read_whole_tree(self, access: Access, campaign_id: str) -> Tree:
        asked = (queries.CAMPAIGN, queries.AD_GROUPS, queries.ADS, queries.LOCATIONS, queries.AGES)
        campaigns, groups, ads, places, ages = await asyncio.gather(
            *(self._query(access, campaign_id, query) for query in asked)
        )
        if not campaigns:
            raise answers.gone(campaign_id)
        stored = answers.Stored(
            facts.from_micros(campaigns[0].campaign_budget.amount_micros),
            answers.countries_of(row.campaign_criterion.location.geo_target_constant for row in places),
            answers.ages_of(ages),
        )
        return _tree(campaigns[0], groups, ads, stored)

    async def _query(self, access: Access, campaign_id: str, query: str) -> list[Any]:
        return await self._wire.search(access, "read_campaign", queries.of_campaign(query, campaign_id))

    async def read_daily(
        self,
        access: Access,
        level: Level,
        campaign_ids: Sequence[str],
        since: date,
        until: date,
        objective: str,
    ) -> list[DailyInsight]:
        """Google's `conversions` are those of the account's primary actions, whatever the objective."""
        check_window(since, until)
        if not campaign_ids:
            return []
        query = queries.daily_figures(level, campaign_ids, since, until)
        rows = await self._wire.search(access, "insights", query)
        return [answers.insight_of_row(row, level) for row in rows]

    # --- changing --------------------------------------------------------------------------------------

    async def set_status(
        self, access: Access, level: Level, ids: Sequence[str], status: str
    ) -> list[Outcome]:
        customer_id = access.platform_account_id
        operations = [requests.status_operation(customer_id, level, item, status) for item in ids]
        return await self._change(access, f"update_{level}", operations, ids)

    async def set_budgets(
        self, access: Access, account: AdAccount, level: Level, budgets: Mapping[str, Decimal]
    ) -> list[BudgetOutcome]:
        """At once, for campaigns only: one query for their budgets, one mutate. A shared budget is refused,
        since other campaigns spend it, too."""
        if level is not Level.CAMPAIGN:
            words = f"an {level} has no budget: it spends its campaign's"
            return list(wrong_level(PLATFORM, level, budgets, words).values())
        outcomes = wrong_amounts(PLATFORM, account, budgets)
        asked = [item for item in budgets if item not in outcomes]
        try:
            rows = await self._wire.search(access, "read_budget", queries.budgets_of(asked)) if asked else []
        except PlatformError as error:
            return [outcomes.get(item) or budget_outcome(failed(item, error), "now") for item in budgets]
        outcomes |= answers.budget_refusals(rows, asked)
        operations = {
            str(row.campaign.id): requests.budget_operation(
                row.campaign.campaign_budget, budgets[str(row.campaign.id)]
            )
            for row in rows
            if str(row.campaign.id) not in outcomes
        }
        changed = await self._change(access, "update_campaign", list(operations.values()), list(operations))
        for outcome in changed:
            self._echoes.pop(outcome.tag, None)
            outcomes[outcome.tag] = budget_outcome(outcome, "now")
        return [outcomes[item] for item in budgets]

    async def remove(self, access: Access, level: Level, ids: Sequence[str]) -> list[Outcome]:
        """A campaign takes its budget along: one that is not shared follows its campaign's status."""
        customer_id = access.platform_account_id
        operations = [requests.remove_operation(customer_id, level, item) for item in ids]
        outcomes = await self._change(access, f"delete_{level}", operations, ids)
        return [
            item._replace(platform_id=item.tag, error=None) if _is_gone(item.error) else item
            for item in outcomes
        ]

    async def create_split(self, access: Access, account: AdAccount, order: SplitOrder) -> str | None:
        """None: Google's experiments compare whole campaigns, and ours holds all ad sets."""
        return None

    async def end_split(self, access: Access, account: AdAccount, split_id: str) -> None:
        """There is none to end."""

    async def lift_end(self, access: Access, platform_id: str) -> Outcome:
        operation = requests.lift_end_operation(access.platform_account_id, platform_id)
        return (await self._change(access, "update_campaign", [operation], [platform_id]))[0]

    async def _change(
        self, access: Access, operation: str, operations: Sequence[Operation], ids: Sequence[str]
    ) -> list[Outcome]:
        """Each object for itself: one that cannot be changed does not hold the others up."""
        if not operations:
            return []
        try:
            response, request_id = await self._wire.mutate_each(access, operation, operations)
        except PlatformError as error:
            return [failed(item, error) for item in ids]
        return answers.outcomes_of(response, ids, request_id)


def _is_gone(error: CampaignAutomationError | None) -> bool:
    if error is None:
        return False
    return error.code == "5000" or error.details.get("platform_code") == _ALREADY_REMOVED


def _tree_of_echo(echo: _Echo, rows: Sequence[Any]) -> Tree | None:
    """None when the answers did not tell everything."""
    groups = {str(row.ad_group.id) for row in rows}
    if not rows or not groups <= echo.ages.keys():
        return None
    return _tree(rows[0], rows, rows, answers.Stored(echo.daily_budget, echo.countries, echo.ages))


def _tree(campaign: Any, groups: Sequence[Any], ads: Sequence[Any], stored: answers.Stored) -> Tree:
    """The same ad group may stand in many of `groups`."""
    distinct = {row.ad_group.id: row for row in groups}
    return Tree(
        campaign=answers.campaign_node(campaign, stored.daily_budget),
        adsets=[answers.adset_node(row, stored) for row in distinct.values()],
        ads=[answers.ad_node(row) for row in ads],
    )
