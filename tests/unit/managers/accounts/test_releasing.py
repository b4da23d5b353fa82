"""The share of an account's cap that a campaign holds which its platform never shows again."""

from __future__ import annotations

from typing import Any

import pytest

from campaign_automation.utils.error_handler import StoreError
from tests.support.builders import request_body
from tests.support.one_tenant import OneTenant

REASON = "the account was moved; its spend was checked in Ads Manager"
OTHER = {"user_id": "op"}
NAMED = {**OTHER, "roles": ["operator"]}


@pytest.fixture
def house() -> OneTenant:
    return OneTenant()


def running(house: OneTenant, daily_budget: int = 700) -> dict[str, Any]:
    return house.done("create_campaign", request_body(daily_budget=daily_budget, activate=True))


def hide(house: OneTenant, campaign: dict[str, Any]) -> None:
    house.adapter.hidden = {campaign["platform_campaign_id"]}


def release(house: OneTenant, campaign_id: str, **more: Any) -> dict[str, Any]:
    context = more.pop("context", {})
    parameters = {"campaign_id": campaign_id, "reason": REASON, **more}
    return house.ask("release_commitment", parameters, **context)


def plan_of_another(house: OneTenant) -> dict[str, Any]:
    return house.ask("create_campaign", request_body(daily_budget=700, name="Another", dry_run=True))


def guard_of_another(house: OneTenant) -> str | None:
    """The guard that refuses a second campaign of 700 a day, beside a cap of 1000; None when none does."""
    answer = plan_of_another(house)
    return answer["error"]["details"]["guard"] if answer["status"] == "error" else None


def test_a_campaign_that_is_never_shown_again_gives_its_share_back(house: OneTenant) -> None:
    campaign = running(house)
    hide(house, campaign)
    assert guard_of_another(house) == "account_cap"
    would = release(house, campaign["campaign_id"], dry_run=True)
    assert (would["status"], would["released"], would["currency"]) == ("success", 700, "USD")
    assert guard_of_another(house) == "account_cap"
    done = release(house, campaign["campaign_id"])
    assert (done["status"], done["released"]) == ("success", 700), done
    assert guard_of_another(house) is None
    record = house.done("get_audit", {"campaign_id": campaign["campaign_id"]})["records"][-1]
    assert (record["operation"], record["outcome"], record["sensitive"]) == (
        "release_commitment",
        "applied",
        True,
    )
    assert (record["actor"], record["reason"]) == ("user:u", REASON)
    assert (record["before"], record["after"]) == ({"committed": "700.00"}, {"committed": None})
    again = release(house, campaign["campaign_id"])
    assert (again["status"], again["released"], "nothing" in again["message"]) == ("success", 0, True)


def test_what_is_shown_keeps_its_share(house: OneTenant) -> None:
    campaign = running(house)
    refused = release(house, campaign["campaign_id"])["error"]
    assert (refused["code"], refused["details"]["field"]) == ("5004", "campaign_id")
    assert "pause it" in refused["message"]
    assert guard_of_another(house) == "account_cap"


def test_it_counts_again_once_it_is_shown_and_changed(house: OneTenant) -> None:
    campaign = running(house)
    hide(house, campaign)
    release(house, campaign["campaign_id"])
    house.adapter.hidden = set()
    ad = campaign["ads"][0]["ad_id"]
    pause = {"campaign_id": campaign["campaign_id"], "action": "pause", "level": "ad", "entity_ids": [ad]}
    house.done("manage_campaign", pause)
    assert guard_of_another(house) == "account_cap"


def test_a_release_is_not_undone(house: OneTenant) -> None:
    campaign = running(house)
    hide(house, campaign)
    run_id = release(house, campaign["campaign_id"])["run_id"]
    undone = house.done("undo_change", {"campaign_id": campaign["campaign_id"], "run_id": run_id})
    assert undone["restored"] == []
    assert undone["not_restored"][0]["reason"].startswith("released: ")


def test_only_operators_release_and_of_other_tenants_only_named_ones(house: OneTenant) -> None:
    campaign_id = running(house)["campaign_id"]
    house.adapter.is_hidden = True
    buyer = {"roles": ["buyer", "approver", "viewer"]}
    assert release(house, campaign_id, context=buyer)["error"]["code"] == "1004"
    assert release(house, campaign_id, context=OTHER)["error"]["code"] == "5000"
    assert release(house, campaign_id, tenant="u", context=OTHER)["error"]["code"] == "1004"
    assert guard_of_another(house) == "account_cap"
    assert release(house, campaign_id, tenant="u", context=NAMED)["released"] == 700
    assert guard_of_another(house) is None


@pytest.mark.parametrize("amount", ["no idea", "NaN", None])
def test_an_amount_that_cannot_be_read_is_given_back_too(house: OneTenant, amount: str | None) -> None:
    """Until then it refuses whatever raises the spend of the account."""
    campaign = running(house)
    house.table._partitions["u#budgets#act_1"][campaign["campaign_id"]]["amount"] = amount
    assert plan_of_another(house)["error"]["code"] == "5002"
    hide(house, campaign)
    would = release(house, campaign["campaign_id"], dry_run=True)
    assert (would["status"], would["was_unreadable"], would["run_id"]) == ("success", True, None), would
    assert plan_of_another(house)["error"]["code"] == "5002"
    done = release(house, campaign["campaign_id"])
    assert (done["status"], done["was_unreadable"], done["released"]) == ("success", True, 0)
    assert "cannot be read" in done["message"]
    assert guard_of_another(house) is None
    record = house.done("get_audit", {"campaign_id": campaign["campaign_id"]})["records"][-1]
    assert (record["run_id"], record["actor"], record["reason"]) == (done["run_id"], "user:u", REASON)
    assert (record["before"], record["after"]) == ({"committed": "unreadable"}, {"committed": None})


def test_what_is_shown_keeps_an_amount_that_cannot_be_read(house: OneTenant) -> None:
    """Its next change, a pause too, replaces it with what the platform shows."""
    campaign = running(house)
    house.table._partitions["u#budgets#act_1"][campaign["campaign_id"]]["amount"] = "no idea"
    assert release(house, campaign["campaign_id"])["error"]["code"] == "5004"


def test_a_store_that_cannot_be_read_releases_nothing(
    house: OneTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = running(house)
    hide(house, campaign)

    async def fails(*key: str) -> None:
        raise StoreError("no right to read", retryable=False)

    with monkeypatch.context() as patch:
        patch.setattr(house.wiring.store, "commitment", fails)
        assert release(house, campaign["campaign_id"])["error"]["code"] == "5002"
    assert guard_of_another(house) == "account_cap"
