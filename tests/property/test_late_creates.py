"""Creates that a platform carries out after it was given up: one object of each name is left."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from campaign_automation import CampaignAutomation
from campaign_automation.capability import run_action
from campaign_automation.utils import clock
from tests.support.builders import request_body
from tests.support.cuts import slow
from tests.support.memory_table import MemoryTable
from tests.support.sandbox import Sandbox

TREES = {
    "meta": {"campaigns": 1, "adsets": 3, "creatives": 2, "ads": 6},
    "tiktok": {"campaigns": 1, "adsets": 3, "ads": 6},
}
# Those that make a second object: TikTok takes a request_id once.
LATE = [
    pytest.param("meta", "create_campaign", True, marks=slow),
    ("meta", "create_adset", True),
    pytest.param("meta", "create_creative", True, marks=slow),
    ("meta", "create_ad", True),
    ("tiktok", "create_campaign", False),
    pytest.param("tiktok", "create_adset", False, marks=slow),
    ("tiktok", "create_ad", True),
]


@pytest.mark.usefixtures("module_settings")
@pytest.mark.parametrize(("platform", "operation", "is_second"), LATE)
def test_a_create_that_acts_after_its_time_leaves_no_second_object(
    sandbox: Sandbox, platform: str, operation: str, is_second: bool
) -> None:
    sandbox.fault(platform, operation, "late_success", hang_seconds=0)
    module = CampaignAutomation(table=MemoryTable())
    parts = module._parts()

    async def scenario() -> None:
        body = request_body(platform=platform, activate=True)
        created = await run_action(parts, "create_campaign", body, {"user_id": "user_123"})
        assert created["status"] == "success", created
        assert sandbox.act_late() == 1
        assert (sandbox.left_behind(platform) != TREES[platform]) == is_second
        await sweep(advance_hours=1)
        assert sandbox.left_behind(platform) == TREES[platform]
        status = await run_action(
            parts, "get_campaign_status", {"campaign_id": created["campaign_id"]}, {"user_id": "user_123"}
        )
        assert {item["status"] for item in (*status["adsets"], *status["ads"])} == {"active"}
        await sweep(advance_hours=2)
        assert await sweep(advance_hours=1) == {}
        await module.aclose()

    async def sweep(**later: int) -> dict[str, Any]:
        sandbox.advance(**later)
        await clock.synchronise(parts.settings.clock_url)
        return dict(await parts.reconciler.sweep())

    asyncio.run(scenario())
