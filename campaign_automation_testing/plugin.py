"""Fixtures for pytest: a running sandbox, its admin side, and a module that works on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from campaign_automation_testing.processes import RunningSandbox, running_sandbox

# The plugin is loaded wherever the package is installed: all else is imported by who asks for a fixture.
if TYPE_CHECKING:
    from campaign_automation import CampaignAutomation
    from campaign_automation_testing.sandbox import Sandbox

MakeModule = Callable[..., "CampaignAutomation"]
# The users of the sandbox, each with an account on each platform.
USERS = ("user_123", "user_456")
_TOKEN = "sandbox-service-token"
_CAPS = {"USD": 1_000_000, "EUR": 1_000_000}


@pytest.fixture(scope="session")
def campaign_sandbox_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    """One sandbox for all tests of this process."""
    with running_sandbox(tmp_path_factory.mktemp("campaign_sandbox")) as running:
        yield running


@pytest.fixture
def campaign_sandbox(campaign_sandbox_process: RunningSandbox) -> Iterator[Sandbox]:
    """The platforms as seeded, without faults, at the time of the machine."""
    from campaign_automation_testing.sandbox import Sandbox

    with Sandbox(campaign_sandbox_process.urls["admin"]) as sandbox:
        sandbox.reset()
        sandbox.unkind(None)
        yield sandbox


@pytest.fixture
def make_campaign_automation(campaign_sandbox_process: RunningSandbox, tmp_path: Path) -> MakeModule:
    """A function that makes a module on the sandbox; its arguments replace those that it would have. All of a
    test share one store."""
    from campaign_automation import CampaignAutomation, Limits
    from campaign_automation.clients.mcp_client import McpClient

    urls = campaign_sandbox_process.urls
    web_platform = f"{urls['web_platform']}/api/v1/mcp"
    usual: dict[str, Any] = {
        "mcp_client": McpClient(web_platform, lambda: _TOKEN),
        "limits": Limits(account_daily_budget=_CAPS),
        "declarations": {"special_ad_categories": ["NONE"], "eu_political_advertising": False},
        "apps": {
            "google": {"business_name": "Shop", "logo_url": f"{urls['web_platform']}/files/creative_1.png"}
        },
    }

    def make(**given: Any) -> CampaignAutomation:
        settings = given.pop("settings", {})
        if isinstance(settings, Mapping):
            settings = {**_addresses(urls, web_platform, tmp_path), **settings}
        return CampaignAutomation(**{**usual, "settings": settings, **given})

    return make


@pytest.fixture
def campaign_automation(
    make_campaign_automation: MakeModule, campaign_sandbox: Sandbox
) -> CampaignAutomation:
    """A module on the platforms as seeded, for `user_123` and `user_456`; a test awaits its `aclose()`."""
    return make_campaign_automation()


def _addresses(urls: dict[str, str], web_platform: str, folder: Path) -> dict[str, str]:
    return {
        "campaign_automation_home": str(folder),
        "clock_url": f"{urls['admin']}/clock",
        "google_ads_endpoint": urls["google"],
        "mcp_url": web_platform,
        "meta_graph_url": urls["meta"],
        "tiktok_api_url": f"{urls['tiktok']}/open_api/v1.3",
    }
