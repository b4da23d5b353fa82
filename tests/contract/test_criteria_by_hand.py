"""Criteria that people set in Google's own interface: shown, never a reason to fail, and left as they are."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from campaign_automation.adapters.google_adapter import GoogleAdapter
from campaign_automation.adapters.tree import AdSetNode, Tree
from campaign_automation.models.common import Level
from campaign_automation.models.creation.settings import Bidding, End, Name
from tests.support.google import ACCESS, CUSTOMER, Created, adapter, create_tree, succeeded
from tests.support.sandbox import Sandbox

# Kinds of criteria that limit whom the ads reach, as a campaign has them.
OF_CAMPAIGNS: dict[str, dict[str, Any]] = {
    "location proximity": {"proximity": {"radius": 5, "radius_units": "MILES"}},
    "location location_group": {"location_group": {"radius": 500, "location_group_asset_sets": ["x"]}},
    "ad_schedule": {"ad_schedule": {"day_of_week": "MONDAY", "start_hour": 8, "end_hour": 18}},
    "device": {"device": {"type_": "TABLET"}, "bid_modifier": 0.0},
    "user_list": {"user_list": {"user_list": f"customers/{CUSTOMER}/userLists/1"}},
    "user_interest": {"user_interest": {"user_interest_category": f"customers/{CUSTOMER}/userInterests/9"}},
    "placement": {"placement": {"url": "news.example"}, "negative": True},
    "content_label": {"content_label": {"type_": "TRAGEDY"}, "negative": True},
    "ip_block": {"ip_block": {"ip_address": "192.0.2.1"}, "negative": True},
    "webpage": {"webpage": {"criterion_name": "All pages"}},
    "topic": {"topic": {"path": ["Sports"]}, "negative": True},
    "carrier": {"carrier": {"carrier_constant": "carrierConstants/70093"}},
    "operating_system_version": {
        "operating_system_version": {"operating_system_version_constant": "operatingSystemVersionConstants/6"}
    },
    "combined_audience": {
        "combined_audience": {"combined_audience": f"customers/{CUSTOMER}/combinedAudiences/7"}
    },
}
# The same of ad groups.
OF_GROUPS: dict[str, dict[str, Any]] = {
    "income_range": {"income_range": {"type_": "INCOME_RANGE_0_50"}, "negative": True},
    "parental_status": {"parental_status": {"type_": "PARENT"}, "negative": True},
    "topic": {"topic": {"path": ["Sports"]}},
    "placement": {"placement": {"url": "news.example"}},
    "user_interest": {"user_interest": {"user_interest_category": f"customers/{CUSTOMER}/userInterests/9"}},
    "custom_audience": {"custom_audience": {"custom_audience": f"customers/{CUSTOMER}/customAudiences/7"}},
    "combined_audience": {
        "combined_audience": {"combined_audience": f"customers/{CUSTOMER}/combinedAudiences/7"}
    },
    "audience": {"audience": {"audience": f"customers/{CUSTOMER}/audiences/7"}},
    "life_event": {"life_event": {"life_event_id": "3"}},
    "webpage": {"webpage": {"criterion_name": "All pages"}},
    "youtube_channel": {"youtube_channel": {"channel_id": "UC1"}, "negative": True},
    "mobile_app_category": {
        "mobile_app_category": {"mobile_app_category_constant": "mobileAppCategoryConstants/60000"}
    },
    "language": {"language": {"language_constant": "languageConstants/1000"}},
}
# Criteria that bid otherwise or keep ads from searches, and limit nobody.
BESIDE: dict[str, tuple[str, dict[str, Any]]] = {
    "bids by device": ("campaign", {"device": {"type_": "MOBILE"}, "bid_modifier": 1.2}),
    "bids by age_range": ("group", {"age_range": {"type_": "AGE_RANGE_25_34"}, "bid_modifier": 1.5}),
    "bids by income_range": ("group", {"income_range": {"type_": "INCOME_RANGE_0_50"}, "bid_modifier": 0.5}),
    "negative keywords": ("group", {"keyword": {"text": "free", "match_type": "EXACT"}, "negative": True}),
    "user_list (observed)": (
        "observing group",
        {"user_list": {"user_list": f"customers/{CUSTOMER}/userLists/1"}},
    ),
    "user_interest (observed)": (
        "observing campaign",
        {"user_interest": {"user_interest_category": f"customers/{CUSTOMER}/userInterests/9"}},
    ),
}


@pytest.fixture
def sandbox(control: Sandbox) -> Sandbox:
    control.reset()
    return control


@pytest.fixture
def google(ports: dict[str, int], sandbox: Sandbox) -> GoogleAdapter:
    return adapter(ports["google_port"])


@pytest.fixture
def created(google: GoogleAdapter, sandbox: Sandbox) -> Created:
    return asyncio.run(create_tree(google))


def set_by_hand(sandbox: Sandbox, parent_id: str, *criteria: dict[str, Any]) -> None:
    wishes = [{"of": parent_id, **criterion} for criterion in criteria]
    sandbox.patch_account("google", CUSTOMER, criteria=wishes)


def group_ids(created: Created) -> list[str]:
    return [created.ids[adset.tag] for adset in created.plan.adsets]


def read(google: GoogleAdapter, created: Created) -> Tree:
    google._echoes.forget(created.campaign_id)
    return asyncio.run(google.read_tree(ACCESS, created.campaign_id, "USD"))


def adset(tree: Tree, platform_id: str) -> AdSetNode:
    return next(node for node in tree.adsets if node.platform_id == platform_id)


def news(before: Tree, node: AdSetNode) -> list[str]:
    """The issues that the ad group did not have before."""
    known = adset(before, node.platform_id)
    assert (known.unread, known.targeting and known.targeting.beside) == ([], [])
    return [issue for issue in node.issues if issue not in known.issues]


def test_each_kind_of_a_campaign_is_more_of_all_its_ad_groups(
    google: GoogleAdapter, created: Created, sandbox: Sandbox
) -> None:
    plain = read(google, created)
    set_by_hand(sandbox, created.campaign_id, *OF_CAMPAIGNS.values())
    tree = read(google, created)
    for group_id in group_ids(created):
        node = adset(tree, group_id)
        assert node.targeting is not None
        assert set(node.targeting.more) == OF_CAMPAIGNS.keys()
        assert node.unread == ["targeting"]
        (issue,) = news(plain, node)
        assert issue.startswith("targeting: also by ")
        assert node.targeting.countries == ["US"]


def test_each_kind_of_an_ad_group_is_more_of_it_alone(
    google: GoogleAdapter, created: Created, sandbox: Sandbox
) -> None:
    odd, *others = group_ids(created)
    plain = read(google, created)
    set_by_hand(sandbox, odd, *OF_GROUPS.values())
    tree = read(google, created)
    node = adset(tree, odd)
    assert node.targeting is not None
    assert set(node.targeting.more) == OF_GROUPS.keys()
    assert len(news(plain, node)) == 1
    assert [news(plain, adset(tree, item)) for item in others] == [[] for _ in others]


@pytest.mark.parametrize("words", BESIDE)
def test_what_limits_nobody_is_told_and_does_not_hide_the_targeting(
    google: GoogleAdapter, created: Created, sandbox: Sandbox, words: str
) -> None:
    where, criterion = BESIDE[words]
    odd, plain = group_ids(created)[0], read(google, created)
    parent = created.campaign_id if where.endswith("campaign") else odd
    if where.startswith("observing"):
        sandbox.patch_account("google", CUSTOMER, observed=[{"of": parent, "dimensions": ["AUDIENCE"]}])
    set_by_hand(sandbox, parent, criterion)
    node = adset(read(google, created), odd)
    assert node.targeting is not None
    assert (node.targeting.more, node.targeting.beside, node.targeting.audiences) == ([], [words], [])
    assert node.unread == []
    assert news(plain, node) == [f"also set on the platform, and left as it is: {words}"]


def test_changes_leave_them_as_they_are(google: GoogleAdapter, created: Created, sandbox: Sandbox) -> None:
    set_by_hand(sandbox, created.campaign_id, *OF_CAMPAIGNS.values())
    for group_id in group_ids(created):
        set_by_hand(sandbox, group_id, *OF_GROUPS.values())
    before = _criteria(sandbox)
    assert len(before) > len(OF_CAMPAIGNS) + len(OF_GROUPS)
    root, groups, account = [created.campaign_id], group_ids(created), created.account
    objective = created.plan.objective

    async def change() -> None:
        for status in ("active", "paused"):
            succeeded(await google.set_status(ACCESS, Level.CAMPAIGN, root, status))
            succeeded(await google.set_status(ACCESS, Level.ADSET, groups, status))
        budgets = {created.campaign_id: Decimal(70)}
        (changed,) = await google.set_budgets(ACCESS, account, Level.CAMPAIGN, budgets)
        assert changed.error is None
        for setting in (Name("Renamed"), End(None), Bidding("target_roas", Decimal(2))):
            answer = await google.change_setting(ACCESS, account, objective, Level.CAMPAIGN, root, setting)
            succeeded(answer)
        succeeded(await google.remove(ACCESS, Level.ADSET, groups[:1]))

    asyncio.run(change())
    assert _criteria(sandbox) == before
    succeeded(asyncio.run(google.remove(ACCESS, Level.CAMPAIGN, root)))
    assert read(google, created).campaign.status == "deleted"


def _criteria(sandbox: Sandbox) -> dict[str, Any]:
    held = sandbox.state("google")["resources"]
    return {name: item for name, item in held.items() if "Criteria/" in name}
