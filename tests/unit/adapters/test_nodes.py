"""Nodes of values that the model refuses: the object is still there, and can be stopped."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from campaign_automation.adapters.common.reading import node_of
from campaign_automation.adapters.tree import AdNode, AdSetNode, CampaignNode, Node

FIELDS = {"platform_id": "7", "name": "N", "status": "active", "platform_status": "ACTIVE"}


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "-5"])
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
