"""The vendor's own message types, raw: what travels on the wire and what the sandbox stores."""

import re
from dataclasses import dataclass
from typing import Any

from google.ads.googleads.v26.errors.types import errors as error_types
from google.ads.googleads.v26.resources.types import (
    ad_group,
    ad_group_ad,
    ad_group_criterion,
    asset,
    campaign,
    campaign_budget,
    campaign_criterion,
)
from google.ads.googleads.v26.services.types import google_ads_service as service

Message = Any  # a raw protobuf message; the vendor's package carries no types for them
TEMPORARY = re.compile(r"-\d+")


def raw(vendor_type: Any) -> Any:
    """The protobuf class behind one of the vendor's wrapped types."""
    return type(vendor_type.pb(vendor_type()))


GoogleAdsFailure = raw(error_types.GoogleAdsFailure)
GoogleAdsRow = raw(service.GoogleAdsRow)
MutateRequest = raw(service.MutateGoogleAdsRequest)
MutateResponse = raw(service.MutateGoogleAdsResponse)
SearchRequest = raw(service.SearchGoogleAdsRequest)
SearchResponse = raw(service.SearchGoogleAdsResponse)
StreamRequest = raw(service.SearchGoogleAdsStreamRequest)
StreamResponse = raw(service.SearchGoogleAdsStreamResponse)


@dataclass(frozen=True)
class Kind:
    """A kind of resource: its name in GAQL, its part of resource names, its parent and its message."""

    name: str
    collection: str
    message: Any
    parent: str | None = None


KINDS = {
    kind.name: kind
    for kind in (
        Kind("campaign_budget", "campaignBudgets", raw(campaign_budget.CampaignBudget)),
        Kind("campaign", "campaigns", raw(campaign.Campaign)),
        Kind("campaign_criterion", "campaignCriteria", raw(campaign_criterion.CampaignCriterion), "campaign"),
        Kind("ad_group", "adGroups", raw(ad_group.AdGroup), "campaign"),
        Kind("ad_group_criterion", "adGroupCriteria", raw(ad_group_criterion.AdGroupCriterion), "ad_group"),
        Kind("ad_group_ad", "adGroupAds", raw(ad_group_ad.AdGroupAd), "ad_group"),
        Kind("asset", "assets", raw(asset.Asset)),
    )
}
KIND_OF_COLLECTION = {kind.collection: kind for kind in KINDS.values()}


def enum_name(message: Message, field: str) -> str:
    """The name of an enum field's value."""
    descriptor = message.DESCRIPTOR.fields_by_name[field]
    return str(descriptor.enum_type.values_by_number[getattr(message, field)].name)


def set_enum(message: Message, field: str, name: str) -> None:
    descriptor = message.DESCRIPTOR.fields_by_name[field]
    setattr(message, field, descriptor.enum_type.values_by_name[name].number)


def add_enum(message: Message, field: str, names: list[str]) -> None:
    descriptor = message.DESCRIPTOR.fields_by_name[field]
    getattr(message, field).extend(descriptor.enum_type.values_by_name[name].number for name in names)


def is_temporary(resource_name: str) -> bool:
    """Whether a resource name ends in a negative id, to be replaced within its request."""
    return bool(TEMPORARY.fullmatch(resource_name.rpartition("/")[2]))
