"""Statuses, review, deletion, request ids, budgets of tomorrow, reports and Smart+ on TikTok."""

from typing import Any

import pytest

from tests.sandbox.support import Sandbox
from tests.support.tiktok import IDENTITY, PIXEL, Json, TikTokApi, adgroup_body, campaign_body, creative_body

TODAY, TOMORROW = "2026-11-02", "2026-11-03"


@pytest.fixture
def ad_id(api: TikTokApi, adgroup_id: str, image_id: str) -> str:
    body = {"adgroup_id": adgroup_id, "creatives": [creative_body(image_id)]}
    return str(api.post("ad/create", **body)["ad_ids"][0])


def _set(api: TikTokApi, noun: str, object_id: str, status: str) -> None:
    answer = api.post(f"{noun}/status/update", **{f"{noun}_ids": [object_id], "operation_status": status})
    assert answer == {f"{noun}_ids": [object_id], "status": status}


def _secondary(api: TikTokApi, noun: str, object_id: str, **more: Any) -> str:
    items = api.get(f"{noun}/get", filtering={f"{noun}_ids": [object_id], **more})["list"]
    return str(items[0]["secondary_status"]) if items else "hidden"


def test_creates_answer_the_whole_object(api: TikTokApi) -> None:
    made = api.post("campaign/create", **campaign_body(objective_type="TRAFFIC", operation_status=None))
    assert made["operation_status"] == "ENABLE"  # what TikTok does unless told otherwise
    assert (made["secondary_status"], made["objective_type"]) == ("CAMPAIGN_STATUS_ENABLE", "LANDING_PAGE")
    assert made["campaign_automation_type"] == "MANUAL"


def test_statuses_follow_parents_review_and_balance(
    api: TikTokApi, sandbox: Sandbox, campaign_id: str, adgroup_id: str, ad_id: str
) -> None:
    _set(api, "ad", ad_id, "ENABLE")
    _set(api, "adgroup", adgroup_id, "ENABLE")
    assert _secondary(api, "adgroup", adgroup_id) == "ADGROUP_STATUS_CAMPAIGN_DISABLE"
    assert _secondary(api, "ad", ad_id) == "AD_STATUS_CAMPAIGN_DISABLE"
    _set(api, "campaign", campaign_id, "ENABLE")
    assert _secondary(api, "ad", ad_id) == "AD_STATUS_AUDIT"
    assert _secondary(api, "adgroup", adgroup_id) == "ADGROUP_STATUS_AUDIT"
    sandbox.advance(advance_hours=1)
    assert _secondary(api, "ad", ad_id) == "AD_STATUS_DELIVERY_OK"
    _set(api, "adgroup", adgroup_id, "DISABLE")
    assert _secondary(api, "ad", ad_id) == "AD_STATUS_ADGROUP_DISABLE"
    _set(api, "adgroup", adgroup_id, "ENABLE")
    sandbox.admin("PUT", f"/accounts/tiktok/{api.advertiser}", {"balance": 0})
    assert _secondary(api, "ad", ad_id) == "AD_STATUS_BALANCE_EXCEED"


def test_an_ad_group_without_ads_waits_for_them(api: TikTokApi, campaign_id: str, adgroup_id: str) -> None:
    _set(api, "campaign", campaign_id, "ENABLE")
    _set(api, "adgroup", adgroup_id, "ENABLE")
    assert _secondary(api, "adgroup", adgroup_id) == "ADGROUP_STATUS_CREATE"


def test_refused_words_end_in_denial_and_an_edit_goes_back_into_review(
    api: TikTokApi, sandbox: Sandbox, adgroup_id: str, campaign_id: str, image_id: str
) -> None:
    creative = creative_body(image_id, ad_text="A miracle for your feet", operation_status="ENABLE")
    ad_id = api.post("ad/create", adgroup_id=adgroup_id, creatives=[creative])["ad_ids"][0]
    for noun, item in (("adgroup", adgroup_id), ("campaign", campaign_id)):
        _set(api, noun, item, "ENABLE")
    assert api.get("ad/review_info", ad_ids=[ad_id])["ad_review_map"][ad_id]["reject_info"] == []
    sandbox.advance(advance_hours=1)
    review = api.get("ad/review_info", ad_ids=[ad_id])["ad_review_map"][ad_id]
    assert (review["is_approved"], "miracle" in str(review["reject_info"])) == (False, True)
    assert _secondary(api, "ad", ad_id) == "AD_STATUS_AUDIT_DENY"
    changed = [{"ad_id": ad_id, "ad_text": "Light on your feet"}]
    api.post("ad/update", adgroup_id=adgroup_id, patch_update=True, creatives=changed)
    assert _secondary(api, "ad", ad_id) == "AD_STATUS_REAUDIT"
    sandbox.advance(advance_hours=1)
    assert _secondary(api, "ad", ad_id) == "AD_STATUS_DELIVERY_OK"


def test_deleting_hides_the_whole_tree(
    api: TikTokApi, campaign_id: str, adgroup_id: str, ad_id: str, sandbox: Sandbox
) -> None:
    _set(api, "campaign", campaign_id, "DELETE")
    for noun, item in (("campaign", campaign_id), ("adgroup", adgroup_id), ("ad", ad_id)):
        assert _secondary(api, noun, item) == "hidden"
        assert _secondary(api, noun, item, primary_status="STATUS_ALL").endswith("_DELETE")
        body = {f"{noun}_ids": [item], "operation_status": "ENABLE"}
        assert "deleted" in api.refused("POST", f"{noun}/status/update", **body)["message"]
    state = sandbox.state()["tiktok"]
    assert {item["status"] for kind in ("campaigns", "adsets", "ads") for item in state[kind].values()} == {
        "DELETED"
    }
    assert "deleted" in api.refused("POST", "adgroup/create", **adgroup_body(campaign_id))["message"]


def test_a_status_call_takes_twenty_ids_and_all_or_none(api: TikTokApi, campaign_id: str) -> None:
    twenty_one = [str(10**15 + n) for n in range(21)]
    too_many = api.refused(
        "POST", "campaign/status/update", campaign_ids=twenty_one, operation_status="ENABLE"
    )
    assert too_many["code"] == 40002
    unknown = [campaign_id, "1999999999999999"]
    refused = api.refused("POST", "campaign/status/update", campaign_ids=unknown, operation_status="ENABLE")
    assert refused["code"] == 40007
    assert _secondary(api, "campaign", campaign_id) == "CAMPAIGN_STATUS_DISABLE"


def test_the_same_request_id_makes_one_object_within_ten_seconds(api: TikTokApi, sandbox: Sandbox) -> None:
    body = campaign_body(request_id="42")
    first, second = (api.post("campaign/create", **body)["campaign_id"] for _ in range(2))
    assert first == second
    sandbox.advance(advance_hours=11 / 3600)
    assert api.post("campaign/create", **body)["campaign_id"] != first
    other = {"request_id": "43"}
    assert api.post("campaign/create", **body | other)["campaign_id"] not in (first, second)


def test_the_same_name_needs_a_request_id(api: TikTokApi, campaign_id: str) -> None:
    again = api.refused("POST", "campaign/create", **campaign_body())
    assert (again["code"], "already exists" in again["message"]) == (40002, True)
    assert api.post("campaign/create", **campaign_body(request_id="44"))["campaign_id"] != campaign_id
    api.post("adgroup/create", **adgroup_body(campaign_id))
    assert "already exists" in api.refused("POST", "adgroup/create", **adgroup_body(campaign_id))["message"]


def test_ads_of_the_same_name_are_made_twice(api: TikTokApi, adgroup_id: str, image_id: str) -> None:
    body = {"adgroup_id": adgroup_id, "creatives": [creative_body(image_id)]}
    assert api.post("ad/create", **body)["ad_ids"] != api.post("ad/create", **body)["ad_ids"]


def test_a_daily_budget_changes_at_midnight_of_the_account(
    api: TikTokApi, sandbox: Sandbox, adgroup_id: str
) -> None:
    wish = [{"adgroup_id": adgroup_id, "scheduled_budget": 80}]
    assert api.post("adgroup/budget/update", scheduled_budget=wish) == {}

    def budgets() -> tuple[float, float | None]:
        item = api.get("adgroup/get", filtering={"adgroup_ids": [adgroup_id]})["list"][0]
        return item["budget"], item.get("scheduled_budget")

    assert budgets() == (50, 80)
    sandbox.advance(advance_hours=16)  # 23:00 in New York
    assert budgets() == (50, 80)
    sandbox.advance(advance_hours=1)
    assert budgets() == (80, 0)


def test_a_budget_may_not_fall_under_what_the_day_has_spent(
    api: TikTokApi, sandbox: Sandbox, campaign_id: str, adgroup_id: str, ad_id: str
) -> None:
    _run(api, sandbox, campaign_id, adgroup_id, ad_id)
    assert api.post("adgroup/update", adgroup_id=adgroup_id, budget=20.5)["budget"] == 20.5
    api.post("adgroup/update", adgroup_id=adgroup_id, budget=50)
    sandbox.advance(advance_hours=10)  # 17:00 in New York
    refused = api.refused("POST", "adgroup/update", adgroup_id=adgroup_id, budget=20)
    assert "105%" in refused["message"]
    assert api.post("adgroup/update", adgroup_id=adgroup_id, budget=500)["budget"] == 500
    assert api.refused("POST", "adgroup/update", adgroup_id=adgroup_id)["code"] == 40012


def test_the_list_of_budgets_is_checked_whole(api: TikTokApi, adgroup_id: str) -> None:
    def refused(**lists: Any) -> str:
        return str(api.refused("POST", "adgroup/budget/update", **lists)["message"])

    wish = {"adgroup_id": adgroup_id, "scheduled_budget": 80}
    assert "scheduled_budget" in refused(budget=[{"adgroup_id": adgroup_id, "budget": 80}])
    assert "exist" in refused(scheduled_budget=[wish, {**wish, "adgroup_id": "1850000000009999"}])
    assert "20" in refused(scheduled_budget=[wish] * 21)
    listed = api.get("adgroup/get", filtering={"adgroup_ids": [adgroup_id]})["list"]
    assert listed[0]["scheduled_budget"] == 0


def _run(api: TikTokApi, sandbox: Sandbox, campaign_id: str, adgroup_id: str, ad_id: str) -> None:
    """Two days of delivery."""
    for noun, item in (("ad", ad_id), ("adgroup", adgroup_id), ("campaign", campaign_id)):
        _set(api, noun, item, "ENABLE")
    sandbox.advance(advance_days=2)


def _report(api: TikTokApi, data_level: str, dimensions: list[str], **more: Any) -> list[Json]:
    asked = {
        "report_type": "BASIC",
        "data_level": data_level,
        "dimensions": dimensions,
        "metrics": ["spend", "impressions", "complete_payment", "total_complete_payment_rate"],
        "start_date": TODAY,
        "end_date": TOMORROW,
    }
    rows: list[Json] = api.get("report/integrated/get", **(asked | more))["list"]
    return rows


def test_reports_add_up_and_hold_rows_of_zeros(
    api: TikTokApi, sandbox: Sandbox, campaign_id: str, adgroup_id: str, ad_id: str
) -> None:
    idle = api.post("campaign/create", **campaign_body(campaign_name="Idle"))["campaign_id"]
    _run(api, sandbox, campaign_id, adgroup_id, ad_id)
    days = _report(api, "AUCTION_AD", ["ad_id", "stat_time_day"])
    assert [row["dimensions"] for row in days] == [
        {"ad_id": int(ad_id), "stat_time_day": f"{day} 00:00:00"} for day in (TODAY, TOMORROW)
    ]
    whole = {
        str(row["dimensions"]["campaign_id"]): row["metrics"]
        for row in _report(api, "AUCTION_CAMPAIGN", ["campaign_id"])
    }
    assert float(whole[campaign_id]["spend"]) == pytest.approx(
        sum(float(d["metrics"]["spend"]) for d in days)
    )
    assert float(whole[campaign_id]["total_complete_payment_rate"]) > float(
        whole[campaign_id]["complete_payment"]
    )
    assert whole[idle] == {
        "spend": "0.000",
        "impressions": "0",
        "complete_payment": "0",
        "total_complete_payment_rate": "0.000",
    }
    only = [{"field_name": "campaign_ids", "filter_type": "IN", "filter_value": f'["{idle}"]'}]
    assert len(_report(api, "AUCTION_CAMPAIGN", ["campaign_id"], filtering=only)) == 1


def test_spend_stays_within_a_quarter_over_the_budget(
    api: TikTokApi, sandbox: Sandbox, campaign_id: str, adgroup_id: str, ad_id: str
) -> None:
    _run(api, sandbox, campaign_id, adgroup_id, ad_id)
    sandbox.advance(advance_days=5)
    records = sandbox.state()["tiktok"]["records"]
    assert len(records) >= 6
    assert records
    assert all(0 < float(record["spend"]) <= 62.5 for record in records)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"dimensions": ["country_code"]}, "dimensions"),
        ({"metrics": ["roas"]}, "metrics"),
        ({"start_date": "yesterday"}, "start_date"),
        ({"start_date": "2026-09-01", "dimensions": ["ad_id", "stat_time_day"]}, "end_date"),
        ({"data_level": "AUCTION_VIDEO"}, "data_level"),
    ],
)
def test_reports_are_checked(api: TikTokApi, changes: Json, field: str) -> None:
    asked = {
        "report_type": "BASIC",
        "data_level": "AUCTION_AD",
        "dimensions": ["ad_id"],
        "metrics": ["spend"],
        "start_date": TODAY,
        "end_date": TODAY,
    }
    refused = api.refused("GET", "report/integrated/get", **(asked | changes))
    assert refused["message"].startswith(field)


def test_lists_page_and_search_names(api: TikTokApi) -> None:
    for number in range(12):
        api.post("campaign/create", **campaign_body(campaign_name=f"Autumn {number} ca-tag{number:02d}"))
    first = api.get("campaign/get")
    assert (len(first["list"]), first["page_info"]["total_page"]) == (10, 2)
    assert len(api.get("campaign/get", page=2)["list"]) == 2
    assert len(api.get("campaign/get", filtering={"campaign_name": "CA-TAG1"})["list"]) == 2
    assert api.refused("GET", "campaign/get", page_size=1001)["code"] == 40002


# Smart+


@pytest.fixture
def smart_plus(api: TikTokApi) -> tuple[str, str]:
    """A Smart+ campaign and its ad group."""
    wanted = campaign_body(request_id="1", sales_destination="WEBSITE", budget_optimize_on=False)
    campaign_id = api.post("smart_plus/campaign/create", **wanted)["campaign_id"]
    group = api.post("smart_plus/adgroup/create", **_smart_plus_group(campaign_id))
    return str(campaign_id), str(group["adgroup_id"])


def _smart_plus_group(campaign_id: str, **changes: Any) -> Json:
    manual = adgroup_body(campaign_id, request_id="2", budget_mode="BUDGET_MODE_DYNAMIC_DAILY_BUDGET")
    for name in ("pacing", "location_ids", "age_groups"):
        manual.pop(name)
    targeting = {"location_ids": ["6252001"], "age_groups": ["AGE_18_24"]}
    return manual | {"targeting_spec": targeting, "targeting_optimization_mode": "MANUAL"} | changes


def _smart_plus_ad(adgroup_id: str, image_id: str, **changes: Any) -> Json:
    return {
        "adgroup_id": adgroup_id,
        "ad_name": "Ad",
        "operation_status": "DISABLE",
        "ad_configuration": {"identity_id": IDENTITY, "identity_type": "CUSTOMIZED_USER"},
        "ad_text_list": [{"ad_text": "Light on your feet."}],
        "call_to_action_list": [{"call_to_action": "SHOP_NOW"}],
        "landing_page_url_list": [{"landing_page_url": "https://shop.example/p/1"}],
        "creative_list": [
            {"creative_info": {"ad_format": "SINGLE_IMAGE", "image_info": [{"web_uri": image_id}]}}
        ],
    } | changes


def test_smart_plus_objects_show_only_in_their_own_lists(
    api: TikTokApi, smart_plus: tuple[str, str], image_id: str
) -> None:
    ad_id = api.post("smart_plus/ad/create", **_smart_plus_ad(smart_plus[1], image_id))["smart_plus_ad_id"]
    for noun in ("campaign", "adgroup", "ad"):
        assert api.get(f"{noun}/get")["list"] == []
        found = api.get(f"smart_plus/{noun}/get")["list"]
        assert [item["campaign_automation_type"] for item in found] == ["UPGRADED_SMART_PLUS"]
    assert api.get("smart_plus/ad/get", filtering={"smart_plus_ad_ids": [ad_id]})["list"]
    refused = api.refused("POST", "adgroup/update", adgroup_id=smart_plus[1], budget=60)
    assert "Upgraded Smart Plus ads" in refused["message"]


def test_smart_plus_status_has_its_own_ids(
    api: TikTokApi, smart_plus: tuple[str, str], image_id: str
) -> None:
    ad_id = api.post("smart_plus/ad/create", **_smart_plus_ad(smart_plus[1], image_id))["smart_plus_ad_id"]
    assert api.refused("POST", "ad/status/update", ad_ids=[ad_id], operation_status="ENABLE")["code"] == 40002
    done = api.post("smart_plus/ad/status/update", smart_plus_ad_ids=[ad_id], operation_status="ENABLE")
    assert done == {"smart_plus_ad_ids": [ad_id], "status": "ENABLE"}


def test_smart_plus_reports_by_the_second_ad_id(
    api: TikTokApi, sandbox: Sandbox, smart_plus: tuple[str, str], image_id: str
) -> None:
    ad_id = api.post("smart_plus/ad/create", **_smart_plus_ad(smart_plus[1], image_id))["smart_plus_ad_id"]
    assert _report(api, "AUCTION_AD", ["ad_id"]) == []
    assert [row["dimensions"] for row in _report(api, "AUCTION_AD", ["ad_id_v2"])] == [
        {"ad_id_v2": int(ad_id)}
    ]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"request_id": None}, "request_id"),
        ({"sales_destination": None}, "sales_destination"),
        ({"objective_type": "TRAFFIC"}, "objective_type"),
        ({"budget_optimize_on": None}, "budget_mode"),
    ],
)
def test_smart_plus_campaigns_are_checked(api: TikTokApi, changes: Json, field: str) -> None:
    wanted = campaign_body(request_id="1", sales_destination="WEBSITE", budget_optimize_on=False)
    body = {name: value for name, value in (wanted | changes).items() if value is not None}
    assert api.refused("POST", "smart_plus/campaign/create", **body)["message"].startswith(field)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"request_id": None}, "request_id"),
        ({"targeting_spec": None}, "targeting_spec"),
        ({"targeting_optimization_mode": "ON"}, "targeting_optimization_mode"),
        ({"pixel_id": PIXEL + "9"}, "pixel_id"),
    ],
)
def test_smart_plus_groups_are_checked(
    api: TikTokApi, smart_plus: tuple[str, str], changes: Json, field: str
) -> None:
    body = _smart_plus_group(smart_plus[0], **{"request_id": "3", **changes})
    refused = api.refused("POST", "smart_plus/adgroup/create", **body)
    assert refused["message"].startswith(field)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"creative_list": []}, "creative_list"),
        ({"ad_text_list": [{"ad_text": "x"}] * 6}, "ad_text_list"),
        ({"landing_page_url_list": [{"landing_page_url": "https://a.example"}] * 2}, "landing_page_url_list"),
        ({"creative_list": [{"creative_info": {"ad_format": "SINGLE_VIDEO"}}]}, "image_info"),
        ({"ad_configuration": {}}, "identity_id"),
    ],
)
def test_smart_plus_ads_are_checked(
    api: TikTokApi, smart_plus: tuple[str, str], image_id: str, changes: Json, field: str
) -> None:
    body = _smart_plus_ad(smart_plus[1], image_id, **changes)
    assert api.refused("POST", "smart_plus/ad/create", **body)["message"].startswith(field)


def test_smart_plus_may_be_kept_from_an_advertiser(api: TikTokApi, sandbox: Sandbox) -> None:
    sandbox.admin("PUT", f"/accounts/tiktok/{api.advertiser}", {"smart_plus_allowed": False})
    assert api.refused("GET", "smart_plus/campaign/get")["code"] == 40113
