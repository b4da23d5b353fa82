"""A platform in memory with the contract of adapters/base.py, for what has nothing to do with a platform."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from itertools import count
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
)
from campaign_automation.adapters.common.options.rules import OptionRules, TextRules, check_texts, fit_texts
from campaign_automation.adapters.common.options.settings import check_setting
from campaign_automation.adapters.tree import AdNode, AdSetNode, CampaignNode, Depth, Tree, Trees, each_tree
from campaign_automation.models.accounts import FoundCampaign
from campaign_automation.models.campaigns import AdCopy, AdSetPlan, CampaignPlan, CreateCampaign, Creative
from campaign_automation.models.common import (
    AdAccount,
    AgeGroup,
    Level,
    Objective,
    StoredTargeting,
    Targeting,
)
from campaign_automation.models.creation.options import GivenTexts, Keyword
from campaign_automation.models.creation.settings import Bidding, Copy, End, Name, Setting
from campaign_automation.utils import clock
from campaign_automation.utils.error_handler import PlatformError, PlatformRejectedError
from tests.support.builders import account

_OWN = object()  # of a request that names no account
_KINDS = {Level.CAMPAIGN: CampaignNode, Level.ADSET: AdSetNode, Level.AD: AdNode}
_AS_PLANNED = {"daily_budget", "placements", "bid_strategy", "bid_target"}
# Costs can be bid for, and changed, but no returns.
RULES = OptionRules(
    platform="fake",
    name="The platform",
    texts=TextRules(100, 40, 30),
    bid_strategies=("target_cpa", "target_roas"),
    bid_switches=(frozenset({"lowest_cost", "target_cpa"}),),
)


def changes_of(setting: Setting) -> dict[str, Any]:
    """Return the fields of a node that a setting changes."""
    if isinstance(setting, Name):
        return {"name": setting.text}
    if isinstance(setting, End):
        return {"ends_at": setting.moment}
    if isinstance(setting, Copy):
        return {"lines": setting}
    return {"bid_strategy": setting.strategy, "bid_target": setting.target}


def _stored(targeting: Targeting) -> StoredTargeting:
    places = targeting.places
    shown = targeting.model_dump(include=set(StoredTargeting.model_fields))
    return StoredTargeting(**{**shown, "places": places, **({"countries": []} if places else {})})


class FakeAdapter:
    levels: tuple[Level, ...] = (Level.CAMPAIGN, Level.ADSET, Level.AD)
    budget_level = Level.ADSET
    copy_limits = CopyLimits(100, 40, 30)
    account_seconds = 0
    has_end_times = True
    edits_copies = False
    needs_category_declaration = False

    def __init__(self, platform: str) -> None:
        self.platform = platform
        self.calls: list[str] = []
        self._ids = count(1)
        self._nodes: dict[str, Any] = {}
        self._deleted: dict[str, CampaignNode] = {}
        self._campaigns: dict[str, str] = {}  # of ad sets and ads, by id
        self.fail_with: PlatformError | None = None
        self.read_fails_with: PlatformError | None = None
        self.is_hidden = False  # whether the campaigns are not shown
        self.hidden: set[str] = set()  # ids of single campaigns that are not shown
        self.is_closed = False  # whether changes of them are refused, too
        self.daily: list[DailyInsight] = []
        self.account = account()
        self.budget_errors: dict[str, PlatformError] = {}  # by platform id
        self.waits_for_midnight: set[str] = set()  # whose new budgets hold from the next day on

    def forget(self) -> None:
        self.calls.clear()
        self._nodes.clear()
        self._campaigns.clear()

    def node(self, platform_id: str) -> Any:
        return self._nodes[platform_id]

    def node_ids(self) -> list[str]:
        return list(self._nodes)

    def add(self, campaign_id: str, node: Any) -> None:
        """Let somebody add an object to a campaign in the platform's own interface."""
        self._nodes[node.platform_id] = node
        self._campaigns[node.platform_id] = campaign_id

    def change(self, platform_id: str, **changes: Any) -> None:
        """What somebody does in the platform's own interface."""
        self._nodes[platform_id] = self._nodes[platform_id].model_copy(update=changes)

    def delete(self, platform_id: str) -> None:
        """Let somebody delete an ad set or an ad in the platform's own interface."""
        del self._nodes[platform_id]

    def elsewhere(self, name: str, *budgets: int | None, status: str = "active", **root: Any) -> str:
        """Make what a person makes in the platform's own interface: a campaign with an ad set per budget.

        Each ad set has an ad. Return the campaign's id.
        """
        made = self._add(CampaignNode, "", name, **{"created_at": clock.now(), **root})
        campaign_id = str(made.platform_id)
        self.change(campaign_id, status=status)
        for number, budget in enumerate(budgets, 1):
            self.add_by_hand(campaign_id, f"{name} {number}", budget, status=status)
        return campaign_id

    def add_by_hand(self, campaign_id: str, name: str, budget: int | None, status: str = "active") -> str:
        """Add an ad set with an ad, as a person does; return the ad set's id."""
        amount = None if budget is None else Decimal(budget)
        odd = StoredTargeting(more=["interests"])
        adset = self._add(AdSetNode, "", name, campaign_id, daily_budget=amount, targeting=odd)
        adset_id = str(adset.platform_id)
        ad = self._add(AdNode, "", f"{name} ad", campaign_id, adset_id=adset_id)
        for item in (adset_id, str(ad.platform_id)):
            self.change(item, status=status)
        self.change(adset_id, unread=["targeting"], issues=["targeting: also by interests"])
        return adset_id

    async def describe_account(self, access: Access) -> AdAccount:
        self.calls.append("describe_account")
        return self.account

    async def check_account(self, access: Access) -> None:
        self.calls.append("check_account")

    def fit_ages(self, age_groups: Sequence[AgeGroup]) -> list[AgeGroup]:
        return list(age_groups)

    def check(self, spec: CreateCampaign, account: AdAccount) -> list[str]:
        return []

    def check_creatives(self, spec: CreateCampaign, creatives: Sequence[Creative]) -> None:
        return

    def keywords_of(self, objective: Objective, creatives: Sequence[Creative]) -> list[Keyword]:
        return []

    async def upload(self, access: Access, creative: Creative, known: str | None) -> str:
        return known or "asset"

    async def create_campaign(self, access: Access, plan: CampaignPlan, account: AdAccount) -> Outcome:
        self.calls.append("create_campaign")
        return self._add(CampaignNode, plan.tag, plan.name, created_at=clock.now())

    async def create_adsets(
        self,
        access: Access,
        plan: CampaignPlan,
        account: AdAccount,
        campaign_id: str,
        adsets: Sequence[AdSetPlan],
    ) -> list[Outcome]:
        return [
            self._add(
                AdSetNode,
                adset.tag,
                adset.name,
                campaign_id,
                ends_at=plan.ends_at,
                starts_at=plan.starts_at,
                **adset.model_dump(include=_AS_PLANNED),
                targeting=_stored(adset.targeting),
            )
            for adset in adsets
        ]

    async def create_ads(
        self,
        access: Access,
        plan: CampaignPlan,
        account: AdAccount,
        campaign_id: str,
        orders: Sequence[AdOrder],
        creatives: Sequence[CreativeOrder] = (),
    ) -> list[Outcome]:
        assert not creatives, "this platform has no creative objects"
        return [
            self._add(AdNode, order.tag, order.name, campaign_id, adset_id=order.adset_id) for order in orders
        ]

    async def find(
        self, access: Access, level: Level, names: Sequence[str], campaign_id: str | None
    ) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for node in self._nodes.values():
            if node.name in names:
                found.setdefault(node.name, []).append(node.platform_id)
        return found

    async def list_campaigns(self, access: Access, account: AdAccount) -> list[FoundCampaign]:
        self.calls.append("list_campaigns")
        campaigns = [node for node in self._nodes.values() if isinstance(node, CampaignNode)]
        return [
            FoundCampaign(**node.model_dump(include=set(FoundCampaign.model_fields)), objective="sales")
            for node in campaigns
        ]

    async def campaign_names(self, access: Access) -> dict[str, str]:
        nodes = self._nodes.items()
        return {item: node.name for item, node in nodes if isinstance(node, CampaignNode)}

    def _check(self, access: Access, level: Level, ids: Sequence[str], account: Any = _OWN) -> None:
        """Hold callers to the contract: access, the account, and the level of all objects of a request."""
        assert isinstance(access, Access)
        assert account is _OWN or isinstance(account, AdAccount)
        assert ids
        known = [self._nodes.get(item) or self._deleted.get(item) for item in ids]
        assert all(node is None or isinstance(node, _KINDS[level]) for node in known)

    async def read_tree(
        self, access: Access, campaign_id: str, currency: str, *, depth: Depth = "whole"
    ) -> Tree:
        assert isinstance(access, Access)
        assert currency
        if error := self.fail_with or self.read_fails_with:
            raise error
        is_hidden = self.is_hidden or campaign_id in self.hidden
        if is_hidden or campaign_id not in {**self._nodes, **self._deleted}:
            raise self._unknown(campaign_id)
        if campaign_id in self._deleted:
            return Tree(campaign=self._deleted[campaign_id], adsets=[], ads=[])
        nodes = [node for item, node in self._nodes.items() if self._campaigns.get(item) == campaign_id]
        adsets = [node for node in nodes if isinstance(node, AdSetNode)]
        ads = [node for node in nodes if isinstance(node, AdNode)]
        if depth == "whole":
            return Tree(campaign=self._nodes[campaign_id], adsets=adsets, ads=ads)
        # As on Google Ads, whose targeting takes queries of its own.
        adsets = [node.model_copy(update={"targeting": None, "keywords": None}) for node in adsets]
        tree = Tree(campaign=self._nodes[campaign_id], adsets=adsets, ads=ads)
        return tree if depth == "ads" else tree.without_ads()

    async def read_trees(self, access: Access, campaign_ids: Sequence[str], currency: str) -> Trees:
        return await each_tree(lambda item: self.read_tree(access, item, currency), campaign_ids)

    async def set_status(
        self, access: Access, level: Level, ids: Sequence[str], status: str
    ) -> list[Outcome]:
        self._check(access, level, ids)
        if self.is_closed:
            return [Outcome(item, error=self._unknown(item)) for item in ids]
        for item in ids:
            self._nodes[item] = self._nodes[item].model_copy(update={"status": status})
        return [Outcome(item, item) for item in ids]

    async def set_budgets(
        self, access: Access, account: AdAccount, level: Level, budgets: Mapping[str, Decimal]
    ) -> list[BudgetOutcome]:
        self._check(access, level, list(budgets), account)
        self.calls.append("set_budgets")
        return [self._set_budget(item, amount) for item, amount in budgets.items()]

    def _set_budget(self, item: str, amount: Decimal) -> BudgetOutcome:
        if item in self.budget_errors:
            return BudgetOutcome(item, error=self.budget_errors[item])
        if item in self.waits_for_midnight:
            return BudgetOutcome(item, "next_day")
        self._nodes[item] = self._nodes[item].model_copy(update={"daily_budget": amount})
        return BudgetOutcome(item, "now")

    async def remove(self, access: Access, level: Level, ids: Sequence[str]) -> list[Outcome]:
        self._check(access, level, ids)
        if self.is_closed:
            return [Outcome(item, error=self._unknown(item)) for item in ids]
        for item in ids:
            node = self._nodes.pop(item, None)
            if isinstance(node, CampaignNode):
                self._deleted[item] = node.model_copy(update={"status": "deleted"})
        return [Outcome(item, item) for item in ids]

    async def create_split(self, access: Access, account: AdAccount, order: SplitOrder) -> str | None:
        return None

    def fit_texts(self, objective: Objective, texts: GivenTexts) -> GivenTexts:
        return fit_texts(texts, RULES)

    def check_texts(self, objective: Objective, texts: Sequence[GivenTexts]) -> list[str]:
        return check_texts(texts, RULES)

    def lines_of(self, objective: Objective, copy: AdCopy) -> Copy | None:
        if not self.edits_copies:
            return None
        return Copy((copy.headline, *copy.more_headlines), (copy.primary_text, copy.description))

    def check_setting(
        self, setting: Setting, before: Bidding | None, objective: Objective, account: AdAccount
    ) -> None:
        check_setting(setting, before, objective, account, RULES, clock.now())

    async def change_setting(
        self,
        access: Access,
        account: AdAccount,
        objective: Objective,
        level: Level,
        ids: Sequence[str],
        setting: Setting,
    ) -> list[Outcome]:
        self._check(access, level, ids, account)
        assert isinstance(objective, Objective)
        self.calls.append("change_setting")
        for item in ids:
            self.change(item, **changes_of(setting))
        return [Outcome(item, item) for item in ids]

    async def end_split(self, access: Access, account: AdAccount, split_id: str) -> None:
        assert isinstance(access, Access)
        assert isinstance(account, AdAccount)
        assert split_id

    async def read_daily(
        self,
        access: Access,
        level: Level,
        campaign_ids: Sequence[str],
        since: date,
        until: date,
        objective: str,
    ) -> list[DailyInsight]:
        self.calls.append("read_daily")
        return [row for row in self.daily if row.campaign_id in campaign_ids and since <= row.day <= until]

    def _unknown(self, item: str) -> PlatformError:
        return PlatformRejectedError(f"{item} is not there", platform=self.platform, code="5000")

    def _add(self, kind: Any, tag: str, name: str, campaign_id: str | None = None, **more: Any) -> Outcome:
        platform_id = str(next(self._ids))
        if campaign_id:
            self._campaigns[platform_id] = campaign_id
        self._nodes[platform_id] = kind(
            platform_id=platform_id, name=name, status="paused", platform_status="PAUSED", **more
        )
        return Outcome(tag, platform_id, request_id=f"request_{platform_id}")
