"""Property 3 of the contract, its second half: what a creation asks otherwise is sent, and nothing else is.

Each optional field is asked for or not, in all mixtures; the bodies are read by the platforms' own words.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaign_automation.adapters.base import AdOrder, CreativeOrder
from campaign_automation.adapters.google import requests as google
from campaign_automation.adapters.meta import requests as meta
from campaign_automation.adapters.tiktok import requests as tiktok
from campaign_automation.managers.campaigns.planning import plan_campaign
from campaign_automation.models.campaigns import AdCopy, AdSetPlan, CampaignPlan, CreateCampaign
from campaign_automation.models.common import AdAccount
from campaign_automation.utils.validation import parse
from tests.support.builders import account, creative
from tests.support.strategies import requests

Json = dict[str, Any]
NAMES = {  # of placements and buttons, ours and the platform's
    "meta": ({"facebook": "facebook", "instagram": "instagram", "messenger": "messenger"}, "BOOK_NOW"),
    "tiktok": ({"tiktok": "PLACEMENT_TIKTOK", "pangle": "PLACEMENT_PANGLE"}, "BOOK_NOW"),
    "google": ({"google_search": "", "search_partners": ""}, None),
}
TRACKED = {"utm_source": "module", "utm_content": "trail"}
TOLD = account(
    facts={
        **account().facts,
        "dsa_beneficiary": "A",
        "dsa_payor": "B",
        "identity_id": "1",
        "identity_type": "X",
    }
)
COPY = AdCopy(
    primary_text="Run on",
    headline="Light",
    description="See it",
    source="request",
    more_headlines=["Lighter", "Lightest"],
)
FILE = '{"image_hash": "h", "image_id": "i"}'


@st.composite
def optional(draw: st.DrawFn, platform: str) -> Json:
    """Any mixture of the optional fields that the platform takes in campaigns of sales."""
    placements, button = NAMES[platform]
    some = st.lists(st.sampled_from(["11", "22", "33"]), unique=True, max_size=2)
    genders = st.lists(st.sampled_from(["male", "female"]), unique=True)
    strategies = ["lowest_cost", "target_cpa", *(["target_roas"] if platform != "tiktok" else [])]
    fields = {
        "bid_strategy": st.sampled_from(strategies),
        "placements": st.just(["google_search"])
        if platform == "google"
        else st.lists(st.sampled_from(sorted(placements)), unique=True, min_size=1),
        "genders": genders,
        "audiences": some,
        "excluded_audiences": st.lists(st.sampled_from(["44", "55"]), unique=True),
        "tracking": st.just({"url_parameters": TRACKED}),
        **({} if platform == "tiktok" else {"excluded_countries": st.just(["NZ"])}),
        **({"call_to_action": st.just(button)} if button else {}),
    }
    asked = {name: draw(values) for name, values in fields.items() if draw(st.booleans())}
    targets = {"target_cpa": 7.5, "target_roas": 2.5}
    strategy = asked.get("bid_strategy", "lowest_cost")
    return asked | ({strategy: targets[strategy]} if strategy in targets else {})


@pytest.mark.parametrize("platform", NAMES)
@settings(max_examples=50)  # of three platforms, a hundred and fifty in all
@given(data=st.data())
def test_property_03_what_is_asked_otherwise_is_sent_and_nothing_else(
    platform: str, data: st.DataObject
) -> None:
    asked = data.draw(optional(platform))
    request = data.draw(requests(platform, is_small=True)) | {"objective": "sales"} | asked
    plan = plan_campaign(parse(CreateCampaign, request), TOLD, "cmp_1")
    expected = Expected(platform, asked)
    for adset in plan.adsets:
        order = order_of(plan, adset)
        assert sent(platform, plan, TOLD, adset, order) == expected.settings(adset)


class Expected:
    """The settings that a request asks for, in our words; None where it asks for none."""

    def __init__(self, platform: str, asked: Json) -> None:
        self._platform = platform
        self._asked = asked

    def settings(self, adset: AdSetPlan) -> Json:
        asked = self._asked
        strategy, genders = asked.get("bid_strategy", "lowest_cost"), asked.get("genders", [])
        automatic = ["tiktok"] if self._platform == "tiktok" else None  # what its automatic one always holds
        return {
            "bidding": (strategy, asked.get(strategy)),
            "placements": sorted(asked.get("placements", automatic) or []) or None,
            "gender": genders[0] if len(genders) == 1 else None,  # both are everybody
            "audiences": sorted(asked.get("audiences", [])),
            "excluded_audiences": sorted(asked.get("excluded_audiences", [])),
            "excluded_countries": len(asked.get("excluded_countries", [])),
            "tracking": TRACKED if "tracking" in asked else {},
            "button": asked.get("call_to_action"),
        }


def order_of(plan: CampaignPlan, adset: AdSetPlan) -> AdOrder:
    shown = CreativeOrder("ca-1", "Creative", creative(), COPY, FILE)
    return AdOrder("ca-2", "Ad", "1", shown, "1")


def sent(platform: str, plan: CampaignPlan, told: AdAccount, adset: AdSetPlan, order: AdOrder) -> Json:
    """Return what the bodies say, in our words."""
    return {"meta": sent_to_meta, "tiktok": sent_to_tiktok, "google": sent_to_google}[platform](
        plan, told, adset, order
    )


def number(value: Any) -> float | None:
    return None if value is None else float(value)


def sent_to_meta(plan: CampaignPlan, told: AdAccount, adset: AdSetPlan, order: AdOrder) -> Json:
    params = meta.adset_params(plan, told, "1", adset)
    shown = meta.creative_params(order.creative, plan, told)
    targeting, story = params["targeting"], shown["object_story_spec"]
    floor = params.get("bid_constraints", {}).get("roas_average_floor")
    cents = params.get("bid_amount")
    words = {
        "LOWEST_COST_WITHOUT_CAP": ("lowest_cost", None),
        "COST_CAP": ("target_cpa", cents and cents / 100),
        "LOWEST_COST_WITH_MIN_ROAS": ("target_roas", floor and floor / 10_000),
    }
    assert (floor is not None) == (params["optimization_goal"] == "VALUE")
    genders = targeting.get("genders", [])
    platforms = targeting.get("publisher_platforms")
    (content,) = (value for name, value in story.items() if name != "page_id")
    return {
        "bidding": words[params["bid_strategy"]],
        "placements": platforms and sorted(platforms),
        "gender": {1: "male", 2: "female"}[genders[0]] if genders else None,
        "audiences": sorted(item["id"] for item in targeting.get("custom_audiences", [])),
        "excluded_audiences": sorted(item["id"] for item in targeting.get("excluded_custom_audiences", [])),
        "excluded_countries": len(targeting.get("excluded_geo_locations", {}).get("countries", [])),
        "tracking": dict(parse_qsl(shown.get("url_tags", ""))),
        "button": chosen(content["call_to_action"]["type"]),
    }


def chosen(button: str) -> str | None:
    """Return the button where it is not the objective's own."""
    return button if button == "BOOK_NOW" else None


def sent_to_tiktok(plan: CampaignPlan, told: AdAccount, adset: AdSetPlan, order: AdOrder) -> Json:
    body = tiktok.adset_body(plan, told, "1", adset, "manual", datetime(2026, 11, 23, tzinfo=UTC))
    ad = tiktok.ad_creative(plan, told, order)
    bid = body.get("conversion_bid_price")
    assert (bid is None) == (body["bid_type"] == "BID_TYPE_NO_BID")  # a bid without its type is ignored
    names = {word: name for name, word in NAMES["tiktok"][0].items()}
    genders = {"GENDER_MALE": "male", "GENDER_FEMALE": "female", "GENDER_UNLIMITED": None}
    query = dict(parse_qsl(urlsplit(ad["landing_page_url"]).query))
    return {
        "bidding": ("lowest_cost", None) if bid is None else ("target_cpa", number(bid)),
        "placements": sorted(names[item] for item in body["placements"]),
        "gender": genders[body["gender"]],
        "audiences": sorted(body.get("audience_ids", [])),
        "excluded_audiences": sorted(body.get("excluded_audience_ids", [])),
        "excluded_countries": 0,
        "tracking": {name: value for name, value in query.items() if name in TRACKED},
        "button": chosen(ad["call_to_action"]),
    }


def sent_to_google(plan: CampaignPlan, told: AdAccount, adset: AdSetPlan, order: AdOrder) -> Json:
    operations = google.campaign_operations("1", plan, told, False)
    created = [item.campaign_operation.create for item in operations]
    (campaign,) = (item for item in created if item.name)
    places = [item.campaign_criterion_operation.create for item in operations]
    people = people_of(google.ad_group_operations("1", plan, "9", [adset]))
    ad = google.ad_operations("1", "SEARCH", [order], {}, told.facts, plan)[0].ad_group_ad_operation.create.ad
    cost = Decimal(campaign.maximize_conversions.target_cpa_micros) / 1_000_000
    floor = campaign.maximize_conversion_value.target_roas
    excluded = {item.gender.type_ for item in people if item.WhichOneof("criterion") == "gender"}
    networks = campaign.network_settings
    return {
        "bidding": ("target_cpa", float(cost))
        if cost
        else ("target_roas", floor)
        if floor
        else ("lowest_cost", None),
        "placements": None if networks.target_search_network else ["google_search"],
        "gender": {10: "male", 11: "female"}[({10, 11} - excluded).pop()] if excluded else None,
        "audiences": lists_of(people, negative=False),
        "excluded_audiences": lists_of(people, negative=True),
        "excluded_countries": sum(
            item.negative for item in places if item.WhichOneof("criterion") == "location"
        ),
        "tracking": dict(parse_qsl(ad.final_url_suffix)),
        "button": None,
    }


def people_of(operations: Sequence[Any]) -> list[Any]:
    created = [item.ad_group_criterion_operation.create for item in operations]
    return [item for item in created if item.ad_group]


def lists_of(people: Sequence[Any], *, negative: bool) -> list[str]:
    lists = [item for item in people if item.WhichOneof("criterion") == "user_list"]
    return sorted(item.user_list.user_list.rpartition("/")[2] for item in lists if item.negative is negative)
