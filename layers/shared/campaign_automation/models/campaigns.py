"""The shapes of campaigns: the request, the plan, the answers of creation and status."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    HttpUrl,
    PlainSerializer,
    model_validator,
)

from campaign_automation.models.common import (
    Amount,
    Answer,
    AnyObjective,
    Country,
    Later,
    Level,
    Model,
    Objective,
    OrderedAges,
    Platform,
    PositiveAmount,
    Proposable,
    StoredTargeting,
    Targeting,
    Text,
    narrowing_of,
    unique,
)
from campaign_automation.models.creation.options import (
    BidStrategy,
    CreationOptions,
    Keyword,
    Schedule,
    Tracking,
)

CreativeId = Annotated[Text, Field(max_length=64)]
_Url = Annotated[HttpUrl, PlainSerializer(str)]


class CreativeInput(Model):
    """A creative given inline instead of by the Web Platform's id."""

    creative_id: CreativeId
    file_url: _Url
    file_type: Literal["image", "video"]
    name: Annotated[Text, Field(max_length=200)]
    product_url: _Url | None = None
    style: Annotated[Text, Field(max_length=100)] | None = None
    tags: Annotated[list[Annotated[Text, Field(max_length=100)]], Field(max_length=30)] = []


class Lookalike(Model):
    lookalike: Annotated[Text, Field(max_length=64)]


class Dsa(Model):
    """The beneficiary and the payor of ads shown in the EU, declared under its Digital Services Act."""

    beneficiary: Annotated[Text, Field(max_length=100)]
    payor: Annotated[Text, Field(max_length=100)]


def _none_alone(categories: list[str]) -> list[str]:
    others = [item for item in categories if item != "NONE"]
    if len(others) not in (0, len(categories)):
        raise ValueError(
            f"NONE declares that no category applies, so it cannot stand beside {', '.join(others)}"
        )
    return categories


SpecialAdCategories = Annotated[
    list[Text], Field(max_length=5), AfterValidator(unique), AfterValidator(_none_alone)
]


class CampaignTerms(CreationOptions):
    """The parameters of every request that makes a campaign."""

    daily_budget: PositiveAmount
    platform: Platform = Platform.META
    creative_ids: (
        Annotated[list[CreativeId], Field(min_length=1, max_length=50), AfterValidator(unique)] | None
    ) = None
    creatives: Annotated[list[CreativeInput], Field(min_length=1, max_length=50)] | None = None
    target_countries: Annotated[list[Country], Field(min_length=1, max_length=25), AfterValidator(unique)] = [
        "US"
    ]
    product_url: _Url | None = None
    ad_account_id: Annotated[Text, Field(max_length=64)] | None = None
    audience: Literal["broad"] | Lookalike = "broad"
    special_ad_categories: SpecialAdCategories | None = None
    dsa: Dsa | None = None
    eu_political_advertising: Annotated[bool, Field(strict=True)] | None = None
    dry_run: Annotated[bool, Field(strict=True)] = False

    @model_validator(mode="after")
    def _one_source_of_creatives(self) -> Self:
        if (self.creative_ids is None) == (self.creatives is None):
            raise ValueError("give either creative_ids or creatives")
        ids = [item.creative_id for item in self.creatives or []]
        if len(set(ids)) != len(ids):
            raise ValueError("creatives: two have the same creative_id; each needs its own")
        return self

    @model_validator(mode="after")
    def _texts_of_its_creatives(self) -> Self:
        asked = self.creative_ids or [item.creative_id for item in self.creatives or []]
        strange = [item.creative_id for item in self.texts or [] if item.creative_id not in asked]
        if strange:
            raise ValueError(f"texts: {', '.join(strange)} is not among the creatives of this request")
        return self

    @model_validator(mode="after")
    def _no_country_both_ways(self) -> Self:
        if both := sorted(set(self.target_countries) & set(self.excluded_countries)):
            raise ValueError(f"excluded_countries: {', '.join(both)} is a target country as well")
        return self


class CreateCampaign(CampaignTerms, Schedule, Proposable):
    """Parameters of create_campaign: the whole campaign, with the ads of its creatives in every ad set."""

    objective: AnyObjective
    target_roas: PositiveAmount | None = None
    target_cpa: PositiveAmount | None = None
    name: Annotated[Text, Field(max_length=200)] | None = None
    age_groups: Annotated[list[OrderedAges], Field(min_length=1, max_length=10), AfterValidator(unique)] = [
        (18, 35),
        (36, 50),
        (51, 65),
    ]
    split_by: Literal["age", "country", "country_age"] = "age"
    activate: Annotated[bool, Field(strict=True)] = False
    bid_strategy: Annotated[BidStrategy, Field(exclude_if=lambda value: value == "lowest_cost")] = (
        "lowest_cost"
    )

    @model_validator(mode="after")
    def _target_to_bid_for(self) -> Self:
        if self.bid_strategy != "lowest_cost" and getattr(self, self.bid_strategy) is None:
            raise ValueError(f"{self.bid_strategy}: is required by bid_strategy {self.bid_strategy}")
        return self


class GetCampaignStatus(Model):
    """Parameters of get_campaign_status: our id (cmp_...) or the platform's."""

    campaign_id: Annotated[Text, Field(max_length=128)]


class AdSetPlan(Model):
    tag: str
    name: str
    daily_budget: Amount
    targeting: Targeting
    placements: Literal["automatic"] | list[str] = "automatic"
    bid_strategy: BidStrategy = "lowest_cost"
    keywords: Annotated[list[Keyword], Later] = []
    bid_target: Annotated[Amount | None, Later] = None  # the cost or the return that the strategy bids for


class AdPlan(Model):
    tag: str
    name: str
    adset_tag: str
    creative_id: str


class CreativePlan(Model):
    tag: str
    name: str
    creative_id: str


class CampaignPlan(Model):
    """The objects that one creation asks of the platform; each carries its tag in its name.

    `ends_at` is the time at which the platform itself stops the delivery, also when this module is gone, and
    `starts_at` the earliest at which it shows an ad, whatever is switched on before. The ads of an addition
    are for ad sets that exist, with keywords of their own.
    """

    tag: str
    name: str
    objective: Objective
    adsets: list[AdSetPlan]
    creatives: list[CreativePlan]
    ads: list[AdPlan]
    audience: Literal["broad"] | Lookalike
    special_ad_categories: list[str]
    lacks_declaration: bool = False  # of these categories, which the platform needs before the start
    dsa: Dsa | None = None
    eu_political_advertising: bool | None = None
    ends_at: datetime | None = None
    starts_at: Annotated[datetime | None, Later] = None
    call_to_action: Annotated[str | None, Later] = None
    negative_keywords: Annotated[list[Keyword], Later] = []
    tracking: Annotated[Tracking | None, Later] = None
    is_addition: Annotated[bool, Later] = False

    def audiences(self, adset: AdSetPlan) -> list[str]:
        """Return the lists of people whom an ad set reaches, with the campaign's lookalike."""
        lookalike = [self.audience.lookalike] if isinstance(self.audience, Lookalike) else []
        return sorted({*lookalike, *adset.targeting.audiences})

    def narrowing(self, adset: AdSetPlan) -> list[str]:
        """Return what an ad set is narrowed by beside ages and countries, as "genders female"."""
        return narrowing_of(adset.targeting.model_copy(update={"audiences": self.audiences(adset)}))


class Creative(Model):
    """The file, name and page that an ad shows, as resolved from the Web Platform or the request."""

    creative_id: str
    name: str
    file_url: str
    file_type: Literal["image", "video"]
    product_url: str
    style: str | None = None
    tags: list[str] = []


class AdCopy(Model):
    """The copy of one creative. `source` names the model that wrote it, or "template".

    Platforms that combine several lines into one ad get more of them.
    """

    primary_text: str
    headline: str
    description: str
    source: str
    more_headlines: list[str] = []
    more_descriptions: list[str] = []


class AdSetResult(Model):
    adset_id: str
    platform_adset_id: str | None = None
    name: str
    daily_budget: Amount
    targeting: Targeting
    placements: str | list[str]
    bid_strategy: str
    bid_target: Annotated[Amount | None, Later] = None
    keywords: Annotated[list[Keyword], Later] = []


class AdResult(Model):
    ad_id: str
    platform_ad_id: str | None = None
    adset_id: str
    creative_id: str
    copy_text: str = Field(serialization_alias="copy")  # pydantic's models have a method named copy
    headline: str
    description: str
    copy_source: str


class Change(Model):
    """One object of a dry run, as it is now and as it would be."""

    level: Level
    name: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class CampaignCreated(Answer):
    status: Literal["success"] = "success"
    state: Literal["created", "planned", "deleted"]
    campaign_id: str
    platform: Platform
    platform_campaign_id: str | None = None
    name: str
    campaign_status: Literal["paused", "active", "deleted"]
    currency: str
    adsets: list[AdSetResult]
    ads: list[AdResult]
    drift: list[str] = []
    changes: list[Change] | None = None
    warnings: list[str] = []
    duplicated_from: Annotated[str | None, Later] = None
    message: str


class CampaignAccepted(Answer):
    """A creation that goes on; `status_url` gives its outcome."""

    status: Literal["accepted"] = "accepted"
    state: Literal["creating"] = "creating"
    campaign_id: str
    status_url: str
    duplicated_from: Annotated[str | None, Later] = None
    message: str


class Figures(Model):
    """Delivery of one object on one account day; `ctr` is a percentage.

    None is unknown or undefined, never 0.
    """

    impressions: int | None = None
    clicks: int | None = None
    ctr: Amount | None = None

    spend: Amount | None = None
    revenue: Amount | None = None
    conversions: Amount | None = None
    roas: Amount | None = None
    cpa: Amount | None = None


class CampaignState(Model):
    """A campaign as its platform shows it, with the figures of the account day `day`.

    `daily_budget` counts what runs, or starts, with the campaign; what was paused on its own is in
    `paused_daily_budget`.
    """

    campaign_id: str
    platform: Platform
    platform_campaign_id: str | None = None
    name: str
    status: str
    platform_status: str | None = None
    currency: str | None = None
    daily_budget: Amount | None = None
    paused_daily_budget: Amount | None = None
    created_at: datetime | None = None
    ends_at: datetime | None = None
    day: date | None = None
    impressions_today: int | None = None
    clicks_today: int | None = None
    ctr_today: Amount | None = None
    spend_today: Amount | None = None
    revenue_today: Amount | None = None
    roas_today: Amount | None = None
    cpa_today: Amount | None = None
    conversions_today: Amount | None = None
    issues: list[str] = []


class AdSetState(Figures):
    """An ad set as its platform shows it. A `foreign` one was not made by this module, and is left alone."""

    adset_id: str
    platform_adset_id: str
    name: str
    status: str
    platform_status: str
    daily_budget: Amount | None = None
    targeting: StoredTargeting | None = None
    placements: str | list[str] | None = None
    bid_strategy: str | None = None
    bid_target: Amount | None = None
    ends_at: datetime | None = None
    issues: list[str] = []
    foreign: bool = False


class AdState(Figures):
    """An ad as its platform shows it. A `foreign` one was not made by this module, and is left alone."""

    ad_id: str
    platform_ad_id: str
    adset_id: str
    creative_id: str | None = None
    name: str
    status: str
    platform_status: str
    issues: list[str] = []
    foreign: bool = False


class TokenHealth(Model):
    """The expiry of the ad account's token; null when it is unknown."""

    expires_at: datetime | None = None
    days_left: int | None = None


class CampaignStatus(Model):
    """The status of a campaign, read from the platform at `as_of`; a `stale` answer has its `age_seconds`."""

    status: Literal["success"] = "success"
    campaign: CampaignState
    adsets: list[AdSetState] = []
    ads: list[AdState] = []
    as_of: str
    source: Literal["live", "cache", "stale"] = "live"
    age_seconds: int | None = None
    token: TokenHealth = TokenHealth()
    warnings: list[str] = []
