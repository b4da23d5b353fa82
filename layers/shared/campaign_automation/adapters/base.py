"""The contract of platform adapters: bulk per level, money in the account's major unit, typed errors.

An adapter keeps no state of its own: the account and its token come with every call. Reads may be asked
again at will; a create is sent once, and when its outcome is unknown the caller uses `find` before it
creates again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from pydantic import BaseModel, SecretStr

from campaign_automation.adapters.tree import Depth, Tree, Trees
from campaign_automation.models.campaigns import (
    AdCopy,
    AdSetPlan,
    CampaignPlan,
    CreateCampaign,
    Creative,
    Figures,
)
from campaign_automation.models.common import AdAccount, AgeGroup, Level, Objective
from campaign_automation.models.creation.options import GivenTexts, Keyword
from campaign_automation.models.creation.settings import Bidding, Copy, Setting
from campaign_automation.models.reports import DailyInsight as DailyInsight  # part of this contract
from campaign_automation.utils.error_handler import CampaignAutomationError, InvalidRequestError

if TYPE_CHECKING:  # whole accounts are read by few functions
    from campaign_automation.models.accounts import FoundCampaign


class Access(BaseModel, frozen=True):
    """An ad account, the token to act on it, and the token's end where it is known."""

    platform_account_id: str
    token: SecretStr
    expires_at: datetime | None = None


class CopyLimits(NamedTuple):
    """The most characters that a platform shows, and the count of different lines that it asks for."""

    primary_text: int
    headline: int
    description: int
    headlines: int = 1
    descriptions: int = 1
    emoji: bool = True
    wide_counts_double: bool = False  # Chinese, Japanese and Korean characters
    fewest_headlines: int = 1  # without which no ad can be made
    fewest_descriptions: int = 1
    shows_parts: bool = True  # headline and description beside the primary text
    exclamations: int | None = None  # the most in a line; where there is a limit, none in a headline


class CreativeOrder(NamedTuple):
    """One creative to show, with its copy and `asset`, the platform's reference of its file."""

    tag: str
    name: str
    creative: Creative
    copy: AdCopy
    asset: str


class AdOrder(NamedTuple):
    """One ad to create. `creative_id` is the platform's creative object, where it has one already."""

    tag: str
    name: str
    adset_id: str
    creative: CreativeOrder
    creative_id: str | None


class Outcome(NamedTuple):
    """The outcome for one object: its id, or the error that explains its absence."""

    tag: str
    platform_id: str | None = None
    error: CampaignAutomationError | None = None
    request_id: str | None = None  # the platform's, where it tells one


class BudgetOutcome(NamedTuple):
    """The outcome for one budget.

    `effective` is "now", or "next_day" for 00:00 of the account's next day; None with an error.
    """

    platform_id: str
    effective: Literal["now", "next_day"] | None = None
    error: CampaignAutomationError | None = None
    request_id: str | None = None


class SplitOrder(NamedTuple):
    """A split test to create: one ad set per cell, from `start` to `end`."""

    name: str
    adset_ids: Sequence[str]
    start: datetime
    end: datetime


LONGEST_REPORT_DAYS = 90
FiguresByLevel = dict[Level, dict[str, Figures]]


class PlatformAdapter(Protocol):
    """One platform's campaigns, ad sets, creatives, ads and reports.

    `levels` are the objects that it knows, parents first; `budget_level` is the one with our budgets. The
    description of an account is kept for `account_seconds`; 0 reads it for each creation. `has_end_times`:
    the objects of `budget_level` are created with the plan's `ends_at`, at which the platform stops them.
    `needs_category_declaration`: nothing may be started before special ad categories are declared.
    `edits_copies`: other texts are given to an ad itself, and elsewhere to another ad.
    """

    platform: str
    levels: tuple[Level, ...]
    budget_level: Level
    copy_limits: CopyLimits
    account_seconds: int
    has_end_times: bool
    needs_category_declaration: bool
    edits_copies: bool

    async def describe_account(self, access: Access) -> AdAccount:
        """Read the account. Raises AccountError when it cannot advertise now."""
        ...

    async def check_account(self, access: Access) -> None:
        """Raise AccountError when the account cannot advertise now: disabled, unpaid, closed. One call."""
        ...

    def fit_ages(self, age_groups: Sequence[AgeGroup]) -> list[AgeGroup]:
        """Return the groups as this platform can target them, one for each, not overlapping more than asked.

        Raises InvalidRequestError for a group that it cannot express at all.
        """
        ...

    def check(self, spec: CreateCampaign, account: AdAccount) -> list[str]:
        """Return warnings on everything that this platform reads differently.

        Raises InvalidRequestError or AccountError for a missing need of the platform, or for a request that
        it cannot express; nothing has been written then.
        """
        ...

    def check_creatives(self, spec: CreateCampaign, creatives: Sequence[Creative]) -> None:
        """Raise InvalidRequestError for a creative that the objective's ads cannot show."""
        ...

    def keywords_of(self, objective: Objective, creatives: Sequence[Creative]) -> list[Keyword]:
        """Return the keywords of ads of these creatives, where none are asked for."""
        ...

    async def upload(self, access: Access, creative: Creative, known: str | None) -> str:
        """Return the reference of the creative's file in the account; `known` is the one stored before."""
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

    async def create_ads(
        self,
        access: Access,
        plan: CampaignPlan,
        account: AdAccount,
        campaign_id: str,
        orders: Sequence[AdOrder],
        creatives: Sequence[CreativeOrder] = (),
    ) -> list[Outcome]:
        """Create the creative objects, where the platform has them, and the ads; one outcome for each.

        An ad without a `creative_id` shows its order's creative, which is among `creatives` then.
        """
        ...

    async def find(
        self, access: Access, level: Level, names: Sequence[str], campaign_id: str | None
    ) -> dict[str, list[str]]:
        """Return the ids of live objects by exact name, for the names that exist."""
        ...

    async def list_campaigns(self, access: Access, account: AdAccount) -> list[FoundCampaign]:
        """Return all live campaigns of the account, whoever made them, each once."""
        ...

    async def campaign_names(self, access: Access) -> dict[str, str]:
        """Return the names of all live campaigns of the account, by id."""
        ...

    async def read_tree(
        self, access: Access, campaign_id: str, currency: str, *, depth: Depth = "whole"
    ) -> Tree:
        """Read the campaign with its ad sets and ads; of a deleted one the campaign alone, as deleted.

        A smaller `depth` takes fewer requests: ads that are not read are lost, targeting and keywords may be
        missing. Statuses, budgets and settings of what is read are always told.

        Raises PlatformRejectedError (5000) when the platform does not show it. That is no sign that it is
        deleted: the token may have lost its permission, or the answer is odd.
        """
        ...

    async def read_trees(self, access: Access, campaign_ids: Sequence[str], currency: str) -> Trees:
        """Read campaigns as `read_tree` does, in as few requests as the platform allows.

        The error of a campaign stands in the place of its tree. Raises those that are of the account.
        """
        ...

    async def set_status(
        self, access: Access, level: Level, ids: Sequence[str], status: str
    ) -> list[Outcome]:
        """Set the status, active or paused, and return one outcome per id, whose tag is the id.

        To have the status already is a success; an id that does not exist is a PlatformRejectedError (5000)
        of that id alone.
        """
        ...

    async def set_budgets(
        self, access: Access, account: AdAccount, level: Level, budgets: Mapping[str, Decimal]
    ) -> list[BudgetOutcome]:
        """Set daily budgets by platform id, in the major unit, and return one outcome per id, in order.

        A level that does not own the budget, a shared budget and an amount that is no multiple of the
        account's `budget_step` are refused for that id. Budgets are absolute, so a PlatformUnavailableError
        (the outcome is unknown) may simply be sent again.
        """
        ...

    async def remove(self, access: Access, level: Level, ids: Sequence[str]) -> list[Outcome]:
        """Delete the objects, and return one outcome per id.

        An object that the platform shows as deleted is a success, one that it does not show is not.
        """
        ...

    async def create_split(self, access: Access, account: AdAccount, order: SplitOrder) -> str | None:
        """Create the platform's own split test, one ad set per cell, each person in one of them: its id.

        None where platform or account has none for these ad sets; a test is then not randomised.
        A test that exists already is found and not made again, so an unknown outcome may be asked again.
        """
        ...

    async def end_split(self, access: Access, account: AdAccount, split_id: str) -> None:
        """End the test now; one shown to be over is a success. On TikTok its ad groups stop with it."""
        ...

    def fit_texts(self, objective: Objective, texts: GivenTexts) -> GivenTexts:
        """Return the texts without the parts and lines that the objective's ads cannot show."""
        ...

    def check_texts(self, objective: Objective, texts: Sequence[GivenTexts]) -> list[str]:
        """Return warnings. Raises InvalidRequestError, by field, for a line that the ads cannot show."""
        ...

    def lines_of(self, objective: Objective, copy: AdCopy) -> Copy | None:
        """Return the copy as the lines of an ad that is edited in place; None where ads keep their contents.

        Raises PlatformRejectedError (6003) for too few lines that fit.
        """
        ...

    def check_setting(
        self, setting: Setting, before: Bidding | None, objective: Objective, account: AdAccount
    ) -> None:
        """Raise InvalidRequestError, by the request's field, for a setting that the platform does not take.

        `before` is the bidding that a new one takes the place of.
        """
        ...

    async def change_setting(
        self,
        access: Access,
        account: AdAccount,
        objective: Objective,
        level: Level,
        ids: Sequence[str],
        setting: Setting,
    ) -> list[Outcome]:
        """Give objects of one level and campaign a name, an end, a bidding or a copy: one outcome per id.

        Names are of campaigns, copies of ads, ends of objects of `budget_level`, biddings of the objects that
        show one in the tree. To have the setting already is a success.
        """
        ...

    async def read_daily(
        self,
        access: Access,
        level: Level,
        campaign_ids: Sequence[str],
        since: date,
        until: date,
        objective: str,
    ) -> list[DailyInsight]:
        """Read delivery by account day, both ends included, of one level in campaigns of one objective.

        One report serves all of them (TikTok: one for each 30 days), plus its further pages.
        Only the rows that the platform gave: Meta and Google leave out days without delivery, TikTok what is
        deleted. `delivery.fill_days` adds the days of zeros. Conversions are the objective's canonical event,
        counted once. Raises InvalidRequestError for a window that is not 1 to 90 days.
        """
        ...


async def read_figures(
    adapter: PlatformAdapter, access: Access, campaign_id: str, day: date, objective: str
) -> FiguresByLevel:
    """Read delivery on one account day, one report per level, all at once.

    An object without a row did not deliver.
    """
    levels = [level for level in adapter.levels if level is not Level.CREATIVE]
    reports = [adapter.read_daily(access, level, [campaign_id], day, day, objective) for level in levels]
    days = [{row.entity_id: figures(row) for row in rows} for rows in await asyncio.gather(*reports)]
    return dict(zip(levels, days, strict=True))


def failed(tag: str, error: CampaignAutomationError) -> Outcome:
    return Outcome(tag, error=error, request_id=error.details.get("platform_request_id"))


def check_window(since: date, until: date) -> None:
    """Raise InvalidRequestError for a window that is not 1 to 90 days."""
    days = (until - since).days + 1
    if not 1 <= days <= LONGEST_REPORT_DAYS:
        raise InvalidRequestError(
            f"since: {since} to {until} are {days} days; 1 to {LONGEST_REPORT_DAYS} are allowed",
            field="since",
            allowed=f"1 to {LONGEST_REPORT_DAYS} days",
        )


def ratio(numerator: Decimal | None, denominator: Decimal | None) -> Decimal | None:
    """A ratio with 4 decimals, or None when it is unknown or its divisor is 0."""
    if numerator is None or not denominator:
        return None
    return round(numerator / denominator, 4)


def figures(row: DailyInsight) -> Figures:
    """Figures with their ratios: CTR (in percent), ROAS = revenue / spend, CPA = spend / result."""
    clicks = None if row.clicks is None else 100 * Decimal(row.clicks)
    return Figures(
        impressions=row.impressions,
        clicks=row.clicks,
        ctr=ratio(clicks, None if row.impressions is None else Decimal(row.impressions)),
        spend=row.spend,
        revenue=row.revenue,
        conversions=row.conversions,
        roas=ratio(row.revenue, row.spend),
        cpa=ratio(row.spend, row.conversions),
    )
