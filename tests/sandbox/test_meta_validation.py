"""What Meta refuses, and in which words."""

from typing import Any

import pytest

from tests.sandbox.support import ACCOUNT, CAMPAIGN, PAGE, Graph, Json, Sandbox, adset_params, link_story

WITHOUT = object()


def _changed(params: Json, changes: Json) -> Json:
    return {name: value for name, value in (params | changes).items() if value is not WITHOUT}


def _targeting(**changes: Any) -> Json:
    return {"targeting": _changed(adset_params("1")["targeting"], changes)}


def _geo(*countries: str) -> Json:
    return {"geo_locations": {"countries": list(countries)}}


@pytest.mark.parametrize(
    ("changes", "subcode", "named"),
    [
        ({"name": WITHOUT}, None, "name"),
        ({"objective": WITHOUT}, None, "objective"),
        ({"objective": "CONVERSIONS"}, None, "OUTCOME_SALES"),
        ({"status": WITHOUT}, None, "status"),
        ({"status": "DELETED"}, None, "PAUSED"),
        ({"special_ad_categories": WITHOUT}, None, "special_ad_categories"),
        ({"special_ad_categories": ["GAMES"]}, None, "HOUSING"),
        ({"special_ad_categories": "NONE"}, None, "special_ad_categories"),
        ({"is_adset_budget_sharing_enabled": WITHOUT}, 4834005, None),
        ({"daily_budget": 99}, 1885272, None),
        ({"daily_budget": "50.00"}, None, "daily_budget must be an integer"),
        ({"daily_budget": 500, "lifetime_budget": 5000}, 1885023, None),
        ({"bid_strategy": "LOWEST_COST"}, None, "LOWEST_COST_WITHOUT_CAP"),
        ({"buying_type": "RESERVED"}, None, "AUCTION"),
        ({"name": "x" * 401}, None, None),
        ({"placement": "all"}, None, "placement"),
        ({"smart_promotion_type": "GUIDED_CREATION"}, None, "smart_promotion_type"),
    ],
)
def test_wrong_campaign_is_refused(
    graph: Graph, changes: Json, subcode: int | None, named: str | None
) -> None:
    error = graph.refused("POST", f"{ACCOUNT}/campaigns", **_changed(CAMPAIGN, changes))

    assert (error["code"], error.get("error_subcode")) == (100, subcode)
    assert named is None or named in error["message"]
    assert graph.get(f"{ACCOUNT}/campaigns")["data"] == []


@pytest.mark.parametrize(
    ("changes", "subcode", "named"),
    [
        ({"campaign_id": "120219999999999999"}, None, "campaign_id"),
        ({"optimization_goal": WITHOUT}, None, "optimization_goal"),
        ({"optimization_goal": "PROFIT"}, None, "OFFSITE_CONVERSIONS"),
        ({"optimization_goal": "POST_ENGAGEMENT"}, 2490408, None),
        ({"destination_type": "ON_POST"}, 1815715, None),
        ({"billing_event": "THRUPLAY"}, None, None),
        ({"billing_event": WITHOUT}, None, "billing_event"),
        ({"daily_budget": WITHOUT}, None, "daily_budget"),
        ({"daily_budget": 99}, 1885272, None),
        ({"daily_budget": WITHOUT, "lifetime_budget": 5000}, None, "end_time"),
        ({"promoted_object": WITHOUT}, None, "pixel_id"),
        ({"promoted_object": {"pixel_id": "4", "custom_event_type": "PURCHASE"}}, None, "pixel_id"),
        ({"promoted_object": {"pixel_id": "400000000000001"}}, None, "custom_event_type"),
        ({"optimization_goal": "REACH"}, 1885154, None),
        ({"bid_strategy": "COST_CAP"}, 2490487, None),
        ({"bid_strategy": "LOWEST_COST_WITH_MIN_ROAS"}, None, "roas_average_floor"),
        ({"bid_amount": 500}, None, "bid_amount"),
        (_targeting(geo_locations=WITHOUT), 1885364, None),
        (_targeting(**_geo("US", "XX")), None, "countries"),
        (_targeting(**_geo("UK")), None, "countries"),
        (_targeting(age_min=12), None, "age_min"),
        (_targeting(age_max=66), None, "age_min"),
        (_targeting(age_min=40, age_max=30), None, "age_min"),
        (_targeting(genders=[3]), None, "genders"),
        (_targeting(targeting_automation=WITHOUT), 1870227, None),
        (_targeting(targeting_automation={"advantage_audience": 1}), 1870189, None),
        (_targeting(placements=["feed"]), None, "Unsupported targeting option: placements"),
        (_targeting(custom_audiences=[{"id": "1"}]), None, "audience"),
        ({"end_time": "tomorrow"}, None, "end_time"),
        ({"placement": "all"}, None, "placement"),
    ],
)
def test_wrong_adset_is_refused(
    graph: Graph, campaign_id: str, changes: Json, subcode: int | None, named: str | None
) -> None:
    error = graph.refused("POST", f"{ACCOUNT}/adsets", **_changed(adset_params(campaign_id), changes))

    assert (error["code"], error.get("error_subcode")) == (100, subcode)
    assert named is None or named in f"{error['message']} {error.get('error_data')}"
    assert graph.get(f"{ACCOUNT}/adsets")["data"] == []


@pytest.mark.parametrize(
    ("story", "subcode", "named"),
    [
        (link_story("unknown"), 2446386, None),
        (link_story(""), 2446386, None),
        (link_story("h", link=None), 2061015, None),
        (link_story("h", link="shop.example"), 2061015, None),
        (link_story("h", picture="https://a/b.png", message="x" * 2201), 1487390, None),
        (link_story("h", picture="https://a/b.png", headline="x"), None, "headline"),
        (link_story("h") | {"page_id": None}, 1885154, None),
        (link_story("h") | {"instagram_actor_id": "1"}, None, "instagram_actor_id"),
        ({"page_id": PAGE}, None, "link_data"),
        ({"page_id": PAGE, "video_data": {"video_id": "1"}}, 1487390, None),
    ],
)
def test_wrong_creative_is_refused(graph: Graph, story: Json, subcode: int | None, named: str | None) -> None:
    error = graph.refused("POST", f"{ACCOUNT}/adcreatives", name="c", object_story_spec=story)

    assert (error["code"], error.get("error_subcode")) == (100, subcode)
    assert named is None or named in error["message"]


def test_foreign_page_lacks_permission(graph: Graph, image_hash: str) -> None:
    story = link_story(image_hash) | {"page_id": "300000000000002"}
    error = graph.refused("POST", f"{ACCOUNT}/adcreatives", name="c", object_story_spec=story)
    assert error["code"] == 10


def test_unready_video_and_missing_thumbnail_are_refused(graph: Graph) -> None:
    video = graph.post(f"{ACCOUNT}/advideos", file_url="https://shop.example/film.mp4")["id"]
    story = {"page_id": PAGE, "video_data": {"video_id": video}}

    early = graph.refused("POST", f"{ACCOUNT}/adcreatives", name="c", object_story_spec=story)
    graph.get(video, fields="status")
    bare = graph.refused("POST", f"{ACCOUNT}/adcreatives", name="c", object_story_spec=story)

    assert (early["error_subcode"], bare["error_subcode"]) == (1885252, 1443226)


@pytest.mark.parametrize(
    "changes",
    [
        {"creative": {"creative_id": "1"}},
        {"creative": {}},
        {"adset_id": "1"},
        {"status": WITHOUT},
        {"bid": 5},
    ],
)
def test_wrong_ad_is_refused(graph: Graph, adset_id: str, creative_id: str, changes: Json) -> None:
    ad = {"name": "a", "adset_id": adset_id, "creative": {"creative_id": creative_id}, "status": "PAUSED"}
    assert graph.refused("POST", f"{ACCOUNT}/ads", **_changed(ad, changes))["code"] == 100


def test_budget_belongs_to_one_level(graph: Graph, adset_id: str, campaign_id: str) -> None:
    on_campaign = graph.refused("POST", campaign_id, daily_budget=9000)
    shared = graph.post(f"{ACCOUNT}/campaigns", **CAMPAIGN, daily_budget=9000)["id"]
    on_adset = graph.refused("POST", f"{ACCOUNT}/adsets", **adset_params(shared))
    graph.post(f"{ACCOUNT}/adsets", **adset_params(shared, daily_budget=None))

    assert on_campaign["error_subcode"] == on_adset["error_subcode"] == 1885621
    shown = graph.get(shared, fields="daily_budget,bid_strategy,adsets{daily_budget}")
    assert (shown["daily_budget"], shown["bid_strategy"]) == ("9000", "LOWEST_COST_WITHOUT_CAP")
    assert "daily_budget" not in shown["adsets"]["data"][0]


def test_eu_needs_beneficiary_and_payor(graph: Graph, sandbox: Sandbox, campaign_id: str) -> None:
    german = adset_params(campaign_id) | _targeting(**_geo("DE"))
    filled = graph.post(f"{ACCOUNT}/adsets", **german)["id"]
    sandbox.patch_account(default_dsa_payor=None)
    payor = graph.refused("POST", f"{ACCOUNT}/adsets", **german)
    sandbox.patch_account(default_dsa_beneficiary=None)
    beneficiary = graph.refused("POST", f"{ACCOUNT}/adsets", **german)
    sent = graph.post(f"{ACCOUNT}/adsets", **german, dsa_beneficiary="Shop", dsa_payor="Shop")["id"]

    assert (payor["error_subcode"], beneficiary["error_subcode"]) == (3858079, 3858081)
    assert graph.get(filled, fields="dsa_payor")["dsa_payor"] == "Example Shop US"
    assert graph.get(sent, fields="dsa_payor")["dsa_payor"] == "Shop"


def test_special_category_locks_ages(graph: Graph) -> None:
    housing = graph.post(f"{ACCOUNT}/campaigns", **CAMPAIGN | {"special_ad_categories": ["HOUSING"]})["id"]
    narrow = graph.refused("POST", f"{ACCOUNT}/adsets", **adset_params(housing))
    open_ages = adset_params(housing) | _targeting(age_min=WITHOUT, age_max=WITHOUT)

    assert "special ad category" in narrow["error_user_msg"]
    assert graph.post(f"{ACCOUNT}/adsets", **open_ages)["id"]


def test_creative_content_is_fixed(graph: Graph, creative_id: str, image_hash: str) -> None:
    changed = link_story(image_hash, message="Other words")
    error = graph.refused("POST", creative_id, object_story_spec=changed)
    assert error["error_subcode"] == 1815573
    assert graph.post(creative_id, name="Renamed") == {"success": True}


def test_whole_unit_currency_counts_whole_units(graph: Graph, sandbox: Sandbox, campaign_id: str) -> None:
    sandbox.patch_account(currency="JPY", min_daily_budget=150)

    low = graph.refused("POST", f"{ACCOUNT}/adsets", **adset_params(campaign_id, daily_budget=149))
    fine = graph.post(f"{ACCOUNT}/adsets", **adset_params(campaign_id, daily_budget=150))["id"]

    assert "150.00 JPY" in low["error_user_msg"]
    assert graph.get(fine, fields="daily_budget,lifetime_budget") == {
        "id": fine,
        "daily_budget": "150",
        "lifetime_budget": "0",
    }


def test_validate_only_creates_nothing(graph: Graph) -> None:
    checked = graph.post(f"{ACCOUNT}/campaigns", **CAMPAIGN, execution_options=["validate_only"])
    assert checked == {"success": True}
    assert graph.get(f"{ACCOUNT}/campaigns")["data"] == []


@pytest.mark.parametrize("fields", ["id,nonsense", "adsets{nonsense}", "creative"])
def test_unknown_field_is_refused(graph: Graph, adset_id: str, campaign_id: str, fields: str) -> None:
    error = graph.refused("GET", campaign_id, fields=fields)
    assert error["code"] == 100
    assert "nonexisting field" in error["message"]


@pytest.mark.parametrize("fields", ["id,", "adsets{id", "adsets.limit(2{id}", "id name"])
def test_broken_field_list_is_refused(graph: Graph, campaign_id: str, fields: str) -> None:
    assert graph.refused("GET", campaign_id, fields=fields)["code"] == 2500


def test_image_must_be_an_image(graph: Graph) -> None:
    assert graph.refused("POST", f"{ACCOUNT}/adimages", bytes="aGVsbG8=")["error_subcode"] == 1487411
    assert graph.refused("POST", f"{ACCOUNT}/adimages", bytes="%%%")["code"] == 100
