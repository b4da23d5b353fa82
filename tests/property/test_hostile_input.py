"""A cut of `make fuzz`: no input is answered with a 5xx, code 1000 or an undocumented status."""

from __future__ import annotations

from typing import Any

import pytest

from campaign_automation.managers.campaigns.status import CampaignStatusReader
from tests.fuzz.__main__ import fuzz

INPUTS = 45


def test_hostile_input_is_refused_with_a_reason_or_carried_out() -> None:
    door = fuzz(INPUTS, seed=1)
    assert door.seen.total() >= INPUTS
    assert door.problems == []


@pytest.mark.slow
def test_a_crash_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    async def crash(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(CampaignStatusReader, "status", crash)
    assert any("1000" in problem for problem in fuzz(INPUTS // 2, seed=1).problems)
