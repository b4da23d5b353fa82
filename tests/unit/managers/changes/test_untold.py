"""Changes whose value the platform does not tell afterwards: they stay open until a look tells it."""

from __future__ import annotations

from typing import Any

import pytest

from campaign_automation.adapters.tree import Tree
from campaign_automation.models.common import Level
from tests.support.builders import request_body
from tests.support.fake_adapter import FakeAdapter
from tests.support.one_tenant import OneTenant

ODD: dict[str, dict[str, Any]] = {
    "status": {"status": "unknown", "unread": ["status"]},
    "budget": {"daily_budget": None, "unread": ["daily_budget"]},
}


class Forgetful(FakeAdapter):
    """Answers the object `odd` in an unknown `form`, without one not under its id; well for `clear` reads."""

    odd: str | None = None
    form: dict[str, Any] | None = None
    clear = 0

    async def read_tree(self, *target: Any, **options: Any) -> Tree:
        tree = await super().read_tree(*target, **options)
        self.clear -= 1
        return tree if self.odd is None or self.clear >= 0 else self._odd(tree)

    def _odd(self, tree: Tree) -> Tree:
        levels: dict[str, list[Any]] = {"adsets": [*tree.adsets], "ads": [*tree.ads]}
        lost = {*tree.lost}
        for level, (name, nodes) in zip((Level.ADSET, Level.AD), levels.items(), strict=True):
            if any(node.platform_id == self.odd for node in nodes):
                others = [node for node in nodes if node.platform_id != self.odd]
                its = [node.model_copy(update=self.form) for node in nodes if node.platform_id == self.odd]
                levels[name] = [*others, *(its if self.form else [])]
                lost |= set() if self.form else {level}
        return tree.model_copy(update={**levels, "lost": sorted(lost)})


@pytest.fixture
def platform() -> Forgetful:
    return Forgetful("meta")


@pytest.fixture
def house(platform: Forgetful) -> OneTenant:
    return OneTenant(platform)


@pytest.fixture
def made(house: OneTenant) -> dict[str, Any]:
    return house.done("create_campaign", request_body(activate=True))


def last_outcome(house: OneTenant, made: dict[str, Any], operation: str, nth: int = -1) -> str:
    records = house.done("get_audit", {"campaign_id": made["campaign_id"]})["records"]
    return str([item["outcome"] for item in records if item["operation"] == operation][nth])


def forget(platform: Forgetful, odd: str, form: dict[str, Any] | None, clear: int) -> None:
    """Show an object well at the next looks, those before a change, and not after that."""
    platform.odd, platform.form, platform.clear = odd, form, clear


@pytest.mark.parametrize("level", ["adset", "ad"])
@pytest.mark.parametrize("form", [ODD["status"], None], ids=["odd", "lost"])
def test_a_status_is_settled_by_the_next_look_that_tells_it(
    house: OneTenant, platform: Forgetful, made: dict[str, Any], level: str, form: dict[str, Any] | None
) -> None:
    item = made[f"{level}s"][0]
    forget(platform, item[f"platform_{level}_id"], form, clear=1)
    asked = {"campaign_id": made["campaign_id"], "level": level, "entity_ids": [item[f"{level}_id"]]}
    paused = house.done("manage_campaign", {**asked, "action": "pause"})
    assert (paused["status"], paused["confirmed"]) == ("success", False)
    assert last_outcome(house, made, "set_status") == "unknown"
    house.done("manage_campaign", {"campaign_id": made["campaign_id"], "action": "pause"})
    assert last_outcome(house, made, "set_status", -2) == "unknown"  # still not told
    platform.odd = None
    house.done("manage_campaign", {**asked, "action": "start"})
    assert last_outcome(house, made, "set_status", -3) == "applied"
    assert platform.node(item[f"platform_{level}_id"]).status == "active"


@pytest.mark.parametrize("form", [ODD["budget"], None], ids=["odd", "lost"])
def test_a_budget_is_settled_by_the_next_look_that_tells_it(
    house: OneTenant, platform: Forgetful, made: dict[str, Any], form: dict[str, Any] | None
) -> None:
    item = made["adsets"][0]
    forget(platform, item["platform_adset_id"], form, clear=2)
    budgets = {item["adset_id"]: item["daily_budget"] + 1}
    asked = {"campaign_id": made["campaign_id"], "adset_budgets": budgets}
    changed = house.done("update_campaign", asked)
    assert (changed["status"], changed["confirmed"]) == ("success", False)
    assert last_outcome(house, made, "set_budget") == "unknown"
    platform.odd = None
    house.done("manage_campaign", {"campaign_id": made["campaign_id"], "action": "pause"})
    assert last_outcome(house, made, "set_budget") == "applied"
