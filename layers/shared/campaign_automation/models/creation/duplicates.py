"""The request of a copy of a campaign."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, Field

from campaign_automation.models.campaigns import CreativeId, SpecialAdCategories
from campaign_automation.models.common import (
    AnyObjective,
    Country,
    Platform,
    PositiveAmount,
    Proposable,
    Text,
    unique,
)
from campaign_automation.models.creation.options import BidStrategy

# Settings that a copy may do without: some have words or ids that elsewhere are nothing, or others.
LeftOut = Literal[
    "regions",
    "cities",
    "places",
    "audience",
    "audiences",
    "excluded_audiences",
    "excluded_countries",
    "genders",
    "languages",
    "other_targeting",
    "placements",
    "call_to_action",
    "tracking",
    "keywords",
    "negative_keywords",
]


class DuplicateCampaign(Proposable):
    """Parameters of duplicate_campaign; what is left out is as in the campaign that `campaign_id` names.

    The copy is paused, unless `activate`. `leave_out` names settings that it shall not have. A campaign that
    was made elsewhere needs `creative_ids`, and where it is not known its `objective`.
    """

    campaign_id: Annotated[Text, Field(max_length=128)]
    platform: Platform | None = None
    ad_account_id: Annotated[Text, Field(max_length=64)] | None = None
    name: Annotated[Text, Field(max_length=200)] | None = None
    daily_budget: PositiveAmount | None = None
    target_countries: (
        Annotated[list[Country], Field(min_length=1, max_length=25), AfterValidator(unique)] | None
    ) = None
    end_time: AwareDatetime | Literal["none"] | None = None
    bid_strategy: BidStrategy | None = None
    target_roas: PositiveAmount | None = None
    target_cpa: PositiveAmount | None = None
    objective: AnyObjective | None = None
    creative_ids: (
        Annotated[list[CreativeId], Field(min_length=1, max_length=50), AfterValidator(unique)] | None
    ) = None
    special_ad_categories: SpecialAdCategories | None = None
    eu_political_advertising: Annotated[bool, Field(strict=True)] | None = None
    leave_out: Annotated[list[LeftOut], AfterValidator(unique)] = []
    activate: Annotated[bool, Field(strict=True)] = False
    dry_run: Annotated[bool, Field(strict=True)] = False
