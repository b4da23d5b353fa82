"""A campaign with its objects, as a platform stored them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from campaign_automation.models.common import Level, Record, StoredTargeting
from campaign_automation.models.creation.options import Keyword
from campaign_automation.models.creation.settings import Bidding, Copy, End, SettingField
from campaign_automation.utils.error_handler import (
    PlatformAuthError,
    PlatformError,
    PlatformRateLimitError,
    PlatformUnavailableError,
)
from campaign_automation.utils.money import LARGEST_AMOUNT

_ATTRIBUTES = {"end_time": "ends_at", "copy": "lines"}  # settings that nodes call otherwise
_AT_ONCE = 6
# Read of a campaign are its ad sets, or its ads as well, or all with targeting and keywords.
Depth = Literal["adsets", "ads", "whole"]
Budget = Annotated[Decimal, Field(ge=0, lt=LARGEST_AMOUNT)]


class Node(Record):
    """One object as the platform stored it. `status` is ours (active, paused, deleted), `platform_status`
    the platform's effective one. `unread` names the fields that the platform answered in a form unknown
    here; they keep their defaults, and `issues` says so. It is shown from `starts_at` to `ends_at`."""

    platform_id: str
    name: str
    status: str
    platform_status: str
    issues: list[str] = []
    unread: list[str] = []
    ends_at: datetime | None = None
    starts_at: datetime | None = None

    def tells(self, field: str) -> bool:
        """Return whether a field, or a setting, was answered in a form that is known."""
        return _ATTRIBUTES.get(field, field) not in self.unread

    def setting(self, field: SettingField) -> str | None:
        """Return the text of a setting; None of one that the object does not have, or that was not read."""
        if not self.tells(field):
            return None
        if field == "copy":  # of ads
            lines: Copy | None = getattr(self, "lines", None)
            return lines and lines.text
        if field == "end_time":
            return End(self.ends_at).text
        if field == "name":
            return self.name
        strategy = getattr(self, "bid_strategy", None)  # of campaigns and ad sets
        return None if strategy is None else Bidding(strategy, getattr(self, "bid_target", None)).text


class CampaignNode(Node):
    """`daily_budget` only where the budget belongs to the campaign: always on Google Ads, elsewhere where the
    platform spreads it over the ad sets; `fixed_budget` is the reason why it is not changed from here. So
    with `bid_strategy`, but on TikTok bids are the ad sets'. `created_at` is None where it is not told."""

    daily_budget: Budget | None = None
    fixed_budget: str | None = None
    bid_strategy: str | None = None
    bid_target: Budget | None = None
    created_at: datetime | None = None
    negative_keywords: list[Keyword] | None = None  # None where they were not read


class AdSetNode(Node):
    """`in_learning`: the platform still learns how to deliver it; None where it does not tell.
    `scheduled_budget` takes the place of `daily_budget` at 00:00 of the account's next day. `placed` names
    the chosen placements, as far as they have names here. `keywords` is None where they were not read.
    `attribution_days`: conversions count for so many days after a click or a view, the longer of both."""

    daily_budget: Budget | None = None
    targeting: StoredTargeting | None = None
    placements: str = "unknown"
    placed: list[str] = []
    bid_strategy: str = "unknown"
    bid_target: Budget | None = None
    keywords: list[Keyword] | None = None
    in_learning: bool | None = None
    attribution_days: int | None = None
    scheduled_budget: Budget | None = None


class AdNode(Node):
    """An ad. None is what the platform does not show of it, or its ads do not have.

    `shown_by` is the page or identity under which it is shown, as facts of an account, `lines` those of an ad
    that is edited in place.
    """

    adset_id: str
    primary_text: str | None = None
    call_to_action: str | None = None
    url_parameters: dict[str, str] | None = None
    shown_by: dict[str, str] = {}
    lines: Copy | None = None


class Tree(Record):
    """A campaign with its objects. `lost` are the levels with objects that were not shown, or without an id:
    of those nothing is known, so that an object which is missing here need not be deleted. `lookback_days` is
    the attribution window where it belongs to the account."""

    campaign: CampaignNode
    adsets: list[AdSetNode]
    ads: list[AdNode]
    lost: list[Level] = []
    lookback_days: int | None = None

    def without_ads(self) -> Tree:
        """Return the tree whose ads were not asked for, so that nothing is known of them."""
        if self.campaign.status == "deleted":
            return self  # with all that is in it
        return self.model_copy(update={"ads": [], "lost": [*self.lost, Level.AD]})

    @property
    def attribution_days(self) -> int | None:
        """The longest attribution window, 1 to 90 days; None where the platform tells none."""
        windows = [item.attribution_days for item in self.adsets] + [self.lookback_days]
        known = [days for days in windows if days is not None]
        return min(max(*known, 1), 90) if known else None


Trees = dict[str, Tree | PlatformError]  # by platform id; the error of a campaign that was not read


async def each_tree(read: Callable[[str], Awaitable[Tree]], campaign_ids: Sequence[str]) -> Trees:
    """Return the trees that `read` gives one by one, a few at a time.

    Raises what is no matter of one campaign: PlatformRateLimitError, the refusal of the token, and a failure
    of all.
    """
    limit = asyncio.Semaphore(_AT_ONCE)

    async def one(campaign_id: str) -> Tree | PlatformError:
        async with limit:
            try:
                return await read(campaign_id)
            except PlatformError as error:
                if isinstance(error, PlatformRateLimitError) or _is_of_token(error):
                    raise
                return error

    found = await asyncio.gather(*map(one, campaign_ids))
    failures = [item for item in found if isinstance(item, PlatformUnavailableError)]
    if len(failures) == len(found) > 1:
        raise failures[0]  # of the platform, and of no campaign
    return dict(zip(campaign_ids, found, strict=True))


def tree_or_raise(tree: Tree | PlatformError) -> Tree:
    if isinstance(tree, PlatformError):
        raise tree
    return tree


def _is_of_token(error: PlatformError) -> bool:
    return isinstance(error, PlatformAuthError) and error.code != "1004"
