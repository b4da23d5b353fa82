"""Cells, exact budgets, names and tags."""

from decimal import Decimal
from typing import Any

import pytest

from campaign_automation.managers.campaigns.planning import (
    MAX_ADS,
    MAX_ADSETS,
    overlap_warnings,
    plan_campaign,
    plan_cells,
)
from campaign_automation.utils.error_handler import InvalidRequestError
from tests.support.builders import account, spec


def test_one_adset_per_age_group_and_one_ad_per_creative_in_each() -> None:
    plan = plan_campaign(spec(), account(), "cmp_1")
    assert [adset.daily_budget for adset in plan.adsets] == [
        Decimal("33.34"),
        Decimal("33.33"),
        Decimal("33.33"),
    ]
    assert [(adset.targeting.age_min, adset.targeting.age_max) for adset in plan.adsets] == [
        (18, 35),
        (36, 50),
        (51, 65),
    ]
    assert len(plan.ads) == 6
    assert {(ad.adset_tag, ad.creative_id) for ad in plan.ads} == {
        (adset.tag, creative) for adset in plan.adsets for creative in ("1", "2")
    }


def test_cells_by_country_and_by_both() -> None:
    by_country = plan_cells(spec(split_by="country", target_countries=["US", "GB"]))
    assert [(cell.countries, cell.age_min, cell.age_max) for cell in by_country] == [
        (["US"], 18, 65),
        (["GB"], 18, 65),
    ]
    assert len(plan_cells(spec(split_by="country_age", target_countries=["US", "GB"]))) == 6


def test_a_country_split_never_reaches_ages_that_were_left_out() -> None:
    with pytest.raises(InvalidRequestError, match="nobody from 31 to 39") as refusal:
        plan_cells(spec(split_by="country", age_groups=[[40, 50], [18, 30]]))
    assert refusal.value.details["field"] == "age_groups"


def test_a_cell_under_the_minimum_is_refused_with_the_numbers() -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        plan_campaign(spec(daily_budget=2.5), account(), "cmp_1")
    assert refusal.value.details["field"] == "daily_budget"
    assert "0.83 USD each" in refusal.value.message
    assert "at least 3" in refusal.value.message


def test_the_minimum_itself_is_allowed() -> None:
    plan = plan_campaign(spec(daily_budget=3), account(), "cmp_1")
    assert {adset.daily_budget for adset in plan.adsets} == {Decimal(1)}


def test_a_budget_finer_than_the_currency_is_refused() -> None:
    yen = account(currency="JPY", budget_step=1, min_daily_budget=100)
    with pytest.raises(InvalidRequestError, match="smallest amount of 1 JPY"):
        plan_campaign(spec(daily_budget=1000.5), yen, "cmp_1")


def test_too_many_objects_are_refused_before_anything_is_sent() -> None:
    many = [f"{number}" for number in range(50)]
    countries = "US GB DE FR ES IT NL BE AT CH SE NO DK FI IE PT PL CZ HU RO BG GR HR SI SK".split()
    ages = [[age, age + 1] for age in range(18, 38, 2)]
    with pytest.raises(InvalidRequestError, match=f"{MAX_ADSETS} a campaign can hold"):
        plan_campaign(
            spec(daily_budget=10_000, split_by="country_age", target_countries=countries, age_groups=ages),
            account(),
            "cmp_1",
        )
    with pytest.raises(InvalidRequestError, match=f"more than the {MAX_ADS}"):
        plan_campaign(
            spec(daily_budget=10_000, split_by="country", target_countries=countries, creative_ids=many),
            account(),
            "cmp_1",
        )


def test_tags_are_unique_repeatable_and_end_each_name() -> None:
    plan, again = (plan_campaign(spec(), account(), "cmp_1") for _ in range(2))
    other = plan_campaign(spec(), account(), "cmp_2")
    objects = [plan, *plan.adsets, *plan.creatives, *plan.ads]
    tags = [item.tag for item in objects]
    assert len(set(tags)) == len(tags)
    assert all(item.name.endswith(f" {item.tag}") for item in objects)
    assert plan == again
    assert not set(tags) & {item.tag for item in [other, *other.adsets, *other.ads]}


@pytest.mark.parametrize(
    ("groups", "split_by", "words"),
    [
        ([[18, 35], [30, 50]], "age", ["18-35 and 30-50 overlap: people aged 30 to 35"]),
        ([[18, 35], [35, 50]], "country_age", ["18-35 and 35-50 overlap: people aged 35 are"]),
        ([[18, 65], [20, 30], [25, 40]], "age", ["18-65 and 20-30", "18-65 and 25-40", "20-30 and 25-40"]),
        ([[18, 35], [36, 50]], "age", []),
        ([[18, 35], [30, 50]], "country", []),
    ],
)
def test_ad_sets_that_reach_the_same_people_are_named(groups: Any, split_by: str, words: list[str]) -> None:
    warnings = overlap_warnings(spec(age_groups=groups, split_by=split_by))
    assert len(warnings) == len(words)
    assert all(part in warning for part, warning in zip(words, warnings, strict=True))
