"""A sandbox of the platforms, and modules of a process that has nothing in its environment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from campaign_automation import CampaignAutomation, Limits
from local.cloud.backing import sandbox_urls
from tests.support.processes import RunningSandbox
from tests.support.sandbox import UNKIND_SEED, Sandbox

Module = Callable[..., CampaignAutomation]


@pytest.fixture(scope="session")
def urls(platforms: RunningSandbox) -> dict[str, str]:
    return sandbox_urls(platforms.ports)


@pytest.fixture
def sandbox(urls: dict[str, str]) -> Iterator[Sandbox]:
    with Sandbox(urls["admin"]) as control:
        control.reset()
        control.unkind(UNKIND_SEED)
        yield control
        control.unkind(None)


@pytest.fixture
def module(urls: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Module:
    """Make a module; all of a test share one store."""
    monkeypatch.setattr("os.environ", {})
    settings = {
        "clock_url": f"{urls['admin']}/clock",
        "google_ads_endpoint": urls["google"],
        "meta_graph_url": urls["meta"],
        "campaign_automation_home": str(tmp_path),
    }

    def make(**more: Any) -> CampaignAutomation:
        limits = Limits(account_daily_budget={"USD": 500})
        return CampaignAutomation(**{"settings": settings, "limits": limits, **more})

    return make
