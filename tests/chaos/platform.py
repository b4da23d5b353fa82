"""A platform and a Web Platform in memory, with the faults of the sandbox: thousands of calls a second."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from campaign_automation.adapters.base import (
    Access,
    AdOrder,
    BudgetOutcome,
    CopyLimits,
    CreativeOrder,
    DailyInsight,
    Outcome,
    SplitOrder,
    failed,
)
from campaign_automation.adapters.common.refusals import gone, outcome_unknown
from campaign_automation.adapters.tree import AdNode, AdSetNode, CampaignNode, Depth, Tree, Trees, each_tree
from campaign_automation.models.accounts import FoundCampaign
from campaign_automation.models.campaigns import AdSetPlan, CampaignPlan, CreateCampaign, Creative
from campaign_automation.models.common import AdAccount, AgeGroup, Level, Objective
from campaign_automation.models.creation.options import GivenTexts, Keyword
from campaign_automation.models.creation.settings import Bidding, End, Setting
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import (
    CampaignAutomationError,
    PlatformAuthError,
    PlatformRateLimitError,
    PlatformRejectedError,
    WebPlatformError,
    WebPlatformUnavailableError,
)
from local.sandbox.core.faults import Fault, FaultBook
from tests.support.builders import account
from tests.support.web_platform import ACCOUNTS, MemoryWebPlatform

T = TypeVar("T")
WEB_PLATFORM = "web_platform"
_RETRY_SECONDS = 20
_CALL_SECONDS = 0.05
_NAMES = {
    Level.CAMPAIGN: "campaign",
    Level.ADSET: "adset",
    Level.AD: "ad",
    Level.CREATIVE: "creative",
    Level.SPLIT: "split",
}
_LEVELS = {
    "meta": (Level.CAMPAIGN, Level.ADSET, Level.CREATIVE, Level.AD),
    "tiktok": (Level.CAMPAIGN, Level.ADSET, Level.AD),
    "google": (Level.CAMPAIGN, Level.ADSET, Level.AD),
}


class World:
    """The faults, calls, and requests carried out late, which the platforms of one case share."""

    def __init__(self) -> None:
        self.faults = FaultBook()
        self.calls: list[tuple[str, str]] = []
        self.late: list[Callable[[], object]] = []

    def act_late(self) -> int:
        late, self.late = self.late, []
        for act in late:
            with suppress(CampaignAutomationError):  # nobody is there to hear it
                act()
        return len(late)

    def meets(self, platform: str, operation: str) -> Fault | None:
        self.calls.append((platform, operation))
        return self.faults.take(platform, operation)


@dataclass(frozen=True)
class Thing:
    """One object on the platform."""

    level: Level
    platform_id: str
    name: str
    campaign_id: str
    status: str = "paused"
    daily_budget: Decimal | None = None
    parent: str | None = None
    created_at: datetime | None = None
    ends_at: datetime | None = None
    plan: AdSetPlan | None = None

    @property
    def tag(self) -> str:
        return self.name.rpartition(" ")[2]

    @property
    def is_alive(self) -> bool:
        return self.status != "deleted"

    @property
    def node(self) -> dict[str, Any]:
        return {
            "platform_id": self.platform_id,
            "name": self.name,
            "status": self.status,
            "platform_status": self.status.upper(),
            "ends_at": self.ends_at,
        }


class MemoryPlatform:
    """One platform with one account; splits stop their ad sets, as on TikTok, where it has any."""

    copy_limits = CopyLimits(100, 40, 30)
    account_seconds = 0
    has_end_times = True
    needs_category_declaration = False

    def __init__(self, platform: str, world: World) -> None:
        self.platform = platform
        self.levels = _LEVELS[platform]
        self.budget_level = Level.CAMPAIGN if platform == "google" else Level.ADSET
        self.world = world
        self.things: dict[str, Thing] = {}
        self.splits: dict[str, list[str]] = {}
        self._made = 0

    # --- faults ------------------------------------------------------------------------------------------

    async def _call(self, operation: str, act: Callable[[], T], part: Callable[[], T] | None = None) -> T:
        """Answer one call, or fail it as the fault says that meets it; `part` does a part of the work."""
        await asyncio.sleep(_CALL_SECONDS)
        fault = self.world.meets(self.platform, operation)
        if fault is None:
            return act()
        if fault.kind == "partial_unnamed" and part is not None:
            return part()
        if fault.acts_first:
            act()
        if fault.acts_late:
            self.world.late.append(act)
        raise self._error(fault)

    def _error(self, fault: Fault) -> CampaignAutomationError:
        if fault.kind in ("rate_limit", "rate_limit_bare", "rate_limit_second"):
            seconds = {"rate_limit": _RETRY_SECONDS, "rate_limit_second": 1}.get(fault.kind)
            return PlatformRateLimitError("too many calls", platform=self.platform, retry_after=seconds)
        if fault.kind in ("auth_expired", "auth_withdrawn"):
            return PlatformAuthError("the token has expired", platform=self.platform)
        if fault.kind == "policy":
            return PlatformRejectedError("against the policies", platform=self.platform, code="6005")
        return outcome_unknown(self.platform, f"no usable answer ({fault.kind})")

    async def _each(
        self, operation: str, tags: Sequence[str], act: Callable[[str], Outcome]
    ) -> list[Outcome]:
        """Carry out one request of several objects, each with its own outcome."""

        def all_of_them() -> list[Outcome]:
            return [act(tag) for tag in tags]

        def half() -> list[Outcome]:
            lost = outcome_unknown(self.platform, "a part was not done, and which is not told")
            return [act(tag) if nth % 2 else failed(tag, lost) for nth, tag in enumerate(tags)]

        try:
            return await self._call(operation, all_of_them, half)
        except CampaignAutomationError as error:
            return [failed(tag, error) for tag in tags]

    # --- the account -------------------------------------------------------------------------------------

    async def describe_account(self, access: Access) -> AdAccount:
        found = account(platform_account_id=ACCOUNTS[self.platform])
        return await self._call("read_account", lambda: found)

    async def check_account(self, access: Access) -> None:
        await self._call("read_account", lambda: None)

    def fit_ages(self, age_groups: Sequence[AgeGroup]) -> list[AgeGroup]:
        return list(age_groups)

    def check(self, spec: CreateCampaign, account: AdAccount) -> list[str]:
        return []

    def check_creatives(self, spec: CreateCampaign, creatives: Sequence[Creative]) -> None:
        return

    def keywords_of(self, objective: Objective, creatives: Sequence[Creative]) -> list[Keyword]:
        return []

    # --- creating ----------------------------------------------------------------------------------------

    async def upload(self, access: Access, creative: Creative, known: str | None) -> str:
        return known or await self._call("upload", lambda: "asset")

    async def create_campaign(self, access: Access, plan: CampaignPlan, account: AdAccount) -> Outcome:
        budget = sum((adset.daily_budget for adset in plan.adsets), Decimal(0))
        own = budget if self.budget_level is Level.CAMPAIGN else None

        def act(tag: str) -> Outcome:
            return self._add(Level.CAMPAIGN, tag, plan.name, daily_budget=own, ends_at=plan.ends_at)

        return (await self._each("create_campaign", [plan.tag], act))[0]

    async def create_adsets(
        self,
        access: Access,
        plan: CampaignPlan,
        account: AdAccount,
        campaign_id: str,
        adsets: Sequence[AdSetPlan],
    ) -> list[Outcome]:
        by_tag = {adset.tag: adset for adset in adsets}

        def act(tag: str) -> Outcome:
            adset = by_tag[tag]
            own = adset.daily_budget if self.budget_level is Level.ADSET else None
            more = {"daily_budget": own, "plan": adset, "ends_at": plan.ends_at}
            return self._add(Level.ADSET, tag, adset.name, campaign_id=campaign_id, **more)

        return await self._each("create_adset", list(by_tag), act)

    async def create_ads(
        self,
        access: Access,
        plan: CampaignPlan,
        account: AdAccount,
        campaign_id: str,
        orders: Sequence[AdOrder],
        creatives: Sequence[CreativeOrder] = (),
    ) -> list[Outcome]:
        made = await self._create_creatives(creatives) if creatives else []
        errors = {outcome.tag: outcome.error for outcome in made if outcome.error}
        by_tag = {order.tag: order for order in orders if order.creative.tag not in errors}

        def act(tag: str) -> Outcome:
            order = by_tag[tag]
            return self._add(Level.AD, tag, order.name, campaign_id=campaign_id, parent=order.adset_id)

        ads = await self._each("create_ad", list(by_tag), act) if by_tag else []
        without = [order for order in orders if order.tag not in by_tag]
        return [*made, *ads, *(failed(order.tag, errors[order.creative.tag]) for order in without)]

    async def _create_creatives(self, creatives: Sequence[CreativeOrder]) -> list[Outcome]:
        names = {order.tag: order.name for order in creatives}

        def act(tag: str) -> Outcome:
            return self._add(Level.CREATIVE, tag, names[tag])

        return await self._each("create_creative", list(names), act)

    def _add(self, level: Level, tag: str, name: str, campaign_id: str | None = None, **more: Any) -> Outcome:
        if campaign_id is not None and not self.is_alive(campaign_id):
            return failed(tag, gone(self.platform, "the campaign does not exist"))
        self._made += 1
        platform_id = f"{self.platform}-{self._made}"
        self.things[platform_id] = Thing(
            level, platform_id, name, campaign_id or platform_id, created_at=clock.now(), **more
        )
        return Outcome(tag, platform_id)

    async def create_split(self, access: Access, account: AdAccount, order: SplitOrder) -> str | None:
        def act() -> str:
            self.splits[order.name] = list(order.adset_ids)
            return order.name

        return await self._call("create_split", act) if self.platform == "tiktok" else None

    async def end_split(self, access: Access, account: AdAccount, split_id: str) -> None:
        def act() -> None:
            for item in self.splits.pop(split_id, []):
                self.change(item, status="paused")

        await self._call("end_split", act)

    # --- reading -----------------------------------------------------------------------------------------

    async def find(
        self, access: Access, level: Level, names: Sequence[str], campaign_id: str | None
    ) -> dict[str, list[str]]:
        def act() -> dict[str, list[str]]:
            found: dict[str, list[str]] = {}
            for thing in self.alive():
                is_inside = level in (Level.CAMPAIGN, Level.CREATIVE) or thing.campaign_id == campaign_id
                if thing.level is level and thing.name in names and is_inside:
                    found.setdefault(thing.name, []).append(thing.platform_id)
            return found

        return await self._call(f"list_{_NAMES[level]}s", act)

    async def list_campaigns(self, access: Access, account: AdAccount) -> list[FoundCampaign]:
        def act() -> list[FoundCampaign]:
            campaigns = (item for item in self.alive() if item.level is Level.CAMPAIGN)
            return [
                FoundCampaign(
                    platform_id=item.platform_id,
                    name=item.name,
                    status=item.status,
                    platform_status=item.status.upper(),
                    objective="sales",
                    daily_budget=item.daily_budget,
                )
                for item in campaigns
            ]

        return await self._call("list_campaigns", act)

    async def campaign_names(self, access: Access) -> dict[str, str]:
        return await self._call(
            "list_campaigns",
            lambda: {item.platform_id: item.name for item in self.alive() if item.level is Level.CAMPAIGN},
        )

    async def read_tree(
        self, access: Access, campaign_id: str, currency: str, *, depth: Depth = "whole"
    ) -> Tree:
        tree = await self._call("read_campaign", lambda: self._tree(campaign_id))
        return tree.without_ads() if depth == "adsets" else tree

    async def read_trees(self, access: Access, campaign_ids: Sequence[str], currency: str) -> Trees:
        return await each_tree(lambda item: self.read_tree(access, item, currency), campaign_ids)

    def _tree(self, campaign_id: str) -> Tree:
        if campaign_id not in self.things:
            raise gone(self.platform, "the campaign does not exist")
        root = self.things[campaign_id]
        inside = [item for item in self.alive() if item.campaign_id == campaign_id]
        return Tree(
            campaign=CampaignNode(**root.node, daily_budget=root.daily_budget, created_at=root.created_at),
            adsets=[_adset(item) for item in inside if item.level is Level.ADSET],
            ads=[
                AdNode(**item.node, adset_id=item.parent or "") for item in inside if item.level is Level.AD
            ],
        )

    async def read_daily(
        self,
        access: Access,
        level: Level,
        campaign_ids: Sequence[str],
        since: date,
        until: date,
        objective: str,
    ) -> list[DailyInsight]:
        days = [since + timedelta(days=offset) for offset in range((until - since).days + 1)]

        def act() -> list[DailyInsight]:
            concerned = [item for item in self.things.values() if item.level is level]
            inside = [item for item in concerned if item.campaign_id in campaign_ids]
            return [_delivery(item, day) for item in inside for day in days if _delivered(item, day)]

        return await self._call("read_insights", act)

    # --- changing ----------------------------------------------------------------------------------------

    async def set_status(
        self, access: Access, level: Level, ids: Sequence[str], status: str
    ) -> list[Outcome]:
        return await self._each(f"update_{_NAMES[level]}", ids, lambda item: self._set(item, status=status))

    async def set_budgets(
        self, access: Access, account: AdAccount, level: Level, budgets: Mapping[str, Decimal]
    ) -> list[BudgetOutcome]:
        def act(item: str) -> Outcome:
            return self._set(item, daily_budget=budgets[item])

        outcomes = await self._each(f"update_{_NAMES[level]}", list(budgets), act)
        return [BudgetOutcome(item.tag, None if item.error else "now", item.error) for item in outcomes]

    async def remove(self, access: Access, level: Level, ids: Sequence[str]) -> list[Outcome]:
        def act(item: str) -> Outcome:
            self.delete(item)
            return Outcome(item, item)

        return await self._each(f"delete_{_NAMES[level]}", ids, act)

    def fit_texts(self, objective: Objective, texts: GivenTexts) -> GivenTexts:
        return texts

    def check_setting(
        self, setting: Setting, before: Bidding | None, objective: Objective, account: AdAccount
    ) -> None:
        return

    async def change_setting(
        self,
        access: Access,
        account: AdAccount,
        objective: Objective,
        level: Level,
        ids: Sequence[str],
        setting: Setting,
    ) -> list[Outcome]:
        changes = {"ends_at": setting.moment} if isinstance(setting, End) else {}
        return await self._each(f"update_{_NAMES[level]}", ids, lambda item: self._set(item, **changes))

    def _set(self, item: str, **changes: Any) -> Outcome:
        if not self.is_alive(item):
            return failed(item, gone(self.platform, "the object does not exist"))
        self.change(item, **changes)
        return Outcome(item, item)

    # --- as a person does in the platform's own interface --------------------------------------------------

    def change(self, item: str, **changes: Any) -> None:
        if self.is_alive(item):
            self.things[item] = replace(self.things[item], **changes)

    def delete(self, item: str) -> None:
        for key in [item, *(key for key, thing in self.things.items() if item in _parents(thing))]:
            self.change(key, status="deleted")

    def alive(self) -> list[Thing]:
        return [item for item in self.things.values() if item.is_alive]

    def is_alive(self, item: str) -> bool:
        return item in self.things and self.things[item].is_alive


class FaultyWebPlatform(MemoryWebPlatform):
    """The Web Platform in memory, with the faults of the world."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world

    async def call_tool(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        await asyncio.sleep(_CALL_SECONDS)
        fault = self.world.meets(WEB_PLATFORM, name)
        if fault is None:
            return await super().call_tool(name, arguments)
        if fault.acts_first:
            await super().call_tool(name, arguments)
        if fault.acts_late:
            self.world.late.append(lambda: self._write(name, arguments))
        raise _web_platform_error(fault)

    def _write(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if name.startswith("get_"):
            return self._read(name, arguments)
        return super()._write(name, arguments)

    def _read(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        # Each platform has an account of its own, whichever was asked for last.
        if name == "get_active_ad_account":
            return {"active_account": {"id": 1 + list(_LEVELS).index(arguments["platform"])}}
        if name == "get_ad_account_token":
            platform = list(_LEVELS)[int(arguments["ad_account_id"]) - 1]
            return {
                "platform": platform,
                "platform_account_id": ACCOUNTS[platform],
                "access_token": "t",
            }
        return super()._read(name, arguments)

    @property
    def records(self) -> list[dict[str, Any]]:
        return [item for item in self.campaigns.values() if not item.get("deleted")]


def _web_platform_error(fault: Fault) -> CampaignAutomationError:
    if fault.kind == "rate_limit":
        return WebPlatformUnavailableError("too many", code="1003", retry_after=_RETRY_SECONDS)
    if fault.kind == "auth_expired":
        return WebPlatformError("the token was refused", code="3000", retryable=False)
    return WebPlatformUnavailableError("no usable answer", outcome_unknown=True)


def _adset(item: Thing) -> AdSetNode:
    planned = item.plan.model_dump(include={"targeting", "placements", "bid_strategy"}) if item.plan else {}
    return AdSetNode(**item.node, daily_budget=item.daily_budget, **planned)


def _parents(item: Thing) -> Iterable[str | None]:
    return item.campaign_id, item.parent


def _delivered(item: Thing, day: date) -> bool:
    if item.status != "active" or item.created_at is None:
        return False
    return item.created_at.date() <= day <= clock.now().date()


def _delivery(item: Thing, day: date) -> DailyInsight:
    """A day of delivery, in figures that differ by object."""
    number = int(item.platform_id.rpartition("-")[2])
    return DailyInsight(
        entity_id=item.platform_id,
        campaign_id=item.campaign_id,
        adset_id=item.platform_id if item.level is Level.ADSET else item.parent,
        day=day,
        spend=Decimal(20),
        impressions=2000,
        clicks=40 + number % 7,
        conversions=Decimal(1 + number % 3),
        revenue=Decimal(30 + 10 * (number % 3)),
    )
