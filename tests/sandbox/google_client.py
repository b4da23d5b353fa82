"""The vendor's Google Ads client on the sandbox, and valid operations for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from google.ads.googleads.errors import GoogleAdsException
from google.ads.googleads.interceptors import ExceptionInterceptor, MetadataInterceptor
from google.ads.googleads.v26.services.services.google_ads_service import GoogleAdsServiceClient
from google.ads.googleads.v26.services.services.google_ads_service.transports import (
    GoogleAdsServiceGrpcTransport,
)

CUSTOMER, TOKEN = "1230000003", "sandbox-google-token-123"
FAILURE_KEY = "google.ads.googleads.v26.errors.googleadsfailure-bin"
BUDGET, CAMPAIGN, GROUP = (
    f"customers/{CUSTOMER}/{name}" for name in ("campaignBudgets/-1", "campaigns/-2", "adGroups/-3")
)
Json = dict[str, Any]


@dataclass
class GoogleClient:
    """Calls as the vendor's client makes them; operations are dicts in its shapes."""

    service: Any
    token: str = TOKEN

    def mutate(self, *operations: Json, customer: str = CUSTOMER, **options: Any) -> Any:
        request = {"customer_id": customer, "mutate_operations": list(operations), **options}
        return self.service.mutate(request=request, **self._call())

    def names(self, *operations: Json) -> list[str]:
        """The resource names that a mutate made or changed, in order."""
        response = self.mutate(*operations)
        return [
            getattr(item, type(item).pb(item).WhichOneof("response")).resource_name
            for item in response.mutate_operation_responses
        ]

    def rows(self, query: str, customer: str = CUSTOMER) -> list[Any]:
        return list(self.service.search(request={"customer_id": customer, "query": query}, **self._call()))

    def streamed(self, query: str) -> list[Any]:
        request = {"customer_id": CUSTOMER, "query": query}
        batches = self.service.search_stream(request=request, **self._call())
        return [row for batch in batches for row in batch.results]

    def refused(self, *operations: Json, **options: Any) -> GoogleAdsException:
        with pytest.raises(GoogleAdsException) as refused:
            self.mutate(*operations, **options)
        return refused.value

    def refused_query(self, query: str) -> list[str]:
        with pytest.raises(GoogleAdsException) as refused:
            self.rows(query)
        return codes(refused.value)

    def _call(self) -> Json:
        return {"timeout": 10, "metadata": (("authorization", f"Bearer {self.token}"),)}


def connect(port: int) -> GoogleClient:
    channel = grpc.intercept_channel(
        grpc.insecure_channel(f"127.0.0.1:{port}"),
        MetadataInterceptor(None, None, None),
        ExceptionInterceptor("v26", use_proto_plus=True),
    )
    transport = GoogleAdsServiceGrpcTransport(channel=channel)
    return GoogleClient(GoogleAdsServiceClient(transport=transport))


def codes(error: GoogleAdsException) -> list[str]:
    """ "family.NAME" of each error of a refusal."""
    found = []
    for item in error.failure.errors:
        raw = type(item.error_code).pb(item.error_code)
        family = raw.WhichOneof("error_code")
        found.append(f"{family}.{getattr(item.error_code, family).name}")
    return found


def paths(error: GoogleAdsException) -> list[str]:
    """Where each error stands, as mutate_operations[1].campaign_operation.create.name."""
    return [
        ".".join(
            f"{part.field_name}[{part.index}]" if part.field_name == "mutate_operations" else part.field_name
            for part in item.location.field_path_elements
        )
        for item in error.failure.errors
    ]


def without_none(fields: Json) -> Json:
    return {name: value for name, value in fields.items() if value is not None}


def budget(**changes: Any) -> Json:
    fields = {"resource_name": BUDGET, "amount_micros": 50_000_000, "explicitly_shared": False}
    return {"campaign_budget_operation": {"create": without_none(fields | changes)}}


def campaign(**changes: Any) -> Json:
    """A valid search campaign; a change to None leaves the field out."""
    fields: Json = {
        "resource_name": CAMPAIGN,
        "name": "Autumn",
        "campaign_budget": BUDGET,
        "advertising_channel_type": "SEARCH",
        "status": "PAUSED",
        "network_settings": {"target_google_search": True},
        "contains_eu_political_advertising": "DOES_NOT_CONTAIN_EU_POLITICAL_ADVERTISING",
        "maximize_conversions": {"target_cpa_micros": 0},
    }
    return {"campaign_operation": {"create": without_none(fields | changes)}}


def group(**changes: Any) -> Json:
    fields = {"resource_name": GROUP, "name": "Everybody", "campaign": CAMPAIGN, "status": "ENABLED"}
    return {"ad_group_operation": {"create": without_none(fields | changes)}}


def keyword(text: str, ad_group: str = GROUP) -> Json:
    criterion = {"ad_group": ad_group, "keyword": {"text": text, "match_type": "BROAD"}}
    return {"ad_group_criterion_operation": {"create": criterion}}


def search_ad(ad_group: str = GROUP, status: str = "ENABLED", **changes: Any) -> Json:
    words: Json = {
        "headlines": [{"text": text} for text in ("Trail shoes", "Light", "Sturdy")],
        "descriptions": [{"text": text} for text in ("Run further.", "See them")],
    }
    ad = {"final_urls": ["https://shop.example/p/1"], "responsive_search_ad": words | changes}
    return {"ad_group_ad_operation": {"create": {"ad_group": ad_group, "status": status, "ad": ad}}}


def status(kind: str, name: str, to: str) -> Json:
    update = {"resource_name": name, "status": to}
    return {f"{kind}_operation": {"update": update, "update_mask": {"paths": ["status"]}}}


def removal(kind: str, name: str) -> Json:
    return {f"{kind}_operation": {"remove": name}}


def tree(name: str = "Autumn") -> tuple[Json, ...]:
    """Budget, campaign, ad group, keyword and ad in one request."""
    return budget(), campaign(name=name), group(), keyword("trail shoes"), search_ad()
