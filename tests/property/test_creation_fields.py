"""Every optional field of a creation, asked of the module and found on the platform as it was asked."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from campaign_automation import CampaignAutomation
from tests.support.builders import request_body
from tests.support.memory_table import MemoryTable
from tests.support.module import execute
from tests.support.sandbox import Sandbox

Json = dict[str, Any]
ZONE = ZoneInfo("America/New_York")
ACCOUNTS: dict[str, tuple[str, str, list[Any]]] = {
    "meta": (
        "act_100000000000001",
        "audiences",
        [{"id": item, "name": "Buyers", "subtype": "CUSTOM"} for item in ("11", "22")],
    ),
    "tiktok": ("7000000000000000123", "audiences", ["11", "22"]),
    "google": ("1230000003", "user_lists", ["11", "22"]),
}
TEXT = "Made for wet trails"
DESCRIPTION: dict[str, Json] = {"meta": {"description": TEXT}, "tiktok": {}, "google": {"description": TEXT}}
OWN: dict[str, Json] = {
    "meta": {
        "call_to_action": "book_now",
        "excluded_countries": ["CA"],
        "placements": ["facebook", "instagram"],
    },
    "tiktok": {"call_to_action": "book_now", "placements": ["pangle"]},
    "google": {
        "excluded_countries": ["CA"],
        "placements": ["google_search"],
        "keywords": [{"text": "trail shoe", "match_type": "exact"}],
        "negative_keywords": [{"text": "used", "match_type": "phrase"}],
    },
}


def asked_of(platform: str, sandbox: Sandbox) -> Json:
    today = sandbox.now().astimezone(ZONE).date()
    start = datetime.combine(today + timedelta(days=3), time(), ZONE)
    end = datetime.combine(today + timedelta(days=9), time(23, 59, 59), ZONE)
    return request_body(
        platform=platform,
        creative_ids=["1"],
        age_groups=[[18, 65]],
        texts=[{"creative_id": "1", "primary_text": TEXT} | DESCRIPTION[platform]],
        start_time=start.isoformat(),
        end_time=end.isoformat(),
        genders=["female"],
        languages=["en"],
        regions=["21137"],
        cities=["1014221"],
        audiences=["11"],
        excluded_audiences=["22"],
        tracking={"url_parameters": {"utm_source": "module"}},
        **OWN[platform],
    )


@pytest.mark.parametrize("platform", ACCOUNTS)
def test_all_that_is_asked_stands_on_the_platform(
    module_settings: None, sandbox: Sandbox, platform: str
) -> None:
    account_id, field, audiences = ACCOUNTS[platform]
    sandbox.patch_account(platform, account_id, **{field: audiences})
    asked = asked_of(platform, sandbox)
    answer = execute(CampaignAutomation(table=MemoryTable()), "create_campaign", asked)
    assert answer["status"] == "success", answer
    assert answer["drift"] == [], answer
    CHECKS[platform](sandbox.state(platform), asked)


def moment(text: str) -> datetime:
    found = datetime.fromtimestamp(int(text), UTC) if text.isdigit() else datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def only(items: Json) -> Json:
    (item,) = items.values()
    return dict(item)


def on_meta(state: Json, asked: Json) -> None:
    adset = only(state["adsets"])
    targeting = adset["targeting"]
    assert targeting["genders"] == [2]
    assert targeting["locales"] == [6, 24]  # English, of the US and of the UK
    assert [item["key"] for item in targeting["geo_locations"]["regions"]] == ["21137"]
    assert [item["key"] for item in targeting["geo_locations"]["cities"]] == ["1014221"]
    assert targeting["excluded_geo_locations"]["countries"] == ["CA"]
    assert [item["id"] for item in targeting["custom_audiences"]] == ["11"]
    assert [item["id"] for item in targeting["excluded_custom_audiences"]] == ["22"]
    assert targeting["publisher_platforms"] == ["facebook", "instagram"]
    assert moment(adset["start_time"]) == moment(asked["start_time"])
    assert moment(adset["end_time"]) == moment(asked["end_time"])
    creative = only(state["creatives"])
    link = creative["object_story_spec"]["link_data"]
    assert (link["message"], link["call_to_action"]["type"]) == (TEXT, "BOOK_NOW")
    assert creative["url_tags"] == "utm_source=module"


def on_tiktok(state: Json, asked: Json) -> None:
    adgroup, ad = only(state["adsets"]), only(state["ads"])
    assert (adgroup["gender"], adgroup["languages"]) == ("GENDER_FEMALE", ["en"])
    assert sorted(adgroup["location_ids"]) == ["1014221", "21137"]
    assert (adgroup["audience_ids"], adgroup["excluded_audience_ids"]) == (["11"], ["22"])
    assert adgroup["placements"] == ["PLACEMENT_PANGLE"]
    assert moment(adgroup["schedule_start_time"]) == moment(asked["start_time"])
    assert moment(adgroup["schedule_end_time"]) == moment(asked["end_time"])
    assert (ad["ad_text"], ad["call_to_action"]) == (TEXT, "BOOK_NOW")
    assert ad["landing_page_url"].endswith("utm_source=module")


def on_google(state: Json, asked: Json) -> None:
    campaign, ad = only(state["campaigns"]), only(state["ads"])
    criteria = [item for name, item in state["resources"].items() if "Criteria/" in name]
    told = str(criteria)
    for words in ("GENDER", "languageConstants/1000", "geoTargetConstants/21137"):
        assert words in told, words
    for words in ("geoTargetConstants/1014221", "geoTargetConstants/2124", "userLists/11", "userLists/22"):
        assert words in told, words
    keywords = {
        (item["keyword"]["text"], item["keyword"]["matchType"], item.get("negative", False))
        for item in criteria
        if "keyword" in item
    }
    assert keywords == {("trail shoe", "EXACT", False), ("used", "PHRASE", True)}
    assert campaign["network_settings"]["target_google_search"] is True
    assert not campaign["network_settings"].get("target_search_network")
    assert campaign["start_date_time"].startswith(asked["start_time"][:10])
    assert campaign["end_date_time"].startswith(asked["end_time"][:10])
    lines = ad["ad"]["responsive_search_ad"]["descriptions"]
    assert lines[0]["text"] == TEXT
    assert ad["ad"]["final_url_suffix"] == "utm_source=module"


CHECKS = {"meta": on_meta, "tiktok": on_tiktok, "google": on_google}
