"""The real ads SDK against the Meta sandbox."""

from pathlib import Path
from typing import Any

import pytest
from facebook_business.adobjects.ad import Ad
from facebook_business.adobjects.adaccount import AdAccount
from facebook_business.adobjects.adset import AdSet
from facebook_business.adobjects.campaign import Campaign
from facebook_business.api import FacebookAdsApiBatch
from facebook_business.exceptions import FacebookRequestError

from tests.sandbox.support import ACCOUNT, CAMPAIGN, PAGE, Sandbox, adset_params, link_story

# The SDK warns about each enum it reads and each field newer than itself.
pytestmark = pytest.mark.filterwarnings("ignore:Value of .* is not be compatible")

TREE = (
    "id,name,objective,status,effective_status,special_ad_categories,bid_strategy,issues_info,"
    "adsets.limit(200){id,name,status,effective_status,daily_budget,bid_strategy,optimization_goal,"
    "billing_event,promoted_object,targeting,issues_info},ads.limit(500){id,name,adset_id,status,"
    "effective_status,issues_info,ad_review_feedback,creative{id,name,object_story_spec}}"
)


@pytest.fixture
def picture(sandbox: Sandbox, tmp_path: Path) -> Path:
    path = tmp_path / "creative_1.png"
    path.write_bytes(sandbox.http.get(f"{sandbox.url}/web_platform/files/creative_1.png").content)
    return path


@pytest.fixture
def creatives(sandbox: Sandbox, account: AdAccount, picture: Path) -> list[str]:
    """One picture creative and one film creative."""
    image = account.create_ad_image(params={"filename": str(picture)})
    video = account.create_ad_video(params={"file_url": f"{sandbox.url}/web_platform/files/creative_2.mp4"})
    assert video.api_get(fields=["status"])["status"]["video_status"] == "processing"
    ready = video.api_get(fields=["status", "picture"])
    assert (ready["status"]["video_status"], ready["picture"][:8]) == ("ready", "https://")
    film = {
        "video_id": video["id"],
        "message": "See it move.",
        "image_hash": image["hash"],
        "call_to_action": {"type": "SHOP_NOW", "value": {"link": "https://shop.example/p/2"}},
    }
    stories = [link_story(image["hash"]), {"page_id": PAGE, "video_data": film}]
    made = [account.create_ad_creative(params={"name": "c", "object_story_spec": s}) for s in stories]
    return [creative["id"] for creative in made]


@pytest.fixture
def tree_id(account: AdAccount, creatives: list[str]) -> str:
    """A campaign of three ad sets with two ads each, the ads made in one batch."""
    campaign = account.create_campaign(params=CAMPAIGN)
    adsets = [
        account.create_ad_set(params=adset_params(campaign["id"], name=f"cell {n}", daily_budget=5000 + n))
        for n in range(3)
    ]
    batch = account.get_api_assured().new_batch()
    for adset in adsets:
        for creative in creatives:
            _add_ad(batch, account, adset["id"], creative)
    assert batch.execute() is None
    return str(campaign["id"])


def _add_ad(batch: FacebookAdsApiBatch, account: AdAccount, adset_id: str, creative_id: str) -> None:
    params = {
        "name": "ad",
        "adset_id": adset_id,
        "creative": {"creative_id": creative_id},
        "status": "PAUSED",
    }
    account.create_ad(params=params, batch=batch)


def test_tree_reads_back_as_created(account: AdAccount, tree_id: str, creatives: list[str]) -> None:
    tree = account.get_api_assured().call("GET", (tree_id,), {"fields": TREE}).json()

    assert (tree["objective"], tree["effective_status"]) == ("OUTCOME_SALES", "PAUSED")
    adsets, ads = tree["adsets"]["data"], tree["ads"]["data"]
    assert sorted(adset["daily_budget"] for adset in adsets) == ["5000", "5001", "5002"]
    assert {adset["bid_strategy"] for adset in adsets} == {"LOWEST_COST_WITHOUT_CAP"}
    assert {ad["adset_id"] for ad in ads} == {adset["id"] for adset in adsets}
    assert sorted(ad["creative"]["id"] for ad in ads) == sorted(creatives * 3)
    assert {ad["effective_status"] for ad in ads} == {"PENDING_REVIEW"}
    assert all("issues_info" not in node for node in [tree, *adsets, *ads])


def test_account_shows_what_the_adapter_needs(account: AdAccount) -> None:
    names = "id,name,currency,timezone_name,account_status,disable_reason,min_daily_budget"
    expanded = "default_dsa_beneficiary,default_dsa_payor,promote_pages{id,name},adspixels{id,name}"
    shown = account.api_get(params={"fields": f"{names},{expanded}"}).export_all_data()

    assert shown["id"] == ACCOUNT
    assert (shown["currency"], shown["min_daily_budget"], shown["account_status"]) == ("USD", 100, 1)
    assert shown["promote_pages"]["data"][0]["id"] == PAGE
    assert len(shown["adspixels"]["data"]) == 1


def test_cursor_walks_all_pages_newest_first(account: AdAccount) -> None:
    made = [account.create_campaign(params=CAMPAIGN | {"name": f"c{n}"})["id"] for n in range(7)]

    listed = account.get_campaigns(fields=["name"], params={"limit": 3})

    assert [campaign["id"] for campaign in listed] == made[::-1]
    assert listed.total() == 7


def test_name_filter_finds_own_campaign(account: AdAccount) -> None:
    for name in ("first [k1]", "second [k2]"):
        account.create_campaign(params=CAMPAIGN | {"name": name})
    wanted = [{"field": "name", "operator": "CONTAIN", "value": "[k2]"}]

    found = account.get_campaigns(fields=["name"], params={"filtering": wanted})

    assert [campaign["name"] for campaign in found] == ["second [k2]"]


def test_updates_and_deletes_through_the_sdk(account: AdAccount, tree_id: str) -> None:
    api = account.get_api_assured()
    campaign = Campaign(tree_id, api=api)
    adset = next(iter(campaign.get_ad_sets()))
    AdSet(adset["id"], api=api).api_update(params={"daily_budget": 7700, "status": "ACTIVE"})
    assert adset.api_get(fields=["daily_budget", "effective_status"]).export_all_data() == {
        "id": adset["id"],
        "daily_budget": "7700",
        "effective_status": "CAMPAIGN_PAUSED",
    }

    campaign.api_delete()

    assert list(account.get_ads()) == list(account.get_campaigns()) == []
    assert campaign.api_get(fields=["status"])["status"] == "DELETED"


def test_named_batch_items_feed_later_ones(account: AdAccount, adset_id: str, image_hash: str) -> None:
    batch = account.get_api_assured().new_batch()
    answers: list[Any] = []
    story = link_story(image_hash)
    account.create_ad_creative(
        params={"name": "c", "object_story_spec": story}, batch=batch, success=answers.append
    )
    batch._batch[0] |= {"name": "made", "omit_response_on_success": False}
    _add_ad(batch, account, adset_id, "{result=made:$.id}")

    assert batch.execute() is None

    ad = next(iter(account.get_ads(fields=["creative"])))
    assert ad["creative"]["id"] == answers[0].json()["id"]


def test_refusal_reaches_the_sdk_with_every_field(account: AdAccount, campaign_id: str) -> None:
    with pytest.raises(FacebookRequestError) as caught:
        account.create_ad_set(params=adset_params(campaign_id, daily_budget=99))
    error = caught.value

    assert (error.http_status(), error.api_error_code(), error.api_error_subcode()) == (400, 100, 1885272)
    assert error.api_error_type() == "OAuthException"
    assert error.api_blame_field_specs() == [["daily_budget"]]
    assert error.api_transient_error() is False
    body = error.body()["error"]
    assert "1.00 USD" in body["error_user_msg"]
    assert body["fbtrace_id"] == error.http_headers()["x-fb-trace-id"]


def test_async_insights_report_runs(account: AdAccount, running_ad: Ad) -> None:
    run = account.get_insights_async(fields=["spend"], params={"level": "ad", "date_preset": "today"})
    assert run.api_get()["async_status"] == "Job Completed"

    assert [row["ad_name"] for row in run.get_insights(fields=["ad_name"])] == ["ad"]


@pytest.fixture
def running_ad(account: AdAccount, tree_id: str, sandbox: Sandbox) -> Ad:
    api = account.get_api_assured()
    campaign = Campaign(tree_id, api=api)
    ad = next(iter(campaign.get_ads(fields=["adset_id"])))
    for node in (campaign, AdSet(ad["adset_id"], api=api), ad):
        node.api_update(params={"status": "ACTIVE"})
    sandbox.advance(advance_hours=6)
    return ad
