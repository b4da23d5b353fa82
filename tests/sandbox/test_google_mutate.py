"""The vendor's client against the sandbox's GoogleAdsService.Mutate."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.google_client import (
    CAMPAIGN,
    CUSTOMER,
    GROUP,
    GoogleClient,
    budget,
    campaign,
    codes,
    group,
    keyword,
    paths,
    removal,
    search_ad,
    status,
    tree,
)
from tests.sandbox.support import Sandbox

Json = dict[str, Any]


def resources(sandbox: Sandbox) -> Json:
    return dict(sandbox.state()["google"]["resources"])


def test_whole_tree_in_one_request(google: GoogleClient, sandbox: Sandbox) -> None:
    names = google.names(*tree())
    collections = ["campaignBudgets", "campaigns", "adGroups", "adGroupCriteria", "adGroupAds"]
    assert [name.split("/")[2] for name in names] == collections
    assert list(resources(sandbox)) == names
    assert resources(sandbox)[names[2]]["campaign"] == names[1]
    assert sandbox.calls("google")[-1]["operation"] == "create_campaign"


def test_one_wrong_operation_undoes_all(google: GoogleClient, sandbox: Sandbox) -> None:
    error = google.refused(budget(), campaign(), group(name=""), keyword("shoes"))
    assert resources(sandbox) == {}
    assert codes(error) == ["field_error.REQUIRED", "new_resource_creation_error.TEMP_ID_RESOURCE_HAD_ERRORS"]
    assert paths(error) == [
        "mutate_operations[2].ad_group_operation.create.name",
        "mutate_operations[3].ad_group_criterion_operation.create.ad_group",
    ]
    assert error.request_id == error.failure.request_id


def test_ids_are_used_up_by_successes_only(google: GoogleClient, sandbox: Sandbox) -> None:
    first = google.names(*tree("One"))
    google.refused(*tree("One"))
    second = google.names(*tree("Two"))
    assert int(second[0].rpartition("/")[2]) == int(first[-1].rpartition("~")[2]) + 1


def test_validate_only_writes_nothing(google: GoogleClient, sandbox: Sandbox) -> None:
    response = google.mutate(*tree(), validate_only=True)
    assert list(response.mutate_operation_responses) == []
    assert resources(sandbox) == {}
    assert codes(google.refused(campaign(name=""), validate_only=True))


def test_partial_failure_does_what_it_can(google: GoogleClient, sandbox: Sandbox) -> None:
    response = google.mutate(
        budget(), campaign(), group(name="One"), group(resource_name=None, name="One"), partial_failure=True
    )
    assert [bool(item.ad_group_result.resource_name) for item in response.mutate_operation_responses] == [
        False,
        False,
        True,
        False,
    ]
    assert response.partial_failure_error.code == 3
    assert len(resources(sandbox)) == 3


def test_stored_resource_is_echoed_when_asked_for(google: GoogleClient) -> None:
    response = google.mutate(budget(), campaign(), response_content_type="MUTABLE_RESOURCE")
    first, second = response.mutate_operation_responses
    assert first.campaign_budget_result.campaign_budget.amount_micros == 50_000_000
    assert second.campaign_result.campaign.bidding_strategy_type.name == "MAXIMIZE_CONVERSIONS"
    plain = google.mutate(budget(resource_name=None)).mutate_operation_responses[0]
    assert plain.campaign_budget_result.campaign_budget.amount_micros == 0


@pytest.mark.parametrize(
    ("operations", "code"),
    [
        ((campaign(),), "mutate_error.RESOURCE_NOT_FOUND"),
        ((budget(), budget()), "new_resource_creation_error.DUPLICATE_TEMP_IDS"),
        (
            (budget(resource_name=f"customers/{CUSTOMER}/campaignBudgets/5"),),
            "new_resource_creation_error.CANNOT_SET_ID_FOR_CREATE",
        ),
        ((budget(amount_micros=None),), "field_error.REQUIRED"),
        ((budget(amount_micros=-10_000),), "campaign_budget_error.NEGATIVE_MONEY_AMOUNT"),
        ((budget(amount_micros=10_001),), "campaign_budget_error.NON_MULTIPLE_OF_MINIMUM_CURRENCY_UNIT"),
        ((budget(explicitly_shared=None),), "field_error.REQUIRED"),  # shared by default, and then named
        ((budget(name="x" * 256),), "string_length_error.TOO_LONG"),
        ((budget(), campaign(name="x" * 256)), "string_length_error.TOO_LONG"),
        ((budget(), campaign(name="two\nlines")), "campaign_error.INVALID_CAMPAIGN_NAME"),
        ((budget(), campaign(contains_eu_political_advertising=None)), "field_error.REQUIRED"),
        ((budget(), campaign(maximize_conversions=None)), "field_error.REQUIRED"),
        ((budget(), campaign(advertising_channel_type=None)), "field_error.REQUIRED"),
        (
            (budget(), campaign(network_settings=None)),
            "campaign_error.CAMPAIGN_MUST_TARGET_AT_LEAST_ONE_NETWORK",
        ),
        (
            (budget(), campaign(status="REMOVED")),
            "operation_access_denied_error.CREATE_AS_REMOVED_NOT_PERMITTED",
        ),
        (
            (budget(amount_micros=4_000_000), campaign(advertising_channel_type="DEMAND_GEN")),
            "campaign_budget_error.BUDGET_BELOW_PER_DAY_MINIMUM",
        ),
        (
            (budget(explicitly_shared=True, name="pot"), campaign(advertising_channel_type="DEMAND_GEN")),
            "campaign_error.CAMPAIGN_CANNOT_USE_SHARED_BUDGET",
        ),
        (
            (budget(), campaign(advertising_channel_type="MULTI_CHANNEL")),
            "campaign_error.INVALID_ADVERTISING_CHANNEL_SUB_TYPE",
        ),
        (
            (budget(), campaign(), campaign(resource_name=None, name="Second")),
            "campaign_budget_error.CAMPAIGN_BUDGET_CANNOT_BE_SHARED",
        ),
        ((*tree(), group(resource_name=None)), "ad_group_error.DUPLICATE_ADGROUP_NAME"),
        ((*tree(), keyword("trail shoes")), "mutate_error.RESOURCE_ALREADY_EXISTS"),
        ((*tree(), keyword("x" * 81)), "criterion_error.KEYWORD_TEXT_TOO_LONG"),
        ((*tree(), keyword("a b c d e f g h i j k")), "criterion_error.KEYWORD_HAS_TOO_MANY_WORDS"),
        ((*tree(), keyword("50% off!")), "criterion_error.KEYWORD_HAS_INVALID_CHARS"),
        ((*tree(), search_ad(headlines=[{"text": "One"}])), "ad_error.INVALID_NUMBER_OF_ELEMENTS"),
        ((*tree(), search_ad(headlines=[{"text": "One"}] * 3)), "asset_error.DUPLICATE_ASSET"),
        (
            (*tree(), search_ad(descriptions=[{"text": "x" * 91}, {"text": "y"}])),
            "ad_error.LINE_TOO_WIDE",
        ),
        ((*tree(), *[search_ad()] * 3), "resource_count_limit_exceeded_error.AD_GROUP_AD_LIMIT"),
    ],
)
def test_documented_refusals(
    google: GoogleClient, sandbox: Sandbox, operations: tuple[Json, ...], code: str
) -> None:
    assert code in codes(google.refused(*operations))
    assert resources(sandbox) == {}


def test_location_that_cannot_be_targeted(google: GoogleClient) -> None:
    place = {"campaign": CAMPAIGN, "location": {"geo_target_constant": "geoTargetConstants/2192"}}
    error = google.refused(budget(), campaign(), {"campaign_criterion_operation": {"create": place}})
    assert codes(error) == ["criterion_error.CANNOT_TARGET_CRITERION"]


def test_currency_decides_the_smallest_unit(google: GoogleClient, sandbox: Sandbox) -> None:
    sandbox.admin("PUT", f"/accounts/google/{CUSTOMER}", {"currency": "JPY"})
    error = google.refused(budget(amount_micros=10_500_000))
    assert codes(error) == ["campaign_budget_error.NON_MULTIPLE_OF_MINIMUM_CURRENCY_UNIT"]
    google.mutate(budget(amount_micros=10_000_000))


def test_name_is_free_again_once_its_campaign_is_removed(google: GoogleClient, sandbox: Sandbox) -> None:
    names = google.names(*tree())
    assert codes(google.refused(*tree()))[0] == "campaign_error.DUPLICATE_CAMPAIGN_NAME"
    google.mutate(removal("campaign", names[1]))
    google.mutate(*tree())
    first = resources(sandbox)[names[0]]
    assert first["status"] == "REMOVED"


def test_removed_resources_take_no_changes(google: GoogleClient) -> None:
    names = google.names(*tree())
    google.mutate(removal("campaign", names[1]))
    gone = "operation_access_denied_error.OPERATION_NOT_PERMITTED_FOR_REMOVED_RESOURCE"
    assert codes(google.refused(status("campaign", names[1], "ENABLED"))) == [gone]
    assert codes(google.refused(removal("campaign", names[1]))) == [gone]
    assert codes(google.refused(removal("campaign", f"customers/{CUSTOMER}/campaigns/9"))) == [
        "mutate_error.RESOURCE_NOT_FOUND"
    ]


@pytest.mark.parametrize(
    ("update", "mask", "code"),
    [
        ({"status": "ENABLED"}, [], "field_mask_error.FIELD_MASK_MISSING"),
        ({}, ["colour"], "field_mask_error.FIELD_NOT_FOUND"),
        (
            {"advertising_channel_type": "DISPLAY"},
            ["advertising_channel_type"],
            "field_error.IMMUTABLE_FIELD",
        ),
        ({"status": "REMOVED"}, ["status"], "enum_error.ENUM_VALUE_NOT_PERMITTED"),
    ],
)
def test_updates_name_their_fields(google: GoogleClient, update: Json, mask: list[str], code: str) -> None:
    name = google.names(*tree())[1]
    operation = {"update": {"resource_name": name, **update}, "update_mask": {"paths": mask}}
    assert codes(google.refused({"campaign_operation": operation})) == [code]


def test_budget_in_use_stays(google: GoogleClient) -> None:
    names = google.names(*tree())
    assert codes(google.refused(removal("campaign_budget", names[0]))) == [
        "campaign_budget_error.CAMPAIGN_BUDGET_IN_USE"
    ]


def test_one_undeclared_campaign_blocks_all_until_it_is_declared(
    google: GoogleClient, sandbox: Sandbox
) -> None:
    sandbox.admin("PUT", f"/accounts/google/{CUSTOMER}", {"undeclared_campaign": True})
    blocked = "mutate_error.EU_POLITICAL_ADVERTISING_DECLARATION_REQUIRED"
    query = (
        "SELECT campaign.id FROM campaign WHERE campaign.missing_eu_political_advertising_declaration = TRUE"
    )
    (row,) = google.rows(query)
    name = row.campaign.resource_name

    assert blocked in codes(google.refused(*tree()))
    assert codes(google.refused(status("campaign", name, "ENABLED"))) == [blocked]
    declared = "DOES_NOT_CONTAIN_EU_POLITICAL_ADVERTISING"
    update = {"resource_name": name, "contains_eu_political_advertising": declared}
    mask = {"paths": ["contains_eu_political_advertising"]}
    google.mutate({"campaign_operation": {"update": update, "update_mask": mask}})
    google.mutate(*tree())


def test_other_customers_are_out_of_reach(google: GoogleClient) -> None:
    name = google.names(*tree())[1]
    assert codes(google.refused(*tree(), customer="4560000003")) == [
        "authorization_error.USER_PERMISSION_DENIED"
    ]
    assert codes(google.refused(*tree(), customer="12-3")) == ["request_error.INVALID_CUSTOMER_ID"]
    stranger = GoogleClient(google.service, "sandbox-google-token-456")
    error = stranger.refused(removal("campaign", name), customer="4560000003")
    assert codes(error) == ["mutate_error.RESOURCE_NOT_FOUND"]


def test_empty_and_oversized_requests(google: GoogleClient) -> None:
    assert codes(google.refused()) == ["field_error.REQUIRED"]
    error = google.refused(*[budget(resource_name=None)] * 10_001)
    assert codes(error) == ["request_error.TOO_MANY_MUTATE_OPERATIONS"]


def test_group_of_a_removed_campaign(google: GoogleClient) -> None:
    name = google.names(*tree())[1]
    google.mutate(removal("campaign", name))
    assert codes(google.refused(group(campaign=name, name="Late"), keyword("late", GROUP))) == [
        "operation_access_denied_error.OPERATION_NOT_PERMITTED_FOR_REMOVED_RESOURCE",
        "new_resource_creation_error.TEMP_ID_RESOURCE_HAD_ERRORS",
    ]
