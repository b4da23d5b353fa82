"""TikTok Business API v1.3 over httpx: the manual family and Upgraded Smart+."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import groupby
from typing import Any, Literal

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
    check_window,
    failed,
    wrong_amounts,
    wrong_level,
)
from campaign_automation.adapters.tiktok import checks, facts, requests
from campaign_automation.adapters.tiktok.answers import (
    ad_node,
    adset_node,
    campaign_node,
    id_field,
    ids_by_name,
    partial_errors,
)
from campaign_automation.adapters.tiktok.budgets import TikTokBudgets, changed
from campaign_automation.adapters.tiktok.echo import Echoes
from campaign_automation.adapters.tiktok.errors import PLATFORM, is_gone, is_nothing_to_update, unavailable
from campaign_automation.adapters.tiktok.files import TikTokFiles
from campaign_automation.adapters.tiktok.reports import (
    ReportOrder,
    chunks,
    dimension_of,
    insight_of_row,
    report_params,
    windows,
)
from campaign_automation.adapters.tiktok.splits import TikTokSplits
from campaign_automation.adapters.tiktok.wire import TikTokWire
from campaign_automation.clients.media_client import MediaClient
from campaign_automation.models.campaigns import AdSetPlan, CampaignPlan, CreateCampaign, Creative
from campaign_automation.models.common import AdAccount, AgeGroup, Level, Objective
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import (
    AccountError,
    PlatformAuthError,
    PlatformError,
    PlatformRejectedError,
)

_ACCOUNT_FIELDS = ["advertiser_id", "name", "currency", "display_timezone", "timezone", "status", "balance"]
_OPERATION_STATUS = {"active": "ENABLE", "paused": "DISABLE"}


def _today() -> date:
    return datetime.now(UTC).date()


class TikTokAdapter:
    """The contract of adapters/base.py. `app` gives {"accounts"?}, which maps an advertiser id to
    {"identity_id", "identity_type", "pixel_id", "app_id", "app_platform": "android" or "ios"}.

    `family` "auto" follows the table in tiktok_facts, which rests on an unconfirmed date; "manual" and
    "smart_plus" force one family for the objectives that have both. `ads_per_adset` is what the account may
    hold in an ad group.
    """

    platform = PLATFORM
    levels: tuple[Level, ...] = (Level.CAMPAIGN, Level.ADSET, Level.AD)
    budget_level = Level.ADSET
    # TikTok shows one text; headline and description are not shown.
    copy_limits = CopyLimits(primary_text=100, headline=40, description=30, emoji=False)
    account_seconds = 3600  # describing it takes three calls
    has_end_times = True

    def __init__(
        self,
        app: Callable[[], Mapping[str, Any]],
        media: MediaClient,
        *,
        api_url: str = "https://business-api.tiktok.com/open_api/v1.3",
        timeout_seconds: float = 30,
        family: Literal["auto", "manual", "smart_plus"] = "auto",
        today: Callable[[], date] = _today,
        ads_per_adset: int = facts.ADS_PER_ADSET,
    ) -> None:
        self._app = app
        self._wire = TikTokWire(api_url, timeout_seconds)
        self._files = TikTokFiles(self._wire, media)
        self._budgets = TikTokBudgets(self._wire, self._look)
        self._splits = TikTokSplits(self._wire, self._look)
        self._setting = family
        self._today = today
        self._ads_per_adset = ads_per_adset
        self._echoes = Echoes()

    # --- the account -----------------------------------------------------------------------------------

    async def describe_account(self, access: Access) -> AdAccount:
        """Three reads: the advertiser, its identities, its pixels."""
        advertiser_id = access.platform_account_id
        asked: facts.Params = {"advertiser_ids": [advertiser_id], "fields": _ACCOUNT_FIELDS}
        info, identities, pixels = await asyncio.gather(
            self._wire.get(access, "read_account", "advertiser/info", asked),
            self._wire.get(access, "read_identity", "identity/get", {"page": 1, "page_size": 100}),
            self._wire.get(access, "read_pixels", "pixel/list", {"page": 1, "page_size": 20}),
        )
        if not info.get("list"):
            raise AccountError(
                f"tiktok: the account {advertiser_id} cannot be seen with its token", code="1004"
            )
        data = info["list"][0]
        checks.refuse_blocked(data)
        currency = data["currency"]
        step = facts.budget_step(currency)
        if step is None:
            raise AccountError(f"tiktok: the account's currency {currency} is not known here", code="4005")
        return AdAccount(
            platform_account_id=advertiser_id,
            currency=currency,
            time_zone=data.get("display_timezone") or data["timezone"],
            budget_step=step,
            min_daily_budget=checks.floor_of_adset(currency),
            facts=self._account_facts(advertiser_id, identities, pixels),
        )

    def _account_facts(
        self, account_id: str, identities: Mapping[str, Any], pixels: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Identity, pixel and app: what the deployment's secret names, else the account's only one."""
        types = {str(item["identity_id"]): item["identity_type"] for item in identities["identity_list"]}
        found: dict[str, Any] = {
            "identity_ids": list(types),
            "pixel_ids": [str(item["pixel_id"]) for item in pixels["pixels"]],
        }
        configured = dict(self._app().get("accounts", {}).get(account_id, {}))
        for kind in ("identity", "pixel"):
            if len(found[f"{kind}_ids"]) == 1:
                configured.setdefault(f"{kind}_id", found[f"{kind}_ids"][0])
        known_type = types.get(configured.get("identity_id", ""), "CUSTOMIZED_USER")
        configured.setdefault("identity_type", known_type)
        app_platform = configured.get("app_platform", "android")
        return {**found, "app_promotion": facts.APP_PROMOTION_TYPES.get(app_platform), **configured}

    def fit_ages(self, age_groups: Sequence[AgeGroup]) -> list[AgeGroup]:
        """The groups as whole age buckets. Raises InvalidRequestError for one that fills none."""
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
        checks.check_size(spec, family, self._ads_per_adset)
        return checks.warnings_for(spec, account, family, self._today())

    def _family(self, objective: Objective) -> facts.Family:
        """Which family makes a campaign of this objective today."""
        if self._setting == "auto" or objective not in facts.SMART_PLUS_OBJECTIVES:
            return facts.family_of(objective, self._today())
        return self._setting

    # --- files -----------------------------------------------------------------------------------------

    def check_creatives(self, spec: CreateCampaign, creatives: Sequence[Creative]) -> None:
        """Images and videos serve every objective."""

    async def upload(self, access: Access, creative: Creative, known: str | None) -> str:
        """JSON {"image_id"} or {"video_id", "image_id"}, the latter being its cover."""
        return known or await self._files.upload(access, creative)

    # --- creating --------------------------------------------------------------------------------------

    async def create_campaign(self, access: Access, plan: CampaignPlan, account: AdAccount) -> Outcome:
        family = self._family(plan.objective)
        body = requests.campaign_body(plan, account, family)
        outcome, data = await self._create(access, Level.CAMPAIGN, family, plan.tag, body)
        if outcome.platform_id is not None:
            self._echoes.campaign(outcome.platform_id, family, data, len(plan.ads))
        return outcome

    async def create_adsets(
        self,
        access: Access,
        plan: CampaignPlan,
        account: AdAccount,
        campaign_id: str,
        adsets: Sequence[AdSetPlan],
    ) -> list[Outcome]:
        """One request per ad group."""
        family = self._family(plan.objective)
        now = clock.now()

        async def create(adset: AdSetPlan) -> Outcome:
            body = requests.adset_body(plan, account, campaign_id, adset, family, now)
            return (await self._create(access, Level.ADSET, family, adset.tag, body))[0]

        return await asyncio.gather(*map(create, adsets))

    async def create_creatives(
        self, access: Access, plan: CampaignPlan, account: AdAccount, orders: Sequence[CreativeOrder]
    ) -> list[Outcome]:
        """TikTok has no creatives of their own: an ad holds everything."""
        return []

    async def create_ads(
        self,
        access: Access,
        plan: CampaignPlan,
        account: AdAccount,
        campaign_id: str,
        orders: Sequence[AdOrder],
    ) -> list[Outcome]:
        """Manual: one request per ad group with up to 20 ads. Smart+: one request per ad."""
        if self._family(plan.objective) == "smart_plus":
            made = await asyncio.gather(
                *(self._create_smart_plus_ad(access, plan, account, order) for order in orders)
            )
        else:
            made = await asyncio.gather(
                *(self._create_manual_ads(access, plan, account, some) for some in _by_adset(orders))
            )
        by_tag = {outcome.tag: outcome for outcomes, _ in made for outcome in outcomes}
        if any(outcome.error is not None for outcome in by_tag.values()):
            self._echoes.spoil(campaign_id)
        for data in (item for _, items in made for item in items):
            self._echoes.ad(campaign_id, data)
        return [by_tag[order.tag] for order in orders]

    async def _create_manual_ads(
        self, access: Access, plan: CampaignPlan, account: AdAccount, orders: Sequence[AdOrder]
    ) -> tuple[list[Outcome], list[facts.Params]]:
        creatives = [requests.ad_creative(plan, account, order) for order in orders]
        body = {"adgroup_id": orders[0].adset_id, "creatives": creatives}
        try:
            data = await self._wire.post(access, "create_ad", "ad/create", body)
        except PlatformError as error:
            return [Outcome(order.tag, error=error) for order in orders], []
        return _ad_outcomes(orders, data), data.get("creatives") or []

    async def _create_smart_plus_ad(
        self, access: Access, plan: CampaignPlan, account: AdAccount, order: AdOrder
    ) -> tuple[list[Outcome], list[facts.Params]]:
        body = requests.smart_plus_ad_body(plan, account, order)
        outcome, data = await self._create(access, Level.AD, "smart_plus", order.tag, body)
        return [outcome], [data] if outcome.error is None else []

    async def _create(
        self, access: Access, level: Level, family: facts.Family, tag: str, body: facts.Params
    ) -> tuple[Outcome, facts.Params]:
        """The outcome and what TikTok says it has stored."""
        path = _path(level, family, "create")
        try:
            data = await self._wire.post(access, f"create_{level}", path, body)
        except PlatformError as error:
            return Outcome(tag, error=error), {}
        platform_id = data.get(id_field(level, family))
        if not platform_id:
            return Outcome(tag, error=unavailable(f"tiktok: {path} answered without an id")), {}
        if family == "smart_plus":
            self._echoes.remember_smart_plus([str(platform_id)])
        return Outcome(tag, str(platform_id)), data

    # --- looking ---------------------------------------------------------------------------------------

    async def find(
        self, access: Access, level: Level, names: Sequence[str], campaign_id: str | None
    ) -> dict[str, list[str]]:
        filtering: facts.Params = {}
        if level is not Level.CAMPAIGN and campaign_id:
            filtering["campaign_ids"] = [campaign_id]
        if level is Level.CAMPAIGN and len(names) == 1:
            filtering["campaign_name"] = names[0].rsplit(" ", 1)[-1]
        found: dict[str, list[str]] = {}
        for family, items in await self._list_both(access, level, filtering):
            for name, ids in ids_by_name(items, level, family, set(names)).items():
                found.setdefault(name, []).extend(ids)
        return found

    async def _list_both(
        self, access: Access, level: Level, filtering: facts.Params
    ) -> list[tuple[facts.Family, list[facts.Params]]]:
        families = self._families()
        lists = await asyncio.gather(
            *(self._list(access, f"list_{level}s", level, family, filtering) for family in families)
        )
        return list(zip(families, lists, strict=True))

    def _families(self) -> list[facts.Family]:
        return ["manual"] if self._setting == "manual" else ["manual", "smart_plus"]

    async def _list(
        self, access: Access, operation: str, level: Level, family: facts.Family, filtering: facts.Params
    ) -> list[facts.Params]:
        """Live objects of one family. An account that may not use Smart+ has none there."""
        if family == "manual":
            filtering = {**filtering, "campaign_automation_type": "MANUAL"}
        try:
            items = await self._wire.get_all(
                access, operation, _path(level, family, "get"), {"filtering": filtering}
            )
        except PlatformAuthError as error:
            if family == "smart_plus" and error.code == "1004":
                return []
            raise
        if family == "smart_plus":
            self._echoes.remember_smart_plus([str(item[id_field(level, family)]) for item in items])
        return items

    async def read_tree(self, access: Access, campaign_id: str, currency: str) -> Tree:
        """Right after its creation a campaign and its ads are what TikTok answered when it made them, and
        only the ad groups, which hold money and targeting, are read. Later everything is read."""
        echo = self._echoes.take(campaign_id)
        if echo is not None:
            adsets = await self._children(access, Level.ADSET, echo.family, campaign_id)
            return _tree(echo.family, echo.campaign, adsets, echo.ads)
        for family in self._echoes.likely_families([campaign_id], self._families()):
            tree = await self._read_family(access, family, campaign_id)
            if tree is not None:
                return tree
        raise PlatformRejectedError(
            f"tiktok: the campaign {campaign_id} does not exist any more", platform=PLATFORM, code="5000"
        )

    async def _read_family(self, access: Access, family: facts.Family, campaign_id: str) -> Tree | None:
        campaigns, adsets, ads = await asyncio.gather(
            self._list(access, "read_campaign", Level.CAMPAIGN, family, {"campaign_ids": [campaign_id]}),
            self._children(access, Level.ADSET, family, campaign_id),
            self._children(access, Level.AD, family, campaign_id),
        )
        return _tree(family, campaigns[0], adsets, ads) if campaigns else None

    async def _children(
        self, access: Access, level: Level, family: facts.Family, campaign_id: str
    ) -> list[facts.Params]:
        return await self._list(access, f"list_{level}s", level, family, {"campaign_ids": [campaign_id]})

    async def lift_end(self, access: Access, platform_id: str) -> Outcome:
        stored = await self._look(access, Level.ADSET, [platform_id])
        family = stored[platform_id][0] if platform_id in stored else "manual"
        body = {"adgroup_id": platform_id, "schedule_type": "SCHEDULE_FROM_NOW"}
        path = _path(Level.ADSET, family, "update")
        try:
            answer = await self._wire.change(access, "update_adset", path, body)
        except PlatformError as error:
            return (
                Outcome(platform_id, platform_id)
                if is_nothing_to_update(error)
                else failed(platform_id, error)
            )
        return Outcome(platform_id, platform_id, request_id=answer.request_id)

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
        families = {"manual": list(campaign_ids)}
        if level is Level.AD:  # Smart+ ads are reported under ids of their own
            families = await self._by_family(access, campaign_ids, Objective(objective))
        goal = facts.GOALS[Objective(objective)]
        orders = [
            ReportOrder(level, dimension_of(level, family), some, first, last, goal)
            for family, members in families.items()
            for some in chunks(members, facts.IDS_PER_FILTER)
            for first, last in windows(since, until)
        ]
        reports = await asyncio.gather(
            *(
                self._wire.get_all(access, "insights", "report/integrated/get", report_params(order))
                for order in orders
            )
        )
        return [
            insight_of_row(row, order) for order, rows in zip(orders, reports, strict=True) for row in rows
        ]

    async def _by_family(
        self, access: Access, campaign_ids: Sequence[str], objective: Objective
    ) -> dict[str, list[str]]:
        """Known from creating or reading them, else asked: only three objectives leave a choice. What no list
        shows is deleted, and has no row in either."""
        is_known = all(map(self._echoes.is_smart_plus, campaign_ids))
        if self._setting == "manual" or objective not in facts.SMART_PLUS_OBJECTIVES or not campaign_ids:
            return {"manual": list(campaign_ids)}
        if is_known:
            return {"smart_plus": list(campaign_ids)}
        found = await self._look(access, Level.CAMPAIGN, campaign_ids)
        families: dict[str, list[str]] = {}
        for campaign_id, (family, _) in found.items():
            families.setdefault(family, []).append(campaign_id)
        return families

    # --- changing --------------------------------------------------------------------------------------

    async def set_status(
        self, access: Access, level: Level, ids: Sequence[str], status: str
    ) -> list[Outcome]:
        return await self._change(access, level, ids, _OPERATION_STATUS[status])

    async def set_budgets(
        self, access: Access, account: AdAccount, level: Level, budgets: Mapping[str, Decimal]
    ) -> list[BudgetOutcome]:
        """At once, or from the next account day on where the new budget is under 105 % of today's spend."""
        if level not in (Level.CAMPAIGN, Level.ADSET):
            return list(wrong_level(PLATFORM, level, budgets, f"an {level} has no budget").values())
        self._echoes.forget()
        outcomes = wrong_amounts(PLATFORM, account, budgets)
        asked = {item: amount for item, amount in budgets.items() if item not in outcomes}
        outcomes |= await self._budgets.set(access, level, asked)
        return [outcomes[item] for item in budgets]

    async def remove(self, access: Access, level: Level, ids: Sequence[str]) -> list[Outcome]:
        outcomes = await self._change(access, level, ids, "DELETE")
        refused = [item.tag for item in outcomes if isinstance(item.error, PlatformRejectedError)]
        left = await self._look(access, level, refused)
        return [
            item._replace(platform_id=item.tag, error=None)
            if item.tag in refused and item.tag not in left
            else item
            for item in outcomes
        ]

    async def _look(
        self, access: Access, level: Level, ids: Sequence[str]
    ) -> dict[str, tuple[facts.Family, facts.Params]]:
        """Those of these that the lists show, which hide what is deleted; each with its family."""
        found: dict[str, tuple[facts.Family, facts.Params]] = {}
        for family in self._echoes.likely_families(ids, self._families()) if ids else []:
            field = id_field(level, family)
            missing = [item for item in ids if item not in found]
            for start in range(0, len(missing), facts.IDS_PER_FILTER):
                some = {f"{field}s": missing[start : start + facts.IDS_PER_FILTER]}
                items = await self._list(access, f"list_{level}s", level, family, some)
                found |= {str(item[field]): (family, item) for item in items}
        return found

    async def _change(
        self, access: Access, level: Level, ids: Sequence[str], operation_status: str
    ) -> list[Outcome]:
        self._echoes.forget()
        outcomes: list[Outcome] = []
        for start in range(0, len(ids), facts.IDS_PER_CHANGE):
            some = ids[start : start + facts.IDS_PER_CHANGE]
            outcomes += await self._change_some(access, level, some, operation_status)
        return outcomes

    async def _change_some(
        self, access: Access, level: Level, ids: Sequence[str], operation_status: str
    ) -> list[Outcome]:
        """Ids do not tell their family, so what one endpoint refuses is asked of the other; what is refused
        together is then asked one by one."""
        refusals: list[PlatformRejectedError] = []
        for family in self._echoes.likely_families(ids, self._families()):
            try:
                return await self._change_in(access, level, family, ids, operation_status)
            except PlatformRejectedError as error:
                refusals.append(error)
            except PlatformError as error:
                return [failed(item, error) for item in ids]
        if len(ids) > 1:
            alone = [await self._change_some(access, level, [item], operation_status) for item in ids]
            return [outcome for outcomes in alone for outcome in outcomes]
        return [failed(ids[0], min(refusals, key=is_gone))]

    async def _change_in(
        self, access: Access, level: Level, family: facts.Family, ids: Sequence[str], operation_status: str
    ) -> list[Outcome]:
        field = id_field(level, family)
        verb = "delete" if operation_status == "DELETE" else "update"
        body = {f"{field}s": list(ids), "operation_status": operation_status}
        try:
            answer = await self._wire.change(
                access, f"{verb}_{level}", _path(level, family, "status/update"), body
            )
        except PlatformRejectedError as error:
            if is_nothing_to_update(error) and await self._all_have(
                access, level, family, ids, operation_status
            ):
                return [Outcome(item, item) for item in ids]
            raise
        undone = partial_errors(answer.data)
        return [changed(item, undone.get(item), answer.request_id) for item in ids]

    async def _all_have(
        self, access: Access, level: Level, family: facts.Family, ids: Sequence[str], operation_status: str
    ) -> bool:
        field = id_field(level, family)
        items = await self._list(access, f"list_{level}s", level, family, {f"{field}s": list(ids)})
        having = {str(item[field]) for item in items if item.get("operation_status") == operation_status}
        return having >= set(ids)

    # --- split tests -----------------------------------------------------------------------------------

    async def create_split(self, access: Access, account: AdAccount, order: SplitOrder) -> str | None:
        """For exactly two manual ad groups, whose budgets it keeps; None for others."""
        self._echoes.forget()
        return await self._splits.create(access, order)

    async def end_split(self, access: Access, account: AdAccount, split_id: str) -> None:
        self._echoes.forget()
        await self._splits.end(access, split_id)


def _path(level: Level, family: facts.Family, verb: str) -> str:
    prefix = "smart_plus/" if family == "smart_plus" else ""
    return f"{prefix}{facts.NOUNS[level]}/{verb}"


def _by_adset(orders: Sequence[AdOrder]) -> list[list[AdOrder]]:
    """The orders of each ad group, at most as many together as one call takes."""
    ordered = sorted(orders, key=lambda order: order.adset_id)
    chunks: list[list[AdOrder]] = []
    for _, members in groupby(ordered, key=lambda order: order.adset_id):
        whole = list(members)
        size = facts.CREATIVES_PER_CALL
        chunks += [whole[start : start + size] for start in range(0, len(whole), size)]
    return chunks


def _ad_outcomes(orders: Sequence[AdOrder], data: Mapping[str, Any]) -> list[Outcome]:
    """By the names that are echoed, else by position; an ad without an id may exist all the same."""
    ids = [str(item) for item in data.get("ad_ids") or []]
    named = {item["ad_name"]: str(item["ad_id"]) for item in data.get("creatives") or [] if item.get("ad_id")}
    if not named and len(ids) == len(orders):
        named = {order.name: item for order, item in zip(orders, ids, strict=True)}
    lost = unavailable("tiktok: ad/create answered without the ad's id")
    return [
        Outcome(order.tag, named[order.name]) if order.name in named else Outcome(order.tag, error=lost)
        for order in orders
    ]


def _tree(
    family: facts.Family, campaign: facts.Params, adsets: list[facts.Params], ads: list[facts.Params]
) -> Tree:
    return Tree(
        campaign=campaign_node(campaign, family),
        adsets=[adset_node(item, family) for item in adsets],
        ads=[ad_node(item, family) for item in ads],
    )
