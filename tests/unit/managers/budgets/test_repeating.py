"""optimize_budget under a repeated key: what failed in passing is tried again, what was changed rests."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from campaign_automation.settings import parse_settings
from campaign_automation.utils import clock, retry_strategy
from campaign_automation.utils.error_handler import (
    PlatformError,
    PlatformRateLimitError,
    PlatformRejectedError,
)
from tests.support.one_tenant import SETTINGS, OneTenant
from tests.support.running_house import House, pass_days


class Tenant(OneTenant):
    """A tenant whose campaign has run for nine days, far above its target, so all its budgets rise."""

    def __init__(self) -> None:
        self.house = House(settings=parse_settings(SETTINGS))
        self.adapter, self.wiring = self.house.adapters["meta"], self.house.wiring
        self.campaign_id = self.house.start("meta").campaign_id
        pass_days(9)
        for unit in self.house.units("meta"):
            self.house.deliver("meta", unit, revenue=900)

    def budgets(self) -> list[Decimal]:
        return [self.house.budget(unit) for unit in self.house.units("meta")]


@pytest.fixture
def tenant(monkeypatch: pytest.MonkeyPatch) -> Tenant:
    async def stays(url: str | None) -> None:
        """Leave the clock as a test has moved it."""

    async def at_once(_: float) -> None:
        return None

    monkeypatch.setattr(clock, "_offset", timedelta())
    monkeypatch.setattr(clock, "synchronise", stays)
    monkeypatch.setattr(retry_strategy, "_sleep", at_once)
    return Tenant()


@pytest.mark.parametrize(
    ("error", "is_kept"),
    [
        (PlatformRateLimitError("slow down", platform="meta"), False),
        (PlatformRejectedError("no", platform="meta"), True),
    ],
    ids=["in_passing", "for_good"],
)
def test_only_a_change_that_failed_in_passing_is_tried_again_under_its_key(
    tenant: Tenant, error: PlatformError, is_kept: bool
) -> None:
    asked = {"campaign_id": tenant.campaign_id, "optimization_strategy": "rules"}
    first_unit, *_ = tenant.house.units("meta")
    tenant.adapter.budget_errors[first_unit] = error
    first = tenant.done("optimize_budget", asked, idempotency_key="k")
    assert sorted(item["outcome"] for item in first["optimizations"]) == ["applied", "applied", "failed"]
    assert first["status"] == "partial"
    tenant.adapter.budget_errors.clear()
    again = tenant.done("optimize_budget", asked, idempotency_key="k")
    assert (again["replayed"], again["status"]) == (is_kept, "partial" if is_kept else "success")
    # The budgets that were raised already are not raised once more.
    assert tenant.budgets() == [100 if is_kept else 120, 120, 120]
    last = tenant.done("optimize_budget", asked, idempotency_key="k")
    assert (last["replayed"], tenant.budgets()) == (True, [100 if is_kept else 120, 120, 120])
