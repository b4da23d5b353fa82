"""Campaigns whose special ad categories nobody has declared yet, settings that may raise spend, and caps."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from pydantic import SecretStr

from campaign_automation.adapters.base import Access
from campaign_automation.adapters.tree import Tree
from campaign_automation.managers.changes.control import raise_failure
from campaign_automation.managers.changes.guards import Limits
from campaign_automation.managers.changes.items import (
    ChangeResult,
    DesiredChange,
    Field,
    adset_entries,
    may_raise,
)
from campaign_automation.managers.shared.view import CampaignView
from campaign_automation.models.common import Level
from campaign_automation.utils.error_handler import ConflictError, GuardRefusedError, PlatformRejectedError
from tests.support.builders import account, request_body
from tests.support.fake_adapter import FakeAdapter
from tests.support.one_tenant import OneTenant
from tests.support.parts import campaign_of, gate_with


class House(OneTenant):
    """A campaign on a platform that wants a declaration, in a deployment that makes none or `declared`."""

    def __init__(self, **settings: str) -> None:
        platform = FakeAdapter("meta")
        platform.needs_category_declaration = True
        super().__init__(platform, SPECIAL_AD_CATEGORIES="")
        self.made = self.done("create_campaign", request_body())
        if settings:  # since then the deployment declares
            table = self.table
            super().__init__(platform, **settings)
            self.wiring.__dict__["_table"] = table

    def start(self, **more: Any) -> dict[str, Any]:
        asked = {"campaign_id": self.made["campaign_id"], "action": "start", **more}
        return self.ask("manage_campaign", asked)

    @property
    def status(self) -> str:  # type: ignore[override]
        return str(self.adapter.node(self.made["platform_campaign_id"]).status)

    @property
    def lacks_declaration(self) -> bool:
        return campaign_of(self.wiring, self.made["campaign_id"]).lacks_declaration


def test_nothing_is_started_before_somebody_declared() -> None:
    house = House()
    assert house.lacks_declaration
    error = house.start()["error"]
    assert (error["code"], error["details"]["guard"]) == ("4005", "undeclared")
    assert (house.status, house.lacks_declaration) == ("paused", True)


def test_who_starts_it_declares_and_a_dry_run_does_not() -> None:
    house = House()
    would = house.start(special_ad_categories=["NONE"], dry_run=True)
    assert (would["status"], house.lacks_declaration) == ("success", True)
    done = house.start(special_ad_categories=["NONE"])
    assert (done["status"], house.status, house.lacks_declaration) == ("success", "active", False)
    paused = {"campaign_id": house.made["campaign_id"], "action": "pause"}
    house.done("manage_campaign", paused)
    assert house.start()["status"] == "success"  # it was declared once for all


def test_a_campaign_that_was_created_without_a_category_cannot_be_given_one() -> None:
    house = House()
    error = house.start(special_ad_categories=["HOUSING", "CREDIT", "NONE"])["error"]
    assert (error["code"], error["details"]["field"]) == ("1001", "special_ad_categories")
    assert error["details"]["allowed"] == ["NONE"]
    assert "created without CREDIT, HOUSING;" in error["message"]
    assert (house.status, house.lacks_declaration) == ("paused", True)


def test_a_pause_needs_no_declaration() -> None:
    house = House()
    house.adapter.change(house.made["platform_campaign_id"], status="active")
    answer = house.ask("manage_campaign", {"campaign_id": house.made["campaign_id"], "action": "pause"})
    assert (answer["status"], house.status, house.lacks_declaration) == ("success", "paused", True)


# --- what may raise spend -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "before", "value", "raises"),
    [
        ("end_time", "2031-01-01T00:00:00Z", "2031-01-02T00:00:00Z", True),
        ("end_time", "2031-01-01T00:00:00Z", "2031-01-01T00:00:00Z", False),
        ("end_time", "2031-01-02T00:00:00Z", "2031-01-01T00:00:00Z", False),
        ("end_time", "2031-01-01T00:00:00Z", "none", True),
        ("end_time", "none", "2031-01-01T00:00:00Z", False),
        ("bid_strategy", "lowest_cost", "target_cpa 5", True),
        ("name", "A", "B", False),
    ],
)
def test_a_later_end_and_any_bidding_may_raise_spend(
    field: Field, before: str, value: str, raises: bool
) -> None:
    assert may_raise(field, before, value) is raises


@pytest.mark.parametrize(
    ("setting", "row", "cap"),
    [(100, None, 100), (None, 70, 70), (100, 70, 70), (50, 70, 50), (None, None, None)],
)
def test_the_stricter_cap_of_setting_and_row_is_the_account_s(
    setting: int | None, row: int | None, cap: int | None
) -> None:
    house = OneTenant()
    if row is not None:
        house.done("set_account_cap", {"name": "act_1", "daily_budget": row, "reason": "careful"})
    caps = {} if setting is None else {"USD": Decimal(setting)}
    commitments = gate_with(house.wiring, Limits(Decimal(50), Decimal(50), caps, False))._commitments
    found = house.run(lambda: commitments.cap_of(account()))
    assert found == (None if cap is None else Decimal(cap))


def test_after_a_split_the_ad_sets_are_as_the_platform_shows_them() -> None:
    house = OneTenant()
    made = house.done("create_campaign", request_body(activate=True))
    campaign = campaign_of(house.wiring, made["campaign_id"])
    first, *others = campaign.made(Level.ADSET)
    house.adapter.change(first.platform_id or "", status="paused")
    access = Access(platform_account_id="act_1", token=SecretStr("t"))
    tree: Tree = house.run(lambda: house.adapter.read_tree(access, campaign.root_id, "USD"))
    seen = {entry.tag: entry.status for entry in adset_entries(campaign, CampaignView(campaign, tree))}
    assert seen == {first.tag: "paused", **{entry.tag: "active" for entry in others}}


# --- a request of which nothing was done --------------------------------------------------------------------


def outcome(level: Level, result: Any, **more: Any) -> ChangeResult:
    house_entry: Any = None
    return ChangeResult(DesiredChange(level, "t", "status", "active"), house_entry, "paused", result, **more)


REFUSED = PlatformRejectedError("no", platform="meta")


def test_of_a_campaign_its_own_result_decides_and_else_all_of_them() -> None:
    failed = outcome(Level.CAMPAIGN, "failed", error=REFUSED)
    with pytest.raises(PlatformRejectedError):
        raise_failure([outcome(Level.ADSET, "changed"), failed])
    raise_failure([outcome(Level.ADSET, "changed"), outcome(Level.ADSET, "failed", error=REFUSED)])
    with pytest.raises(PlatformRejectedError):
        raise_failure([outcome(Level.ADSET, "failed", error=REFUSED)] * 2)
    with pytest.raises(GuardRefusedError, match="too much") as refused:
        raise_failure([outcome(Level.CAMPAIGN, "skipped", reason="account_cap: too much")])
    assert refused.value.details["guard"] == "account_cap"
    assert refused.value.details["skipped"] == [{"id": "t", "reason": "account_cap: too much"}]
    with pytest.raises(ConflictError, match="deleted: gone") as conflict:
        raise_failure([outcome(Level.CAMPAIGN, "skipped", reason="deleted: gone")])
    assert conflict.value.details["field"] == "campaign_id"
    raise_failure([outcome(Level.ADSET, "already")])
