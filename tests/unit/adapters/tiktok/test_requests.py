"""What is asked of TikTok: ages, budgets, families, bodies, and what is refused before the first write."""

from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign_automation.adapters.tiktok import checks, facts
from campaign_automation.adapters.tiktok.requests import (
    adset_body,
    ages_of,
    buckets_of,
    campaign_body,
    fit_ages,
    request_id,
)
from campaign_automation.managers.campaigns.planning import plan_campaign
from campaign_automation.models.campaigns import CampaignPlan, CreateCampaign
from campaign_automation.models.common import AdAccount, AgeGroup, Objective
from campaign_automation.utils.error_handler import AccountError, CampaignAutomationError, InvalidRequestError
from tests.support.builders import account, spec

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
FACTS = {
    "identity_id": "1",
    "identity_type": "CUSTOMIZED_USER",
    "pixel_id": "2",
    "app_id": "3",
    "app_promotion": "APP_IOS",
}


def _account(currency: str = "USD", **changes: Any) -> AdAccount:
    step, floor = facts.budget_step(currency), checks.floor_of_adset(currency)
    return account(
        currency=currency, budget_step=step, min_daily_budget=floor, facts=FACTS | changes.pop("facts", {})
    )


def _plan(**changes: Any) -> CampaignPlan:
    asked = spec(platform="tiktok", **changes)
    fitted = asked.model_copy(update={"age_groups": fit_ages(asked.age_groups)})
    return plan_campaign(fitted, _account(), "cmp_1")


# --- ages


@pytest.mark.parametrize(
    ("asked", "fitted"),
    [
        ([(18, 35), (36, 50), (51, 65)], [(18, 34), (35, 54), (55, 65)]),
        ([(18, 24), (25, 34)], [(18, 24), (25, 34)]),
        ([(30, 50)], [(25, 54)]),
        ([(18, 35)], [(18, 34)]),
        ([(13, 65)], [(13, 65)]),
        ([(18, 65), (25, 34)], [(18, 65), (25, 34)]),
        ([(18, 29), (30, 65)], [(18, 34), (35, 65)]),
        ([(18, 35), (35, 65)], [(18, 34), (35, 65)]),
    ],
)
def test_ages_become_the_nearest_buckets(asked: list[AgeGroup], fitted: list[AgeGroup]) -> None:
    assert fit_ages(asked) == fitted


@pytest.mark.parametrize("asked", [[(30, 32)], [(18, 65), (26, 28)], [(25, 28), (29, 34)][:1]])
def test_a_group_without_a_bucket_is_refused_by_name(asked: list[AgeGroup]) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        fit_ages(asked)
    assert caught.value.details["field"] == "age_groups"
    assert str(list(asked[-1])) in caught.value.message


_GROUP = st.tuples(st.integers(13, 65), st.integers(13, 65)).map(lambda pair: (min(pair), max(pair)))


@given(st.lists(_GROUP, min_size=1, max_size=5, unique=True))
def test_fitted_ages_are_whole_buckets_that_disjoint_groups_never_share(groups: list[AgeGroup]) -> None:
    try:
        fitted = fit_ages(groups)
    except InvalidRequestError:
        return
    assert [ages_of(buckets_of(*group)) for group in fitted] == fitted
    assert fit_ages(fitted) == fitted
    for (first, got), (second, other) in combinations(zip(groups, fitted, strict=True), 2):
        if first[1] < second[0] or second[1] < first[0]:
            assert not set(buckets_of(*got)) & set(buckets_of(*other))


def test_no_age_groups_means_everybody() -> None:
    assert ages_of([]) == (13, 65)


# --- ids, money, families


@given(st.text())
def test_request_ids_are_positive_64_bit_integers(tag: str) -> None:
    text = request_id(tag)
    assert text == request_id(tag) == str(int(text))
    assert 0 < int(text) < 2**63


def test_different_tags_have_different_request_ids() -> None:
    assert len({request_id(f"ca-{number}") for number in range(1000)}) == 1000


@pytest.mark.parametrize(
    ("currency", "step", "adset", "campaign"),
    [
        ("USD", "0.01", 20, 50),
        ("EUR", "0.01", 20, 50),
        ("JPY", "1", 2000, 5000),
        ("HUF", "1", 20, 50),
        ("TWD", "1", 200, 500),
        ("RUB", "0.01", 2000, 5000),
        ("PLN", "0.01", 80, 200),
        ("COP", "0.01", 20_000, 50_000),
        ("VND", "1", 200_000, 500_000),
        ("PHP", "0.01", 1000, 2500),
    ],
)
def test_budget_floors_and_steps_by_currency(currency: str, step: str, adset: int, campaign: int) -> None:
    assert facts.budget_step(currency) == Decimal(step)
    assert checks.floor_of_adset(currency) == adset
    with pytest.raises(InvalidRequestError) as caught:
        checks.check_budget(spec(daily_budget=campaign - 1), _account(currency))
    assert caught.value.details["minimum"] == str(campaign)
    checks.check_budget(spec(daily_budget=campaign), _account(currency))


def test_an_unlisted_currency_has_no_step() -> None:
    assert facts.budget_step("XXX") is None


def test_the_budget_has_a_ceiling() -> None:
    with pytest.raises(InvalidRequestError, match="less than"):
        checks.check_budget(spec(daily_budget=10_000_000), _account())


@pytest.mark.parametrize("objective", list(Objective))
def test_manual_creation_ends_with_the_year_for_three_objectives(objective: Objective) -> None:
    assert facts.family_of(objective, date(2026, 12, 31)) == "manual"
    ends = objective in (Objective.SALES, Objective.LEADS, Objective.APP_PROMOTION)
    assert facts.family_of(objective, date(2027, 1, 1)) == ("smart_plus" if ends else "manual")


# --- bodies


@pytest.mark.parametrize(
    ("objective", "campaign", "goal", "billing"),
    [
        ("sales", "WEB_CONVERSIONS", "CONVERT", "OCPM"),
        ("traffic", "TRAFFIC", "CLICK", "CPC"),
        ("awareness", "REACH", "REACH", "CPM"),
        ("leads", "LEAD_GENERATION", "CONVERT", "OCPM"),
        ("engagement", "VIDEO_VIEWS", "ENGAGED_VIEW", "CPV"),
        ("app_promotion", "APP_PROMOTION", "INSTALL", "OCPM"),
    ],
)
def test_each_objective_has_its_goal_and_is_born_paused(
    objective: str, campaign: str, goal: str, billing: str
) -> None:
    plan = _plan(objective=objective)
    made = campaign_body(plan, _account(), "manual")
    group = adset_body(plan, _account(), "9", plan.adsets[0], "manual", NOW)
    assert (made["objective_type"], made["operation_status"]) == (campaign, "DISABLE")
    assert (group["optimization_goal"], group["billing_event"]) == (goal, billing)
    assert group["operation_status"] == "DISABLE"
    assert ("promotion_type" in group) is (objective not in ("awareness", "engagement"))
    assert ("pixel_id" in group) is (objective in ("sales", "leads"))


def test_smart_plus_keeps_the_ages_by_manual_targeting() -> None:
    plan = _plan(audience={"lookalike": "77"})
    made = campaign_body(plan, _account(), "smart_plus")
    group = adset_body(plan, _account(), "9", plan.adsets[1], "smart_plus", NOW)
    assert (made["sales_destination"], made["budget_optimize_on"]) == ("WEBSITE", False)
    assert group["targeting_optimization_mode"] == "MANUAL"
    assert group["targeting_spec"] == {
        "location_ids": ["6252001"],
        "age_groups": ["AGE_35_44", "AGE_45_54"],
        "gender": "GENDER_UNLIMITED",
        "audience_ids": ["77"],
    }
    assert not {"age_groups", "location_ids", "pacing"} & group.keys()


def test_amounts_are_numbers_in_major_units() -> None:
    plan = _plan(daily_budget=100)
    budgets = [adset_body(plan, _account(), "9", item, "manual", NOW)["budget"] for item in plan.adsets]
    assert budgets == [33.34, 33.33, 33.33]


# --- refused before the first write


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"target_countries": ["US", "AQ"]}, "target_countries"),
        ({"age_groups": [(13, 24)]}, "age_groups"),
        ({"name": "Summer \U0001f60e"}, "name"),
        ({"name": "夏" * 170}, "name"),
        ({"special_ad_categories": ["FINANCIAL_PRODUCTS_SERVICES"]}, "special_ad_categories"),
        ({"special_ad_categories": ["HOUSING"]}, "age_groups"),
        ({"creative_ids": [str(number) for number in range(21)]}, "creative_ids"),
    ],
)
def test_what_tiktok_cannot_express_is_refused_by_name(changes: dict[str, Any], field: str) -> None:
    asked = spec(platform="tiktok").model_copy(update=changes)
    with pytest.raises(CampaignAutomationError) as caught:
        _check(asked)
    assert caught.value.details["field"] == field


def _check(asked: CreateCampaign) -> None:
    for check in (checks.check_countries, checks.check_ages, checks.check_names, checks.check_categories):
        check(asked)
    checks.check_size(asked, "manual", 20)


def test_smart_plus_holds_thirty_ad_groups() -> None:
    countries = sorted(facts.LOCATION_IDS)[:25]
    asked = spec(target_countries=countries, split_by="country_age", age_groups=[(18, 34), (35, 65)])
    checks.check_size(asked, "manual", 20)
    with pytest.raises(InvalidRequestError, match="50 ad sets"):
        checks.check_size(asked, "smart_plus", 20)


@pytest.mark.parametrize("kind", ["identity", "pixel", "app"])
def test_what_is_missing_says_what_to_configure(kind: str) -> None:
    bare = _account(facts={f"{kind}_id": None})
    with pytest.raises(AccountError, match=f"set {kind}_id under accounts.act_1 in the TikTok secret"):
        checks.require(bare, kind)
    several = _account(facts={f"{kind}_id": None, f"{kind}_ids": ["8", "9"]})
    with pytest.raises(AccountError) as caught:
        checks.require(several, kind)
    assert caught.value.details["allowed"] == ["8", "9"]


@pytest.mark.parametrize(
    ("status", "code"),
    [("STATUS_LIMIT", "6005"), ("STATUS_DISABLE", "6005"), ("STATUS_CONFIRM_FAIL", "1004")],
)
def test_a_blocked_account_is_told(status: str, code: str) -> None:
    with pytest.raises(AccountError) as caught:
        checks.refuse_blocked({"status": status})
    assert (caught.value.code, caught.value.details["account_status"]) == (code, status)
    checks.refuse_blocked({"status": "STATUS_ENABLE"})


def test_every_inexact_age_is_told_and_the_end_of_manual_creation_too() -> None:
    told = checks.warnings_for(spec(platform="tiktok"), _account(), "manual", date(2026, 11, 23))
    assert sum("become" in line for line in told) == 3
    assert any("2026-12-31" in line for line in told)
    early = checks.warnings_for(
        spec(age_groups=[(18, 34)], objective="traffic"), _account(), "manual", date(2026, 6, 1)
    )
    assert early == ["tiktok: placements are TikTok itself, not its partner apps"]
