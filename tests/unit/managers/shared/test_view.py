"""A campaign beside what the platform shows of it, also of objects that cannot be read."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from campaign_automation.adapters.tree import AdSetNode, CampaignNode, Tree
from campaign_automation.managers.shared.view import CampaignView
from campaign_automation.models.campaign import Campaign, ObjectEntry
from campaign_automation.models.common import Level, Objective, Platform
from tests.support.builders import account


def _entry(level: Level, tag: str, **more: Any) -> ObjectEntry:
    return ObjectEntry(level=level, tag=tag, name=tag, state="created", platform_id=tag[1:], **more)


def _campaign() -> Campaign:
    entries = [
        _entry(Level.CAMPAIGN, "c1"),
        _entry(Level.ADSET, "s2", planned_budget=Decimal(40)),
        _entry(Level.ADSET, "s3", planned_budget=Decimal(60)),
    ]
    return Campaign(
        tenant="t",
        campaign_id="cmp_1",
        state="created",
        created_at=0,
        objects={entry.tag: entry for entry in entries},
        platform=Platform.META,
        account=account(),
        tag="c1",
        name="Autumn",
        objective=Objective.SALES,
        created_by="user:t",
    )


def _tree(*adsets: AdSetNode, lost: list[Level] | None = None, **campaign: Any) -> Tree:
    told = {"platform_id": "1", "name": "Autumn", "status": "active", "platform_status": "ACTIVE", **campaign}
    return Tree(campaign=CampaignNode(**told), adsets=list(adsets), ads=[], lost=lost or [])


def _adset(platform_id: str, **more: Any) -> AdSetNode:
    told = {"platform_id": platform_id, "name": "n", "status": "active", "platform_status": "ACTIVE"}
    return AdSetNode(**{**told, "daily_budget": Decimal(50), **more})


@pytest.mark.parametrize(("lost", "status"), [([], "deleted"), ([Level.ADSET], "unknown")])
def test_an_ad_set_that_is_not_there_is_deleted_unless_some_could_not_be_read(
    lost: list[Level], status: str
) -> None:
    view = CampaignView(_campaign(), _tree(_adset("2"), lost=lost))
    assert (view.live("s2", "status"), view.live("s3", "status")) == ("active", status)
    assert view.unread(Level.ADSET) == ({"s3": ["id"]} if lost else {})


def test_what_may_run_counts_as_spend() -> None:
    odd = _adset("3", status="unknown", unread=["status"])
    assert CampaignView(_campaign(), _tree(_adset("2"), odd)).daily_spend() == 100
    lost = CampaignView(_campaign(), _tree(_adset("2"), lost=[Level.ADSET]))
    assert lost.daily_spend() == 50 + 60  # the budget that it was last seen with
    assert CampaignView(_campaign(), _tree(_adset("2"), _adset("3", status="paused"))).daily_spend() == 50


def test_a_campaign_of_an_unread_budget_spends_what_it_was_last_seen_with() -> None:
    campaign = _campaign()
    campaign.objects["c1"].planned_budget = Decimal(100)
    tree = _tree(_adset("2", daily_budget=None), unread=["daily_budget"])
    assert CampaignView(campaign, tree).daily_spend() == 100
    assert CampaignView(campaign, _tree(status="unknown", daily_budget=Decimal(70))).daily_spend() == 70
    assert CampaignView(campaign, _tree(status="paused", daily_budget=Decimal(70))).daily_spend() == 0
