"""The module against platforms that throttle or do not answer: few calls, and pauses that work."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from campaign_automation import CampaignAutomation
from campaign_automation.stores.table import Key, Operation, Row
from campaign_automation.utils import clock, retry_strategy
from campaign_automation.utils.error_handler import StoreError
from tests.support.builders import request_body
from tests.support.memory_cache import MemoryCache
from tests.support.memory_table import MemoryTable
from tests.support.module import execute
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.usefixtures("module_settings")

PLATFORMS = ("meta", "tiktok", "google")


class TableWithoutLimits(MemoryTable):
    """A table whose rows of limits cannot be reached."""

    async def _get(self, key: Key) -> Row | None:
        _refuse(key)
        return await super()._get(key)

    async def _write(self, operations: Sequence[Operation]) -> None:
        for operation in operations:
            _refuse(operation.key)
        await super()._write(operations)


def _refuse(key: Key) -> None:
    if key.pk.startswith("limits#"):
        raise StoreError("the row cannot be read")


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses take no time here: the module's clock moves ahead."""

    async def sleep(seconds: float) -> None:
        clock._offset += timedelta(seconds=seconds)
        await asyncio.sleep(0)

    monkeypatch.setattr(retry_strategy, "_sleep", sleep)


def made(table: MemoryTable, platform: str, **clients: Any) -> tuple[CampaignAutomation, str]:
    """A module, and a campaign that it created and started."""
    module = CampaignAutomation(table=table, **clients)
    answer = execute(module, "create_campaign", request_body(platform=platform, activate=True))
    assert answer["status"] == "success", answer
    return module, answer["campaign_id"]


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_throttled_account_is_left_alone_whatever_is_asked(sandbox: Sandbox, platform: str) -> None:
    module, campaign_id = made(MemoryTable(), platform)
    sandbox.fault(platform, "*", "rate_limit", times=0)
    sandbox.advance(advance_hours=1)
    before, began = len(sandbox.calls(platform)), clock.now()
    first = execute(module, "optimize_budget", {"campaign_id": campaign_id}, deadline_seconds=20)
    assert first["error"]["code"] == "1003"
    discovery = len(sandbox.calls(platform)) - before
    others = [
        ("optimize_budget", {"campaign_id": campaign_id}),
        ("get_campaign_status", {"campaign_id": campaign_id}),
        ("manage_campaign", {"campaign_id": campaign_id, "action": "start"}),
        ("create_campaign", request_body(platform=platform)),
    ]
    for action, parameters in others:
        error = execute(module, action, parameters, deadline_seconds=20)["error"]
        assert error["code"] == "1003", (action, error)
        assert error["details"]["retry_after"] > 0
    calls = len(sandbox.calls(platform)) - before
    if platform == "google":  # asks for 5 s, after which a call looks whether the pause is over
        assert calls <= 2 * (1 + (clock.now() - began) / timedelta(seconds=5))
    else:
        assert discovery == calls <= 2


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("kind", ["rate_limit", "http_500"])
def test_a_pause_goes_out_while_everything_else_is_held_up(
    sandbox: Sandbox, platform: str, kind: str
) -> None:
    table = MemoryTable()
    module, campaign_id = made(table, platform)
    sandbox.fault(platform, "*", kind, times=0)
    for _ in range(3):
        execute(module, "optimize_budget", {"campaign_id": campaign_id}, deadline_seconds=5)
    sandbox.reset_faults()
    before = len(sandbox.calls(platform))
    held_up = execute(module, "optimize_budget", {"campaign_id": campaign_id}, deadline_seconds=1)
    assert held_up["error"]["code"] in ("1003", "4002")
    assert len(sandbox.calls(platform)) == before
    paused = execute(module, "manage_campaign", {"campaign_id": campaign_id, "action": "pause"})
    assert (paused["status"], paused["new_status"], paused["confirmed"]) == ("success", "paused", True)


def test_without_the_row_of_limits_campaigns_are_made_and_paused(sandbox: Sandbox) -> None:
    module, campaign_id = made(TableWithoutLimits(), "meta")
    answer = execute(module, "manage_campaign", {"campaign_id": campaign_id, "action": "pause"})
    assert (answer["status"], answer["new_status"]) == ("success", "paused")


def test_the_status_of_a_throttled_account_is_the_last_one(sandbox: Sandbox) -> None:
    module, campaign_id = made(MemoryTable(), "meta", redis_client=MemoryCache())
    assert execute(module, "get_campaign_status", {"campaign_id": campaign_id})["source"] == "live"
    sandbox.advance(advance_hours=1)
    sandbox.fault("meta", "*", "rate_limit", times=0)
    for _ in range(2):
        answer = execute(module, "get_campaign_status", {"campaign_id": campaign_id})
        assert (answer["status"], answer["source"]) == ("success", "stale")
