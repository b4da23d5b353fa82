"""Google Ads API v26 through google-ads: one campaign with one budget, cells as ad groups."""

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
    failed,
)
from campaign_automation.adapters.common.accounts import configured, known_step
from campaign_automation.adapters.common.budgets import Amounts, BudgetOutcomes, budget_outcome, set_budgets
from campaign_automation.adapters.common.listings import found_campaigns, names_by_id
from campaign_automation.adapters.common.options.rules import check_texts, fit_texts
from campaign_automation.adapters.common.outcomes import Looked
from campaign_automation.adapters.common.reading import distinct_insights, typed_errors, zone_of
from campaign_automation.adapters.google import answers, checks, facts, queries, requests
from campaign_automation.adapters.google.facts import PLATFORM
from campaign_automation.adapters.google.files import GoogleFiles
from campaign_automation.adapters.google.messages import enum_name
from campaign_automation.adapters.google.options.changing import GoogleSettings, change_copies, change_each
from campaign_automation.adapters.google.options.rules import rules
from campaign_automation.adapters.google.options.texts import lines_of
from campaign_automation.adapters.google.reading.echo import Echoes
from campaign_automation.adapters.google.reading.reader import GoogleReader
from campaign_automation.adapters.google.wire import GoogleWire
from campaign_automation.adapters.limits.calls import Calls
from campaign_automation.adapters.tree import Depth, Tree, Trees
from campaign_automation.clients.media_client import MediaClient
from campaign_automation.models.accounts import FoundCampaign
from campaign_automation.models.campaigns import AdCopy, AdSetPlan, CampaignPlan, CreateCampaign, Creative
from campaign_automation.models.common import AdAccount, AgeGroup, Level, Objective
from campaign_automation.models.creation.options import GivenTexts, Keyword
from campaign_automation.models.creation.settings import Bidding, Copy, Setting
from campaign_automation.utils.error_handler import AccountError, CampaignAutomationError, PlatformError

_DUPLICATE_NAMES = ("campaign_error.DUPLICATE_CAMPAIGN_NAME", "ad_group_error.DUPLICATE_ADGROUP_NAME")
_ALREADY_REMOVED = "operation_access_denied_error.OPERATION_NOT_PERMITTED_FOR_REMOVED_RESOURCE"


class GoogleAdapter:
    """The contract of adapters/base.py. `app` gives {"login_customer_id"?, "developer_token"?, "accounts"?},
    where accounts maps a customer id to {"business_name", "logo_url"} for Demand Gen and {"app_id",
    "app_store"?} for app campaigns.

    `endpoint` is "host:port" with TLS, "http://host:port" without (a sandbox), None for Google itself.
    """

    platform = PLATFORM
    levels: tuple[Level, ...] = (Level.CAMPAIGN, Level.ADSET, Level.AD)
    budget_level = Level.CAMPAIGN
    copy_limits = CopyLimits(
        90,
        30,
        90,
        headlines=5,
        descriptions=3,
        emoji=False,
        wide_counts_double=True,
        fewest_headlines=3,
        exclamations=1,
    )
    account_seconds = 0
    has_end_times = True
    needs_category_declaration = False
    edits_copies = True

    def __init__(
        self,
        app: Callable[[], Mapping[str, Any]],
        media: MediaClient,
        *,
        endpoint: str | None = None,
        timeout_seconds: float = 30,
        calls: Calls | None = None,
    ) -> None:
        self._app = app
        self._wire = GoogleWire(app, endpoint, timeout_seconds, calls)
        self._files = GoogleFiles(self._wire, media)
        self._echoes = Echoes()
        self._reader = GoogleReader(self._wire, self._echoes)
        self._settings = GoogleSettings(self._wire)

    # --- the account -----------------------------------------------------------------------------------

    @typed_errors(PLATFORM)
    async def describe_account(self, access: Access) -> AdAccount:
        customer = await self._customer(access)
        step = known_step(PLATFORM, customer.currency_code, facts.budget_step(customer.currency_code))
        tracking = enum_name(customer.conversion_tracking_setting, "conversion_tracking_status")
        return AdAccount(
            platform_account_id=access.platform_account_id,
            currency=customer.currency_code,
            time_zone=zone_of(customer.time_zone),
            budget_step=step,
            min_daily_budget=step,  # an ad group has no budget: any share of the campaign's will do
            facts={"conversion_tracking": tracking, **configured(self._app, access.platform_account_id)},
        )

    @typed_errors(PLATFORM)
    async def check_account(self, access: Access) -> None:
        await self._customer(access)

    async def _customer(self, access: Access) -> Any:
        """Read the customer. Raises AccountError when it cannot be seen or cannot advertise."""
        rows = await self._wire.search(access, "read_account", queries.ACCOUNT)
        if not rows:
            raise AccountError(f"google: no account {access.platform_account_id}", code="1004")
        checks.refuse_blocked(enum_name(rows[0].customer, "status"))
        return rows[0].customer

    def fit_ages(self, age_groups: Sequence[AgeGroup]) -> list[AgeGroup]:
        return requests.fit_ages(age_groups)

    def check(self, spec: CreateCampaign, account: AdAccount) -> list[str]:
        checks.check_declaration(spec.eu_political_advertising)
        checks.check_targeting(spec)
        checks.check_categories(spec)
        checks.check_activation(spec)
        checks.check_channel(spec, account)
        return [*checks.warnings_for(spec, account), *checks.check_options(spec, account)]

    # --- files -----------------------------------------------------------------------------------------

    def check_creatives(self, spec: CreateCampaign, creatives: Sequence[Creative]) -> None:
        checks.check_creatives(spec, creatives)

    def keywords_of(self, objective: Objective, creatives: Sequence[Creative]) -> list[Keyword]:
        is_search = facts.GOALS[objective].channel == facts.SEARCH
        return requests.default_keywords(creatives) if is_search else []

    @typed_errors(PLATFORM)
    async def upload(self, access: Access, creative: Creative, known: str | None) -> str:
        """Upload nothing yet: only Demand Gen ads show files, and `create_ads` uploads theirs."""
        return known or ""

    # --- creating --------------------------------------------------------------------------------------

    @typed_errors(PLATFORM)
    async def create_campaign(self, access: Access, plan: CampaignPlan, account: AdAccount) -> Outcome:
        """Create budget, campaign and locations, all or nothing."""
        customer_id = access.platform_account_id
        is_political = checks.check_declaration(plan.eu_political_advertising)
        operations = requests.campaign_operations(customer_id, plan, account, is_political)
        try:
            response, request_id = await self._wire.mutate(access, "create_campaign", operations)
        except PlatformError as error:
            return (await self._resolved(access, Level.CAMPAIGN, {plan.tag: plan.name}, None, error))[0]
        campaign_id = answers.created_ids(response, "campaign")[0]
        self._echoes.campaign(campaign_id, response)
        return Outcome(plan.tag, campaign_id, request_id=request_id)

    @typed_errors(PLATFORM)
    async def create_adsets(
        self,
        access: Access,
        plan: CampaignPlan,
        account: AdAccount,
        campaign_id: str,
        adsets: Sequence[AdSetPlan],
    ) -> list[Outcome]:
        """Create the ad groups and the ages that they exclude, all or nothing."""
        customer_id = access.platform_account_id
        operations = requests.ad_group_operations(customer_id, plan, campaign_id, adsets)
        try:
            response, request_id = await self._wire.mutate(access, "create_adset", operations)
        except PlatformError as error:
            names = {adset.tag: adset.name for adset in adsets}
            return await self._resolved(access, Level.ADSET, names, campaign_id, error)
        ids = answers.created_ids(response, "ad_group")
        self._echoes.ad_groups(campaign_id, response, ids)
        return answers.made([adset.tag for adset in adsets], ids, request_id)

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
        """Create ads and keywords, all or nothing; Demand Gen's pictures are uploaded before them."""
        channel, app = facts.GOALS[plan.objective].channel, account.facts
        try:
            assets: dict[str, str] = {}
            if channel == facts.DEMAND_GEN:
                assets = await self._files.assets(access, orders, str(app["logo_url"]))
            operations = requests.ad_operations(
                access.platform_account_id, channel, orders, assets, app, plan
            )
            response, request_id = await self._wire.mutate(access, "create_ad", operations)
        except CampaignAutomationError as error:
            return [Outcome(order.tag, error=error) for order in orders]
        self._echoes.keywords(campaign_id, response)
        ids = answers.created_ids(response, "ad_group_ad")
        return answers.made([order.tag for order in orders], ids, request_id)

    async def _resolved(
        self,
        access: Access,
        level: Level,
        names: Mapping[str, str],
        campaign_id: str | None,
        error: PlatformError,
    ) -> list[Outcome]:
        """The outcomes after `error`; objects of an earlier try, whose answer was lost, are found by name."""
        # Our names end with our tag, so a name that is taken already is our own object's.
        if error.details.get("platform_code") in _DUPLICATE_NAMES:
            found = await self._reader.find(access, level, list(names.values()), campaign_id)
            if all(name in found for name in names.values()):
                return [Outcome(tag, found[name][0]) for tag, name in names.items()]
        return [Outcome(tag, error=error) for tag in names]

    # --- looking ---------------------------------------------------------------------------------------

    @typed_errors(PLATFORM)
    async def find(
        self, access: Access, level: Level, names: Sequence[str], campaign_id: str | None
    ) -> dict[str, list[str]]:
        return await self._reader.find(access, level, names, campaign_id)

    @typed_errors(PLATFORM)
    async def list_campaigns(self, access: Access, account: AdAccount) -> list[FoundCampaign]:
        rows = await self._wire.search(access, "list_campaigns", queries.CAMPAIGNS)
        return found_campaigns(rows, answers.found)

    @typed_errors(PLATFORM)
    async def campaign_names(self, access: Access) -> dict[str, str]:
        rows = await self._wire.search(access, "list_campaigns", queries.CAMPAIGN_NAMES)
        return names_by_id(rows, lambda row: (row.campaign.id, row.campaign.name))

    @typed_errors(PLATFORM)
    async def read_tree(
        self, access: Access, campaign_id: str, currency: str, *, depth: Depth = "whole"
    ) -> Tree:
        return await self._reader.tree(access, campaign_id, depth=depth)

    @typed_errors(PLATFORM)
    async def read_trees(self, access: Access, campaign_ids: Sequence[str], currency: str) -> Trees:
        return await self._reader.trees(access, campaign_ids)

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
        """Read rows whose conversions are the account's primary actions: Google has no objectives."""
        check_window(since, until)
        if not campaign_ids:
            return []
        query = queries.daily_figures(level, campaign_ids, since, until)
        rows = await self._wire.search(access, "insights", query)
        return distinct_insights(answers.insight_of_row(row, level) for row in rows)

    # --- changing --------------------------------------------------------------------------------------

    @typed_errors(PLATFORM)
    async def set_status(
        self, access: Access, level: Level, ids: Sequence[str], status: str
    ) -> list[Outcome]:
        customer_id = access.platform_account_id
        operations = [requests.status_operation(customer_id, level, item, status) for item in ids]
        look = partial(self._with_status, access, level, status)
        return await change_each(self._wire, access, f"update_{level}", operations, ids, look)

    async def _with_status(self, access: Access, level: Level, status: str, ids: Sequence[str]) -> Looked:
        """Return the ids of the objects that have the status, one of ours."""
        return Looked(answers.ids_with_status(await self._statuses(access, level, ids), level, status))

    async def _statuses(self, access: Access, level: Level, ids: Sequence[str]) -> list[Any]:
        names = [requests.resource_name(access.platform_account_id, level, item) for item in ids]
        return await self._wire.search(access, f"list_{level}s", queries.statuses_of(level, names))

    @typed_errors(PLATFORM)
    async def set_budgets(
        self, access: Access, account: AdAccount, level: Level, budgets: Mapping[str, Decimal]
    ) -> list[BudgetOutcome]:
        """New budgets of campaigns hold at once: one query for the budgets, one mutate."""
        change = partial(self._change_budgets, access)
        reason = ": it spends its campaign's"
        owners = (Level.CAMPAIGN,)
        return await set_budgets(PLATFORM, account, level, budgets, change, owners=owners, reason=reason)

    async def _change_budgets(self, access: Access, amounts: Amounts) -> BudgetOutcomes:
        """Set the budgets of their own; a shared one is refused, since other campaigns spend it, too."""
        try:
            rows = await self._wire.search(access, "read_budget", queries.budgets_of(amounts))
        except PlatformError as error:
            return {item: budget_outcome(failed(item, error), "now") for item in amounts}
        outcomes = answers.budget_refusals(rows, list(amounts))
        budget_names = {str(row.campaign.id): row.campaign.campaign_budget for row in rows}
        operations = {
            item: requests.budget_operation(name, amounts[item])
            for item, name in budget_names.items()
            if item not in outcomes
        }
        look = partial(self._with_budget, access, amounts)
        changed = await change_each(
            self._wire, access, "update_campaign", list(operations.values()), list(operations), look
        )
        for outcome in changed:
            self._echoes.forget(outcome.tag)
            outcomes[outcome.tag] = budget_outcome(outcome, "now")
        return outcomes

    async def _with_budget(self, access: Access, amounts: Amounts, ids: Sequence[str]) -> Looked:
        """Return the ids of the campaigns that have the budget of `amounts`."""
        rows = await self._wire.search(access, "read_budget", queries.budgets_of(ids))
        stored = {str(row.campaign.id): facts.from_micros(row.campaign_budget.amount_micros) for row in rows}
        return Looked({item for item, amount in stored.items() if amount == amounts.get(item)})

    @typed_errors(PLATFORM)
    async def remove(self, access: Access, level: Level, ids: Sequence[str]) -> list[Outcome]:
        """Remove the objects; a budget that is not shared follows its campaign's status by itself."""
        customer_id = access.platform_account_id
        operations = [requests.remove_operation(customer_id, level, item) for item in ids]
        look = partial(self._with_status, access, level, "deleted")
        return await change_each(
            self._wire, access, f"delete_{level}", operations, ids, look, is_done=_is_removed
        )

    @typed_errors(PLATFORM)
    async def create_split(self, access: Access, account: AdAccount, order: SplitOrder) -> str | None:
        """Return None: Google's experiments compare whole campaigns, and ours holds all ad sets."""
        return None

    @typed_errors(PLATFORM)
    async def end_split(self, access: Access, account: AdAccount, split_id: str) -> None:
        """Do nothing: no split is ever created."""

    def fit_texts(self, objective: Objective, texts: GivenTexts) -> GivenTexts:
        return fit_texts(texts, rules(objective))

    def check_texts(self, objective: Objective, texts: Sequence[GivenTexts]) -> list[str]:
        return check_texts(texts, rules(objective))

    def lines_of(self, objective: Objective, copy: AdCopy) -> Copy | None:
        return lines_of(copy, facts.GOALS[objective].channel)

    def check_setting(
        self, setting: Setting, before: Bidding | None, objective: Objective, account: AdAccount
    ) -> None:
        checks.check_setting(setting, before, objective, account)

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
        if isinstance(setting, Copy):
            return await change_copies(self._wire, access, ids, setting)
        for campaign_id in ids:
            self._echoes.forget(campaign_id)
        return await self._settings.change(access, account, objective, ids, setting)


def _is_removed(outcome: Outcome) -> bool:
    """Return whether Google says that the object is removed already: a missing one may be hidden only."""
    error = outcome.error
    return error is not None and error.details.get("platform_code") == _ALREADY_REMOVED
