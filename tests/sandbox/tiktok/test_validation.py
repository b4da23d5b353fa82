"""What TikTok refuses, by field."""

import hashlib
from typing import Any

import pytest

from tests.sandbox.support import Sandbox
from tests.support.tiktok import ADVERTISER, Json, TikTokApi, adgroup_body, campaign_body, creative_body


def _refused(api: TikTokApi, path: str, body: Json) -> str:
    envelope = api.refused("POST", path, **body)
    assert envelope["code"] == 40002, envelope
    return str(envelope["message"])


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"campaign_name": None}, "campaign_name"),
        ({"campaign_name": "Fire \U0001f525"}, "campaign_name"),
        ({"campaign_name": "夏" * 257}, "campaign_name"),
        ({"objective_type": "CONVERSIONS"}, "objective_type"),
        ({"objective_type": None}, "objective_type"),
        ({"budget_mode": None}, "budget_mode"),
        ({"budget_mode": "BUDGET_MODE_DAY"}, "budget"),
        ({"budget_mode": "BUDGET_MODE_DAY", "budget": 49.99}, "budget"),
        ({"budget_mode": "BUDGET_MODE_DAY", "budget": 50.001}, "budget"),
        ({"budget_mode": "BUDGET_MODE_DAY", "budget": "50"}, "budget"),
        ({"budget_mode": "BUDGET_MODE_DAY", "budget": 10_000_000}, "budget"),
        ({"budget_optimize_on": True}, "budget_mode"),
        ({"operation_status": "PAUSED"}, "operation_status"),
        ({"special_industries": ["CRYPTO"]}, "special_industries"),
        ({"request_id": "-5"}, "request_id"),
        ({"request_id": str(2**63)}, "request_id"),
        ({"objective_type": "APP_PROMOTION"}, "app_promotion_type"),
        ({"objective_type": "APP_PROMOTION", "app_promotion_type": "APP_INSTALL", "app_id": "9"}, "app_id"),
    ],
)
def test_campaigns_are_checked(api: TikTokApi, changes: Json, field: str) -> None:
    assert _refused(api, "campaign/create", campaign_body(**changes)).startswith(field)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"adgroup_name": None}, "adgroup_name"),
        ({"promotion_type": None}, "promotion_type"),
        ({"location_ids": None}, "location_ids"),
        ({"location_ids": ["US"]}, "location_ids"),
        ({"age_groups": ["AGE_13_17"]}, "age_groups"),
        ({"age_groups": ["AGE_30_50"]}, "age_groups"),
        ({"placement_type": "PLACEMENT_TYPE_AUTOMATIC", "placements": None}, "placement_type"),
        ({"placements": ["PLACEMENT_FACEBOOK"]}, "placements"),
        ({"budget": 19.99}, "budget"),
        ({"budget_mode": None}, "budget_mode"),
        ({"budget_mode": "BUDGET_MODE_TOTAL"}, "schedule_type"),
        ({"schedule_start_time": None}, "schedule_start_time"),
        ({"schedule_start_time": "2026-11-02"}, "schedule_start_time"),
        ({"schedule_start_time": "2026-10-01 00:00:00"}, "schedule_start_time"),
        ({"schedule_type": "SCHEDULE_START_END"}, "schedule_end_time"),
        ({"optimization_goal": "REACH"}, "optimization_goal"),
        ({"billing_event": "CPC"}, "billing_event"),
        ({"bid_type": None}, "bid_type"),
        ({"pacing": None}, "pacing"),
        ({"pixel_id": None}, "pixel_id"),
        ({"pixel_id": "1"}, "pixel_id"),
        ({"optimization_event": None}, "optimization_event"),
        ({"audience_ids": ["12345"]}, "audience_ids"),
        ({"targeting_spec": {}}, "targeting_spec"),
    ],
)
def test_ad_groups_are_checked(api: TikTokApi, campaign_id: str, changes: Json, field: str) -> None:
    assert _refused(api, "adgroup/create", adgroup_body(campaign_id, **changes)).startswith(field)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"ad_name": None}, "ad_name"),
        ({"ad_text": None}, "ad_text"),
        ({"ad_text": "x" * 101}, "ad_text"),
        ({"ad_text": "Hot \u2600"}, "ad_text"),
        ({"identity_id": None}, "identity_id"),
        ({"identity_id": "12345"}, "identity_id"),
        ({"identity_type": "PAGE"}, "identity_type"),
        ({"ad_format": "VIDEO"}, "ad_format"),
        ({"ad_format": "SINGLE_VIDEO"}, "video_id"),
        ({"image_ids": ["1234567"]}, "image_ids"),
        ({"image_ids": None}, "image_ids"),
        ({"call_to_action": "shop now"}, "call_to_action"),
        ({"landing_page_url": "shop.example"}, "landing_page_url"),
        ({"landing_page_url": None}, "landing_page_url"),
    ],
)
def test_ads_are_checked_all_or_none(
    api: TikTokApi, sandbox: Sandbox, adgroup_id: str, image_id: str, changes: Json, field: str
) -> None:
    creatives = [creative_body(image_id), creative_body(image_id, **changes)]
    body = {"adgroup_id": adgroup_id, "creatives": creatives}
    assert _refused(api, "ad/create", body).startswith(field)
    assert sandbox.state()["tiktok"]["ads"] == {}


def test_an_ad_group_holds_twenty_ads(api: TikTokApi, adgroup_id: str, image_id: str) -> None:
    body = {"adgroup_id": adgroup_id, "creatives": [creative_body(image_id)] * 20}
    assert len(api.post("ad/create", **body)["ad_ids"]) == 20
    one = {"adgroup_id": adgroup_id, "creatives": [creative_body(image_id)]}
    assert api.refused("POST", "ad/create", **one)["code"] == 40502
    many = {"adgroup_id": adgroup_id, "creatives": [creative_body(image_id)] * 21}
    assert _refused(api, "ad/create", many).startswith("creatives")


@pytest.mark.parametrize(
    ("currency", "floor", "step"),
    [("JPY", 2000, 1), ("HUF", 20, 1), ("TWD", 200, 1), ("EUR", 20, 0.01), ("PLN", 80, 0.01)],
)
def test_budgets_follow_the_currency(
    api: TikTokApi, sandbox: Sandbox, campaign_id: str, currency: str, floor: float, step: float
) -> None:
    sandbox.admin("PUT", f"/accounts/tiktok/{ADVERTISER}", {"currency": currency})
    for budget in (floor - step, floor + step / 2):
        assert "budget" in _refused(api, "adgroup/create", adgroup_body(campaign_id, budget=budget))
    assert api.post("adgroup/create", **adgroup_body(campaign_id, budget=floor))["budget"] == floor


def test_a_campaign_budget_takes_the_place_of_the_groups(api: TikTokApi) -> None:
    optimized = {"budget_mode": "BUDGET_MODE_DAY", "budget": 100, "budget_optimize_on": True}
    campaign_id = api.post("campaign/create", **campaign_body(**optimized))["campaign_id"]
    group = api.post("adgroup/create", **adgroup_body(campaign_id, budget=None, budget_mode=None))
    assert (group["budget_mode"], group["budget"]) == ("BUDGET_MODE_INFINITE", 0)
    other = adgroup_body(campaign_id, optimization_event="FORM")
    assert _refused(api, "adgroup/create", other).startswith("optimization_goal")
    changed = {"adgroup_id": group["adgroup_id"], "budget": 60}
    assert _refused(api, "adgroup/update", changed).startswith("budget")


def test_a_daily_campaign_has_no_lifetime_groups(api: TikTokApi) -> None:
    daily = campaign_body(budget_mode="BUDGET_MODE_DAY", budget=100)
    campaign_id = api.post("campaign/create", **daily)["campaign_id"]
    times = {"schedule_type": "SCHEDULE_START_END", "schedule_end_time": "2026-11-12 12:00:00"}
    body = adgroup_body(campaign_id, budget_mode="BUDGET_MODE_TOTAL", budget=500, **times)
    assert _refused(api, "adgroup/create", body).startswith("budget_mode")


def test_a_lifetime_budget_must_last_for_all_days(api: TikTokApi, campaign_id: str) -> None:
    times = {"schedule_type": "SCHEDULE_START_END", "schedule_end_time": "2026-11-12 12:00:00"}
    body = adgroup_body(campaign_id, budget_mode="BUDGET_MODE_TOTAL", **times)
    assert "at least 200" in _refused(api, "adgroup/create", body | {"budget": 199})
    assert api.post("adgroup/create", **body | {"budget": 200})["budget"] == 200


def test_reach_takes_no_promotion_type(api: TikTokApi) -> None:
    campaign_id = api.post("campaign/create", **campaign_body(objective_type="REACH"))["campaign_id"]
    goal: dict[str, Any] = {"optimization_goal": "REACH", "billing_event": "CPM", "pixel_id": None}
    body = adgroup_body(campaign_id, **goal, optimization_event=None)
    assert _refused(api, "adgroup/create", body).startswith("promotion_type")
    assert api.post("adgroup/create", **adgroup_body(campaign_id, **goal, promotion_type=None))


def test_manual_creation_of_three_objectives_ends_with_the_year(api: TikTokApi, sandbox: Sandbox) -> None:
    sandbox.advance(advance_days=60)
    assert _refused(api, "campaign/create", campaign_body()).startswith("objective_type")
    assert api.post("campaign/create", **campaign_body(objective_type="TRAFFIC"))


@pytest.mark.parametrize(
    ("content", "signature", "code"),
    [(b"\x89PNG\r\n\x1a\nx", "0" * 32, 40901), (b"GIF89a", None, 40901)],
)
def test_files_need_their_md5_and_a_known_format(
    api: TikTokApi, content: bytes, signature: str | None, code: int
) -> None:
    right = hashlib.md5(content, usedforsecurity=False).hexdigest()
    answer = api.upload(content, image_signature=signature or right, file_name="a")
    assert answer["code"] == code


def test_file_names_are_unique(api: TikTokApi, image_id: str) -> None:
    body = {"upload_type": "UPLOAD_BY_URL", "image_url": "https://cdn.example/2.jpg", "file_name": "1"}
    assert api.refused("POST", "file/image/ad/upload", **body)["code"] == 40911


def test_a_video_is_processed_before_it_can_be_used(api: TikTokApi, adgroup_id: str, image_id: str) -> None:
    film_file = {"upload_type": "UPLOAD_BY_URL", "video_url": "https://cdn.example/1.mp4", "file_name": "v"}
    video_id = api.post("file/video/ad/upload", **film_file)[0]["video_id"]
    film = creative_body(image_id, ad_format="SINGLE_VIDEO", video_id=video_id)
    body: Json = {"adgroup_id": adgroup_id, "creatives": [film]}
    assert "processed" in _refused(api, "ad/create", body)
    looks = [api.get("file/video/ad/info", video_ids=[video_id])["list"][0] for _ in range(2)]
    assert ["video_cover_url" in look for look in looks] == [False, True]
    assert api.post("ad/create", **body)["ad_ids"]
