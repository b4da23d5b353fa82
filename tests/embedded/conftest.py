"""A sandbox of the platforms, and modules of a process that has nothing in its environment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pytest

from campaign_automation import CampaignAutomation, Limits
from campaign_automation_testing.processes import RunningSandbox
from tests.support.sandbox import UNKIND_SEED, Sandbox

Module = Callable[..., CampaignAutomation]


@pytest.fixture(scope="session")
def urls(campaign_sandbox_process: RunningSandbox) -> dict[str, str]:
    return campaign_sandbox_process.urls


@pytest.fixture
def sandbox(urls: dict[str, str]) -> Iterator[Sandbox]:
    with Sandbox(urls["admin"]) as control:
        control.reset()
        control.unkind(UNKIND_SEED)
        yield control
        control.unkind(None)


@pytest.fixture
def module(make_campaign_automation: Module, monkeypatch: pytest.MonkeyPatch) -> Module:
    """Make a module with an account's cap and nothing else; all of a test share one store."""
    monkeypatch.setattr("os.environ", {})
    limits = Limits(account_daily_budget={"USD": 500})
    nothing = dict.fromkeys(("mcp_client", "declarations", "apps"))
    return partial(make_campaign_automation, **nothing, limits=limits, settings={"mcp_url": None})
