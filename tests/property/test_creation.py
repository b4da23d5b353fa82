"""Properties 1 to 4, 14 and 15 of the contract."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from google.ads.googleads.v26.errors.types.errors import GoogleAdsFailure
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaign_automation import CampaignAutomation
from campaign_automation.adapters.google import errors as google_errors
from campaign_automation.adapters.google import facts as google_facts
from campaign_automation.adapters.google import requests as google_requests
from campaign_automation.adapters.google_adapter import GoogleAdapter
from campaign_automation.adapters.meta.errors import translate
from campaign_automation.adapters.meta.requests import adset_params
from campaign_automation.adapters.meta_adapter import MetaAdapter
from campaign_automation.adapters.tiktok import errors as tiktok_errors
from campaign_automation.adapters.tiktok import facts as tiktok_facts
from campaign_automation.adapters.tiktok import requests as tiktok_requests
from campaign_automation.adapters.tiktok_adapter import TikTokAdapter
from campaign_automation.managers.campaigns.copywriting import Copywriter
from campaign_automation.managers.campaigns.planning import plan_campaign
from campaign_automation.models.campaigns import AdSetPlan, CampaignPlan, CreateCampaign
from campaign_automation.models.common import AdAccount
from campaign_automation.utils.error_handler import CODES, PlatformError, envelope
from campaign_automation.utils.validation import parse
from tests.support.builders import account, creative
from tests.support.fake_adapter import FakeAdapter
from tests.support.memory_table import MemoryTable
from tests.support.module import execute
from tests.support.sandbox import Sandbox
from tests.support.strategies import NAMES, cell_count, requests
from tests.support.web_platform import MemoryWebPlatform

WHOLE = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
EACH = settings(max_examples=50)  # of three platforms, a hundred and fifty in all
PLATFORMS = ("meta", "tiktok", "google")


@pytest.fixture
def table() -> MemoryTable:
    return MemoryTable()


@pytest.fixture
def module(module_settings: None, sandbox: Sandbox, table: MemoryTable) -> CampaignAutomation:
    """One module for all examples of a test, as a warm function would be."""
    return CampaignAutomation(table=table)


@pytest.fixture
def fakes() -> dict[str, FakeAdapter]:
    return {name: FakeAdapter(name) for name in ("meta", "tiktok", "google")}


@pytest.fixture
def module_of_fakes(
    module_settings: None, fakes: dict[str, FakeAdapter], table: MemoryTable
) -> CampaignAutomation:
    return CampaignAutomation(mcp_client=MemoryWebPlatform(), adapters=fakes, table=table)


@WHOLE
@given(platform=st.sampled_from(PLATFORMS), data=st.data())
def test_property_01_creation_gives_an_id_and_a_whole_tree_read_back_from_the_platform(
    module: CampaignAutomation, table: MemoryTable, sandbox: Sandbox, platform: str, data: st.DataObject
) -> None:
    request = data.draw(requests(platform, is_small=True))
    table.clear()
    if platform == "tiktok":  # hundreds of creations in a minute are more than the basic tier allows
        sandbox.patch_account(platform, "7000000000000000123", calls_per_minute=1_000_000)
    created = execute(module, "create_campaign", request)
    assert created["status"] == "success", created
    status = execute(module, "get_campaign_status", {"campaign_id": created["campaign_id"]})
    cells, creatives = cell_count(request), len(request["creative_ids"])
    assert status["campaign"]["campaign_id"] == created["campaign_id"]
    assert len(status["adsets"]) == len(created["adsets"]) == cells
    assert len(status["ads"]) == len(created["ads"]) == cells * creatives
    asked = Decimal(str(request["daily_budget"]))
    assert Decimal(str(status["campaign"]["daily_budget"])) == asked
    shares = {adset["adset_id"]: adset["daily_budget"] for adset in created["adsets"]}
    assert sum(Decimal(str(share)) for share in shares.values()) == asked
    if platform != "google":  # where ad sets have no budgets of their own
        assert {adset["adset_id"]: adset["daily_budget"] for adset in status["adsets"]} == shares
    assert {item["status"] for item in (*status["adsets"], *status["ads"])} == {"paused"}
    assert created["drift"] == []


FIT_AGES = {
    "meta": lambda groups: list(groups),
    "tiktok": tiktok_requests.fit_ages,
    "google": google_requests.fit_ages,
}
LIMITS = {
    "meta": MetaAdapter.copy_limits,
    "tiktok": TikTokAdapter.copy_limits,
    "google": GoogleAdapter.copy_limits,
}


def plan_of(request: dict[str, Any], told: AdAccount) -> CampaignPlan:
    """The plan as the manager makes it: ages fitted to the platform first."""
    spec = parse(CreateCampaign, request)
    fitted = spec.model_copy(update={"age_groups": FIT_AGES[spec.platform](spec.age_groups)})
    return plan_campaign(fitted, told, "cmp_1")


@pytest.mark.parametrize("platform", PLATFORMS)
@EACH
@given(data=st.data())
def test_property_02_there_are_as_many_adsets_as_cells(platform: str, data: st.DataObject) -> None:
    request = data.draw(requests(platform))
    plan = plan_of(request, account())
    assert len(plan.adsets) == cell_count(request)
    cells = {
        (item.targeting.age_min, item.targeting.age_max, tuple(item.targeting.countries))
        for item in plan.adsets
    }
    assert len(cells) == len(plan.adsets)
    assert {country for _, _, countries in cells for country in countries} == set(request["target_countries"])


@pytest.mark.parametrize("platform", PLATFORMS)
@EACH
@given(data=st.data())
def test_property_03_every_adset_has_targeting_automatic_placement_and_lowest_cost(
    platform: str, data: st.DataObject
) -> None:
    facts = {
        **account().facts,
        "dsa_beneficiary": "A",
        "dsa_payor": "B",
        "identity_id": "1",
        "identity_type": "X",
    }
    told = account(facts=facts)
    plan = plan_of(data.draw(requests(platform)), told)
    for adset in plan.adsets:
        assert (adset.placements, adset.bid_strategy) == ("automatic", "lowest_cost")
        assert adset.targeting.countries
        CHECKS[platform](plan, told, adset)


def check_meta(plan: CampaignPlan, told: AdAccount, adset: AdSetPlan) -> None:
    params = adset_params(plan, told, "1", adset)
    targeting = params["targeting"]
    assert params["bid_strategy"] == "LOWEST_COST_WITHOUT_CAP"
    ages = (adset.targeting.age_min, adset.targeting.age_max)
    assert (targeting["age_min"], targeting["age_max"]) == ages
    assert targeting["geo_locations"]["countries"] == adset.targeting.countries
    assert not any(key.endswith(("platforms", "positions")) for key in targeting)


def check_tiktok(plan: CampaignPlan, told: AdAccount, adset: AdSetPlan) -> None:
    body = tiktok_requests.adset_body(plan, told, "1", adset, "manual", datetime(2026, 11, 23, tzinfo=UTC))
    assert body["bid_type"] == "BID_TYPE_NO_BID"
    assert body["placements"] == ["PLACEMENT_TIKTOK"]  # what its automatic placement always holds
    assert len(body["location_ids"]) == len(adset.targeting.countries)
    ages = tiktok_requests.ages_of(body.get("age_groups") or list(tiktok_facts.AGE_BUCKETS)[1:])
    assert ages == (adset.targeting.age_min, adset.targeting.age_max)


def check_google(plan: CampaignPlan, told: AdAccount, adset: AdSetPlan) -> None:
    excluded = google_requests.excluded_ages((adset.targeting.age_min, adset.targeting.age_max))
    assert google_requests.reached_ages(excluded) == (adset.targeting.age_min, adset.targeting.age_max)
    operations = google_requests.campaign_operations("1", plan, told, False)
    (campaign,) = [
        item.campaign_operation.create
        for item in operations
        if item.WhichOneof("operation") == "campaign_operation"
    ]
    bidding = campaign.WhichOneof("campaign_bidding_strategy")
    assert bidding.upper() in google_facts.LOWEST_COST
    # Lowest cost is a strategy without a target of its own.
    assert not getattr(campaign, bidding).ListFields()
    locations = [
        item for item in operations if item.WhichOneof("operation") == "campaign_criterion_operation"
    ]
    assert len(locations) == len(adset.targeting.countries)


CHECKS = {"meta": check_meta, "tiktok": check_tiktok, "google": check_google}


@pytest.mark.parametrize("platform", PLATFORMS)
@EACH
@given(data=st.data(), name=NAMES, language=st.sampled_from(["en", "zh"]))
def test_property_04_one_ad_per_creative_and_adset_with_copy_inside_the_limits(
    platform: str, data: st.DataObject, name: str, language: str
) -> None:
    request = data.draw(requests(platform))
    plan = plan_of(request, account())
    assert len(plan.ads) == len(plan.adsets) * len(request["creative_ids"])
    pairs = {(ad.adset_tag, ad.creative_id) for ad in plan.ads}
    assert len(pairs) == len(plan.ads)
    limits = LIMITS[platform]
    copy = asyncio.run(Copywriter(None, ()).write(creative(name=name), plan.objective, language, limits))
    for part in ("primary_text", "headline", "description"):
        assert 0 < len(getattr(copy, part)) <= getattr(limits, part)
    assert len(copy.more_headlines) == limits.headlines - 1
    assert len(copy.more_descriptions) == limits.descriptions - 1


@WHOLE
@given(platform=st.sampled_from(["meta", "tiktok", "google"]), request=requests(is_small=True))
def test_property_14_each_platform_name_reaches_its_adapter_and_results_have_one_shape(
    module_of_fakes: CampaignAutomation,
    fakes: dict[str, FakeAdapter],
    table: MemoryTable,
    platform: str,
    request: dict[str, Any],
) -> None:
    table.clear()
    for adapter in fakes.values():
        adapter.forget()
    answer = execute(module_of_fakes, "create_campaign", {**request, "platform": platform})
    assert answer["status"] == "success", answer
    assert answer["platform"] == platform
    assert {name for name, adapter in fakes.items() if adapter.calls} == {platform}
    assert set(answer) == RESULT_FIELDS
    assert all(set(adset) == ADSET_FIELDS for adset in answer["adsets"])
    assert all(set(ad) == AD_FIELDS for ad in answer["ads"])


RESULT_FIELDS = {
    *(
        "status",
        "state",
        "campaign_id",
        "platform",
        "platform_campaign_id",
        "name",
        "campaign_status",
        "currency",
    ),
    *("adsets", "ads", "drift", "changes", "warnings", "message", "replayed"),
}
ADSET_FIELDS = {
    *("adset_id", "platform_adset_id", "name", "daily_budget", "targeting", "placements", "bid_strategy"),
}
AD_FIELDS = {
    *("ad_id", "platform_ad_id", "adset_id", "creative_id", "copy", "headline", "description", "copy_source"),
}


ERRORS = st.fixed_dictionaries(
    {
        "code": st.one_of(
            st.integers(-5, 3000), st.integers(79990, 80020), st.sampled_from([190, 100, 368, 613])
        )
    },
    optional={
        "message": st.text(max_size=50),
        "error_subcode": st.one_of(
            st.none(), st.integers(1, 4_000_000), st.sampled_from([33, 459, 463, 1885272])
        ),
        "is_transient": st.booleans(),
        "error_user_msg": st.text(max_size=50),
        "fbtrace_id": st.text(min_size=1, max_size=20),
        "error_data": st.one_of(st.text(max_size=20), st.just({"blame_field_specs": [["daily_budget"]]})),
    },
)


TIKTOK_ERRORS = st.fixed_dictionaries(
    {"code": st.one_of(st.integers(1, 99999), st.integers(40000, 41100), st.integers(50000, 52100))},
    optional={"message": st.text(max_size=50), "request_id": st.text(min_size=1, max_size=20)},
)


@st.composite
def google_failures(draw: st.DrawFn) -> Any:
    """A failure with one to three errors of any family the vendor knows."""
    failure = GoogleAdsFailure.pb()()
    for _ in range(draw(st.integers(1, 3))):
        error = failure.errors.add(message=draw(st.text(max_size=30)))
        fields = error.error_code.DESCRIPTOR.fields
        field = draw(st.sampled_from(list(fields)))
        setattr(
            error.error_code,
            field.name,
            draw(st.sampled_from([item.number for item in field.enum_type.values])),
        )
    return failure


TRANSLATIONS = {
    "meta": st.builds(translate, ERRORS, st.sampled_from([200, 400, 403, 500, 503]), st.just({})),
    "tiktok": st.builds(tiktok_errors.translate, TIKTOK_ERRORS),
    "google": st.builds(google_errors.translate, google_failures()),
}


@pytest.mark.parametrize("platform", PLATFORMS)
@EACH
@given(data=st.data())
def test_property_15_every_platform_error_becomes_a_typed_envelope(
    platform: str, data: st.DataObject
) -> None:
    error = data.draw(TRANSLATIONS[platform])
    assert isinstance(error, PlatformError)
    body = envelope(error, "req_1")["error"]
    assert body["code"] in CODES
    assert body["code"] != "1000"
    assert body["type"] == CODES[body["code"]].type
    assert body["message"].startswith(f"{platform}: ")
    assert body["details"]["platform"] == platform
    assert body["details"]["platform_code"]
    assert isinstance(body["details"]["retryable"], bool)
    json.dumps(body)
