"""Ads are added to a campaign, started with it, and taken back, in this process against the platforms."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from campaign_automation import CampaignAutomation
from campaign_automation_testing.processes import RunningSandbox
from local.cloud import Cloud
from tests.support.builders import request_body
from tests.support.cuts import cut
from tests.support.in_process import aws_in_process, cloud_of
from tests.support.memory_table import MemoryTable
from tests.support.sandbox import Sandbox

Json = dict[str, Any]


@pytest.fixture(scope="module")
def cloud(campaign_sandbox_process: RunningSandbox) -> Cloud:
    """The platforms alone: nothing here is about the functions."""
    return cloud_of(campaign_sandbox_process)


@pytest.mark.parametrize("platform", cut(("meta", "tiktok", "google"), "meta"))
def test_ads_are_added_started_and_taken_back(cloud: Cloud, sandbox: Sandbox, platform: str) -> None:
    async def scenario() -> None:
        module = CampaignAutomation(table=MemoryTable())

        async def ask(name: str, /, **parameters: Any) -> Json:
            return await module.execute(name, parameters, {"user_id": "user_123"})

        async def ads() -> list[tuple[str, str, str]]:
            """Return our ads; a campaign may hold some of others, which are left alone."""
            shown = (await ask("get_campaign_status", campaign_id=campaign_id))["ads"]
            ours = [ad for ad in shown if not ad["foreign"]]
            theirs.append({ad["ad_id"] for ad in shown} - {ad["ad_id"] for ad in ours})
            return sorted((ad["adset_id"], ad["creative_id"], ad["status"]) for ad in ours)

        theirs: list[set[str]] = []
        asked = request_body(
            platform=platform,
            creative_ids=["1"],
            age_groups=[[18, 34], [35, 54]],
            eu_political_advertising=False,
            special_ad_categories=["NONE"],
        )
        made = await ask("create_campaign", **asked)
        campaign_id = made["campaign_id"]
        before = await ads()
        # The answer to the ads of the first try is lost, and they are looked up.
        sandbox.fault(platform, "create_ad", "timeout_after", hang_seconds=1)
        added = await ask("add_ads", campaign_id=campaign_id, creative_ids=["3"])
        if added["status"] == "error":
            assert added["error"]["details"]["retryable"], added
            added = await ask("add_ads", campaign_id=campaign_id, creative_ids=["3"])
        assert (added["status"], added["confirmed"], len(added["ads"])) == ("success", True, 2), added
        new = [(item["adset_id"], "3", "paused") for item in made["adsets"]]
        assert await ads() == sorted(before + new)
        started = await ask("manage_campaign", campaign_id=campaign_id, action="start")
        assert started["status"] == "success", started
        assert {status for _, _, status in await ads()} == {"active"}
        undone = await ask("undo_change", campaign_id=campaign_id, run_id=added["run_id"])
        assert (undone["status"], undone["not_restored"]) == ("success", []), undone
        left = {(creative, status) for _, creative, status in await ads()}
        assert left - {("3", "deleted")} == {("1", "active")}
        assert all(item == theirs[0] for item in theirs)  # no second copy among them
        await module.aclose()

    with aws_in_process(cloud):
        asyncio.run(scenario())
