"""Requests without any of the optional settings: their calls are those that an earlier version made.

tests/fixtures/plain_calls.json was written by that version, and is never written again.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict

from campaign_automation.adapters.base import AdOrder, CreativeOrder
from campaign_automation.adapters.google import requests as google
from campaign_automation.adapters.meta import requests as meta
from campaign_automation.adapters.tiktok import requests as tiktok
from campaign_automation.managers.campaigns.planning import plan_campaign
from campaign_automation.models.campaigns import CampaignPlan
from campaign_automation.models.common import AdAccount
from tests.support.builders import account, copy, creative, spec

FIXTURE = Path(__file__).parents[2] / "fixtures/plain_calls.json"
FACTS = {
    "page_id": "1",
    "pixel_id": "2",
    "dsa_beneficiary": "A",
    "dsa_payor": "B",
    "identity_id": "3",
    "identity_type": "CUSTOMIZED_USER",
    "application_id": "4",
    "object_store_url": "https://store.example",
    "app_id": "5",
    "app_promotion": "APP_ANDROID",
    "business_name": "Shop",
    "logo_url": "https://cdn.example/logo.png",
}
NOW = datetime(2026, 11, 23, tzinfo=UTC)
OBJECTIVES = ("sales", "traffic", "awareness", "leads", "engagement", "app_promotion")
ASSETS = {
    "meta": {"image_hash": "h"},
    "tiktok": {"image_id": "i"},
    "google": {},
}


def orders(plan: CampaignPlan, platform: str) -> list[AdOrder]:
    asset = json.dumps(ASSETS[platform])
    lines = {"more_headlines": ["One more", "Two more"], "more_descriptions": ["Look"]}
    made = {
        item.creative_id: CreativeOrder(
            item.tag, item.name, creative(creative_id=item.creative_id), copy(**lines), asset
        )
        for item in plan.creatives
    }
    return [AdOrder(ad.tag, ad.name, "9", made[ad.creative_id], "8") for ad in plan.ads]


def meta_calls(plan: CampaignPlan, told: AdAccount) -> list[Any]:
    ads = orders(plan, "meta")
    return [
        *(meta.adset_params(plan, told, "7", adset) for adset in plan.adsets),
        *(meta.creative_params(order.creative, plan, told) for order in ads),
    ]


def tiktok_calls(plan: CampaignPlan, told: AdAccount) -> list[Any]:
    calls: list[Any] = []
    for family in ("manual", "smart_plus"):
        calls.append(tiktok.campaign_body(plan, told, family))
        calls += [tiktok.adset_body(plan, told, "7", adset, family, NOW) for adset in plan.adsets]
    ads = orders(plan, "tiktok")
    calls += [tiktok.ad_creative(plan, told, order) for order in ads]
    return calls + [tiktok.smart_plus_ad_body(plan, told, order) for order in ads]


def google_calls(plan: CampaignPlan, told: AdAccount) -> list[Any]:
    ads = orders(plan, "google")
    pictures = {
        ads[0].creative.creative.file_url: "marketing_images a/1",
        FACTS["logo_url"]: "logo_images a/2",
    }
    channel = google.facts.GOALS[plan.objective].channel
    operations = [
        *google.campaign_operations("1", plan, told, False),
        *google.ad_group_operations("1", plan, "7", plan.adsets),
        *google.ad_operations("1", channel, ads, pictures, told.facts, plan),
    ]
    return [MessageToDict(operation) for operation in operations]


CALLS = {"meta": meta_calls, "tiktok": tiktok_calls, "google": google_calls}


def calls(platform: str) -> dict[str, Any]:
    told = account(facts=FACTS)
    found = {}
    for objective in OBJECTIVES:
        asked = spec(platform=platform, objective=objective, target_countries=["US", "DE"], target_roas=3)
        fitted = asked.model_copy(update={"age_groups": [(18, 34), (35, 65)]})
        plan = plan_campaign(fitted, told, "cmp_1").model_copy(
            update={"ends_at": datetime(2026, 12, 24, tzinfo=UTC) if objective == "leads" else None}
        )
        found[objective] = CALLS[platform](plan, told)
    return json.loads(json.dumps(found, sort_keys=True))  # type: ignore[no-any-return]


@pytest.mark.parametrize("platform", CALLS)
def test_the_calls_are_what_they_were(platform: str) -> None:
    assert calls(platform) == json.loads(FIXTURE.read_text())[platform]
