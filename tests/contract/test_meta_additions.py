"""The additions of Meta's own to ad sets and ads, which the read back of a creation expects."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from campaign_automation.adapters.base import AdOrder, CreativeOrder
from campaign_automation.adapters.meta_adapter import MetaAdapter
from campaign_automation.adapters.tree import Tree
from campaign_automation.managers.campaigns.planning import plan_campaign
from tests.support import meta
from tests.support.builders import copy, creative, spec
from tests.support.sandbox import Sandbox


async def created(adapter: MetaAdapter, url: str) -> tuple[str, Tree]:
    """A campaign with one ad set and one ad, and its tree as read back."""
    account = await adapter.describe_account(meta.ACCESS)
    asked = spec(platform="meta", age_groups=[[18, 65]], creative_ids=["1"])
    plan = plan_campaign(asked, account, "cmp_1")
    campaign = await adapter.create_campaign(meta.ACCESS, plan, account)
    assert campaign.platform_id is not None
    [adset] = await adapter.create_adsets(meta.ACCESS, plan, account, campaign.platform_id, plan.adsets)
    item = creative(creative_id="1", file_url=f"{url}/web_platform/files/creative_1.png")
    asset = await adapter.upload(meta.ACCESS, item, None)
    order = CreativeOrder(plan.creatives[0].tag, "Shoe", item, copy(primary_text="Run further."), asset)
    ad = AdOrder(plan.ads[0].tag, plan.ads[0].name, adset.platform_id or "", order, None)
    await adapter.create_ads(meta.ACCESS, plan, account, campaign.platform_id, [ad], [order])
    return campaign.platform_id, await adapter.read_tree(meta.ACCESS, campaign.platform_id, "USD")


def stored(url: str, campaign_id: str, version: str) -> dict[str, Any]:
    """The ad set and the ad's creative as Meta shows them to a version."""
    fields = "adsets{targeting},ads{creative{object_story_spec}}"
    query = {"fields": fields, "access_token": meta.TOKEN}
    answer: dict[str, Any] = httpx.get(
        f"{url}/meta/{version}/{campaign_id}", params=query, timeout=600
    ).json()
    return answer


@pytest.mark.parametrize(
    ("version", "now"),
    [("v27.0", "2026-11-27T12:00:00+00:00"), ("v26.0", "2027-03-01T12:00:00+00:00")],
)
def test_the_read_back_expects_more_devices_and_a_catalog(
    process: str, control: Sandbox, version: str, now: str
) -> None:
    control.reset(now=now)
    control.patch_account("meta", meta.ACCOUNT, has_catalog=True)
    campaign_id, tree = asyncio.run(created(meta.adapter(process, version=version), process))

    shown = json.dumps(stored(process, campaign_id, version))
    assert "template_data" in shown
    assert "device_platforms" in shown
    assert [node.placements for node in tree.adsets] == ["automatic"]
    assert [node.primary_text for node in tree.ads] == ["Run further."]
    assert [issue for node in (*tree.adsets, *tree.ads) for issue in node.issues] == []


def test_before_them_objects_are_as_they_were_sent(process: str, control: Sandbox) -> None:
    control.reset(now="2026-11-27T12:00:00+00:00")
    control.patch_account("meta", meta.ACCOUNT, has_catalog=True)
    campaign_id, _ = asyncio.run(created(meta.adapter(process), process))
    shown = json.dumps(stored(process, campaign_id, "v26.0"))
    assert "template_data" not in shown
    assert "device_platforms" not in shown


@pytest.mark.parametrize(
    ("version", "now", "alive"),
    [
        ("v24.0", "2026-11-11T12:00:00+00:00", False),
        ("v25.0", "2027-02-22T12:00:00+00:00", True),
        ("v25.0", "2027-02-24T12:00:00+00:00", False),
        ("v26.0", "2028-12-01T12:00:00+00:00", True),
        ("v27.0", "2026-11-27T12:00:00+00:00", True),
        ("v28.0", "2026-11-27T12:00:00+00:00", False),
    ],
)
def test_versions_live_as_long_as_they_were_announced(
    process: str, control: Sandbox, version: str, now: str, alive: bool
) -> None:
    control.reset(now=now)
    answer = httpx.get(
        f"{process}/meta/{version}/{meta.ACCOUNT}", params={"access_token": meta.TOKEN}, timeout=600
    )
    assert (answer.json().get("error", {}).get("code") != 2635) == alive
