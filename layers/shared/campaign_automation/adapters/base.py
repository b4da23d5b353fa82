"""What every platform adapter offers. Bulk per level, money in the account's major unit, typed errors.

An adapter keeps no state of its own: the account and its token come with every call. Reads may be asked
again at will; a create is sent once, and when its outcome is unknown the caller uses `find` before it
creates again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple, Protocol

from pydantic import BaseModel, SecretStr

from campaign_automation.models import (
    AdAccount,
    AdCopy,
    AdSetPlan,
    AgeGroup,
    CampaignPlan,
    CreateCampaign,
    Creative,
    Figures,
    Level,
    Targeting,
)
from campaign_automation.utils.error_handler import CampaignAutomationError


class Access(BaseModel, frozen=True):
    """An ad account and the token to act on it."""

    platform_account_id: str
    token: SecretStr


class CopyLimits(NamedTuple):
    """The most characters a platform shows, and how many different lines it asks for."""

    primary_text: int
    headline: int
    description: int
    headlines: int = 1
    descriptions: int = 1
    emoji: bool = True
    wide_counts_double: bool = False  # Chinese, Japanese and Korean characters


class CreativeOrder(NamedTuple):
    """One creative to show: what, with which words, and `asset`, the platform's reference of its file."""

    tag: str
    name: str
    creative: Creative
    copy: AdCopy
    asset: str


class AdOrder(NamedTuple):
    """One ad to create. `creative_id` is the platform's creative object, where it has such objects."""

    tag: str
    name: str
    adset_id: str
    creative: CreativeOrder
    creative_id: str | None


class Outcome(NamedTuple):
    """What became of one object: an id, or the error that says why not."""

    tag: str
    platform_id: str | None = None
    error: CampaignAutomationError | None = None


class Node(BaseModel):
    """One object as the platform stored it. `status` is ours (active, paused, deleted), `platform_status`
    the platform's effective one."""

    platform_id: str
    name: str
    status: str
    platform_status: str
    issues: list[str] = []


class CampaignNode(Node):
    """`daily_budget` only where the budget belongs to the campaign, as on Google Ads."""

    daily_budget: Decimal | None = None


class AdSetNode(Node):
    daily_budget: Decimal | None
    targeting: Targeting
    placements: str
    bid_strategy: str


class AdNode(Node):
    adset_id: str
    primary_text: str | None = None


class Tree(BaseModel):
    campaign: CampaignNode
    adsets: list[AdSetNode]
    ads: list[AdNode]


FiguresByLevel = dict[Level, dict[str, Figures]]


class PlatformAdapter(Protocol):
    """`levels` are the objects that this platform knows, parents first. What `describe_account` tells is
    kept for `account_seconds`; 0 reads it for each creation."""

    platform: str
    levels: tuple[Level, ...]
    copy_limits: CopyLimits
    account_seconds: int

    async def describe_account(self, access: Access) -> AdAccount:
        """One read. Raises AccountError when the account cannot advertise now."""
        ...

    def fit_ages(self, age_groups: Sequence[AgeGroup]) -> list[AgeGroup]:
        """The groups as this platform can target them, one for each, never overlapping more than asked.
        Raises InvalidRequestError for a group that it cannot express at all."""
        ...

    def check(self, spec: CreateCampaign, account: AdAccount) -> list[str]:
        """Warnings on what this platform reads differently. Raises InvalidRequestError or AccountError for
        what it needs and was not given, or cannot express; nothing has been written then."""
        ...

    def check_creatives(self, spec: CreateCampaign, creatives: Sequence[Creative]) -> None:
        """Raises InvalidRequestError for a creative that the objective's ads cannot show."""
        ...

    async def upload(self, access: Access, creative: Creative, known: str | None) -> str:
        """The reference of the creative's file in the account; `known` is the one stored before."""
        ...

    async def create_campaign(self, access: Access, plan: CampaignPlan, account: AdAccount) -> Outcome: ...

    async def create_adsets(
        self,
        access: Access,
        plan: CampaignPlan,
        account: AdAccount,
        campaign_id: str,
        adsets: Sequence[AdSetPlan],
    ) -> list[Outcome]: ...

    async def create_creatives(
        self, access: Access, plan: CampaignPlan, account: AdAccount, orders: Sequence[CreativeOrder]
    ) -> list[Outcome]: ...

    async def create_ads(
        self,
        access: Access,
        plan: CampaignPlan,
        account: AdAccount,
        campaign_id: str,
        orders: Sequence[AdOrder],
    ) -> list[Outcome]: ...

    async def find(
        self, access: Access, level: Level, names: Sequence[str], campaign_id: str | None
    ) -> dict[str, list[str]]:
        """The ids of live objects by exact name, for the names that exist."""
        ...

    async def read_tree(self, access: Access, campaign_id: str, currency: str) -> Tree:
        """The campaign with its ad sets and ads. Raises PlatformRejectedError (5000) when it is gone."""
        ...

    async def set_status(
        self, access: Access, level: Level, ids: Sequence[str], status: str
    ) -> list[Outcome]:
        """`status` is active or paused; one outcome per id, whose tag is the id."""
        ...

    async def remove(self, access: Access, level: Level, ids: Sequence[str]) -> list[Outcome]:
        """Removing what is already gone is a success."""
        ...

    async def read_figures(
        self, access: Access, campaign_id: str, day: date, objective: str
    ) -> FiguresByLevel:
        """Delivery on one account day, one report per level. An object without a row did not deliver."""
        ...


def ratio(numerator: Decimal | None, denominator: Decimal | None) -> Decimal | None:
    """A ratio with 4 decimals, or None when it is unknown or its divisor is 0."""
    if numerator is None or not denominator:
        return None
    return round(numerator / denominator, 4)


def figures(spend: Decimal | None, revenue: Decimal | None, conversions: Decimal | None) -> Figures:
    """Figures with their ratios: ROAS = revenue / spend, CPA = spend / conversions."""
    return Figures(
        spend=spend,
        revenue=revenue,
        conversions=conversions,
        roas=ratio(revenue, spend),
        cpa=ratio(spend, conversions),
    )
