"""Google's criteria, read into what an ad group reaches."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from campaign_automation.adapters.google import answers, facts
from campaign_automation.adapters.google.options.criteria import stored_of
from local.sandbox.google.messages import GoogleAdsRow, Message, set_enum


def _place(kind: str = "LOCATION", constant: str = "", *, negative: bool = False) -> Message:
    row = GoogleAdsRow()
    set_enum(row.campaign_criterion, "type_", kind)
    row.campaign_criterion.negative = negative
    if constant:
        row.campaign_criterion.location.geo_target_constant = constant
    return row


def _people(kind: str, age: str | None = None, *, negative: bool = True) -> Message:
    row = GoogleAdsRow()
    row.ad_group.id = 7
    set_enum(row.ad_group_criterion, "type_", kind)
    row.ad_group_criterion.negative = negative
    if age:
        set_enum(row.ad_group_criterion.age_range, "type_", age)
    return row


def _node(places: list[Any], people: list[Any]) -> Any:
    row = GoogleAdsRow()
    row.ad_group.id, row.ad_group.name = 7, "Runners"
    set_enum(row.ad_group, "status", "ENABLED")
    return answers.adset_node(row, stored_of(Decimal(50), places, people))


US = facts.GEO_TARGETS["US"]


def test_locations_and_excluded_ages_are_ours() -> None:
    node = _node([_place(constant=US)], [_people("AGE_RANGE", "AGE_RANGE_65_UP")])
    assert (node.targeting.countries, node.targeting.age_max, node.targeting.more) == (["US"], 64, [])
    assert (node.status, node.unread, node.issues) == ("active", [], [])


@pytest.mark.parametrize(
    ("places", "people", "more"),
    [
        ([_place(constant=US), _place("PROXIMITY")], [], ["location proximity"]),
        ([_place(constant="geoTargetConstants/1023191")], [], []),
        ([_place(constant=US), _place(constant=US, negative=True)], [], []),
        ([_place(constant=US)], [_people("INCOME_RANGE"), _people("INCOME_RANGE")], ["income_range"]),
        ([_place(constant=US)], [_people("GENDER", negative=False)], []),
    ],
)
def test_what_else_an_ad_group_is_limited_to_is_an_issue(
    places: list[Any], people: list[Any], more: list[str]
) -> None:
    node = _node(places, people)
    assert node.targeting.more == more
    assert ("targeting" in node.unread) is bool(more)
