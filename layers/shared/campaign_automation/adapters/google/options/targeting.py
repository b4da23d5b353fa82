"""The people and places of a campaign as criteria, and back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from campaign_automation.adapters.google import facts
from campaign_automation.adapters.google.messages import Operation, enum_name, new_operation, set_enum
from campaign_automation.adapters.google.options.rules import (
    CODE_OF_LANGUAGE,
    GENDER_UNKNOWN,
    GENDERS,
    LANGUAGES,
)
from campaign_automation.models.common import Gender, Targeting


def place_operations(campaign_name: str, targeting: Targeting) -> Iterator[Operation]:
    """The countries, or in their stead the regions and cities in them; then the countries to leave out."""
    constants = [facts.GEO_TARGETS[country] for country in targeting.countries]
    if targeting.places:
        constants = [f"geoTargetConstants/{key}" for key in targeting.places]
    for constant in constants:
        yield _place(campaign_name, constant)
    for country in targeting.excluded_countries:
        operation = _place(campaign_name, facts.GEO_TARGETS[country])
        operation.campaign_criterion_operation.create.negative = True
        yield operation


def _place(campaign_name: str, constant: str) -> Operation:
    operation = new_operation()
    criterion = operation.campaign_criterion_operation.create
    criterion.campaign = campaign_name
    criterion.location.geo_target_constant = constant
    return operation


def audience_operations(customer_id: str, group_name: str, targeting: Targeting) -> Iterator[Operation]:
    """Lists of people to reach and to leave out."""
    wanted = [(item, False) for item in targeting.audiences]
    wanted += [(item, True) for item in targeting.excluded_audiences]
    for audience, is_excluded in wanted:
        operation = new_operation()
        criterion = operation.ad_group_criterion_operation.create
        criterion.ad_group = group_name
        if is_excluded:
            criterion.negative = True
        criterion.user_list.user_list = f"customers/{customer_id}/userLists/{audience}"
        yield operation


def restrict_to_audiences(group: Any) -> None:
    """Show an ad group's ads to its lists of people alone; in search campaigns they only bid otherwise."""
    restriction = group.targeting_setting.target_restrictions.add(bid_only=False)
    set_enum(restriction, "targeting_dimension", "AUDIENCE")


def language_operations(campaign_name: str, targeting: Targeting) -> Iterator[Operation]:
    for code in targeting.languages:
        operation = new_operation()
        criterion = operation.campaign_criterion_operation.create
        criterion.campaign = campaign_name
        criterion.language.language_constant = LANGUAGES[code]
        yield operation


def gender_operations(group_name: str, targeting: Targeting) -> Iterator[Operation]:
    """Exclude the other gender, and people whose gender Google does not know."""
    for word in excluded_genders(targeting.genders):
        operation = new_operation()
        criterion = operation.ad_group_criterion_operation.create
        criterion.ad_group = group_name
        criterion.negative = True
        set_enum(criterion.gender, "type_", word)
        yield operation


def excluded_genders(genders: list[Gender]) -> list[str]:
    if not genders:
        return []
    return [*(word for gender, word in GENDERS.items() if gender not in genders), GENDER_UNKNOWN]


def reached_genders(excluded: Iterable[str]) -> list[Gender]:
    """Return the genders that are left when `excluded` are out; none chosen when nobody is."""
    left_out = set(excluded)
    left = [gender for gender, word in GENDERS.items() if word not in left_out]
    return left if len(left) < len(GENDERS) else []  # type: ignore[return-value]


def language_of(criterion: Any) -> str:
    """Return our code of a language criterion, or Google's constant for one that has none."""
    constant = str(criterion.language.language_constant)
    return CODE_OF_LANGUAGE.get(constant, constant)


def excluded_gender_of(criterion: Any) -> str:
    return enum_name(criterion.gender, "type_")
