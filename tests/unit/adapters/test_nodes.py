"""Nodes of values that the model refuses: the object is still there, and can be stopped."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from campaign_automation.adapters.base import DailyInsight
from campaign_automation.adapters.common.listings import ids_by_name
from campaign_automation.adapters.common.reading import distinct_insights, node_of, tree_of
from campaign_automation.adapters.tree import AdNode, AdSetNode, CampaignNode, Node, Tree
from campaign_automation.models.common import Level

FIELDS = {"platform_id": "7", "name": "N", "status": "active", "platform_status": "ACTIVE"}


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "-5", "1e12", "1e14"])
@pytest.mark.parametrize("model", [CampaignNode, AdSetNode])
def test_an_impossible_budget_is_unread(model: type[Node], amount: str) -> None:
    node = node_of(model, {**FIELDS, "daily_budget": Decimal(amount)})
    assert (node.platform_id, node.status, node.unread) == ("7", "active", ["daily_budget"])
    assert node.issues == ["daily_budget: set to something that this module does not know"]
    assert getattr(node, "daily_budget", 0) is None


@pytest.mark.parametrize("name", [5, None, ["a"]])
def test_a_name_of_another_type_does_not_hide_the_object(name: Any) -> None:
    node = node_of(AdNode, {**FIELDS, "name": name, "adset_id": "8", "primary_text": 5})
    assert (node.name, node.primary_text) == (str(name), None)
    assert sorted(node.unread) == ["name", "primary_text"]


# --- rows that are told again, and lists that are not shown ----------------------------------------------


def adset(**fields: Any) -> dict[str, Any]:
    return {**FIELDS, "daily_budget": Decimal(100), **fields}


def tree(adsets: list[Any] | None, ads: list[Any] | None) -> Tree:
    campaign = node_of(CampaignNode, {**FIELDS, "platform_id": "1"})
    return tree_of(campaign, adsets, ads, lambda row: node_of(AdSetNode, dict(row)), AdNode.model_validate)


def test_a_row_that_is_told_again_counts_once() -> None:
    read = tree([adset(), adset(platform_id="8"), adset()], [])
    assert [node.platform_id for node in read.adsets] == ["7", "8"]
    assert sum(node.daily_budget or 0 for node in read.adsets) == 200
    assert (read.lost, read.campaign.issues) == ([], [])
    assert [node.issues for node in read.adsets] == [[], []]


def test_a_row_that_is_told_otherwise_has_an_issue() -> None:
    read = tree([adset(), adset(daily_budget=Decimal(50))], [])
    (node,) = read.adsets
    assert (node.daily_budget, node.issues) == (Decimal(50), ["told twice with another daily budget"])


def test_a_list_that_is_not_shown_is_not_an_empty_one() -> None:
    read = tree(None, [])
    assert (read.lost, read.campaign.issues) == ([Level.ADSET], ["the ad sets were not shown"])


def test_one_object_told_twice_is_no_duplicate() -> None:
    assert ids_by_name([("A", "7"), ("A", "8"), ("A", "7")], {"A"}) == {"A": ["7", "8"]}


def insight(**fields: Any) -> DailyInsight:
    numbers = {"impressions": 9, "clicks": 2, "conversions": 1, "revenue": 30}
    known = {"entity_id": "7", "campaign_id": "1", "adset_id": "7", "day": date(2026, 11, 20), "spend": 5}
    return DailyInsight.model_validate({**known, **numbers, **fields})


def test_a_days_figures_count_once() -> None:
    other_day = insight(day=date(2026, 11, 21))
    assert distinct_insights([insight(), other_day, insight()]) == [insight(), other_day]


def test_figures_that_are_told_otherwise_are_unknown() -> None:
    rows = [insight(), insight(spend=6, clicks=3), insight()]
    assert distinct_insights(rows) == [insight(spend=None, clicks=None)]
