"""Revenue of the Web Platform beside the platforms' reports: each object is a call of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from campaign_automation.utils import clock
from tests.support.one_tenant import OneTenant
from tests.support.web_platform import MemoryWebPlatform


class Asked(MemoryWebPlatform):
    """With first-party reports, and the objects that were asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.objects: list[str] = []

    def _read(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if name != "get_reports":
            return super()._read(name, arguments)
        self.objects.append(arguments["entity_id"])
        return {"metrics": []}


@pytest.mark.parametrize(("adsets", "asked"), [(100, 100), (101, 0)])
def test_first_party_revenue_is_asked_for_as_many_objects_as_are_answered(adsets: int, asked: int) -> None:
    house = OneTenant(ACCOUNT_DAILY_BUDGET_CAPS="USD:1000000")
    house.wiring.__dict__["tools"] = web_platform = Asked()
    made_at = clock.now() - timedelta(days=9)
    house.adapter.elsewhere("Large", *[30] * adsets, created_at=made_at)
    (taken,) = house.done("import_campaigns", {"all": True})["imported"]
    plan = {"campaign_id": taken["campaign_id"], "optimization_strategy": "rules", "dry_run": True}
    answer = house.done("optimize_budget", plan)
    assert len(answer["optimizations"]) == adsets
    assert len(set(web_platform.objects)) == asked
    left_out = [item for item in answer["warnings"] if "more than 100 objects" in item]
    assert bool(left_out) is (asked == 0)
