"""The module where only the extra `meta` is installed: what else is needed is named, and tests end."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from local.cloud.supervisor import MCP_PATHS
from tests.embedded.conftest import Module
from tests.embedded.test_embedded import ACCOUNTS, APPS, USER, body
from tests.support.sandbox import Sandbox

PROGRAM = """
import asyncio, json, os, sys, urllib.request
from importlib.machinery import PathFinder

class Without(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        is_missing = name.partition(".")[0] in ("numpy", "scipy", "google")
        return None if is_missing else super().find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Without

from campaign_automation import CampaignAutomation, Limits
from campaign_automation.clients.mcp_client import McpClient

USER = {"user_id": "user_123"}
CREATIVE = {"creative_id": "a", "name": "A shoe", "file_url": "https://shop.example/1.png",
            "file_type": "image", "product_url": "https://shop.example/1"}
GOOGLE = {"objective": "sales", "daily_budget": 100, "platform": "google",
          "creatives": [CREATIVE], "eu_political_advertising": False}
TEST = {"test_name": "shoes", "daily_budget": 100, "creative_ids": ["1", "2"], "test_duration_days": 7,
        "force": True, "activate": True, "special_ad_categories": ["NONE"]}

def advance(days):
    body = json.dumps({"advance_days": days}).encode()
    headers = {"Content-Type": "application/json"}
    urllib.request.urlopen(urllib.request.Request(os.environ["CLOCK_URL"], body, headers)).close()

async def main():
    tools = McpClient(os.environ["MCP_URL"], lambda: "sandbox-service-token")
    renewed = {"user_123": {"google": {"platform_account_id": "1", "refresh_token": "r"}}}
    limits = Limits(account_daily_budget={"USD": 500})
    one = CampaignAutomation(mcp_client=tools, limits=limits)
    found = {"google": await one.execute("create_campaign", GOOGLE, USER)}
    two = CampaignAutomation(accounts=renewed, store="memory")
    found["renewal"] = await two.execute("create_campaign", GOOGLE, USER)
    found["test"] = await one.execute("create_ab_test", TEST, USER)
    campaign = {"campaign_id": found["test"]["campaign_id"]}
    advance(2)
    parameters = {"test_id": found["test"]["test_id"]}
    found["analysis"] = await one.execute("analyze_ab_test", parameters, USER)
    advance(6)
    found["runs"] = await one.run_due()
    found["status"] = await one.execute("get_campaign_status", campaign, USER)
    print(json.dumps(found))

asyncio.run(main())
"""


@pytest.fixture
def found(urls: dict[str, str], sandbox: Sandbox, tmp_path: Path) -> dict[str, Any]:
    environment = {
        "HOME": str(tmp_path),
        "META_GRAPH_URL": urls["meta"],
        "GOOGLE_ADS_ENDPOINT": urls["google"],
        "MCP_URL": urls["web_platform"] + MCP_PATHS["customer"],
        "CLOCK_URL": f"{urls['admin']}/clock",
    }
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_a_missing_extra_is_named_and_a_test_ends_without_one(found: dict[str, Any]) -> None:
    for name, extra in {"google": "google", "renewal": "google", "analysis": "statistics"}.items():
        error = found[name]["error"]
        assert (error["code"], error["details"]["retryable"]) == ("4000", False), error
        assert f"campaign-automation[{extra}]" in error["message"]
    assert "scipy is not installed" in " ".join(found["test"]["warnings"])
    ends = [run for run in found["runs"] if run["answer"].get("test_state") == "finished"]
    assert [run["status"] for run in ends] == ["success"], found["runs"]
    assert found["status"]["campaign"]["status"] == "paused"


class Broken:
    """Statistics that fail in a way nobody thought of."""

    is_installed = True

    async def compute(self, operation: str, payload: dict[str, Any]) -> dict[str, Any]:
        raise ZeroDivisionError(operation)


def test_a_test_ends_whatever_fails_in_its_last_analysis(module: Module, sandbox: Sandbox) -> None:
    async def story() -> str:
        one = module(accounts=ACCOUNTS, apps=APPS)
        one._parts().statistics = Broken()
        request = body(test_name="shoes", test_duration_days=7, force=True, activate=True)
        del request["objective"]
        made = await one.execute("create_ab_test", request, USER)
        sandbox.advance(advance_days=8)
        await one.run_due()
        status = await one.execute("get_campaign_status", {"campaign_id": made["campaign_id"]}, USER)
        await one.aclose()
        return str(status["campaign"]["status"])

    assert asyncio.run(story()) == "paused"
